//! The agents, and what is needed to build them.

use super::CHECK_TIME;
use super::finding::{Finding, Findings};
use crate::capability::{Placed, left_behind};
use crate::cli::exit::Kind;
use crate::cli::process;
use crate::config::{AgentName, AgentsConfig, Config};
use crate::grant::{FileWant, FilesAsk, Withheld, give};
use crate::wasm::{Agents, Cache, Engine, EngineError, find_all, find_manifests};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long loading may take: components are compiled.
const LOAD_TIME: Duration = Duration::from_secs(10);
const NAME: &str = "agents";
const FILES: &str = "files";

/// Whether each agent loads.
pub(super) async fn examine(config: &Config, paths: Vec<PathBuf>, findings: &mut Findings) {
    if paths.is_empty() && find_all(&config.agents).is_empty() {
        let mend = "set `agents.paths`, or name an agent on the command line";
        return findings.add(Finding::warning(NAME, "none: every message would be answered with how to add one", mend));
    }
    let (turns, wanted) = (config.turns.at_once, AgentsConfig { paths, ..config.agents.clone() });
    let (most, totals) = (config.limits.clone(), config.totals.clone());
    let loading = crate::tasks::blocking(move || {
        let engine = Engine::within(turns, most, totals)?.with_cache(Cache::new(&wanted.cache));
        Ok::<_, EngineError>(Agents::load(&engine, &wanted))
    });
    match tokio::time::timeout(LOAD_TIME, loading).await {
        Ok(Ok(agents)) => {
            loaded(&agents, findings);
            files(config, &agents, findings).await;
        }
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

/// Whether agents get the folders that they want, and what those left that are no more.
async fn files(config: &Config, agents: &Agents, findings: &mut Findings) {
    let wants = agents
        .iter()
        .flat_map(|agent| agent.wants.files.iter().map(|want| (agent.manifest.name.clone(), want.clone())));
    let wants: Vec<_> = wants.filter(|(_, want)| !want.is_work()).collect();
    let names: Vec<String> = agents.iter().map(|agent| agent.manifest.name.to_string()).collect();
    // One that does not load is there all the same.
    let bad = agents.problems().iter().filter_map(|bad| find_manifests(&bad.path).pop()?.1.ok());
    let names: Vec<String> = names.into_iter().chain(bad.map(|manifest| manifest.name.to_string())).collect();
    let (data_dir, rules) = (config.data_dir.clone(), config.policy.rules.clone());
    let looking = crate::tasks::blocking(move || {
        let placed = |(agent, want): &(AgentName, FileWant)| {
            let gives = |ask: &FilesAsk| give(&rules, agent.as_str(), ask).map(|rule| rule.place.clone());
            match Placed::find(want, &data_dir, gives) {
                Ok(placed) => Finding::ok(FILES, format!("{agent} may {}, by {}", placed.ask, placed.by)),
                Err(Withheld { rule, .. }) => {
                    let mend = "allow it in sophon-host.toml by a rule with `files`; else the agent works without";
                    Finding::warning(FILES, format!("{agent} cannot {}: withheld by {rule}", want.in_words()), mend)
                }
            }
        };
        let left = left_behind(&data_dir, &names).into_iter().map(|(path, bytes)| {
            let text = format!("{} is of an agent that is no more, and holds {} MiB", path.display(), bytes >> 20);
            Finding::info(FILES, format!("{text}; if nobody needs it, remove it by hand"))
        });
        wants.iter().map(placed).chain(left).collect::<Vec<_>>()
    });
    match tokio::time::timeout(CHECK_TIME, looking).await {
        Ok(found) => found.into_iter().for_each(|finding| findings.add(finding)),
        Err(_elapsed) => findings.add(Finding::info(FILES, "not looked through: the folders did not answer in time")),
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
