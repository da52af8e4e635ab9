//! Versions side by side: while one is on trial, it may answer in a share of the sessions alone (`canary`).
//!
//! What an agent keeps in a session is that session's, so versions of different schemas go on beside each other, each in
//! its sessions. What it keeps for all of them has one shape at a time: with that, the newer one answers in all.

use super::Registry;
use super::line::{Beside, Line};
use crate::config::AgentName;
use crate::wasm::Agent;

impl Registry {
    /// Whether a version that takes over now answers in all sessions, whatever share of them it is to have.
    pub(super) async fn is_for_all(&self, agent: &Agent) -> bool {
        let (name, schema) = (&agent.manifest.name, agent.manifest.schema);
        let Some(beside) = self.lines().by_name.get(name).map(|line| line.beside(schema)) else { return true };
        let is_for_all = self.has_no_share(beside, name).await;
        let trial = self.config.swap.trial;
        if is_for_all && trial.canary < 100 && trial.turns > 0 {
            tracing::info!(
                agent = %name, schema, canary = trial.canary,
                "the new version answers in all sessions from the start: what it keeps for all of them has one schema"
            );
        }
        is_for_all
    }

    pub(super) async fn has_no_share(&self, beside: Beside, name: &AgentName) -> bool {
        match beside {
            Beside::Always => false,
            Beside::UnlessKept => self.keeps_for_all(name).await,
            Beside::Never => {
                // So that the next start knows it, too.
                if let Err(error) = self.store.keep_for_all(name.as_str()).await {
                    tracing::error!(agent = %name, "that a version answers in all sessions cannot be recorded: {error}");
                }
                true
            }
        }
    }

    async fn keeps_for_all(&self, name: &AgentName) -> bool {
        self.store.keeps_for_all(name.as_str()).await.unwrap_or_else(|error| {
            tracing::error!(agent = %name, "whether it keeps something for all sessions cannot be read: {error}");
            true
        })
    }

    /// Versions of different schemas were side by side, and one of them keeps something for all sessions now, or wanted to:
    /// the newer one answers in all of them from now on.
    pub(super) async fn join_if_kept_for_all(&self, name: &AgentName) {
        let is_mixed = |line: &Line| line.is_mixed();
        if !self.lines().by_name.get(name).is_some_and(is_mixed) || !self.keeps_for_all(name).await {
            return;
        }
        let mut lines = self.lines();
        if let Some(line) = lines.by_name.get_mut(name).filter(|line| line.is_mixed()) {
            line.join();
            tracing::info!(agent = %name, "the version on trial answers in all sessions now: something is kept for all of them");
        }
        drop(lines);
        self.changed();
    }
}
