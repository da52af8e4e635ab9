//! `sophon-host dev`: everything on this machine, from one command.

use super::args::DevArgs;
use super::backstage::Stage;
use super::build::Builder;
use super::exit::Failure;
use super::session::Session;
use super::signals::Signals;
use super::user::User;
use super::{output, run};
use crate::cloud::Pairing;
use crate::config::{CloudUrl, Config, Environment, Secret, Token, TokenFile};
use crate::daemon::{Daemon, DataLock, State, Troubles};
use crate::localcloud::{LocalCloud, Options, StartError};
use crate::wasm::{Agents, Engine};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Builds, starts the embedded cloud, pairs, connects, and prints the chat page's address.
pub(super) async fn dev(
    mut config: Config,
    environment: &Environment,
    args: DevArgs,
    troubles: &Troubles,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    config.agents.paths = paths(&config)?;
    // With what else is the host's own: no rule of an agent reaches it there.
    config.agents.cache.folder = host_dir(&config.data_dir).join("compiled");
    let dev_dir = dev_dir(&config.data_dir);
    // Before the cloud opens its file: a second `dev` is told who is there.
    let _lock = DataLock::take(&dev_dir).map_err(Failure::other)?;
    let ((engine, agents), builder) = tokio::select! {
        loaded = load(&config, args.no_build) => loaded?,
        () = signals.stop() => return Ok(()),
    };
    let stage = Arc::<Stage>::default();
    let cloud = start_cloud(&dev_dir, &args, stage.clone()).await?;
    config.data_dir = host_dir(&config.data_dir);
    config.cloud.url = CloudUrl::parse(&cloud.base_url()).map_err(Failure::other)?;
    config.cloud.token_file = TokenFile(dev_dir.join("token"));
    let session = || Session { url: cloud.base_url(), user_token: Secret::new(cloud.user_token().to_owned()) };
    let user = User::new(session())?;
    let mut daemon = connect(&config, environment, &user, engine, agents).await?;
    daemon.serve_programs(troubles);
    stage.set(daemon.store().clone(), daemon.registry().clone());
    session().write(&dev_dir).map_err(Failure::other)?;
    greet(&cloud, &daemon);
    let builds = builder.map(|builder| builder.keep(daemon.registry().clone()));
    let ended = run::supervise(daemon, &mut signals).await;
    if let Some(builds) = builds {
        builds.end().await;
    }
    Session::remove(&dev_dir);
    cloud.stop().await;
    ended
}

/// Where `dev` keeps its things.
fn dev_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("dev")
}

/// The data folder of the host that `dev` starts.
pub(super) fn host_dir(data_dir: &Path) -> PathBuf {
    dev_dir(data_dir).join("host")
}

/// The paths of the configuration, else `plugins` where there is such a folder.
pub(super) fn paths(config: &Config) -> Result<Vec<PathBuf>, Failure> {
    let plugins = PathBuf::from("plugins");
    match config.agents.paths.as_slice() {
        [] if plugins.is_dir() => Ok(vec![plugins]),
        [] if !crate::wasm::find_all(&config.agents).is_empty() => Ok(vec![]),
        [] => Err(Failure::usage("no agents: name an agent's folder or component, or set `agents.paths`")),
        paths => Ok(paths.to_vec()),
    }
}

/// Builds the agents, unless that is not wanted, and makes them ready. Who builds goes on to do so.
async fn load(config: &Config, no_build: bool) -> Result<((Arc<Engine>, Arc<Agents>), Option<Builder>), Failure> {
    let mut builder = (!no_build).then(|| Builder::new(&config.agents.paths, config.agents.swap.watch));
    if let Some(builder) = &mut builder {
        builder.build_all().await;
    }
    Ok((run::load(config).await?, builder))
}

async fn start_cloud(dev_dir: &Path, args: &DevArgs, stage: Arc<Stage>) -> Result<LocalCloud, Failure> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let options = Options {
        addr: local(args.port),
        admin: args.admin_port.map(local),
        file: Some(dev_dir.join("cloud.db")),
        backstage: Some(stage),
        ..Options::default()
    };
    LocalCloud::start(options).await.map_err(|error| match error {
        StartError::PortInUse { addr } => Failure::other(format!(
            "port {} is in use; choose another with `{}` (0 takes any free one)",
            addr.port(),
            if addr.port() == args.port { "--port" } else { "--admin-port" }
        )),
        error => Failure::other(error),
    })
}

/// Starts the host on the embedded cloud, pairing where that is due.
async fn connect(
    config: &Config,
    environment: &Environment,
    user: &User,
    engine: Arc<Engine>,
    agents: Arc<Agents>,
) -> Result<Daemon, Failure> {
    let token = match config.cloud.token_file.read() {
        Ok(token) => token,
        Err(_) => pair(config, environment, user).await?,
    };
    let mut daemon = Daemon::start(config, token, engine.clone(), agents.clone()).await?;
    if let State::Refused(_) = daemon.ready().await {
        // The embedded cloud forgot us: its file was removed. Nothing is lost by pairing again.
        daemon.stop().await;
        let token = pair(config, environment, user).await?;
        daemon = Daemon::start(config, token, engine, agents).await?;
        daemon.ready().await;
    }
    Ok(daemon)
}

/// Pairs with the embedded cloud, as its user.
async fn pair(config: &Config, environment: &Environment, user: &User) -> Result<Token, Failure> {
    let pairing = Pairing::start(config.cloud.url.clone(), &environment.host_label).await?;
    user.post("/v1/me/pairing/claim", serde_json::json!({ "code": pairing.code() })).await?;
    let token = pairing.wait().await?;
    config.cloud.token_file.write(&token)?;
    Ok(token)
}

fn greet(cloud: &LocalCloud, daemon: &Daemon) {
    let agents = daemon.registry().agents();
    let names: Vec<&str> = agents.iter().map(|agent| agent.manifest.name.as_str()).collect();
    match (names.as_slice(), daemon.registry().default_name()) {
        ([], _) | (_, None) => output::say("no agent is ready; the messages above say why"),
        (names, Some(default)) => output::say(&format!("agents: {} ({default} answers)", names.join(", "))),
    }
    output::say("chat page (this address works once, and is for you alone; stop with Ctrl-C):");
    output::data(&cloud.page_url());
    if let Some(addr) = cloud.admin_addr() {
        output::say(&format!("admin port, for who holds the user's token: http://{addr}"));
    }
    output::say("or from another terminal: sophon-host chat \"hello\"");
}
