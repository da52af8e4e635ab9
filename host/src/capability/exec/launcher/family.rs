//! All that a program started, and their end.
//!
//! The launcher is the reaper of them all: who loses its parent becomes its child. So as long as there is anyone, it has
//! children.

use rustix::process::{Pid, Signal, WaitStatus};
use rustix::process::{getpgid, getpid, kill_process, kill_process_group, wait, waitpid};
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::time::Duration;

/// Between two looks at who is left.
const PAUSE: Duration = Duration::from_millis(1);

/// Where a process says how willingly it dies when memory is short.
const SCORE: &str = "/proc/self/oom_score_adj";

/// What the launcher's own readiness to die was.
pub(super) struct Spare(Option<String>);

/// From now on what is started is the first to die when memory is short, rather than the host.
pub(super) fn offer_to_the_reaper() -> Spare {
    let own = fs::read_to_string(SCORE).ok();
    // Where this cannot be said, the kernel chooses by size.
    let _ = fs::write(SCORE, "1000");
    Spare(own)
}

impl Spare {
    /// The launcher itself is as it was.
    pub(super) fn take_back(self) {
        if let Some(own) = self.0 {
            // It may stay as it is: then it may die, and what it held with it.
            let _ = fs::write(SCORE, own.trim());
        }
    }
}

/// How many tasks the machine has: more than this user has in any case.
pub(super) fn tasks_of_the_machine() -> u64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let tasks = load.split_whitespace().nth(3).and_then(|word| word.split_once('/')?.1.parse().ok());
    tasks.unwrap_or(4_096)
}

/// Takes the dead away; gives how the program ended once it has.
pub(super) fn reap(program: Pid) -> Option<WaitStatus> {
    // First the program, so that its end is not taken for somebody else's.
    if let Ok(Some((_, status))) = waitpid(Some(program), super::at_once()) {
        return Some(status);
    }
    while let Ok(Some((pid, status))) = wait(super::at_once()) {
        if pid == program {
            return Some(status);
        }
    }
    None
}

/// How much memory they have, in bytes. What some of them share counts for each.
pub(super) fn memory(members: &[i32]) -> u64 {
    let status = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/status")).ok();
    members.iter().filter_map(status).map(|status| written(&status)).fold(0, u64::saturating_add)
}

/// The bytes that a process has written to, by its `status`; the files that it runs do not count.
fn written(status: &str) -> u64 {
    let of = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1_024)
    };
    of("RssAnon:").unwrap_or(0).saturating_add(of("RssShmem:").unwrap_or(0))
}

/// Kills all of them, until there is nobody left.
pub(super) fn end() {
    let own = getpid();
    loop {
        let members: Vec<Pid> = members().into_iter().filter_map(Pid::from_raw).collect();
        // A whole group dies at once: none of it can start another in between.
        let groups: HashSet<Pid> = members.iter().filter_map(|pid| getpgid(Some(*pid)).ok()).collect();
        for group in groups.into_iter().filter(|group| *group != own) {
            // It may be gone.
            let _ = kill_process_group(group, Signal::KILL);
        }
        for pid in members {
            // It may be gone.
            let _ = kill_process(pid, Signal::KILL);
        }
        loop {
            match wait(super::at_once()) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                // There are no children any more, and so there is nobody.
                Err(_) => return,
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// All that live and come from here.
pub(super) fn members() -> Vec<i32> {
    let own = getpid().as_raw_nonzero().get();
    // Not every kernel tells whose children are whose; then everybody is asked.
    let parents = if children(own).is_none() { Some(parents()) } else { None };
    let of = |parent: i32| match &parents {
        Some(parents) => parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid).collect(),
        None => children(parent).unwrap_or_default(),
    };
    let (mut found, mut open) = (BTreeSet::new(), vec![own]);
    while let Some(parent) = open.pop() {
        open.extend(of(parent).into_iter().filter(|pid| found.insert(*pid)));
    }
    found.into_iter().collect()
}

/// The children of a process, those of all its threads.
fn children(pid: i32) -> Option<Vec<i32>> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut children = None::<Vec<i32>>;
    for thread in threads.flatten() {
        if let Ok(text) = fs::read_to_string(thread.path().join("children")) {
            let pids = text.split_whitespace().filter_map(|word| word.parse::<i32>().ok());
            children.get_or_insert_default().extend(pids);
        }
    }
    children
}

/// All processes, each with its parent.
fn parents() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let one = |entry: fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        Some((pid, parent(&stat)?))
    };
    entries.flatten().filter_map(one).collect()
}

/// The parent in a process's `stat`. A process chooses its name, which stands in brackets and may have any in it: the
/// last one closes.
fn parent(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_hides_no_parent() {
        assert_eq!(parent("12 (sh) S 34 12 12 0"), Some(34));
        assert_eq!(parent("12 (a) S 1 (b) R 34 12"), Some(34));
        assert_eq!((parent("12 (sh) S"), parent("")), (None, None));
    }

    #[test]
    fn memory_is_what_was_written_to() {
        let status = "Name:\tRssAnon: 9 kB\nRssAnon:\t    100 kB\nRssFile:\t 5000 kB\nRssShmem:\t      28 kB\n";
        assert_eq!((written(status), written("")), (128 << 10, 0));
        assert!(memory(&[getpid().as_raw_nonzero().get()]) > 100 << 10);
        assert_eq!(memory(&[]), 0);
    }

    #[test]
    fn children_are_found_either_way() {
        let own = getpid().as_raw_nonzero().get();
        let mut child = crate::process::command("cat").stdin(std::process::Stdio::piped()).spawn().expect("started");
        let pid = i32::try_from(child.id()).expect("a process id");
        assert!(parents().contains(&(pid, own)));
        assert!(children(own).is_none_or(|children| children.contains(&pid)));
        assert!(members().contains(&pid));
        drop(child.stdin.take());
        child.wait().expect("ended");
    }
}
