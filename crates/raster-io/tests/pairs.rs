//! Files through the public door, judged by GDAL's own tools.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use imagery_diff::{
    Displacement, Grid, MapPoint, PairSource, Raster, Reference, register::overview_reduction,
};
use raster_io::{
    BlockCache, CommonGridOptions, IngestRequest, IngestWorker, Placing, RasterError, Render, ScenePair,
    TileReader, WorkerLimits, open, write_geotiff,
};

use crate::support::{run, text};

/// Smooth colours, so that resampling can be compared to within a few grey values.
fn smooth(rows: u32, cols: u32, origin: MapPoint, crs: &str) -> Raster {
    let grid = Grid { rows, cols, origin, pixel_m: 0.5, reference: Reference::Projected(crs.to_owned()) };
    let value = |band: usize, row: u32, col: u32| {
        let (x, y) = (f64::from(col) * 0.05, f64::from(row) * 0.04);
        (128.0 + 60.0 * (x + band as f64).sin() + 50.0 * (y - band as f64 * 0.5).cos()) as f32
    };
    let values = (0..3)
        .flat_map(|band| (0..rows).flat_map(move |row| (0..cols).map(move |col| value(band, row, col))))
        .collect();
    Raster::new(grid, 3, values, vec![true; (rows * cols) as usize]).unwrap()
}

fn worker() -> IngestWorker {
    IngestWorker::new(env!("CARGO_BIN_EXE_ingest-worker").into(), "", WorkerLimits::default())
}

fn hamhung(rows: u32, cols: u32) -> Raster {
    smooth(rows, cols, MapPoint { x: 551_000.0, y: 4_417_000.0 }, "EPSG:32652")
}

/// Mean difference of the two rasters of a pair over the pixels that both have, and the share of those.
fn difference(pair: &ScenePair) -> (f64, f64) {
    let read = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
    let seen: Vec<usize> = (0..read.grid().len()).filter(|&index| read.both_valid(index)).collect();
    let apart =
        |&index: &usize| f64::from((read.before().band(1)[index] - read.after().band(1)[index]).abs());
    (seen.iter().map(apart).sum::<f64>() / seen.len() as f64, seen.len() as f64 / read.grid().len() as f64)
}

#[test]
fn a_file_and_itself_are_read_without_resampling() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.tif");
    let raster = hamhung(300, 400);
    write_geotiff(&path, &raster).unwrap();
    let pair = ScenePair::open(&path, &path, &CommonGridOptions::default()).unwrap();
    assert_eq!(pair.grid(), raster.grid());
    let read = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
    assert!(read.before().valid().iter().all(|valid| *valid));
    assert_eq!(read.before().band(2)[12_345], raster.band(2)[12_345].round());
}

#[test]
fn windows_fit_together_without_a_seam() {
    let folder = tempfile::tempdir().unwrap();
    let (fine, coarse) = (folder.path().join("fine.tif"), folder.path().join("coarse.tif"));
    write_geotiff(&fine, &hamhung(600, 600)).unwrap();
    run("gdalwarp", &["-q", "-tr", "1.7", "1.7", "-r", "average", text(&fine), text(&coarse)]);
    let pair = ScenePair::open(&fine, &coarse, &CommonGridOptions::default()).unwrap();
    let whole = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
    let window = imagery_diff::Window { row: 40, col: 30, rows: 50, cols: 60 };
    let part = pair.read(window, &Displacement::default()).unwrap();
    for row in 0..50 {
        for col in 0..60 {
            let index = (row + 40) * pair.grid().cols as usize + col + 30;
            assert_eq!(part.before().band(0)[row * 60 + col], whole.before().band(0)[index]);
            assert_eq!(part.after().band(0)[row * 60 + col], whole.after().band(0)[index]);
        }
    }
}

#[test]
fn windows_of_a_file_with_overviews_lie_where_those_of_one_without_lie() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, tiled) = (folder.path().join("plain.tif"), folder.path().join("tiled.tif"));
    // an odd size, of which no overview is a whole part
    write_geotiff(&plain, &hamhung(1_501, 2_003)).unwrap();
    let overviews = ["-q", "-of", "COG", "-co", "BLOCKSIZE=128", "-co", "OVERVIEW_RESAMPLING=AVERAGE"];
    run("gdal_translate", &[&overviews[..], &[text(&plain), text(&tiled)]].concat());
    for finer in [1.7, 2.0, 2.5, 3.0, 5.0, 6.0, 7.0] {
        let options = CommonGridOptions { gsd_m: 0.5 * finer, ..CommonGridOptions::default() };
        let pair = ScenePair::open(&plain, &tiled, &options).unwrap();
        let (apart, share) = difference(&pair);
        assert!(apart < 0.5 && share > 0.95, "{finer} times finer: {apart} grey values apart, {share} seen");
        let whole = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
        let window = imagery_diff::Window { row: 37, col: 51, rows: 60, cols: 70 };
        let part = pair.read(window, &Displacement::default()).unwrap();
        for (at, value) in part.after().band(0).iter().enumerate() {
            let (row, col) = (at / 70 + 37, at % 70 + 51);
            assert_eq!(*value, whole.after().band(0)[row * pair.grid().cols as usize + col]);
        }
    }
}

#[test]
fn an_image_is_not_reduced_below_what_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stripes.tif");
    // stripes of two pixels on, two off, that begin with one: the mean of two by two would be grey all over
    let grid = Grid {
        rows: 60,
        cols: 60,
        origin: MapPoint { x: 551_000.0, y: 4_417_000.0 },
        pixel_m: 0.3,
        reference: Reference::Projected("EPSG:32652".to_owned()),
    };
    let values = (0..3_600).map(|at| if (at + 1) % 4 < 2 { 200.0 } else { 40.0 }).collect();
    write_geotiff(&path, &Raster::new(grid, 1, values, vec![true; 3_600]).unwrap()).unwrap();
    let options = CommonGridOptions { gsd_m: 0.5, ..CommonGridOptions::default() };
    let pair = ScenePair::open(&path, &path, &options).unwrap();
    let read = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
    let (least, most) = read
        .before()
        .band(0)
        .iter()
        .zip(read.before().valid())
        .filter(|(_, valid)| **valid)
        .fold((f32::MAX, f32::MIN), |(least, most), (value, _)| (least.min(*value), most.max(*value)));
    assert!(most - least > 100.0, "{least} to {most}");
}

#[test]
fn a_colour_that_has_the_nodata_value_in_one_band_is_observed() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, marked, working) = (
        folder.path().join("plain.tif"),
        folder.path().join("marked.tif"),
        folder.path().join("working.tif"),
    );
    let raster = hamhung(64, 64);
    // a roof without any red, and a corner without anything
    let values = (0..3)
        .flat_map(|band| {
            let mut values = raster.band(band).to_vec();
            values[1_000..1_010].fill([0.0, 60.0, 190.0][band]);
            values[..5].fill(0.0);
            values
        })
        .collect();
    write_geotiff(&plain, &Raster::new(raster.grid().clone(), 3, values, vec![true; 4_096]).unwrap())
        .unwrap();
    run("gdal_translate", &["-q", "-a_nodata", "0", text(&plain), text(&marked)]);
    let request = IngestRequest { input: marked.clone(), output: working.clone(), placing: None };
    worker().ingest(&request).unwrap();
    for path in [&marked, &working] {
        let pair = ScenePair::open(path, path, &CommonGridOptions::default()).unwrap();
        let read = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
        let unseen: Vec<usize> = (0..4_096).filter(|&at| !read.before().valid()[at]).collect();
        assert_eq!(unseen, [0, 1, 2, 3, 4], "{}", path.display());
    }
    let tiles = TileReader::open(&working, &std::sync::Arc::new(BlockCache::new(1 << 24))).unwrap();
    let tile = tiles.native_tile(0, 0, 0, &Render::plain(256)).unwrap().expect("the scene reaches its tile");
    let clear = tile.rgba.chunks_exact(4).take(64 * 256).filter(|pixel| pixel[3] == 0).count();
    assert_eq!(clear, 5 + 64 * (256 - 64));
}

#[test]
fn samples_of_any_depth_are_taken_in() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain.tif");
    write_geotiff(&plain, &hamhung(64, 64)).unwrap();
    let deep = ["-q", "-ot", "UInt16", "-scale", "0", "255", "0", "4095", "-co", "NBITS=12"];
    let grey = ["-q", "-b", "1", "-scale", "0", "255", "0", "15", "-of", "PNG", "-co", "NBITS=4"];
    let cases = [
        ("12 bits", "deep.tif", deep.to_vec()),
        ("12 bits as JPEG 2000", "deep.jp2", [&deep[..], &["-of", "JP2OpenJPEG"]].concat()),
        ("4 bits as PNG", "grey.png", grey.to_vec()),
        ("one bit", "flag.tif", vec!["-q", "-b", "1", "-scale", "0", "255", "0", "1", "-co", "NBITS=1"]),
    ];
    for (name, file, arguments) in cases {
        let (input, output) = (folder.path().join(file), folder.path().join("working.tif"));
        run("gdal_translate", &[&arguments[..], &[text(&plain), text(&input)]].concat());
        let corners = [[127.60, 39.901], [127.603, 39.901], [127.603, 39.899], [127.60, 39.899]];
        let placing = file.ends_with("png").then_some(Placing::Corners(corners));
        let made = worker().ingest(&IngestRequest { input, output: output.clone(), placing });
        assert!(made.is_ok(), "{name}: {made:?}");
        assert!(open(&output).is_ok(), "{name}");
    }
}

#[test]
fn other_systems_resolutions_rotations_and_sample_types_come_onto_one_grid() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base.tif");
    write_geotiff(&base, &hamhung(600, 600)).unwrap();
    let cases: [(&str, &str, &[&str]); 6] = [
        ("the next UTM zone", "gdalwarp", &["-q", "-t_srs", "EPSG:32651", "-r", "cubic"]),
        ("degrees", "gdalwarp", &["-q", "-t_srs", "EPSG:4326", "-r", "cubic"]),
        ("web mercator", "gdalwarp", &["-q", "-t_srs", "EPSG:3857", "-r", "cubic"]),
        ("half the resolution", "gdalwarp", &["-q", "-tr", "1", "1", "-r", "average"]),
        ("nodata", "gdalwarp", &["-q", "-t_srs", "EPSG:32651", "-r", "cubic", "-dstnodata", "0"]),
        (
            "16 bits as JPEG 2000",
            "gdal_translate",
            &["-q", "-ot", "UInt16", "-of", "JP2OpenJPEG", "-co", "REVERSIBLE=YES", "-co", "QUALITY=100"],
        ),
    ];
    for (name, tool, arguments) in cases {
        let other = folder.path().join(if name.contains("2000") { "other.jp2" } else { "other.tif" });
        let _ = std::fs::remove_file(&other);
        run(tool, &[arguments, &[text(&base), text(&other)]].concat());
        let pair = ScenePair::open(&base, &other, &CommonGridOptions::default()).unwrap();
        let (apart, share) = difference(&pair);
        assert!(apart < 1.5, "{name}: {apart} grey values apart");
        assert!(share > 0.9, "{name}: only {share} of the pixels are seen");
        assert!(matches!(&pair.grid().reference, Reference::Projected(crs) if crs == "EPSG:32652"), "{name}");
    }
}

#[test]
fn metres_that_are_none_on_the_ground_are_not_taken_for_metres() {
    let folder = tempfile::tempdir().unwrap();
    let (base, stretched) = (folder.path().join("base.tif"), folder.path().join("stretched.tif"));
    write_geotiff(&base, &hamhung(300, 300)).unwrap();
    run("gdalwarp", &["-q", "-t_srs", "EPSG:3395", "-r", "cubic", text(&base), text(&stretched)]);
    let pair = ScenePair::open(&stretched, &stretched, &CommonGridOptions::default()).unwrap();
    assert_eq!(pair.grid().reference, Reference::Projected("EPSG:32652".to_owned()));
    assert!((pair.grid().pixel_m - 0.5).abs() < 0.01, "{}", pair.grid());
}

#[test]
fn a_long_scene_is_enlarged_only_as_far_as_the_grid_may_grow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.tif");
    let grid = Grid {
        pixel_m: 1.0,
        ..smooth(1, 1, MapPoint { x: 401_000.0, y: 4_417_000.0 }, "EPSG:32652").grid().clone()
    };
    let long =
        Raster::new(Grid { rows: 2, cols: 80_000, ..grid }, 1, vec![7.0; 160_000], vec![true; 160_000]);
    write_geotiff(&path, &long.unwrap()).unwrap();
    let options = CommonGridOptions { gsd_m: 0.5, enlarge_max: 3.0 };
    let pair = ScenePair::open(&path, &path, &options).unwrap();
    assert!((140_000..=150_000).contains(&pair.grid().cols), "{}", pair.grid());
}

#[test]
fn a_scene_that_is_much_longer_than_high_has_an_overview() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("thin.tif");
    write_geotiff(&path, &hamhung(4, 20_000)).unwrap();
    let pair = ScenePair::open(&path, &path, &CommonGridOptions { gsd_m: 0.5, enlarge_max: 1.0 }).unwrap();
    let overview = pair.overview(overview_reduction(pair.grid())).unwrap();
    assert_eq!((overview.grid().rows, overview.grid().cols), (1, 5_000));
    assert!((0..5_000).all(|index| overview.both_valid(index)));
}

#[test]
fn a_rotated_geotransform_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (base, rotated) = (folder.path().join("base.tif"), folder.path().join("rotated.tif"));
    let raster = hamhung(400, 400);
    write_geotiff(&base, &raster).unwrap();
    // rows north, columns east, swapped: a quarter turn keeps every pixel where it is on the ground
    let vrt = folder.path().join("turned.vrt");
    run("gdal_translate", &["-q", "-of", "VRT", text(&base), text(&vrt)]);
    let turned = std::fs::read_to_string(&vrt).unwrap();
    let start = turned.find("<GeoTransform>").unwrap();
    let end = turned.find("</GeoTransform>").unwrap();
    let turned =
        format!("{}<GeoTransform>551000, 0.5, 0.02, 4417000, 0.02, -0.5{}", &turned[..start], &turned[end..]);
    std::fs::write(&vrt, turned).unwrap();
    run("gdal_translate", &["-q", text(&vrt), text(&rotated)]);
    let straight = folder.path().join("straight.tif");
    run(
        "gdalwarp",
        &["-q", "-r", "bilinear", "-tr", "0.5", "0.5", "-dstnodata", "0", text(&rotated), text(&straight)],
    );
    let pair = ScenePair::open(&straight, &rotated, &CommonGridOptions::default()).unwrap();
    let (apart, _) = difference(&pair);
    assert!(apart < 1.0, "{apart} grey values from what gdalwarp makes of it");
}

#[test]
fn nodata_and_alpha_are_not_observed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, holed) = (folder.path().join("a.tif"), folder.path().join("b.tif"));
    let raster = hamhung(64, 64);
    write_geotiff(&path, &raster).unwrap();
    let mut valid = vec![true; 64 * 64];
    valid[..640].fill(false);
    let values = (0..3).flat_map(|band| raster.band(band).to_vec()).collect();
    write_geotiff(&holed, &Raster::new(raster.grid().clone(), 3, values, valid).unwrap()).unwrap();
    let pair = ScenePair::open(&path, &holed, &CommonGridOptions::default()).unwrap();
    let read = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
    assert_eq!(read.after().valid().iter().filter(|valid| !**valid).count(), 640);
    assert!(read.before().valid().iter().all(|valid| *valid));
    // opacity that GDAL does not take for a mask
    let other = folder.path().join("other.tif");
    let five = ["-b", "1", "-b", "2", "-b", "3", "-b", "1", "-b", "4"];
    let meanings = ["-colorinterp", "red,green,blue,undefined,alpha"];
    for arguments in [&["-ot", "UInt16"][..], &["-ot", "Float32"], &[&five[..], &meanings].concat()] {
        run("gdal_translate", &[&["-q"], arguments, &[text(&holed), text(&other)]].concat());
        let pair = ScenePair::open(&path, &other, &CommonGridOptions::default()).unwrap();
        let read = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
        assert_eq!(read.after().valid().iter().filter(|valid| !**valid).count(), 640, "{arguments:?}");
    }
}

#[test]
fn what_fills_a_corner_is_not_observed_though_nothing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cut) = (folder.path().join("a.tif"), folder.path().join("cut.tif"));
    let raster = hamhung(200, 240);
    write_geotiff(&path, &raster).unwrap();
    let is_cut = |at: usize| at / 240 + at % 240 < 90;
    for fill in [0.0, 255.0] {
        let cut_off = |band| {
            raster.band(band).iter().enumerate().map(|(at, value)| if is_cut(at) { fill } else { *value })
        };
        let values: Vec<f32> = (0..3).flat_map(cut_off).collect();
        let raster = Raster::new(raster.grid().clone(), 3, values, vec![true; raster.grid().len()]).unwrap();
        write_geotiff(&cut, &raster).unwrap();
        let pair = ScenePair::open(&path, &cut, &CommonGridOptions::default()).unwrap();
        let read = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
        assert!(read.before().valid().iter().all(|valid| *valid));
        let near = |at: usize| at / 240 + at % 240 < 92;
        let is_as_cut = |(at, valid): (usize, &bool)| !is_cut(at) || !valid;
        assert!(read.after().valid().iter().enumerate().all(is_as_cut), "{fill}");
        let missing = read.after().valid().iter().enumerate().filter(|(_, valid)| !**valid);
        assert!(missing.clone().all(|(at, _)| near(at)), "{fill}: and the pixels that touch it");
        let cautions = pair.cautions();
        assert!(
            cautions.len() == 1 && cautions[0].contains("cut.tif") && cautions[0].contains(&fill.to_string())
        );
        let output = folder.path().join(format!("made{fill}/working.tif"));
        std::fs::create_dir(output.parent().unwrap()).unwrap();
        let request = IngestRequest { input: cut.clone(), output: output.clone(), placing: None };
        assert!(worker().ingest(&request).unwrap().info.has_mask);
        assert_eq!(open(&output).unwrap().info().undeclared_fill, None, "the working copy declares it");
    }
}

#[test]
fn infrared_that_is_marked_as_opacity_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, marked) = (folder.path().join("a.tif"), folder.path().join("marked.tif"));
    write_geotiff(&path, &hamhung(200, 240)).unwrap();
    let bands = ["-q", "-b", "1", "-b", "2", "-b", "3", "-b", "2", "-colorinterp_4", "alpha"];
    run("gdal_translate", &[&bands[..], &[text(&path), text(&marked)]].concat());
    let pair = ScenePair::open(&path, &marked, &CommonGridOptions::default()).unwrap();
    let read = pair.read(pair.grid().window(), &Displacement::default()).unwrap();
    assert!(read.after().valid().iter().all(|valid| *valid));
    let cautions = pair.cautions();
    assert!(cautions.len() == 1 && cautions[0].contains("marked.tif: band 4"), "{cautions:?}");
}

#[test]
fn what_cannot_be_compared_is_told_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    write_geotiff(&file("here.tif"), &hamhung(64, 64)).unwrap();
    let far = smooth(64, 64, MapPoint { x: 600_000.0, y: 4_300_000.0 }, "EPSG:32652");
    write_geotiff(&file("far.tif"), &far).unwrap();
    let plain = |rows, cols| {
        Raster::new(
            Grid::pixels(rows, cols),
            1,
            vec![7.0; (rows * cols) as usize],
            vec![true; (rows * cols) as usize],
        )
    };
    write_geotiff(&file("plain.tif"), &plain(64, 64).unwrap()).unwrap();
    write_geotiff(&file("wide.tif"), &plain(64, 65).unwrap()).unwrap();
    std::fs::write(file("text.tif"), "this is a text").unwrap();
    let whole = std::fs::read(file("here.tif")).unwrap();
    std::fs::write(file("cut.tif"), &whole[..whole.len() / 2]).unwrap();
    let fails = |before: &str, after: &str| {
        let error = ScenePair::open(&file(before), &file(after), &CommonGridOptions::default()).unwrap_err();
        (error.to_string().replace(text(folder.path()), ""), error)
    };
    assert!(matches!(fails("here.tif", "far.tif").1, RasterError::NoOverlap { .. }));
    assert_eq!(fails("here.tif", "plain.tif").0, "/here.tif has a georeference but /plain.tif has none");
    assert!(matches!(fails("plain.tif", "wide.tif").1, RasterError::SizesDiffer { .. }));
    assert!(fails("here.tif", "text.tif").0.starts_with("/text.tif is a text that begins with"));
    assert!(fails("here.tif", "cut.tif").0.starts_with("/cut.tif"));
    assert!(matches!(fails("here.tif", "none.tif").1, RasterError::Read { .. }));
}

#[test]
fn a_screenshot_is_placed_by_its_corners_and_tiled() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, working) = (folder.path().join("plain.tif"), folder.path().join("working.tif"));
    let raster = hamhung(300, 400);
    let values = (0..3).flat_map(|band| raster.band(band).to_vec()).collect();
    let unplaced = Raster::new(Grid::pixels(300, 400), 3, values, vec![true; 300 * 400]).unwrap();
    write_geotiff(&plain, &unplaced).unwrap();
    let corners = [[127.60, 39.901], [127.603, 39.901], [127.603, 39.899], [127.60, 39.899]];
    let scene = worker()
        .ingest(&IngestRequest {
            input: plain,
            output: working.clone(),
            placing: Some(Placing::Corners(corners)),
        })
        .unwrap();
    assert_eq!(scene.info.crs.as_deref(), Some("EPSG:32652"));
    assert!(scene.residual_m.is_some_and(|off_m| off_m < 0.1), "{:?}", scene.residual_m);
    assert!((scene.info.gsd_m.unwrap() - 0.69).abs() < 0.1, "{:?}", scene.info.gsd_m);
    let tiles = TileReader::open(&working, &std::sync::Arc::new(BlockCache::new(1 << 24))).unwrap();
    let render = Render::plain(256);
    // the tile of WebMercatorQuad at zoom 17 that holds 127.6015 E 39.9 N
    let (zoom, col, row) = (17, 111_994, 49_668);
    let tile = tiles.web_mercator_tile(zoom, col, row, &render).unwrap().expect("the scene reaches the tile");
    assert!(tile.rgba.chunks_exact(4).filter(|pixel| pixel[3] == 255).count() > 20_000);
    assert!(tiles.web_mercator_tile(zoom, col + 50, row, &render).unwrap().is_none());
    let native = tiles.native_tiling();
    assert_eq!(native.resolutions.len(), 2);
    assert!(tiles.native_tile(0, 0, 0, &render).unwrap().is_some());
    assert!(tiles.native_tile(0, 1, 0, &render).unwrap().is_none());
    assert!(open(&working).unwrap().info().footprint.is_some());
}

#[test]
fn a_slanted_screenshot_is_drawn_anew_with_each_corner_where_it_was_put() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, working) = (folder.path().join("plain.tif"), folder.path().join("working.tif"));
    // quarters of four greys, so that each corner of the picture is known by its own
    let (rows, cols) = (300_u32, 400_u32);
    let grey = |at: u32| match (at / cols < rows / 2, at % cols < cols / 2) {
        (true, true) => 40.0,
        (true, false) => 90.0,
        (false, false) => 140.0,
        (false, true) => 190.0,
    };
    let values = (0..3).flat_map(|_| (0..rows * cols).map(grey)).collect();
    let quarters =
        Raster::new(Grid::pixels(rows, cols), 3, values, vec![true; (rows * cols) as usize]).unwrap();
    write_geotiff(&plain, &quarters).unwrap();
    let corners = [[127.6010, 39.902], [127.6030, 39.902], [127.604, 39.9], [127.60, 39.9]];
    let placing = Some(Placing::Corners(corners));
    let scene =
        worker().ingest(&IngestRequest { input: plain.clone(), output: working.clone(), placing }).unwrap();
    assert!(scene.info.has_mask, "what lies beside the picture was not observed");
    assert_eq!(scene.residual_m, Some(0.0));
    let tiles = TileReader::open(&working, &std::sync::Arc::new(BlockCache::new(1 << 24))).unwrap();
    let render = Render::plain(256);
    let at = |lon: f64, lat: f64| {
        // the pixel of WebMercatorQuad at zoom 18 that holds the place
        let side = f64::from(1 << 18) * 256.0;
        let x = (lon + 180.0) / 360.0 * side;
        let y = (1.0 - lat.to_radians().tan().asinh() / std::f64::consts::PI) / 2.0 * side;
        let tile = tiles.web_mercator_tile(18, (x / 256.0) as u32, (y / 256.0) as u32, &render).unwrap()?;
        let pixel = ((y % 256.0) as usize * 256 + (x % 256.0) as usize) * 4;
        (tile.rgba[pixel + 3] == 255).then(|| tile.rgba[pixel])
    };
    // just inside each corner, then outside of the slanted sides
    assert_eq!(at(127.6011, 39.90195), Some(40));
    assert_eq!(at(127.6029, 39.90195), Some(90));
    assert_eq!(at(127.6038, 39.90005), Some(140));
    assert_eq!(at(127.6002, 39.90005), Some(190));
    assert_eq!(at(127.6002, 39.9019), None);
    assert_eq!(at(127.6038, 39.9019), None);

    let again = IngestRequest {
        input: working,
        output: folder.path().join("again.tif"),
        placing: Some(Placing::Corners(corners)),
    };
    let error = worker().ingest(&again).unwrap_err().to_string();
    assert!(error.contains("has a georeference of its own"), "{error}");
}
