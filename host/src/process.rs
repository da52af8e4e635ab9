//! The one place that starts processes. `clippy.toml` fences the functions used here everywhere else.

use std::ffi::OsStr;
use std::process::Command;

/// A program that is about to be started. `tokio::process::Command` is made of it where its end is waited for.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the fence's one gate")]
    Command::new(program)
}
