//! The cloud from one start to the next: it serves, and on an order it goes away for a while and comes back with what its
//! file says, as a new process would. Its port stays its own all the time.

use super::bucket::{Buckets, Limiter};
use super::clock;
use super::cloud::Cloud;
use super::door::{Door, Peer};
use super::refusal::Refusal;
use crate::tasks;
use axum::Router;
use std::future::IntoFuture as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long connections have to end after a stop.
pub(super) const ENDING: Duration = Duration::from_secs(5);

/// What ends with one run of the cloud. Cheap to clone.
#[derive(Clone)]
pub(super) struct Run {
    /// Ends every connection.
    pub(super) over: CancellationToken,
    /// The open sockets and the late requests, which the server itself does not wait for.
    pub(super) sockets: TaskTracker,
}

impl Run {
    /// One that `stop` ends, too.
    pub(super) fn new(stop: &CancellationToken) -> Self {
        Self { over: stop.child_token(), sockets: TaskTracker::new() }
    }

    /// Waits until its sockets are closed, for a while.
    pub(super) async fn ended(&self) {
        self.sockets.close();
        if timeout(ENDING, self.sockets.wait()).await.is_err() {
            tracing::warn!("a bridge's socket did not end in time");
        }
    }
}

/// An order to restart.
struct Order {
    /// How long nobody is to be let in.
    away: Duration,
    /// Is told that the file was read back.
    done: oneshot::Sender<Result<(), Refusal>>,
}

/// Where restarts are ordered.
#[derive(Clone)]
pub(super) struct Restarts(mpsc::Sender<Order>);

impl Restarts {
    /// Restarts; returns when the file is read back, and the time away has begun.
    ///
    /// # Errors
    /// When there is no file, it cannot be read, or the cloud is away already.
    pub(super) async fn order(&self, away: Duration) -> Result<(), Refusal> {
        let (done, told) = oneshot::channel();
        let stops = Refusal::Unavailable("the cloud stops");
        if self.0.send(Order { away, done }).await.is_err() {
            return Err(stops);
        }
        told.await.unwrap_or(Err(stops))
    }
}

/// Serves until the cloud stops, and restarts meanwhile as often as it is ordered to.
pub(super) struct Server {
    pub(super) door: Door,
    pub(super) routes: Router,
    pub(super) cloud: Arc<Cloud>,
    pub(super) file: Option<PathBuf>,
    pub(super) buckets: Buckets,
    orders: mpsc::Receiver<Order>,
}

impl Server {
    pub(super) fn new(
        door: Door,
        routes: Router,
        cloud: Arc<Cloud>,
        file: Option<PathBuf>,
        buckets: Buckets,
    ) -> (Self, Restarts) {
        let (sender, orders) = mpsc::channel(1);
        (Self { door, routes, cloud, file, buckets, orders }, Restarts(sender))
    }

    /// Runs until the cloud stops.
    pub(super) async fn run(mut self) {
        while let Some(Order { away, done }) = self.serve().await {
            let read = self.read_back().await;
            let away = if read.is_ok() { away } else { Duration::ZERO };
            // Who ordered it may be gone, and it is done all the same.
            let _ = done.send(read);
            self.stay_away(away).await;
        }
    }

    /// Serves; gives an order to restart once all connections have ended, and none when the cloud stops.
    async fn serve(&mut self) -> Option<Order> {
        let run = self.cloud.begin();
        let server = serve(self.door.clone(), self.routes.clone(), run.over.clone());
        tokio::pin!(server);
        let order = loop {
            let order = tokio::select! {
                () = &mut server => return None,
                Some(order) = self.orders.recv() => order,
            };
            if self.file.is_some() {
                break order;
            }
            // Whoever gave it may be gone.
            let _ = order.done.send(Err(Refusal::field("", "custom", "This cloud has no file to come back with")));
        };
        tracing::info!(away_ms = order.away.as_millis(), "the local cloud restarts");
        run.over.cancel();
        if timeout(ENDING, server).await.is_err() {
            tracing::warn!("a connection did not end in time");
        }
        run.ended().await;
        (!self.cloud.stop.is_cancelled()).then_some(order)
    }

    /// Forgets everything but what the file says. The faults that were asked for stay.
    async fn read_back(&self) -> Result<(), Refusal> {
        let (cloud, file) = (Arc::clone(&self.cloud), self.file.clone());
        self.cloud.refill(Limiter::new(self.buckets.clone()));
        let read = tasks::blocking(move || {
            let mut state = cloud.state();
            // A cloud that stops has closed its file, or is about to.
            if cloud.stop.is_cancelled() { Ok(()) } else { state.reopen(file.as_deref(), clock::now()) }
        });
        read.await.map_err(|error| {
            tracing::error!(%error, "the local cloud cannot read its file back");
            Refusal::Unavailable("the cloud cannot read its file back; its log says why")
        })
    }

    /// Hangs up on whoever comes, for so long.
    async fn stay_away(&mut self, away: Duration) {
        let (until, stop) = (Instant::now() + away, self.cloud.stop.clone());
        let time_is_up = tokio::time::sleep_until(until);
        tokio::pin!(time_is_up);
        while Instant::now() < until {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = &mut time_is_up => return,
                Some(order) = self.orders.recv() => {
                    // Whoever gave it may be gone.
                    let _ = order.done.send(Err(Refusal::Unavailable("the cloud is away already")));
                }
                () = self.door.hang_up() => {}
            }
        }
    }
}

/// Serves until `stop`, and until the answers that are under way then are out.
pub(super) async fn serve(door: Door, routes: Router, stop: CancellationToken) {
    let service = routes.into_make_service_with_connect_info::<Peer>();
    let server = axum::serve(door, service).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = server.into_future().await {
        tracing::error!(%error, "the local cloud ended");
    }
}
