//! Images as bands of values and a mask of their own, whatever said before which pixels were observed.
//!
//! GDAL takes an alpha band for the mask where it is the last of two or four of 8 or 16 bits, and nowhere else; colours of
//! a palette that are transparent, and a colour that means nodata, are lost in a copy or in its overviews. Pixels that
//! nobody observed would be black ones.

use std::path::Path;

use gdal::{
    Dataset,
    raster::{Buffer, ColorInterpretation, GdalDataType, GdalType, RasterCreationOptions},
};

use crate::{
    RasterError, drivers,
    placement::spatial_ref,
    source::{Colours, Piece, Source, shown_bands},
};

/// How a copy is laid out that is written and read from its beginning to its end.
pub(crate) const IN_ROWS: [&str; 2] = ["INTERLEAVE=BAND", "BIGTIFF=IF_SAFER"];
/// Pixels that are copied at once; a row at the least.
const AT_ONCE_PX: usize = 4 << 20;

/// What a band is made of: a band of the image, or one colour of its palette.
#[derive(Clone, Copy)]
pub(crate) enum From {
    Band(usize),
    Palette { band: usize, colour: usize },
}

/// What the bands of an image are made of that has neither opacity nor a palette.
pub(crate) fn bands(dataset: &Dataset, source: &Source) -> Result<Vec<From>, RasterError> {
    if let Colours::Palette(band, _) = &source.colours {
        return Ok((0..3).map(|colour| From::Palette { band: *band, colour }).collect());
    }
    Ok(shown_bands(dataset, &source.path)?.into_iter().map(From::Band).collect())
}

/// The same image, written to `target` with a mask in the place of all that said which pixels were observed; a negative is
/// turned into a picture.
pub(crate) fn copy(
    dataset: &Dataset,
    source: &Source,
    target: &Path,
    layout: impl IntoIterator<Item = &'static str>,
) -> Result<Dataset, RasterError> {
    let fails = RasterError::gdal(&source.path, "written");
    let bands = bands(dataset, source)?;
    let (cols, rows) = dataset.raster_size();
    let mut plain = empty(dataset, source, &bands, (cols, rows), target, layout)?;
    if let Some(placement) = &source.placement {
        plain.set_geo_transform(&placement.affine.0).map_err(&fails)?;
        plain.set_spatial_ref(&spatial_ref(&placement.wkt)?).map_err(&fails)?;
    }
    let rows_at_once = (AT_ONCE_PX / cols).max(1);
    for first in (0..rows).step_by(rows_at_once) {
        let size = (cols, rows_at_once.min(rows - first));
        let piece = Piece { overview: None, place: (0, first as isize), size };
        copy_piece(dataset, source, &bands, piece, &plain)?;
    }
    Ok(plain)
}

fn copy_piece(
    dataset: &Dataset,
    source: &Source,
    bands: &[From],
    piece: Piece,
    plain: &Dataset,
) -> Result<(), RasterError> {
    let (path, Piece { place, size, .. }) = (&source.path, piece);
    if let Colours::Palette(..) = &source.colours {
        for (index, colour) in source.planes(dataset, piece)?.into_iter().enumerate() {
            write_band(plain, path, index + 1, place, size, colour)?;
        }
    }
    for (index, from) in bands.iter().enumerate() {
        let From::Band(band) = from else { continue };
        // holds each whole number and each fraction that a band may have
        let values = source.band(dataset, *band, None)?.read_as::<f64>(place, size, size, None);
        let mut values = values.map_err(RasterError::gdal(path, "read"))?.into_shape_and_vec().1;
        source.turn_negative(*band, &mut values);
        write_band(plain, path, index + 1, place, size, values)?;
    }
    let observed = source.observed(dataset, piece)?.unwrap_or_else(|| vec![u8::MAX; size.0 * size.1]);
    write_mask(plain, path, place, size, observed)
}

/// An image of `cols x rows` before anything is written: bands of the same meaning, and a mask by which nothing was observed.
pub(crate) fn empty(
    dataset: &Dataset,
    source: &Source,
    bands: &[From],
    (cols, rows): (usize, usize),
    target: &Path,
    layout: impl IntoIterator<Item = &'static str>,
) -> Result<Dataset, RasterError> {
    let fails = RasterError::gdal(&source.path, "written");
    let meanings = bands.iter().map(|from| meaning(dataset, *from)).collect::<Result<Vec<_>, _>>();
    let meanings = meanings.map_err(&fails)?;
    use ColorInterpretation::{BlueBand, GreenBand, RedBand};
    let is_rgb = meanings.starts_with(&[RedBand, GreenBand, BlueBand]);
    // a fourth band of bytes would be taken for opacity
    let photometric = if is_rgb { "PHOTOMETRIC=RGB" } else { "PHOTOMETRIC=MINISBLACK" };
    let options = RasterCreationOptions::from_iter(layout.into_iter().chain([photometric, "ALPHA=NO"]));
    let (driver, count) = (drivers::writer("GTiff", target)?, bands.len());
    let made = match dataset.rasterband(1).map_err(&fails)?.band_type() {
        GdalDataType::UInt8 => {
            driver.create_with_band_type_with_options::<u8, _>(target, cols, rows, count, &options)
        }
        GdalDataType::UInt16 => {
            driver.create_with_band_type_with_options::<u16, _>(target, cols, rows, count, &options)
        }
        GdalDataType::Int16 => {
            driver.create_with_band_type_with_options::<i16, _>(target, cols, rows, count, &options)
        }
        GdalDataType::UInt32 => {
            driver.create_with_band_type_with_options::<u32, _>(target, cols, rows, count, &options)
        }
        GdalDataType::Int32 => {
            driver.create_with_band_type_with_options::<i32, _>(target, cols, rows, count, &options)
        }
        GdalDataType::Float64 => {
            driver.create_with_band_type_with_options::<f64, _>(target, cols, rows, count, &options)
        }
        _ => driver.create_with_band_type_with_options::<f32, _>(target, cols, rows, count, &options),
    }
    .map_err(&fails)?;
    for (index, meaning) in meanings.into_iter().enumerate() {
        let mut band = made.rasterband(index + 1).map_err(&fails)?;
        band.set_color_interpretation(meaning).map_err(&fails)?;
    }
    made.rasterband(1).and_then(|mut band| band.create_mask_band(true)).map_err(&fails)?;
    Ok(made)
}

fn meaning(dataset: &Dataset, from: From) -> gdal::errors::Result<ColorInterpretation> {
    Ok(match from {
        From::Band(band) => dataset.rasterband(band)?.color_interpretation(),
        From::Palette { colour: 0, .. } => ColorInterpretation::RedBand,
        From::Palette { colour: 1, .. } => ColorInterpretation::GreenBand,
        From::Palette { .. } => ColorInterpretation::BlueBand,
    })
}

/// Writes a rectangle of a band of an image that is made of the one at `path`.
pub(crate) fn write_band<T: GdalType + Copy>(
    made: &Dataset,
    path: &Path,
    band: usize,
    place: (isize, isize),
    size: (usize, usize),
    values: Vec<T>,
) -> Result<(), RasterError> {
    let written =
        made.rasterband(band).and_then(|mut band| band.write(place, size, &mut Buffer::new(size, values)));
    written.map_err(RasterError::gdal(path, "written"))
}

/// The same of its mask: 0, or 255 where the image shows something.
pub(crate) fn write_mask(
    made: &Dataset,
    path: &Path,
    place: (isize, isize),
    size: (usize, usize),
    mask: Vec<u8>,
) -> Result<(), RasterError> {
    let written = made.rasterband(1).and_then(|band| {
        let mut own = band.open_mask_band()?;
        own.write(place, size, &mut Buffer::new(size, mask))
    });
    written.map_err(RasterError::gdal(path, "written"))
}
