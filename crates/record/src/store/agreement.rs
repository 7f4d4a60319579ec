//! Pairs of independent verdicts, gathered for [`crate::agreement`].

use super::{
    Store,
    items::{self, Collection},
    reviews,
};
use crate::{
    agreement::{self, Agreement, Opinion, OpinionPair},
    candidate::Candidate,
    error::RecordError,
    geojson,
    id::{CandidateId, SiteId},
    review::{Review, Verdict, last_words},
};

/// Most candidates that an agreement is told over, newest first.
const AGREEMENT_CANDIDATES_MAX: u32 = 20_000;

impl Store {
    /// How far people agree who looked at the same candidates of a detector independently: of a site, or everywhere.
    ///
    /// # Errors
    /// When the site is not there.
    pub fn agreement(&self, site: Option<&SiteId>) -> Result<Agreement, RecordError> {
        let reader = self.read()?;
        if let Some(site) = site {
            items::stored(&reader, Collection::Sites, site.as_str())?;
        }
        // the reviews lead, of which there are fewer than candidates
        let mut statement = reader.prepare_cached(
            "SELECT item.id, item.feature FROM review CROSS JOIN item ON item.id = review.candidate
             WHERE item.collection = 'candidates' AND (?1 IS NULL OR item.site = ?1) AND review.undone = 0
             GROUP BY item.n HAVING count(DISTINCT json_extract(review.document, '$.actor')) > 1
             ORDER BY item.n DESC LIMIT ?2",
        )?;
        let rows = statement
            .query_map((site.map(SiteId::as_str), AGREEMENT_CANDIDATES_MAX), |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let mut pairs = Vec::new();
        for (id, text) in rows {
            let candidate = items::read("candidate", &id, &text, geojson::candidate_from_feature)?;
            // who drew it had said what it is before there was a question, and the second started from that outline
            if candidate.is_drawn() {
                continue;
            }
            let reviews = reviews::reviews_of(&reader, &CandidateId(id))?;
            pairs.extend(pair(&candidate, &reviews)?);
        }
        Ok(agreement::agreement(&pairs))
    }
}

/// The last independent verdicts that stand, of the first two people: what somebody said after they saw what the
/// other had said is left out.
fn pair(candidate: &Candidate, reviews: &[Review]) -> Result<Option<OpinionPair>, RecordError> {
    let independent: Vec<Review> = reviews.iter().filter(|review| review.independent).cloned().collect();
    let [first, second, ..] = last_words(&independent)[..] else { return Ok(None) };
    Ok(Some(OpinionPair {
        candidate: candidate.id.clone(),
        comparison: candidate.comparison.clone(),
        first: opinion(candidate, first)?,
        second: opinion(candidate, second)?,
    }))
}

fn opinion(candidate: &Candidate, review: &Review) -> Result<Opinion, RecordError> {
    Ok(Opinion {
        person: review.actor.clone(),
        verdict: review.verdict,
        structure_type: review.structure_type.clone().filter(|_| review.verdict == Verdict::Confirm),
        outline: review.outline()?.unwrap_or_else(|| candidate.found.outline.clone()),
    })
}
