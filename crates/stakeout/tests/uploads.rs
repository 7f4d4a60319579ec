//! Resumable uploads against the real server, killed in between.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::{
    io::Write,
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::json;
use support::{Server, rendered_pair, text};

type Headers<'a> = &'a [(&'a str, &'a str)];

const PIECE: (&str, &str) = ("content-type", "application/offset+octet-stream");

/// Sends a request of the protocol; gives status and headers.
fn tus(method: &str, url: &str, headers: Headers, body: &[u8]) -> (u16, ureq::http::HeaderMap) {
    let mut request = ureq::http::Request::builder().method(method).uri(url).header("tus-resumable", "1.0.0");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .build()
        .into();
    let answer = agent.run(request.body(body).unwrap()).unwrap();
    (answer.status().as_u16(), answer.headers().clone())
}

fn header<'h>(headers: &'h ureq::http::HeaderMap, name: &str) -> &'h str {
    headers[name].to_str().unwrap()
}

fn announce(server: &Server, length: usize) -> String {
    let length = length.to_string();
    // "before.tif"
    let metadata = ("upload-metadata", "filename YmVmb3JlLnRpZg==,filetype aW1hZ2UvdGlmZg==");
    let (status, headers) =
        tus("POST", &format!("{}/uploads", server.url), &[("upload-length", &length), metadata], b"");
    assert_eq!(status, 201);
    assert!(headers.contains_key("upload-expires"));
    let location = header(&headers, "location");
    location[location.find("/uploads/").unwrap()..].to_owned()
}

#[test]
fn an_upload_goes_on_after_a_power_loss_and_becomes_a_scene() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let bytes = std::fs::read(before).unwrap();
    let (half, data) = (bytes.len() / 2, folder.path().join("data"));
    let server = Server::start(&data);
    server.add_site("plant");
    let path = announce(&server, bytes.len());
    let url = format!("{}{path}", server.url);
    let (status, headers) = tus("PATCH", &url, &[PIECE, ("upload-offset", "0")], &bytes[..half]);
    assert_eq!((status, header(&headers, "upload-offset")), (204, half.to_string().as_str()));
    let unfinished = json!({"upload": path, "properties": {"datetime": "2023-05-14T02:10:00Z"}});
    assert_eq!(server.post("/api/sites/plant/scenes", &unfinished, &[]).status, 409);
    server.kill();

    let server = Server::start(&data);
    let url = format!("{}{path}", server.url);
    let (status, headers) = tus("HEAD", &url, &[], b"");
    assert_eq!((status, header(&headers, "upload-offset")), (200, half.to_string().as_str()));
    assert_eq!(header(&headers, "upload-length"), bytes.len().to_string());
    assert_eq!(header(&headers, "cache-control"), "no-store");
    let offset = half.to_string();
    assert_eq!(tus("PATCH", &url, &[PIECE, ("upload-offset", &offset)], &bytes[half..]).0, 204);

    let wrong = json!({"upload": path, "properties": {}});
    assert_eq!(server.post("/api/sites/plant/scenes", &wrong, &[]).status, 400);
    let made = server.post("/api/sites/plant/scenes", &unfinished, &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["assets"]["original"]["title"], json!("before.tif"));
    assert_eq!(tus("HEAD", &url, &[], b"").0, 404, "a scene by now");
    assert_eq!(std::fs::read_dir(data.join("uploads")).unwrap().count(), 0);
}

#[test]
fn who_would_not_wait_is_told_of_a_job_whose_result_is_the_scene() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let ask = |bytes: &[u8]| {
        let upload = server.upload_by_tus(bytes);
        let body = json!({"upload": upload, "properties": {"datetime": "2023-05-14T02:10:00Z"}});
        let told = server.post("/api/sites/plant/scenes", &body, &[("prefer", "wait=5, respond-async")]);
        assert_eq!(told.status, 202, "{}", told.body);
        assert_eq!(told.body["status"], "running");
        assert_eq!(told.body.get("processID"), None, "no process that is offered makes scenes");
        told.location[server.url.len()..].to_owned()
    };
    let scenes = || server.get("/api/sites/plant/scenes").body["scenes"].as_array().unwrap().clone();
    // what is said of it is read before there is a job
    let upload = server.upload_by_tus(b"this is no image");
    let wrong = json!({"upload": upload, "properties": {"datetime": "yesterday"}});
    let told = server.post("/api/sites/plant/scenes", &wrong, &[("prefer", "respond-async")]);
    assert_eq!(
        (told.status, server.get("/ogc/jobs").body["jobs"].clone()),
        (400, json!([])),
        "{}",
        told.body
    );
    let job = ask(&std::fs::read(before).unwrap());
    let done = server.wait_for(&job);
    assert_eq!((&done["status"], &done["progress"]), (&json!("successful"), &json!(100)), "{done}");
    let item = server.get(&format!("{job}/results")).body;
    assert_eq!(item["type"], "Feature", "{item}");
    assert_eq!(scenes(), [item]);

    let job = ask(b"this is no image");
    let failed = server.wait_for(&job);
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(server.get(&format!("{job}/results")).body["detail"], failed["message"]);
    assert_eq!(scenes().len(), 1);
}

#[test]
fn pieces_that_do_not_fit_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let path = announce(&server, 10);
    let url = format!("{}{path}", server.url);
    let patch = |headers: Headers, body: &[u8]| {
        let (status, headers) = tus("PATCH", &url, headers, body);
        assert_eq!(header(&headers, "tus-resumable"), "1.0.0", "{status} says which protocol it is of");
        status
    };
    let at = |offset| ("upload-offset", offset);
    assert_eq!(patch(&[PIECE, at("5")], b"hello"), 409);
    assert_eq!(patch(&[at("0")], b"hello"), 415);
    assert_eq!(patch(&[PIECE], b"hello"), 400);
    assert_eq!(patch(&[PIECE, at("0"), ("upload-checksum", "sha1 AAAA")], b"hello"), 460);
    assert_eq!(patch(&[PIECE, at("0"), ("upload-checksum", "md5 AAAA")], b"hello"), 400);
    assert_eq!(patch(&[PIECE, at("0")], b"hello hello hello"), 413);
    assert_eq!(header(&tus("HEAD", &url, &[], b"").1, "upload-offset"), "0");
    // SHA-1 of "hello"
    let checksum = ("upload-checksum", "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=");
    assert_eq!(patch(&[PIECE, at("0"), checksum], b"hello"), 204);
    let overridden = [PIECE, at("5"), ("x-http-method-override", "PATCH")];
    assert_eq!(tus("POST", &url, &overridden, b"hello").0, 204);
    // which method is meant must be said
    assert_eq!(tus("POST", &url, &[("tus-resumable", "0.2")], b"").0, 400);
    assert_eq!(tus("DELETE", &url, &[], b"").0, 204);
    assert_eq!(tus("HEAD", &url, &[], b"").0, 404);
    let uploads = format!("{}/uploads", server.url);
    assert_eq!(tus("POST", &uploads, &[("upload-length", "99999999999999")], b"").0, 413);
    assert_eq!(tus("POST", &uploads, &[("upload-length", "-1")], b"").0, 400);
    let (status, headers) = server.head_of("HEAD", &path, &[("tus-resumable", "0.2.2")]);
    assert_eq!((status, headers["tus-version"].as_str()), (412, "1.0.0"));
    let (status, headers) = tus("OPTIONS", &uploads, &[], b"");
    assert_eq!(
        (status, header(&headers, "tus-extension")),
        (204, "creation,checksum,expiration,termination")
    );
}

/// Sends the head of a piece with the SHA-1 of "hello" as its checksum, and some bytes of it.
fn begin_piece(server: &Server, path: &str, length: usize, bytes: &[u8]) -> TcpStream {
    let host = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: {host}\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\n\
         content-type: application/offset+octet-stream\r\ncontent-length: {length}\r\n\
         upload-checksum: sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

#[test]
fn a_piece_whose_checksum_was_not_seen_to_fit_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let wait_until = |done: &dyn Fn() -> bool| {
        let until = Instant::now() + Duration::from_secs(60);
        while !done() {
            assert!(Instant::now() < until, "it did not come");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let server = Server::start(&data);
    let path = announce(&server, 1_000);
    let id = path.rsplit('/').next().unwrap();
    let has_come = || std::fs::metadata(data.join("uploads").join(format!("{id}.part"))).unwrap().len();
    let stream = begin_piece(&server, &path, 1_000, &[7; 600]);
    wait_until(&|| has_come() == 600);
    server.kill();
    drop(stream);

    let server = Server::start(&data);
    let state = |server: &Server, path: &str| tus("HEAD", &format!("{}{path}", server.url), &[], b"");
    assert_eq!(header(&state(&server, &path).1, "upload-offset"), "0", "the server was killed meanwhile");

    // the client goes away when all has come, while it is hashed
    let bytes = vec![7; 48 << 20];
    let path = announce(&server, bytes.len());
    let id = path.rsplit('/').next().unwrap();
    let part = data.join("uploads").join(format!("{id}.part"));
    let written = || std::fs::metadata(&part).unwrap().modified().unwrap();
    let announced = written();
    drop(begin_piece(&server, &path, bytes.len(), &bytes));
    wait_until(&|| written() > announced);
    wait_until(&|| state(&server, &path).0 == 200);
    assert_eq!(header(&state(&server, &path).1, "upload-offset"), "0", "the client left meanwhile");
    assert_eq!(std::fs::read_dir(data.join("uploads")).unwrap().count(), 4, "two uploads and nothing else");
}

#[test]
fn a_cloud_optimised_geotiff_goes_in_and_its_pixels_come_out_of_the_working_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let (cog, working) = (folder.path().join("cog.tif"), folder.path().join("working.tif"));
    let options = ["-q", "-of", "COG", "-co", "COMPRESS=LZW", "-co", "BLOCKSIZE=128"];
    let made = Command::new("gdal_translate").args(options).args([&before, &cog]).status().unwrap();
    assert!(made.success());
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let upload = server.upload_by_tus(&std::fs::read(&cog).unwrap());
    let scene = json!({"upload": upload, "properties": {"datetime": "2023-05-14T02:10:00Z"}});
    let made = server.post("/api/sites/plant/scenes", &scene, &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    let item = made.body;
    assert_eq!(item["properties"]["proj:code"], "EPSG:32652");
    assert_eq!(item["assets"]["original"]["type"], "image/tiff");
    let fetch = |asset: &str| {
        let mut answer = ureq::get(item["assets"][asset]["href"].as_str().unwrap()).call().unwrap();
        answer.body_mut().read_to_vec().unwrap()
    };
    assert_eq!(fetch("original"), std::fs::read(&cog).unwrap(), "byte for byte");
    std::fs::write(&working, fetch("working")).unwrap();
    let checksums = |file| {
        let told = Command::new("gdalinfo").args(["-json", "-checksum", text(file)]).output().unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
        let bands = told["bands"].as_array().unwrap().iter();
        bands.map(|band| band["checksum"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(checksums(&working), checksums(&cog));
    assert_eq!(checksums(&working).len(), 3);
}
