//! A second look over HTTP: blind until it is given, for what a detector found and for what a person drew.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::{Answer, Server, heard, rendered_pair};

/// Words of the first person that nobody else may read before they have spoken.
const SECRET: &str = "a-hall-that-only-ann-has-named";

struct People {
    server: Server,
    comparison: String,
    candidates: Vec<String>,
    ann: String,
    bob: String,
}

impl People {
    /// A compared site, and two analysts who look at it.
    fn at_work(folder: &Path) -> People {
        let data = folder.join("data");
        let server = Server::start(&data);
        let (before, after) = server.add_plant(rendered_pair(folder));
        assert_eq!(server.wait_for(&server.compare(&before, &after))["status"], "successful");
        let page = server.get("/ogc/collections/candidates/items?limit=100").body;
        let id = |feature: &Value| feature["id"].as_str().unwrap().to_owned();
        let candidates = page["features"].as_array().unwrap().iter().map(id).collect();
        let comparison = page["features"][0]["properties"]["comparison"].as_str().unwrap().to_owned();
        let [ann, bob] = ["ann", "bob"].map(|name| token(&data, name));
        People { server, comparison, candidates, ann, bob }
    }

    fn review(&self, token: &str, candidate: &str, body: &Value) -> Answer {
        let path = format!("/ogc/collections/candidates/items/{candidate}");
        let etag = self.server.get_as(token, &path).etag;
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("if-match", etag.as_str())];
        self.server.post(&format!("/api/candidates/{candidate}/reviews"), body, &headers)
    }

    /// Everything that tells of a candidate, as one text.
    fn told(&self, token: &str, candidate: &str) -> String {
        [
            format!("/ogc/collections/candidates/items/{candidate}"),
            "/ogc/collections/candidates/items?limit=100".to_owned(),
            format!("/ogc/collections/annotations/items?candidate={candidate}"),
            "/ogc/collections/annotations/items?limit=100".to_owned(),
            format!("/api/candidates/{candidate}/reviews"),
            format!("/api/queue?comparison={}", self.comparison),
            "/api/sites/plant/export?format=geojson".to_owned(),
            "/api/agreement?site=plant".to_owned(),
        ]
        .iter()
        .map(|path| {
            let answer = self.server.get_as(token, path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            answer.body.to_string()
        })
        .collect()
    }

    fn queued(&self, token: &str, candidate: &str) -> Value {
        let queue = self.server.get_as(token, &format!("/api/queue?comparison={}", self.comparison)).body;
        let features = queue["features"].as_array().unwrap();
        features.iter().find(|feature| feature["id"] == candidate).cloned().unwrap()
    }
}

fn token(data: &Path, name: &str) -> String {
    support::token(data, "analyst", name)
}

#[test]
fn a_first_verdict_is_told_to_nobody_before_they_have_given_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::at_work(folder.path());
    let candidate = &people.candidates[0];
    let first = json!({"verdict": "confirm", "structure_type": "warehouse", "title": SECRET});
    assert_eq!(people.review(&people.ann, candidate, &first).status, 201);
    assert!(people.told(&people.ann, candidate).contains(SECRET));

    let told = people.told(&people.bob, candidate);
    assert!(!told.contains(SECRET), "bob reads what ann said");
    assert!(!told.contains("\"confirmed\""), "bob reads that it was confirmed");
    let queued = people.queued(&people.bob, candidate);
    assert_eq!((&queued["look"], &queued["annotation"]), (&json!("second"), &Value::Null));
    let reviews = people.server.get_as(&people.bob, &format!("/api/candidates/{candidate}/reviews")).body;
    assert_eq!(reviews, json!({"reviews": [], "hidden": "ann"}));

    let second = people.review(&people.bob, candidate, &json!({"verdict": "reject", "note": "a shadow"}));
    assert_eq!(second.status, 201, "{}", second.body);
    assert_eq!(second.body["annotation"]["properties"]["status"], "disputed");
    assert_eq!(second.body["review"]["independent"], true);
    assert!(people.told(&people.bob, candidate).contains(SECRET), "who has spoken sees what the other said");
    let agreement = people.server.get_as(&people.bob, "/api/agreement?site=plant").body;
    assert_eq!(
        (&agreement["verdicts"]["candidates"], &agreement["verdicts"]["observed"]),
        (&json!(1), &json!(0.0))
    );
}

#[test]
fn the_queue_has_the_outline_that_people_made_of_a_candidates_for_who_may_see_it() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::at_work(folder.path());
    let [corrected, kept] = [0, 1].map(|at| &people.candidates[at]);
    let outline = people.queued(&people.ann, corrected)["geometry"].clone();
    let mut drawn = outline["coordinates"][0].clone();
    drawn.as_array_mut().unwrap().remove(1);
    let verdict = json!({"verdict": "confirm", "geometry": {"type": "Polygon", "coordinates": [drawn]}});
    let said = people.review(&people.ann, corrected, &verdict);
    assert_eq!(said.status, 201, "{}", said.body);
    people.review(&people.ann, kept, &json!({"verdict": "confirm"}));

    let queued = people.queued(&people.ann, corrected);
    assert_eq!(queued["geometry"], outline, "what the detector found stays");
    assert_eq!(queued["outline"], said.body["annotation"]["geometry"]);
    assert_eq!(people.queued(&people.ann, kept)["outline"], Value::Null, "it is the candidate's");
    assert_eq!(people.queued(&people.bob, corrected)["outline"], Value::Null, "bob has yet to speak");
    people.review(&people.bob, corrected, &json!({"verdict": "confirm"}));
    assert_eq!(people.queued(&people.bob, corrected)["outline"], queued["outline"]);
}

#[test]
fn the_tag_of_a_hidden_verdict_tells_when_it_changed_and_not_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::at_work(folder.path());
    let [said, other] = [0, 1].map(|at| &people.candidates[at]);
    let shown = |candidate: &str| {
        people.server.get_as(&people.bob, &format!("/ogc/collections/candidates/items/{candidate}"))
    };
    people.review(&people.ann, said, &json!({"verdict": "confirm"}));
    people.review(&people.ann, other, &json!({"verdict": "reject"}));
    let [confirmed, rejected] = [said, other].map(|candidate| shown(candidate).etag.replace(candidate, ""));
    assert_eq!(confirmed, rejected, "two verdicts, one tag but for the id");

    let old = shown(said).etag;
    people.review(&people.ann, said, &json!({"verdict": "unsure"}));
    let bearer = format!("Bearer {}", people.bob);
    let speak = |etag: &str| {
        let headers = [("authorization", bearer.as_str()), ("if-match", etag)];
        people.server.post(
            &format!("/api/candidates/{said}/reviews"),
            &json!({"verdict": "reject"}),
            &headers,
        )
    };
    assert_eq!(speak(&old).status, 412, "ann spoke again meanwhile");
    assert_eq!(speak(&shown(said).etag).status, 201);
}

#[test]
fn a_review_that_is_sent_again_says_what_it_was_based_on() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::at_work(folder.path());
    let candidate = &people.candidates[0];
    let etag =
        people.server.get_as(&people.ann, &format!("/ogc/collections/candidates/items/{candidate}")).etag;
    let path = format!("/api/candidates/{candidate}/reviews");
    let bearer = format!("Bearer {}", people.ann);
    let send = |condition: &[(&str, &str)]| {
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "once")];
        people.server.post(&path, &json!({"verdict": "unsure"}), &[&headers, condition].concat())
    };
    assert_eq!(send(&[("if-match", &etag)]).status, 201);
    assert_eq!(send(&[("if-match", &etag)]).status, 201, "it is the same again");
    assert_eq!(send(&[]).status, 428);
    assert_eq!(send(&[("if-match", "once")]).status, 400);
    let two_keys = send(&[("if-match", &etag), ("idempotency-key", "twice")]);
    assert_eq!((two_keys.status, &two_keys.body["parameter"]), (400, &json!("Idempotency-Key")));
    let reviews = people.server.get_as(&people.ann, &path).body;
    assert_eq!(reviews["reviews"].as_array().unwrap().len(), 1);
}

#[test]
fn neither_events_nor_counts_tell_of_an_annotation_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::at_work(folder.path());
    let [candidate, another] = [0, 1].map(|at| &people.candidates[at]);
    let mut heard_by_bob = people.server.listen(&people.bob);
    let drafted = people.review(&people.ann, candidate, &json!({"verdict": "confirm", "title": SECRET}));
    let id = drafted.body["annotation"]["id"].as_str().unwrap();
    let counted = |token: &str| {
        let text = people.server.get_as(token, "/metrics").body.as_str().unwrap().to_owned();
        text.lines().find_map(|line| {
            line.strip_prefix("stakeout_features{collection=\"annotations\"} ").map(str::to_owned)
        })
    };
    assert_eq!((counted(&people.ann).as_deref(), counted(&people.bob).as_deref()), (Some("1"), Some("0")));

    let bearer = format!("Bearer {}", people.ann);
    let path = format!("/ogc/collections/annotations/items/{id}");
    let any = [("authorization", bearer.as_str()), ("if-match", "*")];
    assert_eq!(people.server.delete(&path, &any).status, 204);
    let restore = format!("/api/annotations/{id}/restore");
    let misspelt = people.server.post(&restore, &json!({"revision": 1, "titel": "hall"}), &any);
    assert_eq!((misspelt.status, &misspelt.body["parameter"]), (400, &json!("titel")));
    assert_eq!(people.server.post(&restore, &json!({"revision": 1}), &any).status, 200);
    people.review(&people.ann, another, &json!({"verdict": "reject"}));
    let told = heard(&mut heard_by_bob, another);
    assert!(told.contains(candidate.as_str()), "bob hears that ann spoke: {told}");
    assert!(!told.contains("event: annotation") && !told.contains(id), "bob hears what ann said: {told}");
}

#[test]
fn a_structure_that_an_analyst_drew_is_confirmed_by_a_second_person() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::at_work(folder.path());
    let found = people
        .server
        .get_as(&people.ann, &format!("/ogc/collections/candidates/items/{}", people.candidates[0]));
    let outline = &found.body["geometry"];
    let path = format!("/api/comparisons/{}/candidates", people.comparison);
    let bearer = format!("Bearer {}", people.ann);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "once")];
    let body = json!({"geometry": outline, "structure_type": "housing", "title": SECRET});
    let drawn = people.server.post(&path, &body, &headers);
    assert_eq!(drawn.status, 201, "{}", drawn.body);
    assert_eq!(drawn.body["annotation"]["properties"]["status"], "draft");
    let again = people.server.post(&path, &body, &headers);
    assert_eq!(again.body["review"]["id"], drawn.body["review"]["id"], "sent twice, drawn once");
    let id = drawn.body["review"]["candidate"].as_str().unwrap();

    let queued = people.queued(&people.bob, id);
    assert_eq!(queued["look"], "second");
    let properties = &queued["properties"];
    assert_eq!((&properties["score"], &properties["detector"]["name"]), (&Value::Null, &json!("hand")));
    assert_eq!(queued["geometry"], *outline);
    assert!(!people.told(&people.bob, id).contains(SECRET));
    let second = people.review(&people.bob, id, &json!({"verdict": "confirm", "structure_type": "housing"}));
    let annotation = &second.body["annotation"]["properties"];
    assert_eq!((&annotation["status"], &annotation["title"]), (&json!("confirmed"), &json!(SECRET)));
    assert_eq!(annotation["sources"].as_array().unwrap().len(), 2, "it rests on both images");
}

#[test]
fn a_draft_posted_to_the_ogc_interface_is_confirmed_blind_by_a_second_person() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::at_work(folder.path());
    let found = people
        .server
        .get_as(&people.ann, &format!("/ogc/collections/candidates/items/{}", people.candidates[0]));
    let properties = json!({"site": "plant", "title": SECRET, "structure_type": "housing"});
    let feature = json!({"type": "Feature", "geometry": found.body["geometry"], "properties": properties});
    let bearer = format!("Bearer {}", people.ann);
    let post = || {
        let headers = [("authorization", bearer.as_str())];
        people.server.post("/ogc/collections/annotations/items", &feature, &headers)
    };
    let posted = post();
    assert_eq!(posted.status, 201, "{}", posted.body);
    assert_eq!(posted.body["properties"]["status"], "draft");
    let id = posted.body["properties"]["candidate"].as_str().unwrap();
    let path = format!("/ogc/collections/annotations/items/{}", posted.body["id"].as_str().unwrap());
    assert_eq!(people.server.get_as(&people.ann, &path).status, 200);
    assert_eq!(people.server.get_as(&people.bob, &path).status, 404);
    assert_eq!(people.queued(&people.bob, id)["look"], "second");
    assert_eq!(people.queued(&people.bob, id)["geometry"], found.body["geometry"]);
    assert!(!people.told(&people.bob, id).contains(SECRET));

    let second = people.review(&people.bob, id, &json!({"verdict": "confirm", "structure_type": "housing"}));
    assert_eq!(second.body["review"]["independent"], true, "{}", second.body);
    let settled = people.server.get_as(&people.bob, &path).body;
    let properties = &settled["properties"];
    assert_eq!((&properties["status"], &properties["title"]), (&json!("confirmed"), &json!(SECRET)));

    // who posted one and deletes it again leaves nothing to look at
    let another = post();
    let path = format!("/ogc/collections/annotations/items/{}", another.body["id"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("if-match", another.etag.as_str())];
    assert_eq!(people.server.delete(&path, &headers).status, 204);
    let gone = format!(
        "/ogc/collections/candidates/items/{}",
        another.body["properties"]["candidate"].as_str().unwrap()
    );
    assert_eq!(people.server.get_as(&people.bob, &gone).status, 404);
}

#[test]
fn a_drawing_that_cannot_be_recorded_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::at_work(folder.path());
    let path = format!("/api/comparisons/{}/candidates", people.comparison);
    let bearer = format!("Bearer {}", people.ann);
    let square = json!({"type": "Polygon", "coordinates": [[[127.6, 39.9], [127.601, 39.9], [127.601, 39.901], [127.6, 39.9]]]});
    let bow = json!({"type": "Polygon", "coordinates": [[[127.6, 39.9], [127.601, 39.901], [127.601, 39.9], [127.6, 39.901], [127.6, 39.9]]]});
    for (body, path, status) in [
        (json!({}), path.as_str(), 400),
        (json!({"geometry": bow}), &path, 400),
        (json!({"geometry": square, "verdict": "reject"}), &path, 400),
        (json!({"geometry": square, "change": "moved"}), &path, 400),
        (json!({"geometry": square, "structure_type": "castle"}), &path, 400),
        (json!({"geometry": square}), "/api/comparisons/none/candidates", 404),
    ] {
        let answer = people.server.post(path, &body, &[("authorization", &bearer)]);
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    assert_eq!(
        people.server.get_as(&people.ann, "/ogc/collections/candidates/items?limit=1").body["numberMatched"],
        people.candidates.len()
    );
}
