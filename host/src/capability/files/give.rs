//! Which folders a turn is given: its own work folder, and what it wants where a rule gives that.

use super::super::tools::Tools;
use super::meter::Meter;
use super::work::WorkFolder;
use crate::grant::{FileWant, FilesAsk, Wants, Withheld};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a guest calls its own work folder.
const WORK: &str = "/work";
/// Where files are that are none: no rule gives these, as with them goes whatever the host itself can see or do.
const MACHINERY: [&str; 3] = ["/proc", "/sys", "/dev"];

/// How long it may take to find a folder.
const PATIENCE: Duration = Duration::from_secs(5);

/// A folder that a turn is given, open.
#[derive(Debug)]
pub struct Given {
    /// What the guest calls it.
    pub name: String,
    /// The folder.
    pub folder: File,
    /// How much may be written there. None where it may only be read.
    pub meter: Option<Arc<Meter>>,
}

/// A folder that is wanted, found where it really is, and allowed by a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Links resolved.
    pub ask: FilesAsk,
    /// The rule that gives it.
    pub by: String,
}

impl Placed {
    /// Finds a wanted folder, if the rules give it: as it is named, and as what it is. What is to be written to is given to
    /// read where the rules give no more. Blocks.
    ///
    /// # Errors
    /// What withholds it, and what would give it.
    pub fn find(
        want: &FileWant,
        data_dir: &Path,
        gives: impl Fn(&FilesAsk) -> Result<String, Withheld>,
    ) -> Result<Self, Withheld> {
        let mut withheld = None;
        for write in [true, false] {
            if write && !want.write {
                continue;
            }
            match Self::find_to(&want.path, write, data_dir, &gives) {
                Ok(placed) => return Ok(placed),
                // What would give all of it is said.
                Err(why) => withheld = withheld.or(Some(why)),
            }
        }
        Err(withheld.unwrap_or_else(|| never("nothing")))
    }

    fn find_to(
        path: &Path,
        write: bool,
        data_dir: &Path,
        gives: impl Fn(&FilesAsk) -> Result<String, Withheld>,
    ) -> Result<Self, Withheld> {
        if path.starts_with(WORK) {
            return Err(never(&format!("the host, as {WORK} is where an agent finds its own work folder")));
        }
        let by = gives(&FilesAsk { path: path.to_owned(), write })?;
        let real = path.canonicalize().ok().filter(|real| real.is_dir()).ok_or_else(|| {
            let hint = "make it, or name the folder that the files are in".to_owned();
            Withheld { rule: format!("the machine, where there is no folder {}", shown(path)), hint }
        })?;
        let own = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
        let holds = |other: &Path| real.starts_with(other) || other.starts_with(&real);
        if holds(&own) {
            return Err(never(&format!("the host, whose own files are in {}", shown(&real))));
        }
        if MACHINERY.iter().any(|place| holds(Path::new(place))) {
            return Err(never(&format!("the host, as what is in {} are no files", shown(&real))));
        }
        let ask = FilesAsk { path: real, write };
        let by = if ask.path == path { by } else { gives(&ask)? };
        Ok(Self { ask, by })
    }
}

/// What no rule changes.
fn never(rule: &str) -> Withheld {
    Withheld { rule: rule.to_owned(), hint: "no rule changes that: keep what the agent may see elsewhere".to_owned() }
}

fn shown(path: &Path) -> String {
    crate::text::line(&path.display().to_string(), 300)
}

/// Opens the folder at a path that has no links in it; it may have got some since it was looked at.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(File::from(rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), resolve)?))
}

impl Tools {
    /// The folders of the turn, each written down before it is given. What is not given is told in the log.
    pub async fn folders(&self, wants: &Wants) -> Vec<Given> {
        let Some(folders) = self.folders.as_ref().filter(|_| !wants.files.is_empty()) else { return Vec::new() };
        let (work, meter) =
            (WorkFolder::new(&folders.data_dir, &self.agent, &self.session), folders.meter(&self.agent));
        let made = crate::tasks::blocking(move || open(&work.make()?)).await;
        let mut given = Vec::new();
        match made {
            Ok(folder) => given.push(Given { name: WORK.to_owned(), folder, meter: Some(meter) }),
            Err(error) => tracing::warn!("an agent goes without its work folder: {error}"),
        }
        for want in wants.files.iter().filter(|want| !want.is_work()) {
            match self.folder(want, &folders.data_dir).await {
                Ok(folder) => given.push(folder),
                Err(Withheld { rule, hint }) => {
                    let (agent, want) = (self.agent.as_str(), want.in_words());
                    tracing::warn!(agent, "not given: {want}, by {rule}; {hint}");
                }
            }
        }
        given
    }

    async fn folder(&self, want: &FileWant, data_dir: &Path) -> Result<Given, Withheld> {
        let (door, wanted, data_dir) = (self.door().clone(), want.clone(), data_dir.to_owned());
        let finding = crate::tasks::blocking(move || {
            let placed = Placed::find(&wanted, &data_dir, |ask| door.gives(ask))?;
            let lost = |error| Withheld { rule: format!("the machine: {error}"), hint: "make it readable".to_owned() };
            open(&placed.ask.path).map(|folder| (placed, folder)).map_err(lost)
        });
        // What another machine keeps may never answer.
        let late = |_| Withheld {
            rule: "the machine, which did not answer in time".to_owned(),
            hint: "look there".to_owned(),
        };
        let (placed, folder) = tokio::time::timeout(PATIENCE, finding).await.map_err(late)??;
        let unwritten = |why: super::super::Refusal| Withheld {
            rule: format!("the host: {why}"),
            hint: "what cannot be written down is not done".to_owned(),
        };
        self.door().given(&placed.ask, &placed.by).await.map_err(unwritten)?;
        let meter = placed.ask.write.then(|| self.elsewhere.clone());
        Ok(Given { name: want.path.display().to_string(), folder, meter })
    }
}

/// The folders of agents that are not among these, with what they hold in bytes; for people to look at. Blocks.
pub fn left_behind(data_dir: &Path, agents: &[String]) -> Vec<(PathBuf, u64)> {
    let entries = std::fs::read_dir(super::work::of_all(data_dir)).into_iter().flatten().flatten();
    let others = entries.filter(|entry| !agents.iter().any(|name| entry.file_name() == name.as_str()));
    let held = |folder: &Path| super::work::measure(folder).map_or(0, |all| all.bytes);
    others.map(|entry| (held(&entry.path()), entry.path())).map(|(bytes, path)| (path, bytes)).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Finds a folder by rules that give these, to read, or with `w` before it to write.
    fn find(path: &Path, write: bool, data: &Path, rules: &[String]) -> Result<(PathBuf, bool), String> {
        let gives = |ask: &FilesAsk| {
            let covers = |rule: &&String| {
                let path = rule.strip_prefix('w').map_or((rule.as_str(), false), |path| (path, true));
                ask.path.starts_with(path.0) && (path.1 || !ask.write)
            };
            rules.iter().find(covers).cloned().ok_or_else(|| never("the test"))
        };
        let want = FileWant { path: path.to_owned(), write, why: String::new() };
        let found = Placed::find(&want, data, gives).map_err(|withheld| withheld.rule)?;
        Ok((found.ask.path, found.ask.write))
    }

    #[test]
    fn a_folder_is_given_as_what_it_is_named_and_as_what_it_is() {
        let (home, data) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let home = home.path().canonicalize().expect("there");
        let (real, link) = (home.join("real"), home.join("link"));
        std::fs::create_dir(&real).expect("made");
        symlink(&real, &link).expect("linked");
        std::fs::write(home.join("file"), "x").expect("written");
        let rule = |path: &Path| path.display().to_string();
        let find = |path: &Path, write, rules: &[String]| find(path, write, data.path(), rules);
        assert_eq!(find(&real, false, &[rule(&real)]), Ok((real.clone(), false)));
        assert_eq!(find(&link, false, &[rule(&home)]), Ok((real.clone(), false)));
        assert!(find(&link, false, &[rule(&link)]).is_err(), "what it leads to is not allowed");
        assert!(find(&link, false, &[rule(&real)]).is_err(), "what it is called is not allowed");
        assert_eq!(find(&real, true, &[rule(&real)]), Ok((real.clone(), false)), "to read, at least");
        assert_eq!(find(&real, true, &[format!("w{}", real.display())]), Ok((real.clone(), true)));
        assert_eq!(find(&real, false, &[format!("w{}", real.display())]), Ok((real, false)));
        for wrong in [home.join("file"), home.join("missing")] {
            assert!(find(&wrong, false, &[rule(&home)]).expect_err("no folder").contains("there is no folder"));
        }
    }

    #[test]
    fn no_rule_gives_the_hosts_own_files_or_the_machine() {
        let home = tempfile::tempdir().expect("a folder");
        let data = home.path().join("data");
        std::fs::create_dir_all(data.join("work")).expect("made");
        let all = ["w/".to_owned()];
        for path in [&data, &data.join("work"), home.path(), Path::new("/"), Path::new("/proc/self"), Path::new("/dev")]
        {
            let why = find(path, true, &data, &all).expect_err("given");
            assert!(why.starts_with("the host,"), "{path:?}: {why}");
        }
        symlink("/proc/self", home.path().join("me")).expect("linked");
        assert!(find(&home.path().join("me"), false, &data, &all).is_err());
        assert!(find(Path::new("/work/x"), false, &data, &all).expect_err("given").contains("own work folder"));
    }

    #[test]
    fn what_has_got_a_link_in_it_is_not_opened() {
        let home = tempfile::tempdir().expect("a folder");
        let home = home.path().canonicalize().expect("there");
        std::fs::create_dir(home.join("real")).expect("made");
        symlink("real", home.join("link")).expect("linked");
        assert!(open(&home.join("real")).is_ok() && open(&home.join("link")).is_err());
    }
}
