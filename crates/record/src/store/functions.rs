//! What SQLite lacks for CQL2: exact geometry, times, texts without case, lists.

use std::{collections::BTreeSet, sync::Arc};

use geo::{
    Coord, CoordsIter, Geometry, Intersects, Line, Rect, Relate, Validation, geometry::GeometryCollection,
};
use jiff::Timestamp;
use rusqlite::{
    Connection,
    functions::{Context, FunctionFlags},
};
use serde_json::Value;

/// Longest pattern of LIKE in characters.
const PATTERN_CHARACTERS_MAX: usize = 200;

/// Adds the functions that `cql2_sql` calls.
pub(super) fn add(connection: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function(c"epoch_ms", 1, flags, |context| {
        let text: Option<String> = context.get(0)?;
        Ok(text.and_then(|text| text.parse::<Timestamp>().ok()).map(|time| time.as_millisecond()))
    })?;
    connection.create_scalar_function(c"casei", 1, flags, |context| {
        Ok(context.get::<Option<String>>(0)?.map(|text| folded(&text)))
    })?;
    connection.create_scalar_function(c"accenti", 1, flags, |context| {
        Ok(context.get::<Option<String>>(0)?.map(unaccent::unaccent))
    })?;
    connection.create_scalar_function(c"is_like", 2, flags, |context| {
        let (text, pattern): (Option<String>, Option<String>) = (context.get(0)?, context.get(1)?);
        // a property may be a pattern too
        let pattern = pattern.filter(|pattern| is_pattern(pattern));
        Ok(text.zip(pattern).map(|(text, pattern)| is_like(&text, &pattern)))
    })?;
    connection.create_scalar_function(c"remainder", 2, flags, |context| numbers(context, |a, b| a % b))?;
    connection.create_scalar_function(c"whole_quotient", 2, flags, |context| {
        numbers(context, |a, b| (a / b).trunc())
    })?;
    connection.create_scalar_function(c"power_of", 2, flags, |context| numbers(context, f64::powf))?;
    connection.create_scalar_function(c"list_relation", 3, flags, |context| list_relation(context))?;
    connection.create_scalar_function(c"spatial_relation", 3, flags, |context| spatial_relation(context))?;
    Ok(())
}

fn numbers(context: &Context<'_>, of: impl Fn(f64, f64) -> f64) -> rusqlite::Result<Option<f64>> {
    let (a, b): (Option<f64>, Option<f64>) = (context.get(0)?, context.get(1)?);
    Ok(a.zip(b).map(|(a, b)| of(a, b)).filter(|value| value.is_finite()))
}

/// A text without its case: letter by letter, so that a pattern and the text that it stands for fold alike, and by way of
/// capitals, so that `ß` is `ss` and both forms of the small sigma are one, as in Unicode's full case folding. The dotless i
/// stays what it is.
fn folded(text: &str) -> String {
    let fold = |letter: char| letter.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            'ı' => folded.push(letter),
            _ => folded.extend(fold(letter)),
        }
    }
    folded
}

/// Whether a text is short enough for a pattern: the longest texts take some milliseconds then.
pub(super) fn is_pattern(text: &str) -> bool {
    text.chars().count() <= PATTERN_CHARACTERS_MAX
}

/// CQL2's LIKE: `%` is any text, `_` any character, `\` takes the next one as it is; case counts.
fn is_like(text: &str, pattern: &str) -> bool {
    enum Part {
        Any,
        One,
        Is(char),
    }
    let mut parts = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        parts.push(match character {
            '%' => Part::Any,
            '_' => Part::One,
            '\\' => Part::Is(characters.next().unwrap_or('\\')),
            plain => Part::Is(plain),
        });
    }
    let text: Vec<char> = text.chars().collect();
    // greedy, and back to the last `%` where it fails: linear in text times pattern
    let (mut at, mut part, mut retry) = (0, 0, None);
    while at < text.len() {
        match parts.get(part) {
            Some(Part::Any) => {
                retry = Some((at, part));
                part += 1;
            }
            Some(Part::One) => (at, part) = (at + 1, part + 1),
            Some(Part::Is(wanted)) if *wanted == text[at] => (at, part) = (at + 1, part + 1),
            _ => match retry {
                Some((from, any)) => {
                    retry = Some((from + 1, any));
                    (at, part) = (from + 1, any + 1);
                }
                None => return false,
            },
        }
    }
    parts[part..].iter().all(|part| matches!(part, Part::Any))
}

fn list_relation(context: &Context<'_>) -> rusqlite::Result<Option<bool>> {
    let op: String = context.get(0)?;
    let list = |at: usize| -> rusqlite::Result<Option<BTreeSet<String>>> {
        let text: Option<String> = context.get(at)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    };
    let Some((a, b)) = list(1)?.zip(list(2)?) else { return Ok(None) };
    Ok(Some(match op.as_str() {
        "a_equals" => a == b,
        "a_contains" => a.is_superset(&b),
        "a_containedBy" => a.is_subset(&b),
        _ => !a.is_disjoint(&b),
    }))
}

fn spatial_relation(context: &Context<'_>) -> rusqlite::Result<Option<bool>> {
    let op: String = context.get(0)?;
    // a given geometry is read once for all rows
    let shape = |at: i32| -> rusqlite::Result<Arc<Option<Geometry<f64>>>> {
        context.get_or_create_aux(at, |value| {
            let value = value.as_str().ok().and_then(|text| serde_json::from_str(text).ok());
            Ok::<_, std::convert::Infallible>(value.as_ref().and_then(read_geometry))
        })
    };
    let (a, b) = (shape(1)?, shape(2)?);
    let (Some(a), Some(b)) = (a.as_ref(), b.as_ref()) else { return Ok(None) };
    match op.as_str() {
        "s_intersects" => return Ok(Some(a.intersects(b))),
        "s_disjoint" => return Ok(Some(!a.intersects(b))),
        _ => {}
    }
    let relation = a.relate(b);
    Ok(Some(match op.as_str() {
        "s_within" => relation.is_within(),
        "s_contains" => relation.is_contains(),
        "s_touches" => relation.is_touches(),
        "s_crosses" => relation.is_crosses(),
        "s_overlaps" => relation.is_overlaps(),
        _ => relation.is_equal_topo(),
    }))
}

/// A geometry from GeoJSON or from CQL2's `bbox`; `None` where it is none, not finite, or not valid.
pub(crate) fn read_filter_geometry(value: &Value) -> Option<Geometry<f64>> {
    read_geometry(value).filter(Validation::is_valid)
}

fn read_geometry(value: &Value) -> Option<Geometry<f64>> {
    let shape = match value.get("bbox") {
        Some(numbers) => read_box(numbers)?,
        None if !has_whole_positions(value) => return None,
        None => {
            let geometry: geojson::Geometry = serde_json::from_value(value.clone()).ok()?;
            Geometry::try_from(geometry).ok()?
        }
    };
    let finite = shape.coords_iter().all(|at| at.x.is_finite() && at.y.is_finite());
    finite.then_some(shape)
}

/// Whether each position has two numbers at least: those that have fewer end the conversion in a panic.
fn has_whole_positions(geometry: &Value) -> bool {
    fn are_whole(coordinates: &Value) -> bool {
        match coordinates.as_array().map(Vec::as_slice) {
            None | Some([]) => false,
            Some(numbers @ [Value::Number(_), ..]) => numbers.len() >= 2,
            Some(parts) => parts.iter().all(are_whole),
        }
    }
    match (&geometry["coordinates"], &geometry["geometries"]) {
        (_, Value::Array(parts)) => parts.iter().all(has_whole_positions),
        // a geometry without any coordinates is empty
        (Value::Array(none), _) if none.is_empty() => true,
        (coordinates, _) => are_whole(coordinates),
    }
}

/// A box, or two where it crosses the antimeridian.
fn read_box(numbers: &Value) -> Option<Geometry<f64>> {
    let numbers: Vec<f64> = numbers.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    let (west, south, east, north) = match *numbers.as_slice() {
        [west, south, east, north] | [west, south, _, east, north, _] => (west, south, east, north),
        _ => return None,
    };
    // a box without width or height is a line or a point: as a polygon it would meet nothing
    let part = |west: f64, east: f64| -> Geometry<f64> {
        let (low, high) = (Coord { x: west, y: south }, Coord { x: east, y: north });
        match (west == east, south == north) {
            (true, true) => Geometry::Point(low.into()),
            (false, false) => Rect::new(low, high).to_polygon().into(),
            _ => Geometry::LineString(Line::new(low, high).into()),
        }
    };
    if west <= east {
        return Some(part(west, east));
    }
    let parts = vec![part(west, 180.0), part(-180.0, east)];
    Some(Geometry::GeometryCollection(GeometryCollection::new_from(parts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_as_cql2_has_them() {
        for (text, pattern, is) in [
            ("Assembly hall", "Assembly%", true),
            ("Assembly hall", "assembly%", false),
            ("Assembly hall", "%hall", true),
            ("Assembly hall", "%b_y%h%", true),
            ("Assembly hall", "Assembly", false),
            ("100%", r"100\%", true),
            ("1000", r"100\%", false),
            ("", "%", true),
            ("", "_", false),
            ("aaab", "%aab", true),
        ] {
            assert_eq!(is_like(text, pattern), is, "{text:?} like {pattern:?}");
        }
    }

    #[test]
    fn letters_without_case_are_one_whichever_form_they_were_written_in() {
        for (one, other) in [
            ("ΟΔΟΣ", "οδος"),
            ("οδοσ", "οδος"),
            ("STRASSE", "straße"),
            ("STRAẞE", "Straße"),
            ("K\u{212a}", "kk"),
            ("Гараж", "ГАРАЖ"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert!(is_like(&folded("ΟΔΟΣΑ"), &folded("ΟΔΟΣ%")));
        assert_ne!(folded("ı"), folded("i"));
    }
}
