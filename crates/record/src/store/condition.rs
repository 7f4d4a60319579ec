//! SQL with bound values, put together from parts.

use rusqlite::types::Value as SqlValue;

/// A piece of SQL with the values of its question marks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<SqlValue>,
}

impl Sql {
    /// SQL without values.
    pub(super) fn plain(text: impl Into<String>) -> Sql {
        Sql { text: text.into(), values: Vec::new() }
    }

    /// A bound value.
    pub(super) fn bound(value: impl Into<SqlValue>) -> Sql {
        Sql { text: "?".to_owned(), values: vec![value.into()] }
    }

    /// A template in which each `{}` stands for the next part. A part may be used twice.
    pub(super) fn of(template: &str, parts: &[&Sql]) -> Sql {
        let mut pieces = template.split("{}");
        let mut sql = Sql::plain(pieces.next().unwrap_or_default());
        for (piece, part) in pieces.zip(parts) {
            sql.text.push_str(&part.text);
            sql.text.push_str(piece);
            sql.values.extend(part.values.iter().cloned());
        }
        sql
    }

    /// Parts in any order with a word between them, in parentheses, as a tree that is no deeper than it must be: SQLite
    /// takes one of a thousand levels at most.
    pub(super) fn balanced(parts: &[Sql], word: &str) -> Sql {
        match parts {
            [] | [_] | [_, _] => Sql::joined(parts, word),
            parts => {
                let (first, second) = parts.split_at(parts.len() / 2);
                Sql::joined(&[Sql::balanced(first, word), Sql::balanced(second, word)], word)
            }
        }
    }

    /// Parts with a word between them, in parentheses.
    pub(super) fn joined(parts: &[Sql], word: &str) -> Sql {
        let template = format!("({})", vec!["{}"; parts.len()].join(word));
        Sql::of(&template, &parts.iter().collect::<Vec<_>>())
    }

    /// Adds a condition that must hold too.
    pub(super) fn and(&mut self, other: &Sql) {
        *self = Sql::of("{} AND {}", &[&self.clone(), other]);
    }
}

/// Rows of `item` whose geometry meets one of some boxes (west, south, east, north).
pub(super) fn items_meet_boxes(boxes: &[[f64; 4]]) -> Sql {
    Sql::of(
        "({} AND {})",
        &[&touches_boxes(boxes), &meets_boxes("json_extract(feature, '$.geometry')", boxes)],
    )
}

/// The same for rows of `scene`.
pub(super) fn scenes_meet_boxes(boxes: &[[f64; 4]]) -> Sql {
    let footprint = "json_extract(document, '$.footprint')";
    Sql::of("({} AND {})", &[&bounds_touch(boxes), &meets_boxes(footprint, boxes)])
}

/// Where the bounds lie within a box so does the geometry; only rows across the edge of a box are looked at exactly.
fn meets_boxes(geometry: &str, boxes: &[[f64; 4]]) -> Sql {
    let meeting: Vec<Sql> = boxes
        .iter()
        .map(|[west, south, east, north]| {
            let numbers = [*west, *east, *south, *north].map(Sql::bound);
            let shape = Sql::bound(serde_json::json!({"bbox": [west, south, east, north]}).to_string());
            let [west, east, south, north] = numbers.each_ref();
            Sql::of(
                &format!(
                    "(minx >= {{}} AND maxx <= {{}} AND miny >= {{}} AND maxy <= {{}}) \
                     OR spatial_relation('s_intersects', {geometry}, {{}})"
                ),
                &[west, east, south, north, &shape],
            )
        })
        .collect();
    Sql::joined(&meeting, " OR ")
}

/// Rows whose bounds touch one of some boxes (west, south, east, north).
pub(super) fn bounds_touch(boxes: &[[f64; 4]]) -> Sql {
    let touching: Vec<Sql> = boxes
        .iter()
        .map(|[west, south, east, north]| {
            let numbers = [*west, *east, *south, *north].map(Sql::bound);
            Sql::of("(maxx >= {} AND minx <= {} AND maxy >= {} AND miny <= {})", &numbers.each_ref())
        })
        .collect();
    Sql::joined(&touching, " OR ")
}

/// The same for rows of `item`, by their index.
///
/// The R*Tree keeps 32-bit floats, rounded outwards: it finds too much, never too little, so the exact
/// bounds are compared too.
pub(super) fn touches_boxes(boxes: &[[f64; 4]]) -> Sql {
    let touching = bounds_touch(boxes);
    Sql::of("(n IN (SELECT n FROM item_box WHERE {}) AND {})", &[&touching, &touching])
}
