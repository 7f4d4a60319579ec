//! Resumable uploads: tus 1.0 with creation, checksum, expiration and termination.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::StreamExt;
use record::{Actor, Role};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::scenes::safe_name;
use crate::{
    ApiError, App,
    guard::Who,
    links::Base,
    parameters::NoParameters,
    path::Path,
    uploads::{Announced, HeldUpload},
};

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSIONS: HeaderName = HeaderName::from_static("tus-version");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const PIECE_TYPE: &str = "application/offset+octet-stream";
/// Longest `Upload-Metadata`, bytes.
const METADATA_BYTES_MAX: usize = 4 << 10;
/// Bytes read back at a time for a checksum.
const READ_BYTES: usize = 1 << 20;

pub(crate) async fn options(State(app): State<App>, _: NoParameters) -> Response {
    let headers = [
        (VERSIONS, VERSION),
        (
            HeaderName::from_static("tus-extension"),
            "creation,checksum,expiration,termination".parse().expect("ASCII"),
        ),
        (HeaderName::from_static("tus-checksum-algorithm"), "sha256,sha1".parse().expect("ASCII")),
        (HeaderName::from_static("tus-max-size"), app.config.upload_bytes_max.into()),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

pub(crate) async fn create(
    State(app): State<App>,
    Who(actor): Who,
    _: NoParameters,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check_version(&headers)?;
    actor.must_be(Role::Analyst, "upload files")?;
    let length = number(&headers, &LENGTH)?;
    let bytes_max = app.config.upload_bytes_max;
    if length > bytes_max {
        let detail = format!("Upload-Length is {length} but may be {bytes_max}");
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The file is too large",
            detail,
        )
        .at("Upload-Length"));
    }
    let metadata = text(&headers, &METADATA).unwrap_or_default().to_owned();
    let file_name = file_name(&metadata)?;
    let announced = Announced { length, metadata, file_name, by: actor.name };
    let (location, expires) = app
        .blocking(move |app| {
            let id = app.uploads.announce(&announced)?;
            let expires = app.uploads.hold(&id, &announced.by)?.expires();
            Ok((base.to(&format!("/uploads/{id}")), expires))
        })
        .await?;
    let location = location.parse().map_err(|error| ApiError::internal(&error))?;
    Ok(answer(
        StatusCode::CREATED,
        [(header::LOCATION, location), (EXPIRES, date(expires)), (OFFSET, 0.into())],
    ))
}

pub(crate) async fn state(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    _: NoParameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check_version(&headers)?;
    let held = hold(&app, id, &actor).await?;
    let mut known = vec![
        (OFFSET, held.offset()?.into()),
        (LENGTH, held.announced.length.into()),
        (EXPIRES, date(held.expires())),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    if !held.announced.metadata.is_empty() {
        known.push((METADATA, held.announced.metadata.parse().map_err(|error| ApiError::internal(&error))?));
    }
    Ok(answer(StatusCode::OK, known))
}

/// Clients behind proxies that know neither PATCH nor DELETE send POST and say which they mean.
pub(crate) async fn overridden(
    app: State<App>,
    id: Path<String>,
    who: Who,
    none: NoParameters,
    request: Request,
) -> Result<Response, ApiError> {
    match text(request.headers(), &OVERRIDE) {
        Some("PATCH") => append(app, id, who, none, request).await,
        Some("DELETE") => remove(app, id, who, none, request.headers().clone()).await,
        other => {
            Err(ApiError::parameter("X-HTTP-Method-Override", other.unwrap_or_default(), "PATCH or DELETE"))
        }
    }
}

pub(crate) async fn append(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    _: NoParameters,
    request: Request,
) -> Result<Response, ApiError> {
    let headers = request.headers();
    check_version(headers)?;
    if text(headers, &header::CONTENT_TYPE) != Some(PIECE_TYPE) {
        let detail = format!("a piece is sent as {PIECE_TYPE}");
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(
            ApiError::new(status, "media-type", "The media type is not taken", detail).at("Content-Type")
        );
    }
    let from = number(headers, &OFFSET)?;
    let checksum = text(headers, &CHECKSUM).map(Checksum::parse).transpose()?;
    let held = hold(&app, id, &actor).await?;
    let offset = held.offset()?;
    if from != offset {
        let detail = format!("Upload-Offset is {from} but {offset} bytes have come");
        return Err(ApiError::new(StatusCode::CONFLICT, "offset", "The offset is another", detail)
            .at("Upload-Offset"));
    }
    let body = request.into_body();
    // done to its end also where the client goes away: what it leaves is checked or dropped
    let received = tokio::spawn(async move {
        let offset = receive(&held, offset, body, checksum).await?;
        Ok::<_, ApiError>((offset, held.expires()))
    });
    let (offset, expires) = received.await.map_err(|panic| ApiError::internal(&panic))??;
    Ok(answer(StatusCode::NO_CONTENT, [(OFFSET, offset.into()), (EXPIRES, date(expires))]))
}

pub(crate) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    _: NoParameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check_version(&headers)?;
    let held = hold(&app, id, &actor).await?;
    app.blocking(move |_| {
        held.remove();
        Ok(())
    })
    .await?;
    Ok(answer(StatusCode::NO_CONTENT, []))
}

async fn hold(app: &App, id: String, actor: &Actor) -> Result<HeldUpload, ApiError> {
    actor.must_be(Role::Analyst, "upload files")?;
    let by = actor.name.clone();
    app.blocking(move |app| app.uploads.hold(&id, &by)).await
}

/// Writes a piece behind what is there and gives the new offset. A piece that ends early is kept as far as it came,
/// unless it has a checksum: then it counts whole or not at all.
async fn receive(
    held: &HeldUpload,
    offset: u64,
    body: Body,
    checksum: Option<Checksum>,
) -> Result<u64, ApiError> {
    let failed = |error: std::io::Error| ApiError::internal(&error);
    let mut file =
        tokio::fs::File::options().read(true).append(true).open(held.path()).await.map_err(failed)?;
    if checksum.is_some() {
        held.begin_unchecked(offset).await.map_err(|error| unwritten(&error))?;
    }
    let mut pieces = body.into_data_stream();
    let (mut end, mut broken) = (offset, None);
    while let Some(piece) = pieces.next().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                broken = Some(ApiError::body(format!("the piece ended early: {error}")));
                break;
            }
        };
        if piece.len() as u64 > held.announced.length - end {
            let detail =
                format!("the upload was announced with {} bytes and more came", held.announced.length);
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            broken = Some(ApiError::new(status, "too-large", "The piece is too large", detail));
            break;
        }
        if let Err(error) = file.write_all(&piece).await {
            broken = Some(unwritten(&error));
            break;
        }
        end += piece.len() as u64;
    }
    if let Err(error) = file.flush().await {
        broken = broken.or_else(|| Some(unwritten(&error)));
    }
    if let Some(checksum) = &checksum {
        let matches = broken.is_none() && checksum.is_of(&mut file, offset).await.map_err(failed)?;
        if !matches {
            file.set_len(offset).await.map_err(failed)?;
            broken = broken.or_else(|| Some(mismatch()));
        }
    }
    file.sync_data().await.map_err(failed)?;
    if checksum.is_some() {
        held.end_unchecked().await.map_err(failed)?;
    }
    broken.map_or(Ok(end), Err)
}

/// What is told when a piece cannot be written.
fn unwritten(error: &std::io::Error) -> ApiError {
    ApiError::unwritten(error, "what came of the piece is kept unless it has a checksum")
}

/// `460 Checksum Mismatch`, as the extension numbers it.
fn mismatch() -> ApiError {
    let status = StatusCode::from_u16(460).expect("460 is three digits");
    let detail = "the piece that came has another checksum and was dropped".to_owned();
    ApiError::new(status, "checksum", "The checksum is another", detail).at("Upload-Checksum")
}

/// What a piece must hash to.
enum Checksum {
    Sha1(Vec<u8>),
    Sha256(Vec<u8>),
}

impl Checksum {
    fn parse(text: &str) -> Result<Checksum, ApiError> {
        let wrong = || {
            ApiError::parameter("Upload-Checksum", text, "sha256 or sha1, a space, and the hash in base64")
        };
        let (algorithm, hash) = text.split_once(' ').ok_or_else(wrong)?;
        let hash = BASE64_STANDARD.decode(hash.trim()).map_err(|_| wrong())?;
        match algorithm {
            "sha1" => Ok(Checksum::Sha1(hash)),
            "sha256" => Ok(Checksum::Sha256(hash)),
            _ => Err(wrong()),
        }
    }

    /// Whether the file from `offset` to its end hashes to this.
    async fn is_of(&self, file: &mut tokio::fs::File, offset: u64) -> std::io::Result<bool> {
        file.seek(std::io::SeekFrom::Start(offset)).await?;
        Ok(match self {
            Checksum::Sha1(wanted) => hash::<Sha1>(file).await? == *wanted,
            Checksum::Sha256(wanted) => hash::<Sha256>(file).await? == *wanted,
        })
    }
}

async fn hash<D: Digest>(file: &mut tokio::fs::File) -> std::io::Result<Vec<u8>> {
    let (mut digest, mut bytes) = (D::new(), vec![0; READ_BYTES]);
    loop {
        let got = file.read(&mut bytes).await?;
        if got == 0 {
            return Ok(digest.finalize().to_vec());
        }
        digest.update(&bytes[..got]);
    }
}

fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.get(&RESUMABLE) == Some(&VERSION) {
        return Ok(());
    }
    let Some(got) = text(headers, &RESUMABLE) else {
        return Err(ApiError::parameter("Tus-Resumable", "", "1.0.0"));
    };
    let detail = format!("Tus-Resumable is {got:?} but must be 1.0.0");
    Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "tus-version", "The protocol is another", detail)
        .at("Tus-Resumable"))
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, ApiError> {
    let given = text(headers, name).unwrap_or_default();
    let plain = given.bytes().all(|byte| byte.is_ascii_digit());
    let number = given.parse().ok().filter(|_| plain);
    number.ok_or_else(|| ApiError::parameter(name.as_str(), given, "a number of bytes"))
}

/// `filename` of the metadata: pairs of a key and a base64 value, separated by commas.
fn file_name(metadata: &str) -> Result<String, ApiError> {
    let wrong = |wanted| ApiError::parameter("Upload-Metadata", metadata, wanted);
    if metadata.len() > METADATA_BYTES_MAX {
        return Err(wrong("at most 4096 bytes"));
    }
    let pairs = metadata.split(',').filter_map(|pair| pair.trim().split_once(' '));
    let Some((_, name)) = pairs.into_iter().find(|(key, _)| *key == "filename") else {
        return Ok(safe_name("scene"));
    };
    let name = BASE64_STANDARD.decode(name.trim()).map_err(|_| wrong("keys with values in base64"))?;
    Ok(safe_name(&String::from_utf8_lossy(&name)))
}

fn date(time: std::time::SystemTime) -> HeaderValue {
    httpdate::fmt_http_date(time).parse().expect("a date is ASCII")
}

fn answer(status: StatusCode, headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Response {
    let mut response = status.into_response();
    response.headers_mut().extend(headers);
    response
}

/// A layer's function: every answer says which protocol is spoken here, and one to another protocol which there are.
pub(crate) async fn with_version(mut response: Response) -> Response {
    response.headers_mut().insert(RESUMABLE, VERSION);
    if response.status() == StatusCode::PRECONDITION_FAILED {
        response.headers_mut().insert(VERSIONS, VERSION);
    }
    response
}
