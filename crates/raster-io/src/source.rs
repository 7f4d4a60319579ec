//! One raster file, opened for reading from several threads.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use gdal::{
    Dataset, Metadata,
    raster::{ColorInterpretation, GdalDataType, RasterBand},
};
use geo::Polygon;

use crate::{
    RasterError, checked_file,
    drivers::{self, Stored},
    header::{self, Format, Header},
    in_tiles,
    observed::Masks,
    placement::{Affine, Placement, spatial_ref},
    unused::{self, Unused},
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
    /// Whether some pixels are marked as not observed (mask band, opacity of a band or a colour, nodata value), or are
    /// taken for such.
    pub has_mask: bool,
    /// A value of each band shown that fills a corner and is taken for not observed, though the file does not say so.
    pub undeclared_fill: Option<Vec<f32>>,
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
    /// What messages call it.
    pub(crate) path: PathBuf,
    info: SourceInfo,
    pub(crate) placement: Option<Placement>,
    /// What it says of itself that is not used.
    pub(crate) unused: Unused,
    /// What whoever reads it should know: what was taken for something else than the file says.
    pub(crate) cautions: Vec<String>,
    pub(crate) colours: Colours,
    /// The bands of these in the file that messages name.
    bands_used: Vec<usize>,
    /// What white is in a picture of grey whose values are those of a negative.
    white: Option<f32>,
    /// Columns and rows of its overviews, in its own order.
    pub(crate) overviews: Vec<[u32; 2]>,
    masks: Masks,
    stored: Stored,
    /// Handles that no thread uses at the moment; a handle must not be used by two at a time.
    idle: Mutex<Vec<Dataset>>,
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
    let source = described(path, &header, Stored::of(path, header.format))?;
    source.read_last_pixel()?;
    Ok(source)
}

/// Opens a raster that is to be read here and there, on several threads: one that is decoded in large pieces by way of a
/// copy in tiles.
///
/// # Errors
/// As [`open`], and when there is no room for the copy.
pub(crate) fn open_for_windows(path: &Path) -> Result<Source, RasterError> {
    let header = checked_file::check(path)?;
    let source = described(path, &header, Stored::of(path, header.format))?;
    if in_tiles::is_needed(&header) {
        return in_tiles::copied(source, &header);
    }
    source.read_last_pixel()?;
    Ok(source)
}

/// What a stored image says of itself, called by `path` in messages.
pub(crate) fn described(path: &Path, header: &Header, stored: Stored) -> Result<Source, RasterError> {
    drivers::undamaged(path, || describe(path, header, stored))
}

fn describe(path: &Path, header: &Header, stored: Stored) -> Result<Source, RasterError> {
    let dataset = stored.open(path)?;
    let placement = placement(&dataset, path)?;
    let colours = colours(&dataset, path)?;
    let (overviews, masks) = (overviews(&dataset, path)?, Masks::of(&dataset, path, &colours)?);
    let info = info(&dataset, path, header.format, placement.as_ref(), &masks)?;
    let unused = unused::of(&dataset, path, header, placement.is_some(), &colours)?;
    let white = white(&dataset, path, &colours)?;
    let (bands_used, cautions) = (colours.bands(), masks.cautions(path));
    let (path, idle) = (path.to_owned(), Mutex::new(vec![dataset]));
    Ok(Source {
        path,
        info,
        placement,
        unused,
        cautions,
        colours,
        bands_used,
        white,
        overviews,
        masks,
        stored,
        idle,
    })
}

impl Source {
    /// What is known of it.
    pub fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// The bands that are looked at, counted from 1: red, green and blue, or one of grey or of a palette.
    pub fn bands_used(&self) -> Vec<usize> {
        self.bands_used.clone()
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> [u32; 2] {
        [self.info.cols, self.info.rows]
    }

    /// Columns and rows of it, or of one of its overviews.
    pub(crate) fn size_of(&self, overview: Option<usize>) -> [u32; 2] {
        overview.map_or(self.size(), |number| self.overviews[number])
    }

    /// The pixels that a piece of an overview shows.
    pub(crate) fn full_size(&self, piece: Piece) -> Piece {
        let (whole, reduced) = (self.size(), self.size_of(piece.overview));
        let along = |axis: usize, place: isize, size: usize| {
            let scale = |at: usize| at * whole[axis] as usize / reduced[axis] as usize;
            let (from, to) = (scale(place as usize), scale(place as usize + size));
            (from as isize, (to - from).max(1))
        };
        let (col, cols) = along(0, piece.place.0, piece.size.0);
        let (row, rows) = along(1, piece.place.1, piece.size.1);
        Piece { overview: None, place: (col, row), size: (cols, rows) }
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
        self.masks.observed(self, dataset, piece, shape).map(Some)
    }

    /// The same image, stored as another file that `copy` was read from.
    pub(crate) fn stored_as(self, copy: Source) -> Source {
        let Source { info, placement, unused, cautions, bands_used, .. } = self;
        Source { info, placement, unused, cautions, bands_used, ..copy }
    }

    /// Whether a copy that GDAL makes of the file shows the same picture and says of the same pixels that they were observed.
    pub(crate) fn is_copied_whole(&self) -> bool {
        self.masks.are_copied() && self.white.is_none()
    }

    /// Turns values of a band into those of a picture whose darkest value is the lowest.
    pub(crate) fn turn_negative<T: Copy + std::ops::Sub<Output = T> + From<f32>>(
        &self,
        band: usize,
        values: &mut [T],
    ) {
        if let (Some(white), Colours::Grey(grey)) = (self.white, &self.colours)
            && *grey == band
        {
            values.iter_mut().for_each(|value| *value = T::from(white) - *value);
        }
    }

    /// Reads the last pixel: a file that is cut off behind its header is told now, not in the middle of the work.
    fn read_last_pixel(&self) -> Result<(), RasterError> {
        self.with_dataset(|dataset| {
            let (cols, rows) = dataset.raster_size();
            let band = dataset.rasterband(1).map_err(RasterError::gdal(&self.path, "read"))?;
            band.read_as::<f32>((cols as isize - 1, rows as isize - 1), (1, 1), (1, 1), None)
                .map_err(RasterError::gdal(&self.path, "read to its end"))?;
            Ok(())
        })
    }

    /// The values of a piece, row by row: one plane of grey, or red, green and blue.
    pub(crate) fn planes(&self, dataset: &Dataset, piece: Piece) -> Result<Vec<Vec<f32>>, RasterError> {
        let read = |index: usize| -> Result<Vec<f32>, RasterError> {
            let band = self.band(dataset, index, piece.overview)?;
            let values = band.read_as::<f32>(piece.place, piece.size, piece.size, None);
            let mut values = values.map_err(RasterError::gdal(&self.path, "read"))?.into_shape_and_vec().1;
            self.turn_negative(index, &mut values);
            Ok(values)
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
            None => self.stored.open(&self.path)?,
        };
        let result = drivers::undamaged(&self.path, || work(&dataset));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(dataset);
        result
    }
}

impl Colours {
    /// The bands that are shown.
    pub(crate) fn bands(&self) -> Vec<usize> {
        match self {
            Colours::Grey(band) | Colours::Palette(band, _) => vec![*band],
            Colours::Rgb(bands) => bands.to_vec(),
        }
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
        undeclared_fill: masks.undeclared_fill().map(<[f32]>::to_vec),
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

/// What white is in an image of grey that says it is stored as a negative, as scans of films are.
fn white(dataset: &Dataset, path: &Path, colours: &Colours) -> Result<Option<f32>, RasterError> {
    const DOMAIN: &str = "IMAGE_STRUCTURE";
    let Colours::Grey(index) = colours else { return Ok(None) };
    if dataset.metadata_item("MINISWHITE", DOMAIN).as_deref() != Some("YES") {
        return Ok(None);
    }
    let band = dataset.rasterband(*index).map_err(RasterError::gdal(path, "read"))?;
    let bits = band.metadata_item("NBITS", DOMAIN).and_then(|bits| bits.parse().ok());
    Ok(match (band.band_type(), bits) {
        (GdalDataType::UInt8 | GdalDataType::UInt16, Some(bits @ 1..=16)) => {
            Some((1_u32 << bits) as f32 - 1.0)
        }
        (GdalDataType::UInt8, _) => Some(f32::from(u8::MAX)),
        (GdalDataType::UInt16, _) => Some(f32::from(u16::MAX)),
        // the largest value is no white there; what is light and what is dark is right at least
        _ => Some(0.0),
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
