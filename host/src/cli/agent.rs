//! `sophon-host agent`: what agents there are.

use super::args::{AgentArgs, AgentCommand};
use super::exit::Failure;
use super::{dev, inspect, output, run};
use crate::config::Config;
use crate::wasm::{Agent, Agents};
use serde_json::json;

/// Does what the subcommand says.
pub(super) async fn agent(mut config: Config, args: AgentArgs) -> Result<(), Failure> {
    let json = match args.command {
        AgentCommand::List { json, .. } => json,
        AgentCommand::Inspect { path, json } => return inspect::inspect(&path, json),
    };
    config.agents.paths = dev::paths(&config)?;
    let (_engine, agents) = run::load(&config).await?;
    if json {
        print_json(&agents)
    } else {
        print(&agents)
    }
    match agents.problems().len() {
        0 => Ok(()),
        bad => Err(Failure::other(format!("{bad} of the agents cannot run; see above"))),
    }
}

fn is_default(agents: &Agents, agent: &Agent) -> bool {
    agents.default_name() == Some(&agent.manifest.name)
}

fn print(agents: &Agents) {
    for agent in agents.iter() {
        let (manifest, digest) = (&agent.manifest, agent.digest.to_string());
        let mark = if is_default(agents, agent) { " (default)" } else { "" };
        output::data(&format!("{} {}{mark}  sha256:{}", manifest.name, manifest.version, &digest[..12]));
        if !manifest.description.is_empty() {
            output::data(&format!("    {}", manifest.description));
        }
    }
}

fn print_json(agents: &Agents) {
    let list: Vec<_> = agents
        .iter()
        .map(|agent| {
            let manifest = &agent.manifest;
            json!({
                "name": manifest.name.as_str(), "version": manifest.version, "description": manifest.description,
                "component": manifest.component, "size": agent.size, "sha256": agent.digest.to_string(),
                "default": is_default(agents, agent),
            })
        })
        .collect();
    let problems: Vec<_> =
        agents.problems().iter().map(|bad| json!({ "path": bad.path, "error": bad.error.to_string() })).collect();
    output::data(&json!({ "agents": list, "problems": problems }).to_string());
}
