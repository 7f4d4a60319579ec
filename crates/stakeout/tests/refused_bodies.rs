//! A client that is still sending when it is refused gets the answer, and cannot send for ever.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::json;
use support::Server;

const BODY_BYTES: usize = 8 << 20;
const PIECE_BYTES: usize = 64 << 10;
/// More than all buffers between two sockets hold.
const ENDLESS_BYTES: usize = 256 << 20;
/// A step that hangs fails.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);

/// Routes that take a body, with what they refuse before they have read it.
const REFUSED: [(&str, &str, &str); 5] = [
    ("POST", "/api/sites/nowhere/scenes", "404"),
    ("POST", "/ogc/collections/candidates/items", "4"),
    ("PATCH", "/uploads/nothing", "4"),
    ("POST", "/nothing/here", "404"),
    ("DELETE", "/ogc/collections/sites/items/nothing", "404"),
];

/// Sends the head of a request whose body is still to come, and waits until the answer has begun.
fn refused_before_the_body(server: &Server, method: &str, path: &str, length: usize) -> TcpStream {
    let host = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(STEP_TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(STEP_TIMEOUT)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: multipart/form-data; boundary=b\r\n\
         tus-resumable: 1.0.0\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; PIECE_BYTES]).unwrap();
    stream.peek(&mut [0]).unwrap();
    stream
}

#[test]
fn a_client_that_writes_everything_before_it_reads_gets_the_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    for (method, path, status) in REFUSED {
        let mut stream = refused_before_the_body(&server, method, path, BODY_BYTES);
        stream
            .write_all(&vec![b'x'; BODY_BYTES - PIECE_BYTES])
            .unwrap_or_else(|error| panic!("{method} {path} was cut off while writing: {error}"));
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{method} {path}: {answer}");
        assert!(answer.contains("application/problem+json"), "{method} {path}: {answer}");
    }
}

#[test]
fn a_refused_body_without_end_is_cut_off_at_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({"refused_body_bytes_max": 1 << 20});
    let server = Server::start_configured(&folder.path().join("data"), &settings);
    let mut stream = refused_before_the_body(&server, "POST", "/api/sites/nowhere/scenes", ENDLESS_BYTES);
    let piece = vec![b'x'; PIECE_BYTES];
    let sent = (1..ENDLESS_BYTES / PIECE_BYTES).take_while(|_| stream.write_all(&piece).is_ok()).count();
    assert!(sent < ENDLESS_BYTES / PIECE_BYTES - 1, "all of it was read");
    assert_eq!(server.get("/health/ready").status, 200);
}

#[test]
fn a_refused_body_that_never_comes_is_cut_off_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({"refused_body_time_s": 1});
    let server = Server::start_configured(&folder.path().join("data"), &settings);
    let mut stream = refused_before_the_body(&server, "POST", "/api/sites/nowhere/scenes", BODY_BYTES);
    let mut answer = Vec::new();
    // ends when the server closes; the read timeout fails the test where it does not
    let ended = stream.read_to_end(&mut answer);
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 404"), "{ended:?}");
    assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
}
