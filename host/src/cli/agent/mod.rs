//! `sophon-host agent`: what agents there are, and what is done to them by hand.

pub(super) mod args;
mod install;
mod list;
mod remove;

use super::exit::Failure;
use super::{dev, inspect, output};
use crate::config::{AgentName, Config};
use crate::daemon::{self, AskError, Done, Order};
use args::{AgentArgs, AgentCommand};
use std::path::{Path, PathBuf};

/// Does what the subcommand says.
pub(super) async fn agent(config: Config, args: AgentArgs) -> Result<(), Failure> {
    match args.command {
        AgentCommand::List { json, paths } => list::list(config, json, paths.is_empty()).await,
        AgentCommand::Inspect { path, json } => inspect::inspect(&path, &config.limits, &config.totals, json),
        AgentCommand::Install { path } => install::install(&config, &path).await,
        AgentCommand::Remove { agent, keep_state } => remove::remove(&config, &agent, keep_state).await,
        AgentCommand::Reload { agent } => {
            let done = order(&config, &Order::Reload { agent: agent.clone() }).await?;
            list::tell(&done, agent.as_deref());
            match list::refused(&done, agent.as_deref()) {
                0 => Ok(()),
                bad => Err(Failure::other(format!("{bad} of the versions do not answer; see above"))),
            }
        }
        AgentCommand::Rollback { agent, restore_state } => {
            let done = order(&config, &Order::RollBack { agent: agent.clone(), restore_state }).await?;
            say(&format!("{agent}: version {} answers again", done.what.unwrap_or_default()));
            Ok(())
        }
        AgentCommand::Pin { session, agent, version } => {
            let pin = Order::Pin { session: session.clone(), agent: agent.clone(), version };
            let version = order(&config, &pin).await?.what.unwrap_or_default();
            say(&format!("{session}: {agent} {version} answers, whatever version comes"));
            Ok(())
        }
        AgentCommand::Unpin { session } => {
            let version = order(&config, &Order::Unpin { session: session.clone() }).await?.what.unwrap_or_default();
            say(&format!("{session}: {version} answers"));
            Ok(())
        }
    }
}

/// Gives an order to the host of `run`, else to that of `dev`.
async fn order(config: &Config, order: &Order) -> Result<Done, Failure> {
    match running(config, order).await? {
        Some(Done { error: Some(why), .. }) => Err(Failure::other(crate::text::terminal(&why))),
        Some(done) => Ok(done),
        None => Err(Failure::not_running(AskError::NotRunning(config.data_dir.clone()))),
    }
}

/// The answer of the host that runs, if one does.
async fn running(config: &Config, order: &Order) -> Result<Option<Done>, Failure> {
    for folder in homes(config) {
        if let Some(done) = told(&folder, order).await? {
            return Ok(Some(done));
        }
    }
    Ok(None)
}

/// The data folders of the hosts that have what is installed: that of `run`, and that of `dev`.
fn homes(config: &Config) -> [PathBuf; 2] {
    [config.data_dir.clone(), dev::host_dir(&config.data_dir)]
}

/// The answer of the host that runs in a data folder, if one does.
async fn told(home: &Path, order: &Order) -> Result<Option<Done>, Failure> {
    match daemon::order(home, order).await {
        Ok(done) => Ok(Some(done)),
        Err(AskError::NotRunning(_)) => Ok(None),
        Err(error) => Err(Failure::other(crate::text::line(&error.to_string(), 2_000))),
    }
}

/// Where an agent is installed.
struct Place {
    folder: PathBuf,
    /// The same, spelled as the system does.
    real: Option<PathBuf>,
}

impl Place {
    fn of(config: &Config, name: &AgentName) -> Self {
        let folder = config.agents.installed.join(name.as_str());
        let real = real(&folder);
        Self { folder, real }
    }

    /// Whether a host means this one, be it there or not.
    fn is(&self, origin: &Path) -> bool {
        origin == self.folder || self.real.is_some() && self.real == real(origin)
    }
}

fn real(place: &Path) -> Option<PathBuf> {
    Some(place.parent()?.canonicalize().ok()?.join(place.file_name()?))
}

fn say(words: &str) {
    output::say(&crate::text::terminal(words));
}
