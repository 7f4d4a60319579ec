//! Command line and wiring.
//!
//! Exit codes: 0 when it worked (finding nothing is working), 2 for bad arguments, 1 otherwise with one line
//! on standard error. Machine-readable output goes to standard output or a named file, all else to standard
//! error.

mod arguments;
mod count;
mod data_folder;
mod detect;
mod evaluate;
mod export;
mod memory;
mod model;
mod output;
mod serve;
mod stopped;
mod token;
mod verify;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use output::say;

fn main() -> ExitCode {
    memory::keep_what_windows_take();
    let arguments = Arguments::given();
    if matches!(arguments.command, Command::Detect(_) | Command::Evaluate(_)) {
        memory::share_among_threads();
    }
    let done = match arguments.command {
        Command::Detect(detect) => detect::run(&detect, arguments.quiet),
        Command::Serve(serve) => serve::run(&serve, arguments.quiet),
        Command::Evaluate(evaluate) => evaluate::run(&evaluate, arguments.quiet),
        Command::Verify(verify) => verify::run(&verify, arguments.quiet),
        Command::Model(model) => model::run(&model),
        Command::Export(export) => export::run(&export, arguments.quiet),
        Command::Token(token) => token::run(&token, arguments.quiet),
        Command::IngestWorker => return raster_io::work(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {}", one_line(&error)));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, on one line; a cause that its error tells already is left out, and so is one that only puts
/// words before it (`Error code 26: ...` of SQLite).
fn one_line(error: &anyhow::Error) -> String {
    let mut told: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string().replace('\n', " ");
        let is_told = told.iter().any(|earlier| earlier.contains(&text))
            || told.last().is_some_and(|last| text.ends_with(last));
        if !is_told {
            told.push(text);
        }
    }
    told.join(": ")
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn what_an_error_told_its_causes_do_not_tell_again() {
        let database = anyhow!("Error code 26: file is not a database")
            .context("file is not a database")
            .context("the database failed");
        assert_eq!(one_line(&database), "the database failed: file is not a database");
        let file = anyhow!("no such file").context("a.tif cannot be read: no such file");
        assert_eq!(one_line(&file), "a.tif cannot be read: no such file");
    }
}
