//! Jobs, and the comparisons that they record.

use record::{JobStatus, NewCandidate, NewComparison, RecordError, Role, Store, verify::verify};
use serde_json::{Value, json};

use crate::support::{actor, add_scene, add_site, comparison, found, tamper};

#[test]
fn jobs_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let ann = actor("ann", Role::Analyst);
    let store = Store::open(folder.path()).unwrap();
    let first = store.enqueue(&ann, "detect-new-structures", json!({})).unwrap();
    let second = store.enqueue(&ann, "detect-new-structures", json!({})).unwrap();
    assert_eq!(store.claim_job().unwrap().unwrap().id, first.id);
    store.note_progress(&first.id, 40, "finds objects").unwrap();
    assert_eq!(store.job(&first.id).unwrap().progress, 40);
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.requeue_jobs("detect-new-structures", "stopped").unwrap(), 1);
    assert_eq!(store.claim_job().unwrap().unwrap().id, first.id);
    store.dismiss_job(&ann, &second.id).unwrap();
    assert_eq!(store.fail_job(&second.id, "too late").unwrap().status, JobStatus::Dismissed);
    assert!(store.claim_job().unwrap().is_none());
}

#[test]
fn a_queue_that_is_full_takes_no_more_jobs_of_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ann) = (Store::open(folder.path()).unwrap(), actor("ann", Role::Analyst));
    let enqueue = || store.enqueue(&ann, "detect-new-structures", json!({}));
    let begin = |kind| store.begin_job(&ann, kind, json!({}), "runs");
    enqueue().unwrap();
    tamper(
        folder.path(),
        "WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < 999)
         INSERT INTO job (id, status, document) SELECT more.n, status, document FROM more, job",
    );
    assert!(matches!(enqueue(), Err(RecordError::Full { jobs_max: 1_000, .. })));
    tamper(folder.path(), "UPDATE job SET status = 'running'");
    assert!(enqueue().is_ok());
    assert!(begin("prepare-scene").is_ok(), "comparisons that run are no scenes being prepared");
    assert!(matches!(begin("detect-new-structures"), Err(RecordError::Full { .. })));
}

#[test]
fn what_a_job_found_is_recorded_once_and_only_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let site = add_site(&store, "February 11 plant");
    let found = comparison(&store, &site, 2);
    let (ann, bob) = (actor("ann", Role::Analyst), actor("bob", Role::Analyst));
    let running = || {
        let job = store.enqueue(&ann, "detect-new-structures", json!({})).unwrap();
        assert_eq!(store.claim_job().unwrap().unwrap().id, job.id);
        job.id
    };
    let recorded = || store.comparisons(None, &site).unwrap().len();
    let finish = |id| store.finish_job(id, found.clone(), |made| json!({"comparison": made.id})).unwrap();

    let dismissed = running();
    store.dismiss_job(&bob, &dismissed).unwrap();
    assert!(finish(&dismissed).is_none() && recorded() == 0, "a dismissed job records nothing");
    let told = store.events_of(&format!("job/{dismissed}")).unwrap();
    let last = told.last().unwrap();
    assert_eq!((last.kind.as_str(), last.actor.as_str()), ("job.dismissed", "bob"));

    let done = running();
    let (job, made) = finish(&done).unwrap();
    assert_eq!(
        (job.status, job.progress, &job.result),
        (JobStatus::Successful, 100, &Some(json!({"comparison": made.id})))
    );
    assert_eq!(
        store.requeue_jobs("detect-new-structures", "stopped").unwrap(),
        0,
        "a stop after that takes nothing up again"
    );
    assert!(finish(&done).is_none() && recorded() == 1);
    // a comparison that cannot be recorded leaves the job running
    let broken = running();
    let nowhere = NewComparison { after: record::SceneId("nowhere".to_owned()), ..found.clone() };
    assert!(store.finish_job(&broken, nowhere, |_| Value::Null).is_err());
    assert_eq!((store.job(&broken).unwrap().status, recorded()), (JobStatus::Running, 1));
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn a_found_outline_that_nobody_could_draw_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let site = add_site(&store, "February 11 plant");
    let new = comparison(&store, &site, 2);
    let around = |turn: f64| [turn.cos(), turn.sin()];
    let many = (0..10_001).map(|at| around(f64::from(at) / 10_001.0 * std::f64::consts::TAU));
    let twice_through_a_corner = [[0.0, 0.0], [2.0, 0.0], [1.0, 1.0], [2.0, 2.0], [0.0, 2.0], [1.0, 1.0]];
    let ann = actor("ann", Role::Analyst);
    for positions in [many.collect::<Vec<_>>(), twice_through_a_corner.to_vec()] {
        let outline = geo::Polygon::new(positions.into_iter().collect(), Vec::new());
        let odd = NewCandidate { outline, ..found(1) };
        let new = NewComparison { candidates: vec![found(0), odd], ..new.clone() };
        let refused = store.add_comparison(&ann, new.clone()).unwrap_err();
        assert!(matches!(refused, RecordError::FoundOutline { index: 1, .. }), "{refused:?}");
        let job = store.enqueue(&ann, "detect-new-structures", json!({})).unwrap();
        store.claim_job().unwrap();
        assert!(store.finish_job(&job.id, new, |_| Value::Null).is_err());
        store.fail_job(&job.id, "refused").unwrap();
    }
    assert_eq!(store.comparisons(None, &site).unwrap(), []);
}

#[test]
fn an_earlier_image_is_no_after_image_nor_is_the_same_one_or_one_of_another_site() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let site = add_site(&store, "February 11 plant");
    let new = comparison(&store, &site, 1);
    let ann = actor("ann", Role::Analyst);
    let elsewhere = add_scene(&store, &add_site(&store, "Annex"), "2024-10-21T02:25:00Z");
    for after in [&new.before, &new.after, &elsewhere] {
        let refused = store.enqueue_comparison(&ann, "detect", [&new.after, after], json!({})).unwrap_err();
        assert!(matches!(refused, RecordError::Invalid { field: "after", .. }), "{refused:?}");
        let other = NewComparison { before: new.after.clone(), after: after.clone(), ..new.clone() };
        let refused = store.add_comparison(&ann, other).unwrap_err();
        assert!(matches!(refused, RecordError::Invalid { field: "after", .. }), "{refused:?}");
    }
    let job = store.enqueue_comparison(&ann, "detect", [&new.before, &new.after], json!({"model": "m"}));
    let input = json!({"before": new.before, "after": new.after, "model": "m"});
    assert_eq!(job.unwrap().input, input);
}
