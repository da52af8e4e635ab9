//! What came of building agents: told where versions are, as what was not built is a version that does not answer.

use super::{CandidateReport, Lines, MAX_WHY, Registry};
use crate::time::now_ms;
use std::path::{Path, PathBuf};

/// The most that is kept of what a build printed, in bytes.
const MAX_OUTPUT: usize = 16 << 10;

impl Registry {
    /// The agent in this place could not be built: why, and what the build command printed. The version that answers
    /// goes on to do so. It is told until [`Registry::built`].
    pub fn build_failed(&self, origin: &Path, why: &str, output: &str) {
        let build = CandidateReport {
            version: String::new(),
            id: String::new(),
            why: Some(crate::text::line(why, MAX_WHY)),
            at: now_ms(),
            output: Some(crate::text::tail(output, MAX_OUTPUT)),
        };
        self.lines().builds.insert(origin.to_owned(), build);
        self.changed();
    }

    /// The agent in this place is built, or not to be built any more.
    pub fn built(&self, origin: &Path) {
        if self.lines().builds.remove(origin).is_some() {
            self.changed();
        }
    }

    /// Where building failed and nothing answers either: how it failed.
    pub fn unbuilt(&self) -> Vec<(PathBuf, CandidateReport)> {
        self.lines().unbuilt().map(|(path, build)| (path.clone(), build.clone())).collect()
    }
}

impl Lines {
    pub(super) fn unbuilt(&self) -> impl Iterator<Item = (&PathBuf, &CandidateReport)> {
        let answers = |path: &Path| self.by_name.values().any(|line| line.current.manifest.origin == path);
        self.builds.iter().filter(move |(path, _)| !answers(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failed_build_is_told_bounded_and_escaped_until_one_succeeds() {
        let registry = Registry::empty();
        let mut changes = registry.changes();
        let place = Path::new("/agents/echo");
        let output = format!("{}\n\u{1b}[31merror\u{202e}", "x".repeat(3 * MAX_OUTPUT));
        registry.build_failed(place, "`make`\nended", &output);
        let (_, build) = registry.unbuilt().pop().expect("told");
        assert_eq!(build.in_words(), "build failed: `make`\\nended");
        let output = build.output.expect("output");
        assert!(output.ends_with("x\n\\u{1b}[31merror\\u{202e}") && output.len() < MAX_OUTPUT + 100, "{output}");
        assert_eq!(registry.problems().len(), 1);
        assert!(changes.has_changed().expect("open"));
        changes.mark_unchanged();
        registry.built(place);
        assert!(registry.problems().is_empty() && changes.has_changed().expect("open"));
    }
}
