//! Large answers on their way out. They are whole in memory until their reader has taken them, which may be slow: so many
//! bytes of them are held, half of these for one person.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};

use crate::{
    ApiError, App,
    guard::Who,
    shares::{Share, Shares},
};

/// From how many bytes on an answer counts: smaller ones are bounded by the connections.
const COUNTS_FROM_BYTES: u64 = 1 << 20;
/// Bytes of such answers that are held.
const HELD_BYTES_MAX: u64 = 512 << 20;

/// Answers that are held, by who asked; where nobody had to say who they are, by nobody.
pub(crate) type Outgoing = Shares<Option<String>>;

/// Room for the answers of a service.
pub(crate) fn room() -> Arc<Outgoing> {
    Shares::halves_of(HELD_BYTES_MAX)
}

/// A layer's function: an answer that counts is held within the bounds, or not sent.
pub(crate) async fn bounded(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let who = request.extensions().get::<Who>().map(|Who(actor)| actor.name.clone());
    let response = next.run(request).await;
    let Some(bytes) = response.body().size_hint().exact().filter(|bytes| *bytes >= COUNTS_FROM_BYTES) else {
        return Ok(response);
    };
    let share = app.outgoing.take(who, bytes).ok_or_else(|| {
        ApiError::busy(
            "large answers are waiting to be taken; take them, or ask for less at a time".to_owned(),
        )
    })?;
    Ok(response.map(|body| Body::new(Counted { body, _share: share })))
}

/// A body that counts until it is sent or given up.
struct Counted {
    body: Body,
    _share: Share<Option<String>>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, middleware, routing::get};
    use tower_service::Service;

    use super::*;
    use crate::{Config, app::tests::opened};

    #[tokio::test]
    async fn answers_that_nobody_takes_are_bounded_and_small_ones_are_not_counted() {
        let (_folder, _, app) = opened(Config::default());
        let bytes = HELD_BYTES_MAX / 8;
        let service = Router::new()
            .route("/large", get(move || async move { vec![0_u8; bytes as usize] }))
            .route("/small", get(|| async { "small" }))
            .layer(middleware::from_fn_with_state(app.clone(), bounded))
            .with_state(app);
        let ask = |path: &'static str| {
            let mut service = service.clone();
            async move { service.call(Request::get(path).body(Body::empty()).unwrap()).await.unwrap() }
        };
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(ask("/large").await);
            assert_eq!(held.last().unwrap().status(), StatusCode::OK);
        }
        assert_eq!(ask("/large").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask("/small").await.status(), StatusCode::OK);
        let taken = axum::body::to_bytes(held.pop().unwrap().into_body(), usize::MAX).await.unwrap();
        assert_eq!(taken.len() as u64, bytes);
        assert_eq!(ask("/large").await.status(), StatusCode::OK);
    }
}
