//! Keys that let people and programs in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{error::RecordError, events::Role, geojson::NAME_CHARACTERS_MAX, id::TokenId};

/// Letters of a name that cannot be taken that are shown.
const NAME_SHOWN: usize = 40;

/// A token as the store keeps it: without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id, by which it is revoked.
    pub id: TokenId,
    /// Who it is for; the actor of what is done with it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// When it was made.
    pub created: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

/// A token just made: the only moment at which its secret is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// What the store keeps of it.
    pub token: Token,
    /// `stk_` and 64 hex digits: 256 random bits.
    pub secret: String,
}

/// The name of a person, to whom verdicts belong, without blanks around it.
///
/// # Errors
/// When it is blank, longer than [`NAME_CHARACTERS_MAX`] or has a control character.
pub fn person_name(text: &str) -> Result<String, RecordError> {
    let name = text.trim();
    let is_name = (1..=NAME_CHARACTERS_MAX).contains(&name.chars().count());
    if is_name && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(RecordError::Invalid {
        field: "name",
        got: format!("{:?}", text.chars().take(NAME_SHOWN).collect::<String>()),
        wanted: format!("1 to {NAME_CHARACTERS_MAX} characters, no control characters, not only spaces"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_a_name_that_can_be_told_from_others() {
        let longest = "a".repeat(NAME_CHARACTERS_MAX);
        for name in ["ann", "Jan Věrný", longest.as_str()] {
            assert_eq!(person_name(name).unwrap(), name);
        }
        assert_eq!(person_name(" ann ").unwrap(), "ann");
        let too_long = "a".repeat(NAME_CHARACTERS_MAX + 1);
        for name in ["", "  ", "an\tn", "an\nn", "ann\u{7f}", too_long.as_str()] {
            assert!(person_name(name).is_err(), "{name:?}");
        }
    }
}
