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
