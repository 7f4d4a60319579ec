//! `stakeout export`.

use record::SiteId;
use stakeout_server::export::export;

use crate::{arguments::Export, data_folder::open};

pub(crate) fn run(arguments: &Export, quiet: bool) -> anyhow::Result<()> {
    let store = open(&arguments.data)?;
    let site = SiteId(arguments.site.clone());
    let collection = arguments.collection.into();
    let written = export(&store, None, &site, collection, arguments.format, &arguments.out)?;
    if !quiet {
        eprintln!("{written} {} written to {}", collection.as_str(), arguments.out.display());
    }
    Ok(())
}
