//! `stakeout serve`.

use std::{env::VarError, io::IsTerminal, net::SocketAddr, path::Path};

use anyhow::Context;
use record::{Actor, Role};
use rustix::process::{Resource, Rlimit};
use stakeout_server::{App, Config, detection};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt};

use crate::{
    arguments::{INGEST_WORKER, Serve},
    data_folder::{alone, is_data_folder},
    output::say,
};

/// Name of the one person on a loopback server without tokens, where the system tells none.
const LOCAL_NAME: &str = "local";

/// Files that a server has open beside its connections: database, scenes, uploads, and those of the work for them.
const FILES_BESIDE: u64 = 200;

/// The running binary, even where a newer one lies at its path by now.
const THIS_PROGRAM: &str = "/proc/self/exe";

pub(crate) fn run(arguments: &Serve, quiet: bool) -> anyhow::Result<()> {
    log(if quiet { LevelFilter::ERROR } else { LevelFilter::WARN })?;
    let config = arguments.config.as_deref().map_or_else(|| Ok(Config::default()), configured)?;
    open_files(config.connections_max);
    let is_local = arguments.listen.ip().is_loopback();
    // a folder that is not there holds no tokens, and is not made to find that out
    anyhow::ensure!(is_local || is_data_folder(&arguments.data)?, no_tokens(arguments));
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime
        .block_on(TcpListener::bind(arguments.listen))
        .with_context(|| format!("{} cannot be listened on", arguments.listen))?;
    let _alone = alone(&arguments.data)?;
    let app = App::open(&arguments.data, config, (THIS_PROGRAM.into(), INGEST_WORKER), local_actor())
        .with_context(|| format!("{} cannot be opened", arguments.data.display()))?;
    anyhow::ensure!(is_local || app.has_tokens()?, no_tokens(arguments));
    runtime.block_on(serve(app.clone(), listener, arguments, quiet))?;
    if let Err(error) = app.settle() {
        // it is whole with its log
        tracing::warn!(%error, "the log of the database could not be emptied");
    }
    // a comparison may go on for long; it is taken up at the next start, and every write is whole or not there
    runtime.shutdown_background();
    Ok(())
}

/// Writes warnings and errors to standard error; `RUST_LOG` adds to them, or says another level.
fn log(level: LevelFilter) -> anyhow::Result<()> {
    let more = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Err(VarError::NotPresent) => String::new(),
        more => more.context("RUST_LOG cannot be read")?,
    };
    let filter = EnvFilter::builder().parse(format!("{level},{more}")).context("RUST_LOG cannot be read")?;
    let is_terminal = std::io::stderr().is_terminal();
    fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal)
        // a log that nobody takes any more must not stop answers
        .log_internal_errors(false)
        .init();
    Ok(())
}

/// Lets the process open as many files as the system allows it, and tells where that is less than its connections may take.
fn open_files(connections_max: usize) {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let files_max = match rustix::process::setrlimit(Resource::Nofile, most) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let wanted = connections_max as u64 + FILES_BESIDE;
    if let Some(files_max) = files_max.filter(|files_max| *files_max < wanted) {
        tracing::warn!(
            files_max,
            connections_max,
            "the process may open fewer files than its connections and their work may take: lower connections_max, or raise `ulimit -n`"
        );
    }
}

fn no_tokens(arguments: &Serve) -> String {
    format!(
        "{} can be reached from other machines, so it takes tokens: make one with `stakeout token create --data {} --role admin --name NAME`",
        arguments.listen,
        arguments.data.display()
    )
}

/// The settings of a file, with a detector that can be used: better told now than when the first comparison fails.
fn configured(path: &Path) -> anyhow::Result<Config> {
    let config = Config::read(path)?;
    detection::detector(&config.model, config.onnx_runtime.as_deref())
        .with_context(|| format!("the detector of the configuration {} cannot be used", path.display()))?;
    Ok(config)
}

async fn serve(app: App, listener: TcpListener, arguments: &Serve, quiet: bool) -> anyhow::Result<()> {
    app.start().with_context(|| format!("{} cannot be taken up", arguments.data.display()))?;
    if !quiet {
        announce(&arguments.data, listener.local_addr()?);
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stopped = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    stakeout_server::serve(app, listener, stopped).await;
    Ok(())
}

fn announce(data: &Path, address: SocketAddr) {
    say(format_args!("serving {} at http://{address}/", data.display()));
}

fn local_actor() -> Actor {
    let name =
        std::env::var("USER").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| LOCAL_NAME.to_owned());
    Actor { name, role: Role::Admin }
}
