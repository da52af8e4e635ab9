//! How many files guests have open: each takes a descriptor of the host's, which needs them for its own work, too.

use rustix::process::{Resource, getrlimit};
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The most that guests of one host have open at once, and the most of one turn.
const AT_ONCE_HERE: usize = 4_096;
const IN_A_TURN: usize = 64;

/// The files that some have open, which are gone from here when they are closed.
#[derive(Debug)]
pub struct Open {
    files: Mutex<Vec<Weak<File>>>,
    most: usize,
}

impl Open {
    /// Those of the whole process: a quarter of what the system lets it have open, at most.
    pub(super) fn of_this_process() -> Self {
        let all =
            getrlimit(Resource::Nofile).current.map_or(usize::MAX, |all| usize::try_from(all).unwrap_or(usize::MAX));
        Self { files: Mutex::default(), most: AT_ONCE_HERE.min(all / 4) }
    }

    /// Those of one turn.
    pub fn of_a_turn() -> Self {
        Self { files: Mutex::default(), most: IN_A_TURN }
    }

    /// Counts one more, unless there are too many.
    pub fn add(&self, file: &Arc<File>) -> bool {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= self.most {
            files.retain(|file| file.strong_count() > 0);
        }
        let fits = files.len() < self.most;
        if fits {
            files.push(Arc::downgrade(file));
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_files_make_room_for_others() {
        let open = Open { files: Mutex::default(), most: 2 };
        let file = || Arc::new(File::open("/dev/null").expect("opened"));
        let (one, other) = (file(), file());
        assert!(open.add(&one) && open.add(&other));
        assert!(!open.add(&file()));
        drop(one);
        assert!(open.add(&file()) && Open::of_this_process().most > 0);
    }
}
