//! The log, on stderr; its last warnings and errors are kept for `sophon-host status`.

use super::telemetry::Spans;
use crate::config::{Config, LogFormat};
use crate::daemon::Troubles;
use std::io::{self, IsTerminal as _};
use std::time::SystemTime;
use tracing::Metadata;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::fmt::{MakeWriter, format, layer};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging, and passes `spans` on where traces are exported. A filter that makes no sense is told, and `info` used.
pub(super) fn start(config: &Config, spans: Option<Spans>) -> Troubles {
    let filter = EnvFilter::try_new(&config.log_level).unwrap_or_else(|error| {
        super::output::error(&format!(
            "`{}` is not a log filter ({error}); using info",
            crate::text::line(&config.log_level, 80)
        ));
        EnvFilter::new("info")
    });
    let log = layer::<Registry>().with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).with_target(false);
    let log = match config.log_format {
        LogFormat::Human => log.compact().boxed(),
        LogFormat::Json => log.json().with_target(true).boxed(),
    };
    let troubles = Troubles::default();
    let log = tracing_subscriber::registry().with(log.with_filter(filter)).with(keep(troubles.clone()));
    log.with(spans.map(Spans::layer)).init();
    troubles
}

/// Keeps warnings and errors, whatever the log's filter. Agents' own lines are left out: they would crowd out the
/// host's.
pub(super) fn keep<S: tracing::Subscriber + for<'a> LookupSpan<'a>>(troubles: Troubles) -> impl Layer<S> {
    // Fields in a way of our own: those of spans are shared between layers of the same way, colours and all.
    let fields = format::debug_fn(|out, field, value| match field.name() {
        "message" => write!(out, "{value:?}"),
        name => write!(out, " {name}={value:?}"),
    });
    let lines = layer().fmt_fields(fields).without_time().with_level(false).with_target(false).with_ansi(false);
    let wanted = Targets::new().with_default(LevelFilter::WARN).with_target("sophon_host::wasm::log", LevelFilter::OFF);
    lines.with_writer(Keep(troubles)).with_filter(wanted)
}

struct Keep(Troubles);

/// One line on its way to be kept.
struct Line {
    troubles: Troubles,
    level: &'static str,
}

impl<'a> MakeWriter<'a> for Keep {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { troubles: self.0.clone(), level: "warn" }
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> Line {
        let level = if *line.level() == tracing::Level::ERROR { "error" } else { "warn" };
        Line { level, ..self.make_writer() }
    }
}

impl io::Write for Line {
    /// The layer writes a line at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.troubles.push(self.level, &String::from_utf8_lossy(line), SystemTime::now());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_and_errors_of_the_host_are_kept_as_the_log_has_them() {
        let troubles = Troubles::default();
        let subscriber = tracing_subscriber::registry().with(keep(troubles.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::error_span!("turn", session = "s").entered();
            tracing::info!("not this");
            tracing::warn!(tries = 3, "request failed: {}", "a\u{1b}[2J");
            tracing::warn!(target: "sophon_host::wasm::log", "what an agent says");
            let token = crate::config::Secret::new("sesame");
            tracing::error!(?token, "broken");
        });
        let kept: Vec<_> = troubles.list().into_iter().map(|kept| (kept.level, kept.text)).collect();
        assert_eq!(kept[0].0, "warn");
        assert!(kept[0].1.contains("request failed: a\\") && kept[0].1.contains("tries=3"), "{kept:?}");
        assert!(kept[1].0 == "error" && kept[1].1.contains("<redacted>"), "{kept:?}");
        assert_eq!(kept.len(), 2);
    }
}
