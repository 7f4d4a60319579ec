//! Changes to the catalogue: the Transaction extension, within what evidence allows.
//!
//! An item is made of a finished upload, described anew, and withdrawn; what its file says, and where it lies, is not
//! changed here.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use record::{Actor, Role, SceneId, SiteId};
use serde_json::{Value, json};

use super::{
    GEOJSON,
    allowed::{FEATURE_TYPES, PATCH_TYPES, item_allowed, items_allowed},
    scenes,
    stac::of_site,
};
use crate::{
    ApiError, App,
    body::{self, JsonBody},
    etag,
    guard::Who,
    links::Base,
    parameters::Parameters,
    path::Path,
    scene_properties, stac,
    tilesets::NAMES_OF_TILES,
};

/// Largest item, bytes.
const ITEM_BYTES_MAX: usize = 1 << 20;
/// Ways of placing an image that a new item may have beside what describes it.
const PLACING: [&str; 3] = ["footprint", "control_points", "crs"];

/// The least role that writes here, as the store has it.
const WRITER: Role = Role::Analyst;

pub(crate) async fn items_options(Who(actor): Who) -> Response {
    items_allowed(&actor, Some(WRITER))
}

pub(crate) async fn item_options(Who(actor): Who) -> Response {
    item_allowed(&actor, Some(WRITER))
}

/// Makes an item of a finished upload, which `assets.original.href` names.
pub(crate) async fn create(
    State(app): State<App>,
    Path(site): Path<String>,
    Who(actor): Who,
    base: Base,
    headers: HeaderMap,
    parameters: Parameters,
    request: Request,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    // who may not is told before it is read
    actor.must_be(WRITER, "adding a scene")?;
    body::must_be(&headers, FEATURE_TYPES)?;
    let given = body::read(&body::within(request, ITEM_BYTES_MAX).await?)?;
    must_be_item(&given, &site)?;
    let id = match &given["id"] {
        Value::Null => None,
        Value::String(id) if NAMES_OF_TILES.contains(&id.as_str()) => {
            return Err(ApiError::parameter("id", id, "none of the names that addresses of tiles use"));
        }
        Value::String(id) => Some(SceneId(id.clone())),
        other => return Err(ApiError::value("id", other, "a text")),
    };
    let asked = (SiteId(site.clone()), id.clone());
    app.blocking(move |app| {
        let (site, id) = asked;
        app.store.site(&site)?;
        id.map_or(Ok(()), |id| app.store.check_new_scene_id(&id)).map_err(ApiError::from)
    })
    .await?;
    let known = |name: &&String| !scene_properties::DESCRIPTIVE.contains(&name.as_str());
    let properties = given["properties"].clone();
    let unknown = properties.as_object().into_iter().flatten().map(|(name, _)| name);
    if let Some(name) = unknown.filter(known).find(|name| !PLACING.contains(&name.as_str())) {
        return Err(not_set_by_clients(&format!("properties.{name}")));
    }
    let href = "assets.original.href";
    let (mut arrival, upload) =
        scenes::finished_upload(&app, &actor, &given["assets"]["original"]["href"], href, properties).await?;
    arrival.id = id;
    scenes::take_in(&app, actor, SiteId(site), arrival, scenes::Came::Upload(upload), &base, &headers).await
}

fn must_be_item(given: &Value, site: &str) -> Result<(), ApiError> {
    record::geojson::must_be_feature(given)?;
    match &given["collection"] {
        Value::Null => Ok(()),
        Value::String(collection) if collection == site => Ok(()),
        other => Err(ApiError::value("collection", other, &format!("{site:?}"))),
    }
}

fn not_set_by_clients(name: &str) -> ApiError {
    let detail = format!(
        "{name} comes from the file or the server and cannot be set here; there are properties.{}, and a scene is \
         placed at /api/scenes/{{id}}/placement",
        scene_properties::DESCRIPTIVE.join(", properties.")
    );
    let title = "A member cannot be set";
    ApiError::new(StatusCode::BAD_REQUEST, "read-only-member", title, detail).at(name)
}

/// Describes a scene anew, as a whole.
pub(crate) async fn replace(
    State(app): State<App>,
    Path(at): Path<(String, String)>,
    Who(actor): Who,
    base: Base,
    headers: HeaderMap,
    parameters: Parameters,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    body::must_be(&headers, FEATURE_TYPES)?;
    describe(app, at, actor, base, headers, sent.value()?, |_, given| given).await
}

/// Describes a scene anew in part (JSON Merge Patch, RFC 7396).
pub(crate) async fn update(
    State(app): State<App>,
    Path(at): Path<(String, String)>,
    Who(actor): Who,
    base: Base,
    headers: HeaderMap,
    parameters: Parameters,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    body::must_be(&headers, PATCH_TYPES)?;
    describe(app, at, actor, base, headers, sent.value()?, merged).await
}

async fn describe(
    app: App,
    (site, scene): (String, String),
    actor: Actor,
    base: Base,
    headers: HeaderMap,
    given: Value,
    next: fn(Value, Value) -> Value,
) -> Result<Response, ApiError> {
    let item = app
        .blocking(move |app| {
            let scene = of_site(app, &site, scene)?;
            let old = stac::item(&scene, &base);
            let tag = record::Sha256Hex::of(old.to_string().as_bytes());
            let if_match = etag::if_match_tag(&headers, scene.id.as_str(), tag.as_str(), scene.revision)?;
            let new = next(old.clone(), given);
            must_be_item(&new, &site)?;
            must_keep_evidence(&old, &new)?;
            let said = scene_properties::description(&new["properties"])?;
            let scene = app.store.describe_scene(&actor, &scene.id, if_match, said)?;
            app.notify("scene", json!({"id": scene.id, "site": scene.site}));
            Ok(stac::item(&scene, &base))
        })
        .await?;
    Ok(etag::answer(&HeaderMap::new(), GEOJSON, item.to_string()))
}

/// Asks that all but what describes the image is as it was, or left out. Links are the server's own and not looked at.
fn must_keep_evidence(old: &Value, new: &Value) -> Result<(), ApiError> {
    let kept = |old: &Value, new: &Value, free: &[&str], prefix: &str| {
        let members = new.as_object().into_iter().flatten();
        for (name, value) in members.filter(|(name, _)| !free.contains(&name.as_str())) {
            if *value != old[name.as_str()] {
                return Err(not_set_by_clients(&format!("{prefix}{name}")));
            }
        }
        Ok(())
    };
    kept(old, new, &["properties", "links", "stac_extensions"], "")?;
    kept(&old["properties"], &new["properties"], &scene_properties::DESCRIPTIVE, "properties.")
}

fn merged(mut old: Value, patch: Value) -> Value {
    match patch {
        Value::Object(members) if old.is_object() => {
            for (name, value) in members {
                if value.is_null() {
                    old.as_object_mut().map(|old| old.remove(&name));
                } else {
                    let before = old[name.as_str()].take();
                    old[name.as_str()] = merged(before, value);
                }
            }
            old
        }
        other => other,
    }
}

/// Takes a scene out of the catalogue; its file stays.
pub(crate) async fn withdraw(
    State(app): State<App>,
    Path((site, scene)): Path<(String, String)>,
    Who(actor): Who,
    base: Base,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<StatusCode, ApiError> {
    parameters.only(&[])?;
    app.blocking(move |app| {
        let scene = of_site(app, &site, scene)?;
        let tag = record::Sha256Hex::of(stac::item(&scene, &base).to_string().as_bytes());
        let if_match = etag::if_match_tag(&headers, scene.id.as_str(), tag.as_str(), scene.revision)?;
        app.store.withdraw_scene(&actor, &scene.id, if_match)?;
        app.tiles.forget(&scene.id);
        app.notify("scene", json!({"id": scene.id, "site": scene.site}));
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
