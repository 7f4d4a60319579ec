//! Tiles through the public door, judged by the source's own pixels and by GDAL.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use geo::BoundingRect;
use imagery_diff::{Grid, MapPoint, Raster, Reference};
use raster_io::{
    BandChoice, BlockCache, IngestRequest, IngestWorker, Observed, Render, Reprojection, Tile, TileFormat,
    TileReader, WEB_MERCATOR_HALF_M, WorkerLimits, encode, web_mercator_limits, write_geotiff,
};
use tempfile::TempDir;

use crate::support::{run, text};

const BLOCK_BYTES: u64 = 64 << 20;

/// A picture of Hamhung, see [`picture`].
fn scene(rows: u32, cols: u32, hole: u32) -> Raster {
    let origin = MapPoint { x: 551_000.0, y: 4_417_000.0 };
    let reference = Reference::Projected("EPSG:32652".to_owned());
    picture(Grid { rows, cols, origin, pixel_m: 0.5, reference }, hole)
}

/// A picture with detail, not observed left of column `hole`.
fn picture(grid: Grid, hole: u32) -> Raster {
    let (rows, cols) = (grid.rows, grid.cols);
    let value = |band: u32, row: u32, col: u32| {
        let fine = (row * 7 + col * 13 + band * 29) % 31;
        let coarse = 90.0 + 60.0 * (f64::from(col) * 0.02).sin() + 40.0 * (f64::from(row) * 0.03).cos();
        (coarse + f64::from(fine)).round() as f32
    };
    let values = (0..3)
        .flat_map(|band| (0..rows).flat_map(move |row| (0..cols).map(move |col| value(band, row, col))))
        .collect();
    let valid = (0..rows).flat_map(|_| (0..cols).map(|col| col >= hole)).collect();
    Raster::new(grid, 3, values, valid).unwrap()
}

fn ingested(folder: &TempDir, file: &Path) -> PathBuf {
    let output = folder.path().join("working.tif");
    let worker = IngestWorker::new(env!("CARGO_BIN_EXE_ingest-worker").into(), "", WorkerLimits::default());
    worker.ingest(&IngestRequest { input: file.to_owned(), output: output.clone(), placing: None }).unwrap();
    output
}

/// The working copy of a scene, opened for tiles.
fn reader(folder: &TempDir, raster: &Raster) -> TileReader {
    let file = folder.path().join("scene.tif");
    write_geotiff(&file, raster).unwrap();
    TileReader::open(&ingested(folder, &file), &Arc::new(BlockCache::new(BLOCK_BYTES))).unwrap()
}

fn pixel(tile: &Tile, row: usize, col: usize) -> [u8; 4] {
    tile.rgba[(row * tile.cols as usize + col) * 4..][..4].try_into().unwrap()
}

#[test]
fn tiles_of_the_last_level_are_the_sources_own_pixels_and_what_was_not_observed_is_transparent() {
    let folder = tempfile::tempdir().unwrap();
    let raster = scene(700, 900, 300);
    let reader = reader(&folder, &raster);
    let level = reader.native_tiling().resolutions.len() as u32 - 1;
    assert_eq!(reader.native_tiling().matrix(level), Some([4, 3]));
    let mut compared = 0;
    for (tile_row, tile_col) in (0..3).flat_map(|row| (0..4).map(move |col| (row, col))) {
        let tile = reader.native_tile(level, tile_col, tile_row, &Render::plain(256)).unwrap().unwrap();
        for (row, col) in (0..256).flat_map(|row| (0..256).map(move |col| (row, col))) {
            let (at_row, at_col) = (tile_row as usize * 256 + row, tile_col as usize * 256 + col);
            let expected = if at_row < 700 && (300..900).contains(&at_col) {
                let value = |band| raster.band(band)[at_row * 900 + at_col] as u8;
                compared += 1;
                [value(0), value(1), value(2), 255]
            } else {
                [0; 4]
            };
            assert_eq!(pixel(&tile, row, col), expected, "row {at_row}, column {at_col}");
        }
        let observed = match tile_col {
            0 => Observed::Nothing,
            2 if tile_row < 2 => Observed::Everything,
            _ => Observed::Parts,
        };
        assert_eq!(tile.observed, observed, "{tile_row} {tile_col}");
    }
    assert_eq!(compared, 700 * 600);
    assert!(reader.native_tile(level, 4, 0, &Render::plain(256)).unwrap().is_none());
    assert!(reader.native_tile(level + 1, 0, 0, &Render::plain(256)).unwrap().is_none());
}

#[test]
fn a_coarser_level_is_the_mean_of_the_pixels_under_it() {
    let folder = tempfile::tempdir().unwrap();
    let raster = scene(1_024, 1_024, 0);
    let reader = reader(&folder, &raster);
    let tile = reader.native_tile(0, 0, 0, &Render::plain(256)).unwrap().unwrap();
    let mut apart = 0.0;
    for (row, col) in (0..256).flat_map(|row| (0..256).map(move |col| (row, col))) {
        let under = (0..16).map(|index| (row * 4 + index / 4, col * 4 + index % 4));
        let mean = under.map(|(row, col)| f64::from(raster.band(1)[row * 1_024 + col])).sum::<f64>() / 16.0;
        apart += (f64::from(pixel(&tile, row, col)[1]) - mean).abs();
    }
    // rounded at each of two levels, and once more
    assert!(apart / 65_536.0 < 0.8, "{} grey values apart", apart / 65_536.0);
}

#[test]
fn overviews_that_a_file_brings_along_are_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forged.tif");
    let shape = ["-outsize", "1200", "1200", "-bands", "1", "-burn", "40"];
    run("gdal_create", &[&shape[..], &[text(&file)]].concat());
    let own = std::fs::metadata(&file).unwrap().len() as usize;
    run("gdaladdo", &["-q", text(&file), "2", "4", "8"]);
    // its pixels change, its overviews do not
    let mut bytes = std::fs::read(&file).unwrap();
    let pixels = bytes.windows(1_200).position(|row| row.iter().all(|byte| *byte == 40)).unwrap();
    bytes[pixels..own].iter_mut().filter(|byte| **byte == 40).for_each(|byte| *byte = 200);
    std::fs::write(&file, bytes).unwrap();
    let reader =
        TileReader::open(&ingested(&folder, &file), &Arc::new(BlockCache::new(BLOCK_BYTES))).unwrap();
    let tile = reader.native_tile(0, 0, 0, &Render::plain(256)).unwrap().unwrap();
    assert_eq!(pixel(&tile, 50, 50), [200, 200, 200, 255]);
}

#[test]
fn a_picture_is_drawn_from_so_many_pixels_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let (long, plain) = (folder.path().join("long.tif"), folder.path().join("plain.tif"));
    let place =
        ["-a_srs", "EPSG:32652", "-bands", "1", "-burn", "90", "-co", "COMPRESS=DEFLATE", "-co", "TILED=YES"];
    // pixels of 4 cm by 20 m: the whole is a tile of 45 million pixels if none of its rows is left out
    let shape = ["-outsize", "150000", "300", "-a_ullr", "551000", "4417000", "557000", "4411000"];
    run("gdal_create", &[&place[..], &shape, &[text(&long)]].concat());
    let cache = Arc::new(BlockCache::new(BLOCK_BYTES));
    let reader = TileReader::open(&ingested(&folder, &long), &cache).unwrap();
    let tile = reader.native_tile(0, 0, 0, &Render::plain(256)).unwrap().unwrap();
    assert_eq!(pixel(&tile, 100, 100), [90, 90, 90, 255]);
    assert!(cache.state().missed < 150_000 / 512, "{:?}", cache.state());
    // a file that is no working copy, without any overview
    let shape = ["-outsize", "6000", "6000", "-a_ullr", "551000", "4417000", "554000", "4414000"];
    run("gdal_create", &[&place[..], &shape, &[text(&plain)]].concat());
    let reader = TileReader::open(&plain, &cache).unwrap();
    let told = reader.thumbnail(&Render::plain(256)).unwrap_err().to_string();
    assert!(told.contains("its coarsest overview has 6000x6000 px"), "{told}");
}

#[test]
fn a_fill_value_that_nothing_declares_neither_stretches_a_picture_nor_is_seen_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let [bytes, table, filled] =
        ["bytes.tif", "filled.vrt", "filled.tif"].map(|name| folder.path().join(name));
    let plain = scene(256, 256, 0);
    let values = (0..256 * 256).map(|at| if at % 256 < 100 { 0.0 } else { 1.0 + (at % 7) as f32 }).collect();
    write_geotiff(&bytes, &Raster::new(plain.grid().clone(), 1, values, vec![true; 256 * 256]).unwrap())
        .unwrap();
    let band = format!(
        r#"<VRTRasterBand dataType="Float32" band="1"><ComplexSource><SourceFilename>{}</SourceFilename>
           <SourceBand>1</SourceBand><LUT>0:-3.4e38,1:1,255:255</LUT></ComplexSource></VRTRasterBand>"#,
        text(&bytes)
    );
    std::fs::write(&table, format!(r#"<VRTDataset rasterXSize="256" rasterYSize="256">{band}</VRTDataset>"#))
        .unwrap();
    run("gdal_translate", &["-q", text(&table), text(&filled)]);
    let output = folder.path().join("working.tif");
    let worker = IngestWorker::new(env!("CARGO_BIN_EXE_ingest-worker").into(), "", WorkerLimits::default());
    let request = IngestRequest { input: filled, output: output.clone(), placing: None };
    assert_eq!(worker.ingest(&request).unwrap().stretch, [[1.0, 7.0]]);
    let reader = TileReader::open(&output, &Arc::new(BlockCache::new(BLOCK_BYTES))).unwrap();
    let tile = reader.native_tile(0, 0, 0, &Render::plain(256)).unwrap().unwrap();
    assert_eq!([pixel(&tile, 128, 50)[3], pixel(&tile, 128, 150)[3]], [0, 255]);
}

/// Holds a tile that the scene covers against the working copy as GDAL's own tool warps it.
fn must_be_as_gdalwarp_makes_it(folder: &TempDir, reader: &TileReader, [zoom, col, row]: [u32; 3]) {
    let tile = reader.web_mercator_tile(zoom, col, row, &Render::plain(256)).unwrap().unwrap();
    assert_eq!(tile.observed, Observed::Everything);
    let side = 2.0 * WEB_MERCATOR_HALF_M / f64::from(1 << zoom);
    let west = f64::from(col) * side - WEB_MERCATOR_HALF_M;
    let north = WEB_MERCATOR_HALF_M - f64::from(row) * side;
    let warped = folder.path().join(format!("warped-{col}.tif"));
    let box_of = [west, north - side, west + side, north].map(|number| number.to_string());
    let mut arguments =
        vec!["-q", "-t_srs", "EPSG:3857", "-r", "bilinear", "-et", "0", "-ts", "256", "256", "-te"];
    arguments.extend(box_of.iter().map(String::as_str));
    let working = folder.path().join("working.tif");
    arguments.extend([text(&working), text(&warped)]);
    run("gdalwarp", &arguments);
    let warped = TileReader::open(&warped, &Arc::new(BlockCache::new(BLOCK_BYTES))).unwrap();
    let expected = warped.native_tile(0, 0, 0, &Render::plain(256)).unwrap().unwrap();
    let apart = tile.rgba.iter().zip(&expected.rgba).map(|(a, b)| f64::from(a.abs_diff(*b)));
    let mean = apart.sum::<f64>() / tile.rgba.len() as f64;
    assert!(mean < 0.6, "{mean} grey values apart");
}

#[test]
fn web_mercator_tiles_are_what_gdalwarp_makes() {
    let folder = tempfile::tempdir().unwrap();
    let raster = scene(900, 900, 0);
    let reader = reader(&folder, &raster);
    let extent = reader.web_mercator_extent().unwrap().unwrap();
    let zoom = 18;
    let [left, top, right, bottom] = web_mercator_limits(extent, zoom);
    let (col, row) = ((left + right) / 2, (top + bottom) / 2);
    must_be_as_gdalwarp_makes_it(&folder, &reader, [zoom, col, row]);
    assert!(reader.web_mercator_tile(zoom, right + 1, row, &Render::plain(256)).unwrap().is_none());
    assert!(reader.web_mercator_tile(25, 0, 0, &Render::plain(256)).unwrap().is_none());
    let world = reader.web_mercator_tile(0, 0, 0, &Render::plain(256)).unwrap().unwrap();
    assert_eq!(world.observed, Observed::Nothing, "less than a thousandth of a pixel of the world");
}

/// Side of a picture around the antimeridian, pixels.
const ACROSS_PX: u32 = 400;
/// What it shows left and right of its middle.
const WEST_OF_LINE: f32 = 100.0;
const EAST_OF_LINE: f32 = 200.0;

/// A picture of two halves whose middle lies at `[x, y]` of a CRS.
fn halves(folder: &TempDir, crs: &str, [x, y]: [f64; 2], pixel: f64) -> TileReader {
    let (plain, placed) = (folder.path().join("plain.tif"), folder.path().join("placed.tif"));
    let value = |at: u32| if at % ACROSS_PX < ACROSS_PX / 2 { WEST_OF_LINE } else { EAST_OF_LINE };
    let pixels = ACROSS_PX * ACROSS_PX;
    let values = (0..3 * pixels).map(value).collect();
    let grid = Grid::pixels(ACROSS_PX, ACROSS_PX);
    write_geotiff(&plain, &Raster::new(grid, 3, values, vec![true; pixels as usize]).unwrap()).unwrap();
    let half = pixel * f64::from(ACROSS_PX / 2);
    let corners = [x - half, y + half, x + half, y - half].map(|number| number.to_string());
    let mut arguments = vec!["-q", "-a_srs", crs, "-a_ullr"];
    arguments.extend(corners.iter().map(String::as_str));
    arguments.extend([text(&plain), text(&placed)]);
    run("gdal_translate", &arguments);
    TileReader::open(&ingested(folder, &placed), &Arc::new(BlockCache::new(BLOCK_BYTES))).unwrap()
}

/// Where the antimeridian is in the middle of pictures of Fiji, in CRSs that see it from one or the other side, each
/// with a pixel of about 20 m.
fn middles() -> Vec<(&'static str, [f64; 2], f64)> {
    let at = |code| Reprojection::to_epsg(code).unwrap().forward(&[[180.0, -17.0]]).unwrap()[0];
    let web_mercator = [WEB_MERCATOR_HALF_M, at(3857)[1]];
    vec![
        ("EPSG:32760", at(32760), 20.0),
        ("EPSG:32701", at(32701), 20.0),
        ("EPSG:3832", at(3832), 20.0),
        ("EPSG:4326", [180.0, -17.0], 2e-4),
        ("EPSG:4326", [-180.0, -17.0], 2e-4),
        ("EPSG:3857", web_mercator, 20.0),
        ("EPSG:3857", [-web_mercator[0], web_mercator[1]], 20.0),
    ]
}

#[test]
fn a_scene_across_the_antimeridian_is_shown_at_both_ends_of_the_map() {
    for (crs, middle, pixel_side) in middles() {
        let folder = tempfile::tempdir().unwrap();
        let reader = halves(&folder, crs, middle, pixel_side);
        let bounds = reader.source().info().footprint.as_ref().unwrap().bounding_rect().unwrap();
        assert!(bounds.min().x > 179.9 && bounds.max().x > 180.02 && bounds.max().x < 180.1, "{bounds:?}");
        // at this zoom a tile is 39 km wide
        let (zoom, last) = (10, 1_023);
        let extent = reader.web_mercator_extent().unwrap().unwrap();
        let [left, top, right, bottom] = web_mercator_limits(extent, zoom);
        assert_eq!((left, right), (0, last), "{crs} {middle:?}");
        let row = (top + bottom) / 2;
        // a little off the edge: the middle of the picture is not exactly north to south
        for (col, edge, value) in [(last, 250, WEST_OF_LINE), (0, 5, EAST_OF_LINE)] {
            let tile = reader.web_mercator_tile(zoom, col, row, &Render::plain(256)).unwrap().unwrap();
            assert_eq!(tile.observed, Observed::Parts);
            let at = |row: usize| pixel(&tile, row, edge);
            let seen = (0..256).filter(|row| at(*row)[3] > 0).collect::<Vec<_>>();
            let middle = seen[seen.len() / 2];
            assert_eq!(f32::from(at(middle)[0]), value, "{crs} {middle:?}, column {col}");
        }
        assert!(reader.web_mercator_tile(zoom, 512, row, &Render::plain(256)).unwrap().is_none());
    }
}

#[test]
fn both_ends_of_the_map_are_what_gdalwarp_makes() {
    let folder = tempfile::tempdir().unwrap();
    let [x, y] = Reprojection::to_epsg(32760).unwrap().forward(&[[180.0, -17.0]]).unwrap()[0];
    let origin = MapPoint { x: x - 225.0, y: y + 225.0 };
    let reference = Reference::Projected("EPSG:32760".to_owned());
    let reader = reader(&folder, &picture(Grid { rows: 900, cols: 900, origin, pixel_m: 0.5, reference }, 0));
    // pixels a little smaller than those of the scene: GDAL blurs where it reduces
    let zoom = 19;
    let [left, top, right, bottom] =
        web_mercator_limits(reader.web_mercator_extent().unwrap().unwrap(), zoom);
    for col in [left, right] {
        must_be_as_gdalwarp_makes_it(&folder, &reader, [zoom, col, (top + bottom) / 2]);
    }
}

#[test]
fn a_map_of_the_whole_world_shows_both_ends_of_a_scene() {
    let folder = tempfile::tempdir().unwrap();
    let middle = Reprojection::to_epsg(3832).unwrap().forward(&[[180.0, -17.0]]).unwrap()[0];
    let reader = halves(&folder, "EPSG:3832", middle, 15_000.0);
    let world = reader.web_mercator_tile(0, 0, 0, &Render::plain(256)).unwrap().unwrap();
    assert_eq!(world.observed, Observed::Parts);
    let row = 140;
    let shown = |col: usize| pixel(&world, row, col);
    assert_eq!([shown(255)[0], shown(255)[3]], [100, 255]);
    assert_eq!([shown(0)[0], shown(0)[3]], [200, 255]);
    assert_eq!(shown(128)[3], 0);
}

#[test]
fn bands_ranges_and_sizes_are_the_callers_on_16_bits_too() {
    let folder = tempfile::tempdir().unwrap();
    let raster = scene(256, 256, 0);
    let (bytes, words) = (folder.path().join("bytes.tif"), folder.path().join("words.tif"));
    write_geotiff(&bytes, &raster).unwrap();
    run(
        "gdal_translate",
        &["-q", "-ot", "UInt16", "-scale", "0", "255", "0", "2550", text(&bytes), text(&words)],
    );
    let cache = Arc::new(BlockCache::new(BLOCK_BYTES));
    let reader = TileReader::open(&ingested(&folder, &words), &cache).unwrap();
    assert_eq!(reader.source().info().sample_type, "uint16");
    let draw = |render: &Render| reader.native_tile(0, 0, 0, render).unwrap().unwrap();
    let tile = draw(&Render {
        bands: BandChoice::Bands([3, 1, 1]),
        stretch: [[0.0, 2_550.0], [0.0, 2_550.0], [0.0, 1_275.0]],
        ..Render::plain(256)
    });
    let value = |band: usize| raster.band(band)[100 * 256 + 50];
    let [red, green, blue, _] = pixel(&tile, 100, 50);
    assert_eq!([f32::from(red), f32::from(green)], [value(2), value(0)]);
    assert_eq!(f32::from(blue), (value(0) * 2.0).min(255.0));
    let large = draw(&Render { size_px: 512, stretch: [[0.0, 2_550.0]; 3], ..Render::plain(512) });
    assert_eq!((large.cols, large.rows, large.rgba.len()), (512, 512, 512 * 512 * 4));
}

#[test]
fn the_world_in_degrees_reaches_as_far_as_web_mercator_does() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, world) = (folder.path().join("plain.tif"), folder.path().join("world.tif"));
    let values: Vec<f32> = (0..3).flat_map(|band| vec![100.0 + band as f32; 720 * 360]).collect();
    let raster = Raster::new(Grid::pixels(360, 720), 3, values, vec![true; 720 * 360]).unwrap();
    write_geotiff(&plain, &raster).unwrap();
    let corners = ["-a_ullr", "-180", "90", "180", "-90"];
    run(
        "gdal_translate",
        &[&["-q", "-a_srs", "EPSG:4326"], &corners[..], &[text(&plain), text(&world)]].concat(),
    );
    let reader =
        TileReader::open(&ingested(&folder, &world), &Arc::new(BlockCache::new(BLOCK_BYTES))).unwrap();
    let tile = reader.web_mercator_tile(0, 0, 0, &Render::plain(256)).unwrap().unwrap();
    assert_eq!(tile.observed, Observed::Everything);
    assert_eq!(pixel(&tile, 128, 128), [100, 101, 102, 255]);
    assert_eq!(pixel(&tile, 0, 0), [100, 101, 102, 255]);
}

#[test]
fn encoders_keep_what_they_promise() {
    let folder = tempfile::tempdir().unwrap();
    let reader = reader(&folder, &scene(256, 512, 100));
    for (col, observed) in [(0, Observed::Parts), (1, Observed::Everything)] {
        let tile = reader.native_tile(1, col, 0, &Render::plain(256)).unwrap().unwrap();
        assert_eq!(tile.observed, observed);
        for format in [TileFormat::Png, TileFormat::Webp] {
            let decoded = image::load_from_memory(&encode(&tile, format).unwrap()).unwrap().into_rgba8();
            assert_eq!(decoded.as_raw(), &tile.rgba, "{format:?}");
        }
        let jpeg = encode(&tile, TileFormat::Jpeg { quality: 85 }).unwrap();
        let decoded = image::load_from_memory(&jpeg).unwrap().into_rgb8();
        assert_eq!(decoded.dimensions(), (256, 256));
        assert!(encode(&tile, TileFormat::Jpeg { quality: 20 }).unwrap().len() <= jpeg.len());
    }
    let nothing = encode(&Tile::empty(256, 256), TileFormat::Png).unwrap();
    assert!(nothing.len() < 2_000, "{} bytes for nothing", nothing.len());
}

#[test]
fn decoded_blocks_stay_within_their_limit_and_are_decoded_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scene.tif");
    write_geotiff(&file, &scene(2_048, 2_048, 0)).unwrap();
    let working = ingested(&folder, &file);
    let draw_all = |bytes_max: u64| {
        let cache = Arc::new(BlockCache::new(bytes_max));
        let reader = TileReader::open(&working, &cache).unwrap();
        for (row, col) in (0..8).flat_map(|row| (0..8).map(move |col| (row, col))) {
            reader.native_tile(3, col, row, &Render::plain(256)).unwrap().unwrap();
        }
        cache.state()
    };
    let roomy = draw_all(BLOCK_BYTES);
    assert_eq!(roomy.missed, 3 * 16, "each band of each block of the finest level once");
    assert!(roomy.asked > roomy.missed);
    let tight = draw_all(4 << 20);
    assert!(tight.bytes <= 4 << 20, "{tight:?}");
    assert!(tight.missed > roomy.missed);
}

/// Most memory of the process that makes a working copy.
const INGEST_BYTES_MAX: i64 = 320 << 20;

#[test]
fn ingest_takes_the_same_memory_for_a_raster_that_is_larger_than_that() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.tif");
    let shape = ["-outsize", "14000", "9000", "-bands", "3", "-burn", "90", "-co", "TILED=YES"];
    let place = ["-a_srs", "EPSG:32652", "-a_ullr", "380000", "4420000", "387000", "4415500"];
    // little for GDAL's own tool, which is a child as well
    let compressed = ["-co", "COMPRESS=DEFLATE", "-co", "ZLEVEL=1", "--config", "GDAL_CACHEMAX", "64"];
    run("gdal_create", &[&shape[..], &place, &compressed, &[text(&file)]].concat());
    ingested(&folder, &file);
    // SAFETY: the call writes the whole of a plain structure
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage), 0);
        usage
    };
    // the largest of all children; Linux tells kibibytes
    let peak = usage.ru_maxrss << 10;
    let raw = 14_000 * 9_000 * 3;
    assert!(peak < INGEST_BYTES_MAX && INGEST_BYTES_MAX < raw, "{peak} bytes for {raw} bytes of pixels");
}
