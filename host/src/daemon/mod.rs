//! The wiring: one loop over all that can happen, and the supervision of what runs beside it.

mod carrier;
mod control;
mod event;
mod local;
mod lock;
mod meter;
mod metrics;
mod scrape;
mod status;
mod sweep;
mod wake;

use crate::approval::Office;
use crate::capability::http::Connector;
use crate::capability::{Folders, Programs, Settings, Vault};
use crate::cloud::{Link, LinkEvent, Rest, Traces};
use crate::config::{AgentName, Config, PolicyConfig, Token};
use crate::protocol::InstallationId;
use crate::registry::Registry;
use crate::store::{Durability, Store, StoreError};
use crate::turn::{House, Turns};
use crate::wasm::{Agents, Engine};
use carrier::Carrier;
pub use control::{Done, Order, order};
use event::Sources;
pub use local::AskError;
use local::Local;
pub use lock::{DataLock, Holder, InstallationLock, LockError};
use scrape::Scrape;
use status::Status;
pub use status::{AgentLine, AgentsReport, LinkReport, Problem, Queues, Report, Trouble, Troubles, TurnsReport, ask};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long the update that is being taken at a shutdown may take.
const TAKING: Duration = Duration::from_secs(2);
/// How long the bubbles of running turns may take to be ended at a shutdown.
const CLOSING: Duration = Duration::from_secs(10);

/// A running host. Dropped without [`Daemon::stop`] it stops at once, and its turns are ended by the next start.
pub struct Daemon {
    state: watch::Receiver<State>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    turns: Arc<Turns>,
    registry: Arc<Registry>,
    store: Store,
    /// How long running turns may go on at a stop.
    grace: Duration,
    status: Arc<Status>,
    /// For the same user's programs.
    sockets: Vec<Local>,
    data_dir: PathBuf,
    metrics: Option<SocketAddr>,
    /// Held until the last turn is ended.
    _locks: (DataLock, InstallationLock),
}

/// How the link stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Dialling, for the first time or again.
    Connecting,
    /// The cloud is ready.
    Ready(InstallationId),
    /// The token was refused; the host has stopped. The text says why and what to do.
    Refused(String),
    /// It was told to stop.
    Stopped,
}

/// Why the host does not start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another host works in the same folder or has the same token, or the folder cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The port for metrics cannot be had.
    #[error("cannot serve metrics on 127.0.0.1:{port}: {source}; choose another `metrics.port`, or none")]
    Metrics {
        /// The port that was asked for.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// TLS or HTTP could not be set up.
    #[error("{0}")]
    Http(String),
}

impl Daemon {
    /// Starts the host: opens its state, ends the turns that an earlier process left, dials.
    ///
    /// # Errors
    /// See [`DaemonError`].
    pub async fn start(
        config: &Config,
        token: Token,
        engine: Arc<Engine>,
        agents: Arc<Agents>,
    ) -> Result<Self, DaemonError> {
        Self::start_by(config, token, engine, agents, Connector::default()).await
    }

    /// The same, whose agents' requests this one carries, by way of the proxy of the configuration.
    ///
    /// # Errors
    /// See [`DaemonError`].
    pub async fn start_by(
        config: &Config,
        token: Token,
        engine: Arc<Engine>,
        agents: Arc<Agents>,
        connector: Connector,
    ) -> Result<Self, DaemonError> {
        let locks = locks(config, &token)?;
        let metrics = listen_for_metrics(config.metrics_port).await?;
        let store = open_store(config, &token)?;
        let registry = Registry::open(engine.clone(), store.clone(), config, &agents).await?;
        let status = Arc::new(status_of(config, &registry, &engine));
        let (rest, link, events) = connect(config, token, &status)?;
        let (stop, refused, traces) = (CancellationToken::new(), CancellationToken::new(), Traces::default());
        let outbox = Arc::new(Carrier { rest, link, traces, unauthorized: refused.clone(), status: status.clone() });
        redial_after_sleep(outbox.clone(), SystemTime::now, stop.clone());
        let carrier = Arc::downgrade(&outbox);
        let house = house(config, engine, registry.clone(), store.clone(), outbox, connector);
        sweep::start(&house, stop.clone());
        let turns = Arc::new(Turns::start(house).await?);
        let (state_in, state) = watch::channel(State::Connecting);
        let sources = Sources { link: events, unauthorized: refused, stop: stop.clone(), status: status.clone() };
        let task = crate::tasks::spawn("daemon", event::run(sources, turns.clone(), state_in));
        let scrape = Scrape { status: status.clone(), carrier, turns: Arc::downgrade(&turns) };
        let metrics = metrics.map(|listener| scrape::serve(listener, scrape, stop.clone()));
        Ok(Self {
            state,
            stop,
            task,
            turns,
            registry,
            store,
            status,
            sockets: Vec::new(),
            data_dir: config.data_dir.clone(),
            metrics,
            grace: config.turns.grace,
            _locks: locks,
        })
    }

    /// Answers `sophon-host status` and `sophon-host agent` on sockets in the data folder from now on. A host that cannot
    /// works all the same.
    pub fn serve_programs(&mut self, troubles: &Troubles) {
        let status = status::open(&self.data_dir, self.status.clone(), troubles.clone());
        for (command, socket) in [("status", status), ("agent", control::open(&self.data_dir, self.registry.clone()))] {
            match socket {
                Ok(socket) => self.sockets.push(socket),
                Err(error) => tracing::warn!("`sophon-host {command}` cannot be answered: {error}"),
            }
        }
    }

    /// Waits until the cloud is ready, or never will be.
    pub async fn ready(&mut self) -> State {
        let settled = self.state.wait_for(|state| *state != State::Connecting).await;
        settled.map_or(State::Stopped, |state| state.clone())
    }

    /// Waits until the host has stopped by itself.
    pub async fn stopped(&mut self) -> State {
        let over = self.state.wait_for(|state| matches!(state, State::Refused(_) | State::Stopped)).await;
        over.map_or(State::Stopped, |state| state.clone())
    }

    /// Where metrics are served, if they are.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Who there is.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Its records, for who shows them.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stops: takes no more updates, gives running turns their grace, ends their bubbles, closes the link. Takes 12 s
    /// more than the grace at most, plus what the disk takes; what is not ended by then is left to the next start.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.registry.close();
        // The loop ends at once, unless the disk keeps an update waiting: unacked, it comes again.
        if tokio::time::timeout(TAKING, &mut self.task).await.is_err() {
            self.task.abort();
        }
        self.turns.close(self.grace, CLOSING).await;
    }
}

fn status_of(config: &Config, registry: &Arc<Registry>, engine: &Engine) -> Status {
    Status::new(config.cloud.url.join(""), registry.clone(), engine.breaches(), SystemTime::now())
}

fn locks(config: &Config, token: &Token) -> Result<(DataLock, InstallationLock), LockError> {
    let lock = DataLock::take(&config.data_dir)?;
    Ok((lock, InstallationLock::take(&config.shared_dirs, token, &config.data_dir)?))
}

/// The store of an installation. Update ids are numbered by installation: after pairing anew they begin again, and
/// must not look like repeats.
fn open_store(config: &Config, token: &Token) -> Result<Store, StoreError> {
    let durability = if config.fsync { Durability::Machine } else { Durability::Process };
    Store::open(&config.data_dir.join(format!("{}.db", token.installation())), durability)
}

/// All that turns work with.
fn house(
    config: &Config,
    engine: Arc<Engine>,
    registry: Arc<Registry>,
    store: Store,
    outbox: Arc<Carrier>,
    connector: Connector,
) -> House {
    let office = Arc::new(Office::new(config.policy.rules.clone(), store.clone()));
    let settings = settings(&config.policy);
    let programs = Arc::new(Programs::new(config.exec.clone(), &config.data_dir));
    let folders = Arc::new(Folders::new(&config.data_dir));
    let vault = Vault::new(config.policy.secrets.clone(), config.secrets.clone());
    let connector = Arc::new(connector.by(config.proxy.clone()));
    let open_at_most = config.turns.open_at_most;
    House { engine, registry, store, office, settings, folders, programs, connector, vault, outbox, open_at_most }
}

/// What the operator set for each agent.
fn settings(policy: &PolicyConfig) -> BTreeMap<AgentName, Arc<Settings>> {
    let values = policy.values.iter();
    let settings = |values: &BTreeMap<String, String>| Settings { values: values.clone() };
    values.map(|(name, values)| (name.clone(), Arc::new(settings(values)))).collect()
}

/// Both ways to the cloud, and what comes from it.
fn connect(
    config: &Config,
    token: Token,
    status: &Arc<Status>,
) -> Result<(Rest, Link, mpsc::Receiver<LinkEvent>), DaemonError> {
    let url = config.cloud.url.clone();
    let rest = Rest::new(url.clone(), Some(&token)).map_err(DaemonError::Http)?.metered(status.clone());
    let (link, events) = Link::start(url, token, rest.reached(), status.clone());
    Ok((rest, link, events))
}

/// A port for metrics, if one is asked for: before the first turn, as all that may fail a start.
async fn listen_for_metrics(port: Option<u16>) -> Result<Option<(TcpListener, SocketAddr)>, DaemonError> {
    let Some(port) = port else { return Ok(None) };
    scrape::listen(port).await.map(Some).map_err(|source| DaemonError::Metrics { port, source })
}

/// Dials again whenever the machine has slept, until `stop`. `wall` is the clock on the wall.
fn redial_after_sleep(carrier: Arc<Carrier>, wall: impl Fn() -> SystemTime + Send + 'static, stop: CancellationToken) {
    let woke = wake::watch(wall, move |slept| {
        tracing::info!(slept_s = slept.as_secs(), "this machine slept; dialling again");
        carrier.link.redial();
    });
    crate::tasks::spawn("wake", stop.run_until_cancelled_owned(woke));
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop.cancel();
        self.registry.close();
        self.task.abort();
        self.turns.abandon();
    }
}

#[cfg(test)]
mod tests;
