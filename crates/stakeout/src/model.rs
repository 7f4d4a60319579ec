//! `stakeout model`.

use anyhow::Context;
use imagery_diff::{CLASSICAL, DEFAULT_DETECTOR, MODELS};
use serde_json::{Value, json};

use crate::{arguments::Model, output::print};

/// Version and licence of what is computed without a network: this program's own.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const LICENCE: &str = env!("CARGO_PKG_LICENSE");

pub(crate) fn run(arguments: &Model) -> anyhow::Result<()> {
    match arguments {
        Model::List => print(&list()),
        Model::Show { name } => print(&format!("{:#}\n", shown(name)?)),
    }
}

fn list() -> String {
    let mark = |name: &str| if name == DEFAULT_DETECTOR { "  (default)" } else { "" };
    let shipped = MODELS.iter().map(|shipped| {
        let card = shipped.card();
        let mark = mark(&card.name);
        format!("{}\t{}\t{} parameters\t{}{mark}\n", card.name, card.version, card.parameters, card.licence)
    });
    let classical = format!("{CLASSICAL}\t{VERSION}\tno network\t{LICENCE}{}\n", mark(CLASSICAL));
    shipped.chain([classical]).collect()
}

fn shown(name: &str) -> anyhow::Result<Value> {
    if name == CLASSICAL {
        return Ok(classical());
    }
    let shipped = MODELS.iter().find(|shipped| shipped.name == name);
    Ok(serde_json::to_value(shipped.context("only names of models are taken")?.card())?)
}

/// What there is to say of the baseline: it has no network, so no card.
fn classical() -> Value {
    json!({
        "name": CLASSICAL,
        "version": VERSION,
        "task": "finds structures that changed by classical cues, without a network",
        "parameters": 0,
        "licence": LICENCE,
    })
}
