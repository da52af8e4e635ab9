//! The cloud's rate limits, kept on this side, so that no request has to be refused for them.
//!
//! `bucket`, `queue` and `pool` decide, without a clock; this file lets requests wait. A [`Permit`] is the whole
//! contract: what is dropped unused gives its token back, what was sent tells the limiter what the answer said.

mod bucket;
mod headers;
mod pool;
mod queue;
mod route;

use self::pool::{Grant, Next, Pool};
pub(super) use headers::Heard;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

/// The limits of one token. Cheap to clone.
#[derive(Clone)]
pub(super) struct Limiter(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Something happened that may let those who wait go sooner.
    news: Notify,
}

struct State {
    pool: Pool<oneshot::Sender<Permit>>,
    /// Whether a task serves those who wait. There is none while nobody does.
    is_served: bool,
}

impl Limiter {
    /// With the documented limits, until the cloud says otherwise.
    pub(super) fn new() -> Self {
        let state = State { pool: Pool::new(Instant::now()), is_served: false };
        Self(Arc::new(Shared { state: Mutex::new(state), news: Notify::new() }))
    }

    /// Requests that wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().pool.waiting()
    }

    /// Waits until a request to `path` may leave. Dropped, the future forgets its place.
    pub(super) async fn permit(&self, path: &'static str) -> Permit {
        let place = self.lock().pool.place();
        self.permit_at(path, place).await
    }

    /// This permit, if it is good for a request to `path`; else another, at the same place in the queue.
    pub(super) async fn fit(&self, mut permit: Permit, path: &'static str) -> Permit {
        let fits = permit.grant.as_ref().is_some_and(|grant| self.lock().pool.fits(grant, path));
        if fits {
            permit.path = path;
            return permit;
        }
        let place = permit.place();
        drop(permit);
        self.permit_at(path, place).await
    }

    /// The same, at the place that the request had before.
    pub(super) async fn permit_at(&self, path: &'static str, place: u64) -> Permit {
        loop {
            let mut waiting = {
                let mut state = self.lock();
                if let Some(grant) = state.pool.ask(path, Instant::now()) {
                    return self.granted(path, place, grant);
                }
                let (sender, receiver) = oneshot::channel();
                state.pool.wait(path, place, sender);
                if !std::mem::replace(&mut state.is_served, true) {
                    crate::tasks::spawn_apart("limiter", serve(self.clone()));
                }
                Waiting { limiter: self, path, place, receiver }
            };
            self.0.news.notify_one();
            if let Ok(permit) = (&mut waiting.receiver).await {
                return permit;
            }
        }
    }

    fn granted(&self, path: &'static str, place: u64, grant: Grant) -> Permit {
        Permit { limiter: self.clone(), path, place, grant: Some(grant), is_sent: false }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the pool, and lets those who wait know.
    fn change(&self, change: impl FnOnce(&mut Pool<oneshot::Sender<Permit>>)) {
        let mut state = self.lock();
        change(&mut state.pool);
        let contended = state.pool.is_contended();
        drop(state);
        if contended {
            self.0.news.notify_one();
        }
    }
}

/// A place in a queue. Dropped, it is free.
struct Waiting<'l> {
    limiter: &'l Limiter,
    path: &'static str,
    place: u64,
    receiver: oneshot::Receiver<Permit>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.limiter.lock().pool.leave(self.path, self.place);
    }
}

/// Leave to send one request. Dropped unused it gives its token back; once the request was sent, it counts as one that
/// the cloud has counted, whatever became of it.
pub struct Permit {
    limiter: Limiter,
    path: &'static str,
    place: u64,
    /// Absent once the request is over.
    grant: Option<Grant>,
    is_sent: bool,
}

impl Permit {
    /// The request's place in the queue, for another try of it.
    pub(super) fn place(&self) -> u64 {
        self.place
    }

    /// The request leaves.
    pub(super) fn sent(&mut self) {
        self.is_sent = true;
    }

    /// Learns from the answer.
    pub(super) fn complete(mut self, heard: &Heard) {
        self.settle(heard);
    }

    fn settle(&mut self, heard: &Heard) {
        if let Some(grant) = self.grant.take() {
            self.limiter.change(|pool| pool.settle(&grant, self.path, heard, Instant::now()));
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_sent {
            self.settle(&Heard::nothing());
        } else if let Some(grant) = self.grant.take() {
            self.limiter.change(|pool| pool.give_back(&grant));
        }
    }
}

/// Serves those who wait, until nobody does.
async fn serve(limiter: Limiter) {
    loop {
        let (served, next) = {
            let mut state = limiter.lock();
            let now = Instant::now();
            let served = state.pool.serve(now);
            let next = state.pool.next(now);
            // Said under the same lock: whoever queues after this starts another.
            state.is_served = next != Next::Idle;
            (served, next)
        };
        for (waiter, path, place, grant) in served {
            // Whoever is gone meanwhile leaves the permit to be dropped, and its token to others.
            drop(waiter.send(limiter.granted(path, place, grant)));
        }
        match next {
            Next::Idle => return,
            // Woken by time or by news: both are looked at alike.
            Next::At(at) => drop(timeout_at(at, limiter.0.news.notified()).await),
            Next::News => limiter.0.news.notified().await,
        }
    }
}

#[cfg(test)]
mod tests;
