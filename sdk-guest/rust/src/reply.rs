//! The agent's bubble.

use crate::bindings::sophon::agent::reply;
use crate::{Failure, Result};
use std::fmt;

/// Streams text into the bubble. Works with [`write!`] too.
#[derive(Debug)]
pub struct Reply(());

impl Reply {
    pub(crate) fn new() -> Self {
        Self(())
    }

    /// Appends Markdown. The host merges what comes fast, so write as often as you like; it waits when the link is
    /// slow.
    ///
    /// # Errors
    /// [`Failure::Limit`] when the output budget of the turn is used up, [`Failure::Cancelled`] when the user stops it.
    pub fn write(&mut self, text: &str) -> Result<()> {
        reply::write(text).map_err(Failure::from_wit)
    }
}

impl fmt::Write for Reply {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text).map_err(|_| fmt::Error)
    }
}
