//! Compiled components on the disk, so that a start compiles nothing that was compiled before.
//!
//! What lies here is run as it is, outside of any sandbox. So nothing is used that this user's hosts did not write: each
//! file carries a seal under a key that lies beside it and never leaves the folder, over its name and content, and what is
//! checked are the bytes that are then used. What is missing, damaged, foreign, or of another version or processor is
//! compiled anew: nothing that happens here can fail a start.

mod folder;

use crate::config::CacheConfig;
use folder::{Entry, Folder};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::{Digest as _, Sha256};
use std::hash::{Hash, Hasher};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// The most components that are kept.
const MAX_FILES: usize = 1_000;
/// What is half written for longer was left by a process that died.
const LEFT: u64 = 3_600_000;
const KEY: &str = "key";
const KEY_LEN: usize = 32;
const SEAL_LEN: usize = 32;
const CODE: &str = ".code";
/// Changes when the form of these files does.
const FORM: &str = "sophon-host compiled 1";

/// Compiled components of one user, in a folder of their own.
pub struct Cache {
    folder: PathBuf,
    most: u64,
    /// That it cannot be used is told once, until it can.
    told: AtomicBool,
}

/// What a component's code is found by: the component, and all that its code depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

/// Code that one of this user's hosts compiled and sealed.
pub(super) struct Sealed(Vec<u8>);

impl Sealed {
    pub(super) fn code(&self) -> &[u8] {
        &self.0[SEAL_LEN..]
    }
}

impl Name {
    /// Of a component for an engine. The engine's hash covers wasmtime's version, its settings, and the features of the
    /// processor that it compiles for.
    pub(super) fn of(digest: super::Digest, engine: &wasmtime::Engine) -> Self {
        let mut bytes = Bytes(Sha256::new_with_prefix(FORM));
        bytes.0.update(digest.to_string());
        engine.precompile_compatibility_hash().hash(&mut bytes);
        Self(crate::text::hex(&bytes.0.finalize()) + CODE)
    }
}

/// Takes what is hashed as the bytes that it is.
struct Bytes(Sha256);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        u64::from_le_bytes(digest[..8].try_into().expect("32 bytes hold 8"))
    }
}

impl Cache {
    /// In the configured folder, which is made when there is something to keep.
    pub fn new(config: &CacheConfig) -> Self {
        Self { folder: config.folder.clone(), most: config.most, told: AtomicBool::new(false) }
    }

    /// The code of this name, if it is there and whole. Blocks.
    pub(super) fn get(&self, name: &Name) -> Option<Sealed> {
        // Off, or nothing kept yet: a folder is not made only to be found empty.
        if self.most == 0 || self.folder.symlink_metadata().is_err() {
            return None;
        }
        let folder = self.told(Folder::open(&self.folder))?;
        let bytes = match folder.read(&name.0, self.most) {
            Ok(bytes) => bytes?,
            Err(error) => return self.distrust(&folder, name, &error.to_string()),
        };
        let key = self.told(key(&folder))?;
        match bytes.split_at_checked(SEAL_LEN) {
            Some((seal, code)) if sealer(&key, name, code).verify_slice(seal).is_ok() => {
                folder.touch(&name.0);
                Some(Sealed(bytes))
            }
            _ => self.distrust(&folder, name, "it is damaged, or was not written by this user's hosts"),
        }
    }

    /// Keeps code, if there is room. Blocks.
    pub(super) fn put(&self, name: &Name, code: &[u8], now_ms: u64) {
        let size = (code.len() + SEAL_LEN) as u64;
        if size > self.most {
            return;
        }
        let kept = || -> io::Result<()> {
            let folder = Folder::open(&self.folder)?;
            for name in surplus(folder.list()?, size, self.most, now_ms) {
                folder.remove(&name);
            }
            let seal = sealer(&key(&folder)?, name, code).finalize().into_bytes();
            folder.write(&name.0, &[&seal, code])
        };
        if self.told(kept()).is_some() {
            // There is room again: should it go once more, that is news.
            self.told.store(false, Ordering::Relaxed);
        }
    }

    /// The engine does not take code of this name, though it is whole.
    pub(super) fn discard(&self, name: &Name) {
        if let Some(folder) = self.told(Folder::open(&self.folder)) {
            folder.remove(&name.0);
        }
    }

    fn distrust(&self, folder: &Folder, name: &Name, why: &str) -> Option<Sealed> {
        tracing::warn!("compiled code in {} is not used, and made anew: {why}", self.folder.join(&name.0).display());
        folder.remove(&name.0);
        None
    }

    fn told<T>(&self, result: io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    let folder = self.folder.display();
                    tracing::warn!("compiled code is not kept in {folder}, and agents are compiled anew: {error}");
                }
                None
            }
        }
    }
}

fn sealer(key: &[u8; KEY_LEN], name: &Name, code: &[u8]) -> Hmac<Sha256> {
    let mut sealer = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    // All names are of one length: what of it is name and what code is never in doubt.
    sealer.update(name.0.as_bytes());
    sealer.update(code);
    sealer
}

/// The key of a folder; makes one where there is none that can be used. Two processes that do so at once may each make
/// what the other does not take: that is compiled anew.
fn key(folder: &Folder) -> io::Result<[u8; KEY_LEN]> {
    let read =
        |folder: &Folder| -> Option<[u8; KEY_LEN]> { folder.read(KEY, KEY_LEN as u64).ok().flatten()?.try_into().ok() };
    if let Some(key) = read(folder) {
        return Ok(key);
    }
    folder.remove(KEY);
    let mut key = [0; KEY_LEN];
    SysRng.try_fill_bytes(&mut key).map_err(io::Error::other)?;
    match folder.make(KEY, &[&key], true) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(folder).ok_or(error),
        Err(error) => {
            // Half of a key is none.
            folder.remove(KEY);
            Err(error)
        }
    }
}

/// What must go so that a file of `size` bytes fits: what was left half written, then what was used least recently.
fn surplus(entries: Vec<Entry>, size: u64, most: u64, now_ms: u64) -> Vec<String> {
    let (fresh, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(Entry::is_fresh);
    let left = fresh.into_iter().filter(|entry| entry.used.saturating_add(LEFT) < now_ms).map(|entry| entry.name);
    let mut code: Vec<_> = others.into_iter().filter(|entry| entry.name.ends_with(CODE)).collect();
    code.sort_by_key(|entry| std::cmp::Reverse(entry.used));
    let mut total = size;
    let fits = |(place, entry): (usize, &Entry)| {
        total = total.saturating_add(entry.size);
        total <= most && place + 1 < MAX_FILES
    };
    let kept = code.iter().enumerate().map(fits).take_while(|fits| *fits).count();
    left.chain(code.drain(kept..).map(|entry| entry.name)).collect()
}

#[cfg(test)]
mod tests;
