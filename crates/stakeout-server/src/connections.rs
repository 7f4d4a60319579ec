//! Connections: how many there may be, how long each may take to say what it wants, and to take what it is sent.
//!
//! A client that opens many connections and sends its requests letter by letter would else hold the server's files and
//! memory for nothing.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    http::Extensions,
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{HttpService, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tower_service::Service;

use crate::{
    App, Config,
    rate::network,
    router,
    sending::Sending,
    shares::{Share, Shares},
};

/// Pause after a connection could not be taken, as when there are no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Longest time for requests that are being answered when the service stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);

/// Answers the connections of a listener, within the limits of the configuration, until `stopped`. Then no more are taken,
/// streams of events end, and what is being answered has a few seconds to be.
pub async fn serve(app: App, listener: TcpListener, stopped: impl Future<Output = ()>) {
    let (open, stopping) = (GracefulShutdown::new(), app.stopping.clone());
    tokio::select! {
        never = take(app, &listener, &open) => match never {},
        () = stopped => {}
    }
    drop(listener);
    stopping.send_replace(true);
    if tokio::time::timeout(STOP_TIME_MAX, open.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off by the stop: they took more than {STOP_TIME_MAX:?}");
    }
}

/// Takes connections for ever and answers each in a task of its own.
async fn take(app: App, listener: &TcpListener, open: &GracefulShutdown) -> Infallible {
    let free = Arc::new(Semaphore::new(app.config.connections_max));
    let shares = Shares::halves_of(app.config.connections_max as u64);
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
        let Some(share) = connection(&shares, from.ip().to_canonical()) else {
            tracing::debug!(%from, "a connection was closed: its address has its share");
            continue;
        };
        // answers are small and many: none waits for the one before to be confirmed
        let _ = stream.set_nodelay(true);
        let stream = TokioIo::new(Sending::new(stream, send_idle_max));
        let connection = open.watch(protocol.serve_connection(stream, service(router.clone(), from)));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // clients go away and send nonsense: nothing that the operator must know
                tracing::debug!(%error, %from, "a connection ended early");
            }
            drop((share, permit));
        });
    }
}

/// A connection more for an address, of which one of another machine has half of all at most; `None` where it has them.
/// Programs of this machine have no limit of their own.
fn connection(shares: &Arc<Shares<IpAddr>>, from: IpAddr) -> Option<Option<Share<IpAddr>>> {
    if from.is_loopback() { Some(None) } else { shares.take(network(from), 1).map(Some) }
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

/// Answers the requests of one connection.
fn service(
    router: Router,
    from: SocketAddr,
) -> impl HttpService<Incoming, ResBody = Body, Error = Infallible, Future: Send> {
    service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        router.clone().call(request)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_another_machine_has_half_of_all_connections_at_most() {
        let shares = Shares::halves_of(4);
        let take = |from: &str| connection(&shares, from.parse().unwrap());
        let _held = [take("192.0.2.1"), take("192.0.2.1")];
        assert!(take("192.0.2.1").is_none());
        let others = take("192.0.2.2");
        assert!(others.is_some(), "others have theirs");
        drop(others);
        let here: Vec<_> = (0..9).map(|_| take("127.0.0.1")).collect();
        assert!(here.iter().all(Option::is_some));
        let _v6 = [take("2001:db8::1"), take("2001:db8::2")];
        assert!(take("2001:db8::3").is_none(), "a network of version 6 is one address");
    }
}
