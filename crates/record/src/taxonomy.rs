//! Words for what a structure is.

use serde::{Deserialize, Serialize};

/// A kind of structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StructureType {
    /// Short stable name, as annotations hold it.
    pub id: String,
    /// Name for people.
    pub label: String,
    /// Key that picks it on the review page.
    pub key: Option<String>,
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
