//! Which pixels of a raster were observed.
//!
//! A file says so in many ways: by a mask, by a value that means nodata, by opacity of pixels or of colours. Where it says
//! nothing, an image that was cut to an outline, or turned, still has a border of one value all over; taken for ground
//! it would be the strongest edge of both dates, and decide how they fit.

use std::path::Path;

use gdal::{
    Dataset,
    raster::{ColorInterpretation, GdalDataType, RasterBand},
};

use crate::{
    RasterError,
    source::{Colours, Piece, Source},
};

/// Side of the corners that tell of a fill, pixels: two blocks of JPEG, so that smooth water is none.
const CORNER_PX: usize = 16;
/// Places along each side of an image where a band of opacity is looked at, and their side in pixels.
const LOOKS_A_SIDE: usize = 5;
const LOOK_PX: usize = 32;
/// No sensor gives larger values in 32 bits or with a point.
const LARGEST_MEASURED: f32 = 1e9;
/// Largest share of half transparent pixels in a band of opacity: infrared that was named so by mistake has more.
const HALF_TRANSPARENT_MAX: f64 = 0.5;

/// The least opacity that counts as observed: half of 255, which programs write into bands of more bits too.
const OPAQUE_FROM: f32 = 128.0;

/// What says which pixels were observed: one was, if all of this says so.
#[derive(Debug)]
pub(crate) struct Masks {
    /// Bands whose masks say it together: a pixel was observed, if it is in one of them.
    bands: Vec<usize>,
    /// Bands of opacity, each with the least value that counts.
    alphas: Vec<(usize, f32)>,
    /// Bands that are marked as opacity and hold something else.
    not_opacity: Vec<usize>,
    /// Which colours of the palette are opaque, where some are not.
    opaque: Option<Vec<bool>>,
    /// What fills the corners of an image of which nothing else says it: a value of each band shown.
    fill: Option<Vec<f32>>,
    /// Whether GDAL takes all of it along into a copy of the file and into its overviews.
    are_copied: bool,
    /// Whether overviews have what the image has; else they are asked by the image's own.
    are_in_overviews: bool,
}

impl Masks {
    /// What to ask which pixels were observed. A nodata value makes a mask for each band, and a colour may have that value
    /// in one of them; any other mask is of the whole image.
    pub(crate) fn of(dataset: &Dataset, path: &Path, colours: &Colours) -> Result<Masks, RasterError> {
        let fails = RasterError::gdal(path, "read");
        let first = dataset.rasterband(1).map_err(&fails)?;
        let flags = first.mask_flags().map_err(&fails)?;
        let bands = match colours {
            _ if flags.is_all_valid() || flags.is_alpha() => Vec::new(),
            Colours::Rgb(bands) if flags.is_nodata() && !flags.is_per_dataset() => bands.to_vec(),
            _ => vec![1],
        };
        let (mut alphas, mut not_opacity) = (Vec::new(), Vec::new());
        for index in 1..=dataset.raster_count() {
            let band = dataset.rasterband(index).map_err(&fails)?;
            if band.color_interpretation() == ColorInterpretation::AlphaBand {
                match opaque_from(&band, path)? {
                    Some(least) => alphas.push((index, least)),
                    None => not_opacity.push(index),
                }
            }
        }
        let opaque = opaque_colours(dataset, path, colours)?;
        // GDAL knows an alpha band as a mask where it is the last of two or four, and holds 255 for what is opaque; a
        // GeoTIFF's palette has no opacity; and of a colour that means nodata, not one value a band, overviews do not know
        let of_one_colour = flags.is_nodata() && flags.is_per_dataset();
        let says_nothing = bands.is_empty() && alphas.is_empty() && opaque.is_none();
        let fill = if says_nothing { fill(dataset, path, colours)? } else { None };
        let is_as_marked = not_opacity.is_empty() && alphas.iter().all(|(_, least)| *least == OPAQUE_FROM);
        let is_known = alphas.is_empty() || (flags.is_alpha() && first.band_type() == GdalDataType::UInt8);
        let are_copied = is_as_marked && is_known && opaque.is_none() && !of_one_colour && fill.is_none();
        let are_in_overviews = !flags.is_per_dataset() || bands.is_empty() || in_overviews(&first, path)?;
        Ok(Masks { bands, alphas, not_opacity, opaque, fill, are_copied, are_in_overviews })
    }

    pub(crate) fn are_there(&self) -> bool {
        !(self.bands.is_empty() && self.alphas.is_empty() && self.opaque.is_none() && self.fill.is_none())
    }

    pub(crate) fn are_copied(&self) -> bool {
        self.are_copied
    }

    /// What was taken for something else than the file says, which messages call by its name.
    pub(crate) fn cautions(&self, path: &Path) -> Vec<String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let fill = self.fill.iter().map(|values| {
            let values: Vec<String> = values.iter().map(f32::to_string).collect();
            format!(
                "{name}: {} fills a corner and was taken for not observed, though the file has no nodata value",
                values.join(" ")
            )
        });
        let not_opacity = self.not_opacity.iter().map(|band| {
            format!("{name}: band {band} is marked as opacity, but most of it is neither clear nor opaque; it was left out")
        });
        fill.chain(not_opacity).collect()
    }

    pub(crate) fn undeclared_fill(&self) -> Option<&[f32]> {
        self.fill.as_deref()
    }

    /// Which pixels of a piece of `source` were observed, 0 or 255 each, row by row, in columns and rows of `shape`.
    pub(crate) fn observed(
        &self,
        source: &Source,
        dataset: &Dataset,
        piece: Piece,
        shape: (usize, usize),
    ) -> Result<Vec<u8>, RasterError> {
        let fails = RasterError::gdal(&source.path, "read");
        let nothing_says = if self.bands.is_empty() { u8::MAX } else { 0 };
        let mut observed = vec![nothing_says; shape.0 * shape.1];
        let asked = if self.are_in_overviews { piece } else { source.full_size(piece) };
        for index in &self.bands {
            let band = source.band(dataset, *index, asked.overview)?;
            let mask = band.open_mask_band().map_err(&fails)?;
            let mask = mask.read_as::<u8>(asked.place, asked.size, shape, None).map_err(&fails)?;
            for (seen, mask) in observed.iter_mut().zip(mask.data()) {
                *seen |= *mask;
            }
        }
        for (index, least) in &self.alphas {
            let band = source.band(dataset, *index, piece.overview)?;
            let opacity = band.read_as::<f32>(piece.place, piece.size, shape, None).map_err(&fails)?;
            for (seen, opacity) in observed.iter_mut().zip(opacity.data()) {
                *seen &= if opacity >= least { u8::MAX } else { 0 };
            }
        }
        if let (Some(opaque), Colours::Palette(index, _)) = (&self.opaque, &source.colours) {
            let band = source.band(dataset, *index, piece.overview)?;
            let colours = band.read_as::<u16>(piece.place, piece.size, shape, None).map_err(&fails)?;
            for (seen, colour) in observed.iter_mut().zip(colours.data()) {
                *seen &= if opaque.get(usize::from(*colour)) == Some(&false) { 0 } else { u8::MAX };
            }
        }
        if let Some(fill) = &self.fill {
            let is_fill = is_fill(source, dataset, piece, shape, fill)?;
            for (seen, is_fill) in observed.iter_mut().zip(is_fill) {
                *seen &= if is_fill { 0 } else { u8::MAX };
            }
        }
        Ok(observed)
    }
}

/// Which pixels have the value of the fill in all bands, or touch one that has: where an image was turned, its edge is a
/// mixture.
fn is_fill(
    source: &Source,
    dataset: &Dataset,
    piece: Piece,
    shape: (usize, usize),
    fill: &[f32],
) -> Result<Vec<bool>, RasterError> {
    // a margin of one pixel, where pixels are asked for as they are and the image goes on
    let whole = source.size_of(piece.overview);
    let margin = |axis: usize, (place, size): (isize, usize)| {
        let as_it_is = piece.size == shape;
        let before = usize::from(as_it_is && place > 0);
        let after = usize::from(as_it_is && place as usize + size < whole[axis] as usize);
        (before, after)
    };
    let (left, right) = margin(0, (piece.place.0, piece.size.0));
    let (top, bottom) = margin(1, (piece.place.1, piece.size.1));
    let place = (piece.place.0 - left as isize, piece.place.1 - top as isize);
    let size = (piece.size.0 + left + right, piece.size.1 + top + bottom);
    let (cols, rows) = (shape.0 + left + right, shape.1 + top + bottom);
    let mut has_value = vec![true; cols * rows];
    for (index, value) in source.colours.bands().into_iter().zip(fill) {
        let band = source.band(dataset, index, piece.overview)?;
        let values = band.read_as::<f32>(place, size, (cols, rows), None);
        let values = values.map_err(RasterError::gdal(&source.path, "read"))?;
        for (has_value, got) in has_value.iter_mut().zip(values.data()) {
            *has_value &= got == value || (got.is_nan() && value.is_nan());
        }
    }
    let touched = |col: usize, row: usize| {
        let cols_around = col.saturating_sub(1)..(col + 2).min(cols);
        (row.saturating_sub(1)..(row + 2).min(rows))
            .any(|row| has_value[row * cols..][cols_around.clone()].contains(&true))
    };
    Ok((top..top + shape.1)
        .flat_map(|row| (left..left + shape.0).map(move |col| (col, row)))
        .map(|(col, row)| touched(col, row))
        .collect())
}

/// The value of each band that fills a corner, where one does that programs fill with and the middle is something else.
fn fill(dataset: &Dataset, path: &Path, colours: &Colours) -> Result<Option<Vec<f32>>, RasterError> {
    let (cols, rows) = dataset.raster_size();
    let bands = colours.bands();
    if matches!(colours, Colours::Palette(..)) || cols.min(rows) < 4 * CORNER_PX {
        return Ok(None);
    }
    let kind = dataset.rasterband(bands[0]).map_err(RasterError::gdal(path, "read"))?.band_type();
    // one value in a square of each band
    let value_at = |col: usize, row: usize| -> Result<Option<Vec<f32>>, RasterError> {
        let mut values = Vec::new();
        for index in &bands {
            let band = dataset.rasterband(*index).map_err(RasterError::gdal(path, "read"))?;
            let square = (CORNER_PX, CORNER_PX);
            let read = band.read_as::<f32>((col as isize, row as isize), square, square, None);
            let read = read.map_err(RasterError::gdal(path, "read"))?;
            let first = read.data()[0];
            let is_one = read.data().iter().all(|value| value.to_bits() == first.to_bits());
            if !is_one || !is_filler(kind, first) {
                return Ok(None);
            }
            values.push(first);
        }
        Ok(Some(values))
    };
    let (right, bottom) = (cols - CORNER_PX, rows - CORNER_PX);
    let mut corners = Vec::new();
    for (col, row) in [(0, 0), (right, 0), (0, bottom), (right, bottom)] {
        corners.extend(value_at(col, row)?);
    }
    let middle = value_at(right / 2, bottom / 2)?;
    let alike = |value: &Vec<f32>| corners.iter().filter(|other| *other == value).count();
    let most =
        corners.iter().max_by_key(|value| alike(value)).filter(|value| Some(*value) != middle.as_ref());
    Ok(most.cloned())
}

/// Whether programs fill with a value where there is no image: nothing, the ends of the type, or what nobody measures.
fn is_filler(kind: GdalDataType, value: f32) -> bool {
    let is_end = match kind {
        GdalDataType::UInt8 => value == f32::from(u8::MAX),
        GdalDataType::UInt16 => value == f32::from(u16::MAX),
        GdalDataType::Int16 => value == f32::from(i16::MAX),
        _ => value.abs() >= LARGEST_MEASURED || value.is_nan(),
    };
    value == 0.0 || is_end || [-9_999.0, -32_767.0, -32_768.0].contains(&value)
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
    let is_opaque = |entry| table.entry_as_rgb(entry).is_none_or(|rgb| f32::from(rgb.a) >= OPAQUE_FROM);
    let opaque: Vec<bool> = (0..table.entry_count()).map(is_opaque).collect();
    Ok(opaque.contains(&false).then_some(opaque))
}

/// The least opacity that counts in a band: half of 255, or half of 1 where no value is larger; `None` where most values
/// are neither nothing nor all, so that it is something else under that name.
fn opaque_from(band: &RasterBand<'_>, path: &Path) -> Result<Option<f32>, RasterError> {
    let fails = RasterError::gdal(path, "read");
    let (cols, rows) = band.size();
    let size = (LOOK_PX.min(cols), LOOK_PX.min(rows));
    let mut seen = Vec::new();
    for row in 0..LOOKS_A_SIDE {
        for col in 0..LOOKS_A_SIDE {
            let at =
                |side: usize, look: usize, number| ((side - look) * number / (LOOKS_A_SIDE - 1)) as isize;
            let place = (at(cols, size.0, col), at(rows, size.1, row));
            seen.extend_from_slice(band.read_as::<f32>(place, size, size, None).map_err(&fails)?.data());
        }
    }
    let most = seen.iter().copied().fold(0.0, f32::max);
    if most <= 1.0 {
        return Ok(Some(0.5));
    }
    let between = seen.iter().filter(|value| (0.02 * most..0.98 * most).contains(*value)).count();
    let is_opacity = between as f64 <= HALF_TRANSPARENT_MAX * seen.len() as f64;
    Ok(is_opacity.then_some(OPAQUE_FROM))
}

/// Whether a mask of the whole image has overviews as the image has: those of an image that got its mask later say that
/// all was observed.
fn in_overviews(band: &RasterBand<'_>, path: &Path) -> Result<bool, RasterError> {
    let fails = RasterError::gdal(path, "read");
    let mask = band.open_mask_band().map_err(&fails)?;
    Ok(mask.overview_count().map_err(&fails)? >= band.overview_count().map_err(&fails)?)
}
