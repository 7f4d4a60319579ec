//! Files and names made to do harm, sent through the door that people use: each is told clearly or taken as the picture
//! that it is, nothing is read or asked elsewhere, and the server stays up.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::{io::ErrorKind, net::TcpListener, path::Path, process::Command};

use serde_json::{Value, json};
use support::{Answer, Server, rendered_pair, run, text};

const CANARY: &str = "the canary's own words";

fn gdal(tool: &str, arguments: &[&str]) {
    let done = Command::new(tool).args(["-q"]).args(arguments).status().unwrap();
    assert!(done.success(), "{tool} {arguments:?}");
}

/// A small TIFF of one directory with these entries (tag, type, count, value), then `rest`.
fn tiff(entries: &[(u16, u16, u32, u32)], next: u32, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(next.to_le_bytes());
    bytes.extend(rest);
    bytes
}

/// One grey pixel in a strip behind the directory, with one more entry, or one in the place of its own.
fn pixel(more: (u16, u16, u32, u32), next: u32, rest: &[u8]) -> Vec<u8> {
    let at = 8 + 2 + 6 * 12 + 4;
    let own = [(256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 8), (273, 4, 1, at), (279, 4, 1, 1)];
    let others = own.into_iter().filter(|(tag, ..)| *tag != more.0);
    tiff(&others.chain([more]).collect::<Vec<_>>(), next, &[&[7], rest].concat())
}

/// A GeoTIFF whose metadata in the domain that GDAL acts on names a file.
fn naming(named: &str, key: &str, domain: &str) -> Vec<u8> {
    let xml =
        format!("<GDALMetadata><Item name=\"{key}\" domain=\"{domain}\">{named}</Item></GDALMetadata>\0");
    pixel((42_112, 2, xml.len() as u32, 8 + 2 + 6 * 12 + 4 + 1), 0, xml.as_bytes())
}

fn png_header(cols: u32, rows: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(cols.to_be_bytes());
    png.extend(rows.to_be_bytes());
    png.extend([8, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    png.extend(b"IEND\xae\x42\x60\x82");
    png
}

/// Every attack by name, with words that the answer must have.
fn attacks(folder: &Path, listener: &str, canary: &str) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let at = |name: &str| folder.join(name);
    let (before, _) = rendered_pair(folder);
    gdal("gdal_translate", &["-of", "JP2OpenJPEG", text(&before), text(&at("a.jp2"))]);
    gdal(
        "gdal_create",
        &[
            "-of",
            "GTiff",
            "-outsize",
            "200000",
            "200000",
            "-bands",
            "1",
            "-co",
            "SPARSE_OK=TRUE",
            "-co",
            "TILED=YES",
            "-co",
            "BIGTIFF=YES",
            text(&at("sparse.tif")),
        ],
    );
    let whole = std::fs::read(&before).unwrap();
    let virtual_raster = format!(
        "<VRTDataset rasterXSize=\"8\" rasterYSize=\"8\"><VRTRasterBand dataType=\"Byte\" band=\"1\" \
         subClass=\"VRTRawRasterBand\"><SourceFilename>{canary}</SourceFilename></VRTRasterBand></VRTDataset>"
    );
    std::fs::write(at("disguised.tif"), &virtual_raster).unwrap();
    let mut jp2 = std::fs::read(at("a.jp2")).unwrap();
    let siz = jp2.windows(4).position(|bytes| bytes == [0xff, 0x4f, 0xff, 0x51]).unwrap();
    for at in [siz + 8, siz + 12] {
        jp2[at..at + 4].copy_from_slice(&2_000_000_000_u32.to_be_bytes());
    }
    let network = format!("/vsicurl/http://{listener}/o.tif");
    let disguised = at("disguised.tif").display().to_string();
    vec![
        ("overview-network.tif", naming(&network, "OVERVIEW_FILE", "OVERVIEWS"), "names another file"),
        ("overview-vrt.tif", naming(&disguised, "OVERVIEW_FILE", "OVERVIEWS"), "names another file"),
        ("geolocation.tif", naming(canary, "X_DATASET", "GEOLOCATION"), "names another file"),
        ("subdatasets.tif", naming(canary, "SUBDATASET_1_NAME", "SUBDATASETS"), "names another file"),
        ("virtual.tif", virtual_raster.into_bytes(), "is a text that begins with"),
        ("sparse.tif", std::fs::read(at("sparse.tif")).unwrap(), "200000 columns"),
        ("bomb.png", png_header(100_000, 100_000), "declares"),
        ("bomb.jp2", jp2, "declares"),
        ("loop.tif", pixel((305, 2, 1, 0), 8, &[]), "refer back to themselves"),
        ("subloop.tif", pixel((330, 4, 1, 8), 0, &[]), "refer back to themselves"),
        ("beyond.tif", pixel((305, 2, 1, 0), u32::MAX, &[]), "cut short"),
        ("absurd.tif", pixel((258, 3, u32::MAX, 8), 0, &[]), "cut short"),
        ("deep.tif", pixel((258, 3, 1, 4096), 0, &[]), "4096 bits"),
        ("twice.tif", tiff(&[(256, 4, 1, 1), (256, 4, 1, 100_000)], 0, &[]), "twice in a directory"),
        ("empty.tif", Vec::new(), "empty"),
        ("page.tif", b"II*\0<html><script>alert(1)</script></html>".to_vec(), "cut short"),
        ("archive.png", b"\x89PNG\r\n\x1a\nPK\x03\x04".to_vec(), ""),
        ("half.tif", whole[..whole.len() / 2].to_vec(), "cut short"),
    ]
}

fn upload(server: &Server, name: &str, bytes: &[u8]) -> Answer {
    let time = json!({"datetime": "2023-05-14T02:10:00Z"});
    server.upload_bytes("plant", name, bytes, &time, None)
}

#[test]
fn every_attack_is_told_by_name_and_the_server_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let canary = folder.path().join("canary.txt");
    std::fs::write(&canary, CANARY.repeat(400)).unwrap();
    let server = Server::start(&data);
    server.add_site("plant");
    let attacks = attacks(folder.path(), &listener.local_addr().unwrap().to_string(), text(&canary));
    for (name, bytes, words) in attacks {
        let told = upload(&server, name, &bytes);
        let detail = told.body["detail"].as_str().unwrap_or_default();
        assert_eq!(told.status, 422, "{name}: {}", told.body);
        assert!(detail.contains(name) && detail.contains(words), "{name}: {detail}");
        assert!(!detail.contains(text(&data)), "a path of this machine is told: {detail}");
        assert!(!told.body.to_string().contains(CANARY));
    }
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody knocked");
    assert_eq!(server.get("/health/ready").status, 200);
    assert_eq!(server.get("/api/sites/plant/scenes").body["scenes"], json!([]));
    assert_eq!(std::fs::read_dir(data.join("incoming")).unwrap().count(), 0, "nothing is left behind");
    assert_eq!(std::fs::read_to_string(&canary).unwrap(), CANARY.repeat(400));
}

#[test]
fn a_name_from_outside_is_shown_and_never_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (before, _) = rendered_pair(folder.path());
    let server = Server::start(&data);
    server.add_site("plant");
    let bytes = std::fs::read(&before).unwrap();
    for (given, shown) in [
        ("../../../../etc/passwd", "passwd"),
        ("..\\\\..\\\\windows\\\\a.tif", "a.tif"),
        ("/vsicurl/http:/198.51.100.7/a.tif", "a.tif"),
        ("..", ".."),
        (&format!("{}.tif", "x".repeat(5_000)), &format!("{}.tif", "x".repeat(196))),
        ("a\u{ffff}b.tif", "ab.tif"),
    ] {
        let made = upload(&server, given, &bytes);
        assert_eq!(made.status, 201, "{given}: {}", made.body);
        assert_eq!(made.body["assets"]["original"]["title"], shown);
    }
    let control = upload(&server, "a\u{1}\u{7f}b.tif", &bytes);
    assert_eq!(control.status, 400, "control characters are no part of a header: {}", control.body);
    let outside: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(outside.len(), 3, "the pair and the data folder: {outside:?}");
    assert!(run(&["verify", "--data", text(&data)]).status.success());
}

#[test]
fn a_picture_with_something_behind_it_is_served_as_the_picture_that_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let png = folder.path().join("a.png");
    gdal("gdal_translate", &["-of", "PNG", "--config", "GDAL_PAM_ENABLED", "NO", text(&before), text(&png)]);
    let mut bytes = std::fs::read(png).unwrap();
    bytes.extend(b"PK\x03\x04<html><script>alert(1)</script></html>");
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let made = upload(&server, "page.html", &bytes);
    assert_eq!(made.status, 201, "{}", made.body);
    let href: &str = made.body["assets"]["original"]["href"].as_str().unwrap();
    let sent = ureq::get(href).call().unwrap();
    let header = |name: &str| sent.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("content-disposition"), "attachment");
    assert_eq!(header("x-content-type-options"), "nosniff");
    let sum: &Value = &made.body["assets"]["original"]["file:size"];
    assert_eq!(sum.as_u64(), Some(bytes.len() as u64), "the evidence is kept byte for byte");
}

#[test]
fn what_is_too_large_or_too_much_is_refused_with_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let config = folder.path().join("config.json");
    let limits =
        json!({"upload_bytes_max": 2_000, "uploads": {"open_max": 4, "bytes_max": 6_000, "expires_s": 60}});
    std::fs::write(&config, limits.to_string()).unwrap();
    let server = Server::start_with(&folder.path().join("data"), &["--config", text(&config)]);
    server.add_site("plant");
    let told = upload(&server, "large.tif", &std::fs::read(&before).unwrap());
    assert_eq!((told.status, told.body["parameter"].as_str()), (413, Some("file")), "{}", told.body);
    assert!(told.body["detail"].as_str().unwrap().contains("2000 bytes"));
    assert_eq!(server.announce_by_tus(2_001).0, 413);
    assert_eq!(server.announce_by_tus(2_000).0, 201);
    let (status, detail) = server.announce_by_tus(1_001);
    assert_eq!(status, 507, "{detail}");
    assert!(detail.contains("3000 bytes"), "{detail}");
    let told = upload(&server, "form.tif", &[0; 1_001]);
    assert_eq!((told.status, told.body["type"].as_str()), (507, Some("/problems/quota")), "{}", told.body);
    assert_eq!(server.announce_by_tus(1).0, 201);
    assert_eq!(server.announce_by_tus(1).0, 507, "two are open");
    assert_eq!(upload(&server, "form.tif", b"II*").status, 507, "two are open");
}
