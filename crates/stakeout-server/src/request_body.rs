//! Bodies on their way in: none may stall for ever, and what is refused is read on for a while.
//!
//! A request may be refused when its first bytes are read: the site is unknown, the role too low. Closing the
//! connection then, with bytes unread, makes the system answer the client's next bytes with a reset, and a client that
//! is still writing loses the answer. So the answer leaves at once, and what still comes is read and thrown away,
//! within limits.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::header,
};
use futures_util::StreamExt;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::{App, Config};

/// How long a body may take, and how much of a refused one is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    idle_max: Duration,
    refused_bytes_max: u64,
    refused_time_max: Duration,
}

impl Limits {
    fn of(config: &Config) -> Limits {
        Limits {
            idle_max: Duration::from_secs(config.body_idle_s),
            refused_bytes_max: config.refused_body_bytes_max,
            refused_time_max: Duration::from_secs(config.refused_body_time_s),
        }
    }
}

/// A layer's function: puts the body of a request under the limits.
pub(crate) async fn limited(State(app): State<App>, request: Request) -> Request {
    // a client that waits for leave to send has sent nothing, and will not
    let waits = request.headers().contains_key(header::EXPECT);
    let (parts, inner) = request.into_parts();
    if inner.is_end_stream() {
        return Request::from_parts(parts, inner);
    }
    let limits = Limits::of(&app.config);
    let body = Arriving { inner: Some(inner), limits, begun: !waits, idle: Box::pin(sleep(limits.idle_max)) };
    Request::from_parts(parts, Body::new(body))
}

/// A body; dropped before its end, the rest is read by a task of its own.
struct Arriving {
    inner: Option<Body>,
    limits: Limits,
    /// Whether the client is sending.
    begun: bool,
    /// Ends when nothing has come for too long.
    idle: Pin<Box<Sleep>>,
}

/// Nothing came for too long.
#[derive(Debug, thiserror::Error)]
#[error("nothing came for {idle_s} s")]
struct Stalled {
    idle_s: u64,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.begun = true;
        let inner = self.inner.as_mut().expect("the body is there until it is dropped");
        let came = Pin::new(inner).poll_frame(context);
        if came.is_ready() {
            let until = Instant::now() + self.limits.idle_max;
            self.idle.as_mut().reset(until);
            return came;
        }
        self.idle.as_mut().poll(context).map(|()| {
            let stalled = Stalled { idle_s: self.limits.idle_max.as_secs() };
            Some(Err(axum::Error::new(stalled)))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let (Some(rest), Ok(runtime)) = (self.inner.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        if self.begun && !rest.is_end_stream() {
            runtime.spawn(throw_away(rest, self.limits));
        }
    }
}

/// Reads a body until it ends, fails, or meets a limit.
async fn throw_away(body: Body, limits: Limits) {
    let mut pieces = body.into_data_stream();
    let mut bytes = 0;
    let reading = async {
        while let Some(Ok(piece)) = pieces.next().await {
            bytes += piece.len() as u64;
            if bytes > limits.refused_bytes_max {
                break;
            }
        }
    };
    // both ends of the wait mean the same: the connection is closed when the body is dropped here
    let _ = tokio::time::timeout(limits.refused_time_max, reading).await;
}
