//! Annotations.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    GeoJsonError, NAME_CHARACTERS_MAX, NOTE_CHARACTERS_MAX, feature,
    geometry::{polygon_value, read_polygon, rounded, stored_outline, stored_polygon},
    id_of,
    members::{must_be_feature, optional_text, optional_time, optional_word, text},
    properties,
};
use crate::{
    annotation::{Annotation, AnnotationDraft},
    candidate::Change,
    error::RecordError,
    id::{AnnotationId, CandidateId, SiteId},
};

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_outline_that_stays_is_not_asked_for_its_form_again() {
        let bow_tie = json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]});
        let feature = json!({"type": "Feature", "geometry": bow_tie, "properties": {"site": "plant"}});
        assert!(read_annotation(&feature, Some(&bow_tie)).is_ok());
        assert!(read_annotation(&feature, Some(&Value::Null)).is_err());
        assert!(read_annotation(&feature, None).is_err());
    }
}
