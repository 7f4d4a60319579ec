//! The Fields extension: which members of items an answer holds.

use serde_json::{Map, Value};

use crate::ApiError;

/// Most fields that a request names.
const FIELDS_MAX: usize = 100;
/// Longest path of a field, bytes.
const FIELD_BYTES_MAX: usize = 200;
/// What every item keeps, so that it can be told what it is.
const ALWAYS: [&str; 4] = ["type", "stac_version", "id", "collection"];
/// What items hold where the request names no field, as the extension recommends.
const DEFAULT: [&str; 9] = [
    "type",
    "stac_version",
    "id",
    "collection",
    "geometry",
    "bbox",
    "links",
    "assets",
    "properties.datetime",
];

/// Which members are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Fields {
    /// All of them.
    #[default]
    All,
    /// All but some.
    Without(Vec<String>),
    /// Some, and of those all but some others.
    Only { kept: Vec<String>, dropped: Vec<String> },
}

impl Fields {
    /// From `fields=+a,b,-c`.
    pub(crate) fn from_text(text: &str) -> Result<Fields, ApiError> {
        let (mut kept, mut dropped) = (Vec::new(), Vec::new());
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name.strip_prefix('-') {
                Some(name) => dropped.push(name.to_owned()),
                None => kept.push(name.trim_start_matches('+').trim().to_owned()),
            }
        }
        let kept = if kept.is_empty() && !dropped.is_empty() { None } else { Some(kept) };
        Fields::of(text, kept, dropped)
    }

    /// From `{"include": [...], "exclude": [...]}`.
    pub(crate) fn from_json(given: &Value) -> Result<Fields, ApiError> {
        let wrong = || {
            let wanted =
                r#"an object with include and exclude, lists of paths such as "properties.datetime""#;
            ApiError::value("fields", given, wanted)
        };
        let members = given.as_object().ok_or_else(wrong)?;
        if members.keys().any(|name| name != "include" && name != "exclude") {
            return Err(wrong());
        }
        let list = |name: &str| match &given[name] {
            Value::Null => Ok(Vec::new()),
            Value::Array(names) => names
                .iter()
                .map(|name| name.as_str().map(|name| name.trim_start_matches('+').to_owned()))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(wrong),
            _ => Err(wrong()),
        };
        let dropped = list("exclude")?;
        let kept = list("include")?;
        let only_dropped = !members.contains_key("include") && !dropped.is_empty();
        Fields::of(&given.to_string(), (!only_dropped).then_some(kept), dropped)
    }

    fn of(given: &str, kept: Option<Vec<String>>, dropped: Vec<String>) -> Result<Fields, ApiError> {
        let named = kept.iter().flatten().chain(&dropped);
        let (count, longest) =
            named.fold((0, 0), |(count, longest), name| (count + 1, name.len().max(longest)));
        if count > FIELDS_MAX || longest > FIELD_BYTES_MAX {
            let wanted = format!("at most {FIELDS_MAX} paths of at most {FIELD_BYTES_MAX} bytes");
            return Err(ApiError::parameter("fields", &given.chars().take(80).collect::<String>(), &wanted));
        }
        Ok(match kept {
            None => Fields::Without(dropped),
            Some(kept) if kept.is_empty() => {
                let kept = DEFAULT.map(str::to_owned);
                Fields::Only {
                    kept: kept.into_iter().filter(|name| !dropped.contains(name)).collect(),
                    dropped,
                }
            }
            Some(kept) => Fields::Only { kept, dropped },
        })
    }

    /// What is left of an item. A field that is both wanted and not wanted is there.
    pub(crate) fn of_item(&self, mut item: Value) -> Value {
        match self {
            Fields::All => item,
            Fields::Without(dropped) => {
                dropped.iter().filter(|path| !is_always(path)).for_each(|path| drop_path(&mut item, path));
                item
            }
            Fields::Only { kept, dropped } => {
                let mut left = Value::Object(Map::new());
                let always = ALWAYS.iter().copied();
                always
                    .chain(kept.iter().map(String::as_str))
                    .for_each(|path| copy_path(&item, &mut left, path));
                let wanted = |path: &String| {
                    is_always(path)
                        || kept.iter().any(|keep| keep == path || keep.starts_with(&format!("{path}.")))
                };
                dropped.iter().filter(|path| !wanted(path)).for_each(|path| drop_path(&mut left, path));
                left
            }
        }
    }
}

fn is_always(path: &str) -> bool {
    ALWAYS.contains(&path)
}

fn copy_path(from: &Value, to: &mut Value, path: &str) {
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let Some(value) = from.get(name) else { return };
    match rest {
        None => to[name] = value.clone(),
        Some(rest) if !has_path(value, rest) => {}
        Some(rest) => {
            if to.get(name).is_none_or(|there| !there.is_object()) {
                to[name] = Value::Object(Map::new());
            }
            copy_path(value, &mut to[name], rest);
        }
    }
}

fn has_path(value: &Value, path: &str) -> bool {
    path.split('.').try_fold(value, |value, name| value.get(name)).is_some()
}

fn drop_path(from: &mut Value, path: &str) {
    match path.split_once('.') {
        Some((name, rest)) => from.get_mut(name).into_iter().for_each(|inner| drop_path(inner, rest)),
        None => {
            from.as_object_mut().map(|members| members.remove(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(text: &str) -> Value {
        let item = json!({
            "type": "Feature", "stac_version": "1.1.0", "id": "a", "collection": "plant", "geometry": null,
            "properties": {"datetime": "t", "gsd": 0.5}, "assets": {"original": {"href": "h", "title": "t"}},
        });
        let mut left = Fields::from_text(text).unwrap().of_item(item);
        ALWAYS.iter().for_each(|name| drop_path(&mut left, name));
        left
    }

    #[test]
    fn fields_are_kept_and_dropped_as_the_extension_says() {
        assert_eq!(of("properties.gsd"), json!({"properties": {"gsd": 0.5}}));
        assert_eq!(of("properties,-properties.gsd"), json!({"properties": {"datetime": "t"}}));
        assert_eq!(of("-properties,+properties.gsd"), json!({"properties": {"gsd": 0.5}}));
        assert_eq!(of("assets.original.href"), json!({"assets": {"original": {"href": "h"}}}));
        assert_eq!(of("-properties,-assets"), json!({"geometry": null}));
        assert_eq!(of("geometry,-geometry"), json!({"geometry": null}));
        assert_eq!(of("colour"), json!({}));
        assert!(of("")["properties"].get("gsd").is_none());
        let both = Fields::from_json(&json!({"include": null, "exclude": ["geometry"]})).unwrap();
        let left = both.of_item(json!({"id": "a", "geometry": 1, "assets": {}, "properties": {"gsd": 1}}));
        assert_eq!(left, json!({"id": "a", "assets": {}}), "of the usual members, all but that one");
        assert!(Fields::from_json(&json!({"includes": []})).is_err());
        assert!(Fields::from_json(&Value::Null).is_err());
    }
}
