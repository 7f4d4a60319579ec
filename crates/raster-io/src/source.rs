//! One raster file, opened for reading from several threads.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use gdal::{Dataset, raster::ColorInterpretation, raster::GdalDataType};
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
    /// Whether some pixels are marked as not observed (mask band, alpha or nodata value).
    pub has_mask: bool,
    /// Authority code such as `EPSG:32652`, where the CRS has one.
    pub crs: Option<String>,
    /// WKT of the CRS; `None` without georeference.
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
    let info = info(&dataset, path, header.format, placement.as_ref())?;
    // a file that is cut off behind its header is told now, not in the middle of the work
    read_last_pixel(&dataset, path)?;
    Ok(Source { path: path.to_owned(), info, placement, colours, idle: Mutex::new(vec![dataset]) })
}

impl Source {
    /// What is known of it.
    pub fn info(&self) -> &SourceInfo {
        &self.info
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
    let affine = Affine(transform);
    if affine.inverse().is_none() {
        return Err(RasterError::Header {
            path: path.to_owned(),
            what: "the geotransform",
            got: format!("{transform:?}"),
            wanted: "finite and not flat".to_owned(),
        });
    }
    let crs = spatial_ref(&wkt)?;
    let code = crs.authority().ok();
    Ok(Some(Placement { affine, wkt, code }))
}

fn info(
    dataset: &Dataset,
    path: &Path,
    format: Format,
    placement: Option<&Placement>,
) -> Result<SourceInfo, RasterError> {
    let fails = RasterError::gdal(path, "read");
    let (cols, rows) = dataset.raster_size();
    let (cols, rows) = (side(path, cols)?, side(path, rows)?);
    let band = dataset.rasterband(1).map_err(&fails)?;
    let flags = band.mask_flags().map_err(&fails)?;
    let alphas = (1..=dataset.raster_count())
        .filter_map(|index| dataset.rasterband(index).ok())
        .filter(|band| band.color_interpretation() == ColorInterpretation::AlphaBand)
        .count();
    let degrees = spatial_ref("EPSG:4326")?;
    Ok(SourceInfo {
        format,
        cols,
        rows,
        bands: (dataset.raster_count() - alphas) as u32,
        sample_type: sample_type(band.band_type()),
        has_mask: !flags.is_all_valid(),
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
    let plain = meanings.iter().filter(|meaning| **meaning != ColorInterpretation::AlphaBand).count();
    Ok(if plain >= 3 { Colours::Rgb([1, 2, 3]) } else { Colours::Grey(1) })
}

fn read_last_pixel(dataset: &Dataset, path: &Path) -> Result<(), RasterError> {
    let (cols, rows) = dataset.raster_size();
    let band = dataset.rasterband(1).map_err(RasterError::gdal(path, "read"))?;
    band.read_as::<f32>((cols as isize - 1, rows as isize - 1), (1, 1), (1, 1), None)
        .map_err(RasterError::gdal(path, "read to its end"))?;
    Ok(())
}
