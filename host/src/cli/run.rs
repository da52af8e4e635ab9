//! `sophon-host run`: agents on the configured cloud.

use super::exit::Failure;
use super::output;
use super::signals::Signals;
use crate::config::{Config, TurnsConfig};
use crate::daemon::{Daemon, State, Troubles};
use crate::wasm::{Agents, Cache, Engine};
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
    tell_what_fits(&config.turns);
    let (most, totals) = (config.limits.clone(), config.totals.clone());
    let loaded = crate::tasks::blocking(move || {
        let engine = Arc::new(Engine::within(turns, most, totals)?.with_cache(Cache::new(&paths.cache)));
        let agents = Arc::new(Agents::load(&engine, &paths));
        Ok((engine, agents))
    });
    let (engine, agents) = loaded.await.map_err(|error: crate::wasm::EngineError| Failure::other(error))?;
    for problem in agents.problems() {
        output::error(&crate::text::terminal(&problem.error.to_string()));
    }
    for agent in agents.iter() {
        let manifest = &agent.manifest;
        let (name, version, cached) = (&manifest.name, &manifest.version, agent.made.cached);
        tracing::info!(agent = %name, version, digest = %agent.digest, cached, "agent ready");
    }
    Ok((engine, agents))
}

/// Says where the system holds fewer turns than a host could run.
fn tell_what_fits(turns: &TurnsConfig) {
    let TurnsConfig { at_once, fit, .. } = *turns;
    const MEND: &str = "raise it with `sysctl vm.max_map_count`";
    if at_once > fit {
        tracing::warn!(
            "turns.at_once is {at_once}, and vm.max_map_count is enough for {fit}: {MEND}, or lower the other"
        );
    } else if at_once == fit && fit < TurnsConfig::MOST {
        tracing::info!("at most {fit} turns run at once, for which vm.max_map_count is enough: {MEND}");
    }
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
