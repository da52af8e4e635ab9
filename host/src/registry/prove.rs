//! The messages that a version must answer before it takes over: in a session of its own, with a state of its own, and
//! without any capability.

use crate::capability::{Door, Tools};
use crate::store::Store;
use crate::time::now_ms;
use crate::wasm::{Agent, Effort, Ended, Engine, Turn, last_words};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long all messages of one version may take together.
const TIME: Duration = Duration::from_secs(30);

/// Lets a version answer its messages.
///
/// # Errors
/// Which message it did not answer, and why.
pub(super) async fn prove(engine: &Engine, agent: &Agent) -> Result<(), String> {
    if agent.manifest.tests.is_empty() {
        return Ok(());
    }
    let late = |_| format!("it did not answer the messages of `[test]` within {} s", TIME.as_secs());
    tokio::time::timeout(TIME, answer_all(engine, agent)).await.map_err(late)?
}

async fn answer_all(engine: &Engine, agent: &Agent) -> Result<(), String> {
    let store = Store::scratch().map_err(|error| format!("it could not be tried: {error}"))?;
    for message in &agent.manifest.tests {
        let door = Door::closed(agent.manifest.name.as_str(), store.clone());
        let stop = CancellationToken::new();
        let tools = Tools::new(agent.manifest.name.clone(), "test".to_owned(), store.clone(), stop, door);
        let tools = tools.with_schema(agent.manifest.schema);
        let ended = agent.rehearse(engine, turn(message), tools).await;
        if let Some(why) = fault(&ended) {
            let message = crate::text::line(message, 80);
            return Err(format!("it did not answer `{message}` of `test.messages` in its agent.toml: {why}"));
        }
    }
    Ok(())
}

fn turn(text: &str) -> Turn {
    Turn {
        session: "test".to_owned(),
        title: None,
        interaction: "test".to_owned(),
        message: "test".to_owned(),
        text: text.to_owned(),
        attachments: Vec::new(),
        reply_to: None,
        history: Vec::new(),
        effort: Effort::Standard,
        locale: None,
        now: now_ms(),
    }
}

/// What is wrong with an end, if it is no answer.
pub(super) fn fault(ended: &Ended) -> Option<String> {
    match ended {
        Ended::Answered(_) => None,
        Ended::Failed(failure) => Some(format!("it failed, with {}", crate::text::line(&format!("{failure:?}"), 300))),
        Ended::Limit(breach) => Some(format!("it was stopped at {breach}")),
        Ended::Stranded { why } => Some(why.clone()),
        Ended::Busy { reason } => Some(format!("the host had no room for it ({reason})")),
        Ended::Trapped { reason, stderr } => {
            let last = last_words(stderr);
            let last =
                last.map_or_else(String::new, |words| format!("; its last words: {}", crate::text::line(words, 300)));
            Some(format!("it crashed ({}){last}", crate::text::line(reason, 300)))
        }
    }
}
