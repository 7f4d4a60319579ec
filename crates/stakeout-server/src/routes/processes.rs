//! OGC API Processes: one process, and its jobs.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use record::{Job, JobId, JobStatus, RecordError, Scene, SceneId};
use serde_json::{Value, json};

use super::{GEOJSON, JSON, created, geojson, json as answer, ogc};
use crate::{
    ApiError, App,
    body::{self, JsonBody},
    guard::Who,
    jobs::{self, DETECT},
    links::Base,
    parameters::{NoParameters, Parameters},
    path::Path,
    preparation::PREPARE,
    stac,
};

/// Types of problems that the standard names (OGC 18-062r2, requirements `process-exception/no-such-process`,
/// `job-exception-no-such-job` and `job-results-exception/results-not-ready`).
const NO_SUCH_PROCESS: &str = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-process";
const NO_SUCH_JOB: &str = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-job";
const RESULT_NOT_READY: &str =
    "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/result-not-ready";
/// Jobs in the list.
const JOBS_LISTED: u32 = 100;
/// Members of a request to run the process.
const EXECUTION: [&str; 3] = ["inputs", "outputs", "response"];
const INPUTS: [&str; 3] = ["before", "after", "model"];
const OUTPUTS: [&str; 5] = ["comparison", "site", "fit", "cautions", "candidates"];

pub(crate) async fn list(
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    listed(&parameters)?;
    let path = "/ogc/processes";
    let document = json!({
        "processes": [summary(&base)],
        "links": [base.link("self", JSON, path, "The processes")],
    });
    ogc::answered(&parameters, &headers, &base, path, "The processes", &document, JSON)
}

/// How many a list may have, where that is said (OGC 18-062r2, requirement `core/pl-limit-definition`).
fn listed(parameters: &Parameters) -> Result<Option<u64>, ApiError> {
    parameters.only(&["f", "limit"])?;
    parameters.number("limit", 1, u64::from(u32::MAX))
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
        "site": {"title": "Id of the site", "schema": {"type": "string"}},
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
    let given = sent.value()?;
    body::only(&given, "", &EXECUTION)?;
    body::only(&given["inputs"], "inputs.", &INPUTS)?;
    must_be_document(&given["response"])?;
    let outputs = outputs(&given["outputs"])?;
    let own = base.clone();
    let job = app
        .blocking(move |app| {
            let Inputs { before, after, model } = inputs(app, &given["inputs"], &own)?;
            let mut input = json!({"model": model, "site": before.site});
            if let Some(outputs) = outputs {
                input["outputs"] = json!(outputs);
            }
            let job = app.store.enqueue_comparison(&actor, DETECT, [&before.id, &after.id], input);
            let job = job.map_err(at_input)?;
            app.job_added.notify_one();
            jobs::tell(app, &job);
            Ok(job)
        })
        .await?;
    Ok(created(&base.to(&format!("/ogc/jobs/{}", job.id)), answer(&status(&job, &base))))
}

/// What is to be compared, and how.
struct Inputs {
    before: Scene,
    after: Scene,
    model: Option<String>,
}

fn inputs(app: &App, given: &Value, base: &Base) -> Result<Inputs, ApiError> {
    let scene = |name: &str| -> Result<Scene, ApiError> {
        let scene = scene_of(app, &format!("inputs.{name}"), &given[name], base)?;
        if scene.facts.footprint.is_none() {
            return Err(unplaced(name, &scene));
        }
        Ok(scene)
    };
    let (before, after) = (scene("before")?, scene("after")?);
    let model = match &given["model"] {
        Value::Null => None,
        Value::String(model) if known_model(model) => Some(model.clone()),
        other => {
            return Err(ApiError::value("inputs.model", other, "the name of a detector"));
        }
    };
    Ok(Inputs { before, after, model })
}

/// A fault of two scenes, at the input that it lies in.
fn at_input(error: RecordError) -> ApiError {
    match error {
        RecordError::Invalid { field, got, wanted } => {
            let input = format!("inputs.{field}");
            ApiError::wrong_parameter(&input, format!("{input} is {got} but must be {wanted}"))
        }
        other => ApiError::of_reference(other, "inputs"),
    }
}

/// The scene of an input: by its id, or by reference to its item of this server. Nothing is fetched from elsewhere.
fn scene_of(app: &App, input: &str, given: &Value, base: &Base) -> Result<Scene, ApiError> {
    let href = given["href"].as_str();
    let wrong = || {
        let got = href.map_or_else(|| given.to_string(), str::to_owned);
        ApiError::parameter(input, &got, "the id of a scene, or a link whose href is its STAC item here")
    };
    let path = href.map(|href| href.strip_prefix(&base.0).unwrap_or(href));
    let id = path.map_or(given.as_str(), |path| path.rsplit('/').next()).ok_or_else(wrong)?;
    let scene = app.store.scene(&SceneId(id.to_owned()));
    let scene = scene.map_err(|error| ApiError::of_reference(error, input))?;
    if path.is_some_and(|path| path != stac::path(&scene)) {
        return Err(wrong());
    }
    Ok(scene)
}

/// Results come together: which of them are wanted is told by `outputs`.
fn must_be_document(response: &Value) -> Result<(), ApiError> {
    if response.is_null() || response == "document" {
        return Ok(());
    }
    Err(ApiError::value("response", response, "document: results come as one JSON document"))
}

/// The outputs that are wanted; none where that is not said, which is all of them.
fn outputs(given: &Value) -> Result<Option<Vec<String>>, ApiError> {
    let wanted = match given {
        Value::Null => return Ok(None),
        Value::Object(wanted) => wanted,
        other => return Err(ApiError::value("outputs", other, "an object of outputs")),
    };
    body::only(given, "outputs.", &OUTPUTS)?;
    for (name, how) in wanted {
        let must_be = |member: &str, value: &Value, only: &str| {
            if value.is_null() || value == only {
                return Ok(());
            }
            Err(ApiError::value(&format!("outputs.{name}.{member}"), value, only))
        };
        must_be("transmissionMode", &how["transmissionMode"], "value")?;
        must_be("format.mediaType", &how["format"]["mediaType"], "application/json")?;
    }
    Ok((!wanted.is_empty()).then(|| wanted.keys().cloned().collect()))
}

/// The results that were asked for.
fn wanted_of(mut result: Value, outputs: &Value) -> Value {
    if let (Some(results), Some(wanted)) = (result.as_object_mut(), outputs.as_array()) {
        results.retain(|name, _| wanted.iter().any(|output| output == name));
    }
    result
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
    let limit = listed(&parameters)?.unwrap_or(u64::from(JOBS_LISTED)).min(u64::from(JOBS_LISTED));
    let path = "/ogc/jobs";
    let jobs = app.blocking(move |app| Ok(app.store.jobs(limit as u32)?)).await?;
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
        (JobStatus::Successful, Some(result)) if job.kind == PREPARE => {
            let id = SceneId(result["scene"].as_str().unwrap_or_default().to_owned());
            let scene = app.blocking(move |app| Ok(app.store.scene(&id)?)).await?;
            Ok(geojson(&stac::item(&scene, &base)))
        }
        (JobStatus::Successful, Some(result)) => {
            let path = format!("/ogc/jobs/{}/results", job.id);
            let wanted = wanted_of(result, &job.input["outputs"]);
            ogc::answered(&parameters, &headers, &base, &path, "Results of a job", &wanted, JSON)
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

/// 202 with a job that goes on with what was asked for.
pub(super) fn goes_on(job: &Job, base: &Base) -> Response {
    let mut response = created(&base.to(&format!("/ogc/jobs/{}", job.id)), answer(&status(job, base)));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn status(job: &Job, base: &Base) -> Value {
    let own = format!("/ogc/jobs/{}", job.id);
    let mut links = vec![base.link("self", "application/json", &own, "This job")];
    if job.status == JobStatus::Successful {
        let media_type = if job.kind == PREPARE { GEOJSON } else { "application/json" };
        let rel = "http://www.opengis.net/def/rel/ogc/1.0/results";
        links.push(base.link(rel, media_type, &format!("{own}/results"), "Its results"));
    }
    let mut status = json!({
        "type": "process",
        "jobID": job.id,
        "status": job.status,
        "progress": job.progress,
        "message": job.message,
        "created": job.created,
        "links": links,
    });
    // scenes are prepared by no process that is offered
    if job.kind == DETECT {
        status["processID"] = json!(job.kind);
    }
    if let Some(started) = job.started {
        status["started"] = json!(started);
    }
    if let Some(finished) = job.finished {
        status["finished"] = json!(finished);
    }
    status
}
