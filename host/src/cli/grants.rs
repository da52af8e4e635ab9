//! `sophon-host grants`: what agents may do without asking again.

use super::args::{AddArgs, GrantsArgs, GrantsCommand};
use super::exit::Failure;
use super::{dev, output, records};
use crate::config::{AgentsConfig, Config, Manifest};
use crate::grant::{Capability, Cover, Grant, Pattern, Scope, reach_in_words};
use crate::store::{Entry, Store, grant_id};
use crate::time::now_ms;
use crate::wasm::{component, find_all};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Who it was, for the log.
const BY: &str = "the operator, on the command line";

/// Does what the subcommand says.
pub(super) async fn grants(config: Config, args: GrantsArgs) -> Result<(), Failure> {
    let (store, file) = records::open(&config).await?;
    match args.command {
        GrantsCommand::List { json } => list(&store, &file, json).await,
        GrantsCommand::Revoke { ids } => revoke(&store, &ids).await,
        GrantsCommand::Add(args) => add(&config, &store, args).await,
    }
}

async fn list(store: &Store, file: &Path, json: bool) -> Result<(), Failure> {
    let grants = store.grants(now_ms()).await.map_err(Failure::other)?;
    if json {
        output::data(&json!({ "grants": grants }).to_string());
        return Ok(());
    }
    output::say(&format!("records: {}", file.display()));
    if grants.is_empty() {
        output::say("no grants: agents ask, unless a rule of sophon-host.toml says otherwise");
    }
    grants.iter().for_each(|grant| output::data(&line(grant, now_ms())));
    Ok(())
}

/// A grant on one line: id, agent, what it covers, how long.
fn line(grant: &Grant, now_ms: u64) -> String {
    let covers: Vec<String> = grant.cover.patterns.iter().map(ToString::to_string).collect();
    let session = grant.session.as_ref().map_or_else(String::new, |session| format!(", in session {session}"));
    let until = grant.until_ms.map_or_else(String::new, |until| {
        format!(", for {} more", crate::config::Span(Duration::from_secs(until.saturating_sub(now_ms).div_ceil(1_000))))
    });
    let uses = grant.uses_left.map_or_else(String::new, |left| format!(", {left} more times"));
    let digest = grant.digest.get(..12).unwrap_or(&grant.digest);
    let covers = covers.join(", ") + &extras(&grant.cover);
    crate::text::line(&format!("{}  {} ({digest}): {covers}{session}{until}{uses}", grant.id, grant.agent), 2_000)
}

/// What comes with what is covered, and how far that reaches.
fn extras(cover: &Cover) -> String {
    let reach = Some(reach_in_words(&cover.patterns));
    let names: Vec<String> = cover.secrets.iter().map(ToString::to_string).collect();
    let secrets = (!names.is_empty()).then(|| format!(", with the secrets {}", names.join(", ")));
    let network = cover.network.then(|| ", with network".to_owned());
    let paths: Vec<String> = cover.reads.iter().map(|path| path.display().to_string()).collect();
    let reads = (!paths.is_empty()).then(|| format!(", reading {}", paths.join(", ")));
    [reach, secrets, network, reads].into_iter().flatten().collect()
}

async fn revoke(store: &Store, ids: &[String]) -> Result<(), Failure> {
    let mut unknown = Vec::new();
    for id in ids {
        match store.revoke_grant(id, BY, now_ms()).await.map_err(Failure::other)? {
            true => output::say(&format!("{id} is taken back; what still goes on by it ends now")),
            false => unknown.push(crate::text::line(id, 80)),
        }
    }
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(Failure::other(format!(
            "there is no grant {}; `sophon-host grants list` shows those that stand",
            unknown.join(", ")
        ))),
    }
}

async fn add(config: &Config, store: &Store, args: AddArgs) -> Result<(), Failure> {
    let manifest = manifest(config, &args.agent)?;
    let digest = component(&manifest).map_err(Failure::other)?.1.to_string();
    let (capability, cover) = cover(&args)?;
    let now = now_ms();
    let until_ms = args.lasting.map(|span| now.saturating_add(u64::try_from(span.0.as_millis()).unwrap_or(u64::MAX)));
    let grant = Grant {
        id: grant_id(),
        agent: args.agent.clone(),
        digest,
        capability,
        cover,
        scope: if args.session.is_some() { Scope::Session } else { Scope::Tool },
        session: args.session,
        made_ms: now,
        until_ms,
        uses_left: args.uses,
        wants: manifest.wants,
    };
    let shown = line(&grant, now);
    let entry = Entry::Granted { grant: grant.id.clone(), covers: args.covers, by: BY.to_owned() };
    if !store.add_grant(grant, entry, now).await.map_err(Failure::other)? {
        return Err(Failure::other("there are 10,000 grants: take some back first, with `sophon-host grants revoke`"));
    }
    output::data(&shown);
    Ok(())
}

/// What is to be covered, and of what it is.
fn cover(args: &AddArgs) -> Result<(Capability, Cover), Failure> {
    let pattern: Pattern = args.covers.parse().map_err(Failure::usage)?;
    let with = [
        ("--secret", !args.secrets.is_empty(), Capability::Http),
        ("--network", args.network, Capability::Exec),
        ("--read", !args.reads.is_empty(), Capability::Exec),
    ];
    let capability = pattern.capability();
    if capability == Capability::Files {
        return Err(Failure::usage(
            "folders are given by a rule of sophon-host.toml, not by a grant: `files = \"/the/folder\"`",
        ));
    }
    if let Some((flag, _, of)) = with.into_iter().find(|(_, given, of)| *given && *of != capability) {
        let (of, is) = (of.as_str(), capability.as_str());
        return Err(Failure::usage(format!("`{flag}` goes with `{of}`, and this is of `{is}`")));
    }
    let cover = Cover {
        network: args.network,
        secrets: args.secrets.iter().cloned().collect(),
        reads: args.reads.iter().map(|path| path.0.clone()).collect(),
        ..Cover::of(vec![pattern])
    };
    Ok((capability, cover))
}

/// The manifest of an agent of the configuration.
fn manifest(config: &Config, name: &str) -> Result<Manifest, Failure> {
    let agents = AgentsConfig { paths: dev::paths(config)?, ..config.agents.clone() };
    let mut found = find_all(&agents).into_iter().filter_map(|(_, manifest)| manifest.ok());
    found.find(|manifest| manifest.name.as_str() == name).ok_or_else(|| {
        Failure::usage(format!(
            "there is no agent `{}` in `agents.paths`; `sophon-host agent list` shows those that are",
            crate::text::line(name, 80)
        ))
    })
}
