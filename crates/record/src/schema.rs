//! What properties the features of a collection have: the one list behind queryables, schemas,
//! property filters and CQL2.

use crate::store::Collection;

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// An RFC 3339 time.
    Time,
    /// A list of texts.
    Texts,
    /// A JSON object; cannot be asked for.
    Document,
    /// A list of JSON objects; cannot be asked for.
    Documents,
}

/// Who sets a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    /// Clients, in POST, PUT and PATCH.
    Client,
    /// The server alone.
    Server,
}

/// A property of the features of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name, as in `properties` of a feature.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Who sets it.
    pub set_by: SetBy,
}

const CHANGE: Kind = Kind::Words(&["new", "removed", "altered"]);
const CONFIDENCE: Kind = Kind::Words(&["low", "moderate", "high"]);
const STATE: Kind = Kind::Words(&["pending", "confirmed", "rejected", "unsure", "bad-imagery"]);
const STATUS: Kind = Kind::Words(&["draft", "confirmed", "disputed", "withdrawn"]);

const fn client(name: &'static str, title: &'static str, kind: Kind) -> Property {
    Property { name, title, kind, set_by: SetBy::Client }
}

const fn server(name: &'static str, title: &'static str, kind: Kind) -> Property {
    Property { name, title, kind, set_by: SetBy::Server }
}

const SITES: &[Property] = &[
    client("name", "Name", Kind::Text),
    client("parent", "The larger site", Kind::Text),
    client("tags", "Tags", Kind::Texts),
    server("created", "First recorded", Kind::Time),
    server("updated", "Last changed", Kind::Time),
    server("revision", "Number of changes, from 1", Kind::Integer),
];

const CANDIDATES: &[Property] = &[
    server("site", "Site", Kind::Text),
    server("comparison", "Comparison", Kind::Text),
    server("before", "Scene of the first date", Kind::Text),
    server("after", "Scene of the second date", Kind::Text),
    server("before_datetime", "First date", Kind::Time),
    server("after_datetime", "Second date", Kind::Time),
    server("state", "State of the review", STATE),
    server("change", "What happened to the structure", CHANGE),
    server("score", "Calibrated chance of being real, 0 to 1; none where a person drew it", Kind::Number),
    server("area_m2", "Area in square metres", Kind::Number),
    server("length_m", "Length in metres", Kind::Number),
    server("width_m", "Width in metres", Kind::Number),
    server("orientation_deg", "Direction of the long side, degrees from north", Kind::Number),
    server("evidence", "Numbers behind the score", Kind::Document),
    server("detector", "Detector that spoke", Kind::Document),
];

const ANNOTATIONS: &[Property] = &[
    client("site", "Site", Kind::Text),
    server("candidate", "Candidate it was made from", Kind::Text),
    client("structure_type", "Type of structure, an id of the taxonomy", Kind::Text),
    client("change", "What happened to the structure", CHANGE),
    client("title", "Title", Kind::Text),
    client("note", "Note", Kind::Text),
    client("confidence", "Analytic confidence", CONFIDENCE),
    client("start_datetime", "Last image without it", Kind::Time),
    client("end_datetime", "First image with it", Kind::Time),
    server("area_m2", "Geodesic area in square metres", Kind::Number),
    server("sources", "Images it rests on, with their SHA-256", Kind::Documents),
    server("status", "Status", STATUS),
    server("created", "First recorded", Kind::Time),
    server("created_by", "Who recorded it", Kind::Text),
    server("updated", "Last changed", Kind::Time),
    server("revision", "Number of changes, from 1", Kind::Integer),
];

/// A property of a scene's item that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SceneProperty {
    /// Its name, as in `properties` of the item, and what it holds.
    pub property: Property,
    /// Where the scene's document has it.
    pub(crate) path: &'static str,
}

const fn scene(name: &'static str, title: &'static str, kind: Kind, path: &'static str) -> SceneProperty {
    SceneProperty { property: client(name, title, kind), path }
}

/// What scenes can be asked for, beside `id`, `collection` and `geometry`, under the names that STAC gives.
pub const SCENES: &[SceneProperty] = &[
    scene("datetime", "When the image was taken", Kind::Time, "datetime"),
    scene("created", "First recorded", Kind::Time, "created"),
    scene("updated", "Last changed", Kind::Time, "updated"),
    scene("title", "Title", Kind::Text, "title"),
    scene("description", "Description", Kind::Text, "description"),
    scene("platform", "Satellite, aircraft or other carrier", Kind::Text, "platform"),
    scene("constellation", "Group of carriers", Kind::Text, "constellation"),
    scene("mission", "Mission", Kind::Text, "mission"),
    scene("instruments", "Sensors", Kind::Texts, "instruments"),
    scene("license", "Licence", Kind::Text, "license"),
    scene("gsd", "Ground sample distance in metres", Kind::Number, "raster.gsd_m"),
    scene("proj:code", "Coordinate reference system", Kind::Text, "raster.crs"),
    scene("eo:cloud_cover", "Share under cloud, percent", Kind::Number, "cloud_cover_percent"),
    scene("view:off_nadir", "Angle from straight down, degrees", Kind::Number, "off_nadir_deg"),
    scene("view:incidence_angle", "Angle from the zenith, degrees", Kind::Number, "incidence_deg"),
    scene("view:azimuth", "Direction to the carrier, degrees", Kind::Number, "azimuth_deg"),
    scene("view:sun_azimuth", "Direction to the sun, degrees", Kind::Number, "sun_azimuth_deg"),
    scene("view:sun_elevation", "Height of the sun, degrees", Kind::Number, "sun_elevation_deg"),
];

/// Properties of the features of a collection, in the order in which they are written.
pub fn properties(collection: Collection) -> &'static [Property] {
    match collection {
        Collection::Sites => SITES,
        Collection::Candidates => CANDIDATES,
        Collection::Annotations => ANNOTATIONS,
    }
}

/// Properties that filters may name.
pub fn queryables(collection: Collection) -> impl Iterator<Item = &'static Property> {
    properties(collection)
        .iter()
        .filter(|property| !matches!(property.kind, Kind::Document | Kind::Documents))
}

/// Names of the properties that hold the ends of a feature's time.
pub fn time_properties(collection: Collection) -> [&'static str; 2] {
    match collection {
        Collection::Sites => ["created", "created"],
        Collection::Candidates => ["before_datetime", "after_datetime"],
        Collection::Annotations => ["start_datetime", "end_datetime"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words_that_need_no_quoting() {
        for property in Collection::ALL.into_iter().flat_map(properties) {
            assert!(property.name.bytes().all(|byte| byte.is_ascii_lowercase() || b"_2".contains(&byte)));
        }
    }
}
