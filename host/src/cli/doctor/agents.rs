//! The agents, and what is needed to build them.

use super::CHECK_TIME;
use super::finding::{Finding, Findings};
use crate::cli::exit::Kind;
use crate::cli::process;
use crate::config::{AgentsConfig, Config};
use crate::wasm::{Agents, Engine, find_all};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long loading may take: components are compiled.
const LOAD_TIME: Duration = Duration::from_secs(10);
const NAME: &str = "agents";

/// Whether each agent loads.
pub(super) async fn examine(config: &Config, paths: Vec<PathBuf>, findings: &mut Findings) {
    if paths.is_empty() && find_all(&config.agents).is_empty() {
        let mend = "set `agents.paths`, or name an agent on the command line";
        return findings.add(Finding::warning(NAME, "none: every message would be answered with how to add one", mend));
    }
    let (turns, wanted) = (config.turns.at_once, AgentsConfig { paths, ..config.agents.clone() });
    let loading = crate::tasks::blocking(move || Engine::new(turns).map(|engine| Agents::load(&engine, &wanted)));
    match tokio::time::timeout(LOAD_TIME, loading).await {
        Ok(Ok(agents)) => loaded(&agents, findings),
        Ok(Err(error)) => {
            let mend = "lower `turns.at_once`: each of them takes address space";
            findings.add(Finding::broken(NAME, error.to_string(), mend, Kind::Other));
        }
        Err(_elapsed) => {
            let text = format!("still being compiled after {} s", LOAD_TIME.as_secs());
            findings.add(Finding::warning(NAME, text, "try again when the machine is less busy"));
        }
    }
}

fn loaded(agents: &Agents, findings: &mut Findings) {
    for agent in agents.iter() {
        findings.add(Finding::ok(NAME, format!("{} {}", agent.manifest.name, agent.manifest.version)));
    }
    for bad in agents.problems() {
        let mend = "do as it says; the other agents work without it";
        findings.add(Finding::broken(NAME, bad.error.to_string(), mend, Kind::Other));
    }
    let Some(name) = agents.default_name() else { return };
    if agents.get(name.as_str()).is_none() {
        let text = format!("`{name}`, which is to answer by default, is not among them");
        findings.add(Finding::broken(NAME, text, "correct `agents.default`", Kind::Other));
    }
}

/// Whether Rust can build agents here. Only `dev` needs it, and only for agents in Rust.
pub(super) async fn target() -> Finding {
    const NAME: &str = "rust target";
    match process::ask("rustc", &["--print", "sysroot"], CHECK_TIME).await {
        None => Finding::info(NAME, "there is no rustc here; only `sophon-host dev` needs it, to build agents in Rust"),
        Some(sysroot) if Path::new(sysroot.trim()).join("lib/rustlib/wasm32-wasip2").is_dir() => {
            Finding::ok(NAME, "wasm32-wasip2 is there")
        }
        Some(_) => Finding::info(
            NAME,
            "wasm32-wasip2 is not installed; to build agents in Rust run: rustup target add wasm32-wasip2",
        ),
    }
}
