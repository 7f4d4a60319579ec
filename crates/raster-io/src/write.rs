//! Writes rasters as GeoTIFF.

use std::path::Path;

use gdal::raster::{Buffer, ColorInterpretation, RasterCreationOptions};
use imagery_diff::{Raster, Reference};

use crate::{RasterError, drivers, error::plain, placement::spatial_ref};

/// Writes a raster of 8-bit values as a tiled GeoTIFF with its mask as alpha where a pixel was not observed.
///
/// Values are rounded and cut to 0 to 255. The bytes depend on the raster and on the versions of GDAL and
/// its compression library alone.
///
/// # Errors
/// When the file cannot be written or the CRS cannot be used.
pub fn write_geotiff(path: &Path, raster: &Raster) -> Result<(), RasterError> {
    let fails = RasterError::gdal(path, "written");
    let grid = raster.grid();
    let (cols, rows) = (grid.cols as usize, grid.rows as usize);
    let masked = raster.valid().iter().any(|valid| !valid);
    let bands = raster.bands() + usize::from(masked);
    let options = RasterCreationOptions::from_iter([
        "TILED=YES",
        "BLOCKXSIZE=512",
        "BLOCKYSIZE=512",
        "COMPRESS=DEFLATE",
        "PREDICTOR=2",
        "INTERLEAVE=PIXEL",
        if raster.bands() == 3 { "PHOTOMETRIC=RGB" } else { "PHOTOMETRIC=MINISBLACK" },
        if masked { "ALPHA=YES" } else { "ALPHA=NO" },
    ]);
    let mut dataset = drivers::writer("GTiff", path)?
        .create_with_band_type_with_options::<u8, _>(path, cols, rows, bands, &options)
        .map_err(&fails)?;
    if let Reference::Projected(crs) = &grid.reference {
        let transform = [grid.origin.x, grid.pixel_m, 0.0, grid.origin.y, 0.0, -grid.pixel_m];
        dataset.set_geo_transform(&transform).map_err(&fails)?;
        dataset.set_spatial_ref(&spatial_ref(crs)?).map_err(&fails)?;
    }
    for band in 0..raster.bands() {
        let values = raster.band(band).iter().map(|value| value.round().clamp(0.0, 255.0) as u8).collect();
        let mut target = dataset.rasterband(band + 1).map_err(&fails)?;
        target.write((0, 0), (cols, rows), &mut Buffer::new((cols, rows), values)).map_err(&fails)?;
    }
    if masked {
        let mut alpha = dataset.rasterband(bands).map_err(&fails)?;
        alpha.set_color_interpretation(ColorInterpretation::AlphaBand).map_err(&fails)?;
        let values = raster.valid().iter().map(|valid| if *valid { 255 } else { 0 }).collect();
        alpha.write((0, 0), (cols, rows), &mut Buffer::new((cols, rows), values)).map_err(&fails)?;
    }
    dataset.close().map_err(|error| RasterError::Gdal {
        path: path.to_owned(),
        action: "written",
        cause: plain(&error),
    })
}
