//! Scenes as STAC 1.1 items, sites as collections, both served by a STAC API 1.0.

pub(crate) mod fields;
pub(crate) mod search;

use geo::{BoundingRect, Polygon, Rect};
use record::{Scene, SceneDescription, Site};
use serde_json::{Value, json};

use crate::{links::Base, routes::INTERFACE_PAGE, scene_properties};

const VERSION: &str = "1.1.0";
const COG: &str = "image/tiff; application=geotiff; profile=cloud-optimized";
const QUERYABLES: &str = "http://www.opengis.net/def/rel/ogc/1.0/queryables";
const GEOJSON: &str = "application/geo+json";
const SCHEMA_JSON: &str = "application/schema+json";
/// Once around the world.
const TURN_DEG: f64 = 360.0;
/// Name of the property that says how an image was placed by hand.
const PLACEMENT: &str = "stakeout:placement";

/// An extension by name and version.
fn extension(name: &str) -> String {
    format!("https://stac-extensions.github.io/{name}/schema.json")
}

/// A scene as an item.
pub(crate) fn item(scene: &Scene, base: &Base) -> Value {
    let facts = &scene.facts;
    let geometry = facts.footprint.as_ref().map(record::geojson::polygon_value);
    let properties = properties(scene);
    let site = format!("/stac/collections/{}", scene.site);
    let mut item = json!({
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": extensions(&properties),
        "id": scene.id,
        "collection": scene.site,
        "geometry": geometry,
        "properties": properties,
        "assets": assets(scene, base),
        "links": [
            base.link("self", GEOJSON, &path(scene), "This scene"),
            base.link("parent", "application/json", &site, "Its site"),
            base.link("collection", "application/json", &site, "Its site"),
            base.link("root", "application/json", "/stac", "All sites"),
            base.link("version-history", "application/json", &format!("/api/scenes/{}/versions", scene.id), "All that was done to it"),
        ],
    });
    if let Some(footprint) = &facts.footprint {
        item["bbox"] = json!(record::geojson::bounds(footprint));
    }
    item
}

/// Extensions that the properties and the assets make use of.
fn extensions(properties: &Value) -> Vec<String> {
    let uses = |prefix: &str| {
        properties.as_object().is_some_and(|members| members.keys().any(|name| name.starts_with(prefix)))
    };
    let optional = [("eo:", "eo/v1.1.0"), ("view:", "view/v1.0.0")];
    let mut used = vec!["projection/v2.0.0", "file/v2.1.0", "raster/v1.1.0", "timestamps/v1.1.0"];
    used.extend(optional.into_iter().filter(|(prefix, _)| uses(prefix)).map(|(_, name)| name));
    used.into_iter().map(extension).collect()
}

/// Address of a scene's item.
pub(crate) fn path(scene: &Scene) -> String {
    format!("/stac/collections/{}/items/{}", scene.site, scene.id)
}

/// What is said of a scene.
pub(crate) fn said(scene: &Scene) -> SceneDescription {
    let facts = scene.facts.clone();
    SceneDescription {
        datetime: facts.datetime,
        platform: facts.platform,
        provider: facts.provider,
        license: facts.license,
        details: facts.details,
    }
}

fn properties(scene: &Scene) -> Value {
    let (facts, raster) = (&scene.facts, &scene.facts.raster);
    let mut properties = Value::Object(scene_properties::described(&said(scene)));
    properties["created"] = json!(scene.created);
    properties["updated"] = json!(scene.updated.unwrap_or(scene.created));
    properties["published"] = json!(scene.created);
    properties["proj:shape"] = json!([raster.rows, raster.cols]);
    // null says that no code would do, as for an image that lies nowhere
    properties["proj:code"] = json!(raster.crs);
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            properties[name] = value;
        }
    };
    add("proj:wkt2", raster.wkt.as_ref().filter(|_| raster.crs.is_none()).map(|wkt| json!(wkt)));
    // a few hundredths of a millimetre: what lies behind is noise of the arithmetic
    add("gsd", raster.gsd_m.map(|gsd| json!((gsd * 1e5).round() / 1e5)));
    add("proj:transform", raster.geotransform.map(|[x, a, b, y, c, d]| json!([a, b, x, c, d, y])));
    add(PLACEMENT, facts.placement.as_ref().map(|placement| json!(placement)));
    properties
}

fn assets(scene: &Scene, base: &Base) -> Value {
    let facts = &scene.facts;
    // SHA-256 as a multihash: code 0x12, length 0x20
    let multihash = |sha256: &str| format!("1220{sha256}");
    let band = match facts.raster.gsd_m {
        Some(gsd) => json!({"data_type": facts.raster.sample_type, "spatial_resolution": gsd}),
        None => json!({"data_type": facts.raster.sample_type}),
    };
    let bands = vec![band; facts.raster.bands as usize];
    let mut working = json!({
        "href": base.to(&format!("/api/scenes/{}/working", scene.id)),
        "title": "Working copy",
        "type": COG,
        "roles": ["data"],
        "file:checksum": multihash(facts.working.as_str()),
        "raster:bands": bands,
    });
    if let Some(bytes) = facts.working_bytes {
        working["file:size"] = json!(bytes);
    }
    json!({
        "original": {
            "href": base.to(&format!("/api/scenes/{}/original", scene.id)),
            "title": facts.original.file_name,
            "type": facts.original.media_type,
            "roles": ["data", "source"],
            "file:size": facts.original.bytes,
            "file:checksum": multihash(facts.original.sha256.as_str()),
        },
        "working": working,
        "thumbnail": {
            "href": base.to(&format!("/tiles/{}/thumbnail.png", scene.id)),
            "title": "Thumbnail",
            "type": "image/png",
            "roles": ["thumbnail"],
        },
    })
}

/// A site with the place and the time that its scenes span as a collection.
pub(crate) fn collection(site: &Site, scenes: &[Scene], base: &Base) -> Value {
    let footprints = scenes.iter().filter_map(|scene| scene.facts.footprint.as_ref());
    let [west, south, east, north] = bounds_of_all(&site.area, footprints);
    let first = scenes.first().map(|scene| scene.facts.datetime);
    let last = scenes.last().map(|scene| scene.facts.datetime);
    let own = format!("/stac/collections/{}", site.id);
    json!({
        "type": "Collection",
        "stac_version": VERSION,
        "id": site.id,
        "title": site.name,
        "description": format!("Scenes of {}", site.name),
        "license": "other",
        "keywords": site.tags,
        "extent": {
            "spatial": {"bbox": [[west, south, east, north]]},
            "temporal": {"interval": [[first, last]]},
        },
        "links": [
            base.link("self", "application/json", &own, "This site"),
            base.link("items", GEOJSON, &format!("{own}/items"), "Its scenes"),
            base.link(QUERYABLES, SCHEMA_JSON, &format!("{own}/queryables"), "What its scenes can be asked for"),
            base.link("root", "application/json", "/stac", "All sites"),
            base.link("parent", "application/json", "/stac", "All sites"),
        ],
    })
}

/// West, south, east, north of an area with all that belongs to it; west is greater than east across the antimeridian.
fn bounds_of_all<'a>(area: &'a Polygon<f64>, more: impl Iterator<Item = &'a Polygon<f64>>) -> [f64; 4] {
    let rects = std::iter::once(area).chain(more).filter_map(BoundingRect::bounding_rect);
    let around = rects.reduce(|around: Rect<f64>, rect| {
        // the same longitudes, told the way around that is nearer
        let turned = ((around.center().x - rect.center().x) / TURN_DEG).round() * TURN_DEG;
        Rect::new(
            (around.min().x.min(rect.min().x + turned), around.min().y.min(rect.min().y)),
            (around.max().x.max(rect.max().x + turned), around.max().y.max(rect.max().y)),
        )
    });
    let Some(around) = around else { return [0.0; 4] };
    let (south, north) = (around.min().y, around.max().y);
    if around.width() >= TURN_DEG {
        return [-TURN_DEG / 2.0, south, TURN_DEG / 2.0, north];
    }
    let within = |lon: f64| match lon {
        lon if lon > TURN_DEG / 2.0 => lon - TURN_DEG,
        lon if lon < -TURN_DEG / 2.0 => lon + TURN_DEG,
        lon => lon,
    };
    [within(around.min().x), south, within(around.max().x), north]
}

/// The landing page of the catalogue.
pub(crate) fn landing(sites: &[Site], base: &Base) -> Value {
    let mut links = vec![
        base.link("self", "application/json", "/stac", "This catalogue"),
        base.link("root", "application/json", "/stac", "This catalogue"),
        base.link("data", "application/json", "/stac/collections", "All sites"),
        base.link("conformance", "application/json", "/stac/conformance", "Standards that are followed"),
        with_method(base.link("search", GEOJSON, "/stac/search", "Search over all scenes"), "GET"),
        with_method(base.link("search", GEOJSON, "/stac/search", "Search over all scenes"), "POST"),
        base.link(QUERYABLES, SCHEMA_JSON, "/stac/queryables", "What scenes can be asked for"),
        base.link(
            "service-desc",
            "application/vnd.oai.openapi+json;version=3.0",
            "/openapi.json",
            "This interface",
        ),
        base.link("service-doc", "text/html", INTERFACE_PAGE, "This interface, for reading"),
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

fn with_method(mut link: Value, method: &str) -> Value {
    link["method"] = json!(method);
    link
}

/// Conformance classes of the catalogue.
pub(crate) fn conformance() -> &'static [&'static str] {
    &[
        "https://api.stacspec.org/v1.0.0/core",
        "https://api.stacspec.org/v1.0.0/collections",
        "https://api.stacspec.org/v1.0.0/ogcapi-features",
        "https://api.stacspec.org/v1.0.0/item-search",
        "https://api.stacspec.org/v1.0.0/item-search#sort",
        "https://api.stacspec.org/v1.0.0/item-search#fields",
        "https://api.stacspec.org/v1.0.0/ogcapi-features#sort",
        "https://api.stacspec.org/v1.0.0/ogcapi-features#fields",
        "https://api.stacspec.org/v1.0.0-rc.3/item-search#filter",
        "https://api.stacspec.org/v1.0.0-rc.3/ogcapi-features#filter",
        "https://api.stacspec.org/v1.0.0/ogcapi-features/extensions/transaction",
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
        "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
        "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
        "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/create-replace-delete",
        "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/update",
        "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/optimistic-locking-etags",
        "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
        "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
        "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
        "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
        "http://www.opengis.net/spec/cql2/1.0/conf/case-insensitive-comparison",
        "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
        "http://www.opengis.net/spec/cql2/1.0/conf/spatial-functions",
        "http://www.opengis.net/spec/cql2/1.0/conf/temporal-functions",
        "http://www.opengis.net/spec/cql2/1.0/conf/array-functions",
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(west: f64, east: f64) -> Polygon<f64> {
        Rect::new((west, 10.0), (east, 11.0)).to_polygon()
    }

    #[test]
    fn the_bounds_of_a_site_hold_its_scenes_on_either_side_of_the_antimeridian() {
        let bounds = |site: [f64; 2], scenes: &[[f64; 2]]| {
            let scenes: Vec<_> = scenes.iter().map(|[west, east]| area(*west, *east)).collect();
            let [west, _, east, _] = bounds_of_all(&area(site[0], site[1]), scenes.iter());
            [west, east]
        };
        assert_eq!(bounds([127.5, 127.7], &[]), [127.5, 127.7]);
        assert_eq!(bounds([127.5, 127.7], &[[127.6, 127.9], [127.0, 127.1]]), [127.0, 127.9]);
        assert_eq!(bounds([179.0, 179.5], &[[-179.8, -179.5]]), [179.0, -179.5]);
        assert_eq!(bounds([-179.5, -179.0], &[[179.5, 180.5]]), [179.5, -179.0]);
        assert_eq!(bounds([179.0, 181.0], &[[-180.0, -179.5]]), [179.0, -179.0]);
        assert_eq!(bounds([10.0, 11.0], &[[-180.0, 180.0]]), [-180.0, 180.0]);
    }
}
