//! Places that are watched.

use geo::Polygon;
use jiff::Timestamp;

use crate::id::SiteId;

/// A place that is watched; it may belong to a larger one.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Slug.
    pub id: SiteId,
    /// Name for people.
    pub name: String,
    /// The larger site that this one belongs to.
    pub parent: Option<SiteId>,
    /// Free words to find it by.
    pub tags: Vec<String>,
    /// Area, longitude and latitude in degrees.
    pub area: Polygon<f64>,
    /// When it was recorded.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Counts its changes from 1.
    pub revision: u64,
}
