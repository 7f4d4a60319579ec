//! How this crate opens anything with GDAL: few drivers, no side files, no network.

use std::{
    cell::RefCell,
    fs::File,
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    sync::Once,
};

use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use crate::{RasterError, header::Format};

/// How files are laid out that are read here and there, in tiles.
pub(crate) const TILES: [&str; 4] = ["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "BIGTIFF=IF_SAFER"];

/// Megabytes of decoded blocks that GDAL keeps for each core, at the least and at the most: PNG and JPEG are decoded anew from their
/// first row when a window goes back to one that is gone, and the rows of a window of both images take 28 MB at 10,000 px.
const CACHE_MB_A_CORE: usize = 32;
const CACHE_MB_MIN: usize = 128;
const CACHE_MB_MAX: usize = 512;

/// Characters of what a decoder says that are kept.
const MESSAGE_CHARACTERS_MAX: usize = 300;

static CONFIGURED: Once = Once::new();

// not bound by gdal-sys; declared in GDAL's `gdal_frmts.h`
unsafe extern "C" {
    fn GDALRegister_GTiff();
    fn GDALRegister_PNG();
    fn GDALRegister_JPEG();
    fn GDALRegister_JP2OpenJPEG();
    fn GDALRegister_COG();
    fn GDALRegister_MEM();
}

/// Settings that keep GDAL to the one file it was given.
///
/// Only the drivers that are used are registered, so none that opens other files exists: a GeoTIFF that
/// names an `OVERVIEW_FILE` would otherwise make GDAL open it, over the network too, whatever drivers
/// the caller allows. `GDAL_SKIP` stands behind that, should something register the others.
fn configure() {
    CONFIGURED.call_once(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cache_mb = (cores * CACHE_MB_A_CORE).clamp(CACHE_MB_MIN, CACHE_MB_MAX).to_string();
        let settings = [
            ("GDAL_SKIP", "VRT HTTP WMS WMTS WCS DERIVED PLSCENES STACTA STACIT EEDAI DAAS OGCAPI"),
            ("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", ".none"),
            ("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR"),
            ("GDAL_PAM_ENABLED", "NO"),
            ("GDAL_GEOREF_SOURCES", "INTERNAL"),
            // a mask in a side file would be lost
            ("GDAL_TIFF_INTERNAL_MASK", "YES"),
            ("GDAL_CACHEMAX", cache_mb.as_str()),
            // a damaged JPEG is grey from there on, and GDAL says so as a warning
            ("GDAL_ERROR_ON_LIBJPEG_WARNING", "YES"),
            ("GDAL_NUM_THREADS", "1"),
            ("OSR_DEFAULT_AXIS_MAPPING_STRATEGY", "TRADITIONAL_GIS_ORDER"),
        ];
        for (key, value) in settings {
            gdal::config::set_config_option(key, value).expect("keys and values have no zero byte");
        }
        // GDAL's chatter: what matters comes back as an error value, but for pixels that a decoder made up
        gdal::config::set_error_handler(|_, _, message| note_damage(message));
        gdal::DriverManager::prevent_auto_registration();
        // SAFETY: plain C functions without arguments, called once, before any other use of GDAL
        unsafe {
            GDALRegister_GTiff();
            GDALRegister_PNG();
            GDALRegister_JPEG();
            GDALRegister_JP2OpenJPEG();
            GDALRegister_COG();
            GDALRegister_MEM();
            gdal_sys::OSRSetPROJEnableNetwork(0);
        }
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

/// Where the pixels of an image are read from: a file that has passed the header check, or a copy of it that was made here.
#[derive(Debug)]
pub(crate) struct Stored {
    name: PathBuf,
    format: Format,
    /// A file without a name, which is gone when this is.
    _nameless: Option<File>,
}

impl Stored {
    /// In a file of that format.
    pub(crate) fn of(path: &Path, format: Format) -> Stored {
        Stored { name: path.to_owned(), format, _nameless: None }
    }

    /// In a GeoTIFF that was written to a file without a name, by way of [`name_of`].
    pub(crate) fn nameless(file: File) -> Stored {
        Stored { name: name_of(&file), format: Format::Tiff, _nameless: Some(file) }
    }

    /// Opens it with the driver of its format and no other; `told` is what messages call it.
    pub(crate) fn open(&self, told: &Path) -> Result<Dataset, RasterError> {
        configure();
        let drivers = [driver_name(self.format)];
        let options = DatasetOptions {
            open_flags: GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_RASTER,
            allowed_drivers: Some(&drivers),
            open_options: None,
            // an empty list of side files makes GDAL look for them by name; with none it does as it was configured
            sibling_files: None,
        };
        Dataset::open_ex(literal(&self.name), options).map_err(RasterError::gdal(told, "opened"))
    }
}

/// What an open file without a name can be opened by once more, in this process.
pub(crate) fn name_of(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// What decoders say of pixels that they could not read and made up. They call it a warning and go on.
const DAMAGES: [&str; 6] = [
    "Corrupt JPEG data",
    "Premature end of JPEG file",
    "Invalid JPEG file structure",
    "Not a JPEG file",
    "segment too long",
    "PTERM check failure",
];

thread_local! {
    /// The first damage that a decoder told on this thread since something began to read.
    static DAMAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn note_damage(message: &str) {
    if DAMAGES.iter().any(|damage| message.contains(damage)) {
        DAMAGE.with_borrow_mut(|told| {
            told.get_or_insert_with(|| message.trim().chars().take(MESSAGE_CHARACTERS_MAX).collect());
        });
    }
}

/// Does what reads pixels of a file. Where a decoder told that it made some up, that is an error, also if something else
/// failed then: it is the cause.
pub(crate) fn undamaged<T>(
    path: &Path,
    work: impl FnOnce() -> Result<T, RasterError>,
) -> Result<T, RasterError> {
    DAMAGE.set(None);
    let result = work();
    match DAMAGE.take() {
        None => result,
        Some(cause) => Err(RasterError::Damaged { path: path.to_owned(), cause }),
    }
}

/// A path that GDAL takes as the name of a file, never as one of its virtual file systems (`/vsicurl/...`)
/// or as a part of a file (`GTIFF_DIR:2:...`).
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

/// A GDAL driver for writing.
pub(crate) fn writer(name: &'static str, path: &Path) -> Result<gdal::Driver, RasterError> {
    configure();
    gdal::DriverManager::get_driver_by_name(name).map_err(RasterError::gdal(path, "written"))
}

/// Makes sure that coordinate work sees the same settings as file work.
pub(crate) fn ready() {
    configure();
}

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, net::TcpListener};

    use gdal::Metadata;

    use super::*;

    /// A GeoTIFF whose metadata names `overview`, as GDAL itself writes it; the header check is not asked.
    fn naming(folder: &Path, overview: &str) -> std::path::PathBuf {
        let path = folder.join("named.tif");
        let driver = writer("GTiff", &path).unwrap();
        let mut dataset = driver.create(&path, 64, 64, 1).unwrap();
        dataset.set_metadata_item("OVERVIEW_FILE", overview, "OVERVIEWS").unwrap();
        dataset.close().unwrap();
        assert!(std::fs::read(&path).unwrap().windows(13).any(|bytes| bytes == b"OVERVIEW_FILE"));
        path
    }

    fn overviews(path: &Path) -> i32 {
        let dataset = Stored::of(path, Format::Tiff).open(path).unwrap();
        let _ = dataset.rasterband(1).unwrap().read_as::<u8>((0, 0), (64, 64), (4, 4), None);
        dataset.rasterband(1).unwrap().overview_count().unwrap()
    }

    #[test]
    fn an_overview_on_the_network_is_not_asked_for_even_past_the_header_check() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let path = naming(folder.path(), &format!("/vsicurl/http://127.0.0.1:{port}/o.tif"));
        assert_eq!(overviews(&path), 0);
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody knocked");
    }

    #[test]
    fn a_virtual_raster_named_tif_is_not_read_even_past_the_header_check() {
        let folder = tempfile::tempdir().unwrap();
        let canary = folder.path().join("canary.bin");
        std::fs::write(&canary, [99; 32 * 32]).unwrap();
        let virtual_raster = folder.path().join("disguised.tif");
        let band = "<VRTRasterBand dataType=\"Byte\" band=\"1\" subClass=\"VRTRawRasterBand\">";
        let source = format!("<SourceFilename>{}</SourceFilename>", canary.display());
        let text = format!(
            "<VRTDataset rasterXSize=\"32\" rasterYSize=\"32\">{band}{source}</VRTRasterBand></VRTDataset>"
        );
        std::fs::write(&virtual_raster, text).unwrap();
        assert_eq!(overviews(&naming(folder.path(), virtual_raster.to_str().unwrap())), 0);
        assert!(Stored::of(&virtual_raster, Format::Tiff).open(&virtual_raster).is_err());
    }

    #[test]
    fn a_path_is_never_a_virtual_file_system() {
        assert_eq!(literal(Path::new("/vsicurl/http://x")), Path::new("/./vsicurl/http://x"));
        assert_eq!(literal(Path::new("GTIFF_DIR:1:a.tif")), Path::new("./GTIFF_DIR:1:a.tif"));
        assert_eq!(literal(Path::new("/data/a.tif")), Path::new("/data/a.tif"));
    }

    #[test]
    fn no_driver_is_registered_that_opens_other_files() {
        ready();
        let names: Vec<String> = gdal::DriverManager::all().map(|driver| driver.short_name()).collect();
        assert_eq!(names, ["GTiff", "PNG", "JPEG", "JP2OpenJPEG", "COG", "MEM"]);
    }
}
