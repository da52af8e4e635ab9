//! The log, on stderr.

use crate::config::{Config, LogFormat};
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Starts logging. A filter that makes no sense is told, and `info` used.
pub(super) fn start(config: &Config) {
    let filter = EnvFilter::try_new(&config.log_level).unwrap_or_else(|error| {
        super::output::error(&format!(
            "`{}` is not a log filter ({error}); using info",
            crate::text::line(&config.log_level, 80)
        ));
        EnvFilter::new("info")
    });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    match config.log_format {
        LogFormat::Human => log.compact().init(),
        LogFormat::Json => log.json().with_target(true).init(),
    }
}
