//! CQL2 filters (OGC 21-065r2): text or JSON in, one checked expression out.
//!
//! The parser of the text goes back on its steps: each parenthesis that is not closed doubles its work, and each that is
//! open takes some of the stack, as do long chains of operators when they are written down. So parentheses are counted
//! before, steps while it reads, and it reads on a stack of its own.

use std::{num::NonZeroUsize, sync::Once};

use serde_json::{Value, json};

/// Longest filter in bytes.
pub const FILTER_BYTES_MAX: usize = 16_384;
/// Deepest nesting of operations.
pub const FILTER_DEPTH_MAX: usize = 32;
/// Most steps of the parser for one text; one of the longest that are read takes a tenth.
const STEPS_MAX: NonZeroUsize = NonZeroUsize::new(4_000_000).expect("it is more than nought");
/// Stack for reading a text; it is only taken as far as it is used.
const STACK_BYTES: usize = 128 << 20;
/// Texts up to here cannot nest so deep that they need it.
const SHORT_BYTES: usize = 256;
/// Steps along an edge of a box that is turned into a system in which it is none.
const BOX_EDGE_STEPS: u32 = 16;

/// A filter that cannot be taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// Longer than the limit.
    #[error("the filter has {got} bytes but may have {FILTER_BYTES_MAX}")]
    TooLong {
        /// Its length.
        got: usize,
    },
    /// Nested deeper than the limit.
    #[error("the filter nests deeper than {FILTER_DEPTH_MAX} operations")]
    TooDeep,
    /// Not CQL2.
    #[error("the filter is not {language}: {cause}")]
    Syntax {
        /// Encoding that was expected.
        language: &'static str,
        /// What the parser says.
        cause: String,
    },
    /// A property that the collection has not.
    #[error("the filter names {name:?}, which cannot be asked for here; there are {known}")]
    UnknownProperty {
        /// The name given.
        name: String,
        /// Names that would do.
        known: String,
    },
    /// An operation that is not known.
    #[error("the filter uses {op:?}, which is not supported")]
    UnknownOperation {
        /// The operation given.
        op: String,
    },
    /// An operation with operands it cannot take.
    #[error("{op} has {got} but takes {wanted}")]
    Operands {
        /// The operation.
        op: String,
        /// What was given.
        got: String,
        /// What would do.
        wanted: &'static str,
    },
}

/// A CQL2 expression in its JSON encoding. Names and operands are checked when it meets a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    expression: Value,
}

impl Filter {
    /// Reads `cql2-text`.
    ///
    /// # Errors
    /// When it is too long or no CQL2.
    pub fn from_text(text: &str) -> Result<Filter, FilterError> {
        static LIMITED: Once = Once::new();
        LIMITED.call_once(|| pest::set_call_limit(Some(STEPS_MAX)));
        not_too_long(text)?;
        if parentheses(text) > FILTER_DEPTH_MAX {
            return Err(FilterError::TooDeep);
        }
        let read = || Filter::read(text, "cql2-text", cql2::parse_text);
        if text.len() <= SHORT_BYTES {
            return read();
        }
        std::thread::scope(|scope| {
            let reader = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, read);
            let read = reader.map(|reader| reader.join().expect("reading a filter does not panic"));
            read.unwrap_or_else(|error| {
                Err(FilterError::Syntax {
                    language: "cql2-text",
                    cause: format!("it could not be read: {error}"),
                })
            })
        })
    }

    /// Reads `cql2-json`.
    ///
    /// # Errors
    /// When it is too long or no CQL2.
    pub fn from_json(text: &str) -> Result<Filter, FilterError> {
        Filter::read(text, "cql2-json", cql2::parse_json)
    }

    fn read<E: std::fmt::Display>(
        text: &str,
        language: &'static str,
        parse: impl FnOnce(&str) -> Result<cql2::Expr, E>,
    ) -> Result<Filter, FilterError> {
        let syntax = |cause: String| FilterError::Syntax { language, cause };
        not_too_long(text)?;
        let expression = parse(text).map_err(|error| syntax(error.to_string()))?;
        let expression = serde_json::to_value(expression).map_err(|error| syntax(error.to_string()))?;
        Filter { expression }.not_too_deep()
    }

    /// A property with a value.
    pub fn property_is(name: &str, value: impl Into<Value>) -> Filter {
        Filter { expression: json!({"op": "=", "args": [{"property": name}, value.into()]}) }
    }

    /// A property that is a list, with a text in it.
    pub fn list_holds(name: &str, text: &str) -> Filter {
        Filter { expression: json!({"op": "a_contains", "args": [{"property": name}, [text]]}) }
    }

    /// Features whose geometry meets one of some GeoJSON geometries.
    pub fn meets_any(geometries: Vec<Value>) -> Filter {
        let meets = |shape: Value| json!({"op": "s_intersects", "args": [{"property": "geometry"}, shape]});
        let meeting: Vec<Value> = geometries.into_iter().map(meets).collect();
        Filter { expression: json!({"op": "or", "args": meeting}) }
    }

    /// What has a point in common with a GeoJSON geometry in degrees.
    ///
    /// # Errors
    /// When it is no geometry, or larger than a filter may be.
    pub fn intersecting(geometry: Value) -> Result<Filter, FilterError> {
        not_too_long(&geometry.to_string())?;
        if crate::store::read_filter_geometry(&geometry).is_none() {
            return Err(FilterError::Operands {
                op: "an intersection".to_owned(),
                got: "no valid geometry".to_owned(),
                wanted: "a GeoJSON geometry with finite coordinates in degrees, longitude first",
            });
        }
        let expression = json!({"op": "s_intersects", "args": [{"property": "geometry"}, geometry]});
        Filter { expression }.not_too_deep()
    }

    /// What meets all of some filters; `None` of no filters.
    pub fn all(filters: Vec<Filter>) -> Option<Filter> {
        let mut expressions: Vec<Value> = filters.into_iter().map(|filter| filter.expression).collect();
        match expressions.len() {
            0 => None,
            1 => expressions.pop().map(|expression| Filter { expression }),
            _ => Some(Filter { expression: json!({"op": "and", "args": expressions}) }),
        }
    }

    /// The expression in its JSON encoding.
    pub fn expression(&self) -> &Value {
        &self.expression
    }

    /// Turns every position of the filter's geometries, for those that were given in another CRS.
    ///
    /// # Errors
    /// The first error of `turn`.
    pub fn turn_positions<E>(
        mut self,
        turn: &mut impl FnMut([f64; 2]) -> Result<[f64; 2], E>,
    ) -> Result<Filter, E> {
        turn_geometries(&mut self.expression, turn)?;
        Ok(self)
    }

    fn not_too_deep(self) -> Result<Filter, FilterError> {
        // coordinates of a geometry nest up to four deep below their operation
        if depth(&self.expression) > 2 * FILTER_DEPTH_MAX { Err(FilterError::TooDeep) } else { Ok(self) }
    }
}

/// How deep parentheses nest, outside of quotes.
fn parentheses(text: &str) -> usize {
    let (mut open, mut most, mut quote) = (0_usize, 0, None);
    for byte in text.bytes() {
        match (quote, byte) {
            (Some(mark), _) if mark == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'(') => {
                open += 1;
                most = most.max(open);
            }
            (None, b')') => open = open.saturating_sub(1),
            _ => {}
        }
    }
    most
}

fn not_too_long(text: &str) -> Result<(), FilterError> {
    if text.len() > FILTER_BYTES_MAX { Err(FilterError::TooLong { got: text.len() }) } else { Ok(()) }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn turn_geometries<E>(
    value: &mut Value,
    turn: &mut impl FnMut([f64; 2]) -> Result<[f64; 2], E>,
) -> Result<(), E> {
    match value {
        Value::Object(members) => {
            if let Some(coordinates) = members.get_mut("coordinates") {
                return turn_coordinates(coordinates, turn);
            }
            if let Some(Value::Array(numbers)) = members.get("bbox") {
                if let Some(turned) = turned_box(numbers, turn)? {
                    *value = turned;
                }
                return Ok(());
            }
            members.values_mut().try_for_each(|member| turn_geometries(member, turn))
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| turn_geometries(item, turn)),
        _ => Ok(()),
    }
}

/// Turns the positions within the coordinates of a GeoJSON geometry; a third number stays.
///
/// # Errors
/// The first error of `turn`.
pub fn turn_coordinates<E>(
    coordinates: &mut Value,
    turn: &mut impl FnMut([f64; 2]) -> Result<[f64; 2], E>,
) -> Result<(), E> {
    let Value::Array(items) = coordinates else { return Ok(()) };
    if let [x, y, ..] = items.as_mut_slice()
        && let (Some(given_x), Some(given_y)) = (x.as_f64(), y.as_f64())
    {
        let [turned_x, turned_y] = turn([given_x, given_y])?;
        (*x, *y) = (json!(turned_x), json!(turned_y));
        return Ok(());
    }
    items.iter_mut().try_for_each(|item| turn_coordinates(item, turn))
}

/// A box as it is after a turn: a box, or the polygon of its curved edges where it is none any more; heights are left out.
/// `None` where it is no box.
fn turned_box<E>(
    numbers: &[Value],
    turn: &mut impl FnMut([f64; 2]) -> Result<[f64; 2], E>,
) -> Result<Option<Value>, E> {
    let half = numbers.len() / 2;
    let number = |at: usize| numbers.get(at).and_then(Value::as_f64);
    let (Some(x0), Some(y0), Some(x1), Some(y1)) = (number(0), number(1), number(half), number(half + 1))
    else {
        return Ok(None);
    };
    let [a, b, c, d] = [turn([x0, y0])?, turn([x1, y0])?, turn([x1, y1])?, turn([x0, y1])?];
    let shares_sides = |axis: usize| a[axis] == b[axis] && c[axis] == d[axis];
    let shares_others = |axis: usize| b[axis] == c[axis] && d[axis] == a[axis];
    if (0..2).any(|axis| shares_sides(axis) && shares_others(1 - axis)) {
        return Ok(Some(json!({"bbox": [a[0], a[1], c[0], c[1]]})));
    }
    let ring = box_edge([x0, y0, x1, y1]).into_iter().map(turn).collect::<Result<Vec<_>, E>>()?;
    Ok(Some(json!({"type": "Polygon", "coordinates": [ring]})))
}

/// Positions along the edge of a box, counter-clockwise from its lower left corner back to it: in another system its
/// sides are curved.
pub fn box_edge([x0, y0, x1, y1]: [f64; 4]) -> Vec<[f64; 2]> {
    let corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]];
    let mut edge = vec![corners[0]];
    for side in corners.windows(2) {
        let ([fx, fy], [tx, ty]) = (side[0], side[1]);
        edge.extend((1..=BOX_EDGE_STEPS).map(|step| {
            let share = f64::from(step) / f64::from(BOX_EDGE_STEPS);
            // the end of a side is the corner itself, to the last bit
            if step == BOX_EDGE_STEPS { [tx, ty] } else { [fx + (tx - fx) * share, fy + (ty - fy) * share] }
        }));
    }
    edge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_say_the_same() {
        let text = Filter::from_text("score >= 0.5 AND state = 'pending'").unwrap();
        let json = Filter::from_json(
            r#"{"op":"and","args":[{"op":">=","args":[{"property":"score"},0.5]},
                {"op":"=","args":[{"property":"state"},"pending"]}]}"#,
        )
        .unwrap();
        assert_eq!(text, json);
    }

    #[test]
    fn what_is_no_cql2_is_refused() {
        assert!(matches!(Filter::from_text("score >="), Err(FilterError::Syntax { .. })));
        assert!(matches!(Filter::from_json("{\"op\":"), Err(FilterError::Syntax { .. })));
        let long = format!("title = '{}'", "x".repeat(FILTER_BYTES_MAX));
        assert!(matches!(Filter::from_text(&long), Err(FilterError::TooLong { .. })));
        let deep =
            format!("{}{{\"property\":\"a\"}}{}", "{\"op\":\"not\",\"args\":[".repeat(40), "]}".repeat(40));
        assert_eq!(Filter::from_json(&deep), Err(FilterError::TooDeep));
    }

    #[test]
    fn parentheses_are_counted_where_they_nest() {
        assert_eq!(parentheses("(a = 1) OR (b = ')((' AND (c = 2))"), 2);
        assert_eq!(parentheses(")))(("), 2);
        let open = format!("{}1", "(".repeat(FILTER_DEPTH_MAX + 1));
        assert_eq!(Filter::from_text(&open), Err(FilterError::TooDeep));
        // as deep as may be, and never closed: the parser gives up
        assert!(matches!(Filter::from_text(&open[1..]), Err(FilterError::Syntax { .. })));
    }

    #[test]
    fn positions_turn_and_the_rest_stays() {
        let filter = Filter::from_text("S_INTERSECTS(geometry, POINT(2 1))").unwrap();
        let turned = filter.turn_positions(&mut |[x, y]| Ok::<_, ()>([y, x])).unwrap();
        assert_eq!(turned.expression()["args"][1]["coordinates"], json!([1.0, 2.0]));
    }

    #[test]
    fn a_box_stays_one_where_it_can_and_becomes_the_polygon_of_its_edges_else() {
        let filter = Filter::from_text("S_INTERSECTS(geometry, BBOX(1, 2, 3, 4))").unwrap();
        let swapped = filter.clone().turn_positions(&mut |[x, y]| Ok::<_, ()>([y, x])).unwrap();
        assert_eq!(swapped.expression()["args"][1], json!({"bbox": [2.0, 1.0, 4.0, 3.0]}));
        let sheared = filter.turn_positions(&mut |[x, y]| Ok::<_, ()>([x + y, y])).unwrap();
        let ring = &sheared.expression()["args"][1]["coordinates"][0];
        let positions = ring.as_array().unwrap();
        assert!(positions.contains(&json!([5.0, 2.0])) && positions.contains(&json!([7.0, 4.0])), "{ring}");
        assert_eq!((positions.first(), positions.len()), (positions.last(), 65));
    }
}
