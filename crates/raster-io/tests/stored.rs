//! How images are stored that analysts have: in large pieces, as negatives, turned, damaged, with a georeference of other kinds.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::path::{Path, PathBuf};

use imagery_diff::{Displacement, Grid, MapPoint, PairSource, Raster, Reference};
use raster_io::{
    CommonGridOptions, IngestRequest, IngestWorker, IngestedScene, RasterError, ScenePair, WorkerLimits,
    open, write_geotiff,
};

use crate::support::{run, text};

const CRS: &str = "EPSG:32652";
/// Decoded, three bands of it are more than the largest piece that is read as it is.
const LARGE_PX: u32 = 1_800;

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        Desk { folder: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Smooth colours with a place on Earth, in tiles.
    fn scene(&self, name: &str, px: u32, bands: usize) -> PathBuf {
        let origin = MapPoint { x: 551_000.0, y: 4_417_000.0 };
        let grid = Grid {
            rows: px,
            cols: px,
            origin,
            pixel_m: 0.5,
            reference: Reference::Projected(CRS.to_owned()),
        };
        let value = |band: usize, row: u32, col: u32| {
            let (x, y) = (f64::from(col) * 0.05, f64::from(row) * 0.04);
            (128.0 + 60.0 * (x + band as f64).sin() + 50.0 * (y - band as f64 * 0.5).cos()) as f32
        };
        let values = (0..bands)
            .flat_map(|band| (0..px).flat_map(move |row| (0..px).map(move |col| value(band, row, col))))
            .collect();
        let valid = vec![true; (px * px) as usize];
        write_geotiff(&self.at(name), &Raster::new(grid, bands, values, valid).unwrap()).unwrap();
        self.at(name)
    }

    /// What GDAL's own tool makes of a file, without side files.
    fn made(&self, from: &Path, name: &str, options: &[&str]) -> PathBuf {
        let quiet = ["-q", "--config", "GDAL_PAM_ENABLED", "NO"];
        let made = self.at(name);
        run("gdal_translate", &[&quiet[..], options, &[text(from), text(&made)]].concat());
        made
    }

    /// A file without its own georeference and without any metadata.
    fn bare(&self, from: &Path, name: &str) -> PathBuf {
        self.made(from, name, &["-co", "PROFILE=BASELINE"])
    }

    fn ingested(&self, input: &Path) -> Result<(IngestedScene, PathBuf), RasterError> {
        let output = tempfile::tempdir_in(self.folder.path()).unwrap().keep().join("working.tif");
        let worker =
            IngestWorker::new(env!("CARGO_BIN_EXE_ingest-worker").into(), "", WorkerLimits::default());
        let request = IngestRequest { input: input.to_owned(), output: output.clone(), placing: None };
        Ok((worker.ingest(&request)?, output))
    }
}

fn pair(before: &Path, after: &Path) -> Result<ScenePair, RasterError> {
    ScenePair::open(before, after, &CommonGridOptions::default())
}

/// The largest difference of the two rasters of a pair, and how many pixels both have.
fn difference(before: &Path, after: &Path) -> (f32, usize) {
    let pair = pair(before, after).unwrap();
    let read = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
    let seen: Vec<usize> = (0..read.grid().len()).filter(|&index| read.both_valid(index)).collect();
    let bands = 0..read.before().bands();
    let apart = bands.flat_map(|band| seen.iter().map(move |&index| (band, index)));
    let apart =
        apart.map(|(band, index)| (read.before().band(band)[index] - read.after().band(band)[index]).abs());
    (apart.fold(0.0, f32::max), seen.len())
}

/// Changes bytes in the middle of a file.
fn damaged(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 400].fill(0);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn an_image_in_large_pieces_is_read_as_one_in_tiles() {
    let desk = Desk::new();
    let tiled = desk.scene("tiled.tif", LARGE_PX, 3);
    let all = (LARGE_PX * LARGE_PX) as usize;
    let strip = format!("BLOCKYSIZE={LARGE_PX}");
    let lzw = desk.made(&tiled, "lzw.tif", &["-co", "COMPRESS=LZW", "-co", &strip]);
    let planes = ["-co", "COMPRESS=DEFLATE", "-co", "INTERLEAVE=BAND", "-co", &strip, "-ot", "UInt16"];
    let planes = desk.made(&tiled, "planes.tif", &planes);
    let plain = desk.bare(&tiled, "plain.tif");
    let png = desk.made(&tiled, "a.png", &["-of", "PNG"]);
    for (reference, other) in [(&tiled, &lzw), (&tiled, &planes), (&plain, &png)] {
        assert_eq!(difference(reference, other), (0.0, all), "{}", other.display());
    }
    let pair = pair(&lzw, &png);
    assert!(matches!(pair, Err(RasterError::OneUnplaced { .. })), "what is copied keeps its name and place");
    assert!(pair.unwrap_err().to_string().contains("a.png has none"));
}

#[test]
fn what_was_not_observed_of_an_image_in_large_pieces_is_not_observed_of_its_copy() {
    let desk = Desk::new();
    let tiled = desk.scene("tiled.tif", LARGE_PX, 3);
    let plain = desk.bare(&tiled, "plain.tif");
    // opacity in a band, as a mask of the copy
    let part =
        ["-b", "1", "-b", "2", "-b", "3", "-b", "mask", "-colorinterp_4", "alpha", "-srcwin", "-100", "0"];
    let size = LARGE_PX.to_string();
    let png = desk.made(&plain, "a.png", &[&part[..], &[&size, &size, "-of", "PNG"]].concat());
    let (_, seen) = difference(&plain, &png);
    assert_eq!(seen, (LARGE_PX * (LARGE_PX - 100)) as usize);
}

#[test]
fn a_negative_is_read_as_the_picture_that_it_is_of() {
    let desk = Desk::new();
    let picture = desk.scene("picture.tif", 256, 1);
    let negative = |name: &str, white: &str, more: &[&str]| {
        let options = ["-scale", "0", "255", white, "0", "-co", "PHOTOMETRIC=MINISWHITE"];
        desk.made(&picture, name, &[&options[..], more].concat())
    };
    let bytes = negative("bytes.tif", "255", &[]);
    assert_eq!(difference(&picture, &bytes), (0.0, 256 * 256));
    let (scene, working) = desk.ingested(&bytes).unwrap();
    assert_eq!((scene.info.bands, scene.info.sample_type), (1, "uint8"));
    assert_eq!(difference(&picture, &working), (0.0, 256 * 256), "and so is its working copy");
    let sixteen_times =
        desk.made(&picture, "words.tif", &["-ot", "UInt16", "-scale", "0", "255", "0", "4095"]);
    let depth = negative("depth.tif", "4095", &["-ot", "UInt16", "-co", "NBITS=12"]);
    assert!(difference(&sixteen_times, &depth).0 <= 1.0, "white is the largest number of its bits");
    let (_, working) = desk.ingested(&depth).unwrap();
    assert!(difference(&sixteen_times, &working).0 <= 1.0);
}

#[test]
fn overviews_and_masks_beside_a_file_are_not_read() {
    let desk = Desk::new();
    let scene = desk.scene("scene.tif", 256, 3);
    let other = desk.made(&scene, "other.tif", &["-scale", "0", "255", "255", "0"]);
    run("gdaladdo", &["-q", "-ro", text(&other), "2", "4"]);
    std::fs::rename(desk.at("other.tif.ovr"), desk.at("scene.tif.ovr")).unwrap();
    desk.made(&scene, "scene.tif.msk", &["-of", "GTiff", "-b", "1", "-scale", "0", "255", "0", "0"]);
    let same = desk.scene("same.tif", 256, 3);
    let options = CommonGridOptions { gsd_m: 2.0, ..CommonGridOptions::default() };
    let pair = ScenePair::open(&scene, &same, &options).unwrap();
    let read = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
    assert_eq!(read.before().band(0), read.after().band(0));
    assert!(read.before().valid().iter().all(|valid| *valid));
}

#[test]
fn a_damaged_jpeg_is_refused_by_name_and_not_filled_with_grey() {
    let desk = Desk::new();
    let scene = desk.scene("scene.tif", 512, 3);
    let jpeg = ["-co", "COMPRESS=JPEG", "-co", "PHOTOMETRIC=YCBCR"];
    let tiles = [&jpeg[..], &["-co", "TILED=YES"]].concat();
    for (name, options) in [("a.jpg", &["-of", "JPEG"][..]), ("strips.tif", &jpeg), ("tiles.tif", &tiles)] {
        let whole = desk.made(&scene, name, options);
        assert!(desk.ingested(&whole).is_ok(), "{name}");
        damaged(&whole);
        // a strip that is no JPEG any more fails by itself
        let is_told = |told: &str| told.contains(name) && (told.contains("JPEG") || told.contains("failed"));
        let told = desk.ingested(&whole).unwrap_err().to_string();
        assert!(is_told(&told), "{told}");
        let read = pair(&whole, &whole)
            .and_then(|pair| pair.read(pair.grid().window(), &Displacement::default()).map(|_| ()));
        let told = read.unwrap_err().to_string();
        assert!(is_told(&told), "{told}");
    }
}

#[test]
fn a_georeference_that_is_not_used_is_told() {
    let desk = Desk::new();
    let scene = desk.scene("scene.tif", 128, 3);
    let points = |name: &str, east: i32| {
        let point = |col: i32, row: i32| {
            let (x, y) = (551_000 + east + col / 2, 4_417_000 - row / 2);
            ["-gcp".to_owned(), col.to_string(), row.to_string(), x.to_string(), y.to_string()]
        };
        let points: Vec<String> = [[0, 0], [128, 0], [128, 128], [0, 128]].map(|[c, r]| point(c, r)).concat();
        let points: Vec<&str> = points.iter().map(String::as_str).collect();
        desk.made(&scene, name, &[&points[..], &["-a_srs", CRS]].concat())
    };
    let (before, after) = (points("before.tif", 0), points("after.tif", 50_000));
    let told = pair(&before, &after).unwrap().cautions();
    let clause = "has 4 ground control points, which are not used: warp it first with gdalwarp";
    assert_eq!(told, [format!("the before image {clause}"), format!("the after image {clause}")]);
    let told = pair(&scene, &after).unwrap_err().to_string();
    assert!(told.ends_with(&format!("after.tif has none: it {clause}")), "{told}");

    let bare = desk.bare(&scene, "bare.tif");
    assert_eq!(pair(&bare, &bare).unwrap().cautions(), [] as [String; 0]);
    std::fs::write(desk.at("bare.tfw"), "0.5\n0\n0\n-0.5\n551000\n4417000\n").unwrap();
    let told = pair(&scene, &bare).unwrap_err().to_string();
    assert!(told.contains("has a world file beside it (bare.tfw), which is not read"), "{told}");
    std::fs::write(desk.at("bare.tif.aux.xml"), "<PAMDataset><SRS>EPSG:32652</SRS></PAMDataset>").unwrap();
    let told = pair(&scene, &bare).unwrap_err().to_string();
    assert!(told.contains("has a georeference in bare.tif.aux.xml, which is not read"), "{told}");
}

#[test]
fn transforms_in_axes_of_their_own_that_differ_are_told() {
    let desk = Desk::new();
    let bare = desk.bare(&desk.scene("scene.tif", 128, 3), "bare.tif");
    let lying = |name: &str, corner: [&str; 4], crs: &[&str]| {
        desk.made(&bare, name, &[&["-a_ullr"], &corner[..], crs].concat())
    };
    let (here, there) = (["100", "900", "164", "836"], ["110", "895", "174", "831"]);
    for (crs, clause) in [
        (
            &["-a_srs", "LOCAL_CS[\"site grid\",UNIT[\"metre\",1]]"][..],
            "has a transform in axes of its own (site grid)",
        ),
        (&[], "has a transform without a coordinate reference system"),
    ] {
        let (before, after) = (lying("before.tif", here, crs), lying("after.tif", there, crs));
        let same = pair(&before, &before).unwrap().cautions();
        assert!(same.len() == 2 && same[0].contains(clause), "{same:?}");
        let apart = pair(&before, &after).unwrap().cautions();
        let told = "by their transforms the corner of the after image lies 20 px right and 10 px down";
        assert!(apart.len() == 3 && apart[2].starts_with(told), "{apart:?}");
    }
}

#[test]
fn what_is_assumed_of_colours_and_how_little_is_compared_is_told() {
    let desk = Desk::new();
    let scene = desk.scene("scene.tif", 400, 1);
    let bands = ["-b", "1"].repeat(5);
    let options = [&bands[..], &["-co", "PHOTOMETRIC=MINISBLACK"]].concat();
    let five = desk.made(&scene, "five.tif", &options);
    let told = pair(&five, &scene).unwrap().cautions();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("bands 1, 2 and 3 of 5 are taken as red, green and blue"), "{told:?}");
    assert_eq!(pair(&five, &scene).unwrap().before().bands_used(), [1, 2, 3]);

    let east = desk.made(&scene, "east.tif", &["-srcwin", "360", "0", "400", "400"]);
    let told = pair(&scene, &east).unwrap().cautions();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("only 9 % of the before image lies on the after image"), "{told:?}");
    let west = desk.made(&scene, "west.tif", &["-srcwin", "0", "0", "300", "400"]);
    assert_eq!(pair(&scene, &west).unwrap().cautions(), [] as [String; 0]);
}

#[test]
fn a_picture_that_is_stored_turned_is_told() {
    let desk = Desk::new();
    let scene = desk.scene("scene.tif", 128, 3);
    let turned = desk.at("turned.tif");
    let mut bytes = std::fs::read(&scene).unwrap();
    // the tag of the planar configuration, whose 1 says nothing, becomes that of the orientation
    let tag = bytes.windows(8).position(|tag| tag == [0x1c, 1, 3, 0, 1, 0, 0, 0]).unwrap();
    bytes[tag..tag + 2].copy_from_slice(&274_u16.to_le_bytes());
    bytes[tag + 8] = 6;
    std::fs::write(&turned, bytes).unwrap();
    let told = pair(&scene, &turned).unwrap().cautions();
    assert!(
        told.len() == 1
            && told[0].starts_with("the after image is stored turned or mirrored (orientation 6)")
    );
}

#[test]
fn bytes_with_a_sign_are_refused() {
    let desk = Desk::new();
    let scene = desk.scene("scene.tif", 64, 1);
    let signed = desk.made(&scene, "signed.tif", &["-co", "PIXELTYPE=SIGNEDBYTE"]);
    let told = open(&signed).unwrap_err().to_string();
    assert!(told.contains("holds samples of 8 bits (signed integers) but must hold"), "{told}");
}

#[test]
fn metadata_that_only_looks_like_the_name_of_a_file_is_taken() {
    let desk = Desk::new();
    let scene = desk.scene("scene.tif", 64, 3);
    let items = ["-mo", "GEOLOCATION_ACCURACY=4.2 m CE90", "-mo", "SOURCE=/vsis3/imagery/strip.tif"];
    let named = desk.made(&scene, "named.tif", &[&items[..], &["-mo", "COMMENT=a SUBDATASET"]].concat());
    assert!(desk.ingested(&named).is_ok());
    let named = desk.made(&scene, "overview.tif", &["-mo", "OVERVIEW_FILE=other.tif"]);
    let told = open(&named).unwrap_err().to_string();
    assert!(told.contains("(overview_file in the tag GDAL_METADATA), which is not allowed: gdal_translate"));
    let without = desk.made(&named, "without.tif", &["-co", "PROFILE=GeoTIFF"]);
    assert!(open(&without).is_ok_and(|source| source.info().crs.as_deref() == Some(CRS)));
}
