//! Imagery tiles.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use raster_io::{Observed, Tile, encode};
use record::{Scene, SceneId, Sha256Hex};
use serde_json::{Value, json};

use super::json as answer;
use crate::{
    ApiError, App, etag,
    links::Base,
    look::{Format, Look},
    parameters::Parameters,
    path::Path,
    tile_cache::{OpenScene, version},
    tilesets::{self, Grid},
};

/// For addresses that carry the version of what they show.
const IMMUTABLE: &str = "private, max-age=31536000, immutable";

/// Which tile is wanted.
pub(super) struct Address {
    pub(super) scene: SceneId,
    pub(super) grid: Grid,
    pub(super) level: u32,
    pub(super) col: u32,
    pub(super) row: u32,
    pub(super) format: Format,
}

impl Address {
    /// Of the parts of a path: `SCENE/SET/LEVEL/ROW/COL.EXTENSION`.
    fn of_path(scene: String, set: &str, level: &str, row: &str, last: &str) -> Result<Address, ApiError> {
        let (col, extension) = last.split_once('.').unwrap_or((last, "png"));
        let none = || ApiError::not_found(format!("there is no tile {set}/{level}/{row}/{last}"));
        let format = Format::of_extension(extension).ok_or_else(|| {
            ApiError::not_found(format!("there are png, jpg and webp tiles, not {extension}"))
        })?;
        let number = |text: &str| text.parse().map_err(|_| none());
        Ok(Address {
            grid: Grid::named(set, &scene).ok_or_else(none)?,
            scene: SceneId(scene),
            level: number(level)?,
            col: number(col)?,
            row: number(row)?,
            format,
        })
    }
}

pub(crate) async fn by_path(
    State(app): State<App>,
    Path((scene, set, level, row, last)): Path<(String, String, String, String, String)>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let [bands, stretch, gamma, size] = Look::PARAMETERS;
    parameters.only(&[bands, stretch, gamma, size, "v"])?;
    let address = Address::of_path(scene, &set, &level, &row, &last)?;
    tile(&app, address, Look::of(&parameters)?, parameters.get("v"), &headers).await
}

/// A tile, made where it is not at hand; `wanted` is the version that the address carries.
pub(super) async fn tile(
    app: &App,
    address: Address,
    look: Look,
    wanted: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let scene = match app.tiles.open_scene(&address.scene) {
        Some(scene) => scene,
        None => {
            let id = address.scene.clone();
            app.blocking(move |app| app.tiles.scene(app, &id)).await?
        }
    };
    if let Some(other) = wanted.filter(|wanted| **wanted != *scene.version) {
        return Err(ApiError::not_found(format!("version {other} of this scene's tiles is gone")).at("v"));
    }
    let render = look.render(&scene)?;
    let Address { grid, level, col, row, format, .. } = address;
    let encoding = format.encoding(app.config.tile_jpeg_quality);
    let key = format!("{}/{grid:?}/{level}/{row}/{col}/{encoding:?}/{render:?}", scene.version);
    let tag = Sha256Hex::of(key.as_bytes());
    let held = app.tiles.held(&tag);
    let bytes = match held {
        Some(bytes) => bytes,
        None => {
            let tag = tag.clone();
            let make = move |app: &App| {
                let made = match grid {
                    Grid::Native => scene.reader.native_tile(level, col, row, &render)?,
                    Grid::WebMercator => scene.reader.web_mercator_tile(level, col, row, &render)?,
                };
                let none =
                    || ApiError::not_found(format!("the scene does not reach tile {level}/{row}/{col}"));
                encoded(app, &made.ok_or_else(none)?, encoding)
            };
            app.blocking(move |app| app.tiles.tile(&tag, || make(app))).await?
        }
    };
    let mut response = etag::answer_tagged(headers, format.media_type(), tag.as_str(), bytes);
    if wanted.is_some() {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
    }
    Ok(response)
}

/// All tiles on which nothing was observed share one picture.
fn encoded(app: &App, tile: &Tile, encoding: raster_io::TileFormat) -> Result<Bytes, ApiError> {
    if tile.observed != Observed::Nothing {
        return Ok(encode(tile, encoding)?.into());
    }
    let key = format!("nothing/{}/{encoding:?}", tile.cols);
    app.tiles.tile(&Sha256Hex::of(key.as_bytes()), || Ok(encode(tile, encoding)?.into()))
}

pub(crate) async fn thumbnail(
    State(app): State<App>,
    Path(scene): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    parameters.only(&["size"])?;
    let own = Look::of(&parameters)?;
    let (tag, bytes) = app
        .blocking(move |app| {
            let scene = app.tiles.scene(app, &SceneId(scene))?;
            let render = own.render(&scene)?;
            let tag = Sha256Hex::of(format!("{}/thumbnail/{}", scene.version, render.size_px).as_bytes());
            let draw = |scene: &OpenScene| {
                Ok(encode(&scene.reader.thumbnail(&render)?, raster_io::TileFormat::Png)?.into())
            };
            Ok((tag.clone(), app.tiles.tile(&tag, || draw(&scene))?))
        })
        .await?;
    Ok(etag::answer_tagged(&headers, "image/png", tag.as_str(), bytes))
}

pub(crate) async fn tilejson(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
    base: Base,
) -> Result<Response, ApiError> {
    let [bands, stretch, gamma, size] = Look::PARAMETERS;
    parameters.only(&[bands, stretch, gamma, size, "format"])?;
    Look::of(&parameters)?;
    let format = match parameters.get("format") {
        None => Format::Png,
        Some(name) => Format::of_extension(name)
            .ok_or_else(|| ApiError::parameter("format", name, "png, jpg or webp"))?,
    };
    let scene = app.blocking(move |app| Ok(app.store.scene(&SceneId(id))?)).await?;
    let bounds = tilesets::degrees(&scene).ok_or_else(|| {
        ApiError::not_found(format!("scene {} has no georeference; its tiles are at native.json", scene.id))
    })?;
    let mut query = format!("v={}", version(&scene.facts.working));
    let look = parameters.without(&["format"]);
    if !look.is_empty() {
        query = format!("{look}&{query}");
    }
    let path =
        format!("/tiles/{}/WebMercatorQuad/{{z}}/{{y}}/{{x}}.{}?{query}", scene.id, format.extension());
    Ok(answer(&json!({
        "tilejson": "3.0.0",
        "name": scene.facts.original.file_name,
        "scheme": "xyz",
        "tiles": [base.to(&path)],
        "bounds": bounds,
        "center": tilesets::center(&scene),
        "minzoom": 0,
        "maxzoom": tilesets::zoom_max(&scene),
        "bands": values_of_bands(&scene),
    })))
}

/// What the bands hold, so that a client can offer a `stretch` of its own: their type, and the range of each that is
/// shown where none is asked for.
fn values_of_bands(scene: &Scene) -> Value {
    let raster = &scene.facts.raster;
    let band = |(index, [low, high]): (usize, &[f64; 2])| json!({"band": index + 1, "data_type": raster.sample_type, "stretch": [low, high]});
    raster.stretch.iter().enumerate().map(band).collect()
}

/// The pyramid in the scene's own CRS.
pub(crate) async fn native_json(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let scene = app.blocking(move |app| Ok(app.store.scene(&SceneId(id))?)).await?;
    let raster = &scene.facts.raster;
    let tiling = tilesets::native_tiling(&scene);
    let crs = if raster.wkt.is_none() { Some("pixels") } else { raster.crs.as_deref() };
    let version = version(&scene.facts.working);
    Ok(answer(&json!({
        "crs": crs,
        "wkt": raster.wkt,
        "extent": tiling.extent,
        "resolutions": tiling.resolutions,
        "tile_size": tiling.tile_px,
        "bands": values_of_bands(&scene),
        "template": format!("/tiles/{}/native/{{z}}/{{y}}/{{x}}.png?v={version}", scene.id),
    })))
}
