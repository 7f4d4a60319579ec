//! Writing comparisons with their candidates.

use rusqlite::OptionalExtension;
use serde_json::{Value, json};

use super::{
    Store, Writing,
    items::{self, Collection, Written},
    read_document, read_documents, scenes, sight,
};
use crate::{
    blobs::Sha256Hex,
    candidate::{Candidate, CandidateState, Comparison, Detector, Fit, NewCandidate},
    error::RecordError,
    events::{Actor, Role},
    geojson,
    id::{CandidateId, ComparisonId, SceneId, SiteId},
    scene::Scene,
};

/// What a detector said of two scenes.
#[derive(Clone, Debug, PartialEq)]
pub struct NewComparison {
    /// Scene of the first date.
    pub before: SceneId,
    /// Scene of the second date.
    pub after: SceneId,
    /// How well the images fit.
    pub fit: Fit,
    /// Which detector spoke.
    pub detector: Detector,
    /// What must be known before its candidates are believed, or that there are none.
    pub cautions: Vec<String>,
    /// What it found, best first.
    pub candidates: Vec<NewCandidate>,
}

impl Store {
    /// Records a comparison and all its candidates, or nothing, without a job that found them, as tests do.
    ///
    /// # Errors
    /// When a scene is not there, the scenes cannot be compared, an outline is none, or the role is less than analyst.
    #[doc(hidden)]
    pub fn add_comparison(&self, actor: &Actor, new: NewComparison) -> Result<Comparison, RecordError> {
        actor.must_be(Role::Analyst, "comparing scenes")?;
        must_have_outlines(&new)?;
        self.write(|transaction| added(&Writing::begin(transaction, actor), new))
    }

    /// Reads a comparison.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn comparison(&self, id: &ComparisonId) -> Result<Comparison, RecordError> {
        stored(&*self.read()?, id)
    }

    /// Comparisons of a site, newest first, each with the number of its candidates that wait for a review
    /// by a person ([`crate::Actor::reader`]).
    ///
    /// # Errors
    /// When the site is not there.
    pub fn comparisons(
        &self,
        reader: Option<&str>,
        site: &SiteId,
    ) -> Result<Vec<(Comparison, u64)>, RecordError> {
        let connection = self.read()?;
        items::stored(&connection, Collection::Sites, site.as_str())?;
        let mut statement = connection.prepare_cached(
            "SELECT id, document,
                    coalesce((SELECT items FROM item_pending WHERE item_pending.site = comparison.site
                       AND item_pending.comparison = comparison.id), 0)
                    + (SELECT count(*) FROM item WHERE collection = 'candidates' AND item.site = comparison.site
                       AND item.comparison = comparison.id AND hidden = 0 AND state <> 'pending' AND sole_reviewer <> ?2)
             FROM comparison WHERE site = ?1 ORDER BY n DESC",
        )?;
        let rows = statement
            .query_map((site.as_str(), reader), |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, u64>(2)?))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        rows.iter()
            .map(|(id, text, pending)| Ok((read_document("comparison", id, text)?, *pending)))
            .collect()
    }

    /// Reads a candidate as it is, whoever may see it, as tests do.
    ///
    /// # Errors
    /// When there is none of that id.
    #[doc(hidden)]
    pub fn candidate(&self, id: &CandidateId) -> Result<Candidate, RecordError> {
        self.item(Collection::Candidates, id.as_str())?.candidate()
    }
}

/// Asks that what was found has outlines that a person could have drawn: they are changed and exported as those are.
pub(super) fn must_have_outlines(new: &NewComparison) -> Result<(), RecordError> {
    let check = |(index, found): (usize, &NewCandidate)| {
        geojson::must_be_outline(&found.outline).map_err(|source| RecordError::FoundOutline { index, source })
    };
    new.candidates.iter().enumerate().try_for_each(check)
}

/// Records a comparison and all its candidates, whose outlines were looked at.
pub(super) fn added(writing: &Writing<'_>, new: NewComparison) -> Result<Comparison, RecordError> {
    let [before, after] = comparable(writing.transaction, [&new.before, &new.after])?;
    let comparison = Comparison {
        id: ComparisonId::random(),
        site: before.site.clone(),
        before: before.id,
        after: after.id,
        before_datetime: before.facts.datetime,
        after_datetime: after.facts.datetime,
        fit: new.fit,
        detector: new.detector,
        cautions: new.cautions,
        candidates: new.candidates.len() as u64,
        created: writing.time,
    };
    let candidates: Vec<Candidate> =
        new.candidates.into_iter().map(|found| candidate(&comparison, found)).collect();
    record(writing, &comparison, &candidates)?;
    Ok(comparison)
}

/// Reads two scenes that may be compared: two images of one site, from the earlier to the later.
pub(super) fn comparable(
    connection: &rusqlite::Connection,
    [before, after]: [&SceneId; 2],
) -> Result<[Scene; 2], RecordError> {
    let (before, after) = (scenes::scene(connection, before)?, scenes::scene(connection, after)?);
    let wanted = if before.site != after.site {
        format!("a scene of the site of before ({})", before.site)
    } else if before.id == after.id {
        "another scene than before".to_owned()
    } else if after.facts.datetime < before.facts.datetime {
        format!("a scene taken no earlier than before ({})", before.facts.datetime)
    } else {
        return Ok([before, after]);
    };
    let got = format!("{} of site {}, taken at {}", after.id, after.site, after.facts.datetime);
    Err(RecordError::Invalid { field: "after", got, wanted })
}

pub(super) fn stored(
    connection: &rusqlite::Connection,
    id: &ComparisonId,
) -> Result<Comparison, RecordError> {
    let text: String = connection
        .prepare_cached("SELECT document FROM comparison WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| RecordError::NotFound { what: "comparison", id: id.to_string() })?;
    read_document("comparison", id.as_str(), &text)
}

/// A candidate, taken back or not.
pub(super) fn candidate_ever(
    connection: &rusqlite::Connection,
    id: &CandidateId,
) -> Result<Candidate, RecordError> {
    items::stored_ever(connection, &sight::everything(), Collection::Candidates, id.as_str())?.candidate()
}

/// Comparisons of a site, newest first.
pub(super) fn newest_of_site(
    connection: &rusqlite::Connection,
    site: &SiteId,
) -> Result<Vec<Comparison>, RecordError> {
    let mut statement =
        connection.prepare_cached("SELECT id, document FROM comparison WHERE site = ?1 ORDER BY n DESC")?;
    read_documents("comparison", &mut statement, [site.as_str()])
}

pub(super) fn candidate(comparison: &Comparison, found: NewCandidate) -> Candidate {
    Candidate {
        id: CandidateId::random(),
        site: comparison.site.clone(),
        comparison: comparison.id.clone(),
        before: comparison.before.clone(),
        after: comparison.after.clone(),
        before_datetime: comparison.before_datetime,
        after_datetime: comparison.after_datetime,
        state: CandidateState::Pending,
        detector: comparison.detector.clone(),
        found,
    }
}

/// Writes the rows under one event that holds all of them.
fn record(
    writing: &Writing<'_>,
    comparison: &Comparison,
    candidates: &[Candidate],
) -> Result<(), RecordError> {
    let document = serde_json::to_value(comparison).expect("comparisons are plain data");
    let features: Vec<Value> = candidates.iter().map(geojson::candidate_feature).collect();
    let event = writing.event(
        &format!("comparison/{}", comparison.id),
        "comparison.added",
        &json!({"comparison": document, "candidates": features}),
    )?;
    let text = document.to_string();
    writing
        .transaction
        .prepare_cached(
            "INSERT INTO comparison (id, site, sha256, event, document) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            comparison.id.as_str(),
            comparison.site.as_str(),
            Sha256Hex::of(text.as_bytes()).as_str(),
            event,
            &text,
        ))?;
    for (candidate, feature) in candidates.iter().zip(features) {
        written(candidate, 1, feature).write_under(writing, event)?;
    }
    Ok(())
}

pub(super) fn written(candidate: &Candidate, revision: u64, feature: Value) -> Written<'_> {
    Written {
        collection: Collection::Candidates,
        id: candidate.id.as_str(),
        site: &candidate.site,
        comparison: Some(candidate.comparison.as_str()),
        candidate: None,
        state: items::word(candidate.state),
        revision,
        hidden: false,
        start_ms: Some(candidate.before_datetime.as_millisecond()),
        end_ms: Some(candidate.after_datetime.as_millisecond()),
        bounds: items::polygon_bounds(&candidate.found.outline),
        feature,
    }
}
