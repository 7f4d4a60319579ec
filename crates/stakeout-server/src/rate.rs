//! How often a client may ask.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{ApiError, App, Config, connections::client};

/// Clients that are remembered. Where more come at once all are forgotten: memory is bounded, the limit is then not.
const CLIENTS_MAX: usize = 10_000;
/// Addresses at which is asked whether the service lives: a busy one must not be taken for a dead one.
const HEALTH: &str = "/health/";
/// Seconds' worth of requests that may come at once.
const BURST_S: f64 = 5.0;

/// The limits of a service, one for this machine's own programs and one for others.
pub(crate) struct Rates {
    local: Option<Rate>,
    foreign: Option<Rate>,
}

impl Rates {
    pub(crate) fn new(config: &Config) -> Rates {
        Rates {
            local: Rate::new(config.local_requests_per_s_max),
            foreign: Rate::new(config.requests_per_s_max),
        }
    }
}

/// A layer's function: refuses a client that asks too often. Behind a proxy all clients have the proxy's address.
pub(crate) async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with(HEALTH) {
        return next.run(request).await;
    }
    let wait_s = client(request.extensions()).and_then(|client| {
        let rate = if client.is_loopback() { &app.rates.local } else { &app.rates.foreign };
        rate.as_ref()?.wait_s(client, Instant::now())
    });
    let Some(wait_s) = wait_s else { return next.run(request).await };
    let detail = format!("too many requests from this address; try again in {wait_s} s");
    let refusal =
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests", detail);
    ([(header::RETRY_AFTER, wait_s.to_string())], refusal).into_response()
}

/// Token buckets: each request takes a token, tokens come back with time.
struct Rate {
    per_s: f64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Rate {
    /// `None` is no limit.
    fn new(per_s: u32) -> Option<Rate> {
        (per_s > 0).then(|| Rate { per_s: f64::from(per_s), buckets: Mutex::default() })
    }

    /// Takes a token; where there is none, the whole seconds until there is.
    fn wait_s(&self, client: IpAddr, now: Instant) -> Option<u64> {
        let full = self.per_s * BURST_S;
        let filled = |bucket: &Bucket| {
            let passed_s = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.tokens + passed_s * self.per_s).min(full)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CLIENTS_MAX {
            buckets.retain(|_, bucket| filled(bucket) < full);
        }
        if buckets.len() >= CLIENTS_MAX {
            buckets.clear();
        }
        let bucket = buckets.entry(network(client)).or_insert(Bucket { tokens: full, at: now });
        (bucket.tokens, bucket.at) = (filled(bucket), now);
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return None;
        }
        Some(((1.0 - bucket.tokens) / self.per_s).ceil() as u64)
    }
}

/// Whoever has one address of version 6 has the other 2^64 of its network too.
pub(crate) fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_client_has_its_burst_then_its_rate_and_others_have_theirs() {
        let rate = Rate::new(2).unwrap();
        let start = Instant::now();
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let passed = (0..100).filter(|_| rate.wait_s(one, start).is_none()).count();
        assert_eq!(passed, 10);
        assert_eq!(rate.wait_s(one, start), Some(1));
        assert_eq!(rate.wait_s(other, start), None);
        assert_eq!(rate.wait_s(one, start + Duration::from_millis(600)), None);
        assert!(rate.wait_s(one, start + Duration::from_millis(600)).is_some());
    }

    #[test]
    fn a_network_of_version_6_is_one_client_and_memory_is_bounded() {
        let rate = Rate::new(1).unwrap();
        let now = Instant::now();
        let address =
            |network: u16, host: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host).into();
        let passed = (0..50).filter(|host| rate.wait_s(address(0, *host), now).is_none()).count();
        assert_eq!(passed, 5);
        for network in 0..=u16::MAX {
            rate.wait_s(address(network, 1), now);
        }
        assert!(rate.buckets.lock().unwrap().len() <= CLIENTS_MAX);
    }
}
