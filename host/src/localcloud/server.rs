//! Starting and stopping a cloud.

use super::backstage::Backstage;
use super::bucket::{Buckets, Limiter};
use super::cloud::Cloud;
use super::door::Door;
use super::fault::Faults;
use super::persist::FileError;
use super::run::{ENDING, Server, serve};
use super::state::State;
use super::{admin, clock, route, secret};
use crate::tasks;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Between two looks for what is too old to be kept.
const SWEEP: Duration = Duration::from_secs(60);

/// The longest that a question may wait: a day later it is forgotten.
const MAX_EXPIRY: Duration = Duration::from_secs(12 * 60 * 60);
/// How long after a failure to expire something it is tried again, and how long to sleep where nothing waits.
const AGAIN: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// How to run a cloud. No `Debug`: it holds a token.
#[derive(Clone)]
pub struct Options {
    /// Where to listen: 127.0.0.1 or ::1. With port 0 the system chooses one.
    pub addr: SocketAddr,
    /// Where everything is kept; with none, in memory.
    pub file: Option<PathBuf>,
    /// The token of the user's side; with none, one is made up.
    pub user_token: Option<String>,
    /// Between two pings of a bridge's socket; not zero.
    pub heartbeat: Duration,
    /// How long a question waits for the user before it expires.
    pub approval_expiry: Duration,
    /// The rate limits.
    pub buckets: Buckets,
    /// Where the admin port listens, for tests that make this cloud misbehave; as `addr`. With none, there is none.
    pub admin: Option<SocketAddr>,
    /// The host in the same process, for the page's settings. With none, the page says where else to look.
    pub backstage: Option<Arc<dyn Backstage>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: (Ipv4Addr::LOCALHOST, 0).into(),
            file: None,
            user_token: None,
            heartbeat: Duration::from_secs(30),
            approval_expiry: Duration::from_secs(5 * 60),
            buckets: Buckets::documented(),
            admin: None,
            backstage: None,
        }
    }
}

/// Why a cloud does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another program listens there.
    #[error("{addr} is in use by another program")]
    PortInUse {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// The system does not let us listen there.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The address can be reached from other machines, which this cloud is not made for, or is one of the further
    /// addresses of this machine (127.0.0.2 …), by which it would refuse every request.
    #[error("{addr} is neither 127.0.0.1 nor ::1")]
    NotLoopback {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// The file is not readable, from a newer version, or another program's.
    #[error("{} cannot be used as the cloud's file: {source}", path.display())]
    File {
        /// The file that was asked for.
        path: PathBuf,
        /// What is wrong with it.
        source: FileError,
    },
    /// The user's token is empty, or not made of visible ASCII characters.
    #[error("the user's token must be made of visible ASCII characters")]
    UserToken,
}

/// A running cloud. It ends when it is dropped; [`LocalCloud::stop`] also waits until it has ended.
pub struct LocalCloud {
    addr: SocketAddr,
    user_token: String,
    cloud: Arc<Cloud>,
    admin: Option<SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
    _ends_on_drop: DropGuard,
}

impl LocalCloud {
    /// Starts a cloud. It answers from the moment that this returns.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let user_token = options.user_token.unwrap_or_else(|| format!("usr_{}", secret::base62(40)));
        if user_token.is_empty() || !user_token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(StartError::UserToken);
        }
        let (listener, addr) = listen(options.addr).await?;
        let admin = match options.admin {
            None => None,
            Some(addr) => Some(listen(addr).await?),
        };
        let state = open(options.file.clone()).await?;
        let limiter = Limiter::new(options.buckets.clone());
        let stop = CancellationToken::new();
        let heartbeat = options.heartbeat.max(Duration::from_millis(1));
        let expiry = options.approval_expiry.clamp(Duration::from_millis(1), MAX_EXPIRY);
        let cloud = Cloud::new(state, limiter, &user_token, addr, heartbeat, expiry, stop.clone());
        let cloud = Arc::new(cloud.with_backstage(options.backstage));
        let routes = route::all(&cloud);
        let (server, restarts) = Server::new(listener, routes, Arc::clone(&cloud), options.file, options.buckets);
        let mut tasks = vec![
            tasks::spawn("localcloud-server", server.run()),
            tasks::spawn("localcloud-sweeper", sweep(Arc::clone(&cloud))),
            tasks::spawn("localcloud-expiry", expire(Arc::clone(&cloud))),
        ];
        let admin = admin.map(|(listener, addr)| {
            tasks.push(tasks::spawn(
                "localcloud-admin",
                serve(listener, admin::all(&cloud, addr, restarts), stop.clone()),
            ));
            addr
        });
        tracing::info!(%addr, "the local cloud is up");
        Ok(Self { addr, user_token, cloud, admin, tasks, _ends_on_drop: stop.drop_guard() })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The address of the chat page, with a fresh key that opens it once. Of the keys that wait for their use, the
    /// newest 16 are valid.
    pub fn page_url(&self) -> String {
        format!("{}/?key={}", self.base_url(), self.cloud.state().mint_page_key())
    }

    /// The token for `/v1/me/*`.
    pub fn user_token(&self) -> &str {
        &self.user_token
    }

    /// Where the admin port listens, if it was asked for.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The ways in which it misbehaves.
    pub fn faults(&self) -> &Faults {
        &self.cloud.faults
    }

    /// Cuts all sockets of bridges without a word; gives how many.
    pub fn cut(&self) -> usize {
        self.cloud.state().cut(clock::now())
    }

    /// What was said and what became of it, for checkers: as `GET /record` of the admin port.
    pub fn record(&self) -> serde_json::Value {
        self.cloud.state().account()
    }

    /// Stops: closes the sockets (1001), lets answers that are under way go out, for at most some seconds, and
    /// brings everything into the file, which is free afterwards.
    pub async fn stop(mut self) {
        self.cloud.stop.cancel();
        self.cloud.run().ended().await;
        for task in &mut self.tasks {
            if timeout(ENDING, &mut *task).await.is_err() {
                task.abort();
            }
        }
        let cloud = Arc::clone(&self.cloud);
        tasks::blocking(move || cloud.state().close()).await;
    }
}

async fn listen(addr: SocketAddr) -> Result<(Door, SocketAddr), StartError> {
    if ![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].contains(&addr.ip()) {
        return Err(StartError::NotLoopback { addr });
    }
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::AddrInUse => StartError::PortInUse { addr },
        _ => StartError::Listen { addr, source },
    };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((Door::new(listener), addr))
}

async fn open(file: Option<PathBuf>) -> Result<State, StartError> {
    tasks::blocking(move || {
        let state = State::open(file.as_deref(), clock::now());
        state.map_err(|source| StartError::File { path: file.unwrap_or_default(), source })
    })
    .await
}

async fn sweep(cloud: Arc<Cloud>) {
    let mut beat = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            () = cloud.stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        if let Err(error) = cloud.state().sweep(clock::now()) {
            tracing::warn!(%error, "what is too old stays for now");
        }
    }
}

/// Expires questions when their time comes.
async fn expire(cloud: Arc<Cloud>) {
    loop {
        // A restart brings others, and lets those of before be heard once more.
        let questions = cloud.state().questions();
        let expired = cloud.state().expire(clock::now());
        let wait = match expired {
            Ok(next) => next.map_or(IDLE, Duration::from_millis),
            Err(error) => {
                tracing::warn!(%error, "a question waits beyond its time");
                AGAIN
            }
        };
        tokio::select! {
            () = cloud.stop.cancelled() => return,
            () = questions.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}
