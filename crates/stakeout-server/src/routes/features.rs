//! Features of the collections: pages, single ones, and changes to them.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use record::{
    Actor, Annotation, AnnotationId, AnnotationStatus, Change, Collection, Comparison, ComparisonId,
    Confidence, Cursor, Filter, FilterError, Item, PageStart, PageText, Query, RecordError, Role, Sha256Hex,
    SiteId, Timestamp, geojson,
    schema::{self, Kind, Property},
};
use serde_json::{Value, json};

use super::{GEOJSON, JSON, created, ogc};
use crate::{
    ApiError, App,
    body::{self, JsonBody},
    crs::FeatureCrs,
    etag,
    guard::Who,
    html::{self, Format},
    links::Base,
    parameters::{Parameters, time_of},
    path::Path,
};

const ANNOTATIONS: &str = "/ogc/collections/annotations/items";
/// Parameters of `/items` beside the properties of the collection that can be asked for.
const PARAMETERS: [&str; 12] = [
    "id",
    "limit",
    "offset",
    "cursor",
    "bbox",
    "bbox-crs",
    "datetime",
    "crs",
    "filter",
    "filter-lang",
    "filter-crs",
    "f",
];
/// Counts the ways in which pages were ever written, so that a page written otherwise has another tag.
const PAGE_FORM: u32 = 4;
/// Largest whole number that every reader of JSON tells from its neighbours (RFC 8259, 6).
const WHOLE_NUMBER_MAX: u64 = (1 << 53) - 1;
/// What a feature is sent as.
pub(super) const FEATURE_TYPES: &[&str] = &[GEOJSON, "application/json"];
/// What a change of a feature in part is sent as.
pub(super) const PATCH_TYPES: &[&str] = &["application/merge-patch+json", GEOJSON, "application/json"];
/// Members of a patch; what a feature has beside its geometry and its properties stays as it is.
const PATCHED: [&str; 6] = ["type", "id", "geometry", "properties", "bbox", "links"];
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// Methods of what never changes, or not by who asks.
const READ_ONLY: &str = "GET, HEAD, OPTIONS";
const CONTENT_CRS: HeaderName = HeaderName::from_static("content-crs");

pub(crate) async fn items(
    State(app): State<App>,
    Path(name): Path<String>,
    Who(actor): Who,
    parameters: Parameters,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let collection = ogc::by_name(&name)?;
    let format = Format::wanted(&parameters, &headers)?;
    let crs = crs_of(&parameters, "crs")?;
    let path = format!("/ogc/collections/{name}/items");
    let own = Own { base, path, parameters };
    let conditional = headers.contains_key(header::IF_NONE_MATCH);
    let read = move |app: &App| {
        let reader = actor.reader().map(str::to_owned);
        let query = Query { reader, ..query(app, collection, &own.parameters)? };
        if conditional && format == Format::Json {
            let tag = own.tag(&app.store.collection_version(actor.reader(), collection)?);
            if let Some(answer) = etag::unchanged(&headers, &tag) {
                return Ok(in_crs(answer, crs));
            }
        }
        let page = page_in(app, &query, crs)?;
        let tag = own.tag(&page.version);
        let text = own.page(page, own.comparison(app, collection)?.as_ref());
        if format == Format::Html {
            let shown = serde_json::from_str(&text).map_err(|error| ApiError::internal(&error))?;
            return Ok(html::features(&own.base, &own.path, &own.as_format("json"), &name, &shown));
        }
        Ok(in_crs(etag::answer_tagged(&headers, GEOJSON, &tag, text.into_bytes()), crs))
    };
    app.blocking(read).await
}

/// A page with its geometries in a CRS.
fn page_in(app: &App, query: &Query, crs: FeatureCrs) -> Result<PageText, ApiError> {
    if crs == FeatureCrs::Crs84 {
        return Ok(app.store.page_text(query)?);
    }
    let page = app.store.items(query)?;
    let way = crs.way()?;
    let features = page.items.iter().map(|item| way.feature_text(&item.feature));
    Ok(PageText {
        features: features.collect::<Result<Vec<_>, _>>()?.join(","),
        number_returned: page.items.len() as u64,
        number_matched: page.number_matched,
        next: page.next,
        previous: page.previous,
        version: page.version,
    })
}

/// Tells the CRS of an answer.
fn in_crs(mut response: Response, crs: FeatureCrs) -> Response {
    if let Ok(value) = HeaderValue::from_str(&crs.header()) {
        response.headers_mut().insert(CONTENT_CRS, value);
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    response
}

fn crs_of(parameters: &Parameters, name: &str) -> Result<FeatureCrs, ApiError> {
    parameters.get(name).map_or(Ok(FeatureCrs::Crs84), |uri| FeatureCrs::of_uri(name, uri))
}

fn query(app: &App, collection: Collection, parameters: &Parameters) -> Result<Query, ApiError> {
    let names = schema::queryables(collection).map(|property| property.name);
    let known: Vec<&str> = PARAMETERS.into_iter().chain(names).collect();
    parameters.only(&known)?;
    let limit =
        parameters.number("limit", 1, u64::from(u32::MAX))?.unwrap_or(u64::from(app.config.limit_default));
    let start = match (parameters.get("cursor"), parameters.number("offset", 0, u64::from(u32::MAX))?) {
        (Some(_), Some(_)) => {
            return Err(ApiError::parameter("offset", "given with cursor", "given without"));
        }
        (Some(cursor), None) => PageStart::At(cursor.parse::<Cursor>().map_err(ApiError::from)?),
        (None, Some(offset)) => PageStart::Offset(offset),
        (None, None) => PageStart::First,
    };
    let box_crs = crs_of(parameters, "bbox-crs")?;
    let way = box_crs.way()?;
    let mut filters = filters(collection, parameters)?;
    let mut boxes = Vec::new();
    if let FeatureCrs::Projected(_) = box_crs {
        // its edges are curved in degrees: an outline, no box
        filters.extend(parameters.box_outlines(&way)?.map(Filter::meets_any));
    } else {
        boxes = parameters.boxes_in(&way)?;
    }
    Ok(Query {
        site: parameters.get("site").map(str::to_owned),
        boxes,
        interval_ms: parameters.interval_ms()?,
        filter: Filter::all(filters),
        start,
        ..Query::first(collection, limit.min(u64::from(app.config.limit_max)) as u32)
    })
}

/// The `filter` parameter and the properties that are asked for by value.
pub(super) fn filters(collection: Collection, parameters: &Parameters) -> Result<Vec<Filter>, ApiError> {
    let mut filters: Vec<Filter> =
        parameters.get("id").map(|id| Filter::property_is("id", id)).into_iter().collect();
    for property in schema::queryables(collection).filter(|property| property.name != "site") {
        if let Some(text) = parameters.get(property.name) {
            filters.push(property_filter(property, text)?);
        }
    }
    // how a filter is written is checked where there is none too
    let read: fn(&str) -> Result<Filter, FilterError> = match parameters.get("filter-lang") {
        None | Some("cql2-text") => Filter::from_text,
        Some("cql2-json") => Filter::from_json,
        Some(other) => return Err(ApiError::parameter("filter-lang", other, "cql2-text or cql2-json")),
    };
    let filter_crs = crs_of(parameters, "filter-crs")?;
    if let Some(text) = parameters.get("filter") {
        let way = filter_crs.way()?;
        let filter = read(text).map_err(RecordError::from)?;
        filters.push(filter.turn_positions(&mut |at| way.to_degrees(at))?);
    }
    Ok(filters)
}

fn whole_number_is(name: &str, text: &str) -> Result<Filter, ApiError> {
    let number = text.parse::<u64>().ok();
    let number = number.filter(|number| *number <= WHOLE_NUMBER_MAX && !text.starts_with('+'));
    let wrong = || ApiError::parameter(name, text, &format!("a whole number from 0 to {WHOLE_NUMBER_MAX}"));
    Ok(Filter::property_is(name, number.ok_or_else(wrong)?))
}

/// What a property must be for `name=text`.
fn property_filter(property: &Property, text: &str) -> Result<Filter, ApiError> {
    let wrong = |wanted: &str| ApiError::parameter(property.name, text, wanted);
    let value = match property.kind {
        Kind::Number => {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            json!(number.ok_or_else(|| wrong("a number"))?)
        }
        Kind::Integer => return whole_number_is(property.name, text),
        Kind::Words(words) if !words.contains(&text) => {
            return Err(wrong(&format!("one of {}", words.join(", "))));
        }
        Kind::Time if time_of(text).is_none() => return Err(wrong("an RFC 3339 time")),
        Kind::Texts => return Ok(Filter::list_holds(property.name, text)),
        _ => json!(text),
    };
    Ok(Filter::property_is(property.name, value))
}

/// The address that was asked for.
struct Own {
    base: Base,
    path: String,
    parameters: Parameters,
}

impl Own {
    /// The comparison whose candidates are asked for, if they are those of one.
    fn comparison(&self, app: &App, collection: Collection) -> Result<Option<Comparison>, ApiError> {
        let id = self.parameters.get("comparison").filter(|_| collection == Collection::Candidates);
        match id.map(|id| app.store.comparison(&ComparisonId(id.to_owned()))) {
            None | Some(Err(RecordError::NotFound { .. })) => Ok(None),
            Some(found) => Ok(Some(found?)),
        }
    }

    /// The page around its features, with what is said of all candidates of a comparison.
    fn page(&self, page: PageText, comparison: Option<&Comparison>) -> String {
        let moved = |cursor: Cursor| {
            let rest = self.parameters.without(&["cursor", "offset"]);
            self.at(if rest.is_empty() {
                format!("cursor={cursor}")
            } else {
                format!("{rest}&cursor={cursor}")
            })
        };
        let html = self.as_format("html");
        let all = self.path.trim_end_matches("/items");
        let mut links = vec![
            self.base.link("self", GEOJSON, &self.itself(), "This page"),
            self.base.link("alternate", "text/html", &html, "This page, for reading"),
            self.base.link("collection", "application/json", all, "The collection"),
        ];
        links
            .extend(page.next.map(|cursor| self.base.link("next", GEOJSON, &moved(cursor), "The next page")));
        links.extend(
            page.previous.map(|cursor| self.base.link("prev", GEOJSON, &moved(cursor), "The page before")),
        );
        let of_all = comparison.map_or(String::new(), |Comparison { fit, detector, cautions, .. }| {
            let (fit, detector, cautions) = (json!(fit), json!(detector), json!(cautions));
            format!("\"fit\":{fit},\"detector\":{detector},\"cautions\":{cautions},")
        });
        let head = format!(
            "{{\"type\":\"FeatureCollection\",{of_all}\"numberMatched\":{},\"numberReturned\":{},\"links\":{},\"features\":[",
            page.number_matched,
            page.number_returned,
            Value::Array(links)
        );
        let mut text = page.features;
        text.reserve(head.len() + 2);
        text.insert_str(0, &head);
        text.push_str("]}");
        text
    }

    /// The address of the same in another format.
    fn as_format(&self, format: &str) -> String {
        let rest = self.parameters.without(&["f"]);
        self.at(if rest.is_empty() { format!("f={format}") } else { format!("{rest}&f={format}") })
    }

    /// The strong validator of the page in a state of its collection: the same address gives the same bytes.
    fn tag(&self, version: &str) -> String {
        let of = format!("{PAGE_FORM} {version} {}", self.base.to(&self.itself()));
        Sha256Hex::of(of.as_bytes()).to_string()
    }

    fn itself(&self) -> String {
        self.at(self.parameters.without(&[]))
    }

    fn at(&self, query: String) -> String {
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

pub(crate) async fn item(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    Who(actor): Who,
    parameters: Parameters,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    parameters.only(&["f", "crs"])?;
    let collection = ogc::by_name(&name)?;
    let format = Format::wanted(&parameters, &headers)?;
    let crs = crs_of(&parameters, "crs")?;
    let item = app
        .blocking(move |app| {
            let mut item = app.store.item_seen_by(actor.reader(), collection, &id)?;
            item.feature = crs.way()?.feature_text(&item.feature)?;
            Ok(item)
        })
        .await?;
    if format == Format::Html {
        let path = format!("/ogc/collections/{name}/items/{}", item.id);
        let mut shown = item.value();
        shown["links"] = links_of(collection, &item.id, &base);
        return Ok(html::feature(&base, &path, &shown));
    }
    let text = with_links(&item.feature, &links_of(collection, &item.id, &base));
    // one tag in every CRS: a write may be based on any of them
    Ok(in_crs(etag::answer_tagged(&headers, GEOJSON, &item.sha256, text.into_bytes()), crs))
}

fn links_of(collection: Collection, id: &str, base: &Base) -> Value {
    let all = format!("/ogc/collections/{}", collection.as_str());
    let own = format!("{all}/items/{id}");
    let mut links = vec![
        base.link("self", GEOJSON, &own, "This feature"),
        base.link("alternate", "text/html", &format!("{own}?f=html"), "This feature, for reading"),
        base.link("collection", "application/json", &all, "Its collection"),
    ];
    if collection == Collection::Annotations {
        let versions = format!("{own}/versions");
        links.push(base.link("version-history", "application/json", &versions, "All that was said of it"));
    }
    Value::Array(links)
}

/// A stored feature with links behind its own members.
fn with_links(feature: &str, links: &Value) -> String {
    let own = feature.strip_suffix('}').unwrap_or(feature);
    format!("{own},\"links\":{links}}}")
}

pub(crate) async fn create(
    State(app): State<App>,
    Path(name): Path<String>,
    Who(actor): Who,
    parameters: Parameters,
    base: Base,
    headers: HeaderMap,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    let collection = writable(ogc::by_name(&name)?)?;
    parameters.only(&[])?;
    body::must_be(&headers, FEATURE_TYPES)?;
    let crs = crs_of_body(&headers)?;
    let feature = sent.value()?;
    let item = app
        .blocking(move |app| {
            let feature = crs.way()?.read(feature)?;
            must_be_known(collection, &feature)?;
            match collection {
                Collection::Sites => {
                    let made = app.store.create_site(&actor, geojson::read_site(&feature)?);
                    let site = made.map_err(|error| named_site(error, "", "properties.parent"))?;
                    app.notify("site", json!({"id": site.id}));
                    Ok(Item::of(site.id.as_str(), site.revision, &geojson::site_feature(&site)))
                }
                _ => {
                    let made = app.store.create_annotation(&actor, drawn(&feature, None)?);
                    let annotation = made.map_err(|error| named_site(error, "", "properties.site"))?;
                    tell(app, &actor, &annotation);
                    Ok(item_of(&annotation))
                }
            }
        })
        .await?;
    let location = base.to(&format!("/ogc/collections/{}/items/{}", collection.as_str(), item.id));
    Ok(created(&location, written(item)))
}

/// The answer to a write: what stands now, with its tag.
pub(super) fn written(item: Item) -> Response {
    let answer = etag::answer_tagged(&HeaderMap::new(), GEOJSON, &item.sha256, item.feature.into_bytes());
    in_crs(answer, FeatureCrs::Crs84)
}

pub(crate) async fn replace(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    Who(actor): Who,
    parameters: Parameters,
    headers: HeaderMap,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    let collection = writable(ogc::by_name(&name)?)?;
    parameters.only(&[])?;
    body::must_be(&headers, FEATURE_TYPES)?;
    change(app, collection, id, actor, headers, sent.value()?, |_, feature| Ok(feature)).await
}

/// Changes the members that are given and keeps the rest (JSON Merge Patch, RFC 7396).
pub(crate) async fn update(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    Who(actor): Who,
    parameters: Parameters,
    headers: HeaderMap,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    let collection = writable(ogc::by_name(&name)?)?;
    parameters.only(&[])?;
    body::must_be(&headers, PATCH_TYPES)?;
    change(app, collection, id, actor, headers, sent.value()?, merged).await
}

async fn change(
    app: App,
    collection: Collection,
    id: String,
    actor: Actor,
    headers: HeaderMap,
    given: Value,
    next: fn(Value, Value) -> Result<Value, ApiError>,
) -> Result<Response, ApiError> {
    let crs = crs_of_body(&headers)?;
    let item = app
        .blocking(move |app| {
            let given = crs.way()?.read(given)?;
            must_be_known(collection, &given)?;
            let old = app.store.item_seen_by(actor.reader(), collection, &id)?;
            let if_match = etag::based_on(app, &headers, collection, &old)?;
            let old = old.value();
            let feature = next(old.clone(), given)?;
            match collection {
                Collection::Sites => {
                    let draft = geojson::read_site(&feature)?;
                    let changed = app.store.update_site(&actor, &SiteId(id.clone()), if_match, draft);
                    let site = changed.map_err(|error| named_site(error, &id, "properties.parent"))?;
                    app.notify("site", json!({"id": id}));
                    Ok(Item::of(&id, site.revision, &geojson::site_feature(&site)))
                }
                _ => {
                    let drawn = drawn(&feature, Some(&old["geometry"]))?;
                    let changed =
                        app.store.update_annotation(&actor, &AnnotationId(id.clone()), if_match, drawn)?;
                    tell(app, &actor, &changed);
                    Ok(item_of(&changed))
                }
            }
        })
        .await?;
    Ok(written(item))
}

/// A site that a feature names and that is not there is a wrong value; the feature itself is an address.
fn named_site(error: RecordError, own: &str, parameter: &str) -> ApiError {
    match &error {
        RecordError::NotFound { what: "site", id } if id != own => ApiError::of_reference(error, parameter),
        _ => error.into(),
    }
}

/// Refuses properties that the collection does not have. Those that the server sets may come along, as programs send
/// back what they read, and mean nothing.
fn must_be_known(collection: Collection, feature: &Value) -> Result<(), ApiError> {
    let names = schema::properties(collection).iter().map(|property| property.name);
    let known: Vec<&str> = std::iter::once("id").chain(names).collect();
    body::only(&feature["properties"], "properties.", &known)
}

/// A JSON Merge Patch (RFC 7396), but for the geometry, which is given whole: its members mean nothing alone.
fn merged(mut old: Value, patch: Value) -> Result<Value, ApiError> {
    let wrong = |member: &str| ApiError::body(format!("{member} of a patch must be an object")).at(member);
    body::only(&patch, "", &PATCHED)?;
    let Value::Object(members) = patch else { return Err(wrong("the body")) };
    for (name, value) in members {
        match (name.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for (name, value) in properties {
                    old["properties"][name] = value;
                }
            }
            ("properties", _) => return Err(wrong("properties")),
            ("id", id) if id != old["id"] => {
                return Err(ApiError::parameter("id", &id.to_string(), "left out: a feature keeps its id"));
            }
            (_, value) => old[name] = value,
        }
    }
    Ok(old)
}

/// The CRS in which a client sends positions.
fn crs_of_body(headers: &HeaderMap) -> Result<FeatureCrs, ApiError> {
    let Some(value) = headers.get(CONTENT_CRS) else { return Ok(FeatureCrs::Crs84) };
    FeatureCrs::of_header("Content-Crs", value.to_str().unwrap_or_default())
}

pub(crate) async fn remove(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    Who(actor): Who,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let collection = writable(ogc::by_name(&name)?)?;
    parameters.only(&[])?;
    app.blocking(move |app| {
        let item = app.store.item_seen_by(actor.reader(), collection, &id)?;
        let if_match = etag::based_on(app, &headers, collection, &item)?;
        match collection {
            Collection::Sites => {
                app.store.delete_site(&actor, &SiteId(id.clone()), if_match)?;
                app.notify("site", json!({"id": id}));
            }
            _ => tell(app, &actor, &app.store.withdraw_annotation(&actor, &AnnotationId(id), if_match)?),
        }
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An annotation that was written, as its address gives it until it is written again.
pub(super) fn item_of(annotation: &Annotation) -> Item {
    Item::of(annotation.id.as_str(), annotation.revision, &geojson::annotation_feature(annotation))
}

/// Tells of an annotation that was written; of one that waits for a second person that somebody spoke of its candidate,
/// and not what they said. It stands, whether it can be told of or not.
pub(super) fn tell(app: &App, actor: &Actor, annotation: &Annotation) {
    let told = || -> Result<(), RecordError> {
        if let Some(candidate) = &annotation.candidate {
            let item = app.store.item_ever_seen_by(None, Collection::Candidates, candidate.as_str())?;
            let comparison = &item.value()["properties"]["comparison"];
            app.notify("candidate", json!({"id": candidate, "by": actor.name, "comparison": comparison}));
        }
        if !app.store.awaits_second_look(&annotation.id)? {
            app.notify("annotation", json!({"id": annotation.id}));
        }
        Ok(())
    };
    if let Err(error) = told() {
        tracing::error!(%error, annotation = %annotation.id, "a change cannot be told of");
    }
}

/// The versions of an annotation, oldest first, with the ETag of what it is now: withdrawn ones have no other place
/// that tells theirs.
pub(crate) async fn versions(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let path = format!("{ANNOTATIONS}/{id}/versions");
    let (versions, item) = app
        .blocking(move |app| {
            let item = app.store.item_ever_seen_by(actor.reader(), Collection::Annotations, &id)?;
            Ok((app.store.annotation_versions(actor.reader(), &AnnotationId(id))?, item))
        })
        .await?;
    let document = json!({
        "versions": versions.events,
        "left_out": versions.left_out,
        "etag": etag::quoted(&item.sha256),
    });
    ogc::answered(&parameters, &headers, &base, &path, "All that was said of it", &document, JSON)
}

pub(crate) async fn items_options(Path(name): Path<String>, Who(actor): Who) -> Result<Response, ApiError> {
    Ok(items_allowed(&actor, writer(ogc::by_name(&name)?)))
}

pub(crate) async fn item_options(
    Path((name, _)): Path<(String, String)>,
    Who(actor): Who,
) -> Result<Response, ApiError> {
    Ok(item_allowed(&actor, writer(ogc::by_name(&name)?)))
}

/// The least role that writes to a collection, as the store has it.
fn writer(collection: Collection) -> Option<Role> {
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

/// Candidates never change: reviews do.
fn writable(collection: Collection) -> Result<Collection, ApiError> {
    if collection != Collection::Candidates {
        return Ok(collection);
    }
    let detail = "candidates never change; review one at /api/candidates/{id}/reviews".to_owned();
    Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "read-only", "This collection is read-only", detail)
        .allowing(READ_ONLY))
}

/// An annotation as a client drew it; what the store sets is left blank. `stored` is the geometry that it has.
fn drawn(feature: &Value, stored: Option<&Value>) -> Result<Annotation, ApiError> {
    geojson::must_be_feature(feature)?;
    let properties = &feature["properties"];
    let member = |name: &str, characters_max: usize| {
        geojson::optional_text(&format!("properties.{name}"), &properties[name], characters_max)
    };
    let time = |name: &str| -> Result<Option<Timestamp>, ApiError> {
        let parse =
            |text: String| time_of(&text).ok_or_else(|| ApiError::parameter(name, &text, "an RFC 3339 time"));
        member(name, geojson::NAME_CHARACTERS_MAX)?.map(parse).transpose()
    };
    let word = |name: &str, wanted: &str| -> Result<Value, ApiError> {
        match &properties[name] {
            value @ (Value::Null | Value::String(_)) => Ok(value.clone()),
            other => Err(ApiError::parameter(name, &other.to_string(), wanted)),
        }
    };
    let change = word("change", "new, removed or altered")?;
    let change: Option<Change> = serde_json::from_value(change.clone())
        .map_err(|_| ApiError::parameter("change", &change.to_string(), "new, removed or altered"))?;
    let confidence = word("confidence", "low, moderate or high")?;
    let confidence: Option<Confidence> = serde_json::from_value(confidence.clone())
        .map_err(|_| ApiError::parameter("confidence", &confidence.to_string(), "low, moderate or high"))?;
    let (start, end) = (time("start_datetime")?, time("end_datetime")?);
    if start.zip(end).is_some_and(|(start, end)| start > end) {
        let end = properties["end_datetime"].to_string();
        return Err(ApiError::parameter("end_datetime", &end, "a time not before start_datetime"));
    }
    Ok(Annotation {
        id: AnnotationId(String::new()),
        site: SiteId(geojson::text("properties.site", &properties["site"], geojson::NAME_CHARACTERS_MAX)?),
        candidate: None,
        outline: match &feature["geometry"] {
            // what stays is not asked for its form again
            same if Some(same) == stored => geojson::stored_outline(feature)?,
            given => geojson::read_polygon(given)?,
        },
        structure_type: member("structure_type", geojson::NAME_CHARACTERS_MAX)?,
        change: change.unwrap_or(Change::New),
        title: member("title", geojson::NAME_CHARACTERS_MAX)?,
        note: member("note", geojson::NOTE_CHARACTERS_MAX)?,
        confidence,
        start_datetime: start,
        end_datetime: end,
        area_m2: 0.0,
        sources: Vec::new(),
        status: AnnotationStatus::Draft,
        created: Timestamp::UNIX_EPOCH,
        created_by: String::new(),
        updated: Timestamp::UNIX_EPOCH,
        revision: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_that_stays_is_not_asked_for_its_form_again() {
        let bow_tie = json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]});
        let feature = json!({"type": "Feature", "geometry": bow_tie, "properties": {"site": "plant"}});
        assert!(drawn(&feature, Some(&bow_tie)).is_ok());
        assert!(drawn(&feature, Some(&Value::Null)).is_err());
        assert!(drawn(&feature, None).is_err());
    }
}
