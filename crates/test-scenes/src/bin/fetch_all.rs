//! Fetches addresses of a server on this machine over several connections and says how long it took.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Parser;
use serde_json::json;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Fetches every path of a list, in its order, shared among connections that stay open; prints a line of JSON.
#[derive(Debug, Parser)]
struct Arguments {
    /// Address of the server, such as 127.0.0.1:8080.
    server: std::net::SocketAddr,
    /// A file with a path a line.
    paths: PathBuf,
    /// Connections that are used at the same time.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// How often the list is gone through.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

/// One answer.
struct Fetched {
    seconds: f64,
    bytes: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.server.ip().is_loopback(), "{} is another machine", arguments.server);
    let text = std::fs::read_to_string(&arguments.paths)
        .with_context(|| format!("{} cannot be read", arguments.paths.display()))?;
    let paths: Vec<&str> = text.lines().collect();
    ensure!(!paths.is_empty(), "{} names nothing", arguments.paths.display());
    let next = AtomicUsize::new(0);
    let total = paths.len() * arguments.rounds;
    let started = Instant::now();
    let fetched = std::thread::scope(|scope| {
        let work = || -> anyhow::Result<Vec<Fetched>> {
            let mut connection = Connection::open(arguments.server)?;
            let mut fetched = Vec::new();
            loop {
                let index = next.fetch_add(1, Relaxed);
                if index >= total {
                    return Ok(fetched);
                }
                fetched.push(connection.fetch(paths[index % paths.len()])?);
            }
        };
        let workers: Vec<_> = (0..arguments.connections).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
        joined.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let mut fetched: Vec<Fetched> = fetched.into_iter().flatten().collect();
    fetched.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let quantile = |share: f64| fetched[((fetched.len() - 1) as f64 * share) as usize].seconds * 1e3;
    let bytes: usize = fetched.iter().map(|one| one.bytes).sum();
    let line = json!({
        "answers": fetched.len(),
        "seconds": seconds,
        "per_second": fetched.len() as f64 / seconds,
        "bytes_mean": bytes / fetched.len(),
        "p50_ms": quantile(0.5),
        "p95_ms": quantile(0.95),
    });
    std::io::stdout().write_all(format!("{line}\n").as_bytes())?;
    Ok(())
}

struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Connection {
    fn open(server: std::net::SocketAddr) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(server).with_context(|| format!("{server} does not answer"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Connection { host: server.to_string(), stream: BufReader::new(stream), body: Vec::new() })
    }

    /// Fetches a path; anything but 200 with a length is an error.
    fn fetch(&mut self, path: &str) -> anyhow::Result<Fetched> {
        let started = Instant::now();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\naccept: */*\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        ensure!(line.split(' ').nth(1) == Some("200"), "{path} is answered with {line:?}");
        let mut length = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().ok();
                }
                Some(_) => {}
                None => break,
            }
        }
        let length: usize = length.with_context(|| format!("{path} is answered without a length"))?;
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(Fetched { seconds: started.elapsed().as_secs_f64(), bytes: length })
    }
}
