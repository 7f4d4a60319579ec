//! `stakeout verify`.

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use record::verify::{VerifyError, verify_telling};

use crate::{
    arguments::Verify,
    count::counted,
    data_folder::must_be_there,
    output::{print, say},
};

pub(crate) fn run(verify: &Verify, quiet: bool) -> anyhow::Result<()> {
    must_be_there(&verify.data)?;
    let bar = bar(quiet);
    let verified = verify_telling(&verify.data, verify.event.as_ref(), &|done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let verified = match verified {
        // it does not say of which folder
        Err(VerifyError::Record(error)) => {
            Err(error).with_context(|| format!("{} cannot be verified", verify.data.display()))?
        }
        verified => verified?,
    };
    if !quiet {
        say(format_args!(
            "whole: {}, {} features and documents, {}; {}",
            counted(verified.events(), "event"),
            verified.states,
            counted(verified.blobs, "blob"),
            if verified.last.is_some() { "the last event:" } else { "nothing was ever written" }
        ));
    }
    verified.last.map_or(Ok(()), |last| print(&format!("{last}\n")))
}

/// A bar on a terminal, nothing in a pipe.
fn bar(quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("hashing {pos} of {len} blobs {bar:40}  {eta} left")
        .expect("the template is well formed");
    ProgressBar::with_draw_target(Some(0), target).with_style(style)
}
