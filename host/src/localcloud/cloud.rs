//! What all requests share: the state, the limiter, and who may come in.

use super::backstage::Backstage;
use super::bucket::{Bucket, Limiter, Owner, Quota};
use super::clock::Millis;
use super::fault::Faults;
use super::run::Run;
use super::secret::Digest;
use super::state::State;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The values of `Host` that mean a port of this server.
pub(super) type Hosts = [String; 3];

/// One running cloud, as its requests see it.
pub(super) struct Cloud {
    state: Mutex<State>,
    limiter: Mutex<Limiter>,
    pub(super) user_token: Digest,
    pub(super) hosts: Hosts,
    /// The name of the page's cookie. Browsers keep one jar for all ports of a host, so the port is part of it.
    pub(super) cookie: String,
    /// Between two pings of a bridge's socket.
    pub(super) heartbeat: Duration,
    /// How long a question waits for the user.
    pub(super) approval_expiry: Millis,
    /// Ends everything.
    pub(super) stop: CancellationToken,
    run: Mutex<Run>,
    pub(super) faults: Faults,
    /// The host in the same process, if there is one.
    pub(super) backstage: Option<Arc<dyn Backstage>>,
}

/// The values of `Host` that mean this port.
pub(super) fn hosts(port: u16) -> Hosts {
    [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")]
}

impl Cloud {
    pub(super) fn new(
        state: State,
        limiter: Limiter,
        user_token: &str,
        addr: SocketAddr,
        heartbeat: Duration,
        approval_expiry: Duration,
        stop: CancellationToken,
    ) -> Self {
        let port = addr.port();
        Self {
            state: Mutex::new(state),
            limiter: Mutex::new(limiter),
            user_token: Digest::of(user_token),
            hosts: hosts(port),
            cookie: format!("sophon_page_{port}"),
            heartbeat,
            approval_expiry: u64::try_from(approval_expiry.as_millis()).unwrap_or(u64::MAX / 4),
            run: Mutex::new(Run::new(&stop)),
            stop,
            faults: Faults::default(),
            backstage: None,
        }
    }

    /// The same with a host behind it.
    pub(super) fn with_backstage(self, backstage: Option<Arc<dyn Backstage>>) -> Self {
        Self { backstage, ..self }
    }

    /// The truth. Verbs change it last and all at once, so it is whole even after a panic elsewhere.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What ends with the run of now.
    pub(super) fn run(&self) -> Run {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins another run.
    pub(super) fn begin(&self) -> Run {
        let run = Run::new(&self.stop);
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = run.clone();
        run
    }

    /// Fills all buckets.
    pub(super) fn refill(&self, limiter: Limiter) {
        *self.limiter.lock().unwrap_or_else(PoisonError::into_inner) = limiter;
    }

    /// Draws one request from a bucket.
    pub(super) fn draw(&self, owner: &Owner, bucket: Bucket) -> Quota {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner).draw(owner, bucket, Instant::now())
    }

    /// Looks into a bucket.
    pub(super) fn peek(&self, owner: &Owner, bucket: Bucket) -> Quota {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner).peek(owner, bucket, Instant::now())
    }
}
