//! Words for what a structure is.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    error::RecordError,
    geojson::{self, NAME_CHARACTERS_MAX},
    id::{SLUG_LEN_MAX, is_slug},
};

/// Most types in the taxonomy.
pub const STRUCTURE_TYPES_MAX: usize = 100;

/// Subject of the events that change the taxonomy.
pub(crate) const SUBJECT: &str = "taxonomy/structure-types";

/// A kind of structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructureType {
    /// Short stable name, as annotations hold it.
    pub id: String,
    /// Name for people.
    pub label: String,
    /// Key that picks it on the review page.
    pub key: Option<String>,
}

/// The kinds of structures in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taxonomy {
    /// Counts its changes from 1.
    pub revision: u64,
    /// The kinds.
    pub types: Vec<StructureType>,
}

/// Kinds as a client gave them, which may stand together in a taxonomy; blanks around labels are cut off.
///
/// # Errors
/// When there are none or too many, an id is no slug, an id or a key is there twice, a label is blank, too long or has
/// control characters, or a key is not a letter or digit.
pub(crate) fn checked(mut types: Vec<StructureType>) -> Result<Vec<StructureType>, RecordError> {
    if !(1..=STRUCTURE_TYPES_MAX).contains(&types.len()) {
        return wrong("types", types.len().to_string(), format!("1 to {STRUCTURE_TYPES_MAX}"));
    }
    let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
    for kind in &mut types {
        if !is_slug(&kind.id) {
            let wanted = format!("1 to {SLUG_LEN_MAX} of a-z, 0-9 and -, not beginning or ending with -");
            return wrong("types.id", format!("{:?}", kind.id), wanted);
        }
        if !ids.insert(kind.id.clone()) {
            return wrong("types.id", format!("{:?} twice", kind.id), "another for each type".to_owned());
        }
        let Ok(label) = geojson::text("label", &json!(kind.label), NAME_CHARACTERS_MAX) else {
            let wanted =
                format!("a text of 1 to {NAME_CHARACTERS_MAX} characters without control characters");
            return wrong("types.label", format!("{:?} of {}", kind.label, kind.id), wanted);
        };
        kind.label = label;
        let Some(key) = &kind.key else { continue };
        if !matches!(key.as_bytes(), [b'a'..=b'z' | b'0'..=b'9']) {
            return wrong("types.key", format!("{key:?}"), "one of a-z and 0-9, or null".to_owned());
        }
        if !keys.insert(key.clone()) {
            return wrong("types.key", format!("{key:?} twice"), "another for each type".to_owned());
        }
    }
    Ok(types)
}

fn wrong<T>(field: &'static str, got: String, wanted: String) -> Result<T, RecordError> {
    Err(RecordError::Invalid { field, got, wanted })
}

/// The kinds a new store begins with; they can be edited.
pub fn default_structure_types() -> Vec<StructureType> {
    [
        ("assembly-hall", "Assembly hall", "a"),
        ("warehouse", "Warehouse", "w"),
        ("housing", "Housing", "h"),
        ("office", "Administration or office", "o"),
        ("shed", "Shed or small building", "s"),
        ("storage-tank", "Storage tank", "t"),
        ("tower", "Tower or chimney", "c"),
        ("bunker", "Bunker or earth-covered building", "b"),
        ("greenhouse", "Greenhouse", "g"),
        ("power", "Power or cooling plant", "p"),
        ("wall", "Wall or security perimeter", "l"),
        ("road", "Road or paved area", "r"),
        ("construction-site", "Construction site", "x"),
        ("other", "Other structure", "z"),
    ]
    .map(|(id, label, key)| StructureType {
        id: id.to_owned(),
        label: label.to_owned(),
        key: Some(key.to_owned()),
    })
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Vec<StructureType>)) -> String {
        let mut types = default_structure_types();
        change(&mut types);
        checked(types).unwrap_err().to_string()
    }

    #[test]
    fn the_first_taxonomy_is_one_that_may_be_given() {
        assert_eq!(checked(default_structure_types()).unwrap(), default_structure_types());
    }

    #[test]
    fn types_that_cannot_stand_together_are_refused_with_the_member() {
        assert_eq!(refused(Vec::clear), "types is 0 but must be 1 to 100");
        assert!(
            refused(|types| types[0].id = "Assembly hall".to_owned()).starts_with("types.id is \"Assembly")
        );
        assert!(refused(|types| types[1].id = "shed".to_owned()).starts_with("types.id is \"shed\" twice"));
        assert!(
            refused(|types| types[0].label = " ".to_owned()).starts_with("types.label is \" \" of assembly")
        );
        assert!(refused(|types| types[0].key = Some("ab".to_owned())).starts_with("types.key is \"ab\" but"));
        assert!(refused(|types| types[0].key = Some("w".to_owned())).starts_with("types.key is \"w\" twice"));
        let many = |types: &mut Vec<StructureType>| {
            types.extend((0..STRUCTURE_TYPES_MAX).map(|number| StructureType {
                id: format!("type-{number}"),
                label: "Type".to_owned(),
                key: None,
            }));
        };
        assert_eq!(refused(many), "types is 114 but must be 1 to 100");
    }
}
