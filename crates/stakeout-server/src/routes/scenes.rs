//! Scenes of a site: uploaded, listed, and their files.

use std::{
    io::Write,
    path::{Path as FilePath, PathBuf},
};

use axum::{
    body::Body,
    extract::{FromRequest, Multipart, Request, State, multipart::Field},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use raster_io::IngestRequest;
use record::{
    Actor, NewScene, RasterFacts, Role, Scene, SceneId, Sha256Hex, SiteId, Timestamp,
    geojson::{NAME_CHARACTERS_MAX, optional_text},
    scene::Original,
};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::{created, geojson, json as answer};
use crate::{
    ApiError, App, body, guard::Who, links::Base, parameters::Parameters, path::Path, stac,
    uploads::HeldUpload,
};

/// Largest `properties` part, bytes.
const PROPERTIES_BYTES_MAX: usize = 64 << 10;
/// Bytes read from a blob at a time when it is sent.
const SEND_BYTES: usize = 256 << 10;

/// A file that has come whole, with what is said of it.
struct Arrival {
    original: PathBuf,
    file_name: String,
    properties: Value,
    /// For files on their way; removed with all that is in it.
    folder: tempfile::TempDir,
}

pub(crate) async fn add(
    State(app): State<App>,
    Path(site): Path<String>,
    Who(actor): Who,
    base: Base,
    request: Request,
) -> Result<Response, ApiError> {
    // who may not, and where to, is told before gigabytes are sent
    actor.must_be(Role::Analyst, "adding a scene")?;
    let site = SiteId(site);
    let looked_up = site.clone();
    app.blocking(move |app| Ok(app.store.site(&looked_up)?)).await?;
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json = media_type.is_some_and(|media_type| media_type.starts_with("application/json"));
    let (arrival, upload) = if is_json {
        let (arrival, upload) = finished_upload(&app, &actor, request).await?;
        (arrival, Some(upload))
    } else {
        let multipart = Multipart::from_request(request, &app).await.map_err(|error| {
            let detail =
                "send multipart/form-data with file and properties, or JSON with upload and properties";
            ApiError::body(format!("{detail}: {error}"))
        })?;
        (receive(&app, multipart).await?, None)
    };
    let _permit = app.ingests.acquire().await.expect("the semaphore is never closed");
    let scene = app
        .blocking(move |app| {
            let scene = record_scene(app, &actor, &site, &arrival)?;
            // a file that was refused stays, so that it can be sent again with other properties
            if let Some(upload) = upload {
                upload.remove();
            }
            Ok(scene)
        })
        .await?;
    app.notify("scene", json!({"id": scene.id, "site": scene.site}));
    Ok(created(&base.to(&stac::path(&scene)), geojson(&stac::item(&scene, &base))))
}

/// The file of a finished resumable upload: `{"upload": ID, "properties": {...}}`.
async fn finished_upload(
    app: &App,
    actor: &Actor,
    request: Request,
) -> Result<(Arrival, HeldUpload), ApiError> {
    let bytes = axum::body::to_bytes(request.into_body(), PROPERTIES_BYTES_MAX)
        .await
        .map_err(|error| ApiError::body(format!("the body cannot be read: {error}")))?;
    let body = body::read(&bytes)?;
    let upload = &body["upload"];
    // the whole address is as good as the id at its end
    let id = upload.as_str().map(|text| text.rsplit('/').next().unwrap_or(text).to_owned());
    let id =
        id.ok_or_else(|| ApiError::parameter("upload", &upload.to_string(), "the id of a finished upload"))?;
    let by = actor.name.clone();
    let held =
        app.blocking(move |app| app.uploads.hold(&id, &by)).await.map_err(|error| error.at("upload"))?;
    let (got, wanted) = (held.offset()?, held.announced.length);
    if got != wanted {
        let detail = format!("{got} of {wanted} bytes of the upload have come");
        return Err(ApiError::new(StatusCode::CONFLICT, "unfinished", "The upload is not finished", detail)
            .at("upload"));
    }
    let arrival = Arrival {
        original: held.path().to_owned(),
        file_name: held.announced.file_name.clone(),
        properties: body["properties"].clone(),
        folder: app.incoming()?,
    };
    Ok((arrival, held))
}

async fn receive(app: &App, mut parts: Multipart) -> Result<Arrival, ApiError> {
    let folder = app.incoming()?;
    let (mut file_name, mut properties) = (None, None);
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
            other => {
                let name = other.unwrap_or_default().to_owned();
                return Err(ApiError::body(format!(
                    "part {name:?} is unknown or repeated: send file and properties"
                )));
            }
        }
    }
    let missing = |name: &str| ApiError::body(format!("part {name} is missing")).at(name);
    Ok(Arrival {
        original: folder.path().join("original"),
        folder,
        file_name: file_name.ok_or_else(|| missing("file"))?,
        properties: properties.ok_or_else(|| missing("properties"))?,
    })
}

async fn write_file(mut part: Field<'_>, path: &FilePath, bytes_max: u64) -> Result<(), ApiError> {
    let failed = |error: std::io::Error| ApiError::internal(&error);
    let mut file = std::fs::File::create(path).map_err(failed)?;
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
        file.write_all(&chunk).map_err(failed)?;
    }
    Ok(())
}

async fn small(mut part: Field<'_>) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| ApiError::body(error.body_text()))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > PROPERTIES_BYTES_MAX {
            return Err(ApiError::body(format!("properties is larger than {PROPERTIES_BYTES_MAX} bytes")));
        }
    }
    Ok(bytes)
}

/// The last part of a path, without control characters: a name to show, never one to open.
pub(super) fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let kept: String =
        last.chars().filter(|letter| !letter.is_control()).take(NAME_CHARACTERS_MAX / 4).collect();
    if kept.is_empty() { "scene".to_owned() } else { kept }
}

/// Ingests an uploaded file and records the scene; nothing is recorded where anything fails.
fn record_scene(app: &App, actor: &Actor, site: &SiteId, arrival: &Arrival) -> Result<Scene, ApiError> {
    let properties = &arrival.properties;
    let datetime = datetime(properties)?;
    let text =
        |name: &str| optional_text(&format!("properties.{name}"), &properties[name], NAME_CHARACTERS_MAX);
    let original = &arrival.original;
    // the process that decodes may write in a folder of its own, where nothing else is
    let made = arrival.folder.path().join("made");
    std::fs::create_dir(&made).map_err(|error| ApiError::internal(&error))?;
    let working = made.join("working.tif");
    let corners = corners(&properties["footprint"])?;
    let request = IngestRequest { input: original.clone(), output: working.clone(), corners };
    let ingested = app
        .ingest_worker
        .ingest(&request)
        .map_err(|error| ApiError::from(error).naming(original, &arrival.file_name))?;
    let (sha256, bytes) = app.store.blobs().put_file(original)?;
    let (working, _) = app.store.blobs().put_file(&working)?;
    let info = ingested.info;
    let facts = NewScene {
        datetime,
        platform: text("platform")?,
        provider: text("provider")?,
        license: text("license")?,
        footprint: info.footprint,
        original: Original {
            sha256,
            bytes,
            media_type: ingested.media_type.to_owned(),
            file_name: arrival.file_name.clone(),
        },
        working,
        raster: RasterFacts {
            cols: info.cols,
            rows: info.rows,
            bands: info.bands,
            sample_type: info.sample_type.to_owned(),
            crs: info.crs,
            wkt: info.wkt,
            geotransform: info.geotransform,
            gsd_m: info.gsd_m,
            stretch: ingested.stretch,
        },
    };
    Ok(app.store.add_scene(actor, site, facts)?)
}

fn datetime(properties: &Value) -> Result<Timestamp, ApiError> {
    let given = &properties["datetime"];
    let wrong = || {
        ApiError::parameter(
            "properties.datetime",
            &given.to_string(),
            "an RFC 3339 time: when the image was taken",
        )
    };
    given.as_str().ok_or_else(wrong)?.parse().map_err(|_| wrong())
}

fn corners(footprint: &Value) -> Result<Option<[[f64; 2]; 4]>, ApiError> {
    if footprint.is_null() {
        return Ok(None);
    }
    let wrong = || {
        let wanted = "four [longitude, latitude] corners from the upper left, clockwise";
        ApiError::parameter("properties.footprint", &footprint.to_string(), wanted)
    };
    let corners: [[f64; 2]; 4] = serde_json::from_value(footprint.clone()).map_err(|_| wrong())?;
    let in_world = |[lon, lat]: &[f64; 2]| lon.abs() <= 180.0 && lat.abs() <= 90.0;
    if corners.iter().all(in_world) { Ok(Some(corners)) } else { Err(wrong()) }
}

pub(crate) async fn list(
    State(app): State<App>,
    Path(site): Path<String>,
    parameters: Parameters,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let scenes = app.blocking(move |app| Ok(app.store.scenes(&SiteId(site))?)).await?;
    Ok(answer(&json!({"scenes": scenes.iter().map(|scene| stac::item(scene, &base)).collect::<Vec<_>>()})))
}

pub(crate) async fn original(State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let scene = app.blocking(move |app| Ok(app.store.scene(&SceneId(id))?)).await?;
    send(&app, scene.facts.original.sha256, &scene.facts.original.media_type).await
}

pub(crate) async fn working(State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let scene = app.blocking(move |app| Ok(app.store.scene(&SceneId(id))?)).await?;
    send(&app, scene.facts.working, "image/tiff").await
}

/// Sends a blob piece by piece.
async fn send(app: &App, sha256: Sha256Hex, media_type: &str) -> Result<Response, ApiError> {
    let path = app.store.blobs().path(&sha256)?;
    let file = tokio::fs::File::open(path).await.map_err(|error| ApiError::internal(&error))?;
    let length = file.metadata().await.map_err(|error| ApiError::internal(&error))?.len();
    let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; SEND_BYTES];
        let got = file.read(&mut piece).await?;
        piece.truncate(got);
        Ok::<_, std::io::Error>((got > 0).then_some((piece, file)))
    });
    let text = |value: String| HeaderValue::from_str(&value).map_err(|error| ApiError::internal(&error));
    let headers = [
        (header::CONTENT_TYPE, text(media_type.to_owned())?),
        (header::CONTENT_LENGTH, text(length.to_string())?),
        (header::ETAG, text(crate::etag::quoted(sha256.as_str()))?),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
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
    }
}
