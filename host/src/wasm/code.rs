//! From a component to code: what was compiled before comes from the disk.

use super::cache::{Cache, Name, Sealed};
use super::compile::Failed;
use super::engine::Engine;
use super::load::{LoadError, brief};
use super::{Digest, cost, nesting};
use crate::time::now_ms;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use wasmtime::component::Component;

/// How an agent was made ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Until there was code, compiled or read.
    pub compile: Duration,
    /// Until it was linked.
    pub link: Duration,
    /// Whether its code was compiled before.
    pub cached: bool,
}

impl Engine {
    /// The code of a component, and whether it was compiled before. Blocks.
    ///
    /// # Errors
    /// Why it does not compile; `file` is where it was found.
    pub(super) fn component(
        &self,
        bytes: Arc<Vec<u8>>,
        digest: Digest,
        file: &Path,
    ) -> Result<(Component, bool), LoadError> {
        let name = Name::of(digest, &self.engine);
        let before = || self.cache.as_ref().and_then(|cache| self.compiled_before(cache, &name));
        if let Some(component) = before() {
            return Ok((component, true));
        }
        // Another agent may have the same component, and be compiled just now.
        let _turn = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(component) = before() {
            return Ok((component, true));
        }
        let component = self.compile(bytes, file)?;
        match self.cache.as_ref().map(|cache| (cache, component.serialize())) {
            Some((cache, Ok(code))) => cache.put(&name, &code, now_ms()),
            Some((_, Err(error))) => tracing::warn!("compiled code cannot be kept: {}", brief(&error)),
            None => {}
        }
        Ok((component, false))
    }

    fn compile(&self, bytes: Arc<Vec<u8>>, file: &Path) -> Result<Component, LoadError> {
        let invalid = |reason: String| LoadError::Invalid { file: file.to_owned(), reason };
        nesting::check(&bytes).and_then(|()| cost::check(&bytes)).map_err(invalid)?;
        self.compiled.fetch_add(1, Ordering::Relaxed);
        self.compiler.compile(&self.engine, bytes).map_err(|failed| match failed {
            Failed::Invalid(error) => invalid(brief(&error)),
            Failed::Otherwise(reason) => LoadError::NotCompiled { file: file.to_owned(), reason },
        })
    }

    fn compiled_before(&self, cache: &Cache, name: &Name) -> Option<Component> {
        let sealed = cache.get(name)?;
        match deserialize(&self.engine, &sealed) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!("compiled code is not used, and made anew: {}", brief(&error));
                cache.discard(name);
                None
            }
        }
    }
}

/// Makes code ready to run.
#[expect(unsafe_code, reason = "the one place where code comes from elsewhere than the compiler")]
fn deserialize(engine: &wasmtime::Engine, sealed: &Sealed) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must come from `Component::serialize`, unchanged. Only `Cache::put` seals, and what it seals comes
    // from there; only `Cache::get` makes a `Sealed`, once its seal is verified under a key that is this user's alone.
    // These very bytes are used, not the file, which may change. That they were made by this version of wasmtime, with
    // these settings and for this processor is part of the sealed name, and checked by wasmtime once more.
    unsafe { Component::deserialize(engine, sealed.code()) }
}
