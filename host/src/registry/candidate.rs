//! A version that may take over: read once, made ready, tried.

use super::prove::prove;
use crate::config::Manifest;
use crate::store::Version;
use crate::wasm::{Agent, Digest, Engine, LoadError, Stamp, version_id};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A version as it was read.
pub(super) struct Candidate {
    pub(super) manifest: Manifest,
    pub(super) id: Digest,
    pub(super) digest: Digest,
    pub(super) bytes: Arc<Vec<u8>>,
    /// How long reading took.
    pub(super) read: Duration,
}

/// A version that may take over.
pub(super) struct Proven {
    pub(super) agent: Arc<Agent>,
    /// How long it took to answer its own messages.
    pub(super) proved: Duration,
}

/// Why a version does not take over.
pub(super) enum Unfit {
    /// It is being written.
    Moving,
    /// This is wrong with it.
    Bad {
        /// Its version, as far as it could be read.
        label: Option<(String, Digest)>,
        why: String,
        /// It may be half written still.
        unsure: bool,
    },
}

/// Reads what lies in a place, which must look like `stamp` before and after. None if it did not. Blocks.
pub(super) fn read(origin: &Path, stamp: Stamp) -> Result<Option<Candidate>, String> {
    let moved = |component: Option<&Path>| Stamp::of(origin, component) != stamp;
    match read_now(origin) {
        Ok(candidate) if moved(Some(&candidate.manifest.component)) => Ok(None),
        Ok(candidate) => Ok(Some(candidate)),
        Err((component, _)) if moved(component.as_deref()) => Ok(None),
        Err((_, why)) => Err(why),
    }
}

/// Reads what lies in a place. If it cannot be read, the component that was meant, as far as it is known, and why.
/// Blocks.
pub(super) fn read_now(origin: &Path) -> Result<Candidate, (Option<PathBuf>, String)> {
    let begun = Instant::now();
    let manifest = match origin.is_dir() {
        true => Manifest::read(origin),
        false => Manifest::bare(origin),
    };
    let manifest = manifest.map_err(|error| (None, error.to_string()))?;
    let read = crate::wasm::component(&manifest);
    let (bytes, digest) = read.map_err(|error| (Some(manifest.component.clone()), error.to_string()))?;
    let (id, bytes) = (version_id(&manifest, digest), Arc::new(bytes));
    Ok(Candidate { manifest, id, digest, bytes, read: begun.elapsed() })
}

impl Candidate {
    /// Compiles and links it, and lets it answer its own messages.
    pub(super) async fn make(&self, engine: &Arc<Engine>) -> Result<Proven, Unfit> {
        let (engine_too, manifest) = (engine.clone(), self.manifest.clone());
        let (bytes, digest) = (self.bytes.clone(), self.digest);
        let made = crate::tasks::blocking(move || engine_too.ready(manifest, bytes, digest)).await;
        let agent = made.map_err(|error| match error {
            // What was cut off looks like this, too.
            LoadError::Invalid { .. } => self.bad(error.to_string(), true),
            error => self.unfit(error.to_string()),
        })?;
        let begun = Instant::now();
        prove(engine, &agent).await.map_err(|why| self.unfit(why))?;
        Ok(Proven { agent: Arc::new(agent), proved: begun.elapsed() })
    }

    /// What is wrong with it.
    pub(super) fn unfit(&self, why: String) -> Unfit {
        self.bad(why, false)
    }

    fn bad(&self, why: String, unsure: bool) -> Unfit {
        Unfit::Bad { label: Some((self.manifest.version.clone(), self.id)), why, unsure }
    }

    /// What is kept of it.
    pub(super) fn version(&self) -> Version {
        kept(&self.manifest, self.id, self.digest)
    }
}

/// What is kept of a version.
pub(super) fn kept(manifest: &Manifest, id: Digest, digest: Digest) -> Version {
    Version {
        id: id.to_string(),
        label: manifest.version.clone(),
        digest: digest.to_string(),
        manifest: manifest.source.clone(),
        origin: manifest.origin.clone(),
    }
}
