//! The person in front of the chat, who says no to all that is asked, and reads it as it is shown.

use anyhow::Result;
use serde_json::{Value, json};
use sophon_tests::{Event, User};
use std::collections::HashSet;

/// The longest that anything in a question or on a card may be, in bytes; what a card was called with apart.
const MAX_SHOWN: usize = 8 << 10;

/// Says no to everything, for ever.
pub(crate) async fn says_no(user: &User) -> Result<()> {
    let mut answered = HashSet::new();
    loop {
        let is_new = |event: &Event| {
            event.kind == "approval_requested" && !answered.contains(&event.data["approval_id"].to_string())
        };
        // Nobody may be asking for a while.
        let Ok(asked) = user.wait("a question", is_new).await else { continue };
        answered.insert(asked.data["approval_id"].to_string());
        // Its turn may be over already.
        drop(user.decide(&asked.data, json!({ "decision": "deny" })).await);
    }
}

/// What in questions and on cards could mislead who reads them.
pub(crate) fn misled(events: &[Event]) -> Vec<String> {
    let shown = events.iter().filter(|event| event.kind.starts_with("approval_") || event.kind.starts_with("task_"));
    shown
        .filter_map(|event| Some(format!("{} misleads: {:.300}", event.kind, misleading(&event.data)?.escape_debug())))
        .collect()
}

/// The first text that is too long, or has signs that are not what they seem.
fn misleading(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (text.len() > MAX_SHOWN || text.chars().any(hides)).then(|| text.clone()),
        Value::Array(all) => all.iter().find_map(misleading),
        Value::Object(all) => {
            let shown = |(key, _): &(&String, &Value)| !matches!(key.as_str(), "args" | "result" | "partial_result");
            all.iter().filter(shown).find_map(|(_, value)| misleading(value))
        }
        _ => None,
    }
}

/// Control characters but ends of lines and tabs, and characters that turn text round or are not seen.
fn hides(sign: char) -> bool {
    (sign.is_control() && !matches!(sign, '\n' | '\t'))
        || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
