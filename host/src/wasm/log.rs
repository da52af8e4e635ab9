//! `sophon:agent/log`: lines of a guest in the operator's log, as its words.

use super::bindings::sophon::agent::log::{self, Level};
use super::breach::Breach;
use super::guest::Guest;

/// The longest line, in bytes.
const MAX_LINE: usize = 4_096;

impl log::Host for Guest {
    async fn write(&mut self, level: Level, text: String) -> wasmtime::Result<()> {
        self.enter()?;
        let Some(left) = self.log_lines else { return Ok(()) };
        self.log_lines = left.checked_sub(1);
        if self.log_lines.is_none() {
            self.breaches.count(Breach::Lines);
            let agent = &*self.agent;
            tracing::warn!(agent, "further log lines of this turn are dropped: it has written `limits.lines` of them");
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
