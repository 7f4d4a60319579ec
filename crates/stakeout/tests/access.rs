//! Who may do what, how often, and how a refusal says so.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use serde_json::{Value, json};
use support::{Server, heard, rendered_pair, run, text};

const ROLES: [&str; 4] = ["viewer", "analyst", "reviewer", "admin"];

/// A token of somebody who is called as they may act.
fn token(data: &Path, role: &str) -> String {
    support::token(data, role, role)
}

fn outline() -> Value {
    json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]})
}

fn annotation(title: &str) -> Value {
    json!({"type": "Feature", "geometry": outline(), "properties": {"site": "plant", "title": title}})
}

/// One request with a token; the head of the answer, in lower case, and its body.
fn ask(server: &Server, method: &str, path: &str, token: Option<&str>, body: &Value) -> (u16, String) {
    let host = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let authorization = token.map_or(String::new(), |token| format!("authorization: bearer {token}\r\n"));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{authorization}content-type: application/json\r\n\
         tus-resumable: 1.0.0\r\nupload-length: 5\r\nif-match: *\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer[9..12].parse().unwrap(), answer.to_lowercase())
}

#[test]
fn each_role_may_do_its_part_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let tokens = ROLES.map(|role| token(&data, role));
    let server = Server::start(&data);
    let site =
        |id: &str| json!({"type": "Feature", "id": id, "geometry": outline(), "properties": {"name": id}});
    let sites = "/ogc/collections/sites/items";
    assert_eq!(ask(&server, "POST", sites, Some(&tokens[3]), &site("plant")).0, 201);

    let annotations = "/ogc/collections/annotations/items";
    let execution = "/ogc/processes/detect-new-structures/execution";
    let inputs = json!({"inputs": {"before": "a", "after": "b"}});
    let review = json!({"verdict": "confirm"});
    // what, with which body, the least role
    let cases: [(&str, &str, Value, usize); 13] = [
        ("GET", annotations, Value::Null, 0),
        ("GET", "/ogc/collections/candidates/tiles/WebMercatorQuad/0/0/0", Value::Null, 0),
        ("GET", "/stac/search", Value::Null, 0),
        ("GET", "/api/session", Value::Null, 0),
        ("POST", annotations, annotation("drawn"), 1),
        ("POST", "/uploads", Value::Null, 1),
        ("POST", "/stac/collections/plant/items", json!("no item"), 1),
        ("POST", "/api/candidates/nothing/reviews", review, 0),
        ("POST", execution, inputs, 0),
        ("POST", sites, json!(null), 0),
        ("PATCH", "/ogc/collections/sites/items/plant", json!({"properties": {"tags": ["a"]}}), 3),
        ("DELETE", "/api/tokens/nothing", Value::Null, 3),
        ("DELETE", "/ogc/collections/sites/items/plant", Value::Null, 3),
    ];
    for (method, path, body, least) in cases {
        assert_eq!(ask(&server, method, path, None, &body).0, 401, "{method} {path} without a token");
        for (rank, token) in tokens.iter().enumerate() {
            let (status, answer) = ask(&server, method, path, Some(token), &body);
            let role = ROLES[rank];
            assert_eq!(status == 403, rank < least, "{method} {path} by {role}: {answer}");
        }
    }
    // sites with a body each, since they are made
    for (rank, token) in tokens.iter().enumerate() {
        let status = ask(&server, "POST", sites, Some(token), &site(&format!("site-{rank}"))).0;
        assert_eq!(status, if rank < 3 { 403 } else { 201 }, "a site by {}", ROLES[rank]);
    }
}

#[test]
fn the_taxonomy_is_changed_by_an_admin_and_open_pages_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let [viewer, _, reviewer, admin] = ROLES.map(|role| token(&data, role));
    let server = Server::start(&data);
    let old = server.get_as(&viewer, "/api/taxonomy");
    assert_eq!(old.body["types"].as_array().unwrap().len(), 14);
    let put = |token: &str, condition: &[(&str, &str)], body: &Value| {
        let authorization = format!("Bearer {token}");
        let headers = [&[("authorization", authorization.as_str())], condition].concat();
        server.put("/api/taxonomy", body, &headers)
    };
    let based_on = [("if-match", old.etag.as_str())];
    let types = json!({"types": [
        {"id": "radar", "label": "Radar", "key": "r"},
        {"id": "warehouse", "label": "Store house", "key": null},
    ]});
    assert_eq!(put(&admin, &[], &types).status, 428);
    assert_eq!(put(&admin, &[("if-match", "\"another\"")], &types).status, 412);
    assert_eq!(put(&reviewer, &based_on, &types).status, 403);
    for (body, parameter) in [
        (json!({"types": []}), "types"),
        (json!({"types": [{"id": "radar", "labl": "Radar"}]}), "types"),
        (json!({"types": [{"id": "Radar station", "label": "Radar"}]}), "types.id"),
        (json!({"types": [{"id": "radar", "label": "Radar", "key": "F1"}]}), "types.key"),
    ] {
        let refused = put(&admin, &based_on, &body);
        assert_eq!((refused.status, refused.body["parameter"].as_str()), (400, Some(parameter)), "{body}");
    }

    let mut stream = server.listen(&viewer);
    let changed = put(&admin, &based_on, &types);
    assert_eq!((changed.status, &changed.body), (200, &types), "{}", changed.body);
    heard(&mut stream, "event: taxonomy");
    let now = server.get_as(&viewer, "/api/taxonomy");
    assert_eq!((now.body, now.etag), (types, changed.etag));
}

#[test]
fn pages_of_origins_that_are_named_may_read_with_a_token_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let authorization = format!("Bearer {}", token(&data, "admin"));
    let server = Server::start_configured(&data, &json!({"allowed_origins": ["https://map.example"]}));
    let (map, other) = (("origin", "https://map.example"), ("origin", "https://other.example"));
    let authorized = ("authorization", authorization.as_str());
    let asks =
        [("access-control-request-method", "GET"), ("access-control-request-headers", "authorization")];
    let shared = "access-control-allow-origin";

    let (status, told) = server.head_of("OPTIONS", "/ogc", &[asks[0], asks[1], map]);
    assert_eq!((status, told[shared].as_str()), (204, map.1));
    assert_eq!(told["access-control-allow-methods"], "GET, HEAD");
    assert_eq!(told["access-control-allow-headers"], "Authorization");
    assert!(!told.contains_key("access-control-allow-credentials"));
    let (status, told) = server.head_of("OPTIONS", "/ogc", &[asks[0], asks[1], other]);
    assert_eq!((status, told.get(shared)), (401, None));

    let sites = "/ogc/collections/sites/items";
    let (status, told) = server.head_of("GET", sites, &[authorized, map]);
    assert_eq!((status, told[shared].as_str()), (200, map.1));
    assert!(told["access-control-expose-headers"].contains("ETag"));
    assert!(told["vary"].contains("Origin"), "{}", told["vary"]);
    let (status, told) = server.head_of("GET", sites, &[authorized, other]);
    assert_eq!((status, told.get(shared)), (200, None));
    assert!(told["vary"].contains("Origin"));
    // a refusal can be read too
    let (status, told) = server.head_of("GET", sites, &[map]);
    assert_eq!((status, told[shared].as_str()), (401, map.1));
    // what an address takes is no question of a browser before a request
    let (status, told) = server.head_of("OPTIONS", sites, &[authorized, map]);
    assert!(status == 200 && told["allow"].contains("POST"), "{told:?}");
    assert_eq!(server.head_of("POST", sites, &[authorized, map]).0, 403);
}

#[test]
fn a_write_is_answered_with_the_state_and_the_crs_of_what_stands() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let items = "/ogc/collections/annotations/items";
    let (status, made) = ask(&server, "POST", items, None, &annotation("first"));
    assert_eq!(status, 201, "{made}");
    let id = server.get(items).body["features"][0]["id"].as_str().unwrap().to_owned();
    let changed = json!({"properties": {"title": "second"}});
    assert_eq!(ask(&server, "PATCH", &format!("{items}/{id}"), None, &changed).0, 200);
    let path = format!("/api/annotations/{id}/restore");
    let (status, restored) = ask(&server, "POST", &path, None, &json!({"revision": 1}));
    assert_eq!(status, 200, "{restored}");
    assert!(restored.contains(&format!("etag: {}", server.get(&format!("{items}/{id}")).etag)), "{restored}");
    for answer in [made, restored] {
        assert!(answer.contains("content-crs: <http://www.opengis.net/def/crs/ogc/1.3/crs84>"), "{answer}");
    }
}

#[test]
fn who_may_not_write_is_offered_no_way_to() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let tokens = ROLES.map(|role| token(&data, role));
    let server = Server::start(&data);
    for (path, write, least) in [
        ("/ogc/collections/sites/items", "POST", 3),
        ("/ogc/collections/sites/items/plant", "DELETE", 3),
        ("/ogc/collections/annotations/items", "POST", 1),
        ("/ogc/collections/annotations/items/a", "PATCH", 1),
        ("/ogc/collections/candidates/items", "POST", 4),
        ("/stac/collections/plant/items", "POST", 1),
        ("/stac/collections/plant/items/a", "PUT", 1),
    ] {
        for (rank, token) in tokens.iter().enumerate() {
            let authorization = format!("Bearer {token}");
            let (_, headers) = server.head_of("OPTIONS", path, &[("authorization", &authorization)]);
            assert_eq!(headers["allow"].contains(write), rank >= least, "{path} by {}", ROLES[rank]);
            let accepted = headers.contains_key("accept-post") || headers.contains_key("accept-patch");
            assert_eq!(accepted, rank >= least, "{path} by {}", ROLES[rank]);
        }
    }
}

#[test]
fn an_analyst_drafts_and_a_reviewer_confirms() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_site("plant");
    let tokens = ROLES.map(|role| token(&data, role));
    let [_, analyst, reviewer, _] = &tokens;
    let post = |token: &str, title: &str| {
        let path = "/ogc/collections/annotations/items";
        let authorization = format!("Bearer {token}");
        server.post(path, &annotation(title), &[("authorization", &authorization)])
    };
    let (draft, confirmed) = (post(analyst, "draft"), post(reviewer, "confirmed"));
    assert_eq!(draft.body["properties"]["status"], "draft", "{}", draft.body);
    assert_eq!(confirmed.body["properties"]["status"], "confirmed", "{}", confirmed.body);
    let path = |made: &support::Answer| {
        format!("/ogc/collections/annotations/items/{}", made.body["id"].as_str().unwrap())
    };
    let change = json!({"properties": {"title": "changed"}});
    assert_eq!(ask(&server, "PATCH", &path(&draft), Some(analyst), &change).0, 200);
    assert_eq!(ask(&server, "PATCH", &path(&confirmed), Some(analyst), &change).0, 403);
    assert_eq!(ask(&server, "DELETE", &path(&confirmed), Some(analyst), &Value::Null).0, 403);
    assert_eq!(ask(&server, "DELETE", &path(&confirmed), Some(reviewer), &Value::Null).0, 204);
    let (gone, _) = ask(&server, "GET", &path(&confirmed), Some(reviewer), &Value::Null);
    assert_eq!(gone, 404);
    let versions = format!("{}/versions", path(&confirmed));
    let (status, told) = ask(&server, "GET", &versions, Some(reviewer), &Value::Null);
    assert!(status == 200 && told.contains("annotation.created") && told.contains("annotation.withdrawn"));
}

#[test]
fn a_refusal_for_want_of_a_token_names_the_scheme() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    token(&data, "admin");
    let server = Server::start(&data);
    let (status, answer) = ask(&server, "GET", "/ogc", None, &Value::Null);
    assert!(status == 401 && answer.contains("www-authenticate: bearer realm=\"stakeout\"\r\n"), "{answer}");
    let (status, answer) = ask(&server, "GET", "/ogc", Some("stk_made_up"), &Value::Null);
    assert!(status == 401 && answer.contains("error=\"invalid_token\""), "{answer}");
}

#[test]
fn who_revokes_the_last_token_opens_nothing_and_ends_what_its_holder_heard() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (secret, admin) = (token(&data, "viewer"), token(&data, "admin"));
    let settings = json!({"public_url": "https://stakeout.example"});
    let server = Server::start_configured(&data, &settings);
    let mut stream = server.listen(&secret);
    let listed: Value =
        serde_json::from_slice(&run(&["token", "list", "--data", text(&data)]).stdout).unwrap();
    let revoke = |at: usize| {
        let id = listed[at]["id"].as_str().unwrap();
        assert!(run(&["token", "revoke", "--data", text(&data), id]).status.success());
    };
    revoke(0);
    let site =
        json!({"type": "Feature", "id": "plant", "geometry": outline(), "properties": {"name": "plant"}});
    assert_eq!(ask(&server, "POST", "/ogc/collections/sites/items", Some(&admin), &site).0, 201);
    let (mut rest, mut piece) = (Vec::new(), [0; 1024]);
    loop {
        let got = stream.read(&mut piece).unwrap();
        rest.extend(&piece[..got]);
        assert!(!String::from_utf8_lossy(&rest).contains("event: site"), "a revoked token still hears");
        if got == 0 {
            break;
        }
    }
    revoke(1);
    for token in [None, Some(admin.as_str())] {
        assert_eq!(ask(&server, "GET", "/ogc", token, &Value::Null).0, 401);
    }
    let (_, answer) = ask(&server, "GET", "/ogc", None, &Value::Null);
    assert!(answer.contains("stakeout token create"), "{answer}");
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({"local_requests_per_s_max": 2});
    let server = Server::start_configured(&folder.path().join("data"), &settings);
    let refused =
        (0..40).map(|_| ask(&server, "GET", "/ogc", None, &Value::Null)).find(|(status, _)| *status != 200);
    let (status, answer) = refused.expect("forty requests at once are more than two a second");
    assert!(status == 429 && answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(answer.contains("/problems/too-many-requests"), "{answer}");
    let (status, _) = ask(&server, "GET", "/health/live", None, &Value::Null);
    assert_eq!(status, 200, "a busy server is not a dead one");
}

#[test]
fn bodies_are_bounded_in_size_and_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({"body_bytes_max": 1000, "body_idle_s": 1});
    let server = Server::start_configured(&folder.path().join("data"), &settings);
    server.add_site("plant");
    let path = "/ogc/collections/annotations/items";
    let (status, answer) = ask(&server, "POST", path, None, &annotation(&"x".repeat(2000)));
    assert!(status == 413 && answer.contains("/problems/too-large"), "{answer}");
    assert_eq!(ask(&server, "POST", path, None, &annotation("small")).0, 201);
    for (method, path, bytes) in [
        ("POST", "/api/sites/plant/scenes", 64 << 10),
        ("PUT", "/api/scenes/nothing/placement", 64 << 10),
        ("POST", "/stac/collections/plant/items", 1 << 20),
    ] {
        let (status, answer) = ask(&server, method, path, None, &json!({"properties": "x".repeat(bytes)}));
        assert_eq!(status, 413, "{method} {path}: {answer}");
        assert!(answer.contains(&format!("may have {bytes} bytes")), "{answer}");
    }

    let host = server.url.strip_prefix("http://").unwrap();
    let mut stalled = TcpStream::connect(host).unwrap();
    stalled.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 900\r\n\r\n{{");
    stalled.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 1024];
    let got = stalled.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..got]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("did not come whole"), "{answer}");
}

#[test]
fn who_says_too_slowly_what_they_want_is_cut_off_and_others_are_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({"head_time_s": 1, "connections_max": 3});
    let server = Server::start_configured(&folder.path().join("data"), &settings);
    let host = server.url.strip_prefix("http://").unwrap();
    // as many as there may be, each with a request that goes on and on
    let slow: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = TcpStream::connect(host).unwrap();
            stream.write_all(b"GET /ogc HTTP/1.1\r\nhost: localhost\r\nx-letter: a").unwrap();
            stream
        })
        .collect();
    // waits for its turn, and gets it
    assert_eq!(ask(&server, "GET", "/ogc", None, &Value::Null).0, 200);
    for mut stream in slow {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // a reset tells the end as well as an end does
        let got = stream.read(&mut [0; 64]).unwrap_or(0);
        assert_eq!(got, 0, "it was given up without an answer");
    }
}

#[test]
fn who_does_not_take_what_they_asked_for_is_cut_off_and_others_are_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({"send_idle_s": 1, "connections_max": 1});
    let server = Server::start_configured(&folder.path().join("data"), &settings);
    server.add_site("plant");
    let (before, _) = rendered_pair(folder.path());
    let scene = server.add_scene("plant", &before, "2023-05-14T02:10:00Z");
    let host = server.url.strip_prefix("http://").unwrap();
    let mut greedy = TcpStream::connect(host).unwrap();
    // far more than lies in the buffers of a connection
    let request = format!("GET /api/scenes/{scene}/original HTTP/1.1\r\nhost: localhost\r\n\r\n");
    greedy.write_all(request.repeat(200).as_bytes()).unwrap();
    // waits for its turn, and gets it
    assert_eq!(ask(&server, "GET", "/ogc", None, &Value::Null).0, 200);
    let mut taken = Vec::new();
    // a reset tells the end as well as an end does
    let _ = greedy.read_to_end(&mut taken);
    assert!(taken.len() < 200 * std::fs::metadata(&before).unwrap().len() as usize);
}

#[test]
fn an_analyst_gives_a_first_verdict_a_viewer_none_and_a_reviewer_settles_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let (first, second) = server.add_plant(rendered_pair(folder.path()));
    assert_eq!(server.wait_for(&server.compare(&first, &second))["status"], "successful");
    let found = server.get("/ogc/collections/candidates/items?limit=1").body;
    let candidate =
        format!("/ogc/collections/candidates/items/{}", found["features"][0]["id"].as_str().unwrap());
    let reviews = format!("/api/candidates/{}/reviews", found["features"][0]["id"].as_str().unwrap());
    let tokens = ROLES.map(|role| token(&data, role));
    let [viewer, analyst, reviewer, _] = &tokens;
    let review =
        json!({"verdict": "confirm", "structure_type": "warehouse", "confidence": "high", "title": "Hall"});
    let speak = |token: &str| ask(&server, "POST", &reviews, Some(token), &review);
    let seen = |token: &str, path: &str| ask(&server, "GET", path, Some(token), &Value::Null).1;
    let count = |token: &str| seen(token, "/ogc/collections/annotations/items");

    assert_eq!(speak(viewer).0, 403);
    let (status, said) = speak(analyst);
    assert!(status == 201 && said.contains("\"status\":\"draft\""), "{said}");
    // the second person does not see the first verdict, the first one does
    assert!(seen(reviewer, &candidate).contains("\"state\":\"pending\""));
    assert!(count(reviewer).contains("\"numbermatched\":0"));
    assert!(count(analyst).contains("\"numbermatched\":1"));
    let (status, said) = speak(reviewer);
    assert!(status == 201 && said.contains("\"status\":\"confirmed\""), "{said}");
    for token in [analyst, reviewer, viewer] {
        assert!(count(token).contains("\"status\":\"confirmed\""));
    }
}

#[test]
fn a_body_of_the_wrong_shape_is_told_and_breaks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let made = server.post("/ogc/collections/annotations/items", &annotation("one"), &[]);
    let own = format!("/ogc/collections/annotations/items/{}", made.body["id"].as_str().unwrap());
    for body in
        [json!([]), json!("text"), json!(3), json!({"properties": 3}), json!({"properties": {"site": 3}})]
    {
        for (method, path) in [
            ("POST", "/ogc/collections/annotations/items"),
            ("POST", "/ogc/collections/sites/items"),
            ("POST", "/ogc/processes/detect-new-structures/execution"),
            ("PUT", own.as_str()),
            ("PATCH", own.as_str()),
        ] {
            let (status, answer) = ask(&server, method, path, None, &body);
            let kept = method == "PATCH" && body == json!({"properties": {"site": 3}});
            assert_eq!(status, 400, "{method} {path} {body}: {answer}");
            assert!(!kept || answer.contains("properties.site"), "{answer}");
        }
    }
    let reversed = json!({
        "type": "Feature", "geometry": outline(),
        "properties": {"site": "plant", "start_datetime": "2024-01-01T00:00:00Z", "end_datetime": "2023-01-01T00:00:00Z"},
    });
    let answer = server.post("/ogc/collections/annotations/items", &reversed, &[]);
    assert_eq!((answer.status, answer.body["parameter"].as_str()), (400, Some("properties.end_datetime")));
    assert_eq!(server.count("annotations"), 1);
}

#[test]
fn a_text_with_control_characters_is_refused_with_the_place_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let post = |title: &str| server.post("/ogc/collections/annotations/items", &annotation(title), &[]);
    for (title, words) in [
        ("a\u{0}b", "U+0000 at character 1"),
        ("hall\u{1b}[31m", "U+001B at character 4"),
        ("\u{85}x", "U+0085 at character 0"),
        ("x\u{FFFF}", "U+FFFF at character 1"),
    ] {
        let answer = post(title);
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(answer.status == 400 && detail.starts_with("properties.title is a text with"), "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
    assert_eq!(post("one\tline\r\nand another\n조립동").status, 201);
}

#[test]
fn an_outline_that_is_none_is_refused_with_the_place_of_the_fault() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_site("plant");
    let square = json!([[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]);
    let many: Vec<Value> = (0..10_001).map(|at| json!([f64::from(at) / 1e4, 0])).collect();
    let cases = [
        (json!([[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]), "ring 0 crosses or touches itself near [1, 1]"),
        (
            json!([[[0, 0], [4, 0], [4, 4], [4, 1], [0, 4], [0, 0]]]),
            "ring 0 crosses or touches itself near [4, ",
        ),
        (json!([[[0, 0], [181, 0], [1, 1], [0, 0]]]), "position [181, 0]"),
        (json!([[[0, 0], [1, 0], [1, 91], [0, 0]]]), "position [1, 91]"),
        (json!([[[0, 0], [1, 0], [1, 1], [0, 1]]]), "ring 0 begins at [0, 0] but does not end there"),
        (
            json!([square, [[10, 10], [12, 10], [12, 12], [10, 10]]]),
            "ring 1 lies outside the exterior at [10, 10]",
        ),
        (
            json!([square, [[8, 1], [12, 1], [12, 2], [8, 2], [8, 1]]]),
            "rings 0 and 1 cross or overlap near [9, 1]",
        ),
        (json!([many]), "10001 positions but may have 10000"),
    ];
    for (coordinates, words) in cases {
        let mut feature = annotation("bad");
        feature["geometry"]["coordinates"] = coordinates;
        let answer = server.post("/ogc/collections/annotations/items", &feature, &[]);
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(answer.status == 400 && detail.contains(words), "{detail}");
    }
    let mut clockwise = annotation("mended");
    clockwise["geometry"] =
        json!({"type": "MultiPolygon", "coordinates": [[[[0, 0], [0, 9], [9, 9], [9, 0], [0, 0]]]]});
    let answer = server.post("/ogc/collections/annotations/items", &clockwise, &[]);
    let counter = json!([[[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0], [0.0, 0.0]]]);
    assert_eq!((answer.status, &answer.body["geometry"]["coordinates"]), (201, &counter), "{}", answer.body);
}
