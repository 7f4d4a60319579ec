//! Scenes of all sites, searched by place, time and what is said of them.

use rusqlite::{Transaction, params_from_iter};

use super::{
    Store,
    condition::{Sql, scenes_meet_boxes},
    cql2_sql::{self, Rows},
    pages::Cursor,
    read_document,
};
use crate::{error::RecordError, filter::Filter, scene::Scene};

/// Most properties that an answer is put in order by.
const SORT_KEYS_MAX: usize = 8;

/// A property that scenes are put in order by; those that lack it come last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// Its name, as filters use it.
    pub property: String,
    /// Largest first.
    pub descending: bool,
}

/// Which scenes, in which order, and how many.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneQuery {
    /// Of one of these sites; of any where there is none.
    pub sites: Vec<String>,
    /// Of one of these ids; of any where there is none.
    pub ids: Vec<String>,
    /// Whose footprint meets any of these boxes: west, south, east, north in degrees.
    pub boxes: Vec<[f64; 4]>,
    /// Taken within this interval, in milliseconds since 1970; `None` is open.
    pub interval_ms: Option<(Option<i64>, Option<i64>)>,
    /// Meeting this filter.
    pub filter: Option<Filter>,
    /// In this order; the oldest image first where nothing is said.
    pub order: Vec<SortKey>,
    /// At most so many.
    pub limit: u32,
    /// Beginning after the scene of this cursor.
    pub after: Option<Cursor>,
}

/// A page of scenes.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenePage {
    /// The scenes.
    pub scenes: Vec<Scene>,
    /// How many match in all.
    pub number_matched: u64,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl Store {
    /// Searches the scenes of all sites.
    ///
    /// # Errors
    /// When the filter or the order names what scenes have not, or the database fails.
    pub fn search_scenes(&self, query: &SceneQuery) -> Result<ScenePage, RecordError> {
        let condition = condition(query)?;
        let keys = sort_keys(&query.order)?;
        let reader = self.read()?;
        // one snapshot for the count and the page
        let snapshot = reader.unchecked_transaction()?;
        let count = format!("SELECT count(*) FROM scene WHERE {}", condition.text);
        let number_matched = snapshot
            .prepare_cached(&count)?
            .query_row(params_from_iter(&condition.values), |row| row.get(0))?;
        page(&snapshot, query, condition, &keys, number_matched)
    }
}

fn condition(query: &SceneQuery) -> Result<Sql, RecordError> {
    let mut condition = Sql::plain("hidden = 0");
    for (column, choices) in [("site", &query.sites), ("id", &query.ids)] {
        if !choices.is_empty() {
            let choices: Vec<Sql> = choices.iter().map(|choice| Sql::bound(choice.clone())).collect();
            condition.and(&Sql::of(&format!("{column} IN {{}}"), &[&Sql::joined(&choices, ", ")]));
        }
    }
    if !query.boxes.is_empty() {
        condition.and(&scenes_meet_boxes(&query.boxes));
    }
    if let Some((from, to)) = query.interval_ms {
        for (end, comparison) in [(from, "datetime >= {}"), (to, "datetime <= {}")] {
            if let Some(end) = end {
                condition.and(&Sql::of(comparison, &[&Sql::bound(end)]));
            }
        }
    }
    if let Some(filter) = &query.filter {
        condition.and(&cql2_sql::condition(filter, Rows::Scenes)?);
    }
    Ok(condition)
}

/// SQL of each key with its direction; the number of the scene decides between equals.
fn sort_keys(order: &[SortKey]) -> Result<Vec<(Sql, bool)>, RecordError> {
    let wrong =
        |got: String, wanted: &str| RecordError::Invalid { field: "sortby", got, wanted: wanted.to_owned() };
    if order.len() > SORT_KEYS_MAX {
        return Err(wrong(
            format!("{} properties", order.len()),
            &format!("at most {SORT_KEYS_MAX} properties"),
        ));
    }
    let mut keys = order
        .iter()
        .map(|key| {
            let sql = cql2_sql::order(&key.property, Rows::Scenes);
            let unknown = || {
                let name: String = key.property.chars().take(60).collect();
                wrong(format!("{name:?}"), "a property of the queryables that has an order")
            };
            Ok((sql.ok_or_else(unknown)?, key.descending))
        })
        .collect::<Result<Vec<_>, RecordError>>()?;
    if keys.is_empty() {
        keys.push((Sql::plain("datetime"), false));
    }
    keys.push((Sql::plain("n"), false));
    Ok(keys)
}

fn page(
    snapshot: &Transaction<'_>,
    query: &SceneQuery,
    mut condition: Sql,
    keys: &[(Sql, bool)],
    number_matched: u64,
) -> Result<ScenePage, RecordError> {
    match query.after {
        Some(Cursor::After(n)) => condition.and(&behind(keys, n)),
        Some(Cursor::Before(_)) => {
            return Err(RecordError::Invalid {
                field: "token",
                got: "one that goes backwards".to_owned(),
                wanted: "the token of a next link".to_owned(),
            });
        }
        None => {}
    }
    let order: Vec<String> = keys
        .iter()
        .map(|(key, descending)| {
            let key = &key.text;
            format!("{key} IS NULL, {key} {}", if *descending { "DESC" } else { "ASC" })
        })
        .collect();
    let sql = format!(
        "SELECT n, id, document FROM scene WHERE {} ORDER BY {} LIMIT ?",
        condition.text,
        order.join(", ")
    );
    // one more than asked for tells whether there is another page
    condition.values.push((i64::from(query.limit) + 1).into());
    let mut rows = snapshot
        .prepare_cached(&sql)?
        .query_map(params_from_iter(&condition.values), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let more = rows.len() > query.limit as usize;
    rows.truncate(query.limit as usize);
    Ok(ScenePage {
        next: rows.last().filter(|_| more).map(|(n, _, _)| Cursor::After(*n)),
        number_matched,
        scenes: rows
            .iter()
            .map(|(_, id, text)| read_document("scene", id, text))
            .collect::<Result<_, _>>()?,
    })
}

/// Rows that come after the scene of number `n`: equal in the keys before, and behind it in one.
///
/// A page that begins there loses and repeats nothing that was not changed meanwhile: a withdrawn scene keeps its row.
fn behind(keys: &[(Sql, bool)], n: i64) -> Sql {
    let alternatives: Vec<Sql> = (0..keys.len())
        .map(|at| {
            let parts: Vec<Sql> = keys[..=at]
                .iter()
                .enumerate()
                .map(|(index, (key, descending))| {
                    let there = Sql::of(
                        &format!("(SELECT {} FROM scene WHERE n = {{}})", key.text),
                        &[&Sql::bound(n)],
                    );
                    if index < at {
                        return Sql::of("{} IS {}", &[key, &there]);
                    }
                    let further = if *descending { "<" } else { ">" };
                    Sql::of(
                        &format!("({{}} {further} {{}} OR ({{}} IS NULL AND {{}} IS NOT NULL))"),
                        &[key, &there, key, &there],
                    )
                })
                .collect();
            Sql::joined(&parts, " AND ")
        })
        .collect();
    Sql::joined(&alternatives, " OR ")
}
