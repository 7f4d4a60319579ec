//! Scenes of a site: uploaded, listed, and their files.

use std::{io::SeekFrom, path::Path as FilePath, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRequest, Multipart, Request, State, multipart::Field},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use record::{Actor, Role, Scene, SceneId, Sha256Hex, SiteId};
use serde_json::{Value, json};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};

use super::{GEOJSON, created, json as answer, processes};
use crate::{
    ApiError, App,
    arrival::{self, Arrival, Said, record_scene},
    body, etag,
    guard::Who,
    links::Base,
    parameters::Parameters,
    path::Path,
    pieces::pieces,
    preparation::{self, Prepared, Promise},
    ranges::{self, Wanted},
    stac,
    uploads::{HeldUpload, Share},
    wmts,
};

/// Largest `properties` part, bytes.
const PROPERTIES_BYTES_MAX: usize = 64 << 10;
/// Longest name of a file that is kept, bytes: file systems have 255.
const FILE_NAME_BYTES_MAX: usize = 200;
/// Longest extension that a name is cut before, bytes.
const EXTENSION_BYTES_MAX: usize = 10;
/// Members of a body that names a file which is here already.
const MEMBERS: [&str; 4] = ["upload", "scene", "properties", "world_file"];

/// Where a file is until it is a scene.
pub(super) enum Came {
    /// Among the resumable uploads.
    Upload(HeldUpload),
    /// In a form, with its share of what may be open.
    Form(Share),
    /// It is the original of a scene already.
    Before,
}

pub(crate) async fn add(
    State(app): State<App>,
    Path(site): Path<String>,
    Who(actor): Who,
    base: Base,
    parameters: Parameters,
    request: Request,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    // who may not, and where to, is told before gigabytes are sent
    actor.must_be(Role::Analyst, "adding a scene")?;
    let site = SiteId(site);
    let looked_up = site.clone();
    app.blocking(move |app| Ok(app.store.site(&looked_up)?)).await?;
    let headers = request.headers().clone();
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json = media_type.is_some_and(|media_type| media_type.starts_with("application/json"));
    let (arrival, came) = if is_json {
        named_file(&app, &actor, request).await?
    } else {
        let bytes_max = app.config.upload_bytes_max;
        // the other parts are small
        let bytes = length(&headers).map_or(bytes_max, |body| body.min(bytes_max));
        let multipart = Multipart::from_request(request, &app).await.map_err(|error| {
            let detail =
                "send multipart/form-data with file and properties, or JSON with upload and properties";
            ApiError::body(format!("{detail}: {error}"))
        })?;
        let by = actor.name.clone();
        let share = app.blocking(move |app| app.uploads.share(&by, bytes)).await?;
        (receive(&app, multipart).await?, Came::Form(share))
    };
    take_in(&app, actor, site, arrival, came, &base, &headers).await
}

/// Bytes of a body, where its sender says so.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Makes a scene of what has come and answers with its item, or, where that takes long, with a job.
pub(super) async fn take_in(
    app: &App,
    actor: Actor,
    site: SiteId,
    arrival: Arrival,
    came: Came,
    base: &Base,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let said = arrival::said(&arrival)?;
    let promise = Arc::new(Promise::default());
    let input = json!({"site": site, "file_name": arrival.file_name});
    let preparing = prepare(app.clone(), actor.clone(), site, (arrival, said), came, Arc::clone(&promise));
    match preparation::in_time(app, actor, headers, input, promise, preparing).await? {
        Prepared::Scene(scene) => {
            let item = stac::item(&scene, base).to_string();
            Ok(created(&base.to(&stac::path(&scene)), etag::answer(&HeaderMap::new(), GEOJSON, item)))
        }
        Prepared::Job(job) => Ok(processes::goes_on(&job, base)),
    }
}

/// Decodes what has come, when it is its turn, and records the scene.
async fn prepare(
    app: App,
    actor: Actor,
    site: SiteId,
    (arrival, said): (Arrival, Said),
    came: Came,
    promise: Arc<Promise>,
) -> Result<Scene, ApiError> {
    let turn = app.ingest_turn().await;
    app.blocking(move |app| {
        let _turn = turn;
        let scene = record_scene(app, &actor, &site, &arrival, said, &promise)?;
        match came {
            // one that was refused stays, so that it can be sent again with other properties
            Came::Upload(upload) => upload.remove(),
            Came::Form(share) => drop(share),
            Came::Before => {}
        }
        app.notify("scene", json!({"id": scene.id, "site": scene.site}));
        Ok(scene)
    })
    .await
}

/// A file that is here already: `{"upload": ID, "properties": {...}}` names a finished upload, `{"scene": ID, ...}`
/// the original of a scene. A world file comes along as `world_file`, its text.
async fn named_file(app: &App, actor: &Actor, request: Request) -> Result<(Arrival, Came), ApiError> {
    let given = body::read(&body::within(request, PROPERTIES_BYTES_MAX).await?)?;
    body::only(&given, "", &MEMBERS)?;
    if !given["scene"].is_null() && !given["upload"].is_null() {
        return Err(ApiError::parameter("scene", "given with upload", "given without"));
    }
    let world_file = match &given["world_file"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => {
            return Err(ApiError::value("world_file", other, "the text of a world file"));
        }
    };
    let properties = given["properties"].clone();
    if let Some(id) = given["scene"].as_str() {
        let (scene, folder) = (SceneId(id.to_owned()), app.incoming()?);
        let arrival = app
            .blocking(move |app| {
                let scene = app.store.scene(&scene);
                let original = scene.map_err(|error| ApiError::of_reference(error, "scene"))?.facts.original;
                let path = app.store.blobs().path(&original.sha256)?;
                let file_name = original.file_name;
                Ok(Arrival { original: path, file_name, id: None, properties, world_file, folder })
            })
            .await?;
        return Ok((arrival, Came::Before));
    }
    let (mut arrival, held) = finished_upload(app, actor, &given["upload"], "upload", properties).await?;
    arrival.world_file = world_file;
    Ok((arrival, Came::Upload(held)))
}

/// The file of a finished resumable upload, by its id or its whole address.
pub(super) async fn finished_upload(
    app: &App,
    actor: &Actor,
    upload: &Value,
    parameter: &str,
    properties: Value,
) -> Result<(Arrival, HeldUpload), ApiError> {
    let id = upload.as_str().map(|text| text.rsplit('/').next().unwrap_or(text).to_owned());
    let id = id.ok_or_else(|| ApiError::value(parameter, upload, "the id of a finished upload"))?;
    let by = actor.name.clone();
    let held =
        app.blocking(move |app| app.uploads.hold(&id, &by)).await.map_err(|error| error.at(parameter))?;
    let (got, wanted) = (held.offset()?, held.announced.length);
    if got != wanted {
        let detail = format!("{got} of {wanted} bytes of the upload have come");
        return Err(ApiError::new(StatusCode::CONFLICT, "unfinished", "The upload is not finished", detail)
            .at(parameter));
    }
    let arrival = Arrival {
        original: held.path().to_owned(),
        file_name: held.announced.file_name.clone(),
        id: None,
        properties,
        world_file: None,
        folder: app.incoming()?,
    };
    Ok((arrival, held))
}

async fn receive(app: &App, mut parts: Multipart) -> Result<Arrival, ApiError> {
    let folder = app.incoming()?;
    let (mut file_name, mut properties, mut world_file) = (None, None, None);
    while let Some(part) = parts.next_field().await.map_err(|error| ApiError::body(error.body_text()))? {
        match part.name() {
            Some("file") if file_name.is_none() => {
                let name = safe_name(part.file_name().unwrap_or("scene"));
                write_file(part, &folder.path().join("original"), app.config.upload_bytes_max).await?;
                file_name = Some(name);
            }
            Some("properties") if properties.is_none() => {
                properties = Some(body::read(&small(part).await?)?);
            }
            Some("world_file") if world_file.is_none() => {
                let text = String::from_utf8(small(part).await?);
                world_file = Some(
                    text.map_err(|_| ApiError::parameter("world_file", "no UTF-8", "six lines of text"))?,
                );
            }
            other => {
                let name = other.unwrap_or_default().to_owned();
                return Err(ApiError::body(format!(
                    "part {name:?} is unknown or repeated: send file and properties, and world_file where there is one"
                )));
            }
        }
    }
    let missing = |name: &str| ApiError::body(format!("part {name} is missing")).at(name);
    Ok(Arrival {
        original: folder.path().join("original"),
        folder,
        file_name: file_name.ok_or_else(|| missing("file"))?,
        id: None,
        properties: properties.ok_or_else(|| missing("properties"))?,
        world_file,
    })
}

async fn write_file(mut part: Field<'_>, path: &FilePath, bytes_max: u64) -> Result<(), ApiError> {
    let failed = |error: std::io::Error| ApiError::unwritten(&error, "nothing of the file is kept");
    let mut file = File::create(path).await.map_err(failed)?;
    let mut bytes = 0;
    while let Some(chunk) = part.chunk().await.map_err(|error| ApiError::body(error.body_text()))? {
        bytes += chunk.len() as u64;
        if bytes > bytes_max {
            let detail = format!("the file is larger than {bytes_max} bytes");
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The file is too large",
                detail,
            )
            .at("file"));
        }
        file.write_all(&chunk).await.map_err(failed)?;
    }
    // what could not be written is told by now
    file.flush().await.map_err(failed)
}

async fn small(mut part: Field<'_>) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| ApiError::body(error.body_text()))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > PROPERTIES_BYTES_MAX {
            return Err(body::too_large("a part beside the file", PROPERTIES_BYTES_MAX));
        }
    }
    Ok(bytes)
}

/// The last part of a path, without what XML has no letters for: a name to show, never one to open. A long one is cut
/// before its extension.
pub(super) fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let kept: String = last.chars().filter(|letter| !wmts::is_no_xml(*letter)).collect();
    if kept.is_empty() {
        return "scene".to_owned();
    }
    let short = |(_, extension): &(&str, &str)| extension.len() <= EXTENSION_BYTES_MAX;
    let (stem, extension) = match kept.rsplit_once('.').filter(short) {
        Some((stem, extension)) => (stem, format!(".{extension}")),
        None => (kept.as_str(), String::new()),
    };
    let end = stem.floor_char_boundary(FILE_NAME_BYTES_MAX - extension.len());
    format!("{}{extension}", &stem[..end])
}

pub(crate) async fn list(
    State(app): State<App>,
    Path(site): Path<String>,
    parameters: Parameters,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    app.blocking(move |app| {
        let scenes = app.store.scenes(&SiteId(site))?;
        let items: Vec<Value> = scenes.iter().map(|scene| stac::item(scene, &base)).collect();
        Ok(answer(&json!({"scenes": items})))
    })
    .await
}

/// All that was done to a scene, oldest first.
pub(crate) async fn versions(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.json_only()?;
    let events = app.blocking(move |app| Ok(app.store.scene_versions(&SceneId(id))?)).await?;
    Ok(answer(&json!({"versions": events})))
}

pub(crate) async fn original(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
    asked: Parts,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let scene = app.blocking(move |app| Ok(app.store.scene(&SceneId(id))?)).await?;
    send(&app, &asked, scene.facts.original.sha256, &scene.facts.original.media_type).await
}

pub(crate) async fn working(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
    asked: Parts,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let scene = app.blocking(move |app| Ok(app.store.scene(&SceneId(id))?)).await?;
    send(&app, &asked, scene.facts.working, "image/tiff").await
}

/// Sends a blob, or the part of it that is asked for, piece by piece.
async fn send(app: &App, asked: &Parts, sha256: Sha256Hex, media_type: &str) -> Result<Response, ApiError> {
    let tag = sha256.as_str();
    if let Some(answer) = etag::unchanged(&asked.headers, tag) {
        return Ok(answer);
    }
    let failed = |error: std::io::Error| ApiError::internal(&error);
    let text = |value: String| HeaderValue::from_str(&value).map_err(|error| ApiError::internal(&error));
    let mut file = File::open(app.store.blobs().path(&sha256)?).await.map_err(failed)?;
    let bytes = file.metadata().await.map_err(failed)?.len();
    let (status, first, length) = match ranges::wanted(&asked.method, &asked.headers, tag, bytes) {
        Wanted::Whole => (StatusCode::OK, 0, bytes),
        Wanted::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Wanted::Beyond => return Ok(beyond(bytes)),
    };
    file.seek(SeekFrom::Start(first)).await.map_err(failed)?;
    let headers = [
        (header::CONTENT_TYPE, text(media_type.to_owned())?),
        (header::CONTENT_LENGTH, length.into()),
        (header::ETAG, text(etag::quoted(tag))?),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
        // what lies behind a picture in its file must not be taken for a page
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    let mut response = (status, headers, Body::from_stream(pieces(file.take(length), ()))).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        let range = text(format!("bytes {first}-{}/{bytes}", first + length - 1))?;
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}

fn beyond(bytes: u64) -> Response {
    let detail = format!("Range is beyond the end of the file but must be within its {bytes} bytes");
    let title = "There is no such part";
    let refusal = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", title, detail).at("Range");
    ([(header::CONTENT_RANGE, format!("bytes */{bytes}"))], refusal).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_outside_is_a_name_and_no_path() {
        assert_eq!(safe_name("../../etc/passwd"), "passwd");
        assert_eq!(safe_name("C:\\scenes\\a.tif"), "a.tif");
        assert_eq!(safe_name("a\n\0b.tif"), "ab.tif");
        assert_eq!(safe_name("../"), "scene");
        let long = format!("{}_B02.tif", "ö".repeat(300));
        assert_eq!(safe_name(&long), format!("{}.tif", "ö".repeat(98)));
        assert_eq!(safe_name(&"x".repeat(300)), "x".repeat(200));
    }
}
