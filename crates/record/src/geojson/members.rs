//! Members of features that come from outside: texts, words and times.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{GeoJsonError, NAME_CHARACTERS_MAX};
use crate::time::time_of;

/// Asks for a GeoJSON Feature.
///
/// # Errors
/// When the value is something else.
pub fn must_be_feature(feature: &Value) -> Result<(), GeoJsonError> {
    if feature["type"] != "Feature" {
        return Err(GeoJsonError::member("type", &feature["type"], "\"Feature\""));
    }
    if !feature["properties"].is_object() {
        return Err(GeoJsonError::member("properties", &feature["properties"], "an object"));
    }
    Ok(())
}

/// A text that is there, not too long, and of characters that every format can hold.
///
/// # Errors
/// When it is missing, blank or longer than `characters_max`, or has a control character other than tabs and line
/// breaks, U+FFFE or U+FFFF.
pub fn text(member: &str, value: &Value, characters_max: usize) -> Result<String, GeoJsonError> {
    let text = match value.as_str() {
        Some(text) if !text.trim().is_empty() && text.chars().count() <= characters_max => text,
        _ => {
            let wanted = format!("a text of 1 to {characters_max} characters");
            return Err(GeoJsonError::member(member, value, &wanted));
        }
    };
    match text.chars().enumerate().find(|(_, character)| !is_of_text(*character)) {
        None => Ok(text.trim().to_owned()),
        Some((at, character)) => Err(GeoJsonError::Member {
            member: member.to_owned(),
            got: format!("a text with U+{:04X} at character {at}", u32::from(character)),
            wanted: "without control characters but for tabs and line breaks".to_owned(),
        }),
    }
}

/// Whether a character may be in a text: not control characters other than tabs and line breaks, nor U+FFFE and U+FFFF,
/// which XML 1.0 does not hold.
fn is_of_text(character: char) -> bool {
    let is_control = character.is_control() && !matches!(character, '\t' | '\n' | '\r');
    !is_control && !matches!(character, '\u{FFFE}' | '\u{FFFF}')
}

/// A text that may be missing; blank counts as missing.
///
/// # Errors
/// When it is something else, or longer than `characters_max`.
pub fn optional_text(
    member: &str,
    value: &Value,
    characters_max: usize,
) -> Result<Option<String>, GeoJsonError> {
    match value {
        Value::Null => Ok(None),
        Value::String(blank) if blank.chars().all(|space| space.is_whitespace() && is_of_text(space)) => {
            Ok(None)
        }
        value => text(member, value, characters_max).map(Some),
    }
}

/// A word of an enumeration that may be missing.
pub(super) fn optional_word<T: DeserializeOwned>(
    member: &str,
    value: &Value,
    wanted: &str,
) -> Result<Option<T>, GeoJsonError> {
    let wrong = || GeoJsonError::member(member, value, wanted);
    match value {
        Value::Null => Ok(None),
        Value::String(_) => serde_json::from_value(value.clone()).map(Some).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// A time that may be missing; blank counts as missing.
pub(super) fn optional_time(member: &str, value: &Value) -> Result<Option<Timestamp>, GeoJsonError> {
    let wrong = || GeoJsonError::member(member, value, "an RFC 3339 time");
    let text = optional_text(member, value, NAME_CHARACTERS_MAX)?;
    text.map(|text| time_of(&text).ok_or_else(wrong)).transpose()
}
