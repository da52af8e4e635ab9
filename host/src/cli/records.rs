//! The host's records, beside a host that runs or by themselves.

use super::dev;
use super::exit::Failure;
use crate::config::Config;
use crate::store::{Durability, Store};
use std::path::{Path, PathBuf};

/// Opens the records of the host of `run`, else those of `dev`; gives their file, too.
pub(super) async fn open(config: &Config) -> Result<(Store, PathBuf), Failure> {
    let file = find(config)?;
    Ok((open_file(config, &file).await?, file))
}

/// Opens these records.
pub(super) async fn open_file(config: &Config, file: &Path) -> Result<Store, Failure> {
    let durability = if config.fsync { Durability::Machine } else { Durability::Process };
    let file = file.to_owned();
    crate::tasks::blocking(move || Store::open(&file, durability)).await.map_err(Failure::other)
}

fn find(config: &Config) -> Result<PathBuf, Failure> {
    let token = config.cloud.token.clone().or_else(|| config.cloud.token_file.read().ok());
    let own = token.map(|token| config.data_dir.join(format!("{}.db", token.installation())));
    let folders = [config.data_dir.clone(), dev::host_dir(&config.data_dir)];
    let found = own.filter(|file| file.exists()).or_else(|| folders.iter().find_map(|folder| newest(folder)));
    found.ok_or_else(|| {
        let shown = config.data_dir.display();
        Failure::other(format!("no host has kept records in {shown} yet; start one, or name another with `--data-dir`"))
    })
}

/// The installation that was used last.
fn newest(folder: &Path) -> Option<PathBuf> {
    let stores = files(folder).into_iter();
    stores.max_by_key(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok())
}

/// The records in a data folder: one file an installation.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    files.filter(|path| path.extension().is_some_and(|extension| extension == "db")).collect()
}
