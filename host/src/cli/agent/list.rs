//! `sophon-host agent list`: what the host that runs has, or what one would have.

use super::super::exit::Failure;
use super::super::{dev, output, run};
use super::running;
use crate::config::Config;
use crate::daemon::{Done, Order};
use crate::registry::{LineReport, VersionReport, short};
use crate::wasm::Agents;
use serde_json::json;

/// Shows the agents of the host that runs, unless paths are named; else what lies in the folders.
pub(super) async fn list(mut config: Config, json: bool, ask: bool) -> Result<(), Failure> {
    if ask && let Some(done) = running(&config, &Order::Agents).await? {
        if json {
            output::data(&json!({ "agents": done.agents, "problems": problems(&done) }).to_string());
        } else {
            tell(&done, None);
        }
        return verdict(done.problems.len());
    }
    config.agents.paths = dev::paths(&config)?;
    let (_engine, agents) = run::load(&config).await?;
    let lines = found(&agents);
    if json {
        let problem = |bad: &crate::wasm::Problem| json!({ "path": bad.path, "error": bad.error.to_string() });
        let problems: Vec<_> = agents.problems().iter().map(problem).collect();
        output::data(&json!({ "agents": lines, "problems": problems }).to_string());
    } else {
        lines.iter().flat_map(|line| rows(line, None)).for_each(|row| output::data(&row));
    }
    verdict(agents.problems().len())
}

fn verdict(problems: usize) -> Result<(), Failure> {
    match problems {
        0 => Ok(()),
        bad => Err(Failure::other(format!("{bad} of the agents cannot run; see above"))),
    }
}

fn problems(done: &Done) -> Vec<serde_json::Value> {
    done.problems.iter().map(|(path, error)| json!({ "path": path, "error": error })).collect()
}

/// What lies in the folders, as if it answered.
fn found(agents: &Agents) -> Vec<LineReport> {
    let line = |agent: &std::sync::Arc<crate::wasm::Agent>| LineReport {
        name: agent.manifest.name.to_string(),
        description: agent.manifest.description.clone(),
        is_default: agents.default_name() == Some(&agent.manifest.name),
        origin: agent.manifest.origin.clone(),
        size: agent.size,
        lowered: agent.lowered.iter().map(ToString::to_string).collect(),
        answers: VersionReport::of(agent),
        since: 0,
        turns: 0,
        failures: 0,
        before: None,
        trial: None,
        candidate: None,
    };
    agents.iter().map(line).collect()
}

/// Shows what a host says of its agents, or of one.
pub(super) fn tell(done: &Done, name: Option<&str>) {
    let meant = |line: &&LineReport| name.is_none_or(|name| line.name == name);
    let now = crate::time::now_ms();
    for row in done.agents.iter().filter(meant).flat_map(|line| rows(line, Some(now))) {
        output::data(&row);
    }
    for (_, why) in done.problems.iter().filter(|_| name.is_none()) {
        output::error(&crate::text::terminal(why));
    }
}

/// How many versions do not answer.
pub(super) fn refused(done: &Done, name: Option<&str>) -> usize {
    let meant = |line: &&LineReport| name.is_none_or(|name| line.name == name);
    let refused = |line: &&LineReport| line.candidate.as_ref().is_some_and(|candidate| candidate.why.is_some());
    done.agents.iter().filter(meant).filter(refused).count() + if name.is_none() { done.problems.len() } else { 0 }
}

/// One agent, for people. What it has done is known of one that runs.
fn rows(line: &LineReport, now: Option<u64>) -> Vec<String> {
    let mark = if line.is_default { " (default)" } else { "" };
    let (version, id, digest) = (&line.answers.version, short(&line.answers.id), short(&line.answers.digest));
    let mut rows = vec![format!("{} {version} ({id}){mark}  sha256:{digest}", line.name)];
    if !line.description.is_empty() {
        rows.push(format!("    {}", line.description));
    }
    rows.extend(line.lowered.iter().map(|lowered| format!("    {lowered}")));
    if let Some(now) = now {
        let minutes = now.saturating_sub(line.since) / 60_000;
        let trial = line.trial.as_ref().map_or_else(String::new, |trial| match trial.share {
            100 => ", on trial".to_owned(),
            share => format!(", on trial in {share}% of the sessions"),
        });
        rows.push(format!("    answers for {minutes} min{trial}: {} turns, {} failed", line.turns, line.failures));
    }
    if line.trial.as_ref().is_some_and(|trial| trial.in_all) {
        let why = "what it keeps for all sessions is of another schema than before";
        rows.push(format!("    answers in all sessions, and not in a share of them (`agents.trial.canary`): {why}"));
    }
    if let Some(before) = &line.before {
        rows.push(format!("    goes back to {} if it fails", before.in_words()));
    }
    if let Some(candidate) = &line.candidate {
        rows.push(format!("    {}", candidate.in_words()));
        let output = candidate.output.as_deref().unwrap_or_default();
        rows.extend(output.lines().map(|line| format!("        {line}")));
    }
    rows.iter().map(|row| crate::text::terminal(row)).collect()
}
