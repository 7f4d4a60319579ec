//! One raster file, opened for reading from several threads.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use gdal::{
    Dataset,
    raster::{ColorInterpretation, GdalDataType, RasterBand},
};
use geo::Polygon;

use crate::{
    RasterError, checked_file, drivers,
    header::{self, Format},
    placement::{Affine, Placement, spatial_ref},
};

/// What is known of a raster.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceInfo {
    /// Its format by content.
    pub format: Format,
    /// Width in pixels.
    pub cols: u32,
    /// Height in pixels.
    pub rows: u32,
    /// Number of bands, alpha left out.
    pub bands: u32,
    /// `uint8`, `uint16`, `float32`, ... as the STAC raster extension names them.
    pub sample_type: &'static str,
    /// Whether some pixels are marked as not observed (mask band, opacity of a band or a colour, nodata value).
    pub has_mask: bool,
    /// Authority code such as `EPSG:32652`, where the CRS has one.
    pub crs: Option<String>,
    /// WKT of the CRS; `None` without georeference, as are images in axes of their own (a local CRS).
    pub wkt: Option<String>,
    /// Affine transform in GDAL's order; `None` without georeference.
    pub geotransform: Option<[f64; 6]>,
    /// Ground sample distance at the middle, metres; `None` without georeference.
    pub gsd_m: Option<f64>,
    /// Outline in degrees, longitude first; `None` without georeference.
    pub footprint: Option<Polygon<f64>>,
}

/// A raster that can be read in pieces.
#[derive(Debug)]
pub struct Source {
    pub(crate) path: PathBuf,
    info: SourceInfo,
    pub(crate) placement: Option<Placement>,
    pub(crate) colours: Colours,
    /// Columns and rows of its overviews, in its own order.
    pub(crate) overviews: Vec<[u32; 2]>,
    masks: Masks,
    /// Handles that no thread uses at the moment; a handle must not be used by two at a time.
    idle: Mutex<Vec<Dataset>>,
}

/// What says which pixels were observed: one was, if all of this says so.
#[derive(Debug)]
struct Masks {
    /// Bands whose masks say it together: a pixel was observed, if it is in one of them.
    bands: Vec<usize>,
    /// Bands of opacity, each with the least value that counts.
    alphas: Vec<(usize, f32)>,
    /// Which colours of the palette are opaque, where some are not.
    opaque: Option<Vec<bool>>,
    /// Whether GDAL takes all of it along into a copy of the file and into its overviews.
    are_copied: bool,
}

/// Which bands make up the picture, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Colours {
    Grey(usize),
    Rgb([usize; 3]),
    /// A band of indices into colours.
    Palette(usize, Vec<[f32; 3]>),
}

/// A rectangle of a source, or of one of its overviews: its corner (column and row), columns and rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) overview: Option<usize>,
    pub(crate) place: (isize, isize),
    pub(crate) size: (usize, usize),
}

/// Opens a raster after checking its header.
///
/// # Errors
/// When the file cannot be read, is no format that is read here, fails the header check, or has a
/// transform or CRS that makes no sense.
pub fn open(path: &Path) -> Result<Source, RasterError> {
    let header = checked_file::check(path)?;
    let dataset = drivers::open_checked(path, header.format)?;
    let placement = placement(&dataset, path)?;
    let colours = colours(&dataset, path)?;
    let (overviews, masks) = (overviews(&dataset, path)?, masks(&dataset, path, &colours)?);
    let info = info(&dataset, path, header.format, placement.as_ref(), &masks)?;
    // a file that is cut off behind its header is told now, not in the middle of the work
    read_last_pixel(&dataset, path)?;
    let idle = Mutex::new(vec![dataset]);
    Ok(Source { path: path.to_owned(), info, placement, colours, overviews, masks, idle })
}

impl Source {
    /// What is known of it.
    pub fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> [u32; 2] {
        [self.info.cols, self.info.rows]
    }

    /// Which pixels of a piece were observed, 0 or 255 each, row by row; `None` where all of the source was.
    pub(crate) fn observed(&self, dataset: &Dataset, piece: Piece) -> Result<Option<Vec<u8>>, RasterError> {
        self.observed_as(dataset, piece, piece.size)
    }

    /// The same in other columns and rows, of the nearest pixels.
    pub(crate) fn observed_as(
        &self,
        dataset: &Dataset,
        piece: Piece,
        shape: (usize, usize),
    ) -> Result<Option<Vec<u8>>, RasterError> {
        if !self.info.has_mask {
            return Ok(None);
        }
        let fails = RasterError::gdal(&self.path, "read");
        let nothing_says = if self.masks.bands.is_empty() { u8::MAX } else { 0 };
        let mut observed = vec![nothing_says; shape.0 * shape.1];
        for index in &self.masks.bands {
            let band = self.band(dataset, *index, piece.overview)?;
            let mask = band.open_mask_band().map_err(&fails)?;
            let mask = mask.read_as::<u8>(piece.place, piece.size, shape, None).map_err(&fails)?;
            for (seen, mask) in observed.iter_mut().zip(mask.data()) {
                *seen |= *mask;
            }
        }
        for (index, least) in &self.masks.alphas {
            let band = self.band(dataset, *index, piece.overview)?;
            let opacity = band.read_as::<f32>(piece.place, piece.size, shape, None).map_err(&fails)?;
            for (seen, opacity) in observed.iter_mut().zip(opacity.data()) {
                *seen &= if opacity >= least { u8::MAX } else { 0 };
            }
        }
        if let (Some(opaque), Colours::Palette(index, _)) = (&self.masks.opaque, &self.colours) {
            let band = self.band(dataset, *index, piece.overview)?;
            let colours = band.read_as::<u16>(piece.place, piece.size, shape, None).map_err(&fails)?;
            for (seen, colour) in observed.iter_mut().zip(colours.data()) {
                *seen &= if opaque.get(usize::from(*colour)) == Some(&false) { 0 } else { u8::MAX };
            }
        }
        Ok(Some(observed))
    }

    /// Whether GDAL takes what says which pixels were observed along into a copy of the file and into its overviews.
    pub(crate) fn masks_are_copied(&self) -> bool {
        self.masks.are_copied
    }

    /// The values of a piece, row by row: one plane of grey, or red, green and blue.
    pub(crate) fn planes(&self, dataset: &Dataset, piece: Piece) -> Result<Vec<Vec<f32>>, RasterError> {
        let read = |index: usize| -> Result<Vec<f32>, RasterError> {
            let band = self.band(dataset, index, piece.overview)?;
            let values = band.read_as::<f32>(piece.place, piece.size, piece.size, None);
            Ok(values.map_err(RasterError::gdal(&self.path, "read"))?.into_shape_and_vec().1)
        };
        match &self.colours {
            Colours::Grey(band) => Ok(vec![read(*band)?]),
            Colours::Rgb(bands) => bands.iter().map(|band| read(*band)).collect(),
            Colours::Palette(band, palette) => {
                let indices = read(*band)?;
                let colour = |index: &f32| palette.get(*index as usize).copied().unwrap_or_default();
                Ok((0..3).map(|channel| indices.iter().map(|at| colour(at)[channel]).collect()).collect())
            }
        }
    }

    /// A band, counted from 1, or one of its overviews.
    pub(crate) fn band<'a>(
        &self,
        dataset: &'a Dataset,
        index: usize,
        overview: Option<usize>,
    ) -> Result<RasterBand<'a>, RasterError> {
        let fails = RasterError::gdal(&self.path, "read");
        let band = dataset.rasterband(index).map_err(&fails)?;
        match overview {
            None => Ok(band),
            Some(number) => band.overview(number).map_err(fails),
        }
    }

    /// Lends a handle to `work`; each thread gets its own.
    pub(crate) fn with_dataset<T>(
        &self,
        work: impl FnOnce(&Dataset) -> Result<T, RasterError>,
    ) -> Result<T, RasterError> {
        let lent = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let dataset = match lent {
            Some(dataset) => dataset,
            None => drivers::open_checked(&self.path, self.info.format)?,
        };
        let result = work(&dataset);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(dataset);
        result
    }
}

fn placement(dataset: &Dataset, path: &Path) -> Result<Option<Placement>, RasterError> {
    let Ok(transform) = dataset.geo_transform() else { return Ok(None) };
    let wkt = dataset.projection();
    if wkt.is_empty() {
        return Ok(None);
    }
    let crs = spatial_ref(&wkt)?;
    // a plan's own axes lie nowhere on Earth until somebody says where
    if !(crs.is_projected() || crs.is_geographic()) {
        return Ok(None);
    }
    let affine = Affine(transform);
    if affine.inverse().is_none() {
        return Err(RasterError::Header {
            path: path.to_owned(),
            what: "the geotransform",
            got: format!("{transform:?}"),
            wanted: "finite and not flat".to_owned(),
        });
    }
    let code = crs.authority().ok();
    Ok(Some(Placement { affine, wkt, code }))
}

fn info(
    dataset: &Dataset,
    path: &Path,
    format: Format,
    placement: Option<&Placement>,
    masks: &Masks,
) -> Result<SourceInfo, RasterError> {
    let fails = RasterError::gdal(path, "read");
    let (cols, rows) = dataset.raster_size();
    let (cols, rows) = (side(path, cols)?, side(path, rows)?);
    let band = dataset.rasterband(1).map_err(&fails)?;
    let degrees = spatial_ref("EPSG:4326")?;
    Ok(SourceInfo {
        format,
        cols,
        rows,
        bands: shown_bands(dataset, path)?.len() as u32,
        sample_type: sample_type(band.band_type()),
        has_mask: masks.are_there(),
        crs: placement.and_then(|placement| placement.code.clone()),
        wkt: placement.map(|placement| placement.wkt.clone()),
        geotransform: placement.map(|placement| placement.affine.0),
        gsd_m: placement.map(|placement| placement.gsd_m(rows, cols)).transpose()?,
        footprint: placement.map(|placement| placement.outline(rows, cols, &degrees)).transpose()?,
    })
}

fn side(path: &Path, px: usize) -> Result<u32, RasterError> {
    u32::try_from(px).map_err(|_| RasterError::Header {
        path: path.to_owned(),
        what: "the size",
        got: format!("{px} px"),
        wanted: format!("at most {} px a side", header::SIDE_PX_MAX),
    })
}

fn sample_type(kind: GdalDataType) -> &'static str {
    match kind {
        GdalDataType::UInt8 => "uint8",
        GdalDataType::UInt16 => "uint16",
        GdalDataType::Int16 => "int16",
        GdalDataType::UInt32 => "uint32",
        GdalDataType::Int32 => "int32",
        GdalDataType::Float32 => "float32",
        GdalDataType::Float64 => "float64",
        _ => "other",
    }
}

fn colours(dataset: &Dataset, path: &Path) -> Result<Colours, RasterError> {
    let fails = RasterError::gdal(path, "read");
    let meanings: Vec<ColorInterpretation> = (1..=dataset.raster_count())
        .map(|index| Ok(dataset.rasterband(index).map_err(&fails)?.color_interpretation()))
        .collect::<Result<_, RasterError>>()?;
    let of = |meaning| meanings.iter().position(|found| *found == meaning).map(|index| index + 1);
    if let Some(index) = of(ColorInterpretation::PaletteIndex) {
        let band = dataset.rasterband(index).map_err(&fails)?;
        if let Some(table) = band.color_table() {
            let entry = |index| {
                table.entry_as_rgb(index).map_or([0.0; 3], |rgb| [rgb.r, rgb.g, rgb.b].map(f32::from))
            };
            return Ok(Colours::Palette(index, (0..table.entry_count()).map(entry).collect()));
        }
    }
    let named =
        [ColorInterpretation::RedBand, ColorInterpretation::GreenBand, ColorInterpretation::BlueBand].map(of);
    if let [Some(red), Some(green), Some(blue)] = named {
        return Ok(Colours::Rgb([red, green, blue]));
    }
    Ok(match shown_bands(dataset, path)?[..] {
        [first, second, third, ..] => Colours::Rgb([first, second, third]),
        [first, ..] => Colours::Grey(first),
        [] => Colours::Grey(1),
    })
}

/// All bands but those of opacity, counted from 1.
pub(crate) fn shown_bands(dataset: &Dataset, path: &Path) -> Result<Vec<usize>, RasterError> {
    let fails = RasterError::gdal(path, "read");
    let mut shown = Vec::new();
    for index in 1..=dataset.raster_count() {
        let band = dataset.rasterband(index).map_err(&fails)?;
        if band.color_interpretation() != ColorInterpretation::AlphaBand {
            shown.push(index);
        }
    }
    Ok(shown)
}

/// Sizes of the overviews of the first band.
fn overviews(dataset: &Dataset, path: &Path) -> Result<Vec<[u32; 2]>, RasterError> {
    let fails = RasterError::gdal(path, "read");
    let band = dataset.rasterband(1).map_err(&fails)?;
    let count = usize::try_from(band.overview_count().map_err(&fails)?).unwrap_or(0);
    (0..count)
        .map(|number| {
            let (cols, rows) = band.overview(number).map_err(&fails)?.size();
            Ok([side(path, cols)?, side(path, rows)?])
        })
        .collect()
}

/// What to ask which pixels were observed. A nodata value makes a mask for each band, and a colour may have that value in
/// one of them; any other mask is of the whole image.
fn masks(dataset: &Dataset, path: &Path, colours: &Colours) -> Result<Masks, RasterError> {
    let fails = RasterError::gdal(path, "read");
    let flags = dataset.rasterband(1).map_err(&fails)?.mask_flags().map_err(&fails)?;
    let bands = match colours {
        _ if flags.is_all_valid() || flags.is_alpha() => Vec::new(),
        Colours::Rgb(bands) if flags.is_nodata() && !flags.is_per_dataset() => bands.to_vec(),
        _ => vec![1],
    };
    let mut alphas = Vec::new();
    for index in 1..=dataset.raster_count() {
        let band = dataset.rasterband(index).map_err(&fails)?;
        if band.color_interpretation() == ColorInterpretation::AlphaBand {
            alphas.push((index, opaque_from(band.band_type())));
        }
    }
    let of_bytes = dataset.rasterband(1).map_err(&fails)?.band_type() == GdalDataType::UInt8;
    let opaque = opaque_colours(dataset, path, colours)?;
    // GDAL knows an alpha band as a mask where it is the last of two or four, and holds 255 for what is opaque; a GeoTIFF's
    // palette has no opacity; and of a colour that means nodata, not one value a band, overviews do not know
    let of_one_colour = flags.is_nodata() && flags.is_per_dataset();
    let are_copied =
        (alphas.is_empty() || (flags.is_alpha() && of_bytes)) && opaque.is_none() && !of_one_colour;
    Ok(Masks { bands, alphas, opaque, are_copied })
}

/// Which colours of a palette are opaque; `None` where all are, or there is no palette.
fn opaque_colours(
    dataset: &Dataset,
    path: &Path,
    colours: &Colours,
) -> Result<Option<Vec<bool>>, RasterError> {
    let Colours::Palette(index, _) = colours else { return Ok(None) };
    let band = dataset.rasterband(*index).map_err(RasterError::gdal(path, "read"))?;
    let Some(table) = band.color_table() else { return Ok(None) };
    let is_opaque = |entry| {
        table.entry_as_rgb(entry).is_none_or(|rgb| f32::from(rgb.a) >= opaque_from(GdalDataType::UInt8))
    };
    let opaque: Vec<bool> = (0..table.entry_count()).map(is_opaque).collect();
    Ok(opaque.contains(&false).then_some(opaque))
}

impl Masks {
    fn are_there(&self) -> bool {
        !(self.bands.is_empty() && self.alphas.is_empty() && self.opaque.is_none())
    }
}

/// The least opacity that counts as observed: half of 255, which programs write into bands of more bits too, or half
/// of 1 in numbers with a point.
fn opaque_from(kind: GdalDataType) -> f32 {
    match kind {
        GdalDataType::Float32 | GdalDataType::Float64 => 0.5,
        _ => 128.0,
    }
}

fn read_last_pixel(dataset: &Dataset, path: &Path) -> Result<(), RasterError> {
    let (cols, rows) = dataset.raster_size();
    let band = dataset.rasterband(1).map_err(RasterError::gdal(path, "read"))?;
    band.read_as::<f32>((cols as isize - 1, rows as isize - 1), (1, 1), (1, 1), None)
        .map_err(RasterError::gdal(path, "read to its end"))?;
    Ok(())
}
