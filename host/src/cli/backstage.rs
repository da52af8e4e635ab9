//! The host of `dev` behind the chat page.

use crate::grant::{Capability, Cover, Grant, Scope};
use crate::localcloud::{
    Backstage, Behind, HostAgent, HostAgents, HostCandidate, HostGrant, HostProblem, HostTrial, HostVersion,
};
use crate::registry::{CandidateReport, LineReport, Registry, short};
use crate::store::{Store, StoreError};
use crate::time::now_ms;
use std::sync::{Arc, OnceLock};

/// Who it was, for the log.
const BY: &str = "the user, on the chat page";
/// The longest words for what a grant covers, in bytes.
const MAX_COVERS: usize = 1_000;

/// See the module. The cloud is there before the host, so the host's records come later.
#[derive(Default)]
pub(super) struct Stage(OnceLock<(Store, Arc<Registry>)>);

impl Stage {
    /// The host runs, with these records and agents.
    pub(super) fn set(&self, store: Store, registry: Arc<Registry>) {
        // One host is started, once.
        let _ = self.0.set((store, registry));
    }

    fn store(&self) -> Result<&Store, String> {
        self.host().map(|(store, _)| store)
    }

    fn host(&self) -> Result<&(Store, Arc<Registry>), String> {
        self.0.get().ok_or_else(|| "the host is still starting; try again in a moment".to_owned())
    }
}

impl Backstage for Stage {
    fn grants(&self) -> Behind<'_, Vec<HostGrant>> {
        Box::pin(async {
            let grants = self.store()?.grants(now_ms()).await.map_err(unread)?;
            Ok(grants.iter().map(shown).collect())
        })
    }

    fn agents(&self, after: Option<u64>) -> Behind<'_, HostAgents> {
        Box::pin(async move {
            let (_, registry) = self.host()?;
            let mut changes = registry.changes();
            // Another count than that of the same host is one of an earlier one.
            let change = changes.wait_for(|count| Some(*count) != after).await.map(|count| *count);
            let change = change.map_err(|_| "the host has stopped".to_owned())?;
            let agents = registry.report().into_iter().map(agent).collect();
            Ok(HostAgents { change, agents, problems: problems(registry) })
        })
    }

    fn versions<'a>(&'a self, session: &'a str) -> Behind<'a, Vec<HostVersion>> {
        Box::pin(async move {
            let versions = self.store()?.versions_of(session).await.map_err(unread)?;
            Ok(versions.into_iter().map(|(interaction_id, by)| HostVersion { interaction_id, by }).collect())
        })
    }

    fn revoke<'a>(&'a self, id: &'a str) -> Behind<'a, bool> {
        Box::pin(async move { self.store()?.revoke_grant(id, BY, now_ms()).await.map_err(unread) })
    }
}

fn unread(error: StoreError) -> String {
    tracing::error!("the chat page cannot reach the host's records: {error}");
    "the host cannot read or write its records; its log says why".to_owned()
}

fn agent(line: LineReport) -> HostAgent {
    HostAgent {
        name: line.name,
        id: short(&line.answers.id).to_owned(),
        version: line.answers.version,
        since: line.since,
        is_default: line.is_default,
        trial: line.trial.map(|trial| HostTrial { turns: trial.turns, failures: trial.failures }),
        candidate: line.candidate.map(candidate),
    }
}

fn candidate(candidate: CandidateReport) -> HostCandidate {
    let state = match (&candidate.why, &candidate.output) {
        (None, _) => "looking",
        (Some(_), None) => "refused",
        (Some(_), Some(_)) => "build_failed",
    };
    HostCandidate { version: candidate.version, state, why: candidate.why, output: candidate.output }
}

fn problems(registry: &Registry) -> Vec<HostProblem> {
    let unbuilt = registry.unbuilt();
    let problem = |(path, why): (std::path::PathBuf, String)| HostProblem {
        what: crate::text::line(&path.display().to_string(), 300),
        why: crate::text::line(&why, MAX_COVERS),
        output: unbuilt.iter().find(|(place, _)| *place == path).and_then(|(_, build)| build.output.clone()),
    };
    registry.problems().into_iter().map(problem).collect()
}

fn shown(grant: &Grant) -> HostGrant {
    let scope = match grant.scope {
        Scope::Session => "session",
        Scope::Tool => "tool",
        Scope::Domain => "domain",
        Scope::All => "all",
    };
    HostGrant {
        id: grant.id.clone(),
        agent: grant.agent.clone(),
        digest: grant.digest.chars().take(12).collect(),
        covers: crate::text::line(&in_words(grant.capability, &grant.cover), MAX_COVERS),
        scope: scope.to_owned(),
        session_id: grant.session.clone(),
        created_at: grant.made_ms,
        until: grant.until_ms,
        uses_left: grant.uses_left,
    }
}

/// What a grant covers, for a person.
fn in_words(capability: Capability, cover: &Cover) -> String {
    let (noun, mark) = match capability {
        Capability::Http => ("requests: ", "http "),
        Capability::Exec => ("programs: ", "exec "),
        Capability::Approval => ("its own questions: ", "own "),
        Capability::Files => ("files: ", "files "),
    };
    let patterns = cover.patterns.iter().map(|pattern| {
        let pattern = pattern.to_string();
        pattern.strip_prefix(mark).map_or_else(|| pattern.clone(), str::to_owned)
    });
    let patterns: Vec<String> = patterns.collect();
    let network = if cover.network { "; with network" } else { "" };
    let named = |what: &str, names: Vec<String>| match names.is_empty() {
        true => String::new(),
        false => format!("; {what} {}", names.join(", ")),
    };
    let secrets = named("with the secrets", cover.secrets.iter().map(ToString::to_string).collect());
    let reads = named("reading", cover.reads.iter().map(|path| path.display().to_string()).collect());
    format!("{noun}{}{network}{secrets}{reads}", patterns.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::Wants;

    #[test]
    fn a_grant_is_told_in_words_with_all_that_it_gives() {
        let pattern = |text: &str| text.parse().expect("a pattern");
        let cover = Cover { network: true, ..Cover::of(vec![pattern("exec make test"), pattern("exec cargo ...")]) };
        let grant = Grant {
            id: "g1".to_owned(),
            agent: "builder".to_owned(),
            digest: "d".repeat(64),
            capability: Capability::Exec,
            cover,
            scope: Scope::Session,
            session: Some("ses_1".to_owned()),
            made_ms: 7,
            until_ms: Some(9),
            uses_left: Some(3),
            wants: Wants::default(),
        };
        let told = shown(&grant);
        assert_eq!(told.covers, "programs: make test, cargo ...; with network");
        assert_eq!(
            (told.scope.as_str(), told.digest.len(), told.until, told.uses_left),
            ("session", 12, Some(9), Some(3))
        );
        let cover = Cover::of(vec![pattern("http GET https://example.org/a*")]);
        assert_eq!(in_words(Capability::Http, &cover), "requests: GET https://example.org/a*");
    }

    #[tokio::test]
    async fn a_host_that_is_not_there_yet_is_told_in_words() {
        let stage = Stage::default();
        assert!(stage.grants().await.is_err_and(|words| words.contains("still starting")));
        assert!(stage.revoke("g1").await.is_err() && stage.agents(None).await.is_err());
    }

    #[tokio::test]
    async fn agents_are_told_again_once_something_has_changed() {
        let (stage, registry) = (Stage::default(), Registry::empty());
        stage.set(Store::scratch().expect("a store"), registry.clone());
        let before = stage.agents(None).await.expect("told");
        assert_eq!((before.agents.len(), before.problems.len()), (0, 0));
        let mut next = stage.agents(Some(before.change));
        let mut waits = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(next.as_mut().poll(&mut waits).is_pending());
        registry.build_failed(std::path::Path::new("/agents/echo"), "`make` ended", "error: so it is");
        let after = next.await.expect("told");
        assert!(after.change > before.change);
        let problem = &after.problems[0];
        assert_eq!((problem.what.as_str(), problem.why.as_str()), ("/agents/echo", "build failed: `make` ended"));
        assert_eq!(problem.output.as_deref(), Some("error: so it is"));
        assert_eq!(
            stage.agents(Some(before.change + 70)).await,
            Ok(after),
            "a count of another host is no reason to wait"
        );
    }
}
