//! What an address takes, and from whom: an editor offers what it is told.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use record::{Actor, Collection, Role};

use super::GEOJSON;

/// What a feature is sent as.
pub(super) const FEATURE_TYPES: &[&str] = &[GEOJSON, "application/json"];
/// What a change of a feature in part is sent as.
pub(super) const PATCH_TYPES: &[&str] = &["application/merge-patch+json", GEOJSON, "application/json"];
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// Methods of what never changes, or not by who asks.
pub(super) const READ_ONLY: &str = "GET, HEAD, OPTIONS";

/// The least role that writes to a collection, as the store has it.
pub(super) fn writer(collection: Collection) -> Option<Role> {
    match collection {
        Collection::Sites => Some(Role::Admin),
        Collection::Annotations => Some(Role::Analyst),
        Collection::Candidates => None,
    }
}

/// What the address of many takes from who asks: an editor offers what it is told here.
pub(super) fn items_allowed(actor: &Actor, writer: Option<Role>) -> Response {
    if writer.is_none_or(|least| actor.role < least) {
        return allowed(READ_ONLY);
    }
    ([(ACCEPT_POST, FEATURE_TYPES.join(", "))], allowed("GET, HEAD, OPTIONS, POST")).into_response()
}

/// The same for the address of one.
pub(super) fn item_allowed(actor: &Actor, writer: Option<Role>) -> Response {
    if writer.is_none_or(|least| actor.role < least) {
        return allowed(READ_ONLY);
    }
    let allowed = allowed("GET, HEAD, OPTIONS, PUT, PATCH, DELETE");
    ([(ACCEPT_PATCH, PATCH_TYPES.join(", "))], allowed).into_response()
}

/// What an address takes; Part 4 wants 200 and not 204.
fn allowed(methods: &'static str) -> Response {
    (StatusCode::OK, [(header::ALLOW, HeaderValue::from_static(methods))]).into_response()
}
