//! `sophon-host run`: agents on the configured cloud.

use super::exit::Failure;
use super::output;
use super::signals::Signals;
use crate::config::Config;
use crate::daemon::{Daemon, State, Troubles};
use crate::wasm::{Agents, Engine};
use std::sync::Arc;

/// Runs until a signal, or until the token is refused.
pub(super) async fn run(config: Config, troubles: &Troubles) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let token = match &config.cloud.token {
        Some(token) => token.clone(),
        None => config.cloud.token_file.read()?,
    };
    let (engine, agents) = tokio::select! {
        loaded = load(&config) => loaded?,
        () = signals.stop() => return Ok(()),
    };
    let mut daemon = Daemon::start(&config, token, engine, agents).await?;
    daemon.serve_programs(troubles);
    output::say(&format!("connecting to {}; stop with Ctrl-C", config.cloud.url.join("")));
    supervise(daemon, &mut signals).await
}

/// Makes the engine and loads the agents; tells of those that cannot run.
pub(super) async fn load(config: &Config) -> Result<(Arc<Engine>, Arc<Agents>), Failure> {
    let (turns, paths) = (config.turns.at_once, config.agents.clone());
    let (most, totals) = (config.limits.clone(), config.totals.clone());
    let loaded = crate::tasks::blocking(move || {
        let engine = Arc::new(Engine::within(turns, most, totals)?);
        let agents = Arc::new(Agents::load(&engine, &paths));
        Ok((engine, agents))
    });
    let (engine, agents) = loaded.await.map_err(|error: crate::wasm::EngineError| Failure::other(error))?;
    for problem in agents.problems() {
        output::error(&crate::text::terminal(&problem.error.to_string()));
    }
    for agent in agents.iter() {
        let manifest = &agent.manifest;
        tracing::info!(agent = %manifest.name, version = manifest.version, digest = %agent.digest, "agent ready");
    }
    Ok((engine, agents))
}

/// Waits for the end: by a signal, or by itself.
pub(super) async fn supervise(mut daemon: Daemon, signals: &mut Signals) -> Result<(), Failure> {
    let state = tokio::select! {
        state = daemon.stopped() => state,
        () = signals.stop() => State::Stopped,
    };
    if state == State::Stopped {
        output::say("stopping when the running turns are done; once more stops at once");
    }
    tokio::select! {
        () = daemon.stop() => {}
        () = signals.stop() => output::say("stopped at once; the next start ends the turns that were running"),
    }
    match state {
        State::Refused(why) => Err(Failure::unpaired(why)),
        _ => Ok(()),
    }
}
