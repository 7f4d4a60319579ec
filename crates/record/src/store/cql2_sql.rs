//! CQL2 as SQL: every name is checked against the collection, every value is bound.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time},
    tz::TimeZone,
};
use rusqlite::types::Value as SqlValue;
use serde_json::Value;

use super::{
    condition::{Sql, bounds_touch, touches_boxes},
    functions::is_pattern,
    items::Collection,
};
use crate::{
    filter::{Filter, FilterError},
    schema::{self, Kind},
};

/// Operations of two times, as conditions on the starts and ends of both (CQL2, Table 8 of 21-065r2,
/// after Allen 1983). Parts: start and end of the first, start and end of the second.
const TIME_OPERATIONS: [(&str, &str); 15] = [
    ("t_after", "({as} > {be})"),
    ("t_before", "({ae} < {bs})"),
    ("t_contains", "({as} < {bs} AND {ae} > {be})"),
    ("t_disjoint", "({ae} < {bs} OR {as} > {be})"),
    ("t_during", "({as} > {bs} AND {ae} < {be})"),
    ("t_equals", "({as} = {bs} AND {ae} = {be})"),
    ("t_finishedBy", "({as} < {bs} AND {ae} = {be})"),
    ("t_finishes", "({as} > {bs} AND {ae} = {be})"),
    ("t_intersects", "({as} <= {be} AND {ae} >= {bs})"),
    ("t_meets", "({ae} = {bs})"),
    ("t_metBy", "({as} = {be})"),
    ("t_overlappedBy", "({as} > {bs} AND {as} < {be} AND {ae} > {be})"),
    ("t_overlaps", "({as} < {bs} AND {ae} > {bs} AND {ae} < {be})"),
    ("t_startedBy", "({as} = {bs} AND {ae} > {be})"),
    ("t_starts", "({as} = {bs} AND {ae} < {be})"),
];

/// Comparisons of two times: a day holds all its instants, so `= DATE('2024-05-01')` is any time of it.
const TIME_COMPARISONS: [(&str, &str); 6] = [
    ("=", "({as} <= {be} AND {ae} >= {bs})"),
    ("<>", "({as} > {be} OR {ae} < {bs})"),
    ("<", "({ae} < {bs})"),
    (">", "({as} > {be})"),
    ("<=", "({as} <= {be})"),
    (">=", "({ae} >= {bs})"),
];

const SPATIAL_OPERATIONS: [&str; 8] = [
    "s_intersects",
    "s_disjoint",
    "s_within",
    "s_contains",
    "s_touches",
    "s_crosses",
    "s_overlaps",
    "s_equals",
];

const LIST_OPERATIONS: [&str; 4] = ["a_equals", "a_contains", "a_containedBy", "a_overlaps"];

/// Milliseconds between the first and the last instant of a day.
const DAY_MS: i64 = 86_400_000 - 1;

/// Most numbers that are taken or divided one after the other: each is a level of SQL, also within as many others as a
/// filter may nest, and SQLite takes a thousand.
const IN_A_ROW_MAX: usize = 20;

/// What an operand is, and the SQL for it.
enum Operand {
    Text(Sql),
    Number(Sql),
    Truth(Sql),
    /// Milliseconds since 1970 of its two ends; those of an instant are the same.
    Time {
        start: Sql,
        end: Sql,
    },
    /// A JSON array of texts.
    Texts(Sql),
    /// The row's own geometry, as GeoJSON.
    OwnGeometry(Sql),
    /// A geometry as GeoJSON with its bounds.
    Geometry {
        text: String,
        bounds: Option<[f64; 4]>,
    },
}

impl Operand {
    fn name(&self) -> &'static str {
        match self {
            Operand::Text(_) => "a text",
            Operand::Number(_) => "a number",
            Operand::Truth(_) => "a condition",
            Operand::Time { .. } => "a time",
            Operand::Texts(_) => "a list of texts",
            Operand::OwnGeometry(_) | Operand::Geometry { .. } => "a geometry",
        }
    }

    fn sql(&self) -> Sql {
        match self {
            Operand::Text(sql)
            | Operand::Number(sql)
            | Operand::Truth(sql)
            | Operand::Texts(sql)
            | Operand::OwnGeometry(sql) => sql.clone(),
            Operand::Time { start, .. } => start.clone(),
            Operand::Geometry { text, .. } => Sql::bound(text.clone()),
        }
    }
}

/// Rows that a filter can be asked of.
#[derive(Clone, Copy)]
pub(super) enum Rows {
    /// Of `item`, of one collection.
    Features(Collection),
    /// Of `scene`.
    Scenes,
}

impl Rows {
    /// A property by name; `None` where these rows have none of that name.
    fn operand(self, name: &str) -> Option<Operand> {
        match self {
            Rows::Features(collection) => feature_operand(collection, name),
            Rows::Scenes => scene_operand(name),
        }
    }

    /// Names that filters may use.
    fn names(self) -> String {
        let own: Vec<&str> = match self {
            Rows::Features(collection) => {
                schema::queryables(collection).map(|property| property.name).collect()
            }
            Rows::Scenes => {
                let own = schema::SCENES.iter().map(|scene| scene.property.name);
                std::iter::once("collection").chain(own).collect()
            }
        };
        format!("id, geometry, {}", own.join(", "))
    }

    fn touch(self, boxes: &[[f64; 4]]) -> Sql {
        match self {
            Rows::Features(_) => touches_boxes(boxes),
            Rows::Scenes => bounds_touch(boxes),
        }
    }
}

fn feature_operand(collection: Collection, name: &str) -> Option<Operand> {
    match name {
        "geometry" => return Some(Operand::OwnGeometry(Sql::plain("json_extract(feature, '$.geometry')"))),
        "id" => return Some(Operand::Text(Sql::plain("id"))),
        "site" if collection != Collection::Sites => return Some(Operand::Text(Sql::plain("site"))),
        _ => {}
    }
    let property = schema::queryables(collection).find(|property| property.name == name)?;
    Some(stored_operand(property.kind, &format!("json_extract(feature, '$.properties.{}')", property.name)))
}

fn scene_operand(name: &str) -> Option<Operand> {
    let column = |name: &str| Sql::plain(name);
    match name {
        "geometry" => {
            return Some(Operand::OwnGeometry(Sql::plain("json_extract(document, '$.footprint')")));
        }
        "id" => return Some(Operand::Text(column("id"))),
        "collection" => return Some(Operand::Text(column("site"))),
        "datetime" => return Some(Operand::Time { start: column("datetime"), end: column("datetime") }),
        _ => {}
    }
    let scene = schema::SCENES.iter().find(|scene| scene.property.name == name)?;
    Some(stored_operand(scene.property.kind, &format!("json_extract(document, '$.{}')", scene.path)))
}

fn stored_operand(kind: Kind, value: &str) -> Operand {
    match kind {
        Kind::Number | Kind::Integer => Operand::Number(Sql::plain(value)),
        Kind::Texts => Operand::Texts(Sql::plain(value)),
        Kind::Time => {
            let ms = Sql::plain(format!("epoch_ms({value})"));
            Operand::Time { start: ms.clone(), end: ms }
        }
        Kind::Text | Kind::Words(_) | Kind::Document | Kind::Documents => Operand::Text(Sql::plain(value)),
    }
}

/// The condition that a filter sets on rows.
pub(super) fn condition(filter: &Filter, rows: Rows) -> Result<Sql, FilterError> {
    Reading { rows }.truth(filter.expression())
}

/// What rows can be put in order by; `None` where nothing of that name has an order.
pub(super) fn order(name: &str, rows: Rows) -> Option<Sql> {
    match rows.operand(name)? {
        operand @ (Operand::Text(_) | Operand::Number(_) | Operand::Time { .. }) => Some(operand.sql()),
        _ => None,
    }
}

struct Reading {
    rows: Rows,
}

impl Reading {
    fn truth(&self, expression: &Value) -> Result<Sql, FilterError> {
        match self.operand(expression)? {
            Operand::Truth(sql) => Ok(sql),
            other => Err(operands("the filter", &other, "a condition")),
        }
    }

    fn operand(&self, expression: &Value) -> Result<Operand, FilterError> {
        match expression {
            Value::Bool(value) => Ok(Operand::Truth(Sql::plain(if *value { "1" } else { "0" }))),
            Value::Number(number) => Ok(Operand::Number(Sql::bound(number.as_f64().unwrap_or(f64::NAN)))),
            Value::String(text) => Ok(Operand::Text(Sql::bound(text.clone()))),
            Value::Array(items) => texts(items),
            Value::Object(members) => {
                if let Some(name) = members.get("property").and_then(Value::as_str) {
                    self.property(name)
                } else if let Some(op) = members.get("op").and_then(Value::as_str) {
                    let args = members.get("args").and_then(Value::as_array);
                    self.operation(op, args.map_or(&[][..], Vec::as_slice))
                } else if let Some(Value::Array(ends)) = members.get("interval") {
                    self.interval(ends)
                } else if let Some(text) = members.get("timestamp").or_else(|| members.get("date")) {
                    time_of(text.as_str().unwrap_or_default())
                } else if members.contains_key("coordinates")
                    || members.contains_key("geometries")
                    || members.contains_key("bbox")
                {
                    geometry(expression)
                } else {
                    Err(FilterError::UnknownOperation {
                        op: expression.to_string().chars().take(60).collect(),
                    })
                }
            }
            Value::Null => Ok(Operand::Text(Sql::plain("NULL"))),
        }
    }

    fn property(&self, name: &str) -> Result<Operand, FilterError> {
        self.rows.operand(name).ok_or_else(|| FilterError::UnknownProperty {
            name: name.chars().take(60).collect(),
            known: self.rows.names(),
        })
    }

    fn operation(&self, op: &str, args: &[Value]) -> Result<Operand, FilterError> {
        if let Some((_, template)) = TIME_OPERATIONS.iter().find(|(name, _)| *name == op) {
            let [a, b] = two(op, args)?;
            return times(op, template, self.as_time(a)?, self.as_time(b)?);
        }
        if SPATIAL_OPERATIONS.contains(&op) {
            let [a, b] = two(op, args)?;
            return spatial(self.rows, op, self.operand(a)?, self.operand(b)?);
        }
        if LIST_OPERATIONS.contains(&op) {
            let [a, b] = two(op, args)?;
            return lists(op, self.operand(a)?, self.operand(b)?);
        }
        match op {
            "and" | "or" => {
                let parts = args.iter().map(|arg| self.truth(arg)).collect::<Result<Vec<_>, _>>()?;
                let word = if op == "and" { " AND " } else { " OR " };
                if parts.is_empty() {
                    return Err(count(op, args, "at least one condition"));
                }
                Ok(Operand::Truth(Sql::balanced(&parts, word)))
            }
            "not" => match args {
                [arg] => Ok(Operand::Truth(Sql::of("(NOT {})", &[&self.truth(arg)?]))),
                _ => Err(count(op, args, "one condition")),
            },
            "=" | "<>" | "<" | ">" | "<=" | ">=" => {
                let [a, b] = two(op, args)?;
                self.compare(op, a, b)
            }
            "between" => match args {
                [value, low, high] => {
                    let parts =
                        [self.compare(">=", value, low)?.sql(), self.compare("<=", value, high)?.sql()];
                    Ok(Operand::Truth(Sql::joined(&parts, " AND ")))
                }
                _ => Err(count(op, args, "a value and two bounds")),
            },
            "in" => self.is_in(args),
            "like" => {
                let [value, pattern] = two(op, args)?;
                match (self.operand(value)?, self.operand(pattern)?) {
                    (Operand::Text(_), Operand::Text(pattern)) if holds_long_text(&pattern) => {
                        Err(FilterError::Operands {
                            op: op.to_owned(),
                            got: "a longer pattern".to_owned(),
                            wanted: "one of 200 characters at most",
                        })
                    }
                    (Operand::Text(value), Operand::Text(pattern)) => {
                        Ok(Operand::Truth(Sql::of("is_like({}, {})", &[&value, &pattern])))
                    }
                    (Operand::Text(_), other) | (other, _) => Err(operands(op, &other, "two texts")),
                }
            }
            "isNull" => match args {
                [arg] => Ok(Operand::Truth(Sql::of("({} IS NULL)", &[&self.operand(arg)?.sql()]))),
                _ => Err(count(op, args, "one operand")),
            },
            "casei" | "accenti" => match args {
                [arg] => match self.operand(arg)? {
                    Operand::Text(text) => Ok(Operand::Text(Sql::of(&format!("{op}({{}})"), &[&text]))),
                    other => Err(operands(op, &other, "a text")),
                },
                _ => Err(count(op, args, "one text")),
            },
            "+" | "-" | "*" | "/" | "%" | "div" | "^" => self.arithmetic(op, args),
            other => Err(FilterError::UnknownOperation { op: other.chars().take(60).collect() }),
        }
    }

    /// An operand that must be a time; a text is read as one.
    fn as_time(&self, expression: &Value) -> Result<Operand, FilterError> {
        match expression {
            Value::String(text) => time_of(text),
            other => self.operand(other),
        }
    }

    fn interval(&self, ends: &[Value]) -> Result<Operand, FilterError> {
        let [start, end] = ends else { return Err(count("an interval", ends, "two ends")) };
        let end_of = |end: &Value, open: i64| {
            if end.as_str() == Some("..") {
                return Ok((Sql::bound(open), Sql::bound(open)));
            }
            match self.as_time(end)? {
                Operand::Time { start, end } => Ok((start, end)),
                other => Err(operands("an interval", &other, "times or ..")),
            }
        };
        let ((start, _), (_, end)) = (end_of(start, i64::MIN)?, end_of(end, i64::MAX)?);
        Ok(Operand::Time { start, end })
    }

    fn compare(&self, op: &str, a: &Value, b: &Value) -> Result<Operand, FilterError> {
        let (mut left, mut right) = (self.operand(a)?, self.operand(b)?);
        // a text beside a time is a time: clients write '2024-05-01T00:00:00Z' bare
        if matches!(left, Operand::Time { .. }) {
            right = self.as_time(b)?;
        } else if matches!(right, Operand::Time { .. }) {
            left = self.as_time(a)?;
        }
        match (&left, &right) {
            (Operand::Time { .. }, Operand::Time { .. }) => {
                let template = TIME_COMPARISONS.iter().find(|(name, _)| *name == op);
                let (_, template) = template.expect("only comparisons come here");
                times(op, template, left, right)
            }
            (Operand::Text(a), Operand::Text(b)) | (Operand::Number(a), Operand::Number(b)) => {
                Ok(Operand::Truth(Sql::of(&format!("({{}} {op} {{}})"), &[a, b])))
            }
            (Operand::Truth(a), Operand::Truth(b)) if matches!(op, "=" | "<>") => {
                Ok(Operand::Truth(Sql::of(&format!("({{}} {op} {{}})"), &[a, b])))
            }
            (_, other) => Err(operands(op, other, "two operands of one kind")),
        }
    }

    fn is_in(&self, args: &[Value]) -> Result<Operand, FilterError> {
        let [value, Value::Array(choices)] = args else {
            return Err(count("in", args, "a value and a list"));
        };
        if choices.is_empty() {
            return Err(count("in", choices, "at least one choice"));
        }
        // what is compared with every choice is written once
        let sought = self.operand(value)?;
        let mut plain = Vec::with_capacity(choices.len());
        for choice in choices {
            match (&sought, self.operand(choice)?) {
                (Operand::Text(_), Operand::Text(sql))
                | (Operand::Number(_), Operand::Number(sql))
                // conditions nest: read again for each choice they would grow with each level
                | (Operand::Truth(_), Operand::Truth(sql)) => plain.push(sql),
                _ => break,
            }
        }
        if plain.len() == choices.len() {
            return Ok(Operand::Truth(Sql::joined(&[sought.sql(), Sql::joined(&plain, ", ")], " IN ")));
        }
        let parts = choices
            .iter()
            .map(|choice| Ok(self.compare("=", value, choice)?.sql()))
            .collect::<Result<Vec<_>, FilterError>>()?;
        Ok(Operand::Truth(Sql::balanced(&parts, " OR ")))
    }

    fn arithmetic(&self, op: &str, args: &[Value]) -> Result<Operand, FilterError> {
        let numbers = args
            .iter()
            .map(|arg| match self.operand(arg)? {
                Operand::Number(sql) => Ok(sql),
                other => Err(operands(op, &other, "numbers")),
            })
            .collect::<Result<Vec<_>, _>>()?;
        match (op, numbers.as_slice()) {
            ("-", [one]) => Ok(Operand::Number(Sql::of("(-{})", &[one]))),
            ("+" | "*", [_, _, ..]) => Ok(Operand::Number(Sql::balanced(&numbers, &format!(" {op} ")))),
            ("-" | "/", [_, _, ..]) if numbers.len() > IN_A_ROW_MAX => Err(FilterError::Operands {
                op: op.to_owned(),
                got: format!("{} numbers", numbers.len()),
                wanted: "20 at most",
            }),
            ("-", [_, _, ..]) => Ok(Operand::Number(Sql::joined(&numbers, " - "))),
            // two whole numbers would give a whole number
            ("/", [first, others @ ..]) if !others.is_empty() => {
                let real = Sql::of("{} * 1.0", &[first]);
                let parts: Vec<Sql> = std::iter::once(real).chain(others.iter().cloned()).collect();
                Ok(Operand::Number(Sql::joined(&parts, " / ")))
            }
            ("%" | "div" | "^", [a, b]) => {
                let name = match op {
                    "%" => "remainder",
                    "div" => "whole_quotient",
                    _ => "power_of",
                };
                Ok(Operand::Number(Sql::of(&format!("{name}({{}}, {{}})"), &[a, b])))
            }
            _ => Err(count(op, args, "two numbers")),
        }
    }
}

fn two<'a>(op: &str, args: &'a [Value]) -> Result<[&'a Value; 2], FilterError> {
    match args {
        [a, b] => Ok([a, b]),
        _ => Err(count(op, args, "two operands")),
    }
}

fn count(op: &str, args: &[Value], wanted: &'static str) -> FilterError {
    FilterError::Operands {
        op: op.to_owned(),
        got: format!("{} operands of another shape", args.len()),
        wanted,
    }
}

fn operands(op: &str, got: &Operand, wanted: &'static str) -> FilterError {
    FilterError::Operands { op: op.to_owned(), got: got.name().to_owned(), wanted }
}

fn times(op: &str, template: &str, a: Operand, b: Operand) -> Result<Operand, FilterError> {
    let (a_start, a_end, b_start, b_end) = match (a, b) {
        (Operand::Time { start, end }, Operand::Time { start: other_start, end: other_end }) => {
            (start, end, other_start, other_end)
        }
        (Operand::Time { .. }, other) | (other, _) => return Err(operands(op, &other, "two times")),
    };
    // the names in the template become plain places, in their order
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        parts.push(match name {
            "as" => &a_start,
            "ae" => &a_end,
            "bs" => &b_start,
            _ => &b_end,
        });
        plain.push_str(before);
        plain.push_str("{}");
        rest = after;
    }
    plain.push_str(rest);
    Ok(Operand::Truth(Sql::of(&plain, &parts)))
}

fn time_of(text: &str) -> Result<Operand, FilterError> {
    let wrong = || FilterError::Operands {
        op: "a time".to_owned(),
        got: format!("{:?}", text.chars().take(60).collect::<String>()),
        wanted: "an RFC 3339 date or time",
    };
    let (start, end) = match text.parse::<Timestamp>() {
        Ok(instant) => (instant.as_millisecond(), instant.as_millisecond()),
        Err(_) => {
            let day: Date = text.parse().ok().filter(|_| is_plain_date(text)).ok_or_else(wrong)?;
            // a day must have a next one to have an end
            day.checked_add(1.day()).map_err(|_| wrong())?;
            let start = TimeZone::UTC
                .to_timestamp(day.to_datetime(Time::midnight()))
                .map_err(|_| wrong())?
                .as_millisecond();
            (start, start + DAY_MS)
        }
    };
    Ok(Operand::Time { start: Sql::bound(start), end: Sql::bound(end) })
}

fn holds_long_text(pattern: &Sql) -> bool {
    let is_long = |value: &SqlValue| matches!(value, SqlValue::Text(text) if !is_pattern(text));
    pattern.values.iter().any(is_long)
}

/// Whether a text has the form `2024-05-01`: out of a time without a zone a parser of dates takes the date.
fn is_plain_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn texts(items: &[Value]) -> Result<Operand, FilterError> {
    if items.iter().all(Value::is_string) {
        return Ok(Operand::Texts(Sql::bound(Value::Array(items.to_vec()).to_string())));
    }
    Err(FilterError::Operands {
        op: "a list".to_owned(),
        got: "other things than texts".to_owned(),
        wanted: "texts",
    })
}

fn lists(op: &str, a: Operand, b: Operand) -> Result<Operand, FilterError> {
    match (a, b) {
        (Operand::Texts(a), Operand::Texts(b)) => {
            Ok(Operand::Truth(Sql::of(&format!("list_relation('{op}', {{}}, {{}})"), &[&a, &b])))
        }
        (Operand::Texts(_), other) | (other, _) => Err(operands(op, &other, "two lists of texts")),
    }
}

fn geometry(expression: &Value) -> Result<Operand, FilterError> {
    let wrong = |got: String| FilterError::Operands {
        op: "a geometry".to_owned(),
        got,
        wanted: "valid geometry of finite coordinates",
    };
    let shape = super::functions::read_filter_geometry(expression)
        .ok_or_else(|| wrong("no valid coordinates".to_owned()))?;
    let bounds = geo::BoundingRect::bounding_rect(&shape)
        .map(|rect| [rect.min().x, rect.min().y, rect.max().x, rect.max().y]);
    Ok(Operand::Geometry { text: expression.to_string(), bounds })
}

/// Exact relation of two geometries, after a look at the index of bounds where the relation says that
/// they touch.
fn spatial(rows: Rows, op: &str, a: Operand, b: Operand) -> Result<Operand, FilterError> {
    let is_geometry =
        |operand: &Operand| matches!(operand, Operand::OwnGeometry(_) | Operand::Geometry { .. });
    if let Some(other) = [&a, &b].into_iter().find(|operand| !is_geometry(operand)) {
        return Err(operands(op, other, "two geometries"));
    }
    let exact = Sql::of(&format!("spatial_relation('{op}', {{}}, {{}})"), &[&a.sql(), &b.sql()]);
    let given = match (&a, &b) {
        (Operand::OwnGeometry(_), Operand::Geometry { bounds, .. })
        | (Operand::Geometry { bounds, .. }, Operand::OwnGeometry(_)) => *bounds,
        _ => None,
    };
    match given {
        Some(bounds) if op != "s_disjoint" => {
            Ok(Operand::Truth(Sql::of("({} AND {})", &[&rows.touch(&[bounds]), &exact])))
        }
        _ => Ok(Operand::Truth(exact)),
    }
}
