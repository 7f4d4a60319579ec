//! Tiles over HTTP: parameters, validators, caching, and what is not there.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::{Server, rendered_pair};

struct Tile {
    status: u16,
    headers: ureq::http::HeaderMap,
    body: Vec<u8>,
}

impl Tile {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json");
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn get(server: &Server, path: &str, known: &str) -> Tile {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer =
        agent.get(format!("{}{path}", server.url)).header("if-none-match", known).call().unwrap();
    Tile {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: answer.body_mut().read_to_vec().unwrap(),
    }
}

/// A server with one scene of 384 px, whose own pyramid has two levels.
fn with_scene() -> (tempfile::TempDir, Server, String) {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let scene = server.add_scene("plant", &before, "2023-05-14T02:10:00Z");
    (folder, server, scene)
}

#[test]
fn a_tile_is_told_apart_by_content_and_look_and_kept_for_ever_where_its_address_says_which() {
    let (_folder, server, scene) = with_scene();
    let native = server.get(&format!("/tiles/{scene}/native.json")).body;
    let template = native["template"].as_str().unwrap();
    let path = template.replace("{z}", "1").replace("{y}", "0").replace("{x}", "1");
    let (plain, version) = path.split_once('?').unwrap();

    let first = get(&server, &path, "");
    assert_eq!((first.status, first.header("content-type")), (200, "image/png"));
    assert!(first.header("cache-control").contains("immutable"));
    assert!(first.header("etag").starts_with('"'), "a strong validator");
    let again = get(&server, &path, first.header("etag"));
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert!(again.header("cache-control").contains("immutable"));

    let unversioned = get(&server, plain, "");
    assert_eq!(unversioned.header("etag"), first.header("etag"));
    assert_eq!(unversioned.header("cache-control"), "private, no-cache");
    assert_eq!(unversioned.body, first.body);
    let mut tags = vec![first.header("etag").to_owned()];
    for look in
        ["gamma=2", "stretch=0,200", "stretch=0,200,0,200,0,201", "bands=3,2,1", "bands=1", "size=512"]
    {
        let other = get(&server, &format!("{plain}?{look}&{version}"), first.header("etag"));
        assert_eq!(other.status, 200, "{look}");
        assert_ne!(other.body, first.body, "{look}");
        tags.push(other.header("etag").to_owned());
    }
    for extension in ["jpg", "webp"] {
        let other = get(&server, &path.replace(".png", &format!(".{extension}")), "");
        assert_eq!(other.header("content-type").replace("jpeg", "jpg"), format!("image/{extension}"));
        tags.push(other.header("etag").to_owned());
    }
    let count = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), count, "no two pictures share a validator");
    let stale = get(&server, &format!("{plain}?v=0123456789abcdef"), "");
    assert_eq!((stale.status, stale.problem()["parameter"].as_str()), (404, Some("v")));
}

#[test]
fn all_that_is_read_is_told_apart_by_content_and_kept_by_who_asked_alone() {
    let (_folder, server, scene) = with_scene();
    let mut paths: Vec<String> = [
        "/ogc?f=json",
        "/ogc?f=html",
        "/ogc/api",
        "/ogc/conformance",
        "/ogc/collections",
        "/ogc/collections/sites",
        "/ogc/collections/sites/items",
        "/ogc/collections/sites/items?f=html",
        "/ogc/collections/sites/items/plant",
        "/ogc/collections/sites/queryables",
        "/ogc/collections/sites/schema",
        "/ogc/collections/candidates/tiles",
        "/ogc/collections/candidates/tiles/WebMercatorQuad",
        "/ogc/collections/candidates/tiles/WebMercatorQuad?f=tilejson",
        "/ogc/tiles",
        "/ogc/tileMatrixSets",
        "/ogc/tileMatrixSets/WebMercatorQuad",
        "/ogc/processes",
        "/ogc/processes/detect-new-structures",
        "/ogc/jobs",
        "/stac",
        "/stac/conformance",
        "/stac/queryables",
        "/stac/collections",
        "/stac/collections/plant",
        "/stac/collections/plant/items",
        "/stac/search",
        "/tiles/wmts",
        "/api/taxonomy",
        "/api/sites",
        "/api/sites/plant/scenes",
        "/api/sites/plant/export",
        "/api/comparisons?site=plant",
        "/openapi.json",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.extend(
        ["", "/WebMercatorQuad", "/tilejson.json", "/native.json", "/thumbnail.png"]
            .map(|rest| format!("/tiles/{scene}{rest}")),
    );
    paths.extend(["original", "versions", "placement"].map(|rest| format!("/api/scenes/{scene}/{rest}")));
    for path in paths {
        let (status, headers) = server.head_of("GET", &path, &[]);
        assert_eq!(status, 200, "{path}");
        let of = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
        assert!(of("etag").starts_with('"'), "{path} has no strong validator");
        assert_eq!(of("cache-control"), "private, no-cache", "{path}");
        let (_, asked_alone) = server.head_of("HEAD", &path, &[]);
        assert_eq!(asked_alone.get("etag").map(String::as_str), Some(of("etag")), "{path}");
        let (status, known) = server.head_of("GET", &path, &[("if-none-match", of("etag"))]);
        assert_eq!(status, 304, "{path}");
        assert_eq!(
            (known["etag"].as_str(), known["cache-control"].as_str()),
            (of("etag"), "private, no-cache")
        );
        for word in of("vary").split(", ").filter(|word| !word.is_empty()) {
            let vary = known.get("vary").map(String::as_str).unwrap_or_default();
            assert!(vary.to_lowercase().contains(&word.to_lowercase()), "{path} varies by {word}");
        }
    }
    let (_, lost) = server.head_of("GET", "/ogc/collections/sites/items/nothing", &[]);
    assert_eq!((lost["cache-control"].as_str(), lost.get("etag")), ("private, no-cache", None));
}

#[test]
fn tile_sets_are_told_page_by_page_and_none_twice_while_scenes_are_added() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = rendered_pair(folder.path());
    let server = Server::start(&folder.path().join("data"));
    let (first, second) = server.add_plant((before, after.clone()));
    let link = |page: &Value, rel: &str| {
        let links = page["links"].as_array().unwrap();
        let link = links.iter().find(|link| link["rel"] == rel)?;
        Some(link["href"].as_str().unwrap().strip_prefix(&server.url).unwrap().to_owned())
    };
    let page = server.get("/ogc/tiles?limit=1&f=json").body;
    assert_eq!(link(&page, "self").unwrap(), "/ogc/tiles?limit=1&f=json");
    assert_eq!(link(&page, "alternate").unwrap(), "/ogc/tiles?limit=1&f=html");
    assert!(page.to_string().contains(&second));
    server.add_scene("plant", &after, "2024-11-21T02:25:00Z");
    let next = link(&page, "next").unwrap();
    assert_eq!(next, format!("/ogc/tiles?limit=1&f=json&cursor={second}"));
    let page = server.get(&next).body;
    assert!(page["tilesets"].to_string().contains(&first) && !page["tilesets"].to_string().contains(&second));
    assert_eq!(link(&page, "next"), None);
    let unknown = server.get("/ogc/tiles?cursor=nothing");
    assert_eq!((unknown.status, &unknown.body["parameter"]), (400, &json!("cursor")));
    assert_eq!(server.get(&format!("{next}&offset=1")).body["parameter"], "offset");
}

#[test]
fn a_set_of_vector_tiles_tells_which_of_them_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let set = "/ogc/collections/annotations/tiles/WebMercatorQuad";
    let told = server.get(set).body;
    let limits = told["tileMatrixSetLimits"].as_array().unwrap();
    let last = limits.last().unwrap();
    assert_eq!((limits.len(), &last["tileMatrix"]), (23, &json!("22")));
    let corner = |level: u64| format!("{set}/{level}/{}/0", last["maxTileRow"]);
    assert_eq!(server.head_of("GET", &corner(22), &[]).0, 204);
    assert_eq!(server.head_of("GET", &corner(23), &[]).0, 404);
}

#[test]
fn what_cannot_be_shown_is_refused_and_names_the_parameter() {
    let (_folder, server, scene) = with_scene();
    let tile = format!("/tiles/{scene}/native/1/0/0.png");
    for (query, parameter) in [
        ("stretch=9,1", "stretch"),
        ("stretch=1,2,3", "stretch"),
        ("gamma=nought", "gamma"),
        ("gamma=0", "gamma"),
        ("bands=4", "bands"),
        ("bands=1,2", "bands"),
        ("size=1024", "size"),
        ("colour=red", "colour"),
        ("gamma=1&gamma=2", "gamma"),
    ] {
        let refused = get(&server, &format!("{tile}?{query}"), "");
        assert_eq!(refused.status, 400, "{query}");
        assert_eq!(refused.problem()["parameter"], parameter, "{query}");
    }
    for missing in [
        format!("/tiles/{scene}/native/2/0/0.png"),
        format!("/tiles/{scene}/native/1/2/0.png"),
        format!("/tiles/{scene}/native/1/0/2.png"),
        format!("/tiles/{scene}/native/1/0/-1.png"),
        format!("/tiles/{scene}/native/1/0/0.gif"),
        format!("/tiles/{scene}/native/one/0/0.png"),
        format!("/tiles/{scene}/WorldCRS84Quad/1/0/0.png"),
        format!("/tiles/{scene}/WebMercatorQuad/3/0/0.png"),
        format!("/tiles/{scene}/WebMercatorQuad/99/0/0.png"),
        "/tiles/00000000000000000000000000000000/native/1/0/0.png".to_owned(),
    ] {
        let refused = get(&server, &missing, "");
        assert_eq!(refused.status, 404, "{missing}");
        refused.problem();
    }
    let wmts = format!("/tiles/{scene}/wmts?service=WMTS&request=GetTile&layer={scene}");
    let wanting = format!("{wmts}&TileMatrixSet=native&TileMatrix=1&TileRow=0");
    assert_eq!(get(&server, &format!("{wanting}&TileCol=0"), "").status, 200);
    let other_layer = wanting.replace(&format!("layer={scene}"), "layer=other").replace(&scene, "x");
    for (query, status, code, locator) in [
        (wanting.clone(), 400, "MissingParameterValue", Some("tilecol")),
        (format!("{wanting}&TileCol=one"), 400, "InvalidParameterValue", Some("tilecol")),
        (format!("{wanting}&TileCol=7"), 404, "TileOutOfRange", None),
        (format!("{wanting}&TileCol=0&format=image/gif"), 400, "InvalidParameterValue", Some("format")),
        (format!("{wanting}&TileCol=0&colour=red"), 400, "InvalidParameterValue", Some("colour")),
        (format!("{wmts}&service=WMS"), 400, "InvalidParameterValue", Some("service")),
        (wmts.replace("GetTile", "GetLegend"), 400, "OperationNotSupported", Some("request")),
        (format!("{wanting}&TileCol=0&version=9.9"), 400, "InvalidParameterValue", Some("version")),
        ("/tiles/wmts?acceptversions=2.0.0,3.0".to_owned(), 400, "VersionNegotiationFailed", None),
        ("/tiles/wmts?site=nowhere".to_owned(), 400, "InvalidParameterValue", Some("site")),
        (
            format!("{}&TileCol=0", other_layer.replace("/x/wmts", "/wmts")),
            404,
            "InvalidParameterValue",
            Some("layer"),
        ),
    ] {
        let told = get(&server, &query, "");
        assert_eq!((told.status, told.header("content-type")), (status, "application/xml"), "{query}");
        let report = String::from_utf8(told.body).unwrap();
        assert!(
            report.contains("<ExceptionReport") && report.contains(&format!("exceptionCode=\"{code}\"")),
            "{report}"
        );
        let named = locator.map(|name| format!("locator=\"{name}\""));
        assert_eq!(report.contains("locator="), named.is_some(), "{report}");
        assert!(named.is_none_or(|named| report.contains(&named)), "{report}");
    }
}

#[test]
fn both_documents_of_capabilities_tell_their_faults_as_exception_reports() {
    let (_folder, server, scene) = with_scene();
    for document in ["/tiles/WMTSCapabilities.xml".to_owned(), format!("/tiles/{scene}/WMTSCapabilities.xml")]
    {
        assert_eq!(get(&server, &document, "").status, 200);
        assert_eq!(
            get(&server, &format!("{document}?AcceptVersions=2.0.0,1.0.0&VERSION=1.0.0"), "").status,
            200
        );
        for (query, locator) in [
            ("service=WMS", "service"),
            ("colour=red", "colour"),
            ("request=GetTile", "request"),
            ("gamma=0", "gamma"),
        ] {
            let told = get(&server, &format!("{document}?{query}"), "");
            assert_eq!(
                (told.status, told.header("content-type")),
                (400, "application/xml"),
                "{document}?{query}"
            );
            let report = String::from_utf8(told.body).unwrap();
            assert!(
                report.contains("<ExceptionReport") && report.contains(&format!("locator=\"{locator}\"")),
                "{report}"
            );
        }
    }
}

#[test]
fn the_range_of_values_is_told_so_that_clients_can_stretch_by_hand() {
    let (_folder, server, scene) = with_scene();
    for name in ["tilejson", "native"] {
        let told = server.get(&format!("/tiles/{scene}/{name}.json")).body;
        let bands = told["bands"].as_array().unwrap();
        assert_eq!(bands.len(), 3, "{told}");
        let range = |band: &Value| [0, 1].map(|end| band["stretch"][end].as_f64().unwrap());
        assert!(
            bands.iter().all(|band| band["data_type"] == "uint8" && range(band)[0] < range(band)[1]),
            "{told}"
        );
        // the ranges that are told are those that are shown
        let given: Vec<String> =
            bands.iter().flat_map(|band| range(band).map(|end| end.to_string())).collect();
        let tile = format!("/tiles/{scene}/native/1/0/0.png");
        let by_hand = get(&server, &format!("{tile}?stretch={}", given.join(",")), "");
        assert_eq!((by_hand.status, by_hand.body), (200, get(&server, &tile, "").body));
    }
}

#[test]
fn tiles_come_out_of_caches_that_say_what_they_hold() {
    let (_folder, server, scene) = with_scene();
    let metric = |name: &str| {
        let text = get(&server, "/metrics", "").body;
        let line =
            String::from_utf8(text).unwrap().lines().find(|line| line.starts_with(name)).map(str::to_owned);
        let line = line.unwrap_or_else(|| panic!("{name} is told"));
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let missed = |cache: &str| metric(&format!("stakeout_cache_missed_total{{cache=\"{cache}\"}}"));
    for _ in 0..3 {
        assert_eq!(get(&server, &format!("/tiles/{scene}/native/1/0/0.png"), "").status, 200);
    }
    assert_eq!(missed("tiles"), 1);
    let blocks = missed("blocks");
    assert!(blocks > 0);
    assert_eq!(get(&server, &format!("/tiles/{scene}/native/1/0/1.png?gamma=2"), "").status, 200);
    assert_eq!((missed("tiles"), missed("blocks")), (2, blocks), "another tile of the same blocks");
    for cache in ["tiles", "blocks"] {
        let held = metric(&format!("stakeout_cache_bytes{{cache=\"{cache}\"}}"));
        assert!(held > 0 && held <= metric(&format!("stakeout_cache_bytes_max{{cache=\"{cache}\"}}")));
    }
}

/// Raw bytes of the raster of the next test.
const LARGE_BYTES: u64 = 12_000 * 12_000 * 3;
/// Most memory of a server that takes it in and shows it.
const SERVER_BYTES_MAX: u64 = 256 << 20;

#[test]
fn a_raster_larger_than_the_servers_memory_may_be_is_taken_in_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = (folder.path().join("large.tif"), folder.path().join("data"));
    let shape = ["-outsize", "12000", "12000", "-bands", "3", "-burn", "90", "-co", "TILED=YES"];
    let place = ["-a_srs", "EPSG:32652", "-a_ullr", "380000", "4420000", "386000", "4414000"];
    let made = Command::new("gdal_create").args(shape).args(place).arg(&file).status().unwrap();
    assert!(made.success());
    let length = std::fs::metadata(&file).unwrap().len();
    assert!(length > LARGE_BYTES, "nothing of it is compressed");

    let server = Server::start(&data);
    server.add_site("plant");
    let agent = ureq::agent();
    let post = agent.post(format!("{}/uploads", server.url)).header("tus-resumable", "1.0.0");
    let announced = post.header("upload-length", &length.to_string()).send_empty().unwrap();
    let location = announced.headers()["location"].to_str().unwrap().to_owned();
    let sent = agent
        .patch(format!("{}{}", server.url, &location[location.find("/uploads/").unwrap()..]))
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", "0")
        .header("content-type", "application/offset+octet-stream")
        .header("content-length", &length.to_string())
        .send(std::fs::File::open(&file).unwrap())
        .unwrap();
    assert_eq!(sent.status().as_u16(), 204);
    let scene = json!({"upload": location, "properties": {"datetime": "2023-05-14T02:10:00Z"}});
    // on a slow machine it is a job anyway
    let told = server.post("/api/sites/plant/scenes", &scene, &[("prefer", "respond-async")]);
    assert_eq!(told.status, 202, "{}", told.body);
    let job = &told.location[server.url.len()..];
    assert_eq!(server.wait_for(job)["status"], "successful");
    let made = server.get(&format!("{job}/results")).body;
    let scene = made["id"].as_str().unwrap();
    for level in 0..6 {
        for index in 0..(1_u32 << level).min(3) {
            let tile = get(&server, &format!("/tiles/{scene}/native/{level}/{index}/{index}.png"), "");
            assert_eq!(tile.status, 200, "{level}/{index}");
        }
    }
    let peak = server.memory_peak();
    assert!(peak < SERVER_BYTES_MAX, "the server held {peak} bytes of a raster of {LARGE_BYTES}");
}
