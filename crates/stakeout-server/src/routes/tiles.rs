//! Imagery tiles.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use raster_io::{Render, Tile, TileFormat, encode};
use record::SceneId;
use serde_json::json;

use super::json as answer;
use crate::{ApiError, App, etag, links::Base, parameters::Parameters, path::Path, tile_cache::OpenScene};

const TILE_PX: u32 = 256;
const THUMBNAIL_PX: u32 = 256;
/// Zoom range of Web Mercator told to clients.
const ZOOM_MAX: u32 = 22;
/// A tile's address names the scene and how it is rendered; neither ever changes.
const IMMUTABLE: &str = "private, max-age=31536000, immutable";

/// How a client wants values shown.
struct Look {
    stretch: Option<[f64; 2]>,
    gamma: f64,
    size_px: u32,
}

impl Look {
    fn of(parameters: &Parameters) -> Result<Look, ApiError> {
        parameters.only(&["stretch", "gamma", "size"])?;
        let stretch = parameters.get("stretch").map(stretch).transpose()?;
        let gamma = match parameters.get("gamma") {
            None => 1.0,
            Some(text) => text
                .parse()
                .ok()
                .filter(|gamma| (0.1..=10.0).contains(gamma))
                .ok_or_else(|| ApiError::parameter("gamma", text, "a number from 0.1 to 10"))?,
        };
        let size_px = match parameters.get("size") {
            None | Some("256") => 256,
            Some("512") => 512,
            Some(other) => return Err(ApiError::parameter("size", other, "256 or 512")),
        };
        Ok(Look { stretch: stretch.flatten(), gamma, size_px })
    }

    fn render(&self, scene: &OpenScene) -> Render {
        let stretch = self.stretch.map_or(scene.stretch, |range| [range; 3]);
        Render { size_px: self.size_px, stretch, gamma: self.gamma }
    }

    fn key(&self) -> String {
        format!("{:?}/{}/{}", self.stretch, self.gamma, self.size_px)
    }
}

/// `p2-98` is the scene's own range; `low,high` is the same for all bands.
fn stretch(text: &str) -> Result<Option<[f64; 2]>, ApiError> {
    if text == "p2-98" {
        return Ok(None);
    }
    let wrong = || ApiError::parameter("stretch", text, "p2-98, or low,high with low below high");
    let (low, high) = text.split_once(',').ok_or_else(wrong)?;
    let number = |text: &str| text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(wrong);
    let (low, high) = (number(low)?, number(high)?);
    if low < high { Ok(Some([low, high])) } else { Err(wrong()) }
}

/// `17.png`: a number and a format.
fn number_and_format(text: &str) -> Result<(u32, TileFormat, &'static str), ApiError> {
    let (number, extension) = text.split_once('.').unwrap_or((text, "png"));
    let (format, media_type) = match extension {
        "png" => (TileFormat::Png, "image/png"),
        "jpg" | "jpeg" => (TileFormat::Jpeg, "image/jpeg"),
        "webp" => (TileFormat::Webp, "image/webp"),
        _ => return Err(ApiError::not_found(format!("there are png, jpg and webp tiles, not {extension}"))),
    };
    let number = number.parse().map_err(|_| ApiError::not_found(format!("{text} is no tile")))?;
    Ok((number, format, media_type))
}

pub(crate) async fn web_mercator(
    State(app): State<App>,
    Path((scene, z, y, x)): Path<(String, u32, u32, String)>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (x, format, media_type) = number_and_format(&x)?;
    let look = Look::of(&parameters)?;
    if z > ZOOM_MAX || x >= 1 << z || y >= 1 << z {
        return Err(ApiError::not_found(format!("there is no tile {z}/{y}/{x}")));
    }
    tile(app, scene, "mercator", [z, x, y], look, format, media_type, headers).await
}

pub(crate) async fn native(
    State(app): State<App>,
    Path((scene, z, x, y)): Path<(String, u32, u32, String)>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (y, format, media_type) = number_and_format(&y)?;
    let look = Look::of(&parameters)?;
    tile(app, scene, "native", [z, x, y], look, format, media_type, headers).await
}

#[allow(clippy::too_many_arguments)]
async fn tile(
    app: App,
    scene: String,
    matrix: &'static str,
    [z, x, y]: [u32; 3],
    look: Look,
    format: TileFormat,
    media_type: &'static str,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (tag, bytes) = app
        .blocking(move |app| {
            let scene = app.tiles.scene(app, &SceneId(scene))?;
            let key = format!("{}/{matrix}/{z}/{x}/{y}/{format:?}/{}", scene.working, look.key());
            let tag = record::Sha256Hex::of(key.as_bytes());
            let render = look.render(&scene);
            let bytes = app.tiles.tile(key, || {
                let made = if matrix == "native" {
                    scene.reader.native_tile(z, x, y, &render)?
                } else {
                    scene.reader.web_mercator_tile(z, x, y, &render)?
                };
                made.filter(|tile| !is_empty(tile)).map_or(Ok(Vec::new()), |tile| Ok(encode(&tile, format)?))
            })?;
            Ok((tag, bytes))
        })
        .await?;
    if bytes.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut response = etag::answer_tagged(&headers, media_type, tag.as_str(), bytes.to_vec());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
    Ok(response)
}

fn is_empty(tile: &Tile) -> bool {
    tile.rgba.chunks_exact(4).all(|pixel| pixel[3] == 0)
}

pub(crate) async fn thumbnail(
    State(app): State<App>,
    Path(scene): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let bytes = app
        .blocking(move |app| {
            let scene = app.tiles.scene(app, &SceneId(scene))?;
            let render = Render { size_px: TILE_PX, stretch: scene.stretch, gamma: 1.0 };
            app.tiles.tile(format!("{}/thumbnail", scene.working), || {
                Ok(encode(&scene.reader.thumbnail(THUMBNAIL_PX, &render)?, TileFormat::Png)?)
            })
        })
        .await?;
    Ok(etag::answer(&headers, "image/png", bytes.to_vec()))
}

pub(crate) async fn tilejson(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let scene = app.blocking(move |app| Ok(app.store.scene(&SceneId(id))?)).await?;
    let footprint = scene.facts.footprint.as_ref().ok_or_else(|| {
        ApiError::not_found(format!("scene {} has no georeference; its tiles are at native.json", scene.id))
    })?;
    Ok(answer(&json!({
        "tilejson": "3.0.0",
        "name": scene.facts.original.file_name,
        "tiles": [base.to(&format!("/tiles/{}/WebMercatorQuad/{{z}}/{{y}}/{{x}}.png", scene.id))],
        "bounds": record::geojson::bounds(footprint),
        "minzoom": 0,
        "maxzoom": ZOOM_MAX,
    })))
}

/// The pyramid in the scene's own CRS.
pub(crate) async fn native_json(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let id = SceneId(id);
    let (tiling, crs, wkt) = app
        .blocking({
            let id = id.clone();
            move |app| {
                let scene = app.tiles.scene(app, &id)?;
                let info = scene.reader.source().info().clone();
                Ok((scene.reader.native_tiling(), info.crs, info.wkt))
            }
        })
        .await?;
    let name = if wkt.is_none() { Some("pixels".to_owned()) } else { crs };
    Ok(answer(&json!({
        "crs": name,
        "wkt": wkt,
        "extent": tiling.extent,
        "resolutions": tiling.resolutions,
        "tile_size": tiling.tile_px,
        "template": format!("/tiles/{id}/native/{{z}}/{{x}}/{{y}}.png"),
    })))
}
