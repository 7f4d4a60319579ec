//! How this crate opens anything with GDAL: few drivers, no side files, no network.

use std::{path::Path, sync::Once};

use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use crate::{RasterError, header::Format};

static CONFIGURED: Once = Once::new();

/// Settings that keep GDAL to the one file it was given.
///
/// `GDAL_SKIP` drops drivers that open other files; a GeoTIFF that names an `OVERVIEW_FILE` would
/// otherwise make GDAL open it, over the network too, whatever drivers the caller allows.
fn configure() {
    CONFIGURED.call_once(|| {
        let settings = [
            ("GDAL_SKIP", "VRT HTTP WMS WMTS WCS DERIVED PLSCENES STACTA STACIT EEDAI DAAS OGCAPI"),
            ("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", ".none"),
            ("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR"),
            ("GDAL_PAM_ENABLED", "NO"),
            ("GDAL_GEOREF_SOURCES", "INTERNAL"),
            ("GDAL_CACHEMAX", "128"),
            ("GDAL_NUM_THREADS", "1"),
            ("OSR_DEFAULT_AXIS_MAPPING_STRATEGY", "TRADITIONAL_GIS_ORDER"),
        ];
        for (key, value) in settings {
            gdal::config::set_config_option(key, value).expect("keys and values have no zero byte");
        }
        // GDAL's chatter: what matters comes back as an error value
        gdal::config::set_error_handler(|_, _, _| {});
        gdal::DriverManager::register_all();
    });
}

/// The GDAL driver of a format.
fn driver_name(format: Format) -> &'static str {
    match format {
        Format::Tiff => "GTiff",
        Format::Png => "PNG",
        Format::Jpeg => "JPEG",
        Format::Jpeg2000 => "JP2OpenJPEG",
    }
}

/// Opens a file that has passed the header check, with the driver of its format and no other.
pub(crate) fn open_checked(path: &Path, format: Format) -> Result<Dataset, RasterError> {
    configure();
    let drivers = [driver_name(format)];
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_RASTER,
        allowed_drivers: Some(&drivers),
        open_options: None,
        sibling_files: Some(&[]),
    };
    Dataset::open_ex(path, options).map_err(RasterError::gdal(path, "opened"))
}

/// A GDAL driver for writing.
pub(crate) fn writer(name: &'static str, path: &Path) -> Result<gdal::Driver, RasterError> {
    configure();
    gdal::DriverManager::get_driver_by_name(name).map_err(RasterError::gdal(path, "written"))
}

/// Makes sure that coordinate work sees the same settings as file work.
pub(crate) fn ready() {
    configure();
}
