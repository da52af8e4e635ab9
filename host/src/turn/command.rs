//! What the host answers itself: `/agents`, `/use NAME`, `/grants` and `/revoke ID`.

use crate::grant::Grant;
use crate::registry::{CandidateReport, Registry};
use std::fmt::Write as _;

/// Grants that are listed in a chat.
const MAX_LISTED: usize = 100;

/// What is shown of the output of builds that failed, in bytes.
const MAX_OUTPUT: usize = 16 << 10;

/// A command of the user's to the host.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// List the agents.
    Agents,
    /// Let this agent answer from now on.
    Use(String),
    /// List what agents may do without asking.
    Grants,
    /// Take one of these back.
    Revoke(String),
}

impl Command {
    /// Reads a command. Anything else, other words that begin with a slash too, is for the agent.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        match (words.next()?, words.next(), words.next()) {
            ("/agents", None, _) => Some(Self::Agents),
            ("/grants", None, _) => Some(Self::Grants),
            ("/revoke", id, None) => Some(Self::Revoke(id.unwrap_or_default().to_owned())),
            ("/use", name, None) => Some(Self::Use(name.unwrap_or_default().to_owned())),
            _ => None,
        }
    }
}

/// Said where no agent is installed.
pub(super) const NO_AGENTS: &str = "No agent is installed on this host. Add one: name its folder in `agents.paths` \
    of sophon-host.toml, or on the command line (`sophon-host run FOLDER`), and start the host again.";

/// The agents as a list, the current one marked.
pub(super) fn list(registry: &Registry, current: Option<&str>) -> String {
    let mut text = String::new();
    let agents = registry.agents();
    for agent in &agents {
        let manifest = &agent.manifest;
        let mark = if current == Some(manifest.name.as_str()) { " (answers here)" } else { "" };
        let _ = writeln!(text, "- **{}** {}{mark}: {}", manifest.name, manifest.version, manifest.description);
    }
    for (_, why) in registry.problems() {
        let _ = writeln!(text, "- not loaded: {}", crate::text::line(&why, 600));
    }
    let mut room = MAX_OUTPUT;
    for line in registry.report() {
        if let Some(candidate) = &line.candidate {
            refused(&mut text, &format!("**{}**", line.name), candidate, &mut room);
        }
    }
    for (place, build) in registry.unbuilt() {
        refused(&mut text, &crate::text::code(&place.display().to_string(), 200), &build, &mut room);
    }
    if agents.is_empty() {
        text.push_str(NO_AGENTS);
    } else {
        text.push_str("\nChoose with `/use NAME`.");
    }
    text
}

/// A version that does not answer. What was printed for all of them together is bounded.
fn refused(text: &mut String, name: &str, candidate: &CandidateReport, room: &mut usize) {
    let _ = writeln!(text, "\n{name}: {}", crate::text::code(&candidate.in_words(), 600));
    let output = candidate.output.as_deref().unwrap_or_default();
    let output = crate::text::tail(output, *room);
    *room = room.saturating_sub(output.len());
    if !output.trim().is_empty() {
        // A fence that is longer than any in what it holds.
        let ticks = output.split(|c| c != '`').map(str::len).max().unwrap_or(0).max(2) + 1;
        let _ = writeln!(text, "\n{0}text\n{1}\n{0}", "`".repeat(ticks), output.trim_end());
    }
}

/// The grants as a list.
pub(super) fn grants(grants: &[Grant]) -> String {
    if grants.is_empty() {
        return "Nothing: agents ask, unless the host's operator decided otherwise.".to_owned();
    }
    let mut text = "What agents may do without asking:\n\n".to_owned();
    for grant in grants.iter().take(MAX_LISTED) {
        let covers: Vec<String> = grant.cover.patterns.iter().map(ToString::to_string).collect();
        let session = grant.session.as_ref().map_or("", |_| ", in one chat");
        let uses = grant.uses_left.map_or_else(String::new, |left| format!(", {left} more times"));
        let covers = crate::text::code(&covers.join(", "), 500);
        let _ = writeln!(text, "- `{}` **{}**: {covers}{session}{uses}", grant.id, grant.agent);
    }
    if grants.len() > MAX_LISTED {
        let _ = writeln!(text, "- and {} more; `sophon-host grants list` has all", grants.len() - MAX_LISTED);
    }
    text.push_str("\nTake one back with `/revoke ID`.");
    text
}

/// Said when a grant was to be taken back.
pub(super) fn revoked(id: &str, was_there: bool) -> String {
    let shown = crate::text::code(id, 80);
    match was_there {
        true => format!("{shown} is taken back. What still goes on by it ends now."),
        false if id.is_empty() => "Say which: `/revoke ID`. `/grants` lists them.".to_owned(),
        false => format!("There is no grant {shown}. `/grants` lists them."),
    }
}

/// Said where there is no agent of this name.
pub(super) fn unknown(registry: &Registry, name: &str) -> String {
    let agents = registry.agents();
    let names: Vec<String> = agents.iter().map(|agent| format!("`{}`", agent.manifest.name)).collect();
    let asked = crate::text::code(name, 80);
    match names.is_empty() {
        true => NO_AGENTS.to_owned(),
        false if name.is_empty() => format!("Say which: `/use NAME`, with one of {}.", names.join(", ")),
        false => format!("There is no agent {asked} here. There are: {}. Choose with `/use NAME`.", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_messages() {
        assert_eq!(Command::parse(" /agents "), Some(Command::Agents));
        assert_eq!(Command::parse("/use  echo"), Some(Command::Use("echo".into())));
        assert_eq!(Command::parse("/use"), Some(Command::Use(String::new())));
        assert_eq!(Command::parse("/grants"), Some(Command::Grants));
        assert_eq!(Command::parse("/revoke g1"), Some(Command::Revoke("g1".into())));
        for text in ["", "/agents now", "/use my other agent", "/help", "use echo", "tell me of /agents"] {
            assert_eq!(Command::parse(text), None, "{text:?}");
        }
    }

    #[tokio::test]
    async fn what_a_compiler_said_cannot_leave_its_block() {
        let registry = Registry::empty();
        registry.build_failed(std::path::Path::new("/agents/echo"), "`make` ended", "error:\n````\n# not a heading");
        let text = list(&registry, None);
        assert!(text.contains("`/agents/echo`: `build failed: 'make' ended`"), "{text}");
        assert!(text.contains("\n`````text\nerror:\n````\n# not a heading\n`````\n"), "{text}");
    }

    #[test]
    fn with_no_agent_the_answer_says_how_to_add_one() {
        let none = Registry::empty();
        for text in [list(&none, None), unknown(&none, "echo")] {
            assert!(text.contains("agents.paths"), "{text}");
        }
    }
}
