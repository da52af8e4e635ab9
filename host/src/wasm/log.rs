//! `sophon:agent/log`: lines of a guest in the operator's log, as its words.

use super::bindings::sophon::agent::log::{self, Level};
use super::breach::Breach;
use super::guest::Guest;
use super::room::Share;
use crate::config::Limits;

/// The longest line, in bytes.
const MAX_LINE: usize = 4_096;

/// The lines that a turn may still write.
pub(super) struct Lines {
    left: u64,
    share: Share,
    /// What the operator was told last about those that were dropped.
    told: Option<Breach>,
}

impl Lines {
    pub(super) fn new(limits: &Limits, share: &Share) -> Self {
        Self { left: limits.lines, share: share.clone(), told: None }
    }

    /// Counts one.
    ///
    /// # Errors
    /// Why it is dropped.
    fn take(&mut self) -> Result<(), Breach> {
        let left = self.left.checked_sub(1).ok_or(Breach::Lines)?;
        if !self.share.may_log() {
            return Err(Breach::TotalLines);
        }
        self.left = left;
        Ok(())
    }

    /// Whether that lines are dropped is news.
    fn is_news(&mut self, why: Breach) -> bool {
        self.told.replace(why) != Some(why)
    }
}

impl Guest {
    /// Once for each reason: a turn may go on for long.
    fn tell_of_dropped_lines(&mut self, why: Breach) {
        if !self.lines.is_news(why) {
            return;
        }
        self.breaches.count(why);
        let agent = &*self.agent;
        match why {
            Breach::TotalLines => tracing::warn!(
                agent,
                "log lines of this turn are dropped: its agent's turns together write more than `total.lines` a second"
            ),
            _ => {
                tracing::warn!(
                    agent,
                    "further log lines of this turn are dropped: it has written `limits.lines` of them"
                );
            }
        }
    }
}

impl log::Host for Guest {
    async fn write(&mut self, level: Level, text: String) -> wasmtime::Result<()> {
        self.enter()?;
        if let Err(why) = self.lines.take() {
            self.tell_of_dropped_lines(why);
            return Ok(());
        }
        let text = self.tools.web().keys().hide(&text[..crate::text::floor(&text, 2 * MAX_LINE)]);
        let (agent, said) = (&*self.agent, crate::text::line(&text, MAX_LINE));
        match level {
            Level::Trace => tracing::trace!(agent, said, "agent"),
            Level::Debug => tracing::debug!(agent, said, "agent"),
            Level::Info => tracing::info!(agent, said, "agent"),
            Level::Warn => tracing::warn!(agent, said, "agent"),
            Level::Error => tracing::error!(agent, said, "agent"),
        }
        Ok(())
    }
}
