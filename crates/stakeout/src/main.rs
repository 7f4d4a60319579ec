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
mod token;
mod verify;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;

fn main() -> ExitCode {
    memory::keep_what_windows_take();
    let arguments = Arguments::parse();
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
            eprintln!("error: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, on one line; a cause that its error tells already is left out.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string().replace('\n', " ");
        if !line.contains(&text) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&text);
        }
    }
    line
}
