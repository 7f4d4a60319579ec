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
    extract::{ConnectInfo, Request},
    http::Extensions,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore};
use tower_service::Service;

use crate::{App, Config, router, sending::Sending};

/// Pause after a connection could not be taken, as when there are no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers the connections of a listener for ever, within the limits of the configuration.
pub async fn serve(app: App, listener: TcpListener) -> Infallible {
    let free = Arc::new(Semaphore::new(app.config.connections_max));
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
        let (protocol, router) = (protocol.clone(), router.clone());
        tokio::spawn(async move {
            // answers are small and many: none waits for the one before to be confirmed
            let _ = stream.set_nodelay(true);
            answer(&protocol, router, Sending::new(stream, send_idle_max), from).await;
            drop(permit);
        });
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
