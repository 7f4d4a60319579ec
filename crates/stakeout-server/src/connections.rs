//! Connections: how many there may be, how long each may take to say what it wants, and to take what it is sent.
//!
//! A client that opens many connections and sends its requests letter by letter would else hold the server's files and
//! memory for nothing.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    http::Extensions,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore};
use tower_service::Service;

use crate::{App, Config, rate::network, router, sending::Sending};

/// Pause after a connection could not be taken, as when there are no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers the connections of a listener for ever, within the limits of the configuration.
pub async fn serve(app: App, listener: TcpListener) -> Infallible {
    let free = Arc::new(Semaphore::new(app.config.connections_max));
    let shares = Arc::new(Shares::of(app.config.connections_max));
    let protocol = protocol(&app.config);
    let send_idle_max = Duration::from_secs(app.config.send_idle_s);
    let router = router(app);
    loop {
        // those beyond the limit wait in the system's queue
        let permit = Arc::clone(&free).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(share) = Shares::take(&shares, from.ip().to_canonical()) else {
            tracing::debug!(%from, "a connection was closed: its address has its share");
            continue;
        };
        let (protocol, router) = (protocol.clone(), router.clone());
        tokio::spawn(async move {
            // answers are small and many: none waits for the one before to be confirmed
            let _ = stream.set_nodelay(true);
            answer(&protocol, router, Sending::new(stream, send_idle_max), from).await;
            drop((share, permit));
        });
    }
}

/// How many connections each address of another machine has: half of all at most, so that none keeps everybody else out.
struct Shares {
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Shares {
    fn of(connections_max: usize) -> Shares {
        Shares { most: (connections_max / 2).max(1), open: Mutex::default() }
    }

    /// A connection more for an address; `None` where it has its share. Programs of this machine have no limit of their own.
    fn take(shares: &Arc<Shares>, from: IpAddr) -> Option<Share> {
        if from.is_loopback() {
            return Some(Share(None));
        }
        let from = network(from);
        let mut open = shares.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(from).or_default();
        if *count >= shares.most {
            return None;
        }
        *count += 1;
        Some(Share(Some((Arc::clone(shares), from))))
    }
}

/// One of an address's connections, given back when it is dropped.
struct Share(Option<(Arc<Shares>, IpAddr)>);

impl Drop for Share {
    fn drop(&mut self) {
        let Some((shares, from)) = &self.0 else { return };
        let mut open = shares.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(from) {
            *count -= 1;
            if *count == 0 {
                open.remove(from);
            }
        }
    }
}

fn protocol(config: &Config) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(config.head_time_s));
    protocol
}

/// The address that a request came from: a proxy's where there is one.
pub(crate) fn client(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip().to_canonical())
}

/// Answers the requests of one connection until it is closed.
async fn answer(protocol: &http1::Builder, router: Router, stream: Sending, from: SocketAddr) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        router.clone().call(request)
    });
    if let Err(error) = protocol.serve_connection(TokioIo::new(stream), service).await {
        // clients go away and send nonsense: nothing that the operator must know
        tracing::debug!(%error, %from, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_another_machine_has_half_of_all_connections_at_most() {
        let shares = Arc::new(Shares::of(4));
        let take = |from: &str| Shares::take(&shares, from.parse().unwrap());
        let held = [take("192.0.2.1"), take("192.0.2.1")];
        assert!(held.iter().all(Option::is_some));
        assert!(take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some(), "others have theirs");
        drop(held);
        assert!(take("192.0.2.1").is_some());
        assert!(shares.open.lock().unwrap().is_empty(), "what was given back is not remembered");
        let here: Vec<_> = (0..9).map(|_| take("127.0.0.1")).collect();
        assert!(here.iter().all(Option::is_some));
        let _v6 = [take("2001:db8::1"), take("2001:db8::2")];
        assert!(take("2001:db8::3").is_none(), "a network of version 6 is one address");
    }
}
