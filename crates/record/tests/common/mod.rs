//! What several tests of the record begin with.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use record::{NewScene, RasterFacts, SceneDetails, Store, scene::Original};

/// A small scene of UTM zone 52 whose two files are these bytes, with nothing said that need not be.
pub(crate) fn plain_scene(
    store: &Store,
    bytes: &[u8],
    datetime: &str,
    footprint: Option<geo::Polygon<f64>>,
) -> NewScene {
    let (sha256, bytes) = store.blobs().put(bytes).unwrap();
    NewScene {
        datetime: datetime.parse().unwrap(),
        platform: None,
        provider: None,
        license: None,
        details: SceneDetails::default(),
        placement: None,
        footprint,
        original: Original {
            sha256: sha256.clone(),
            bytes,
            media_type: "image/tiff".to_owned(),
            file_name: "scene.tif".to_owned(),
        },
        working: sha256,
        working_bytes: None,
        raster: RasterFacts {
            cols: 4,
            rows: 4,
            bands: 3,
            sample_type: "uint8".to_owned(),
            crs: Some("EPSG:32652".to_owned()),
            wkt: None,
            geotransform: None,
            gsd_m: Some(0.5),
            stretch: vec![[0.0, 255.0]; 3],
        },
    }
}
