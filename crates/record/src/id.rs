//! Names of things; a `CandidateId` is not an `AnnotationId`.

use serde::{Deserialize, Serialize};

use crate::error::RecordError;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

macro_rules! random_ids {
    ($($name:ident),+) => {$(
        impl $name {
            /// A new id: 32 lower-case hex digits that sort by the time they were made (UUID version 7).
            pub fn random() -> $name {
                $name(uuid::Uuid::now_v7().simple().to_string())
            }
        }
    )+};
}

ids! {
    /// A site, by slug: 1 to 64 of `a-z`, `0-9` and `-`, not beginning or ending with `-`.
    SiteId,
    /// A scene: one image of a site.
    SceneId,
    /// A comparison of two scenes.
    ComparisonId,
    /// A candidate of a comparison.
    CandidateId,
    /// A review of a candidate.
    ReviewId,
    /// An annotation.
    AnnotationId,
    /// A job.
    JobId,
    /// A token (not its secret).
    TokenId,
}

random_ids!(SceneId, ComparisonId, CandidateId, ReviewId, AnnotationId, JobId, TokenId);

/// Longest slug.
pub const SLUG_LEN_MAX: usize = 64;
/// Most digits of the number behind a slug whose name is taken.
pub(crate) const SITE_NUMBER_DIGITS: u32 = 4;

/// Whether a text is a slug: 1 to [`SLUG_LEN_MAX`] of `a-z`, `0-9` and `-`, not beginning or ending with `-`.
pub(crate) fn is_slug(text: &str) -> bool {
    (1..=SLUG_LEN_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl SiteId {
    /// A slug given by a person.
    ///
    /// # Errors
    /// When it is not a slug.
    pub fn new(slug: &str) -> Result<SiteId, RecordError> {
        if is_slug(slug) {
            return Ok(SiteId(slug.to_owned()));
        }
        Err(RecordError::Invalid {
            field: "id",
            got: format!("{slug:?}"),
            wanted: format!("1 to {SLUG_LEN_MAX} of a-z, 0-9 and -, not beginning or ending with -"),
        })
    }

    /// A slug made from a name: `February 11 plant` becomes `february-11-plant`.
    ///
    /// A name without a single Latin letter or digit gives `site`.
    pub fn from_name(name: &str) -> SiteId {
        let mut slug = String::new();
        for letter in name.chars() {
            if letter.is_ascii_alphanumeric() {
                slug.push(letter.to_ascii_lowercase());
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        // room for a hyphen and a number
        slug.truncate(SLUG_LEN_MAX - 1 - SITE_NUMBER_DIGITS as usize);
        let slug = slug.trim_end_matches('-');
        SiteId(if slug.is_empty() { "site".to_owned() } else { slug.to_owned() })
    }

    /// The slug with a number behind it, for a name that is taken.
    pub fn numbered(&self, number: u32) -> SiteId {
        SiteId(format!("{}-{number}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_slug() {
        assert_eq!(SiteId::from_name("February 11 plant (Hamhung)").as_str(), "february-11-plant-hamhung");
        assert_eq!(SiteId::from_name("함흥").as_str(), "site");
    }

    #[test]
    fn a_path_is_not_a_slug() {
        assert!(SiteId::new("../etc").is_err());
        assert!(SiteId::new("february-11-plant").is_ok());
    }

    #[test]
    fn later_ids_sort_later() {
        let ids: Vec<_> = (0..100).map(|_| JobId::random()).collect();
        assert!(ids.is_sorted());
    }
}
