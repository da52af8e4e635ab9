//! What must be after all as it was before: files that are not the host's, and the processes that it has.

use anyhow::Result;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files with their sizes and when they were changed.
pub(crate) type Files = BTreeMap<PathBuf, (u64, SystemTime)>;

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Result<Files> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            if about.is_dir() {
                folders.push(entry.path());
            }
            all.insert(entry.path(), (about.len(), about.modified()?));
        }
    }
    Ok(all)
}

/// The processes that this one has started, and those have.
pub(crate) fn children(of: u32) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        // A process may end while it is looked at.
        let Ok(status) = fs::read_to_string(entry?.path().join("status")) else { continue };
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        if field("PPid:") == of.to_string() {
            found.push(field("Name:").to_owned());
            found.extend(children(field("Pid:").parse()?)?);
        }
    }
    Ok(found)
}
