//! Scenes as STAC 1.0 items, sites as collections.

use geo::BoundingRect;
use record::{Scene, Site};
use serde_json::{Value, json};

use crate::links::Base;

const VERSION: &str = "1.0.0";
const EXTENSIONS: [&str; 4] = [
    "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "https://stac-extensions.github.io/timestamps/v1.1.0/schema.json",
];
const COG: &str = "image/tiff; application=geotiff; profile=cloud-optimized";

/// A scene as an item.
pub(crate) fn item(scene: &Scene, base: &Base) -> Value {
    let facts = &scene.facts;
    let geometry = facts.footprint.as_ref().map(record::geojson::polygon_value);
    let bounds = facts.footprint.as_ref().and_then(BoundingRect::bounding_rect);
    let mut item = json!({
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": EXTENSIONS,
        "id": scene.id,
        "collection": scene.site,
        "geometry": geometry,
        "properties": properties(scene),
        "assets": assets(scene, base),
        "links": [
            base.link("self", "application/geo+json", &path(scene), "This scene"),
            base.link("parent", "application/json", &format!("/stac/collections/{}", scene.site), "Its site"),
            base.link("collection", "application/json", &format!("/stac/collections/{}", scene.site), "Its site"),
            base.link("root", "application/json", "/stac", "All sites"),
        ],
    });
    if let Some(bounds) = bounds {
        item["bbox"] = json!([bounds.min().x, bounds.min().y, bounds.max().x, bounds.max().y]);
    }
    item
}

/// Address of a scene's item.
pub(crate) fn path(scene: &Scene) -> String {
    format!("/stac/collections/{}/items/{}", scene.site, scene.id)
}

fn properties(scene: &Scene) -> Value {
    let facts = &scene.facts;
    let mut properties = json!({
        "datetime": facts.datetime,
        "created": scene.created,
        "published": scene.created,
        "proj:shape": [facts.raster.rows, facts.raster.cols],
        "proj:epsg": facts.raster.crs.as_deref().and_then(|code| code.strip_prefix("EPSG:")?.parse::<u32>().ok()),
    });
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            properties[name] = value;
        }
    };
    add("platform", facts.platform.as_ref().map(|platform| json!(platform)));
    add("providers", facts.provider.as_ref().map(|name| json!([{"name": name, "roles": ["producer"]}])));
    add("license", facts.license.as_ref().map(|license| json!(license)));
    add("gsd", facts.raster.gsd_m.map(|gsd| json!(gsd)));
    add("proj:transform", facts.raster.geotransform.map(|[x, a, b, y, c, d]| json!([a, b, x, c, d, y])));
    properties
}

fn assets(scene: &Scene, base: &Base) -> Value {
    let facts = &scene.facts;
    // SHA-256 as a multihash: code 0x12, length 0x20
    let multihash = |sha256: &str| format!("1220{sha256}");
    let bands: Vec<Value> =
        (0..facts.raster.bands).map(|_| json!({"data_type": facts.raster.sample_type})).collect();
    json!({
        "original": {
            "href": base.to(&format!("/api/scenes/{}/original", scene.id)),
            "title": facts.original.file_name,
            "type": facts.original.media_type,
            "roles": ["data", "source"],
            "file:size": facts.original.bytes,
            "file:checksum": multihash(facts.original.sha256.as_str()),
        },
        "working": {
            "href": base.to(&format!("/api/scenes/{}/working", scene.id)),
            "title": "Working copy",
            "type": COG,
            "roles": ["data"],
            "file:checksum": multihash(facts.working.as_str()),
            "raster:bands": bands,
        },
        "thumbnail": {
            "href": base.to(&format!("/tiles/{}/thumbnail.png", scene.id)),
            "title": "Thumbnail",
            "type": "image/png",
            "roles": ["thumbnail"],
        },
    })
}

/// A site with the time its scenes span as a collection.
pub(crate) fn collection(site: &Site, scenes: &[Scene], base: &Base) -> Value {
    let [west, south, east, north] = record::geojson::bounds(&site.area);
    let first = scenes.first().map(|scene| scene.facts.datetime);
    let last = scenes.last().map(|scene| scene.facts.datetime);
    let own = format!("/stac/collections/{}", site.id);
    json!({
        "type": "Collection",
        "stac_version": VERSION,
        "id": site.id,
        "title": site.name,
        "description": format!("Scenes of {}", site.name),
        "license": "proprietary",
        "keywords": site.tags,
        "extent": {
            "spatial": {"bbox": [[west, south, east, north]]},
            "temporal": {"interval": [[first, last]]},
        },
        "links": [
            base.link("self", "application/json", &own, "This site"),
            base.link("items", "application/geo+json", &format!("{own}/items"), "Its scenes"),
            base.link("root", "application/json", "/stac", "All sites"),
            base.link("parent", "application/json", "/stac", "All sites"),
        ],
    })
}

/// The landing page of the catalogue.
pub(crate) fn landing(sites: &[Site], base: &Base) -> Value {
    let mut links = vec![
        base.link("self", "application/json", "/stac", "This catalogue"),
        base.link("root", "application/json", "/stac", "This catalogue"),
        base.link("data", "application/json", "/stac/collections", "All sites"),
        base.link("conformance", "application/json", "/stac/conformance", "Standards that are followed"),
        base.link("search", "application/geo+json", "/stac/search", "Search over all scenes"),
        base.link(
            "service-desc",
            "application/vnd.oai.openapi+json;version=3.0",
            "/openapi.json",
            "This interface",
        ),
    ];
    links.extend(sites.iter().map(|site| {
        base.link("child", "application/json", &format!("/stac/collections/{}", site.id), &site.name)
    }));
    json!({
        "type": "Catalog",
        "stac_version": VERSION,
        "id": "stakeout",
        "title": "Stakeout",
        "description": "Scenes of the sites that are watched",
        "conformsTo": conformance(),
        "links": links,
    })
}

/// Conformance classes of the catalogue.
pub(crate) fn conformance() -> [&'static str; 6] {
    [
        "https://api.stacspec.org/v1.0.0/core",
        "https://api.stacspec.org/v1.0.0/collections",
        "https://api.stacspec.org/v1.0.0/ogcapi-features",
        "https://api.stacspec.org/v1.0.0/item-search",
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    ]
}
