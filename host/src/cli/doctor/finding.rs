//! What a check found.

use crate::cli::exit::{Failure, Kind};
use serde_json::{Value, json};

/// The longest sentence that is told, in bytes.
const MAX_TEXT: usize = 2_000;

/// One check's result.
#[derive(Debug)]
pub(super) struct Finding {
    check: &'static str,
    state: State,
    text: String,
    /// What to do.
    mend: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// Nothing is wrong, and something is worth knowing.
    Info,
    Warning,
    /// A host will not work, and would end in this way.
    Broken(Kind),
}

impl Finding {
    pub(super) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, state: State::Ok, text: text.into(), mend: None }
    }

    pub(super) fn info(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, state: State::Info, text: text.into(), mend: None }
    }

    pub(super) fn warning(check: &'static str, text: impl Into<String>, mend: &'static str) -> Self {
        Self { check, state: State::Warning, text: text.into(), mend: Some(mend) }
    }

    pub(super) fn broken(check: &'static str, text: impl Into<String>, mend: &'static str, kind: Kind) -> Self {
        Self { check, state: State::Broken(kind), text: text.into(), mend: Some(mend) }
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken(_))
    }

    fn state(&self) -> &'static str {
        match self.state {
            State::Ok => "ok",
            State::Info => "info",
            State::Warning => "warning",
            State::Broken(_) => "broken",
        }
    }

    fn text(&self) -> String {
        crate::text::line(self.text.trim(), MAX_TEXT)
    }
}

/// All of them, in the order they were made.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    fn count(&self, state: &str) -> usize {
        self.0.iter().filter(|finding| finding.state() == state).count()
    }

    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |finding: &Finding| {
            let head = format!("{:<9}{:<15}{}", finding.state(), finding.check, finding.text());
            let mend = finding.mend.map(|mend| format!("{:<24}→ {mend}", ""));
            std::iter::once(head).chain(mend)
        };
        self.0.iter().flat_map(line).collect()
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let one = |finding: &Finding| {
            json!({
                "check": finding.check, "state": finding.state(), "text": finding.text(), "mend": finding.mend,
            })
        };
        let checks: Vec<Value> = self.0.iter().map(one).collect();
        json!({ "checks": checks, "broken": self.count("broken"), "warnings": self.count("warning") })
    }

    /// Fails when something is broken, in the way of the first that is.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let first = self.0.iter().find_map(|finding| match finding.state {
            State::Broken(kind) => Some((kind, finding.check)),
            _ => None,
        });
        match first {
            None => Ok(()),
            Some((kind, check)) => {
                let broken = self.count("broken");
                let all = self.0.len();
                Err(Failure::of(
                    kind,
                    format!("{broken} of {all} checks found something broken, first: {check}; see above"),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_told_line_by_line_and_cannot_steer_the_terminal() {
        let mut findings = Findings::default();
        findings.add(Finding::ok("log", "info, human"));
        findings.add(Finding::warning("clock", "a\u{1b}[2J\nb", "set it"));
        assert!(findings.verdict().is_ok());
        let expected = [
            "ok       log            info, human",
            "warning  clock          a\\u{1b}[2J\\nb",
            "                        → set it",
        ];
        assert_eq!(findings.lines(), expected);
        findings.add(Finding::broken("token", "missing", "pair", Kind::Unpaired));
        findings.add(Finding::broken("cloud", "away", "wait", Kind::Unreachable));
        let failure = findings.verdict().expect_err("broken");
        assert_eq!(failure.code(), Failure::unpaired("").code());
        assert_eq!((&findings.json()["broken"], &findings.json()["warnings"]), (&json!(2), &json!(1)));
    }
}
