//! One test's world: an embedded cloud, a paired host, a user.

use crate::{PATIENCE, User, free_addr};
use anyhow::{Context as _, Result, bail};
use serde_json::json;
use sophon_host::capability::http::Connector;
use sophon_host::cloud::Pairing;
use sophon_host::config::{AgentsConfig, CloudUrl, Config, Environment, Overrides, Token};
use sophon_host::daemon::{Daemon, State};
use sophon_host::localcloud::{Buckets, LocalCloud, Options};
use sophon_host::store::{Durability, Store};
use sophon_host::wasm::{Agents, Engine};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;

/// A world of its own, gone with the value.
pub struct World {
    /// The user.
    pub user: User,
    /// The configuration that the host started with.
    pub config: Config,
    /// The host's token.
    pub token: Token,
    engine: Arc<Engine>,
    agents: Arc<Agents>,
    cloud: Option<LocalCloud>,
    host: Option<Daemon>,
    addr: SocketAddr,
    /// The user's token.
    pub user_token: String,
    dir: TempDir,
}

/// The component of a guest.
pub fn guest(name: &str) -> PathBuf {
    PathBuf::from(env!("GUESTS")).join(format!("{name}.wasm"))
}

/// Puts the probe into `data`, with the limits of a manifest that says nothing, for a host in a process of its own;
/// gives its folder.
///
/// # Errors
/// When it cannot be written.
pub fn probe(data: &Path) -> Result<String> {
    let folder = data.join("probe");
    std::fs::create_dir(&folder)?;
    std::fs::copy(guest("probe"), folder.join("probe.wasm"))?;
    let manifest = "[agent]\nname = \"probe\"\nversion = \"1\"\ncomponent = \"probe.wasm\"\n";
    std::fs::write(folder.join("agent.toml"), manifest)?;
    Ok(folder.display().to_string())
}

/// Puts an agent of `plugins/`, with its own manifest, into `data`, for a host in a process of its own; gives its folder.
///
/// # Errors
/// When it cannot be written.
pub fn plugin(data: &Path, name: &str) -> Result<String> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let manifest = std::fs::read_to_string(plugins.join(name).join("agent.toml"))?;
    Ok(install(data, name, name, &manifest)?.display().to_string())
}

/// The engine of this process: its address space is too large for one a test.
pub fn engine() -> Arc<Engine> {
    static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| Arc::new(Engine::new(64).expect("an engine")));
    ENGINE.clone()
}

/// `echo` and `probe` with their own manifests; `restless`, which is `echo` and spins until it is stopped, however long
/// others take on a busy machine, and `tireless`, which is `probe` with time for everything, and may ask for any program;
/// `wantless`, which is `probe` without wants, and `sparing`, which is `tireless` with few calls to the host; `fetch`,
/// `shell`. `echo` answers by default.
pub fn guests() -> Arc<Agents> {
    static GUESTS: LazyLock<(TempDir, Arc<Agents>)> = LazyLock::new(|| {
        let dir = tempfile::tempdir().expect("a folder");
        let put = |name: &str, component: &str, manifest: &str| {
            install(dir.path(), name, component, manifest).expect("installed");
        };
        let (echo, probe) = (include_str!("../../plugins/echo/agent.toml"), include_str!("../guests/probe/agent.toml"));
        let shell = include_str!("../../plugins/shell/agent.toml");
        let restless = echo.replace("name = \"echo\"", "name = \"restless\"");
        let restless = restless.replace("cpu = \"2s\"", "cpu = \"10m\"").replace("wall = \"1m\"", "wall = \"10m\"");
        let tireless = "[agent]\nname = \"tireless\"\nversion = \"0.1.0\"\ncomponent = \"c.wasm\"\n\
                        [[want.exec]]\nprogram = \"*\"\nargs = [\"...\"]\nwhy = \"to try them\"\n\
                        [[want.http]]\nurl = \"*://*:*/*\"\nwhy = \"\"\n[want.secret.KEY]\nhosts = [\"127.0.0.1\"]";
        let wantless = "[agent]\nname = \"wantless\"\nversion = \"0.1.0\"\ncomponent = \"c.wasm\"";
        let sparing = tireless.replace("tireless", "sparing") + "\n[limits]\ncalls = 200";
        put("echo", "echo", echo);
        put("fetch", "fetch", include_str!("../../plugins/fetch/agent.toml"));
        put("restless", "echo", &restless);
        put("probe", "probe", probe);
        put("tireless", "probe", tireless);
        put("wantless", "probe", wantless);
        put("sparing", "probe", &sparing);
        put("shell", "shell", shell);
        let agents = agents(vec![dir.path().to_owned()]);
        assert!(agents.problems().is_empty(), "{:?}", agents.problems());
        (dir, agents)
    });
    GUESTS.1.clone()
}

/// Puts a guest and its manifest into a folder of their own; gives it.
///
/// # Errors
/// When it cannot be written.
pub fn install(dir: &Path, name: &str, component: &str, manifest: &str) -> Result<PathBuf> {
    let folder = dir.join(name);
    std::fs::create_dir(&folder)?;
    let here =
        |line: &str| if line.starts_with("component") { "component = \"c.wasm\"".to_owned() } else { line.to_owned() };
    let manifest: Vec<String> = manifest.lines().map(here).collect();
    std::fs::write(folder.join("agent.toml"), manifest.join("\n"))?;
    std::fs::copy(guest(component), folder.join("c.wasm"))?;
    Ok(folder)
}

/// Loads agents.
pub fn agents(paths: Vec<PathBuf>) -> Arc<Agents> {
    Arc::new(Agents::load(&engine(), &AgentsConfig { paths, ..AgentsConfig::default() }))
}

impl World {
    /// A world with the guests.
    pub async fn start() -> Result<Self> {
        Self::with(guests(), Buckets::unlimited()).await
    }

    /// A world with these agents and rate limits, and a host that runs.
    pub async fn with(agents: Arc<Agents>, buckets: Buckets) -> Result<Self> {
        let mut world = Self::paired(agents, buckets).await?;
        world.start_host().await?;
        Ok(world)
    }

    /// A world whose host is paired but does not run.
    pub async fn paired(agents: Arc<Agents>, buckets: Buckets) -> Result<Self> {
        Self::on(agents, Options { buckets, ..Options::default() }).await
    }

    /// The same with a cloud like this, whose address, file and admin port are the world's.
    pub async fn on(agents: Arc<Agents>, cloud: Options) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let file = Some(dir.path().join("cloud.db"));
        let admin = Some(([127, 0, 0, 1], 0).into());
        let cloud = LocalCloud::start(Options { addr: free_addr()?, file, admin, ..cloud }).await?;
        let user = User::connect(&cloud.base_url(), cloud.user_token()).await?;
        let pairing = Pairing::start(CloudUrl::parse(&cloud.base_url()).map_err(anyhow::Error::msg)?, "a test").await?;
        user.post("/v1/me/pairing/claim", json!({ "code": pairing.code() })).await?;
        let token = pairing.wait().await?;
        let flags = Overrides {
            data_dir: Some(dir.path().join("host")),
            cloud_url: Some(cloud.base_url()),
            ..Overrides::default()
        };
        let mut config = Config::load(flags, &Environment::default())?;
        // This process is a test and holds no programs.
        config.exec.launcher = crate::process::built();
        let (addr, user_token) = (cloud.addr(), cloud.user_token().to_owned());
        let cloud = Some(cloud);
        let engine = engine();
        Ok(Self { user, config, token, engine, agents, cloud, host: None, addr, user_token, dir })
    }

    /// Puts the host's token where a host of its own process with this data folder looks for it.
    pub fn hand_over(&mut self, data: &Path) -> Result<()> {
        self.config.cloud.token_file.0 = data.join("token");
        Ok(self.config.cloud.token_file.write(&self.token)?)
    }

    /// Starts the host, and waits until it is connected.
    pub async fn start_host(&mut self) -> Result<()> {
        self.start_host_by(Connector::default()).await
    }

    /// The same, whose agents' requests go by this connector.
    pub async fn start_host_by(&mut self, connector: Connector) -> Result<()> {
        let (token, engine, agents) = (self.token.clone(), self.engine.clone(), self.agents.clone());
        let mut host = Daemon::start_by(&self.config, token, engine, agents, connector).await?;
        let ready = tokio::time::timeout(PATIENCE, host.ready()).await.context("the host was not ready in time")?;
        if !matches!(ready, State::Ready(_)) {
            bail!("the host is not ready: {ready:?}");
        }
        self.host = Some(host);
        Ok(())
    }

    /// What the next host finds in its folders.
    pub fn replace_agents(&mut self, agents: Arc<Agents>) {
        self.agents = agents;
    }

    /// Lets the next host run its turns on an engine of its own, with one of the guests.
    pub fn run_on(&mut self, engine: Engine, guest: &str) {
        let paths = guests().get(guest).map(|agent| agent.manifest.origin.clone()).into_iter().collect();
        self.agents = Arc::new(Agents::load(&engine, &AgentsConfig { paths, ..AgentsConfig::default() }));
        self.engine = Arc::new(engine);
    }

    /// Ends the host without a word, as a crash would.
    pub fn kill_host(&mut self) {
        self.host = None;
    }

    /// Stops the host in good order.
    pub async fn stop_host(&mut self) {
        if let Some(host) = self.host.take() {
            host.stop().await;
        }
    }

    /// Stops the cloud and starts it again, at the same address, with its file.
    pub async fn restart_cloud(&mut self) -> Result<()> {
        self.stop_cloud().await;
        self.start_cloud().await
    }

    /// Stops the cloud.
    pub async fn stop_cloud(&mut self) {
        if let Some(cloud) = self.cloud.take() {
            cloud.stop().await;
        }
    }

    /// Starts the cloud again, at the same address, with its file.
    pub async fn start_cloud(&mut self) -> Result<()> {
        let options = Options {
            addr: self.addr,
            file: Some(self.dir.path().join("cloud.db")),
            user_token: Some(self.user_token.clone()),
            buckets: Buckets::unlimited(),
            ..Options::default()
        };
        self.cloud = Some(LocalCloud::start(options).await?);
        self.user = User::connect(&format!("http://{}", self.addr), &self.user_token).await?;
        Ok(())
    }

    /// Waits until the host has stopped by itself.
    ///
    /// # Panics
    /// When it was not started.
    pub async fn host_stopped(&mut self) -> State {
        self.host.as_mut().expect("the host runs").stopped().await
    }

    /// The host.
    ///
    /// # Panics
    /// When it was not started.
    pub fn host(&self) -> &Daemon {
        self.host.as_ref().expect("the host runs")
    }

    /// The host's records, opened a second time.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn store(&self) -> Result<Store> {
        let file = self.config.data_dir.join(format!("{}.db", self.token.installation()));
        Ok(Store::open(&file, Durability::Process)?)
    }

    /// The cloud.
    ///
    /// # Panics
    /// When it was not started again.
    pub fn cloud(&self) -> &LocalCloud {
        self.cloud.as_ref().expect("the cloud runs")
    }

    /// A fresh address of the chat page.
    pub fn page_url(&self) -> String {
        self.cloud().page_url()
    }

    /// The cloud's address.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }
}
