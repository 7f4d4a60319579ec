//! Sites.

use geo::Polygon;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    GeoJsonError, NAME_CHARACTERS_MAX, TAGS_MAX, feature,
    geometry::{polygon_value, read_polygon, stored_polygon},
    id_of,
    members::{must_be_feature, optional_text, text},
    properties,
};
use crate::{id::SiteId, site::Site};

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_site_survives_the_round_trip() {
        let area =
            read_polygon(&json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}))
                .unwrap();
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
