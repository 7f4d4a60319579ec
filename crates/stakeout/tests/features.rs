//! What a GIS asks of the feature service, to the letter.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use serde_json::{Value, json};
use support::Server;

const ANNOTATIONS: &str = "/ogc/collections/annotations/items";
const STAC_ITEMS: &str = "/stac/collections/plant/items";
/// What addresses of many and of one take from who may write there, and in which types.
const MANY: &str = "GET, HEAD, OPTIONS, POST";
const ONE: &str = "GET, HEAD, OPTIONS, PUT, PATCH, DELETE";
const FEATURE_TYPES: &str = "application/geo+json, application/json";
const PATCH_TYPES: &str = "application/merge-patch+json, application/geo+json, application/json";

fn annotation([west, south]: [f64; 2], window: [Value; 2]) -> Value {
    let (east, north) = (west + 0.5, south + 0.5);
    let [start, end] = window;
    json!({
        "type": "Feature",
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
        },
        "properties": {"site": "plant", "start_datetime": start, "end_datetime": end},
    })
}

/// A header of an answer to a GET with further headers, and its status.
fn header(server: &Server, path: &str, name: &str, given: &[(&str, &str)]) -> (u16, String) {
    let (status, headers) = server.head_of("GET", path, given);
    (status, headers.get(name).cloned().unwrap_or_default())
}

#[test]
fn the_extent_of_a_collection_is_that_of_its_features() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let extent = || server.get("/ogc/collections/annotations").body["extent"].clone();
    server.add_site("plant");
    assert_eq!(extent(), Value::Null, "what is empty lies nowhere");
    let day = |day: u8| json!(format!("2024-05-{day:02}T00:00:00Z"));
    let draw = |at: [f64; 2], window: [Value; 2]| {
        let made = server.post(ANNOTATIONS, &annotation(at, window), &[]);
        assert_eq!(made.status, 201, "{}", made.body);
        (format!("{ANNOTATIONS}/{}", made.body["id"].as_str().unwrap()), made.etag)
    };
    draw([127.0, 39.0], [day(3), day(9)]);
    let (far, far_tag) = draw([-70.0, -33.0], [day(1), Value::Null]);
    let both = extent();
    assert_eq!(both["spatial"]["bbox"], json!([[-70.0, -33.0, 127.5, 39.5]]));
    assert_eq!(both["temporal"]["interval"], json!([[day(1), null]]), "an open end has no last instant");
    let listed = server.get("/ogc/collections").body;
    assert_eq!(listed["collections"][2]["extent"], both);
    assert_eq!(server.delete(&far, &[("if-match", &far_tag)]).status, 204);
    let one = extent();
    assert_eq!(one["spatial"]["bbox"], json!([[127.0, 39.0, 127.5, 39.5]]));
    assert_eq!(one["temporal"]["interval"], json!([[day(3), day(9)]]));
}

#[test]
fn a_property_is_asked_for_by_a_value_of_its_kind_or_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let sites = "/ogc/collections/sites/items";
    for (query, found) in [
        ("tags=machine+works", 1),
        ("tags=machine", 0),
        ("revision=1", 1),
        ("id=plant", 1),
        ("id=depot", 0),
        ("id=plant&tags=machine", 0),
        ("filter-lang=cql2-json", 1),
        ("filter-crs=http://www.opengis.net/def/crs/EPSG/0/3857", 1),
    ] {
        let answer = server.get(&format!("{sites}?{query}"));
        assert_eq!(answer.body["numberMatched"], found, "{query}: {}", answer.body);
    }
    for (query, name) in [
        ("revision=0.5", "revision"),
        ("revision=%2B1", "revision"),
        ("revision=-1", "revision"),
        ("created=2024-05-01", "created"),
        ("filter-lang=AAA", "filter-lang"),
        ("filter-crs=EPSG:4326", "filter-crs"),
    ] {
        let answer = server.get(&format!("{sites}?{query}"));
        assert_eq!((answer.status, &answer.body["parameter"]), (400, &json!(name)), "{query}");
    }
}

#[test]
fn candidates_take_no_writes_whatever_comes_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let items = "/ogc/collections/candidates/items";
    for (method, path) in [
        ("POST", format!("{items}?limit=3")),
        ("PUT", format!("{items}/nothing?f=json")),
        ("PATCH", format!("{items}/nothing?f=json")),
        ("DELETE", format!("{items}/nothing?f=json")),
    ] {
        let (status, headers) = server.head_of(method, &path, &[]);
        assert_eq!(status, 405, "{method} {path}");
        assert_eq!(headers["allow"], "GET, HEAD, OPTIONS", "{method} {path}");
    }
}

#[test]
fn every_address_says_which_methods_and_media_types_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    for (path, allow, post, patch) in [
        ("/ogc", "GET,HEAD", None, None),
        ("/ogc/collections/sites/queryables", "GET,HEAD", None, None),
        ("/ogc/collections/candidates/items", "GET, HEAD, OPTIONS", None, None),
        ("/ogc/collections/candidates/items/x", "GET, HEAD, OPTIONS", None, None),
        (ANNOTATIONS, MANY, Some(FEATURE_TYPES), None),
        (STAC_ITEMS, MANY, Some(FEATURE_TYPES), None),
        ("/ogc/collections/sites/items/unknown_id", ONE, None, Some(PATCH_TYPES)),
        ("/stac/collections/plant/items/unknown_id", ONE, None, Some(PATCH_TYPES)),
    ] {
        let (status, headers) = server.head_of("OPTIONS", path, &[]);
        assert_eq!((status, headers["allow"].as_str()), (200, allow), "{path}");
        assert_eq!(headers.get("accept-post").map(String::as_str), post, "{path}");
        assert_eq!(headers.get("accept-patch").map(String::as_str), patch, "{path}");
    }
}

#[test]
fn a_write_says_in_which_media_type_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let site = "/ogc/collections/sites/items/plant";
    let item = "/stac/collections/plant/items/nothing";
    for (method, path) in [
        ("POST", ANNOTATIONS),
        ("PUT", site),
        ("PATCH", site),
        ("POST", STAC_ITEMS),
        ("PUT", item),
        ("PATCH", item),
    ] {
        let (unsaid, _) = server.head_of(method, path, &[("if-match", "*")]);
        let (other, _) = server.head_of(method, path, &[("if-match", "*"), ("content-type", "text/plain")]);
        assert_eq!((unsaid, other), (400, 415), "{method} {path}");
    }
    let given = [("content-type", "application/geo+json; charset=utf-8")];
    assert_eq!(
        server.post(ANNOTATIONS, &annotation([127.0, 39.0], [Value::Null, Value::Null]), &given).status,
        201
    );
}

#[test]
fn a_member_that_is_not_known_is_refused_and_not_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let items = "/ogc/collections/annotations/items";
    let drawn = annotation([127.6, 39.9], [Value::Null, Value::Null]);
    let made = server.post(items, &drawn, &[]);
    let own = format!("{items}/{}", made.body["id"].as_str().unwrap());
    let refused = |answer: support::Answer, parameter: &str| {
        assert_eq!(
            (answer.status, answer.body["parameter"].as_str()),
            (400, Some(parameter)),
            "{}",
            answer.body
        );
    };
    let any = [("if-match", "*")];
    for (patch, parameter) in [
        (json!({"properties": {"titel": "Hall"}}), "properties.titel"),
        (json!({"properties": {"title": "Hall", "Note": null}}), "properties.Note"),
        (json!({"title": "Hall"}), "title"),
    ] {
        refused(server.patch(&own, &patch, &any), parameter);
    }
    let mut wrong = drawn;
    wrong["properties"]["colour"] = json!("red");
    refused(server.post(items, &wrong, &[]), "properties.colour");
    refused(server.put(&own, &wrong, &any), "properties.colour");
    let site = json!({"properties": {"title": "Plant"}});
    refused(server.patch("/ogc/collections/sites/items/plant", &site, &any), "properties.title");
    let said = json!({"verdict": "confirm", "confidense": "high"});
    refused(server.post("/api/candidates/nothing/reviews", &said, &any), "confidense");
    let mut outline = json!({"geometry": made.body["geometry"], "tittle": "Hall"});
    refused(server.post("/api/comparisons/nothing/candidates", &outline, &[]), "tittle");
    outline["verdict"] = json!("reject");
    refused(server.post("/api/comparisons/nothing/candidates", &outline, &[]), "verdict");

    // what was read may be sent back, with all that the server set
    let read = server.get(&own);
    assert_eq!(read.body["properties"]["revision"], 1, "nothing was changed so far");
    assert_eq!(server.put(&own, &read.body, &[("if-match", &read.etag)]).status, 200);
}

#[test]
fn what_is_named_and_not_there_is_a_wrong_value_of_its_member() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let (sites, annotations) = ("/ogc/collections/sites/items", "/ogc/collections/annotations/items");
    let mut drawn = annotation([127.6, 39.9], [Value::Null, Value::Null]);
    let made = server.post(annotations, &drawn, &[]);
    drawn["properties"]["site"] = json!("nope");
    let below = json!({"type": "Feature", "geometry": made.body["geometry"], "properties": {"name": "Hall", "parent": "nope"}});
    let nameless = json!({"type": "Feature", "geometry": made.body["geometry"], "properties": {}});
    let again = json!({"scene": "nope", "properties": {"datetime": "2024-01-01T00:00:00Z"}});
    let any = [("if-match", "*")];
    for (answer, parameter) in [
        (server.post(annotations, &drawn, &[]), "properties.site"),
        (server.post(sites, &below, &[]), "properties.parent"),
        (
            server.patch(&format!("{sites}/plant"), &json!({"properties": {"parent": "nope"}}), &any),
            "properties.parent",
        ),
        (server.post(sites, &nameless, &[]), "properties.name"),
        (server.post("/api/sites/plant/scenes", &again, &[]), "scene"),
        (server.get("/api/comparisons?site=nope"), "site"),
        (server.get("/api/agreement?site=nope"), "site"),
        (server.get("/api/queue?comparison=nope"), "comparison"),
    ] {
        assert_eq!(
            (answer.status, answer.body["parameter"].as_str()),
            (400, Some(parameter)),
            "{}",
            answer.body
        );
    }
    // an address that is not there is one
    for answer in [
        server.patch(&format!("{sites}/nope"), &json!({"properties": {}}), &any),
        server.put(&format!("{annotations}/nope"), &made.body, &any),
        server.post("/api/sites/nope/scenes", &again, &[]),
    ] {
        assert_eq!(answer.status, 404, "{}", answer.body);
    }
}

#[test]
fn a_patch_moves_no_feature_to_another_id() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let path = "/ogc/collections/sites/items/plant";
    let renamed =
        |id: &str| server.patch(path, &json!({"id": id, "properties": {"name": "P"}}), &[("if-match", "*")]);
    assert_eq!((renamed("depot").status, renamed("plant").status), (400, 200));
}

#[test]
fn a_schema_tells_type_and_place_of_each_property() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    for collection in ["sites", "candidates", "annotations"] {
        for document in ["schema", "queryables"] {
            let path = format!("/ogc/collections/{collection}/{document}");
            let body = server.get(&path).body;
            let properties = body["properties"].as_object().unwrap();
            let mut places: Vec<_> =
                properties.values().map(|property| property["x-ogc-propertySeq"].as_u64().unwrap()).collect();
            places.sort_unstable();
            assert_eq!(places, (1..=properties.len() as u64).collect::<Vec<_>>(), "{path}");
            for (name, property) in properties {
                let is_outline = property["x-ogc-role"] == "primary-geometry";
                assert_eq!(
                    property["type"].is_null(),
                    is_outline,
                    "{path} {name}: only an outline has no type"
                );
            }
            let (_, vary) = header(&server, &path, "vary", &[]);
            assert!(vary.contains("Accept"), "{path} is a page too: {vary}");
        }
    }
}

#[test]
fn what_takes_no_parameters_refuses_each_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    for path in [
        "/ogc/processes/detect-new-structures/execution",
        "/api/sites/plant/scenes",
        "/api/comparisons/nothing/candidates",
    ] {
        let answer = server.post(&format!("{path}?now=1"), &json!({}), &[]);
        assert_eq!((answer.status, &answer.body["parameter"]), (400, &json!("now")), "{path}");
        assert_eq!(answer.body["detail"], "now is not a parameter of this resource; it has none");
    }
    for path in ["/health/live", "/health/ready", "/metrics", "/openapi.json"] {
        let answer = server.get(&format!("{path}?now=1"));
        assert_eq!((answer.status, &answer.body["parameter"]), (400, &json!("now")), "{path}");
    }
    for (method, path) in
        [("OPTIONS", "/uploads"), ("POST", "/uploads"), ("HEAD", "/uploads/a"), ("DELETE", "/uploads/a")]
    {
        let tus = [("tus-resumable", "1.0.0"), ("upload-length", "1")];
        assert_eq!(server.head_of(method, &format!("{path}?now=1"), &tus).0, 400, "{method} {path}");
    }
}

#[test]
fn a_crs_in_which_a_feature_has_no_coordinates_is_refused_with_the_feature() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let draw =
        |at| server.post(ANNOTATIONS, &annotation(at, [Value::Null, Value::Null]), &[]).body["id"].clone();
    draw([127.6, 39.9]);
    let far = draw([38.0, 0.0]);
    let far = far.as_str().unwrap();
    let crs = "crs=http://www.opengis.net/def/crs/EPSG/0/32652";
    for path in [format!("{ANNOTATIONS}?{crs}"), format!("{ANNOTATIONS}/{far}?{crs}")] {
        let told = server.get(&path);
        assert_eq!((told.status, &told.body["parameter"]), (400, &json!("crs")), "{path}: {}", told.body);
        assert!(told.body["detail"].as_str().unwrap().contains(far), "{}", told.body);
    }
    let near = server.get(&format!("{ANNOTATIONS}?{crs}&bbox=127,39,128,41"));
    assert_eq!((near.status, &near.body["numberReturned"]), (200, &json!(1)), "{}", near.body);
}

#[test]
fn a_compressed_answer_has_a_tag_of_its_own_and_both_are_known_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let gzip = ("accept-encoding", "gzip");
    for path in ["/ogc/collections/sites/items", "/ogc/collections/sites/items/plant", "/openapi.json", "/"] {
        let (_, plain) = header(&server, path, "etag", &[]);
        let (_, encoding) = header(&server, path, "content-encoding", &[gzip]);
        let (_, packed) = header(&server, path, "etag", &[gzip]);
        let (_, vary) = header(&server, path, "vary", &[gzip]);
        assert_eq!(encoding, "gzip", "{path}");
        assert!(vary.contains("accept-encoding"), "{path}: {vary}");
        assert!(plain.starts_with('"') && packed.starts_with('"') && plain != packed, "{plain} {packed}");
        for tag in [&plain, &packed, &format!("W/{packed}"), &"*".to_owned()] {
            let (status, _) = header(&server, path, "etag", &[gzip, ("if-none-match", tag)]);
            assert_eq!(status, 304, "{path} {tag}");
        }
    }
    let path = "/ogc/collections/sites/items/plant";
    let change = |name: &str| json!({"properties": {"name": name}});
    let (_, packed) = header(&server, path, "etag", &[gzip]);
    assert_eq!(server.patch(path, &change("once"), &[("if-match", &packed)]).status, 200);
    assert_eq!(server.patch(path, &change("twice"), &[("if-match", &packed)]).status, 412, "it was changed");
}
