//! The whole run over HTTP, against the real binary, its database and rendered scenes.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use support::{Server, rendered_pair, run, text};

fn confirm(server: &Server, candidate: &str) -> Value {
    let etag = server.get(&format!("/ogc/collections/candidates/items/{candidate}")).etag;
    let review = json!({
        "verdict": "confirm", "structure_type": "assembly-hall", "confidence": "high", "title": "New hall",
        "seen": {"stretch": "p2-98", "nudge": [0, 0]},
    });
    let made = server.post(&format!("/api/candidates/{candidate}/reviews"), &review, &[("if-match", &etag)]);
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["annotation"].clone()
}

fn candidates(server: &Server) -> Vec<String> {
    let page = server.get("/ogc/collections/candidates/items?limit=1000").body;
    let id = |feature: &Value| feature["id"].as_str().unwrap().to_owned();
    page["features"].as_array().unwrap().iter().map(id).collect()
}

#[test]
fn two_images_become_a_confirmed_annotation_that_gdal_reads() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let (first, second) = server.add_plant(rendered_pair(folder.path()));
    let job = server.compare(&first, &second);
    let ended = server.wait_for(&job);
    assert_eq!(
        (ended["status"].as_str(), ended["progress"].as_u64()),
        (Some("successful"), Some(100)),
        "{ended}"
    );
    let found = candidates(&server);
    assert!(!found.is_empty());
    assert_eq!(server.get(&format!("{job}/results")).body["candidates"].as_u64(), Some(found.len() as u64));

    let annotation = confirm(&server, &found[0]);
    let properties = &annotation["properties"];
    assert_eq!(properties["status"], "confirmed");
    assert_eq!(properties["start_datetime"], "2023-05-14T02:10:00Z");
    assert_eq!(properties["end_datetime"], "2024-10-21T02:25:00Z");
    assert_eq!(properties["sources"].as_array().unwrap().len(), 2);
    let stored = server.get("/ogc/collections/annotations/items").body;
    assert_eq!(stored["features"][0], annotation);

    let ogr = Command::new("ogrinfo")
        .args(["-ro", "-so", &format!("OAPIF:{}/ogc", server.url), "annotations"])
        .output()
        .expect("gdal-bin is installed");
    let told = String::from_utf8_lossy(&ogr.stdout);
    assert!(told.contains("Feature Count: 1"), "{told}{}", String::from_utf8_lossy(&ogr.stderr));

    let tiles = server.get(&format!("/tiles/{second}/tilejson.json")).body;
    assert!(tiles["tiles"][0].as_str().unwrap().contains("WebMercatorQuad"));
    server.kill();
    let verify = |more: &[&str]| {
        let verified = run(&[&["verify", "--data", text(&data)], more].concat());
        let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (verified.status.code(), told(&verified.stdout), told(&verified.stderr))
    };
    let (code, last, told) = verify(&["--quiet"]);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert_eq!(verify(&["--event", last.trim()]).0, Some(0));
    let other = format!("1:{}", "0".repeat(64));
    let (code, _, told) = verify(&["--event", &other]);
    assert_eq!(code, Some(1));
    assert!(told.contains("event 1 was noted as 0000"), "{told}");
    assert_eq!(verify(&["--event", "seven"]).0, Some(2));
}

#[test]
fn a_job_survives_a_power_loss_and_so_does_every_acknowledged_write() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let (first, second) = server.add_plant(rendered_pair(folder.path()));
    let job = server.compare(&first, &second);
    server.kill();

    let server = Server::start(&data);
    assert_eq!(server.wait_for(&job)["status"], "successful");
    let found = candidates(&server);
    let annotation = confirm(&server, &found[0]);
    server.kill();

    let server = Server::start(&data);
    let kept =
        server.get(&format!("/ogc/collections/annotations/items/{}", annotation["id"].as_str().unwrap()));
    let mut kept = kept.body;
    kept.as_object_mut().unwrap().remove("links");
    assert_eq!(kept, annotation);
    assert!(run(&["verify", "--data", text(&data)]).status.success());
}

#[test]
fn a_second_server_over_one_folder_is_refused_and_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let on_its_way = data.join("incoming/.tmpfile");
    std::fs::create_dir_all(&on_its_way).unwrap();
    let second = run(&["serve", "--listen", "127.0.0.1:0", "--data", text(&data)]);
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && said.contains("is served by another process already"), "{said}");
    assert!(on_its_way.exists(), "the first one is at it");
    server.kill();
    Server::start(&data);
    assert!(!on_its_way.exists());
}

#[test]
fn scenes_are_compared_from_the_earlier_to_the_later() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (first, second) = server.add_plant(rendered_pair(folder.path()));
    let inputs = json!({"inputs": {"before": second, "after": first}});
    let refused = server.post("/ogc/processes/detect-new-structures/execution", &inputs, &[]);
    assert_eq!(refused.status, 400);
    assert!(refused.body["detail"].as_str().unwrap().contains("no earlier than before"), "{}", refused.body);
    assert_eq!(refused.body["parameter"], "inputs.after");
}

#[test]
fn an_interrupt_does_not_wait_for_a_job_and_the_next_start_clears_up() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let (first, second) = server.add_plant(rendered_pair(folder.path()));
    let job = server.compare(&first, &second);
    while server.get(&job).body["status"] != "running" {
        std::thread::yield_now();
    }
    assert!(server.interrupt().success());
    assert!(run(&["verify", "--data", text(&data)]).status.success());

    // what a kill would have left of an upload
    let left = data.join("incoming/.tmpleft");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("original"), b"half a file").unwrap();
    let server = Server::start_configured(&data, &json!({"jobs_parallel": 0}));
    assert_eq!(server.get(&job).body["status"], "accepted", "it was not done, and waits for its turn again");
    let results = server.get(&format!("{job}/results")).body;
    assert!(
        results["type"].as_str().unwrap().ends_with("ogcapi-processes-1/1.0/result-not-ready"),
        "{results}"
    );
    assert!(!left.exists());
    server.kill();
    let server = Server::start(&data);
    assert_eq!(server.wait_for(&job)["status"], "successful");
}

#[test]
fn who_is_being_answered_at_a_stop_is_and_the_database_is_left_whole() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_site("plant");
    let ring = json!([[[127.5, 39.8], [127.7, 39.8], [127.7, 40.0], [127.5, 40.0], [127.5, 39.8]]]);
    let area = json!({"type": "Polygon", "coordinates": ring});
    let site = json!({"type": "Feature", "geometry": area, "properties": {"name": "Mine"}}).to_string();
    let host = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut begun = TcpStream::connect(&host).unwrap();
    let head = format!(
        "POST /ogc/collections/sites/items HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/geo+json\r\ncontent-length: {}\r\n\r\n",
        site.len()
    );
    begun.write_all(format!("{head}{}", &site[..10]).as_bytes()).unwrap();
    // what is asked for later is answered, so the head of the other has come
    assert_eq!(server.get("/health/ready").status, 200);
    let stopped = std::thread::spawn(move || server.interrupt());
    while TcpStream::connect(&host).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.write_all(&site.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    begun.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(stopped.join().unwrap().success());
    assert_eq!(std::fs::metadata(data.join("stakeout.sqlite-wal")).map_or(0, |log| log.len()), 0);
    // the file alone is the record
    let copy = folder.path().join("copy");
    std::fs::create_dir_all(copy.join("blobs")).unwrap();
    std::fs::copy(data.join("stakeout.sqlite"), copy.join("stakeout.sqlite")).unwrap();
    let verified = run(&["verify", "--data", text(&copy)]);
    let told = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && told.contains("2 events"), "{told}");
}

#[test]
fn verify_finds_a_blob_that_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_site("plant");
    server.add_scene("plant", &before, "2023-05-14T02:10:00Z");
    server.kill();
    let shelf = std::fs::read_dir(data.join("blobs")).unwrap().next().unwrap().unwrap().path();
    let blob = std::fs::read_dir(shelf).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    let verified = run(&["verify", "--data", text(&data)]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&verified.stderr).contains("was changed"));
}

#[test]
fn bad_uploads_are_told_and_nothing_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_site("plant");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let whole = std::fs::read(&before).unwrap();
    let time = json!({"datetime": "2023-05-14T02:10:00Z"});
    let cases = [
        (file("text.tif", b"this is a text and no image"), time.clone(), 422, "is a text that begins with"),
        (file("empty.tif", b""), time.clone(), 422, "empty"),
        (file("cut.tif", &whole[..whole.len() / 2]), time.clone(), 422, ""),
        (before.clone(), json!({}), 400, "properties.datetime"),
        (before.clone(), json!({"datetime": "yesterday"}), 400, "properties.datetime"),
    ];
    for (path, properties, status, words) in cases {
        let answer = server.upload("plant", &path, &properties);
        assert_eq!(answer.status, status, "{}: {}", path.display(), answer.body);
        assert!(answer.body["detail"].as_str().unwrap().contains(words), "{}", answer.body);
        assert!(answer.body["type"].as_str().unwrap().starts_with("/problems/"));
    }
    assert_eq!(server.upload("nowhere", &before, &time).status, 404);
    assert_eq!(server.get("/api/sites/plant/scenes").body["scenes"], json!([]));
    assert_eq!(std::fs::read_dir(data.join("incoming")).unwrap().count(), 0, "no upload is left behind");
    assert!(run(&["verify", "--data", text(&data)]).status.success());
}

#[test]
fn bad_geojson_is_told_with_the_place_of_the_fault() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let site =
        |geometry: Value| json!({"type": "Feature", "geometry": geometry, "properties": {"name": "Plant"}});
    let bow_tie = json!({"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]});
    let square = json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]});
    let cases = [
        (json!({"hello": "world"}), "type is missing but must be \"Feature\""),
        (site(bow_tie), "ring 0 crosses or touches itself near [1, 1]"),
        (json!({"type": "Feature", "geometry": square, "properties": {}}), "properties.name is missing"),
        (site(json!(null)), "geometry.type is missing but must be \"Polygon\""),
    ];
    for (feature, words) in cases {
        let answer = server.post("/ogc/collections/sites/items", &feature, &[]);
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(answer.body["detail"].as_str().unwrap().contains(words), "{}", answer.body);
        assert!(answer.body["parameter"].is_string(), "{}", answer.body);
    }
    assert_eq!(server.count("sites"), 0);
}

#[test]
fn all_of_the_ogc_interface_is_a_page_for_people_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (before, after) = server.add_plant(rendered_pair(folder.path()));
    let job = server.compare(&before, &after);
    assert_eq!(server.wait_for(&job)["status"], "successful");
    let confirmed = confirm(&server, &candidates(&server)[0]);
    let annotation = confirmed["id"].as_str().unwrap();
    for path in [
        "/ogc/processes".to_owned(),
        "/ogc/processes/detect-new-structures".to_owned(),
        "/ogc/jobs".to_owned(),
        format!("{job}/results"),
        format!("/ogc/collections/annotations/items/{annotation}/versions"),
        job,
    ] {
        let page = server.get(&format!("{path}?f=html")).body;
        assert!(page.as_str().is_some_and(|page| page.starts_with("<!doctype html>")), "{path}: {page}");
        assert!(server.get(&path).body.is_object(), "{path}");
        assert_eq!(server.get(&format!("{path}?f=xml")).body["parameter"], "f", "{path}");
    }
    let links = server.get("/ogc").body["links"].clone();
    for relation in ["data", "conformance"] {
        let long = format!("http://www.opengis.net/def/rel/ogc/1.0/{relation}");
        let to =
            |relation: &str| links.as_array().unwrap().iter().find(|link| link["rel"] == relation).unwrap();
        assert_eq!(to(relation)["href"], to(&long)["href"]);
    }
}

#[test]
fn comparisons_that_cannot_be_made_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let scene = server.add_scene("plant", &before, "2023-05-14T02:10:00Z");
    let execute = |inputs: Value| server.post("/ogc/processes/detect-new-structures/execution", &inputs, &[]);
    let same = execute(json!({"inputs": {"before": scene, "after": scene}}));
    assert_eq!((same.status, same.body["parameter"].as_str()), (400, Some("inputs.after")));
    for (wrong, parameter) in [
        (json!({"inputs": {"before": scene, "after": "nothing"}}), "inputs.after"),
        (
            json!({"inputs": {"before": {"href": "https://other.example/scene.tif"}, "after": scene}}),
            "inputs.before",
        ),
        (json!({"inputs": {"before": {"href": format!("/tiles/{scene}")}, "after": scene}}), "inputs.before"),
        (json!({"inputs": {"before": scene, "after": scene, "Model": "classical"}}), "inputs.Model"),
        (json!({"inputs": {"before": scene, "after": scene}, "response": "raw"}), "response"),
        (json!({"inputs": {"before": scene, "after": scene}, "outputs": {"tiles": {}}}), "outputs.tiles"),
        (
            json!({"inputs": {"before": scene, "after": scene}, "outputs": {"fit": {"transmissionMode": "reference"}}}),
            "outputs.fit.transmissionMode",
        ),
        (json!({"inputs": {"before": scene, "after": scene}, "subscriber": {}}), "subscriber"),
    ] {
        let refused = execute(wrong.clone());
        assert_eq!((refused.status, refused.body["parameter"].as_str()), (400, Some(parameter)), "{wrong}");
    }
    let without = execute(json!({"inputs": {"before": scene}}));
    assert_eq!((without.status, without.body["parameter"].as_str()), (400, Some("inputs.after")));
    let file = execute(json!({"inputs": {"before": scene, "after": scene, "model": "/etc/passwd.onnx"}}));
    assert_eq!(file.status, 400);
    assert_eq!(server.get("/ogc/jobs").body["jobs"], json!([]));
    let standard = |path: &str| server.get(path).body["type"].as_str().unwrap().to_owned();
    let named = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/";
    assert_eq!(standard("/ogc/processes/nothing"), format!("{named}no-such-process"));
    for path in ["/ogc/jobs/nothing", "/ogc/jobs/nothing/results"] {
        assert_eq!(standard(path), format!("{named}no-such-job"));
    }
    assert_eq!(server.delete("/ogc/jobs/nothing", &[]).body["type"], format!("{named}no-such-job"));
}

#[test]
fn a_comparison_of_items_gives_what_is_asked_for_and_its_candidates_tell_its_fit() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rendered_pair(folder.path());
    let server = Server::start(&folder.path().join("data"));
    let (before, after) = server.add_plant(pair);
    let item = |scene: &str| json!({"href": format!("{}/stac/collections/plant/items/{scene}", server.url)});
    let asked = json!({
        "inputs": {"before": item(&before), "after": {"href": format!("/stac/collections/plant/items/{after}")}},
        "outputs": {"fit": {}, "comparison": {"transmissionMode": "value"}},
        "response": "document",
    });
    let execution = "/ogc/processes/detect-new-structures/execution";
    let made = server.post(execution, &asked, &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    let job = &made.location[server.url.len()..];
    assert_eq!(server.wait_for(job)["status"], "successful");
    let results = server.get(&format!("{job}/results")).body;
    let given: Vec<&String> = results.as_object().unwrap().keys().collect();
    assert_eq!(given, ["comparison", "fit"]);
    let described = server.get("/ogc/processes/detect-new-structures").body;
    assert!(described["outputs"].get("site").is_some(), "{described}");

    let comparison = results["comparison"].as_str().unwrap();
    let candidates = "/ogc/collections/candidates/items";
    let of_one = server.get(&format!("{candidates}?comparison={comparison}")).body;
    let queue = server.get(&format!("/api/queue?comparison={comparison}")).body;
    for collection in [&of_one, &queue] {
        assert_eq!(collection["fit"], results["fit"]);
        assert!(collection["cautions"].is_array() && collection["detector"]["name"].is_string());
    }
    assert_eq!(server.get(candidates).body.get("fit"), None);
    let export = server.get("/api/sites/plant/export?format=geojson&collection=candidates").body;
    assert_eq!(export["comparisons"][0]["id"], comparison);
    assert_eq!(export["comparisons"][0]["fit"], results["fit"]);
    assert_eq!(export["comparisons"][0]["cautions"], of_one["cautions"]);
}

#[test]
fn a_list_of_processes_takes_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    for list in ["/ogc/processes", "/ogc/jobs"] {
        assert_eq!(server.get(&format!("{list}?limit=10")).status, 200);
        assert_eq!(server.get(&format!("{list}?limit=0")).body["parameter"], "limit");
    }
}

#[test]
fn writes_say_what_they_are_based_on_and_strangers_stay_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_site("plant");
    let path = "/ogc/collections/sites/items/plant";
    assert_eq!(server.delete(path, &[]).status, 428);
    assert_eq!(server.delete(path, &[("if-match", "\"another\"")]).status, 412);
    let query = server.get("/ogc/collections/sites/items?limitt=3");
    assert_eq!((query.status, query.body["parameter"].as_str()), (400, Some("limitt")));
    let foreign =
        server.post("/ogc/collections/sites/items", &json!({}), &[("origin", "http://elsewhere.example")]);
    assert_eq!(foreign.status, 403);
    let etag = server.get(path).etag;
    assert_eq!(server.delete(path, &[("if-match", &etag)]).status, 204);
    assert_eq!(server.count("sites"), 0);
    server.kill();

    let open = run(&["serve", "--listen", "0.0.0.0:0", "--data", text(&data)]);
    assert_eq!(open.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&open.stderr).contains("stakeout token create"));
}

#[test]
fn with_a_token_configured_nobody_comes_in_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let secret = support::token(&data, "viewer", "eve");
    let server = Server::start(&data);
    assert_eq!(server.get("/ogc").status, 401);
    assert_eq!(server.get("/health/ready").status, 200);
    let bearer = format!("Bearer {secret}");
    let answer = server.post(
        "/ogc/collections/sites/items",
        &json!({
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
            "properties": {"name": "Plant"},
        }),
        &[("authorization", &bearer)],
    );
    assert_eq!(answer.status, 403);
    assert_eq!(answer.body["detail"], "eve is viewer but making a site takes admin");
}

#[test]
fn features_are_asked_for_by_filter_and_crs_and_changed_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    server.add_site("plant");
    let count = |query: &str| {
        let answer = server.get(&format!("/ogc/collections/sites/items?{query}"));
        (answer.status, answer.body["numberMatched"].as_u64())
    };
    assert_eq!(count("filter=name%20LIKE%20'February%25'"), (200, Some(1)));
    assert_eq!(count("filter=A_CONTAINS(tags,('machine%20works'))"), (200, Some(1)));
    assert_eq!(
        count(
            "filter-lang=cql2-json&filter=%7B%22op%22:%22=%22,%22args%22:%5B%7B%22property%22:%22name%22%7D,%22x%22%5D%7D"
        ),
        (200, Some(0))
    );
    assert_eq!(count("name=February%2011%20plant"), (200, Some(1)));
    assert_eq!(count("filter=colour%20=%20'red'").0, 400);
    assert_eq!(count("filter=name%20=").0, 400);
    assert_eq!(count("crs=EPSG:4326").0, 400);

    let epsg = |code: u32| format!("http://www.opengis.net/def/crs/EPSG/0/{code}");
    let first = |query: String| {
        let answer = server.get(&format!("/ogc/collections/sites/items?{query}"));
        let at = &answer.body["features"][0]["geometry"]["coordinates"][0][0];
        [at[0].as_f64().unwrap(), at[1].as_f64().unwrap()]
    };
    assert_eq!(first(format!("crs={}", epsg(4326))), [39.8, 127.5]);
    let [east, north] = first(format!("crs={}", epsg(32652)));
    assert!((300_000.0..500_000.0).contains(&east) && (4_400_000.0..4_420_000.0).contains(&north));
    assert_eq!(count(&format!("bbox=39.85,127.55,39.9,127.6&bbox-crs={}", epsg(4326))), (200, Some(1)));
    assert_eq!(count(&format!("bbox=127.55,39.85,127.6,39.9&bbox-crs={}", epsg(4326))).0, 400);

    for path in ["queryables", "schema"] {
        let answer = server.get(&format!("/ogc/collections/annotations/{path}"));
        assert_eq!(answer.body["properties"]["end_datetime"]["x-ogc-role"], "primary-interval-end", "{path}");
    }
    let path = "/ogc/collections/sites/items/plant";
    let etag = server.get(path).etag;
    let patch = json!({"properties": {"tags": ["watched"]}});
    let changed = server.patch(path, &patch, &[("If-Match", &etag)]);
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.body["properties"]["name"], "February 11 plant");
    assert_eq!(changed.body["properties"]["tags"], json!(["watched"]));
    assert_eq!(server.patch(path, &patch, &[("If-Match", &etag)]).status, 412);
    assert_eq!(server.patch(path, &patch, &[]).status, 428);
}

#[test]
fn what_was_confirmed_is_exported_to_every_format_and_gdal_counts_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let (before, after) = server.add_plant(rendered_pair(folder.path()));
    server.wait_for(&server.compare(&before, &after));
    let candidates = candidates(&server);
    for candidate in candidates.iter().take(2) {
        confirm(&server, candidate);
    }
    for (format, ending) in [
        ("gpkg", "gpkg"),
        ("fgb", "fgb"),
        ("kmz", "kmz"),
        ("shp", "shp"),
        ("csv", "csv"),
        ("geojson", "geojson"),
    ] {
        let out = folder.path().join(format!("made.{ending}"));
        let arguments =
            ["export", "--data", text(&data), "--site", "plant", "--format", format, "--out", text(&out)];
        let done = run(&arguments);
        assert!(done.status.success(), "{format}: {}", String::from_utf8_lossy(&done.stderr));
        let read = std::process::Command::new("ogrinfo").args(["-so", "-al", text(&out)]).output().unwrap();
        let said = String::from_utf8_lossy(&read.stdout);
        assert!(said.contains("Feature Count: 2"), "{format}: {said}");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&out).unwrap().permissions());
        assert_eq!(mode & 0o444, 0o444, "{format} can be read by others, as files are");
    }
    let times = std::fs::read_to_string(folder.path().join("made.csv")).unwrap();
    assert!(times.contains("2023-05-14T02:10:00Z"), "{times}");
    let ogrinfo = |file: &str| {
        let path = folder.path().join(file);
        let read = std::process::Command::new("ogrinfo").args(["-al", text(&path)]).output().unwrap();
        String::from_utf8_lossy(&read.stdout).into_owned()
    };
    let placemarks = ogrinfo("made.kmz");
    assert!(placemarks.contains("updated (String) = 20"), "{placemarks}");
    replaced_whole(folder.path(), &data);
    let parquet = folder.path().join("made.parquet");
    let arguments = [
        "export",
        "--data",
        text(&data),
        "--site",
        "plant",
        "--format",
        "geoparquet",
        "--out",
        text(&parquet),
    ];
    assert!(run(&arguments).status.success());
    let bytes = std::fs::read(&parquet).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    assert_eq!(server.get("/api/sites/plant/export?format=csv").status, 200);
    assert_eq!(server.get("/api/sites/plant/export?format=exe").status, 400);
    assert_eq!(server.get("/api/sites/nowhere/export?format=kmz").status, 404);
    let nowhere = folder.path().join("nowhere.gpkg");
    let arguments =
        ["export", "--data", text(&data), "--site", "nowhere", "--format", "gpkg", "--out", text(&nowhere)];
    let refused = run(&arguments);
    assert_eq!(refused.status.code(), Some(1));
    assert!(!nowhere.exists(), "{}", String::from_utf8_lossy(&refused.stderr));
}

/// What was made of the files that an export replaces does not stay beside the new ones, and who may read them does.
fn replaced_whole(folder: &Path, data: &Path) {
    let export = |format: &str, name: &str| {
        let out = folder.join(name);
        let arguments =
            ["export", "--data", text(data), "--site", "plant", "--format", format, "--out", text(&out)];
        run(&arguments)
    };
    std::fs::write(folder.join("made.qix"), b"an index of other structures").unwrap();
    std::fs::set_permissions(folder.join("made.dbf"), PermissionsExt::from_mode(0o640)).unwrap();
    assert!(export("shp", "made.shp").status.success());
    assert!(!folder.join("made.qix").exists());
    let mode = std::fs::metadata(folder.join("made.dbf")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let before = std::fs::read(folder.join("made.gpkg")).unwrap();
    std::fs::write(folder.join("made.gpkg-wal"), b"").unwrap();
    let refused = export("gpkg", "made.gpkg");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && told.contains("another program has it open"), "{told}");
    assert!(std::fs::read(folder.join("made.gpkg")).unwrap() == before);
}

#[test]
fn verification_shows_on_a_terminal_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_plant(rendered_pair(folder.path()));
    let quiet = run(&["verify", "--data", text(&data)]);
    assert!(quiet.status.success() && !String::from_utf8_lossy(&quiet.stderr).contains("hashing"));
    let program = support::stakeout();
    let command = format!("{} verify --data {}", text(program.get_program().as_ref()), text(&data));
    let shown = Command::new("script")
        .args(["-qec", &command, text(&folder.path().join("typescript"))])
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("hashing ") && shown.contains(" of 4 blobs"), "{shown}");
}

#[test]
fn an_export_that_is_stopped_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (data, made) = (folder.path().join("data"), folder.path().join("made"));
    std::fs::create_dir(&made).unwrap();
    let server = Server::start(&data);
    server.add_site("plant");
    // more than a pipe holds
    for _ in 0..8 {
        let ring = json!([[[127.6, 39.89], [127.61, 39.89], [127.61, 39.9], [127.6, 39.89]]]);
        let properties =
            json!({"site": "plant", "structure_type": "assembly-hall", "note": "n".repeat(19_000)});
        let geometry = json!({"type": "Polygon", "coordinates": ring});
        let feature = json!({"type": "Feature", "geometry": geometry, "properties": properties});
        let drawn = server.post("/ogc/collections/annotations/items", &feature, &[]);
        assert_eq!(drawn.status, 201, "{}", drawn.body);
    }
    let mut exporting = support::stakeout()
        .args(["export", "--data", text(&data), "--site", "plant", "--format", "geojson", "--out", "-"])
        .env("TMPDIR", &made)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    exporting.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let left = || std::fs::read_dir(&made).unwrap().count();
    assert_eq!(left(), 1, "it waits for its reader");
    let stop = Command::new("kill").args(["-INT", &exporting.id().to_string()]).status();
    assert!(stop.unwrap().success());
    let ended = exporting.wait().unwrap();
    assert_eq!(ended.signal(), Some(2), "as Ctrl-C ends a program");
    assert_eq!(left(), 0);
}

#[test]
fn every_write_that_many_at_once_were_told_of_survives_a_power_loss() {
    const WRITERS: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    server.add_site("plant");
    let url = server.url.clone();
    let told = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                // until the server is gone
                while let Some(id) = draw(&url) {
                    told.lock().unwrap().push(id);
                }
            });
        }
        while told.lock().unwrap().len() < 40 * WRITERS {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        server.kill();
    });
    let server = Server::start(folder.path());
    let told = told.into_inner().unwrap();
    for id in &told {
        assert_eq!(server.get(&format!("/ogc/collections/annotations/items/{id}")).status, 200, "{id}");
    }
    // at most one a writer was kept without the answer getting through
    let kept = server.count("annotations") as usize;
    assert!((told.len()..=told.len() + WRITERS).contains(&kept), "{} told, {kept} kept", told.len());
    assert!(run(&["verify", "--data", text(folder.path())]).status.success());
}

#[test]
fn a_page_is_sent_again_only_when_its_collection_changed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    server.add_site("plant");
    draw(&server.url).unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let status = |path: &str, tag: &str| {
        let url = format!("{}/ogc/collections/{path}", server.url);
        agent.get(url).header("if-none-match", tag).call().unwrap().status().as_u16()
    };
    let page = "annotations/items?limit=5";
    let first = server.get(&format!("/ogc/collections/{page}"));
    assert_eq!(status(page, &first.etag), 304);
    assert_eq!(status("annotations/items?limit=6", &first.etag), 200, "the tag of another page");
    server.add_site("complex");
    assert_eq!(status(page, &first.etag), 304, "another collection changed");
    draw(&server.url).unwrap();
    assert_eq!(status(page, &first.etag), 200, "a feature was added");
    let second = server.get(&format!("/ogc/collections/{page}"));
    assert_ne!(first.etag, second.etag);
    assert_eq!(second.body["numberMatched"], 2);
}

/// Draws an annotation and tells its id, if the server answers.
fn draw(url: &str) -> Option<String> {
    let ring = json!([[[127.6, 39.9], [127.601, 39.9], [127.601, 39.901], [127.6, 39.901], [127.6, 39.9]]]);
    let drawn = json!({
        "type": "Feature", "geometry": {"type": "Polygon", "coordinates": ring},
        "properties": {"site": "plant", "change": "new"},
    });
    let url = format!("{url}/ogc/collections/annotations/items");
    let sent = ureq::post(url).header("content-type", "application/geo+json").send(drawn.to_string());
    let text = sent.ok()?.body_mut().read_to_string().ok()?;
    let made: Value = serde_json::from_str(&text).ok()?;
    made["id"].as_str().map(str::to_owned)
}

#[test]
fn what_goes_wrong_with_files_of_the_server_is_told_without_their_paths() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let (before, after) = rendered_pair(folder.path());
    let elsewhere = folder.path().join("elsewhere.tif");
    let corners = ["-a_ullr", "600000", "4300192", "600192", "4300000"];
    let moved = Command::new("gdal_translate").arg("-q").args(corners).args([&after, &elsewhere]).status();
    assert!(moved.unwrap().success());
    let (first, second) = server.add_plant((before, elsewhere));
    let ended = server.wait_for(&server.compare(&first, &second));
    let told = ended["message"].as_str().unwrap();
    assert_eq!(ended["status"], "failed");
    assert!(told.starts_with(&format!("scene {second} does not overlap scene {first}: ")), "{told}");

    let mut folders = vec![data.join("blobs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                std::fs::remove_file(&entry).unwrap();
                std::fs::write(&entry, "no picture").unwrap();
            }
        }
    }
    let broken = server.get(&format!("/tiles/{first}/native/0/0/0.png"));
    assert_eq!(
        (broken.status, broken.body["type"].as_str()),
        (500, Some("/problems/internal")),
        "{}",
        broken.body
    );
    assert!(!broken.body.to_string().contains(text(&data)), "{}", broken.body);
}
