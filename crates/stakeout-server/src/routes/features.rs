//! Features of the collections: pages, single ones, and changes to them.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use record::{
    Actor, Annotation, AnnotationId, Collection, Comparison, ComparisonId, Cursor, Item, PageText, Query,
    RecordError, Sha256Hex, SiteId, geojson, schema,
};
use serde_json::{Value, json};

use super::{
    GEOJSON, JSON,
    allowed::{FEATURE_TYPES, PATCH_TYPES, READ_ONLY, item_allowed, items_allowed, writer},
    created,
    feature_query::{crs_of, query},
    ogc,
};
use crate::{
    ApiError, App,
    body::{self, JsonBody},
    crs::FeatureCrs,
    etag,
    guard::Who,
    html::{self, Format},
    links::Base,
    parameters::Parameters,
    path::Path,
};

const ANNOTATIONS: &str = "/ogc/collections/annotations/items";
/// Counts the ways in which pages were ever written, so that a page written otherwise has another tag.
const PAGE_FORM: u32 = 4;
/// Members of a patch; what a feature has beside its geometry and its properties stays as it is.
const PATCHED: [&str; 6] = ["type", "id", "geometry", "properties", "bbox", "links"];
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
    let is_filtered = own.parameters.get("filter").is_some();
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
    app.asking(is_filtered, read).await
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
                    let made = app.store.create_annotation(&actor, geojson::read_annotation(&feature, None)?);
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
                    let drawn = geojson::read_annotation(&feature, Some(&old["geometry"]))?;
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
                return Err(ApiError::value("id", &id, "left out: a feature keeps its id"));
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

/// Candidates never change: reviews do.
fn writable(collection: Collection) -> Result<Collection, ApiError> {
    if collection != Collection::Candidates {
        return Ok(collection);
    }
    let detail = "candidates never change; review one at /api/candidates/{id}/reviews".to_owned();
    Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "read-only", "This collection is read-only", detail)
        .allowing(READ_ONLY))
}
