//! The one place where things become GeoJSON (RFC 7946) and GeoJSON becomes things.

use geo::{BoundingRect, Coord, GeodesicArea, LineString, MultiPolygon, Orient, Polygon, orient::Direction};
use geojson::Geometry;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    annotation::{Annotation, AnnotationDraft},
    antimeridian::{self, ANTIMERIDIAN_DEG, TURN_DEG},
    candidate::{Candidate, Change, Detector, Fit, NewCandidate},
    error::RecordError,
    id::{AnnotationId, CandidateId, SiteId},
    site::Site,
    time::time_of,
    validity,
};

/// Most positions in one polygon.
pub const POSITIONS_MAX: usize = 10_000;
/// Longest name, title or tag in characters.
pub const NAME_CHARACTERS_MAX: usize = 200;
/// Longest note in characters.
pub const NOTE_CHARACTERS_MAX: usize = 20_000;
/// Most tags of a site.
pub const TAGS_MAX: usize = 50;
/// Digits after the point of a degree: 0.1 mm on the ground.
const DEGREE_DIGITS: i32 = 9;

/// GeoJSON that cannot be taken: what, where, got, wanted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GeoJsonError {
    /// Not JSON, or not the JSON of this member.
    #[error("{member} cannot be read: {cause}")]
    Malformed {
        /// Which member.
        member: String,
        /// What the parser says.
        cause: String,
    },
    /// A member that is not there or has another type.
    #[error("{member} is {got} but must be {wanted}")]
    Member {
        /// Which member.
        member: String,
        /// What was given.
        got: String,
        /// What would do.
        wanted: String,
    },
    /// Too many positions.
    #[error("geometry has {got} positions but may have {POSITIONS_MAX}")]
    TooManyPositions {
        /// Number that was given.
        got: usize,
    },
    /// A position that is not on Earth.
    #[error(
        "geometry has position [{lon}, {lat}] but longitude must be within -180 to 180 and latitude within -90 to 90"
    )]
    OutsideWorld {
        /// Longitude given.
        lon: f64,
        /// Latitude given.
        lat: f64,
    },
    /// A ring that does not end where it begins.
    #[error("ring {ring} begins at [{lon}, {lat}] but does not end there")]
    OpenRing {
        /// Which ring, the exterior being 0.
        ring: usize,
        /// Longitude of its first position.
        lon: f64,
        /// Latitude of its first position.
        lat: f64,
    },
    /// A ring without three different positions.
    #[error("ring {ring} has no area at [{lon}, {lat}]")]
    FlatRing {
        /// Which ring, the exterior being 0.
        ring: usize,
        /// Longitude of its first position.
        lon: f64,
        /// Latitude of its first position.
        lat: f64,
    },
    /// A boundary that crosses or touches itself.
    #[error("ring {ring} crosses or touches itself near [{lon}, {lat}]")]
    CrossesItself {
        /// Which ring, the exterior being 0.
        ring: usize,
        /// Longitude of the crossing.
        lon: f64,
        /// Latitude of the crossing.
        lat: f64,
    },
    /// Two boundaries that cross, run along each other, or lie within each other.
    #[error("rings {ring} and {other} cross or overlap near [{lon}, {lat}]")]
    RingsCross {
        /// Which ring, the exterior being 0.
        ring: usize,
        /// Which other ring.
        other: usize,
        /// Longitude of the place.
        lon: f64,
        /// Latitude of the place.
        lat: f64,
    },
    /// A hole that is not within the exterior.
    #[error("ring {ring} lies outside the exterior at [{lon}, {lat}]")]
    HoleOutside {
        /// Which ring, the exterior being 0.
        ring: usize,
        /// Longitude of the place.
        lon: f64,
        /// Latitude of the place.
        lat: f64,
    },
}

impl GeoJsonError {
    fn member(member: &str, got: &Value, wanted: &str) -> GeoJsonError {
        let got = match got {
            Value::Null => "missing".to_owned(),
            Value::String(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            other => other.to_string(),
        };
        GeoJsonError::Member { member: member.to_owned(), got, wanted: wanted.to_owned() }
    }
}

// ---- geometry ----

/// A polygon from an untrusted GeoJSON geometry: checked, and wound as RFC 7946 wants it.
///
/// A MultiPolygon of one part, as many desktop programs write every polygon, is that part; one of parts that meet at
/// the antimeridian is the outline that was cut there, and its longitudes go on beyond 180.
///
/// # Errors
/// When it is not a polygon, has too many positions or one outside the world, a ring that is open, or
/// a boundary that crosses itself. Wrong winding is not an error; it is mended.
pub fn read_polygon(geometry: &Value) -> Result<Polygon<f64>, GeoJsonError> {
    let parts = match (geometry["type"].as_str(), &geometry["coordinates"]) {
        (Some("Polygon"), coordinates) => std::slice::from_ref(coordinates),
        (Some("MultiPolygon"), Value::Array(parts)) if !parts.is_empty() => parts,
        _ => return Err(GeoJsonError::member("geometry.type", &geometry["type"], "\"Polygon\"")),
    };
    let of_ring = |ring: &Value| ring.as_array().map_or(0, Vec::len);
    let of_part = |part: &Value| part.as_array().into_iter().flatten().map(of_ring).sum::<usize>();
    let got: usize = parts.iter().map(of_part).sum();
    if got > POSITIONS_MAX {
        return Err(GeoJsonError::TooManyPositions { got });
    }
    let [only] = parts else { return read_parts(parts) };
    checked(read_part("geometry.coordinates", only)?)
}

/// Asks of an outline that was not read that [`read_polygon`] takes it as it is written.
///
/// # Errors
/// As [`read_polygon`].
pub fn must_be_outline(outline: &Polygon<f64>) -> Result<(), GeoJsonError> {
    read_polygon(&polygon_value(outline)).map(drop)
}

fn read_parts(parts: &[Value]) -> Result<Polygon<f64>, GeoJsonError> {
    let read = parts
        .iter()
        .enumerate()
        .map(|(at, part)| checked(read_part(&format!("geometry.coordinates[{at}]"), part)?))
        .collect::<Result<Vec<_>, _>>()?;
    let joined = antimeridian::join(read).ok_or_else(|| GeoJsonError::Member {
        member: "geometry".to_owned(),
        got: format!("a MultiPolygon of {} parts", parts.len()),
        wanted: "a Polygon, or a MultiPolygon of parts that meet along the antimeridian".to_owned(),
    })?;
    checked(joined)
}

fn read_part(member: &str, coordinates: &Value) -> Result<Polygon<f64>, GeoJsonError> {
    let rings = coordinates
        .as_array()
        .ok_or_else(|| GeoJsonError::member(member, coordinates, "an array of rings"))?;
    let mut rings = rings
        .iter()
        .enumerate()
        .map(|(index, ring)| read_ring(index, &format!("{member}[{index}]"), ring))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter();
    let exterior = rings
        .next()
        .ok_or_else(|| GeoJsonError::member(member, &Value::Array(Vec::new()), "at least one ring"))?;
    Ok(Polygon::new(exterior, rings.collect()))
}

fn read_ring(index: usize, member: &str, ring: &Value) -> Result<LineString<f64>, GeoJsonError> {
    let positions =
        ring.as_array().ok_or_else(|| GeoJsonError::member(member, ring, "an array of positions"))?;
    if positions.len() < 4 {
        return Err(GeoJsonError::Member {
            member: member.to_owned(),
            got: format!("{} positions", positions.len()),
            wanted: "at least 4, the last equal to the first".to_owned(),
        });
    }
    let ring = positions
        .iter()
        .enumerate()
        .map(|(at, position)| read_position(&format!("{member}[{at}]"), position))
        .collect::<Result<LineString<f64>, _>>()?;
    if ring.0.first() != ring.0.last() {
        let Coord { x: lon, y: lat } = ring.0[0];
        return Err(GeoJsonError::OpenRing { ring: index, lon, lat });
    }
    Ok(ring)
}

fn read_position(member: &str, position: &Value) -> Result<Coord<f64>, GeoJsonError> {
    let numbers: Option<Vec<f64>> =
        position.as_array().and_then(|numbers| numbers.iter().map(Value::as_f64).collect());
    match numbers.as_deref() {
        Some([lon, lat, ..]) if (-180.0..=180.0).contains(lon) && (-90.0..=90.0).contains(lat) => {
            // as it will be stored: what is checked is what is kept
            Ok(Coord { x: rounded(*lon, DEGREE_DIGITS), y: rounded(*lat, DEGREE_DIGITS) })
        }
        Some([lon, lat, ..]) => Err(GeoJsonError::OutsideWorld { lon: *lon, lat: *lat }),
        _ => Err(GeoJsonError::member(member, position, "[longitude, latitude]")),
    }
}

fn checked(polygon: Polygon<f64>) -> Result<Polygon<f64>, GeoJsonError> {
    validity::check(&polygon)?;
    Ok(polygon.orient(Direction::Default))
}

/// Geodesic area of a polygon in degrees, square metres (Karney 2013, as `geo` implements it).
pub fn geodesic_area_m2(polygon: &Polygon<f64>) -> f64 {
    polygon.geodesic_area_unsigned()
}

/// A polygon as a GeoJSON geometry, positions rounded to 0.1 mm, wound as RFC 7946 wants it: a MultiPolygon where it
/// crosses the antimeridian and is cut there.
pub fn polygon_value(polygon: &Polygon<f64>) -> Value {
    match &antimeridian::cut(polygon)[..] {
        [whole] => plain_polygon_value(whole),
        parts => {
            json!({"type": "MultiPolygon", "coordinates": parts.iter().map(coordinates).collect::<Value>()})
        }
    }
}

/// The same in coordinates that have no antimeridian.
fn plain_polygon_value(polygon: &Polygon<f64>) -> Value {
    json!({"type": "Polygon", "coordinates": coordinates(polygon)})
}

fn coordinates(polygon: &Polygon<f64>) -> Value {
    let polygon = polygon.orient(Direction::Default);
    let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
    rings
        .map(|ring| {
            ring.coords()
                .map(|at| json!([rounded(at.x, DEGREE_DIGITS), rounded(at.y, DEGREE_DIGITS)]))
                .collect::<Value>()
        })
        .collect()
}

/// The parts of an outline on both sides of the antimeridian, within -180 to 180 degrees; one where it does not cross.
pub fn parts(polygon: &Polygon<f64>) -> MultiPolygon<f64> {
    MultiPolygon::new(antimeridian::cut(polygon))
}

/// A number with so many decimal digits after the point.
fn rounded(number: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (number * scale).round() / scale
}

/// Degrees as features are written with them.
pub(crate) fn written_degrees(degrees: f64) -> f64 {
    rounded(degrees, DEGREE_DIGITS)
}

/// West, south, east, north of a polygon as a `bbox`: west is greater than east where it crosses the antimeridian (RFC
/// 7946, section 5.2). Zeros for an empty one.
pub fn bounds(polygon: &Polygon<f64>) -> [f64; 4] {
    let [west, south, east, north] = flat_bounds(polygon);
    match polygon.bounding_rect() {
        // around a pole all longitudes are met
        Some(rect) if antimeridian::is_crossed_by(polygon) && rect.width() < TURN_DEG => {
            [rect.min().x, south, rect.max().x - TURN_DEG, north]
        }
        _ => [west, south, east, north],
    }
}

/// The same for who knows no box across the antimeridian: from -180 to 180 there.
pub fn flat_bounds(polygon: &Polygon<f64>) -> [f64; 4] {
    let Some(rect) = polygon.bounding_rect() else { return [0.0; 4] };
    let (south, north) = (rect.min().y, rect.max().y);
    if antimeridian::is_crossed_by(polygon) {
        return [-ANTIMERIDIAN_DEG, south, ANTIMERIDIAN_DEG, north];
    }
    [rect.min().x, south, rect.max().x, north]
}

/// The polygon of a geometry that was checked when it was recorded.
///
/// # Errors
/// When it is no polygon.
pub fn stored_polygon(geometry: &Value) -> Result<Polygon<f64>, GeoJsonError> {
    let malformed = |cause: String| GeoJsonError::Malformed { member: "geometry".to_owned(), cause };
    let geometry = Geometry::deserialize(geometry).map_err(|error| malformed(error.to_string()))?;
    match geo::Geometry::try_from(geometry) {
        Ok(geo::Geometry::Polygon(polygon)) => Ok(polygon),
        Ok(geo::Geometry::MultiPolygon(parts)) => antimeridian::join(parts.0)
            .ok_or_else(|| malformed("its parts do not meet along the antimeridian".to_owned())),
        Ok(_) => Err(malformed("it is no polygon".to_owned())),
        Err(error) => Err(malformed(error.to_string())),
    }
}

/// The outline of a stored feature: that it cannot be read is no fault of who asks.
///
/// # Errors
/// When it has no polygon.
pub fn stored_outline(feature: &Value) -> Result<Polygon<f64>, RecordError> {
    stored_polygon(&feature["geometry"]).map_err(|source| {
        let id = feature["id"].as_str().unwrap_or_default().to_owned();
        RecordError::StoredFeature { what: "feature", id, source }
    })
}

// ---- features ----

fn feature(id: &str, geometry: Value, properties: impl Serialize) -> Value {
    json!({
        "type": "Feature",
        "id": id,
        "geometry": geometry,
        "properties": serde_json::to_value(properties).expect("properties are plain data"),
    })
}

fn properties<'de, P: Deserialize<'de>>(feature: &'de Value) -> Result<P, GeoJsonError> {
    P::deserialize(&feature["properties"]).map_err(|error| GeoJsonError::Malformed {
        member: "properties".to_owned(),
        cause: error.to_string(),
    })
}

fn id_of(feature: &Value) -> Result<String, GeoJsonError> {
    feature["id"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| GeoJsonError::member("id", &feature["id"], "a string"))
}

#[derive(Serialize, Deserialize)]
struct SiteProperties {
    name: String,
    parent: Option<SiteId>,
    #[serde(default)]
    tags: Vec<String>,
    created: Timestamp,
    updated: Timestamp,
    revision: u64,
}

/// A site as a feature.
pub fn site_feature(site: &Site) -> Value {
    feature(
        site.id.as_str(),
        polygon_value(&site.area),
        SiteProperties {
            name: site.name.clone(),
            parent: site.parent.clone(),
            tags: site.tags.clone(),
            created: site.created,
            updated: site.updated,
            revision: site.revision,
        },
    )
}

/// A site from a feature that [`site_feature`] made.
///
/// # Errors
/// When it is not one.
pub fn site_from_feature(feature: &Value) -> Result<Site, GeoJsonError> {
    let properties: SiteProperties = properties(feature)?;
    Ok(Site {
        id: SiteId(id_of(feature)?),
        name: properties.name,
        parent: properties.parent,
        tags: properties.tags,
        area: stored_polygon(&feature["geometry"])?,
        created: properties.created,
        updated: properties.updated,
        revision: properties.revision,
    })
}

/// What a client may say of a site.
#[derive(Clone, Debug, PartialEq)]
pub struct SiteDraft {
    /// Slug, where the client chose one.
    pub id: Option<String>,
    /// Name for people.
    pub name: String,
    /// The larger site.
    pub parent: Option<SiteId>,
    /// Free words.
    pub tags: Vec<String>,
    /// Area.
    pub area: Polygon<f64>,
}

/// Reads a site from an untrusted feature.
///
/// # Errors
/// When it is not a Feature with a valid Polygon and a name.
pub fn read_site(feature: &Value) -> Result<SiteDraft, GeoJsonError> {
    must_be_feature(feature)?;
    let properties = &feature["properties"];
    let id = match &feature["id"] {
        Value::Null => None,
        Value::String(id) => Some(id.clone()),
        other => return Err(GeoJsonError::member("id", other, "a string")),
    };
    let tags = match &properties["tags"] {
        Value::Null => Vec::new(),
        Value::Array(tags) if tags.len() <= TAGS_MAX => tags
            .iter()
            .enumerate()
            .map(|(at, tag)| text(&format!("properties.tags[{at}]"), tag, NAME_CHARACTERS_MAX))
            .collect::<Result<Vec<_>, _>>()?,
        other => {
            return Err(GeoJsonError::member(
                "properties.tags",
                other,
                &format!("at most {TAGS_MAX} strings"),
            ));
        }
    };
    Ok(SiteDraft {
        id,
        name: text("properties.name", &properties["name"], NAME_CHARACTERS_MAX)?,
        parent: optional_text("properties.parent", &properties["parent"], NAME_CHARACTERS_MAX)?.map(SiteId),
        tags,
        area: read_polygon(&feature["geometry"])?,
    })
}

/// Reads an annotation from an untrusted feature. An outline that is `stored`, the geometry that it has, is not asked for
/// its form again.
///
/// # Errors
/// When it is not a Feature with a valid Polygon and the id of a site, a member is of another kind than it must be, or the
/// construction window ends before it begins.
pub fn read_annotation(feature: &Value, stored: Option<&Value>) -> Result<AnnotationDraft, RecordError> {
    must_be_feature(feature)?;
    let properties = &feature["properties"];
    let member = |name: &str| format!("properties.{name}");
    let words = |name: &str, characters_max| optional_text(&member(name), &properties[name], characters_max);
    let [start, end] =
        ["start_datetime", "end_datetime"].map(|name| optional_time(&member(name), &properties[name]));
    let (start, end) = (start?, end?);
    if start.zip(end).is_some_and(|(start, end)| start > end) {
        let (name, wanted) = ("end_datetime", "a time not before start_datetime");
        return Err(GeoJsonError::member(&member(name), &properties[name], wanted).into());
    }
    let change = optional_word(&member("change"), &properties["change"], "new, removed or altered")?;
    let confidence =
        optional_word(&member("confidence"), &properties["confidence"], "low, moderate or high")?;
    Ok(AnnotationDraft {
        site: SiteId(text("properties.site", &properties["site"], NAME_CHARACTERS_MAX)?),
        outline: match &feature["geometry"] {
            same if Some(same) == stored => stored_outline(feature)?,
            given => read_polygon(given)?,
        },
        structure_type: words("structure_type", NAME_CHARACTERS_MAX)?,
        change: change.unwrap_or(Change::New),
        title: words("title", NAME_CHARACTERS_MAX)?,
        note: words("note", NOTE_CHARACTERS_MAX)?,
        confidence,
        start_datetime: start,
        end_datetime: end,
    })
}

/// A word of an enumeration that may be missing.
fn optional_word<T: DeserializeOwned>(
    member: &str,
    value: &Value,
    wanted: &str,
) -> Result<Option<T>, GeoJsonError> {
    let wrong = || GeoJsonError::member(member, value, wanted);
    match value {
        Value::Null => Ok(None),
        Value::String(_) => serde_json::from_value(value.clone()).map(Some).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// A time that may be missing; blank counts as missing.
fn optional_time(member: &str, value: &Value) -> Result<Option<Timestamp>, GeoJsonError> {
    let wrong = || GeoJsonError::member(member, value, "an RFC 3339 time");
    let text = optional_text(member, value, NAME_CHARACTERS_MAX)?;
    text.map(|text| time_of(&text).ok_or_else(wrong)).transpose()
}

/// Asks for a GeoJSON Feature.
///
/// # Errors
/// When the value is something else.
pub fn must_be_feature(feature: &Value) -> Result<(), GeoJsonError> {
    if feature["type"] != "Feature" {
        return Err(GeoJsonError::member("type", &feature["type"], "\"Feature\""));
    }
    if !feature["properties"].is_object() {
        return Err(GeoJsonError::member("properties", &feature["properties"], "an object"));
    }
    Ok(())
}

/// A text that is there, not too long, and of characters that every format can hold.
///
/// # Errors
/// When it is missing, blank or longer than `characters_max`, or has a control character other than tabs and line
/// breaks, U+FFFE or U+FFFF.
pub fn text(member: &str, value: &Value, characters_max: usize) -> Result<String, GeoJsonError> {
    let text = match value.as_str() {
        Some(text) if !text.trim().is_empty() && text.chars().count() <= characters_max => text,
        _ => {
            let wanted = format!("a text of 1 to {characters_max} characters");
            return Err(GeoJsonError::member(member, value, &wanted));
        }
    };
    match text.chars().enumerate().find(|(_, character)| !is_of_text(*character)) {
        None => Ok(text.trim().to_owned()),
        Some((at, character)) => Err(GeoJsonError::Member {
            member: member.to_owned(),
            got: format!("a text with U+{:04X} at character {at}", u32::from(character)),
            wanted: "without control characters but for tabs and line breaks".to_owned(),
        }),
    }
}

/// Whether a character may be in a text: not control characters other than tabs and line breaks, nor U+FFFE and U+FFFF,
/// which XML 1.0 does not hold.
fn is_of_text(character: char) -> bool {
    let is_control = character.is_control() && !matches!(character, '\t' | '\n' | '\r');
    !is_control && !matches!(character, '\u{FFFE}' | '\u{FFFF}')
}

/// A text that may be missing; blank counts as missing.
///
/// # Errors
/// When it is something else, or longer than `characters_max`.
pub fn optional_text(
    member: &str,
    value: &Value,
    characters_max: usize,
) -> Result<Option<String>, GeoJsonError> {
    match value {
        Value::Null => Ok(None),
        Value::String(blank) if blank.chars().all(|space| space.is_whitespace() && is_of_text(space)) => {
            Ok(None)
        }
        value => text(member, value, characters_max).map(Some),
    }
}

#[derive(Serialize, Deserialize)]
struct CandidateProperties {
    site: SiteId,
    comparison: crate::id::ComparisonId,
    before: crate::id::SceneId,
    after: crate::id::SceneId,
    before_datetime: Timestamp,
    after_datetime: Timestamp,
    state: crate::candidate::CandidateState,
    #[serde(flatten)]
    found: FoundProperties,
    detector: Detector,
}

/// The part of a candidate's properties that the detector knows.
#[derive(Serialize, Deserialize)]
struct FoundProperties {
    change: crate::candidate::Change,
    score: Option<f64>,
    area_m2: f64,
    length_m: f64,
    width_m: f64,
    orientation_deg: f64,
    evidence: std::collections::BTreeMap<String, f64>,
}

impl FoundProperties {
    fn of(found: &NewCandidate) -> FoundProperties {
        FoundProperties {
            change: found.change,
            score: found.score.map(|score| rounded(score, 4)),
            area_m2: rounded(found.area_m2, 2),
            length_m: rounded(found.length_m, 2),
            width_m: rounded(found.width_m, 2),
            orientation_deg: rounded(found.orientation_deg, 1),
            evidence: found.evidence.iter().map(|(name, value)| (name.clone(), rounded(*value, 4))).collect(),
        }
    }

    fn with_outline(self, outline: Polygon<f64>) -> NewCandidate {
        NewCandidate {
            outline,
            change: self.change,
            score: self.score,
            area_m2: self.area_m2,
            length_m: self.length_m,
            width_m: self.width_m,
            orientation_deg: self.orientation_deg,
            evidence: self.evidence,
        }
    }
}

/// A recorded candidate as a feature.
pub fn candidate_feature(candidate: &Candidate) -> Value {
    feature(
        candidate.id.as_str(),
        polygon_value(&candidate.found.outline),
        CandidateProperties {
            site: candidate.site.clone(),
            comparison: candidate.comparison.clone(),
            before: candidate.before.clone(),
            after: candidate.after.clone(),
            before_datetime: candidate.before_datetime,
            after_datetime: candidate.after_datetime,
            state: candidate.state,
            found: FoundProperties::of(&candidate.found),
            detector: candidate.detector.clone(),
        },
    )
}

/// A candidate from a feature that [`candidate_feature`] made.
///
/// # Errors
/// When it is not one.
pub fn candidate_from_feature(feature: &Value) -> Result<Candidate, GeoJsonError> {
    let properties: CandidateProperties = properties(feature)?;
    Ok(Candidate {
        id: CandidateId(id_of(feature)?),
        site: properties.site,
        comparison: properties.comparison,
        before: properties.before,
        after: properties.after,
        before_datetime: properties.before_datetime,
        after_datetime: properties.after_datetime,
        state: properties.state,
        detector: properties.detector,
        found: properties.found.with_outline(stored_polygon(&feature["geometry"])?),
    })
}

#[derive(Serialize, Deserialize)]
struct AnnotationProperties {
    site: SiteId,
    candidate: Option<CandidateId>,
    structure_type: Option<String>,
    change: crate::candidate::Change,
    title: Option<String>,
    note: Option<String>,
    confidence: Option<crate::annotation::Confidence>,
    start_datetime: Option<Timestamp>,
    end_datetime: Option<Timestamp>,
    area_m2: f64,
    sources: Vec<crate::annotation::SourceImage>,
    status: crate::annotation::AnnotationStatus,
    created: Timestamp,
    created_by: String,
    updated: Timestamp,
    revision: u64,
}

/// An annotation as a feature.
pub fn annotation_feature(annotation: &Annotation) -> Value {
    let own = annotation.clone();
    feature(
        annotation.id.as_str(),
        polygon_value(&annotation.outline),
        AnnotationProperties {
            site: own.site,
            candidate: own.candidate,
            structure_type: own.structure_type,
            change: own.change,
            title: own.title,
            note: own.note,
            confidence: own.confidence,
            start_datetime: own.start_datetime,
            end_datetime: own.end_datetime,
            area_m2: rounded(own.area_m2, 2),
            sources: own.sources,
            status: own.status,
            created: own.created,
            created_by: own.created_by,
            updated: own.updated,
            revision: own.revision,
        },
    )
}

/// An annotation from a feature that [`annotation_feature`] made.
///
/// # Errors
/// When it is not one.
pub fn annotation_from_feature(feature: &Value) -> Result<Annotation, GeoJsonError> {
    let own: AnnotationProperties = properties(feature)?;
    Ok(Annotation {
        id: AnnotationId(id_of(feature)?),
        site: own.site,
        candidate: own.candidate,
        outline: stored_polygon(&feature["geometry"])?,
        structure_type: own.structure_type,
        change: own.change,
        title: own.title,
        note: own.note,
        confidence: own.confidence,
        start_datetime: own.start_datetime,
        end_datetime: own.end_datetime,
        area_m2: own.area_m2,
        sources: own.sources,
        status: own.status,
        created: own.created,
        created_by: own.created_by,
        updated: own.updated,
        revision: own.revision,
    })
}

// ---- collections ----

/// What the coordinates of a written collection mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinates {
    /// Longitude and latitude in degrees, as RFC 7946 wants it.
    LonLat,
    /// Pixels right and up from the lower left corner: the images had no georeference.
    Pixels,
}

/// Where unrecorded candidates come from, for the file of a command line run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run<'a> {
    /// File name of the first image.
    pub before: &'a str,
    /// File name of the second image.
    pub after: &'a str,
    /// Which detector spoke.
    pub detector: &'a Detector,
    /// How well the images fit.
    pub fit: &'a Fit,
    /// What must be known before the candidates are believed, or that there are none.
    pub cautions: &'a [String],
    /// What the coordinates mean.
    pub coordinates: Coordinates,
    /// What members are in that are not in the units of their names: member -> unit, those of candidates as they are.
    pub units: Option<Value>,
}

/// Candidates of a run outside the record as one FeatureCollection; their ids count from 1 in order.
pub fn run_collection(run: &Run<'_>, candidates: &[NewCandidate]) -> Value {
    let features: Vec<Value> = candidates
        .iter()
        .enumerate()
        .map(|(index, found)| {
            let mut properties =
                serde_json::to_value(FoundProperties::of(found)).expect("properties are plain data");
            let members = properties.as_object_mut().expect("a struct is an object");
            members.insert("state".to_owned(), json!("pending"));
            members.insert("before".to_owned(), json!(run.before));
            members.insert("after".to_owned(), json!(run.after));
            members.insert("detector".to_owned(), json!(run.detector));
            let geometry = match run.coordinates {
                Coordinates::LonLat => polygon_value(&found.outline),
                Coordinates::Pixels => plain_polygon_value(&found.outline),
            };
            feature(&(index + 1).to_string(), geometry, properties)
        })
        .collect();
    let mut collection = Map::new();
    collection.insert("type".to_owned(), json!("FeatureCollection"));
    collection.insert("fit".to_owned(), json!(run.fit));
    collection.insert("detector".to_owned(), json!(run.detector));
    collection.insert("cautions".to_owned(), json!(run.cautions));
    if run.coordinates == Coordinates::Pixels {
        let meaning = "pixels right and up from the lower left corner: the images carry no georeference";
        collection.insert("coordinates".to_owned(), json!(meaning));
    }
    if let Some(units) = &run.units {
        collection.insert("units".to_owned(), units.clone());
    }
    collection.insert("features".to_owned(), Value::Array(features));
    Value::Object(collection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polygon(rings: Value) -> Value {
        json!({"type": "Polygon", "coordinates": rings})
    }

    #[test]
    fn an_outline_that_stays_is_not_asked_for_its_form_again() {
        let bow_tie = json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]});
        let feature = json!({"type": "Feature", "geometry": bow_tie, "properties": {"site": "plant"}});
        assert!(read_annotation(&feature, Some(&bow_tie)).is_ok());
        assert!(read_annotation(&feature, Some(&Value::Null)).is_err());
        assert!(read_annotation(&feature, None).is_err());
    }

    #[test]
    fn a_ring_that_crosses_itself_is_refused_with_the_place() {
        let bow_tie = polygon(json!([[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0], [0.0, 0.0]]]));
        let error = read_polygon(&bow_tie).unwrap_err();
        assert_eq!(error.to_string(), "ring 0 crosses or touches itself near [1, 1]");
    }

    #[test]
    fn wrong_winding_is_mended() {
        let clockwise = polygon(json!([[[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]]));
        let read = read_polygon(&clockwise).unwrap();
        assert_eq!(read.exterior().0[1], Coord { x: 1.0, y: 0.0 });
    }

    #[test]
    fn faults_name_the_member() {
        for (geometry, message) in [
            (json!(null), "geometry.type is missing but must be \"Polygon\""),
            (json!({"type": "Point"}), "geometry.type is \"Point\" but must be \"Polygon\""),
            (polygon(json!(3)), "geometry.coordinates is 3 but must be an array of rings"),
            (
                polygon(json!([[[0, 0], [1, 0], [1, 1], [0, 1]]])),
                "ring 0 begins at [0, 0] but does not end there",
            ),
            (
                polygon(json!([[[0, 0], [1, 0], ["x", 1], [0, 0]]])),
                "geometry.coordinates[0][2] is an array but must be [longitude, latitude]",
            ),
            (
                polygon(json!([[[0, 0], [190, 0], [1, 1], [0, 0]]])),
                "geometry has position [190, 0] but longitude must be within -180 to 180 and latitude within -90 to 90",
            ),
        ] {
            assert_eq!(read_polygon(&geometry).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn outlines_in_pixels_know_no_antimeridian() {
        let ring = vec![(150.0, 10.0), (400.0, 10.0), (400.0, 90.0), (150.0, 90.0), (150.0, 10.0)];
        let found = NewCandidate {
            outline: Polygon::new(ring.into(), Vec::new()),
            change: crate::Change::New,
            score: Some(0.9),
            area_m2: 20_000.0,
            length_m: 250.0,
            width_m: 80.0,
            orientation_deg: 90.0,
            evidence: Default::default(),
        };
        let fit = Fit {
            shift_east_m: 0.0,
            shift_north_m: 0.0,
            residual_m: None,
            valid_share: 1.0,
            registrable: true,
            reason: None,
        };
        let detector = Detector { name: "research".to_owned(), version: "1".to_owned(), model_sha256: None };
        let geometry = |coordinates: Coordinates| {
            let run = Run {
                before: "a",
                after: "b",
                detector: &detector,
                fit: &fit,
                cautions: &[],
                coordinates,
                units: None,
            };
            run_collection(&run, std::slice::from_ref(&found))["features"][0]["geometry"].clone()
        };
        let pixels = geometry(Coordinates::Pixels);
        assert_eq!(pixels["type"], "Polygon");
        assert_eq!(pixels["coordinates"][0].as_array().unwrap().len(), 5);
        assert!(pixels["coordinates"][0].as_array().unwrap().contains(&json!([400.0, 90.0])), "{pixels}");
        assert_eq!(geometry(Coordinates::LonLat)["type"], "MultiPolygon");
    }

    #[test]
    fn an_outline_that_was_cut_at_the_antimeridian_is_one_and_is_cut_again() {
        let part = |west: f64, east: f64, south: f64| {
            json!([[[west, south], [east, south], [east, south + 1.0], [west, south + 1.0], [west, south]]])
        };
        let cut = |parts: Value| json!({"type": "MultiPolygon", "coordinates": parts});
        let given = cut(json!([part(179.5, 180.0, -17.0), part(-180.0, -179.0, -17.0)]));
        let whole = read_polygon(&given).unwrap();
        assert_eq!(bounds(&whole), [179.5, -17.0, -179.0, -16.0]);
        assert_eq!(flat_bounds(&whole), [-180.0, -17.0, 180.0, -16.0]);
        // 1.5 degrees of 106 km by one of 111 km
        let area_km2 = geodesic_area_m2(&whole) / 1e6;
        assert!((17_600.0..17_800.0).contains(&area_km2), "{area_km2}");
        let written = polygon_value(&whole);
        assert_eq!(written["type"], "MultiPolygon");
        assert_eq!(read_polygon(&written).unwrap(), stored_polygon(&written).unwrap());
        assert_eq!(
            polygon_value(&read_polygon(&written).unwrap())["coordinates"].as_array().unwrap().len(),
            2
        );
        let apart = cut(json!([part(179.5, 180.0, -17.0), part(-180.0, -179.0, 3.0)]));
        assert!(read_polygon(&apart).unwrap_err().to_string().contains("meet along the antimeridian"));
        let corner = cut(json!([part(179.5, 180.0, -17.0), part(-180.0, -179.0, -16.0)]));
        assert!(read_polygon(&corner).is_err(), "a corner is not enough");
        let alone = read_polygon(&cut(json!([part(179.5, 180.0, -17.0)]))).unwrap();
        assert_eq!(bounds(&alone), [179.5, -17.0, 180.0, -16.0]);
    }

    #[test]
    fn a_site_survives_the_round_trip() {
        let area = read_polygon(&polygon(json!([[[0, 0], [1, 0], [1, 1], [0, 0]]]))).unwrap();
        site_survives(area);
        let across = [[179.0, 0.0], [181.0, 0.0], [181.0, 1.0], [180.0, 1.0], [179.0, 1.0], [179.0, 0.0]];
        let across = Polygon::new(across.into_iter().collect(), Vec::new());
        let once = stored_polygon(&polygon_value(&across)).unwrap();
        site_survives(once);
    }

    fn site_survives(area: Polygon<f64>) {
        let site = Site {
            id: SiteId("plant".to_owned()),
            name: "Plant".to_owned(),
            parent: Some(SiteId("complex".to_owned())),
            tags: vec!["steel".to_owned()],
            area,
            created: Timestamp::UNIX_EPOCH,
            updated: Timestamp::UNIX_EPOCH,
            revision: 3,
        };
        assert_eq!(site_from_feature(&site_feature(&site)).unwrap(), site);
    }
}
