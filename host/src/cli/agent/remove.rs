//! `sophon-host agent remove`: an agent goes from the data folder, and with it what the records of all hosts there say.
//!
//! A host may have another agent of the same name, from elsewhere: then it never used this one, and keeps all that it
//! knows.

use super::super::exit::Failure;
use super::super::records;
use super::{Place, homes, running, say, told};
use crate::config::{AgentName, Config, Manifest};
use crate::daemon::{Done, Order};
use crate::store::Store;
use crate::time::now_ms;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Who it was, for the log.
const BY: &str = "the operator, who removed the agent";

/// What is removed, and what came of it.
struct Removal<'a> {
    config: &'a Config,
    name: AgentName,
    place: Place,
    keep_state: bool,
    /// Records that forgot it.
    forgot: usize,
    /// Where agents of the same name lie that go on.
    others: BTreeSet<PathBuf>,
    failed: Vec<String>,
}

/// Removes an agent from the data folder, and what the hosts' records say of it.
pub(super) async fn remove(config: &Config, agent: &str, keep_state: bool) -> Result<(), Failure> {
    let name = AgentName::try_from(agent.to_owned()).map_err(Failure::usage)?;
    let place = Place::of(config, &name);
    if !place.folder.join(Manifest::FILE).is_file() {
        return Err(Failure::other(not_installed(config, &name, &place.folder).await?));
    }
    let mut hosts = Vec::new();
    for home in homes(config) {
        let host = told(&home, &Order::Agents).await?;
        hosts.push((home, host));
    }
    let gone = place.folder.clone();
    let removed = crate::tasks::blocking(move || std::fs::remove_dir_all(gone)).await;
    removed.map_err(|error| Failure::other(format!("cannot remove {}: {error}", place.folder.display())))?;
    let (forgot, others, failed) = (0, BTreeSet::new(), Vec::new());
    let mut removal = Removal { config, name, place, keep_state, forgot, others, failed };
    for (home, host) in hosts {
        removal.leave_host(&home, host).await;
    }
    removal.told()
}

impl Removal<'_> {
    /// Takes it from the host of a data folder, which told this of its agents, if it runs.
    async fn leave_host(&mut self, home: &Path, host: Option<Done>) {
        let line = host.and_then(|host| host.agents.into_iter().find(|line| line.name == self.name.as_str()));
        match line {
            Some(line) if !self.place.is(&line.origin) => {
                self.others.insert(line.origin);
                return;
            }
            Some(_) => {
                let dismissed = told(home, &Order::Dismiss { agent: self.name.to_string() }).await;
                let why =
                    dismissed.map(|done| done.and_then(|done| done.error)).unwrap_or_else(|why| Some(why.to_string()));
                self.failed.extend(why);
            }
            None => {}
        }
        for file in records::files(home) {
            if let Err(why) = self.leave_records(&file).await {
                self.failed.push(why.to_string());
            }
        }
    }

    /// Takes it from the records of one installation, unless it is another's that they know.
    async fn leave_records(&mut self, file: &Path) -> Result<(), Failure> {
        let store = records::open_file(self.config, file).await?;
        if let Some(other) = self.another(&store).await? {
            self.others.insert(other);
            return Ok(());
        }
        store.dismiss(self.name.as_str()).await.map_err(Failure::other)?;
        store.forget_agent(self.name.as_str(), BY, self.keep_state, now_ms()).await.map_err(Failure::other)?;
        self.forgot += 1;
        Ok(())
    }

    /// Where the agent lies that answered by this name, if that is elsewhere and still there.
    async fn another(&self, store: &Store) -> Result<Option<PathBuf>, Failure> {
        let posts = store.posts().await.map_err(Failure::other)?;
        let post = posts.into_iter().find(|post| post.agent == self.name.as_str());
        let Some(origin) = post.map(|post| post.current.origin).filter(|origin| !self.place.is(origin)) else {
            return Ok(None);
        };
        let (name, place) = (self.name.clone(), origin.clone());
        let is_there = crate::tasks::blocking(move || match place.is_dir() {
            true => Manifest::read(&place).is_ok_and(|manifest| manifest.name == name),
            false => place.is_file(),
        });
        Ok(is_there.await.then_some(origin))
    }

    fn told(self) -> Result<(), Failure> {
        let name = &self.name;
        if !self.failed.is_empty() {
            let (folder, why) = (self.place.folder.display(), crate::text::terminal(&self.failed.join("; ")));
            return Err(Failure::other(format!(
                "{folder} is removed, but not all that hosts know of {name}: {why}; install it and remove it again"
            )));
        }
        match (self.forgot, self.keep_state) {
            (0, _) if !self.others.is_empty() => say(&format!("{} is removed", self.place.folder.display())),
            (_, true) => say(&format!("{name} is removed, its state is kept; what it may do is taken back")),
            (_, false) => say(&format!("{name} is removed, with its state; what it may do is taken back")),
        }
        for other in &self.others {
            say(&format!("{name} of {} goes on, with what it keeps and may do", other.display()));
        }
        Ok(())
    }
}

async fn not_installed(config: &Config, name: &AgentName, folder: &Path) -> Result<String, Failure> {
    let done = running(config, &Order::Agents).await?;
    let line = done.and_then(|done| done.agents.into_iter().find(|line| line.name == name.as_str()));
    let origin = line.map(|line| line.origin);
    let elsewhere = |place: PathBuf| format!("; it lies in {}, which is not the host's to remove", place.display());
    Ok(format!("`{name}` is not installed in {}{}", folder.display(), origin.map_or_else(String::new, elsewhere)))
}
