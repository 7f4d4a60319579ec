//! What is cleared away where a command is stopped in the middle.

use std::path::Path;

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};

/// Most attempts to remove a folder, in which the command may still be writing.
const REMOVALS_MAX: usize = 10;

/// As long as what is returned is kept, Ctrl-C and SIGTERM remove a folder before they end the process.
pub(crate) fn remove_when_stopped(folder: &Path) -> std::io::Result<Runtime> {
    let watch = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let inside = watch.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(inside);
    let folder = folder.to_owned();
    watch.spawn(async move {
        let number = tokio::select! {
            _ = interrupt.recv() => libc::SIGINT,
            _ = terminate.recv() => libc::SIGTERM,
        };
        for _ in 0..REMOVALS_MAX {
            if std::fs::remove_dir_all(&folder).is_ok() {
                break;
            }
        }
        end_by(number);
    });
    Ok(watch)
}

/// Ends the process as the signal would have, so that a shell sees why.
fn end_by(number: libc::c_int) {
    // SAFETY: both take a signal's number; no handler of ours is called any more
    unsafe {
        libc::signal(number, libc::SIG_DFL);
        libc::raise(number);
    }
}
