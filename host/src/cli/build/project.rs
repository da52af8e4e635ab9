//! One agent that has a build command: what it is built from now, and what was built.

use super::super::output;
use super::program::Failed;
use super::sources::{self, Sources};
use crate::config::AgentName;
use crate::registry::watch::around;
use crate::wasm::{Digest, find_manifests};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// A build that was begun anew so often without coming to its end may change its own sources.
const TOO_OFTEN: u32 = 10;
/// How long it then rests.
const BREATH: Duration = Duration::from_secs(1);

/// What is to be built.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) name: AgentName,
    pub(super) command: String,
    pub(super) sources: Sources,
}

/// See the module.
pub(super) struct Project {
    pub(super) plan: Plan,
    /// When its sources will have stood still for long enough.
    pub(super) settled: Instant,
    /// Why the last build failed, if it did.
    pub(super) failed: Option<Failed>,
    /// What was built last.
    built: Option<Digest>,
    /// How often a build was begun anew without coming to its end.
    anew: u32,
}

/// All agents that have a build command, and the folders to watch.
#[derive(Default)]
pub(super) struct Found {
    pub(super) projects: BTreeMap<PathBuf, Plan>,
    pub(super) folders: BTreeMap<PathBuf, (u64, u64)>,
}

/// Finds them. Blocks.
pub(super) fn find(paths: &[PathBuf]) -> Found {
    let manifests: Vec<_> = paths.iter().flat_map(|path| find_manifests(path)).collect();
    // Whatever is wrong with a manifest is mended there, and what is not there yet comes to be there.
    let watched = paths.iter().chain(manifests.iter().map(|(folder, _)| folder)).map(PathBuf::as_path);
    // Nothing of these is installed.
    let mut found = Found { folders: around(watched, Path::new("")), ..Found::default() };
    for (folder, manifest) in manifests {
        let Ok(manifest) = manifest else { continue };
        let Some(command) = manifest.build.as_ref().map(|build| build.command.clone()) else { continue };
        let sources = sources::look(&folder, &manifest);
        found.folders.extend(sources.folders.iter().map(|(path, inode)| (path.clone(), *inode)));
        found.projects.insert(folder, Plan { name: manifest.name, command, sources });
    }
    found
}

impl Project {
    /// One that was never built.
    pub(super) fn new(plan: Plan, settled: Instant) -> Self {
        remark(&plan);
        Self { plan, settled, failed: None, built: None, anew: 0 }
    }

    /// Whether it is to be built.
    pub(super) fn is_due(&self) -> bool {
        self.built != Some(self.plan.sources.stamp)
    }

    /// It was looked at.
    pub(super) fn look(&mut self, plan: Plan, now: Instant, settle: Duration) {
        if plan.sources.remark != self.plan.sources.remark {
            remark(&plan);
        }
        if plan.sources.stamp != self.plan.sources.stamp {
            self.settled = now + if self.anew < TOO_OFTEN { settle } else { BREATH };
        }
        self.plan = plan;
    }

    /// Its build came to an end.
    pub(super) fn built(&mut self, stamp: Digest) {
        (self.built, self.anew) = (Some(stamp), 0);
    }

    /// Its build was ended, as its sources changed.
    pub(super) fn superseded(&mut self) {
        // What the build had written by then is not what was built last.
        (self.built, self.anew) = (None, self.anew.saturating_add(1));
        if self.anew == TOO_OFTEN {
            output::error(&format!(
                "building {} was begun anew {TOO_OFTEN} times, as its sources changed meanwhile. If its command changes \
                 them itself, let `build.watch` of its agent.toml name only what people write",
                self.plan.name
            ));
        }
    }
}

fn remark(plan: &Plan) {
    if let Some(remark) = &plan.sources.remark {
        output::error(&format!("{}: {remark}", plan.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Plan {
        let sources = Sources { stamp: Digest::of(text.as_bytes()), folders: BTreeMap::new(), remark: None };
        Plan { name: AgentName::try_from("vary".to_owned()).expect("a name"), command: "make".to_owned(), sources }
    }

    #[test]
    fn what_is_no_agent_is_watched_until_it_is_one() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("agent");
        std::fs::create_dir(&folder).expect("made");
        std::fs::write(folder.join("agent.toml"), "[agent").expect("written");
        for path in [folder.clone(), root.path().to_owned()] {
            let found = find(&[path]);
            assert!(found.projects.is_empty());
            assert!(
                [folder.as_path(), root.path()].iter().all(|path| found.folders.contains_key(*path)),
                "{:?}",
                found.folders
            );
        }
        for path in [root.path().join("later"), folder.join("agent.wasm")] {
            let parent = path.parent().expect("a folder").to_owned();
            assert!(find(&[path]).folders.contains_key(&parent));
        }
    }

    #[test]
    fn a_change_is_due_when_it_has_settled_and_the_latest_counts() {
        let (now, settle) = (Instant::now(), Duration::from_millis(100));
        let mut project = Project::new(plan("one"), now);
        assert!(project.is_due());
        project.built(plan("one").sources.stamp);
        assert!(!project.is_due());
        project.look(plan("one"), now + settle, settle);
        assert!(!project.is_due() && project.settled == now, "nothing changed");
        project.look(plan("two"), now + settle, settle);
        project.look(plan("three"), now + 2 * settle, settle);
        assert!(project.is_due() && project.settled == now + 3 * settle);
        project.built(plan("two").sources.stamp);
        assert!(project.is_due(), "what was built is not what is there");
        // Back to what was built, after a build of something else was ended in its middle.
        project.superseded();
        project.look(plan("two"), now, settle);
        assert!(project.is_due());
    }

    #[test]
    fn one_that_changes_its_own_sources_rests_between_builds() {
        let (now, settle) = (Instant::now(), Duration::from_millis(100));
        let mut project = Project::new(plan("0"), now);
        for time in 1..=TOO_OFTEN {
            project.look(plan(&time.to_string()), now, settle);
            assert_eq!(project.settled, now + settle);
            project.superseded();
        }
        project.look(plan("more"), now, settle);
        assert_eq!(project.settled, now + BREATH);
        project.built(plan("more").sources.stamp);
        project.look(plan("again"), now, settle);
        assert_eq!(project.settled, now + settle);
    }
}
