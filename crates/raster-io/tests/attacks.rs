//! Files made to do harm, each by a recipe here: every one ends in an error or a working copy of what it shows,
//! within its limits, and nothing is read, asked or left behind.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    io::ErrorKind,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use imagery_diff::{Grid, MapPoint, Raster, Reference};
use raster_io::{IngestRequest, IngestWorker, IngestedScene, RasterError, WorkerLimits, write_geotiff};

const CANARY: &str = "the canary's own words";

/// A folder with one upload, as the service lays it out, and a canary beside it.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("canary.txt"), CANARY.repeat(400)).unwrap();
        std::fs::create_dir(folder.path().join("made")).unwrap();
        Desk { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.at(name), bytes).unwrap();
        self.at(name)
    }

    fn ingest(&self, input: &Path) -> Result<IngestedScene, RasterError> {
        self.ingest_within(input, WorkerLimits::default())
    }

    fn ingest_within(&self, input: &Path, limits: WorkerLimits) -> Result<IngestedScene, RasterError> {
        let output = self.at("made/working.tif");
        let worker = IngestWorker::new(env!("CARGO_BIN_EXE_ingest-worker").into(), "", limits);
        let made =
            worker.ingest(&IngestRequest { input: input.to_owned(), output: output.clone(), placing: None });
        let left: Vec<_> =
            std::fs::read_dir(self.at("made")).unwrap().map(|file| file.unwrap().path()).collect();
        match &made {
            Ok(_) => {
                assert_eq!(left, std::slice::from_ref(&output));
                let bytes = std::fs::read(&output).unwrap();
                assert!(!bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()));
                std::fs::remove_file(output).unwrap();
            }
            Err(_) => assert_eq!(left, [] as [PathBuf; 0], "half a copy is left"),
        }
        made
    }

    /// A small georeferenced picture.
    fn scene(&self) -> PathBuf {
        let reference = Reference::Projected("EPSG:32652".to_owned());
        let origin = MapPoint { x: 551_400.0, y: 4_416_600.0 };
        let grid = Grid { rows: 96, cols: 120, origin, pixel_m: 0.5, reference };
        let values = (0..3 * grid.len()).map(|at| (at * at * at / 7 % 251) as f32).collect();
        let valid = vec![true; grid.len()];
        write_geotiff(&self.at("scene.tif"), &Raster::new(grid, 3, values, valid).unwrap()).unwrap();
        self.at("scene.tif")
    }

    /// The scene in each format.
    fn of_each_format(&self) -> [PathBuf; 4] {
        [
            self.scene(),
            self.translated("a.png", &["-of", "PNG"]),
            self.translated("a.jpg", &["-of", "JPEG"]),
            self.translated("a.jp2", &["-of", "JP2OpenJPEG"]),
        ]
    }

    /// What GDAL's own tool makes of the scene.
    fn translated(&self, name: &str, options: &[&str]) -> PathBuf {
        let scene = self.scene();
        let done = Command::new("gdal_translate")
            .args(["-q", "--config", "GDAL_PAM_ENABLED", "NO"])
            .args(options)
            .args([scene.as_os_str(), self.at(name).as_os_str()])
            .status()
            .unwrap();
        assert!(done.success(), "{name}");
        self.at(name)
    }
}

#[test]
fn a_plain_file_of_each_format_is_taken_in() {
    let desk = Desk::new();
    let taken = desk.ingest(&desk.scene()).unwrap();
    assert_eq!((taken.info.cols, taken.info.rows, taken.info.bands), (120, 96, 3));
    assert_eq!(taken.stretch.len(), 3);
    for (name, driver, media_type) in [
        ("a.tif", "COG", "image/tiff"),
        ("a.png", "PNG", "image/png"),
        ("a.jpg", "JPEG", "image/jpeg"),
        ("a.jp2", "JP2OpenJPEG", "image/jp2"),
    ] {
        let taken = desk.ingest(&desk.translated(name, &["-of", driver])).unwrap();
        assert_eq!((taken.media_type, taken.info.cols), (media_type, 120));
    }
}

#[test]
fn names_of_other_files_are_never_followed() {
    let desk = Desk::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("/vsicurl/http://{}/o.tif", listener.local_addr().unwrap());
    let canary = desk.at("canary.txt").display().to_string();
    let virtual_raster = format!(
        "<VRTDataset rasterXSize=\"8\" rasterYSize=\"8\"><VRTRasterBand dataType=\"Byte\" band=\"1\" \
         subClass=\"VRTRawRasterBand\"><SourceFilename>{canary}</SourceFilename></VRTRasterBand></VRTDataset>"
    );
    assert!(matches!(
        desk.ingest(&desk.write("disguised.tif", virtual_raster.as_bytes())),
        Err(RasterError::Format { .. })
    ));
    for named in [address.as_str(), &canary, &desk.at("disguised.tif").display().to_string()] {
        let given = format!("OVERVIEW_FILE={named}");
        let input = desk.translated("named.tif", &["-mo", &given]);
        let text = std::fs::read(&input).unwrap();
        // GDAL's tool writes it into the default domain; the one that is acted on is OVERVIEWS
        let domain = String::from_utf8_lossy(&text).contains("OVERVIEW_FILE");
        assert!(domain);
        assert!(matches!(desk.ingest(&input), Err(RasterError::Refused { .. })), "{named}");
    }
    // side files that GDAL would read by itself
    let scene = desk.scene();
    let pam = format!(
        "<PAMDataset><Metadata domain=\"OVERVIEWS\"><MDI key=\"OVERVIEW_FILE\">{address}</MDI></Metadata></PAMDataset>"
    );
    desk.write("scene.tif.aux.xml", pam.as_bytes());
    desk.write("scene.tif.ovr", virtual_raster.as_bytes());
    desk.write("scene.tif.msk", virtual_raster.as_bytes());
    desk.write("scene.tfw", b"NaN\nNaN\nNaN\nNaN\nNaN\nNaN\n");
    let taken = desk.ingest(&scene).unwrap();
    assert_eq!(taken.info.geotransform.unwrap()[0], 551_400.0);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody knocked");
}

#[test]
fn bombs_are_refused_by_what_they_declare() {
    let desk = Desk::new();
    let sparse = desk.at("sparse.tif");
    let done = Command::new("gdal_create")
        .args(["-q", "-of", "GTiff", "-outsize", "200000", "200000", "-bands", "1", "-co", "SPARSE_OK=TRUE"])
        .args(["-co", "TILED=YES", "-co", "BIGTIFF=YES"])
        .arg(&sparse)
        .status()
        .unwrap();
    assert!(done.success());
    assert!(matches!(desk.ingest(&sparse), Err(RasterError::Refused { .. })));
    // a PNG header that promises 100,000 x 100,000 px, and its checksum
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(100_000_u32.to_be_bytes().repeat(2));
    png.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert!(desk.ingest(&desk.write("bomb.png", &png)).is_err());
    // a JPEG 2000 codestream that promises the same
    let jp2 = std::fs::read(desk.translated("a.jp2", &["-of", "JP2OpenJPEG"])).unwrap();
    let siz = jp2.windows(4).position(|bytes| bytes == [0xff, 0x4f, 0xff, 0x51]).unwrap();
    let mut huge = jp2;
    for at in [siz + 8, siz + 12] {
        huge[at..at + 4].copy_from_slice(&2_000_000_000_u32.to_be_bytes());
    }
    assert!(desk.ingest(&desk.write("bomb.jp2", &huge)).is_err());
}

#[test]
fn a_child_that_asks_for_too_much_is_stopped_and_told() {
    let desk = Desk::new();
    let scene = desk.scene();
    let told = |limits: WorkerLimits| match desk.ingest_within(&scene, limits.clone()) {
        Ok(_) => panic!("was made within {limits:?}"),
        Err(error) => error.to_string(),
    };
    let little = told(WorkerLimits { memory_bytes: 64 << 20, ..WorkerLimits::default() });
    assert!(little.contains("scene.tif"), "{little}");
    let short = told(WorkerLimits { output_bytes: 4_096, ..WorkerLimits::default() });
    assert!(short.contains("scene.tif"), "{short}");
    let late = told(WorkerLimits { wall_s: 0, ..WorkerLimits::default() });
    assert!(late.contains("more than 0 s"), "{late}");
}

#[test]
fn loops_lies_and_polyglots_are_told() {
    let desk = Desk::new();
    // a directory whose next directory is itself
    let mut circle = b"II*\0\x08\0\0\0".to_vec();
    circle.extend([1, 0, 0, 1, 3, 0, 1, 0, 0, 0, 8, 0, 0, 0]);
    circle.extend([8, 0, 0, 0]);
    assert!(matches!(desk.ingest(&desk.write("circle.tif", &circle)), Err(RasterError::Refused { .. })));
    // offsets beyond the end, absurd counts
    let mut beyond = b"II*\0\x08\0\0\0".to_vec();
    beyond.extend([1, 0, 17, 1, 4, 0]);
    beyond.extend([255; 8]);
    beyond.extend([0; 4]);
    assert!(desk.ingest(&desk.write("beyond.tif", &beyond)).is_err());
    // an archive behind a PNG's beginning, a page behind a TIFF's
    assert!(desk.ingest(&desk.write("poly.png", b"\x89PNG\r\n\x1a\nPK\x03\x04and more")).is_err());
    assert!(desk.ingest(&desk.write("poly.tif", b"II*\0<html><script>alert(1)</script>")).is_err());
    // a place far off the Earth, whose longitude GDAL would turn back one by one
    let far =
        desk.translated("far.tif", &["-a_srs", "EPSG:3857", "-a_ullr", "1e300", "1", "2e300", "-1e300"]);
    let told = desk.ingest(&far).unwrap_err().to_string();
    assert!(told.contains("units from its origin"), "{told}");
    // a place in no known system
    let mut nowhere = std::fs::read(desk.scene()).unwrap();
    let code = 32_652_u16.to_le_bytes();
    let at = nowhere.windows(2).position(|bytes| bytes == code).unwrap();
    nowhere[at..at + 2].copy_from_slice(&32_699_u16.to_le_bytes());
    match desk.ingest(&desk.write("nowhere.tif", &nowhere)) {
        Ok(taken) => assert_eq!(taken.info.crs, None, "no CRS is made up"),
        Err(error) => assert!(error.to_string().contains("nowhere.tif"), "{error}"),
    }
}

#[test]
fn a_file_cut_at_any_power_of_two_is_an_error_or_a_picture() {
    let desk = Desk::new();
    for scene in desk.of_each_format() {
        let whole = std::fs::read(&scene).unwrap();
        let mut length = 1;
        while length < whole.len() {
            let _ = desk.ingest(&desk.write("cut", &whole[..length]));
            length *= 2;
        }
    }
}

#[test]
fn a_hundred_changed_files_of_each_format_end_in_an_error_or_a_picture() {
    const CHANGED: u64 = 100;
    let desk = Desk::new();
    let mut chance: u64 = 0x5eed;
    let mut next = |below: usize| {
        // xorshift64*: the same files every run
        chance ^= chance >> 12;
        chance ^= chance << 25;
        chance ^= chance >> 27;
        (chance.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    };
    for scene in desk.of_each_format() {
        let whole = std::fs::read(&scene).unwrap();
        for _ in 0..CHANGED {
            let mut changed = whole.clone();
            for _ in 0..=next(4) {
                // headers decide more than pixels
                let at = if next(2) == 0 { next(changed.len().min(512)) } else { next(changed.len()) };
                changed[at] = next(256) as u8;
            }
            let _ = desk.ingest(&desk.write("changed", &changed));
        }
    }
}

/// What a process would do that a hostile file took over: hand over `copy` as the working copy.
fn taken_over(desk: &Desk, copy: &Path, says: &str) -> RasterError {
    use std::os::unix::fs::PermissionsExt;
    let (program, output) = (desk.at("taken-over"), desk.at("made/working.tif"));
    let script = format!("#!/bin/sh\ncp '{}' '{}'\necho '{says}'\n", copy.display(), output.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let worker = IngestWorker::new(program, "", WorkerLimits::default());
    let request = IngestRequest { input: desk.scene(), output: output.clone(), placing: None };
    let refused = worker.ingest(&request).unwrap_err();
    assert!(!output.exists(), "a copy that is refused is left");
    refused
}

#[test]
fn what_is_wrong_with_the_machine_is_no_fault_of_the_file() {
    let desk = Desk::new();
    let request = IngestRequest { input: desk.scene(), output: desk.at("made/working.tif"), placing: None };
    let worker = IngestWorker::new(desk.at("no-such-program"), "", WorkerLimits::default());
    let failed = worker.ingest(&request).unwrap_err();
    assert!(matches!(failed, RasterError::Worker { .. }), "{failed}");
    let unable = taken_over(&desk, &request.input, r#"{"unable": "no seccomp here"}"#);
    assert!(matches!(unable, RasterError::Worker { .. }) && unable.to_string().contains("no seccomp here"));
}

#[test]
fn a_decoder_that_was_taken_over_cannot_hand_its_file_on_to_other_decoders() {
    let desk = Desk::new();
    let says = r#"{"stretch": [[0, 255], [0, 255], [0, 255]]}"#;
    for (name, options) in [
        ("b.jp2", &["-of", "JP2OpenJPEG"][..]),
        ("b.png", &["-of", "PNG"]),
        ("b.jpg", &["-of", "JPEG"]),
        ("b.tif", &["-co", "COMPRESS=JPEG"]),
        ("c.tif", &["-co", "COMPRESS=LZW"]),
        ("d.tif", &["-co", "COMPRESS=ZSTD"]),
    ] {
        let refused = taken_over(&desk, &desk.translated(name, options), says).to_string();
        assert!(refused.contains("no working copy"), "{name}: {refused}");
    }
    let few = r#"{"stretch": [[0, 255]]}"#;
    let honest = desk.translated("e.tif", &["-of", "COG", "-co", "COMPRESS=DEFLATE"]);
    assert!(taken_over(&desk, &honest, few).to_string().contains("1 display ranges"));
}
