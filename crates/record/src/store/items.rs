//! Features of the three collections: written with their text ready to be served.

use rusqlite::{OptionalExtension, Row, params, params_from_iter};
use serde_json::Value;

use super::{Store, Writing, condition::Sql, read_document, sight, writer::Transaction};
use crate::{
    Timestamp,
    annotation::Annotation,
    blobs::Sha256Hex,
    candidate::Candidate,
    error::RecordError,
    events,
    geojson::{self, GeoJsonError},
    id::SiteId,
    site::Site,
};

/// One of the feature collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Collection {
    /// Places that are watched.
    Sites,
    /// What detectors found.
    Candidates,
    /// What people confirmed.
    Annotations,
}

impl Collection {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Collection; 3] = [Collection::Sites, Collection::Candidates, Collection::Annotations];

    /// Name as in the address of the collection.
    pub fn as_str(self) -> &'static str {
        match self {
            Collection::Sites => "sites",
            Collection::Candidates => "candidates",
            Collection::Annotations => "annotations",
        }
    }

    /// Name of one thing in it.
    pub fn singular(self) -> &'static str {
        match self {
            Collection::Sites => "site",
            Collection::Candidates => "candidate",
            Collection::Annotations => "annotation",
        }
    }

    fn subject(self, id: &str) -> String {
        format!("{}/{id}", self.singular())
    }
}

/// What a change to a thing was based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Whatever is there.
    Any,
    /// This revision and no other.
    Revision(u64),
}

/// A stored feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Counts its changes from 1.
    pub revision: u64,
    /// Its strong validator: SHA-256 of the text, or where the text hides something another one, which is not made of
    /// what is hidden.
    pub sha256: String,
    /// The GeoJSON feature.
    pub feature: String,
}

impl Item {
    /// A site or an annotation as it is stored, for who has just written it: read anew it might be what somebody else has made
    /// of it since.
    pub fn of(id: &str, revision: u64, feature: &Value) -> Item {
        let feature = feature.to_string();
        let sha256 = Sha256Hex::of(feature.as_bytes()).to_string();
        Item { id: id.to_owned(), revision, sha256, feature }
    }

    /// The feature as JSON.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.feature).expect("stored features are JSON that this crate wrote")
    }

    /// The site that it is a feature of.
    ///
    /// # Errors
    /// When it is none.
    pub fn site(&self) -> Result<Site, RecordError> {
        read("site", &self.id, &self.feature, geojson::site_from_feature)
    }

    /// The same for a candidate.
    pub(super) fn candidate(&self) -> Result<Candidate, RecordError> {
        read("candidate", &self.id, &self.feature, geojson::candidate_from_feature)
    }

    /// The same for an annotation.
    pub(super) fn annotation(&self) -> Result<Annotation, RecordError> {
        read("annotation", &self.id, &self.feature, geojson::annotation_from_feature)
    }
}

/// Reads a stored feature: that it cannot be read is no fault of who asks.
pub(super) fn read<T>(
    what: &'static str,
    id: &str,
    feature: &str,
    from: fn(&Value) -> Result<T, GeoJsonError>,
) -> Result<T, RecordError> {
    let value: Value = read_document(what, id, feature)?;
    from(&value).map_err(|source| RecordError::StoredFeature { what, id: id.to_owned(), source })
}

impl Store {
    /// Reads one feature.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn item(&self, collection: Collection, id: &str) -> Result<Item, RecordError> {
        stored(&*self.read()?, collection, id)
    }

    /// Reads one feature as a person may see it ([`crate::Actor::reader`]).
    ///
    /// # Errors
    /// When there is none of that id that the person may see.
    pub fn item_seen_by(
        &self,
        reader: Option<&str>,
        collection: Collection,
        id: &str,
    ) -> Result<Item, RecordError> {
        let connection = self.read()?;
        // one snapshot for what is hidden and the row
        let snapshot = connection.unchecked_transaction()?;
        let seen = sight::items_seen_by(&snapshot, reader)?;
        stored_in(&snapshot, &seen, collection, id)
    }

    /// The same for a feature that may have been withdrawn meanwhile.
    ///
    /// # Errors
    /// When there never was one of that id that the person may see.
    pub fn item_ever_seen_by(
        &self,
        reader: Option<&str>,
        collection: Collection,
        id: &str,
    ) -> Result<Item, RecordError> {
        let connection = self.read()?;
        let snapshot = connection.unchecked_transaction()?;
        let seen = sight::items_seen_by(&snapshot, reader)?;
        stored_ever(&snapshot, &seen, collection, id)
    }

    /// Who changed a feature last, and when.
    ///
    /// # Errors
    /// When there never was one of that id.
    pub fn last_change(&self, collection: Collection, id: &str) -> Result<(String, Timestamp), RecordError> {
        self.read()?
            .prepare_cached(
                "SELECT event.actor, event.time FROM item JOIN event ON event.seq = item.event
                 WHERE item.collection = ?1 AND item.id = ?2",
            )?
            .query_row((collection.as_str(), id), |row| Ok((row.get(0)?, events::time_from_row(row, 1)?)))
            .optional()?
            .ok_or_else(|| RecordError::NotFound { what: collection.singular(), id: id.to_owned() })
    }
}

pub(super) fn item_from_row(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item { id: row.get(0)?, revision: row.get(1)?, sha256: row.get(2)?, feature: row.get(3)? })
}

/// Reads a visible feature.
pub(super) fn stored(
    connection: &rusqlite::Connection,
    collection: Collection,
    id: &str,
) -> Result<Item, RecordError> {
    stored_in(connection, &sight::everything(), collection, id)
}

/// Reads a visible feature among rows that somebody may see.
fn stored_in(
    connection: &rusqlite::Connection,
    seen: &Sql,
    collection: Collection,
    id: &str,
) -> Result<Item, RecordError> {
    one(connection, &Sql::of("{} WHERE hidden = 0", &[seen]), collection, id)
}

/// Reads a feature, withdrawn or not, among rows that somebody may see.
pub(super) fn stored_ever(
    connection: &rusqlite::Connection,
    seen: &Sql,
    collection: Collection,
    id: &str,
) -> Result<Item, RecordError> {
    one(connection, &Sql::of("{} WHERE 1", &[seen]), collection, id)
}

fn one(
    connection: &rusqlite::Connection,
    rows: &Sql,
    collection: Collection,
    id: &str,
) -> Result<Item, RecordError> {
    let collection_name = Sql::bound(collection.as_str().to_owned());
    let sql = Sql::of(
        "SELECT id, revision, sha256, feature FROM {} AND collection = {} AND id = {}",
        &[rows, &collection_name, &Sql::bound(id.to_owned())],
    );
    connection
        .prepare_cached(&sql.text)?
        .query_row(params_from_iter(&sql.values), item_from_row)
        .optional()?
        .ok_or_else(|| RecordError::NotFound { what: collection.singular(), id: id.to_owned() })
}

/// Asks that a feature is at the revision that a change was based on.
pub(super) fn must_match(collection: Collection, item: &Item, if_match: IfMatch) -> Result<(), RecordError> {
    match if_match {
        IfMatch::Revision(given) if given != item.revision => Err(RecordError::Stale {
            what: collection.singular(),
            id: item.id.clone(),
            current: item.revision,
            given,
        }),
        _ => Ok(()),
    }
}

/// A feature to be written with what its row needs beside it.
pub(super) struct Written<'a> {
    pub(super) collection: Collection,
    pub(super) id: &'a str,
    pub(super) site: &'a SiteId,
    pub(super) comparison: Option<&'a str>,
    pub(super) candidate: Option<&'a str>,
    pub(super) state: Option<String>,
    pub(super) revision: u64,
    pub(super) hidden: bool,
    pub(super) start_ms: Option<i64>,
    pub(super) end_ms: Option<i64>,
    pub(super) bounds: [f64; 4],
    pub(super) feature: Value,
}

impl Written<'_> {
    /// Appends the event that holds the feature, and writes the feature: new, or over the one of its id.
    pub(super) fn write(self, writing: &Writing<'_>, kind: &str) -> Result<(), RecordError> {
        let event = writing.event(
            &self.collection.subject(self.id),
            kind,
            &serde_json::json!({"hidden": self.hidden, "feature": &self.feature}),
        )?;
        self.write_under(writing, event)
    }

    /// Writes the feature under an event that holds it already.
    pub(super) fn write_under(self, writing: &Writing<'_>, event: u64) -> Result<(), RecordError> {
        let text = self.feature.to_string();
        let [minx, miny, maxx, maxy] = self.bounds;
        writing
            .transaction
            .prepare_cached(
                "INSERT INTO item (collection, id, site, comparison, candidate, state, revision, hidden,
                                   start_ms, end_ms, minx, miny, maxx, maxy, sha256, event, feature)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
                 ON CONFLICT (collection, id) DO UPDATE SET
                     state = excluded.state, revision = excluded.revision, hidden = excluded.hidden,
                     start_ms = excluded.start_ms, end_ms = excluded.end_ms,
                     minx = excluded.minx, miny = excluded.miny, maxx = excluded.maxx, maxy = excluded.maxy,
                     sha256 = excluded.sha256, event = excluded.event, feature = excluded.feature",
            )?
            .execute(params![
                self.collection.as_str(),
                self.id,
                self.site.as_str(),
                self.comparison,
                self.candidate,
                self.state,
                self.revision,
                self.hidden,
                self.start_ms,
                self.end_ms,
                minx,
                miny,
                maxx,
                maxy,
                Sha256Hex::of(text.as_bytes()).as_str(),
                event,
                text,
            ])?;
        Ok(())
    }
}

/// Whether a feature of that id was ever written, visible or not.
pub(super) fn is_taken(
    transaction: &Transaction<'_>,
    collection: Collection,
    id: &str,
) -> Result<bool, RecordError> {
    Ok(transaction
        .prepare_cached("SELECT 1 FROM item WHERE collection = ?1 AND id = ?2")?
        .exists((collection.as_str(), id))?)
}

/// Serde's word for a plain enum value.
pub(super) fn word(value: impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned))
}

pub(super) fn polygon_bounds(polygon: &geo::Polygon<f64>) -> [f64; 4] {
    geojson::flat_bounds(polygon)
}

#[cfg(test)]
mod tests {
    use serde::{Serialize, de::DeserializeOwned};

    use super::*;
    use crate::{
        agreement::{Opinion, OpinionPair, agreement},
        annotation::{AnnotationStatus, Confidence},
        candidate::{CandidateState, Change},
        id::{CandidateId, ComparisonId},
        review::Verdict,
        schema::{Kind, properties},
    };

    /// Serde's words for all values of a plain enum, in their order, as it tells them to who has another word.
    fn words<T: Serialize + DeserializeOwned>() -> Vec<String> {
        let refused = serde_json::from_value::<T>("?".into()).err().unwrap().to_string();
        // every other piece between backquotes is a word; the first is the one that was refused
        let words: Vec<String> = refused.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        let again = |told: &String| word(serde_json::from_value::<T>(told.as_str().into()).unwrap());
        assert!(words.iter().all(|told| again(told).as_ref() == Some(told)), "{refused}");
        words
    }

    #[test]
    fn what_can_be_asked_for_has_all_words_that_are_written() {
        for (collection, name, wanted) in [
            (Collection::Candidates, "state", words::<CandidateState>()),
            (Collection::Candidates, "change", words::<Change>()),
            (Collection::Annotations, "change", words::<Change>()),
            (Collection::Annotations, "confidence", words::<Confidence>()),
            (Collection::Annotations, "status", words::<AnnotationStatus>()),
        ] {
            let property = properties(collection).iter().find(|property| property.name == name).unwrap();
            assert!(
                matches!(property.kind, Kind::Words(words) if words == wanted),
                "{property:?} {wanted:?}"
            );
        }
    }

    #[test]
    fn agreement_is_told_in_the_words_of_verdicts() {
        let wanted = words::<Verdict>();
        let opinion = |verdict: &str| Opinion {
            person: "ann".to_owned(),
            verdict: serde_json::from_value(verdict.into()).unwrap(),
            structure_type: None,
            outline: geo::Polygon::new(geo::LineString::new(Vec::new()), Vec::new()),
        };
        let pair = |verdict: &String| OpinionPair {
            candidate: CandidateId("a".to_owned()),
            comparison: ComparisonId("b".to_owned()),
            first: opinion(verdict),
            second: opinion("reject"),
        };
        let told = agreement(&wanted.iter().map(pair).collect::<Vec<_>>()).verdicts.classes;
        let mut told: Vec<String> = told.into_iter().map(|class| class.class).collect();
        let mut wanted = wanted;
        told.sort();
        wanted.sort();
        assert_eq!(told, wanted);
    }
}
