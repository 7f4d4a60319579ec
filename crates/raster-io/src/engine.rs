//! GDAL, set up once: four drivers, no sidecar files, no network.
//!
//! Each control stands alone, so that one that fails does not open the door:
//!
//! | control | stops |
//! |---|---|
//! | only the drivers of [`READ_DRIVERS`] are registered | VRT, WMS and every other driver that reads what a file names |
//! | every open names its driver | a file that is not what its header said |
//! | `GDAL_DISABLE_READDIR_ON_OPEN=EMPTY_DIR`, PAM off | `.aux.xml`, `.ovr`, `.msk` and world files beside the file |
//! | `CPL_VSIL_CURL_ALLOWED_EXTENSIONS=.none`, `GDAL_HTTP_*` | requests through `/vsicurl/` and its kin |
//! | `PROJ_NETWORK` off | grids fetched by PROJ |

use std::{ffi::CString, os::unix::ffi::OsStrExt, path::Path, sync::Once};

use gdal::{Dataset, DatasetOptions, GdalOpenFlags, errors::GdalError};

use crate::header::Format;

/// Drivers a file may be read with.
pub const READ_DRIVERS: [&str; 4] = ["GTiff", "PNG", "JPEG", "JP2OpenJPEG"];

/// Memory of GDAL's own block cache, shared by all open files.
pub const BLOCK_CACHE_BYTES: i64 = 256 << 20;

// Not bound by gdal-sys; declared in GDAL's `gdal_frmts.h` and exported with C linkage since 1.2.
unsafe extern "C" {
    fn GDALRegister_GTiff();
    fn GDALRegister_PNG();
    fn GDALRegister_JPEG();
    fn GDALRegister_JP2OpenJPEG();
    fn GDALRegister_COG();
    fn GDALRegister_MEM();
}

/// Options that hold for the whole process.
const OPTIONS: [(&str, &str); 14] = [
    ("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR"),
    ("GDAL_PAM_ENABLED", "NO"),
    ("GDAL_SKIP", "VRT WMS WCS WMTS HTTP"),
    ("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", ".none"),
    ("GDAL_HTTP_MAX_RETRY", "0"),
    ("GDAL_HTTP_CONNECTTIMEOUT", "1"),
    ("GDAL_HTTP_PROXY", "127.0.0.1:9"),
    ("GDAL_TIFF_INTERNAL_MASK", "YES"),
    // A georeference comes from the file itself; world files are read by this crate.
    ("GDAL_GEOREF_SOURCES", "INTERNAL"),
    ("USE_RRD", "NO"),
    ("GTIFF_DIRECT_IO", "NO"),
    ("GTIFF_VIRTUAL_MEM_IO", "NO"),
    // Strips of a broken scan are an error, not grey pixels.
    ("GDAL_ERROR_ON_LIBJPEG_WARNING", "TRUE"),
    ("PROJ_NETWORK", "OFF"),
];

/// Sets GDAL up; every other door into GDAL calls this first.
pub(crate) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (key, value) in OPTIONS {
            gdal::config::set_config_option(key, value).expect("keys and values hold no NUL");
        }
        gdal::DriverManager::prevent_auto_registration();
        gdal::config::set_error_handler(|_, _, _| ());
        // SAFETY: plain C functions without arguments, called once, before any other use of GDAL.
        unsafe {
            GDALRegister_GTiff();
            GDALRegister_PNG();
            GDALRegister_JPEG();
            GDALRegister_JP2OpenJPEG();
            GDALRegister_COG();
            GDALRegister_MEM();
            gdal_sys::OSRSetPROJEnableNetwork(0);
            gdal_sys::GDALSetCacheMax64(BLOCK_CACHE_BYTES);
        }
    });
}

/// Opens a file with the one driver that its content asks for.
///
/// # Errors
/// What GDAL says.
pub(crate) fn open(path: &Path, format: Format) -> Result<Dataset, GdalError> {
    prepare();
    Dataset::open_ex(
        literal(path),
        DatasetOptions {
            open_flags: GdalOpenFlags::GDAL_OF_READONLY
                | GdalOpenFlags::GDAL_OF_RASTER
                | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR
                | GdalOpenFlags::GDAL_OF_INTERNAL,
            allowed_drivers: Some(&[format.driver()]),
            open_options: None,
            sibling_files: Some(&[]),
        },
    )
}

/// A path that GDAL takes as a file name, never as the name of one of its virtual file systems or of
/// a part of a file (`/vsicurl/...`, `GTIFF_DIR:2:...`).
fn literal(path: &Path) -> std::path::PathBuf {
    let prefix = match path.as_os_str().as_bytes() {
        [b'/', b'v', b's', b'i', ..] => "/.",
        [b'/', ..] => "",
        _ => "./",
    };
    let mut literal = std::ffi::OsString::from(prefix);
    literal.push(path);
    literal.into()
}

/// A C string list that lives as long as a call into GDAL.
pub(crate) struct Options {
    _strings: Vec<CString>,
    pointers: Vec<*mut std::ffi::c_char>,
}

impl Options {
    pub(crate) fn new(options: &[String]) -> Options {
        let strings: Vec<CString> = options
            .iter()
            .map(|option| CString::new(option.as_str()).expect("options are made here and hold no NUL"))
            .collect();
        let pointers =
            strings.iter().map(|string| string.as_ptr().cast_mut()).chain([std::ptr::null_mut()]).collect();
        Options { _strings: strings, pointers }
    }

    pub(crate) fn as_ptr(&self) -> *mut *mut std::ffi::c_char {
        self.pointers.as_ptr().cast_mut()
    }
}
