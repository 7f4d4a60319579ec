//! `stakeout serve`.

use std::{
    fs::{File, TryLockError},
    io::IsTerminal,
    net::SocketAddr,
    path::Path,
};

use anyhow::Context;
use record::{Actor, Role};
use stakeout_server::{App, Config, detection};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::{EnvFilter, fmt};

use crate::{
    arguments::{INGEST_WORKER, Serve},
    data_folder::is_data_folder,
};

/// Name of the one person on a loopback server without tokens, where the system tells none.
const LOCAL_NAME: &str = "local";

/// File in the data folder that the process that serves it has locked.
const LOCK_FILE: &str = "serve.lock";

/// The running binary, even where a newer one lies at its path by now.
const THIS_PROGRAM: &str = "/proc/self/exe";

pub(crate) fn run(arguments: &Serve, quiet: bool) -> anyhow::Result<()> {
    let level = if quiet { "error" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let is_terminal = std::io::stderr().is_terminal();
    fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal).init();
    let config = arguments.config.as_deref().map_or_else(|| Ok(Config::default()), configured)?;
    let is_local = arguments.listen.ip().is_loopback();
    // a folder that is not there holds no tokens, and is not made to find that out
    anyhow::ensure!(is_local || is_data_folder(&arguments.data), no_tokens(arguments));
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime
        .block_on(TcpListener::bind(arguments.listen))
        .with_context(|| format!("{} cannot be listened on", arguments.listen))?;
    let _alone = alone(&arguments.data)?;
    let app = App::open(&arguments.data, config, (THIS_PROGRAM.into(), INGEST_WORKER), local_actor())
        .with_context(|| format!("{} cannot be opened", arguments.data.display()))?;
    anyhow::ensure!(is_local || app.has_tokens()?, no_tokens(arguments));
    let served = runtime.block_on(serve(app, listener, arguments, quiet));
    // a comparison may go on for long; it is taken up at the next start, and every write is whole or not there
    runtime.shutdown_background();
    served
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
    // open event streams would hold a graceful stop up for ever; every write is whole without one
    tokio::select! {
        never = stakeout_server::serve(app, listener) => match never {},
        () = stopped => Ok(()),
    }
}

/// Keeps other servers off a data folder as long as it is kept: they would take up what this one is at. Makes the folder
/// where there is none.
fn alone(data: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(data).with_context(|| format!("{} cannot be made", data.display()))?;
    let path = data.join(LOCK_FILE);
    let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            anyhow::bail!("{} is served by another process already", data.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}

fn announce(data: &Path, address: SocketAddr) {
    eprintln!("serving {} at http://{address}/", data.display());
}

fn local_actor() -> Actor {
    let name =
        std::env::var("USER").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| LOCAL_NAME.to_owned());
    Actor { name, role: Role::Admin }
}
