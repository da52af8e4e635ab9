//! What agents write to the operator's log: lines of it, and nothing that looks like more.

use crate::http;
use anyhow::{Context as _, Result};
use sophon_host::grant::Effect;
use sophon_tests::{Site, page, web_rule};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

/// One line of an agent as it reaches whoever writes the log, before any writer makes something of it.
#[derive(Debug, Clone, Default)]
struct Line {
    level: Option<Level>,
    agent: String,
    said: String,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Line>>>);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "agent" => value.clone_into(&mut self.agent),
            "said" => value.clone_into(&mut self.said),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line { level: Some(*event.metadata().level()), ..Line::default() };
        event.record(&mut line);
        if !line.said.is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }
}

#[tokio::test]
async fn what_an_agent_logs_is_one_line_that_hides_nothing() -> Result<()> {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines.clone()));
    let forged = "a\n2026-01-01T00:00:00Z ERROR sophon_host: all is lost\r\u{1b}[2J\u{202e}b\u{200b}\0";
    let site = Site::start(move |_| page("text/plain", forged)).await?;
    let (world, session) = http::world(vec![web_rule(Effect::Allow, &["127.0.0.1/32"])]).await?;
    world.user.ask(&session, "/use tireless").await?;
    assert_eq!(world.user.ask(&session, &format!("http log {}", site.url("/"))).await?.text, "logged");
    let lines = lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    assert_eq!((line.level, line.agent.as_str()), (Some(Level::INFO), "tireless"));
    let (_, said) = line.said.split_once(" | ").context("a body")?;
    let shown = r"a\n2026-01-01T00:00:00Z ERROR sophon_host: all is lost\r\u{1b}[2J\u{202e}b\u{200b}\u{0}";
    assert_eq!(said, shown);
    Ok(())
}
