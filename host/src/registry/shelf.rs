//! Components that are kept for a restart, a way back or a pinned session: `versions/DIGEST.wasm` of the data folder.

use crate::wasm::Digest;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

/// Where components are kept, each under its digest.
#[derive(Debug, Clone)]
pub(super) struct Shelf(PathBuf);

impl Shelf {
    /// In a data folder.
    pub(super) fn new(data_dir: &Path) -> Self {
        Self(data_dir.join("versions"))
    }

    /// Where a component is, or would be.
    pub(super) fn place(&self, digest: &str) -> PathBuf {
        self.0.join(format!("{digest}.wasm"))
    }

    /// Keeps a component, whole or not at all. Blocks.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(&self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        let place = self.place(&digest.to_string());
        if place.exists() {
            return Ok(());
        }
        crate::private::replace(&place, bytes)
    }

    /// Removes all that is not needed, what was half written too. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file in it not be removed.
    pub(super) fn tidy(&self, needed: &HashSet<String>) -> io::Result<()> {
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name();
            let digest = name.to_str().and_then(|name| name.strip_suffix(".wasm"));
            if !digest.is_some_and(|digest| needed.contains(digest)) {
                std::fs::remove_file(self.0.join(name))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_stays() {
        let data = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::new(data.path());
        shelf.tidy(&HashSet::new()).expect("nothing is there");
        let digests = [b"one", b"two"].map(|bytes| {
            shelf.keep(Digest::of(bytes), bytes).expect("kept");
            shelf.keep(Digest::of(bytes), b"other").expect("kept before");
            Digest::of(bytes).to_string()
        });
        assert_eq!(std::fs::read(shelf.place(&digests[0])).expect("read"), b"one");
        std::fs::write(data.path().join("versions/x.new"), "half").expect("written");
        shelf.tidy(&HashSet::from([digests[1].clone()])).expect("tidied");
        let left: Vec<_> = std::fs::read_dir(data.path().join("versions")).expect("read").collect();
        assert_eq!((left.len(), shelf.place(&digests[1]).exists()), (1, true));
    }
}
