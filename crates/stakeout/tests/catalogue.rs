//! The catalogue of scenes over HTTP: searched, changed, and its images placed by hand.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use support::{Server, rendered_pair, run, text};

/// What GDAL's own tool makes of a file, without a georeference.
fn screenshot(of: &Path, driver: &str, name: &str) -> Vec<u8> {
    let made = of.with_file_name(name);
    let done = Command::new("gdal_translate")
        .args(["-q", "--config", "GDAL_PAM_ENABLED", "NO", "-of", driver, "-outsize", "200", "150"])
        .args(match driver {
            "GTiff" => &["-co", "PROFILE=BASELINE"][..],
            "JP2OpenJPEG" => &["-co", "GeoJP2=NO", "-co", "GMLJP2=NO"],
            _ => &[],
        })
        .args([of, &made])
        .status()
        .unwrap();
    assert!(done.success(), "{name}");
    std::fs::read(made).unwrap()
}

fn ids(page: &Value) -> Vec<String> {
    let features = page["features"].as_array().unwrap_or_else(|| panic!("{page}"));
    features.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// All ids of a search, one on a page, as its `next` links lead.
fn paged(server: &Server, first: Value, post: bool) -> Vec<String> {
    let (mut page, mut seen) = (first, Vec::new());
    loop {
        seen.extend(ids(&page));
        let links = page["links"].as_array().unwrap();
        let Some(next) = links.iter().find(|link| link["rel"] == "next") else { return seen };
        let href = next["href"].as_str().unwrap().strip_prefix(&server.url).unwrap().to_owned();
        assert_eq!(next["method"] == "POST", post, "{next}");
        page = if post { server.post(&href, &next["body"], &[]).body } else { server.get(&href).body };
    }
}

#[test]
fn scenes_are_searched_by_get_and_post_and_both_find_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = rendered_pair(folder.path());
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    server.add_site("annex");
    let first = server.add_scene("plant", &before, "2023-05-14T02:10:00Z");
    let second = server.add_scene("plant", &after, "2024-10-21T02:25:00Z");
    let third = server.add_scene("annex", &after, "2024-11-02T02:25:00Z");
    let get = |query: &str| server.get(&format!("/stac/search?{query}"));
    let post = |body: Value| server.post("/stac/search", &body, &[]);

    assert_eq!(ids(&get("collections=plant").body), [first.as_str(), &second]);
    assert_eq!(ids(&get(&format!("ids={third},{first}&sortby=-datetime")).body), [third.as_str(), &first]);
    assert_eq!(ids(&get("datetime=2024-01-01T00:00:00Z/..").body), [second.as_str(), &third]);
    assert_eq!(ids(&get("bbox=0,0,1,1").body), [""; 0]);
    let newer = json!({"op": ">", "args": [{"property": "datetime"}, {"timestamp": "2024-10-30T00:00:00Z"}]});
    assert_eq!(ids(&post(json!({"filter": newer, "filter-lang": "cql2-json"})).body), [third.as_str()]);
    assert_eq!(ids(&get("filter=collection%20=%20'annex'%20AND%20gsd%20%3C%201").body), [third.as_str()]);
    let item = server.get(&format!("/stac/collections/plant/items/{first}")).body;
    let here = item["geometry"].clone();
    assert_eq!(post(json!({"intersects": here, "collections": ["plant"]})).body["numberMatched"], 2);

    let all = [third.clone(), second.clone(), first.clone()];
    assert_eq!(paged(&server, get("limit=1&sortby=-properties.datetime").body, false), all);
    let sorted = json!({"limit": 1, "sortby": [{"field": "properties.datetime", "direction": "desc"}]});
    assert_eq!(paged(&server, post(sorted).body, true), all);
    let site = server.get("/stac/collections/plant/items?limit=1").body;
    assert_eq!(paged(&server, site, false), [first.as_str(), &second]);

    let few = post(json!({"ids": [first], "fields": {"include": ["properties.datetime"]}})).body;
    assert_eq!(few["features"][0]["properties"], json!({"datetime": "2023-05-14T02:10:00Z"}));
    assert!(few["features"][0].get("assets").is_none());
    for (query, parameter) in [
        ("limit=0", "limit"),
        ("colour=red", "colour"),
        ("bbox=1,2", "bbox"),
        ("datetime=yesterday", "datetime"),
        ("sortby=colour", "sortby"),
        ("filter=colour%20=%20'red'", "filter"),
        ("filter-lang=cql-text", "filter-lang"),
        ("intersects=here", "intersects"),
        ("bbox=0,0,1,1&intersects=%7B%22type%22:%22Point%22,%22coordinates%22:%5B1,1%5D%7D", "intersects"),
        ("token=b5", "token"),
    ] {
        let told = get(query);
        assert_eq!(
            (told.status, told.body["parameter"].as_str()),
            (400, Some(parameter)),
            "{query}: {}",
            told.body
        );
    }
    assert_eq!(server.get("/stac/collections/nowhere/items").status, 404);
    assert_eq!(server.get("/stac/collections/annex/queryables").body["properties"]["gsd"]["type"], "number");
}

#[test]
fn an_item_is_made_of_an_upload_described_anew_and_withdrawn_and_its_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_site("plant");
    let upload = server.upload_by_tus(&std::fs::read(&before).unwrap());
    let item = json!({
        "type": "Feature", "stac_version": "1.1.0", "id": "aerial_2023.1", "geometry": null, "links": [],
        "properties": {"datetime": "2023-05-14T02:10:00Z", "eo:cloud_cover": 3, "view:off_nadir": 12.5},
        "assets": {"original": {"href": upload}},
    });
    let items = "/stac/collections/plant/items";
    let mut foreign = item.clone();
    foreign["assets"]["original"]["href"] = json!("http://198.51.100.7/scene.tif");
    assert_eq!(server.post(items, &foreign, &[]).status, 404, "nothing is fetched from elsewhere");
    let mut stray = item.clone();
    stray["properties"]["proj:code"] = json!("EPSG:4326");
    assert_eq!(server.post(items, &stray, &[]).body["parameter"], "properties.proj:code");
    let made = server.post(items, &item, &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(made.location.ends_with("/stac/collections/plant/items/aerial_2023.1"));
    assert_eq!(made.body["properties"]["view:off_nadir"], 12.5);
    assert!(made.body["geometry"]["coordinates"].is_array(), "the file says where it lies");

    let path = "/stac/collections/plant/items/aerial_2023.1";
    let (old, etag) = (server.get(path).body, server.get(path).etag);
    assert_eq!(etag, made.etag);
    let patch = json!({"properties": {"eo:cloud_cover": null, "title": "Before the works"}});
    assert_eq!(server.patch(path, &patch, &[]).status, 428);
    let changed = server.patch(path, &patch, &[("if-match", &etag)]);
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.body["properties"]["title"], "Before the works");
    assert!(changed.body["properties"].get("eo:cloud_cover").is_none());
    assert_eq!(server.patch(path, &patch, &[("if-match", &etag)]).status, 412);
    for (patch, parameter) in [
        (json!({"geometry": null}), None),
        (json!({"geometry": {"type": "Point", "coordinates": [1, 2]}}), Some("geometry")),
        (json!({"assets": {"original": {"file:size": 1}}}), Some("assets")),
        (json!({"properties": {"colour": "red"}}), Some("properties.colour")),
        (json!({"properties": {"view:azimuth": 361}}), Some("properties.view:azimuth")),
        (json!({"properties": {"datetime": null}}), Some("properties.datetime")),
    ] {
        let told = server.patch(path, &patch, &[("if-match", &server.get(path).etag)]);
        assert_eq!(told.body["parameter"].as_str(), parameter, "{patch}: {}", told.body);
        assert_eq!(told.status, if parameter.is_some() { 400 } else { 200 }, "{patch}: {}", told.body);
    }
    // a whole item as a client read it once, its properties changed
    let mut whole = server.get(path).body;
    whole["properties"] = old["properties"].clone();
    whole["properties"].as_object_mut().unwrap().retain(|name, _| name != "updated");
    let put = server.put(path, &whole, &[("if-match", &server.get(path).etag)]);
    assert_eq!(put.status, 200, "{}", put.body);
    assert!(put.body["properties"].get("title").is_none());

    assert_eq!(server.delete(path, &[]).status, 428);
    assert_eq!(server.delete(path, &[("if-match", &put.etag)]).status, 204);
    assert_eq!(server.get(path).status, 404);
    assert_eq!(server.get(items).body["numberMatched"], 0);
    let again = server.post(items, &json!({"type": "Feature", "id": "aerial_2023.1", "properties": {"datetime": "2023-05-14T02:10:00Z"}, "assets": {"original": {"href": server.upload_by_tus(&std::fs::read(&before).unwrap())}}}), &[]);
    assert_eq!((again.status, again.body["parameter"].as_str()), (409, Some("id")));
    let kinds: Vec<Value> = server.get("/api/scenes/aerial_2023.1/versions").body["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(kinds.first(), Some(&json!("scene.added")));
    assert_eq!(kinds.last(), Some(&json!("scene.withdrawn")));
    server.kill();
    let verified = run(&["verify", "--data", text(&data)]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[test]
fn the_extent_of_a_collection_holds_its_items() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let server = Server::start(&folder.path().join("data"));
    let ring = json!([[[127.0, 39.0], [127.1, 39.0], [127.1, 39.1], [127.0, 39.1], [127.0, 39.0]]]);
    let site = json!({
        "type": "Feature", "id": "gate", "geometry": {"type": "Polygon", "coordinates": ring}, "properties": {"name": "Gate"},
    });
    assert_eq!(server.post("/ogc/collections/sites/items", &site, &[]).status, 201);
    let scene = server.add_scene("gate", &before, "2023-05-14T02:10:00Z");
    let numbers = |value: &Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let item = numbers(&server.get(&format!("/stac/collections/gate/items/{scene}")).body["bbox"]);
    let extent = numbers(&server.get("/stac/collections/gate").body["extent"]["spatial"]["bbox"][0]);
    assert_eq!(extent[..2], [127.0, 39.0]);
    assert!(extent[2] >= item[2] && extent[3] >= item[3], "{extent:?} holds {item:?}");
}

#[test]
fn a_screenshot_is_placed_by_corners_points_or_a_world_file_and_placed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_site("plant");
    let png = screenshot(&before, "PNG", "map.png");
    let upload = |name: &str, bytes: &[u8], more: Value, world_file: Option<&str>| {
        let mut properties = more;
        properties["datetime"] = json!("2024-05-14T02:10:00Z");
        server.upload_bytes("plant", name, bytes, &properties, world_file)
    };
    let by_corners = upload("map.png", &png, json!({"footprint": corners()}), None);
    assert_eq!(by_corners.status, 201, "{}", by_corners.body);
    let point = |pixel: [f64; 2]| json!({"pixel": pixel, "position": [127.6 + pixel[0] * 1e-5, 39.902 - pixel[1] * 1e-5]});
    let points = [point([0.0, 0.0]), point([200.0, 0.0]), point([100.0, 150.0]), point([20.0, 130.0])];
    let by_points = upload("map.png", &png, json!({"control_points": points}), None);
    assert_eq!(by_points.status, 201, "{}", by_points.body);
    let placement = &by_points.body["properties"]["stakeout:placement"];
    assert_eq!(placement["by"], "control-points");
    assert!(placement["residual_m"].as_f64().unwrap() < 0.05, "{placement}");
    let world = "0.5\n0\n0\n-0.5\n551400.25\n4416599.75\n";
    for (driver, name) in
        [("PNG", "map.png"), ("JPEG", "map.jpg"), ("JP2OpenJPEG", "map.jp2"), ("GTiff", "map.tif")]
    {
        let bytes = screenshot(&before, driver, &format!("plain-{name}"));
        let made = upload(name, &bytes, json!({"crs": "EPSG:32652"}), Some(world));
        assert_eq!(made.status, 201, "{name}: {}", made.body);
        assert_eq!(
            made.body["properties"]["proj:transform"],
            json!([0.5, 0.0, 551_400.0, 0.0, -0.5, 4_416_600.0])
        );
    }
    let on_line = [point([0.0, 0.0]), point([50.0, 50.0]), point([100.0, 100.0])];
    let mut off = points.to_vec();
    off.push(json!({"pixel": [180, 140], "position": [127.61, 39.9]}));
    for (properties, world_file, parameter, words) in [
        (json!({"crs": "EPSG:32652"}), Some("0.5\n0\nNaN\n-0.5\n1\n1"), "world_file", "line 3"),
        (json!({"crs": "EPSG:99999"}), Some(world), "properties.crs", "EPSG:99999"),
        (json!({}), Some(world), "properties.crs", "EPSG:32652"),
        (
            json!({"footprint": corners(), "crs": "EPSG:32652"}),
            Some(world),
            "properties.footprint",
            "one of them",
        ),
        (json!({"control_points": on_line}), None, "properties.control_points", "on a line"),
        (json!({"control_points": off}), None, "properties.control_points", "control point 5"),
        (json!({"footprint": [[0, 0], [1, 1], [1, 0], [0, 1]]}), None, "properties.footprint", "corner"),
    ] {
        let told = upload("map.png", &png, properties, world_file);
        assert_eq!((told.status, told.body["parameter"].as_str()), (400, Some(parameter)), "{}", told.body);
        assert!(told.body["detail"].as_str().unwrap().contains(words), "{}", told.body);
    }
    let own = upload("here.tif", &std::fs::read(&before).unwrap(), json!({"footprint": corners()}), None);
    assert_eq!(own.status, 422, "{}", own.body);
    assert!(own.body["detail"].as_str().unwrap().contains("georeference of its own"), "{}", own.body);

    // the corners are dragged
    let id = by_corners.body["id"].as_str().unwrap();
    let path = format!("/api/scenes/{id}/placement");
    let shown = server.get(&path);
    assert_eq!(shown.body["placement"]["footprint"], corners());
    let slanted = json!({"footprint": [[127.6005, 39.902], [127.6015, 39.902], [127.602, 39.9005], [127.600, 39.9005]]});
    assert_eq!(server.put(&path, &slanted, &[]).status, 428);
    let moved = server.put(&path, &slanted, &[("if-match", &shown.etag)]);
    assert_eq!(moved.status, 200, "{}", moved.body);
    assert_eq!(server.put(&path, &slanted, &[("if-match", &shown.etag)]).status, 412);
    let sum = |item: &Value, asset: &str| item["assets"][asset]["file:checksum"].clone();
    assert_eq!(sum(&moved.body, "original"), sum(&by_corners.body, "original"));
    assert_ne!(sum(&moved.body, "working"), sum(&by_corners.body, "working"));
    let versions = server.get(&format!("/api/scenes/{id}/versions")).body;
    assert_eq!(versions["versions"][1]["kind"], "scene.placed");

    // the file of a scene serves for another without being sent again, and is stored once
    let same =
        json!({"scene": id, "properties": {"datetime": "2024-05-14T02:10:00Z", "footprint": corners()}});
    let again = server.post("/api/sites/plant/scenes", &same, &[]);
    assert_eq!(again.status, 201, "{}", again.body);
    assert_eq!(
        sum(&again.body, "working"),
        sum(&by_corners.body, "working"),
        "the same file, placed the same"
    );
    server.kill();
    assert!(run(&["verify", "--data", text(&data)]).status.success());
}

#[test]
fn a_working_copy_is_read_by_windows_over_the_network_and_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let scene = server.add_scene("plant", &before, "2023-05-14T02:10:00Z");
    for asset in ["working", "original"] {
        let path = format!("/api/scenes/{scene}/{asset}");
        let url = format!("{}{path}", server.url);
        let whole = ureq::get(&url).call().unwrap().body_mut().read_to_vec().unwrap();
        let bytes = whole.len();
        let mut part = ureq::get(&url).header("range", "bytes=100-199").call().unwrap();
        assert_eq!(part.status(), 206, "{asset}");
        assert_eq!(part.headers()["content-range"], format!("bytes 100-199/{bytes}"));
        assert_eq!(part.body_mut().read_to_vec().unwrap(), whole[100..200]);
        let (status, headers) = server.head_of("GET", &path, &[("range", &format!("bytes={bytes}-"))]);
        assert_eq!((status, headers["content-range"].as_str()), (416, format!("bytes */{bytes}").as_str()));
        let (status, headers) = server.head_of("HEAD", &path, &[("range", "bytes=0-9")]);
        assert_eq!((status, headers["content-length"].as_str()), (200, bytes.to_string().as_str()));
        assert_eq!(headers["accept-ranges"], "bytes");
        assert_eq!(server.head_of("GET", &path, &[("if-none-match", &headers["etag"])]).0, 304);
    }
    let remote = format!("/vsicurl/{}/api/scenes/{scene}/working", server.url);
    let read = Command::new("gdallocationinfo").args(["-valonly", &remote, "300", "200"]).output().unwrap();
    let local =
        Command::new("gdallocationinfo").args(["-valonly", text(&before), "300", "200"]).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    assert_eq!(read.stdout, local.stdout);
}

/// Where the corners of an image are put, clockwise from its upper left.
fn corners() -> Value {
    json!([[127.600, 39.902], [127.602, 39.902], [127.602, 39.9005], [127.600, 39.9005]])
}

/// Blobs of a data folder.
fn blobs(data: &Path) -> usize {
    let shelves = std::fs::read_dir(data.join("blobs")).unwrap();
    shelves.map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap().count()).sum()
}

#[test]
fn a_placement_that_would_not_be_taken_derives_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_site("plant");
    let own = server.add_scene("plant", &before, "2023-05-14T02:10:00Z");
    let time = json!({"datetime": "2024-05-14T02:10:00Z"});
    let png = screenshot(&before, "PNG", "map.png");
    let unplaced = server.upload_bytes("plant", "map.png", &png, &time, None).body["id"].clone();
    let unplaced = unplaced.as_str().unwrap();
    let [viewer, analyst] =
        ["viewer", "analyst"].map(|role| format!("Bearer {}", support::token(&data, role, role)));
    let place = |token: &str, scene: &str, tag: &str| {
        let headers = [("authorization", token), ("if-match", tag)];
        let path = format!("/api/scenes/{scene}/placement");
        server.put(&path, &json!({"footprint": corners()}), &headers)
    };
    let before = blobs(&data);
    // a tag that is wrong too: the role is what is told
    for (token, scene, tag, status) in [
        (&viewer, unplaced, "\"another\"", 403),
        (&viewer, unplaced, "*", 403),
        (&analyst, unplaced, "\"another\"", 412),
        (&analyst, own.as_str(), "*", 409),
    ] {
        let refused = place(token, scene, tag);
        assert_eq!(refused.status, status, "{scene} {tag}: {}", refused.body);
        assert_eq!(blobs(&data), before, "{scene} {tag} left a file");
    }
    assert_eq!(place(&analyst, unplaced, "*").status, 200);
    assert_eq!(blobs(&data), before + 1);
}

#[test]
fn images_without_a_place_are_compared_once_they_are_placed() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = rendered_pair(folder.path());
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let [first, second] =
        [(&before, "a.png", "2023"), (&after, "b.png", "2024")].map(|(file, name, year)| {
            let png = screenshot(file, "PNG", name);
            let time = json!({"datetime": format!("{year}-05-14T02:10:00Z")});
            server.upload_bytes("plant", name, &png, &time, None).body["id"].as_str().unwrap().to_owned()
        });
    let execute = || {
        let inputs = json!({"inputs": {"before": first, "after": second, "model": "classical"}});
        server.post("/ogc/processes/detect-new-structures/execution", &inputs, &[])
    };
    for (scene, input) in [(&first, "inputs.before"), (&second, "inputs.after")] {
        let refused = execute();
        assert_eq!((refused.status, refused.body["parameter"].as_str()), (400, Some(input)));
        let detail = refused.body["detail"].as_str().unwrap();
        let path = format!("/api/scenes/{scene}/placement");
        assert!(detail.contains("place it first") && detail.contains(&path), "{detail}");
        assert_eq!(server.put(&path, &json!({"footprint": corners()}), &[("if-match", "*")]).status, 200);
    }
    assert_eq!(execute().status, 201);
}

/// A picture of two halves, 12 km wide, whose middle lies on the antimeridian over Fiji.
fn fiji(folder: &Path) -> std::path::PathBuf {
    let (plain, file) = (folder.join("plain.tif"), folder.join("fiji.tif"));
    let value = |at: u32| if at % 300 < 150 { 90.0 } else { 200.0 };
    let values = (0..3 * 300 * 300).map(value).collect();
    let raster =
        imagery_diff::Raster::new(imagery_diff::Grid::pixels(300, 300), 3, values, vec![true; 300 * 300]);
    raster_io::write_geotiff(&plain, &raster.unwrap()).unwrap();
    // easting and northing of 180 degrees east, 17 degrees south in zone 60
    let [x, y] = raster_io::Reprojection::to_epsg(32760).unwrap().forward(&[[180.0, -17.0]]).unwrap()[0];
    let corners = [x - 6e3, y + 6e3, x + 6e3, y - 6e3].map(|number| number.to_string());
    let done = Command::new("gdal_translate")
        .args(["-q", "-a_srs", "EPSG:32760", "-a_ullr"])
        .args(corners)
        .args([&plain, &file])
        .status()
        .unwrap();
    assert!(done.success());
    file
}

#[test]
fn a_scene_across_the_antimeridian_is_catalogued_and_shown_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let part = |west: f64, east: f64| {
        json!([[[west, -17.2], [east, -17.2], [east, -16.8], [west, -16.8], [west, -17.2]]])
    };
    let area = json!({"type": "MultiPolygon", "coordinates": [part(179.8, 180.0), part(-180.0, -179.8)]});
    let site =
        json!({"type": "Feature", "id": "taveuni", "geometry": area, "properties": {"name": "Taveuni"}});
    let made = server.post("/ogc/collections/sites/items", &site, &[]);
    assert_eq!((made.status, &made.body["geometry"]["type"]), (201, &json!("MultiPolygon")), "{}", made.body);
    server.add_site("plant");
    let scene = server.add_scene("taveuni", &fiji(folder.path()), "2024-05-14T02:10:00Z");

    let item = server.get(&format!("/stac/collections/taveuni/items/{scene}")).body;
    let parts = item["geometry"]["coordinates"].as_array().unwrap();
    assert_eq!((&item["geometry"]["type"], parts.len()), (&json!("MultiPolygon"), 2));
    let bbox: Vec<f64> = item["bbox"].as_array().unwrap().iter().map(|end| end.as_f64().unwrap()).collect();
    assert!((179.9..180.0).contains(&bbox[0]) && (-180.0..-179.9).contains(&bbox[2]), "{bbox:?}");
    let collection = server.get("/stac/collections/taveuni").body;
    assert_eq!(collection["extent"]["spatial"]["bbox"], json!([[179.8, -17.2, -179.8, -16.8]]));

    for (bbox, finds) in [
        ("179,-18,179.99,-16", true),
        ("-179.99,-18,-179,-16", true),
        ("179.99,-18,-179.99,-16", true),
        ("-179,-18,179,-16", false),
    ] {
        assert_eq!(ids(&server.get(&format!("/stac/search?bbox={bbox}")).body).len() == 1, finds, "{bbox}");
        let sites = server.get(&format!("/ogc/collections/sites/items?bbox={bbox}")).body;
        assert_eq!(ids(&sites) == ["taveuni"], finds, "{bbox}");
    }
    let point = |lon: f64| json!({"intersects": {"type": "Point", "coordinates": [lon, -17.0]}});
    for (lon, finds) in [(179.97, true), (-179.97, true), (0.0, false)] {
        assert_eq!(ids(&server.post("/stac/search", &point(lon), &[]).body).len() == 1, finds, "{lon}");
    }

    let tilejson = server.get(&format!("/tiles/{scene}/tilejson.json")).body;
    let ends = [0, 2].map(|at| tilejson["bounds"][at].as_f64().unwrap());
    assert_eq!(ends, [-180.0, 180.0], "TileJSON knows no bounds across the antimeridian");
    // pixels of 40 m on the ground, 42 of Web Mercator
    assert_eq!(tilejson["maxzoom"], 12);
    // 17 degrees south at zoom 10; nothing of the scene is at the middle of the map
    for (col, status) in [(0, 200), (1_023, 200), (512, 404)] {
        let tile = server.head_of("GET", &format!("/tiles/{scene}/WebMercatorQuad/10/561/{col}.png"), &[]);
        assert_eq!(tile.0, status, "{col}");
    }
    let capabilities = server.get(&format!("/tiles/{scene}/WMTSCapabilities.xml")).body;
    assert!(capabilities.as_str().unwrap().contains("<ows:LowerCorner>-180 "), "{capabilities}");
    // rows as they are written are read again: nothing is lost by a change
    let renamed = server.patch(
        "/ogc/collections/sites/items/taveuni",
        &json!({"properties": {"name": "Waiyevo"}}),
        &[("if-match", &server.get("/ogc/collections/sites/items/taveuni").etag)],
    );
    assert_eq!((renamed.status, &renamed.body["geometry"]), (200, &made.body["geometry"]));
}
