//! What a person is shown: the host's words for the deed, and the agent's for why.

use super::decision::Client;
use crate::grant::{Ask, Question, Scope, cover_in_words};

/// The question for an ask. `action` is its name in the cloud, `reason` the agent's words, `lapsed` what the agent wants
/// more than the version that had leave before.
pub(super) fn question(
    client: &Client,
    action: String,
    ask: &Ask,
    reason: Option<&str>,
    lapsed: Option<&str>,
) -> Question {
    let own = match ask {
        Ask::Own(own) => Some(own.reason.as_str()),
        Ask::Http(_) | Ask::Exec(_) => None,
    };
    let said = Ask::reason(reason.or(own).unwrap_or_default());
    let gap = if said.is_empty() { "" } else { "\n\n" };
    let lapsed = lapsed.map_or_else(String::new, |difference| {
        format!("You allowed this to an earlier version of the agent, which wanted less:\n{difference}\n\n")
    });
    let always = [Scope::Session, Scope::Tool, Scope::Domain, Scope::All];
    let always = always.map(|scope| format!("{}: {}", word(scope), cover_in_words(ask, scope, &client.wants)));
    Question {
        action,
        title: format!("{}: {}", client.agent, ask.title()),
        command: ask.command(),
        host: ask.host(),
        message: format!("{said}{gap}{lapsed}What “always” would cover:\n{}", always.join("\n")),
        severity: ask.severity(),
    }
}

/// What the app calls a scope.
fn word(scope: Scope) -> &'static str {
    match scope {
        Scope::Session => "session",
        Scope::Tool => "tool",
        Scope::Domain => "domain",
        Scope::All => "all",
    }
}
