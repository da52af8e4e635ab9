//! Folders of files: an agent's own work folders, and those that a rule of the operator gives.

mod clean;
mod give;
mod meter;
mod open;
mod rights;
mod work;

use crate::config::AgentName;
pub use clean::Forgotten;
pub use give::{Given, Placed, left_behind};
pub use meter::{Meter, Room};
pub use open::Open;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
pub(super) use work::{WorkError, WorkFolder, below};

/// The folders of a host's agents. One for the process.
#[derive(Debug)]
pub struct Folders {
    data_dir: PathBuf,
    /// What each agent's work folders hold.
    meters: Mutex<BTreeMap<AgentName, Arc<Meter>>>,
    /// How many turns use each work folder.
    used: Mutex<HashMap<PathBuf, usize>>,
    /// The files that guests have open.
    open: Arc<Open>,
}

/// Keeps a work folder from being removed.
#[derive(Debug)]
pub(super) struct InUse {
    folders: Arc<Folders>,
    folder: PathBuf,
}

impl Folders {
    /// Those of a host that keeps its files in `data_dir`.
    pub fn new(data_dir: &Path) -> Self {
        let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
        let (meters, used) = (Mutex::default(), Mutex::default());
        Self { data_dir, meters, used, open: Arc::new(Open::of_this_process()) }
    }

    /// What holds how much an agent may write to its work folders.
    fn meter(&self, agent: &AgentName) -> Arc<Meter> {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Meter::of_folder(work::of_agent(&self.data_dir, agent)));
        meters.entry(agent.clone()).or_insert_with(new).clone()
    }

    /// Makes a session's work folder.
    #[cfg(test)]
    pub(crate) fn make(&self, agent: &AgentName, session: &str) -> std::io::Result<PathBuf> {
        WorkFolder::new(&self.data_dir, agent, session).make()
    }

    /// The files that all guests have open.
    pub(super) fn open(&self) -> &Arc<Open> {
        &self.open
    }

    /// The work folder of a turn is not removed until the turn is over.
    pub(super) fn hold(self: &Arc<Self>, agent: &AgentName, session: &str) -> InUse {
        let folder = WorkFolder::new(&self.data_dir, agent, session).path().to_owned();
        *self.used.lock().unwrap_or_else(PoisonError::into_inner).entry(folder.clone()).or_default() += 1;
        InUse { folders: self.clone(), folder }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut used = self.folders.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = used.get_mut(&self.folder) {
            *turns -= 1;
            if *turns == 0 {
                used.remove(&self.folder);
            }
        }
    }
}
