//! Images placed by hand, through the public door: what they show lies where it was put, in the values that it had.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use imagery_diff::{Grid, Raster};
use raster_io::{
    BlockCache, IngestRequest, IngestWorker, IngestedScene, Placing, Render, Tile, TileReader, WorkerLimits,
    write_geotiff,
};

use crate::support::{run, text};

/// Corners of which the upper two lie closer together: the view was slanted.
const SLANTED: [[f64; 2]; 4] =
    [[127.6005, 39.902], [127.6015, 39.902], [127.602, 39.9005], [127.600, 39.9005]];
const STRAIGHT: [[f64; 2]; 4] =
    [[127.600, 39.902], [127.602, 39.902], [127.602, 39.9005], [127.600, 39.9005]];

fn placed(folder: &Path, file: &Path, corners: [[f64; 2]; 4]) -> (IngestedScene, PathBuf) {
    ingested(folder, file, Some(Placing::Corners(corners)))
}

fn ingested(folder: &Path, file: &Path, placing: Option<Placing>) -> (IngestedScene, PathBuf) {
    let made = folder.join("made");
    std::fs::create_dir_all(&made).unwrap();
    let output = made.join("working.tif");
    let worker = IngestWorker::new(env!("CARGO_BIN_EXE_ingest-worker").into(), "", WorkerLimits::default());
    let request = IngestRequest { input: file.to_owned(), output: output.clone(), placing };
    let scene = worker.ingest(&request).unwrap();
    let left: Vec<_> = std::fs::read_dir(&made).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(left, std::slice::from_ref(&output), "nothing but the working copy is left");
    (scene, output)
}

/// The whole scene as a small picture, and its middle pixel.
fn middle(working: &Path, render: &Render) -> (Tile, [u8; 4]) {
    let reader = TileReader::open(working, &Arc::new(BlockCache::new(16 << 20))).unwrap();
    let tile = reader.thumbnail(render).unwrap();
    let at = (tile.rows as usize / 2 * tile.cols as usize + tile.cols as usize / 2) * 4;
    let pixel = tile.rgba[at..at + 4].try_into().unwrap();
    (tile, pixel)
}

/// Left half dark, right half bright, in pixels without a place.
fn halves(folder: &Path) -> PathBuf {
    let (rows, cols) = (150_u32, 200_u32);
    let row = (0..cols).map(|col| if col < cols / 2 { 40.0 } else { 200.0 });
    let values = std::iter::repeat_n(row, rows as usize).flatten().collect();
    let raster =
        Raster::new(Grid::pixels(rows, cols), 1, values, vec![true; (rows * cols) as usize]).unwrap();
    let file = folder.join("halves.tif");
    write_geotiff(&file, &raster).unwrap();
    file
}

#[test]
fn a_slanted_palette_is_drawn_in_its_colours_and_not_in_mixed_indices() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("colours.vrt");
    let (grey, paletted) = (halves(folder.path()), folder.path().join("palette.png"));
    // index 40 is red, 200 blue, and what lies between green: mixed indices would show it
    let entry = |index: u32| match index {
        40 => r#"<Entry c1="255" c2="0" c3="0"/>"#,
        200 => r#"<Entry c1="0" c2="0" c3="255"/>"#,
        _ => r#"<Entry c1="0" c2="255" c3="0"/>"#,
    };
    let entries: String = (0..256).map(entry).collect();
    let band = format!(
        r#"<VRTRasterBand dataType="Byte" band="1"><ColorInterp>Palette</ColorInterp><ColorTable>{entries}</ColorTable>
           <SimpleSource><SourceFilename>{}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"#,
        text(&grey)
    );
    std::fs::write(&table, format!(r#"<VRTDataset rasterXSize="200" rasterYSize="150">{band}</VRTDataset>"#))
        .unwrap();
    run(
        "gdal_translate",
        &["-q", "--config", "GDAL_PAM_ENABLED", "NO", "-of", "PNG", text(&table), text(&paletted)],
    );

    let (scene, working) = placed(folder.path(), &paletted, SLANTED);
    assert_eq!((scene.info.bands, scene.info.sample_type, scene.info.has_mask), (3, "uint8", true));
    let (tile, _) = middle(&working, &Render::plain(256));
    let shown = tile.rgba.chunks_exact(4).filter(|pixel| pixel[3] == 255);
    let mut counts = [0, 0];
    for pixel in shown {
        assert!(pixel[1] < 8, "no green: {pixel:?}");
        counts[usize::from(pixel[2] > pixel[0])] += 1;
    }
    assert!(counts.iter().all(|count| *count > 5_000), "{counts:?}");
    assert_eq!(tile.rgba[3], 0, "beside the slanted image there is nothing");

    // a straight one keeps its palette
    let (scene, working) = placed(folder.path(), &paletted, STRAIGHT);
    assert_eq!(scene.info.bands, 1);
    let (tile, _) = middle(&working, &Render::plain(256));
    let left = ((tile.rows / 2 * tile.cols + tile.cols / 4) * 4) as usize;
    assert_eq!(tile.rgba[left..left + 4], [255, 0, 0, 255]);
}

#[test]
fn a_slanted_image_of_16_bits_keeps_them_and_does_not_mix_in_what_was_not_observed() {
    let folder = tempfile::tempdir().unwrap();
    let words = folder.path().join("words.tif");
    let scale = ["-scale", "40", "200", "0", "50000", "-a_nodata", "0", "-ot", "UInt16"];
    let grey = halves(folder.path());
    run("gdal_translate", &[&["-q"], &scale[..], &[text(&grey), text(&words)]].concat());
    let (scene, working) = placed(folder.path(), &words, SLANTED);
    assert_eq!((scene.info.bands, scene.info.sample_type, scene.info.has_mask), (1, "uint16", true));
    let listed = folder.path().join("values.txt");
    run("gdal_translate", &["-q", "-of", "XYZ", text(&working), text(&listed)]);
    // all that was observed is 50,000, and all else nothing
    let values = std::fs::read_to_string(&listed).unwrap();
    let mut counts = [0, 0];
    for line in values.lines() {
        match line.split(' ').nth(2).unwrap() {
            "0" => counts[0] += 1,
            "50000" => counts[1] += 1,
            other => panic!("{other} was mixed with what was not observed"),
        }
    }
    assert!(counts.iter().all(|count| *count > 5_000), "{counts:?}");
    let (tile, _) = middle(&working, &Render { stretch: [[0.0, 50_000.0]; 3], ..Render::plain(256) });
    let seen = tile.rgba.chunks_exact(4).filter(|pixel| pixel[3] == 255);
    assert!(seen.clone().count() > 5_000 && seen.clone().all(|pixel| pixel[0] == 255), "16 bits are seen");
}

#[test]
fn opacity_in_any_band_and_of_any_type_says_what_was_observed() {
    let folder = tempfile::tempdir().unwrap();
    // large enough for overviews
    let (rows, cols) = (600_u32, 1_300_u32);
    let valid: Vec<bool> = (0..rows * cols).map(|at| at % cols >= cols / 2).collect();
    let values = [90.0, 120.0, 150.0].into_iter().flat_map(|value| vec![value; (rows * cols) as usize]);
    let raster = Raster::new(Grid::pixels(rows, cols), 3, values.collect(), valid).unwrap();
    let (bytes, file) = (folder.path().join("bytes.tif"), folder.path().join("other.tif"));
    write_geotiff(&bytes, &raster).unwrap();
    let near_infrared = ["-b", "1", "-b", "2", "-b", "3", "-b", "1", "-b", "4"];
    let before_it = ["-b", "1", "-b", "2", "-b", "3", "-b", "4", "-b", "1"];
    let last = ["-colorinterp", "red,green,blue,undefined,alpha"];
    let fourth = ["-colorinterp", "red,green,blue,alpha,undefined"];
    let cases: [(&str, Vec<&str>, u32); 6] = [
        ("bytes and near infrared", [&near_infrared[..], &last].concat(), 4),
        ("bytes, near infrared last", [&before_it[..], &fourth].concat(), 4),
        ("255 in 16 bits", vec!["-ot", "UInt16"], 3),
        ("all of 16 bits", vec!["-ot", "UInt16", "-scale_4", "0", "255", "0", "65535"], 3),
        ("16 bits with a sign", vec!["-ot", "Int16"], 3),
        ("1 in floating point", vec!["-ot", "Float32", "-scale_4", "0", "255", "0", "1"], 3),
    ];
    for (name, arguments, bands) in cases {
        run("gdal_translate", &[&["-q"], &arguments[..], &[text(&bytes), text(&file)]].concat());
        for corners in [STRAIGHT, SLANTED] {
            let (scene, working) = placed(folder.path(), &file, corners);
            assert_eq!((scene.info.bands, scene.info.has_mask), (bands, true), "{name}");
            for size_px in [128, 1_300] {
                let (tile, _) = middle(&working, &Render::plain(size_px));
                let row = &tile.rgba[(tile.rows / 2 * tile.cols) as usize * 4..][..tile.cols as usize * 4];
                let [left, right] = [tile.cols as usize * 4 / 10, tile.cols as usize * 6 / 10]
                    .map(|col| &row[col * 4..][..4]);
                assert_eq!((left[3], right), (0, &[90, 120, 150, 255][..]), "{name}, {size_px} px");
            }
        }
    }
}

#[test]
fn colours_of_a_png_that_are_transparent_were_not_observed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // large enough for overviews; indices 0 and 1 on the left, 2 on the right
    let (rows, cols) = (600_u32, 1_300_u32);
    let indices = (0..rows * cols).map(|at| (at % cols * 4 / cols).min(2) as f32).collect();
    let valid = vec![true; (rows * cols) as usize];
    let raster = Raster::new(Grid::pixels(rows, cols), 1, indices, valid).unwrap();
    write_geotiff(&at("indices.tif"), &raster).unwrap();
    let vrt = |name: &str, band: &str| {
        let bands = band.replace("SOURCE", text(&at("indices.tif")));
        let dataset = format!(r#"<VRTDataset rasterXSize="1300" rasterYSize="600">{bands}</VRTDataset>"#);
        std::fs::write(at("made.vrt"), dataset).unwrap();
        let png = ["-q", "--config", "GDAL_PAM_ENABLED", "NO", "-of", "PNG"];
        let black = ["-mo", "NODATA_VALUES=0 0 0"];
        let options = if name == "black.png" { &black[..] } else { &[] };
        run("gdal_translate", &[&png[..], options, &[text(&at("made.vrt")), text(&at(name))]].concat());
    };
    vrt(
        "palette.png",
        r#"<VRTRasterBand dataType="Byte" band="1"><ColorInterp>Palette</ColorInterp><ColorTable>
           <Entry c1="0" c2="0" c3="0" c4="0"/><Entry c1="0" c2="9" c3="0" c4="100"/>
           <Entry c1="10" c2="20" c3="30" c4="255"/></ColorTable><SimpleSource>
           <SourceFilename>SOURCE</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"#,
    );
    let colour = |(band, value): (usize, u8)| {
        format!(
            r#"<VRTRasterBand dataType="Byte" band="{}"><ComplexSource><SourceFilename>SOURCE</SourceFilename>
               <SourceBand>1</SourceBand><LUT>0:0,1:0,2:{value}</LUT></ComplexSource></VRTRasterBand>"#,
            band + 1
        )
    };
    vrt("black.png", &[10, 20, 30].into_iter().enumerate().map(colour).collect::<String>());
    for (name, placing) in ["palette.png", "black.png"].into_iter().flat_map(|name| {
        [None, Some(STRAIGHT), Some(SLANTED)].map(|corners| (name, corners.map(Placing::Corners)))
    }) {
        let (scene, working) = ingested(folder.path(), &at(name), placing.clone());
        assert_eq!((scene.info.bands, scene.info.has_mask), (3, true), "{name}");
        for size_px in [128, 1_300] {
            let (tile, _) = middle(&working, &Render::plain(size_px));
            let row = &tile.rgba[(tile.rows / 2 * tile.cols) as usize * 4..][..tile.cols as usize * 4];
            let pixels = [2, 4, 7].map(|tenth| &row[tile.cols as usize * tenth / 10 * 4..][..4]);
            let alphas = pixels.map(|pixel| pixel[3]);
            assert_eq!(
                (alphas, pixels[2]),
                ([0, 0, 255], &[10, 20, 30, 255][..]),
                "{name} {placing:?} {size_px}"
            );
        }
    }
}

#[test]
fn a_mask_stays_with_an_image_that_is_placed() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, cols) = (96_u32, 128_u32);
    let valid: Vec<bool> = (0..rows * cols).map(|at| at % cols >= 64).collect();
    let raster = Raster::new(Grid::pixels(rows, cols), 1, vec![90.0; (rows * cols) as usize], valid).unwrap();
    let (alpha, masked) = (folder.path().join("alpha.tif"), folder.path().join("masked.tif"));
    write_geotiff(&alpha, &raster).unwrap();
    let inside = ["--config", "GDAL_TIFF_INTERNAL_MASK", "YES", "-b", "1", "-mask", "2"];
    run("gdal_translate", &[&["-q"], &inside[..], &[text(&alpha), text(&masked)]].concat());
    for (file, corners) in [(&alpha, STRAIGHT), (&masked, STRAIGHT), (&masked, SLANTED)] {
        let (scene, working) = placed(folder.path(), file, corners);
        assert_eq!((scene.info.bands, scene.info.has_mask), (1, true));
        let (tile, _) = middle(&working, &Render::plain(128));
        let row = &tile.rgba[(tile.rows / 2 * tile.cols) as usize * 4..][..tile.cols as usize * 4];
        let [left, right] =
            [tile.cols as usize * 4 / 10, tile.cols as usize * 6 / 10].map(|col| &row[col * 4..][..4]);
        assert_eq!((left[3], right), (0, &[90, 90, 90, 255][..]), "{}", file.display());
    }
}

#[test]
fn an_image_in_axes_of_its_own_is_taken_in_without_a_place_and_placed_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, local) = (halves(folder.path()), folder.path().join("local.tif"));
    let axes = r#"LOCAL_CS["site grid",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]"#;
    let place = ["-q", "-a_srs", axes, "-a_ullr", "1000", "2000", "1100", "1925"];
    run("gdal_translate", &[&place[..], &[text(&plain), text(&local)]].concat());
    let (unplaced, _) = ingested(folder.path(), &local, None);
    assert_eq!((unplaced.info.wkt, unplaced.info.geotransform, unplaced.info.footprint), (None, None, None));
    let (scene, _) = placed(folder.path(), &local, STRAIGHT);
    assert_eq!(scene.info.crs.as_deref(), Some("EPSG:32652"));
}

/// Most memory of the process that places an image: what ingest takes of any, which is less than that and this image.
const PLACING_BYTES_MAX: i64 = 400 << 20;
/// What ingest takes at least of an image of that size.
const INGEST_BYTES_MIN: i64 = 200 << 20;

#[test]
fn placing_takes_the_same_memory_for_an_image_that_is_larger_than_that() {
    let folder = tempfile::tempdir().unwrap();
    let (tiff, png) = (folder.path().join("large.tif"), folder.path().join("large.png"));
    let shape = ["-outsize", "9000", "9000", "-bands", "3", "-burn", "90", "-co", "TILED=YES"];
    let little = ["--config", "GDAL_CACHEMAX", "64", "--config", "GDAL_PAM_ENABLED", "NO"];
    run("gdal_create", &[&shape[..], &["-co", "COMPRESS=DEFLATE"], &little, &[text(&tiff)]].concat());
    let options = ["-q", "-of", "PNG", "-co", "ZLEVEL=1"];
    run("gdal_translate", &[&options[..], &little, &[text(&tiff), text(&png)]].concat());
    let (scene, _) = placed(folder.path(), &png, STRAIGHT);
    assert_eq!(scene.info.crs.as_deref(), Some("EPSG:32652"));
    // SAFETY: the call writes the whole of a plain structure
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage), 0);
        usage
    };
    let peak = usage.ru_maxrss << 10;
    let raw = 9_000 * 9_000 * 3;
    assert!(PLACING_BYTES_MAX < raw + INGEST_BYTES_MIN, "the image in memory would be seen");
    assert!(peak < PLACING_BYTES_MAX, "{peak} bytes for {raw} bytes of pixels");
}
