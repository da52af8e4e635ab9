//! Requests up, in stages: permit, attempt, classify, and then again or done. Every try sends the same bytes.

use super::attempt::Line;
use super::error::RestError;
use super::limit::{Limiter, Permit};
use super::meter::{Again, Meter};
use super::retry::{Decision, Effort, Tried, decide, why};
use super::trace::{Step, Trace};
use crate::config::{CloudUrl, Token};
use crate::protocol::MAX_BODY;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

/// What waited for the cloud to come back leaves within this time, and not all in one moment.
const SPREAD: Duration = Duration::from_millis(500);

/// Posts to the cloud. Cheap to clone.
#[derive(Clone)]
pub struct Rest {
    line: Line,
    limiter: Limiter,
    reached: Reached,
    meter: Arc<dyn Meter>,
}

/// One request, with all its tries.
#[derive(Debug, Clone, Copy)]
pub struct Post<'b, B> {
    /// The route.
    pub path: &'static str,
    /// What it says.
    pub body: &'b B,
    /// How much depends on it.
    pub effort: Effort,
    /// What it is part of.
    pub trace: &'b Trace,
}

/// Tells requests that the cloud is there again: those that wait after a fault of the network wait no longer.
#[derive(Clone, Default)]
pub struct Reached(Arc<Notify>);

impl Reached {
    pub(super) fn tell(&self) {
        self.0.notify_waiters();
    }
}

impl Rest {
    /// A client for one installation, or with no token for pairing.
    ///
    /// # Errors
    /// A sentence, when TLS cannot be set up.
    pub fn new(base: CloudUrl, token: Option<&Token>) -> Result<Self, String> {
        let line = Line::new(base, token)?;
        Ok(Self { line, limiter: Limiter::new(), reached: Reached::default(), meter: Arc::new(()) })
    }

    /// Tells `meter` from now on.
    pub fn metered(self, meter: Arc<dyn Meter>) -> Self {
        Self { meter, ..self }
    }

    /// Requests that wait for the cloud's limits.
    pub fn waiting(&self) -> usize {
        self.limiter.waiting()
    }

    /// Who to tell that the cloud is there.
    pub fn reached(&self) -> Reached {
        self.reached.clone()
    }

    /// Waits until a request to `path` may leave. Dropped, the future forgets its place.
    pub async fn permit(&self, path: &'static str) -> Permit {
        self.limiter.permit(path).await
    }

    /// Posts `body` and reads the result, as soon as the cloud's limits allow.
    ///
    /// # Errors
    /// See [`Rest::send`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &'static str,
        body: &impl Serialize,
        effort: Effort,
    ) -> Result<T, RestError> {
        let permit = self.permit(path).await;
        self.send(permit, Post { path, body, effort, trace: &Trace::fresh() }).await
    }

    /// Sends a request with a permit that was asked for before, and reads the result.
    ///
    /// # Errors
    /// [`RestError`], after the retries that its kind is worth. Each failed try is logged with its request id.
    pub async fn send<T: DeserializeOwned>(
        &self,
        permit: Permit,
        Post { path, body, effort, trace }: Post<'_, impl Serialize>,
    ) -> Result<T, RestError> {
        let body = Bytes::from(serde_json::to_vec(body).expect("requests of strings and numbers always serialize"));
        if body.len() > MAX_BODY {
            return Err(RestError::TooLarge { path, size: body.len() });
        }
        let (started, place) = (Instant::now(), permit.place());
        let mut permit = self.limiter.fit(permit, path).await;
        for tries in 1.. {
            let step = trace.step();
            let attempt = async {
                let try_once = self.line.attempt(permit, path, body.clone(), step, &*self.meter);
                match try_once.await {
                    Ok(result) => Stage::Done(Ok(result)),
                    Err(error) => classify(error, Tried { effort, tries, elapsed: started.elapsed() }),
                }
            };
            match attempt.instrument(span(path, tries, trace, step)).await {
                Stage::Done(done) => return done,
                Stage::Again { wait, why } => {
                    self.meter.retried(path, why);
                    self.pause(wait, why == Again::Network).await;
                }
            }
            permit = self.limiter.permit_at(path, place).await;
        }
        unreachable!("a request is given up long before its tries are counted to the end")
    }

    /// Waits; where the cloud was out of reach, no longer than until it is there again.
    async fn pause(&self, wait: Duration, until_reached: bool) {
        tokio::select! {
            () = sleep(wait) => {}
            () = self.reached.0.notified(), if until_reached => sleep(SPREAD.mul_f64(rand::random())).await,
        }
    }
}

/// Names a try in the log, and in traces. What the answer tells is added to it.
fn span(path: &'static str, tries: u32, trace: &Trace, step: Step<'_>) -> Span {
    let (request_id, status, link) = (Empty, Empty, Empty);
    let span_id = step.id();
    tracing::info_span!("request", route = path, attempt = tries, %trace, span_id, request_id, status, link)
}

/// Where a request goes after an attempt.
enum Stage<T> {
    /// Back to the permit, after a wait.
    Again { wait: Duration, why: Again },
    /// Out.
    Done(Result<T, RestError>),
}

fn classify<T>(error: RestError, tried: Tried) -> Stage<T> {
    let shown = crate::text::line(&error.to_string(), 500);
    match decide(&error, tried, rand::random()) {
        Decision::Again(wait) => {
            tracing::info!(tries = tried.tries, wait_ms = wait.as_millis(), "trying again: {shown}");
            Stage::Again { wait, why: why(&error) }
        }
        Decision::GiveUp => {
            tracing::warn!(tries = tried.tries, "request failed: {shown}");
            Stage::Done(Err(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IgnoredAny;

    fn nowhere() -> Rest {
        Rest::new(CloudUrl::parse("http://127.0.0.1:1").expect("an address"), None).expect("a client")
    }

    #[tokio::test]
    async fn a_body_beyond_the_bound_is_not_sent() {
        let sent = nowhere().post::<IgnoredAny>("/x", &"x".repeat(MAX_BODY), Effort::Must).await;
        assert!(matches!(sent, Err(RestError::TooLarge { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cloud_that_is_there_again_cuts_a_wait_short_and_only_one_for_the_network() {
        for (until_reached, seconds) in [(true, 0), (false, 30)] {
            let (rest, before) = (nowhere(), Instant::now());
            let pause = rest.pause(Duration::from_secs(30), until_reached);
            let reached = async {
                sleep(Duration::from_millis(1)).await;
                rest.reached().tell();
            };
            tokio::join!(pause, reached);
            assert_eq!(before.elapsed().as_secs(), seconds);
        }
    }
}
