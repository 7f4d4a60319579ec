//! `stakeout model`.

use std::io::Write;

use anyhow::Context;
use imagery_diff::{CLASSICAL, DEFAULT_DETECTOR, MODELS};
use serde_json::{Value, json};

use crate::arguments::Model;

/// Version and licence of what is computed without a network: this program's own.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const LICENCE: &str = env!("CARGO_PKG_LICENSE");

pub(crate) fn run(arguments: &Model) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match arguments {
        Model::List => {
            for shipped in MODELS {
                let card = shipped.card();
                let mark = if card.name == DEFAULT_DETECTOR { "  (default)" } else { "" };
                writeln!(
                    out,
                    "{}\t{}\t{} parameters\t{}{mark}",
                    card.name, card.version, card.parameters, card.licence
                )?;
            }
            let mark = if CLASSICAL == DEFAULT_DETECTOR { "  (default)" } else { "" };
            writeln!(out, "{CLASSICAL}\t{VERSION}\tno network\t{LICENCE}{mark}")?;
        }
        Model::Show { name } if name == CLASSICAL => writeln!(out, "{:#}", classical())?,
        Model::Show { name } => {
            let shipped = MODELS.iter().find(|shipped| shipped.name == name).with_context(|| {
                format!("there is no model {name:?}; `stakeout model list` names those there are")
            })?;
            writeln!(out, "{:#}", serde_json::to_value(shipped.card())?)?;
        }
    }
    Ok(())
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
