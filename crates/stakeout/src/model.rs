//! `stakeout model`.

use std::io::Write;

use anyhow::Context;
use imagery_diff::{CLASSICAL, DEFAULT_DETECTOR, MODELS};

use crate::arguments::Model;

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
            writeln!(out, "{CLASSICAL}\t{}\tno network\tMIT OR Apache-2.0{mark}", env!("CARGO_PKG_VERSION"))?;
        }
        Model::Show { name } => {
            let shipped = MODELS.iter().find(|shipped| shipped.name == name).with_context(|| {
                format!("there is no model {name:?}; `stakeout model list` names those there are")
            })?;
            writeln!(out, "{:#}", serde_json::to_value(shipped.card())?)?;
        }
    }
    Ok(())
}
