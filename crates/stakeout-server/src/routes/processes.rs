//! OGC API Processes: one process, and its jobs.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use record::{Job, JobId, JobStatus, RecordError, Scene, SceneId};
use serde_json::{Value, json};

use super::{created, json as answer, ogc};
use crate::{
    ApiError, App,
    body::JsonBody,
    guard::Who,
    jobs::{self, DETECT},
    links::Base,
    parameters::{NoParameters, Parameters},
    path::Path,
};

/// Types of problems that the standard names (OGC 18-062r2, requirements `process-exception/no-such-process`,
/// `job-exception-no-such-job` and `job-results-exception/results-not-ready`).
const NO_SUCH_PROCESS: &str = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-process";
const NO_SUCH_JOB: &str = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-job";
const RESULT_NOT_READY: &str =
    "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/result-not-ready";
const JSON: &str = "application/json";
/// Jobs in the list.
const JOBS_LISTED: u32 = 100;

pub(crate) async fn list(
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let path = "/ogc/processes";
    let document = json!({
        "processes": [summary(&base)],
        "links": [base.link("self", JSON, path, "The processes")],
    });
    ogc::answered(&parameters, &headers, &base, path, "The processes", &document, JSON)
}

pub(crate) async fn describe(
    Path(process): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    must_be_detect(&process)?;
    let mut description = summary(&base);
    let scene =
        |title: &str| json!({"title": title, "minOccurs": 1, "maxOccurs": 1, "schema": {"type": "string"}});
    description["inputs"] = json!({
        "before": scene("Id of the scene of the first date"),
        "after": scene("Id of the scene of the second date"),
        "model": {"title": "Detector: classical or a model", "minOccurs": 0, "maxOccurs": 1, "schema": {"type": "string"}},
    });
    description["outputs"] = json!({
        "comparison": {"title": "Id of the comparison", "schema": {"type": "string"}},
        "fit": {"title": "How well the images fit", "schema": {"type": "object"}},
        "cautions": {
            "title": "What must be known before the candidates are believed, or that there are none",
            "schema": {"type": "array", "items": {"type": "string"}},
        },
        "candidates": {"title": "Number of candidates", "schema": {"type": "integer"}},
    });
    let path = format!("/ogc/processes/{DETECT}");
    ogc::answered(&parameters, &headers, &base, &path, "Detect new structures", &description, JSON)
}

fn summary(base: &Base) -> Value {
    let own = format!("/ogc/processes/{DETECT}");
    json!({
        "id": DETECT,
        "version": env!("CARGO_PKG_VERSION"),
        "title": "Detect new structures",
        "description": "Compares two scenes of a site and records the structures that changed as candidates",
        "jobControlOptions": ["async-execute", "dismiss"],
        "outputTransmission": ["value"],
        "links": [
            base.link("self", "application/json", &own, "This process"),
            base.link("http://www.opengis.net/def/rel/ogc/1.0/execute", "application/json", &format!("{own}/execution"), "Run it"),
        ],
    })
}

fn must_be_detect(process: &str) -> Result<(), ApiError> {
    if process == DETECT {
        Ok(())
    } else {
        let detail = format!("there is no process {process:?}");
        Err(ApiError::new(StatusCode::NOT_FOUND, NO_SUCH_PROCESS, "There is no such process", detail))
    }
}

pub(crate) async fn execute(
    State(app): State<App>,
    Path(process): Path<String>,
    Who(actor): Who,
    _: NoParameters,
    base: Base,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    must_be_detect(&process)?;
    let inputs = sent.value()?.get("inputs").cloned().unwrap_or_default();
    let job = app
        .blocking(move |app| {
            let scene = |name: &str| -> Result<Scene, ApiError> {
                let id = inputs[name].as_str().ok_or_else(|| {
                    ApiError::parameter(
                        &format!("inputs.{name}"),
                        &inputs[name].to_string(),
                        "the id of a scene",
                    )
                })?;
                let scene = app.store.scene(&SceneId(id.to_owned()))?;
                if scene.facts.footprint.is_none() {
                    return Err(unplaced(name, &scene));
                }
                Ok(scene)
            };
            let (before, after) = (scene("before")?, scene("after")?);
            if before.site != after.site {
                return Err(ApiError::parameter(
                    "inputs.after",
                    after.site.as_str(),
                    "a scene of the site of before",
                ));
            }
            if before.id == after.id {
                return Err(ApiError::parameter(
                    "inputs.after",
                    after.id.as_str(),
                    "another scene than before",
                ));
            }
            if after.facts.datetime < before.facts.datetime {
                return Err(ApiError::parameter(
                    "inputs.after",
                    after.id.as_str(),
                    &format!("a scene taken no earlier than before ({})", before.facts.datetime),
                ));
            }
            let model = match &inputs["model"] {
                Value::Null => None,
                Value::String(model) if known_model(model) => Some(model.clone()),
                other => {
                    return Err(ApiError::parameter(
                        "inputs.model",
                        &other.to_string(),
                        "the name of a detector",
                    ));
                }
            };
            let input = json!({"before": before.id, "after": after.id, "model": model, "site": before.site});
            let job = app.store.enqueue(&actor, DETECT, input)?;
            app.job_added.notify_one();
            jobs::tell(app, &job);
            Ok(job)
        })
        .await?;
    Ok(created(&base.to(&format!("/ogc/jobs/{}", job.id)), answer(&status(&job, &base))))
}

/// What was found in an image without a place would lie nowhere.
fn unplaced(input: &str, scene: &Scene) -> ApiError {
    let place = format!("a scene that has a place: place it first, at /api/scenes/{}/placement", scene.id);
    ApiError::parameter(&format!("inputs.{input}"), scene.id.as_str(), &place)
}

/// A fault of a job, told in the words of the standard where there is no such job.
fn fault(error: RecordError) -> ApiError {
    match error {
        RecordError::NotFound { what: "job", .. } => {
            ApiError::new(StatusCode::NOT_FOUND, NO_SUCH_JOB, "There is no such job", error.to_string())
        }
        other => other.into(),
    }
}

/// A client may name a shipped detector, never a file.
fn known_model(name: &str) -> bool {
    name == imagery_diff::CLASSICAL || imagery_diff::MODELS.iter().any(|model| model.name == name)
}

pub(crate) async fn jobs(
    State(app): State<App>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let path = "/ogc/jobs";
    let jobs = app.blocking(|app| Ok(app.store.jobs(JOBS_LISTED)?)).await?;
    let document = json!({
        "jobs": jobs.iter().map(|job| status(job, &base)).collect::<Vec<_>>(),
        "links": [base.link("self", JSON, path, "The jobs")],
    });
    ogc::answered(&parameters, &headers, &base, path, "The jobs", &document, JSON)
}

pub(crate) async fn job(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let job = app.blocking(move |app| app.store.job(&JobId(id)).map_err(fault)).await?;
    let path = format!("/ogc/jobs/{}", job.id);
    ogc::answered(&parameters, &headers, &base, &path, "A job", &status(&job, &base), JSON)
}

pub(crate) async fn dismiss(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    _: NoParameters,
    base: Base,
) -> Result<Response, ApiError> {
    let job = app
        .blocking(move |app| {
            let job = app.store.dismiss_job(&actor, &JobId(id)).map_err(fault)?;
            jobs::tell(app, &job);
            Ok(job)
        })
        .await?;
    Ok(answer(&status(&job, &base)))
}

pub(crate) async fn results(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let job = app.blocking(move |app| app.store.job(&JobId(id)).map_err(fault)).await?;
    match (job.status, job.result) {
        (JobStatus::Successful, Some(result)) => {
            let path = format!("/ogc/jobs/{}/results", job.id);
            ogc::answered(&parameters, &headers, &base, &path, "Results of a job", &result, JSON)
        }
        (JobStatus::Failed, _) => {
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "job-failed", "The job failed", job.message))
        }
        _ => {
            let detail = format!("job {} has no results: {}", job.id, job.message);
            Err(ApiError::new(StatusCode::NOT_FOUND, RESULT_NOT_READY, "There are no results yet", detail))
        }
    }
}

fn status(job: &Job, base: &Base) -> Value {
    let own = format!("/ogc/jobs/{}", job.id);
    let mut links = vec![base.link("self", "application/json", &own, "This job")];
    if job.status == JobStatus::Successful {
        let results = format!("{own}/results");
        links.push(base.link(
            "http://www.opengis.net/def/rel/ogc/1.0/results",
            "application/json",
            &results,
            "Its results",
        ));
    }
    let mut status = json!({
        "type": "process",
        "jobID": job.id,
        "processID": job.kind,
        "status": job.status,
        "progress": job.progress,
        "message": job.message,
        "created": job.created,
        "links": links,
    });
    if let Some(started) = job.started {
        status["started"] = json!(started);
    }
    if let Some(finished) = job.finished {
        status["finished"] = json!(finished);
    }
    status
}
