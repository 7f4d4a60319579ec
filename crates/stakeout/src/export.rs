//! `stakeout export`.

use anyhow::Context;
use record::{SiteId, Store};
use stakeout_server::export::export;

use crate::arguments::Export;

pub(crate) fn run(arguments: &Export, quiet: bool) -> anyhow::Result<()> {
    // opening a folder that is none would make one
    if !arguments.data.join(record::DATABASE_FILE).is_file() {
        anyhow::bail!("{} is no data folder", arguments.data.display());
    }
    let store = Store::open(&arguments.data)
        .with_context(|| format!("{} cannot be opened", arguments.data.display()))?;
    let site = SiteId(arguments.site.clone());
    let collection = arguments.collection.into();
    let written = export(&store, None, &site, collection, arguments.format, &arguments.out)?;
    if !quiet {
        eprintln!("{written} {} written to {}", collection.as_str(), arguments.out.display());
    }
    Ok(())
}
