//! From a file to an agent that is ready to run: read once, hashed, checked, compiled, linked.

use super::bindings::AgentPre;
use super::code::Made;
use super::engine::Engine;
use super::guest::Guest;
use super::pace::Pace;
use super::room::Share;
use super::{CONTRACT, exports, migrate, offer};
use crate::config::{Lowered, Manifest, Totals};
use crate::grant::Wants;
pub use error::LoadError;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use wasmtime::component::{Component, ComponentExportIndex};

/// The largest component that is read, in bytes.
const MAX_COMPONENT: u64 = 128 << 20;
const PACKAGE: &str = "sophon:agent/";

/// SHA-256 of a component.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An agent, ready: each turn is one instantiation away.
pub struct Agent {
    /// What it says of itself.
    pub manifest: Manifest,
    /// What its component is.
    pub digest: Digest,
    /// Tells this version from all others: component and manifest.
    pub id: Digest,
    /// The component's size in bytes.
    pub size: u64,
    /// What its manifest asks for.
    pub wants: Arc<Wants>,
    /// Which limits and totals of its manifest the operator does not give; of limits the manifest has what it gets.
    pub lowered: Vec<Lowered>,
    /// How it was made ready.
    pub made: Made,
    pub(super) name: Arc<str>,
    pub(super) pre: AgentPre<Guest>,
    pub(super) pace: Arc<Pace>,
    pub(super) share: Share,
    /// What carries its state over, if it can.
    pub(super) migrate: Option<ComponentExportIndex>,
}

impl Agent {
    /// What all its turns have together: what the operator gives, or what its manifest is content with.
    pub fn totals(&self) -> Totals {
        self.share.totals
    }
}

impl Engine {
    /// Makes an agent ready. Blocks: compiling takes from 50 ms to several seconds, where it was not compiled before.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(&self, manifest: Manifest) -> Result<Agent, LoadError> {
        let (bytes, digest) = component(&manifest)?;
        self.ready(manifest, Arc::new(bytes), digest)
    }

    /// The same for a component that was read.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn ready(&self, mut manifest: Manifest, bytes: Arc<Vec<u8>>, digest: Digest) -> Result<Agent, LoadError> {
        let file = manifest.component.clone();
        if let Some(contract) = manifest.contract.as_deref().filter(|contract| !compatible(contract)) {
            let (interface, built) = ("handler".to_owned(), crate::text::line(contract, 40));
            return Err(LoadError::OtherContract { file, interface, built });
        }
        let begun = Instant::now();
        let size = bytes.len() as u64;
        let (component, cached) = self.component(bytes, digest, &file)?;
        let compile = begun.elapsed();
        let migrator = self.check_interfaces(&file, &component)?;
        let migrate = migrate::find(&component, migrator.as_deref())
            .map_err(|reason| LoadError::NoMigrator { file: file.clone(), reason })?;
        let linked = self.linker.instantiate_pre(&component).map_err(|error| LoadError::NotOffered {
            file: file.clone(),
            import: first_quoted(&brief(&error)).unwrap_or("an import").to_owned(),
            reason: brief(&error),
        })?;
        let no_handler = |error| LoadError::NoHandler { file: file.clone(), reason: brief(&error) };
        let pre = AgentPre::new(linked).map_err(no_handler)?;
        let (name, wants) = (manifest.name.as_str().into(), Arc::new(manifest.wants.clone()));
        let id = version_id(&manifest, digest);
        let mut lowered;
        (manifest.limits, lowered) = manifest.limits.within(&self.most);
        let (share, less) = self.share(&manifest.name, manifest.total);
        lowered.extend(less);
        lowered.iter().for_each(|lowered| tracing::warn!(agent = %manifest.name, "{lowered}"));
        let pace = Arc::new(Pace::new(Instant::now()));
        let made = Made { compile, link: begun.elapsed().saturating_sub(compile), cached };
        Ok(Agent { manifest, wants, lowered, digest, id, made, pace, share, migrate, size, name, pre })
    }

    /// Looks at what the component imports and exports of the contract, for messages that name it. Gives the name of its
    /// migrator, if it has one.
    fn check_interfaces(&self, file: &Path, component: &Component) -> Result<Option<String>, LoadError> {
        let kind = component.component_type();
        let (mut handler, mut migrator) = (false, None);
        for (name, item) in kind.exports(&self.engine) {
            let Some((interface, built)) = contract_name(name) else { continue };
            if ["handler", migrate::INTERFACE].contains(&interface) {
                check_version(file, interface, built)?;
            }
            handler |= interface == "handler";
            migrator = migrator.or((interface == migrate::INTERFACE).then(|| name.to_owned()));
            if let Some(reason) = exports::problem(&self.engine, &kind, interface, &item.ty) {
                let (file, interface) = (file.to_owned(), interface.to_owned());
                return Err(LoadError::WrongType { file, interface, reason });
            }
        }
        if !handler {
            let reason = "it exports no such interface".to_owned();
            return Err(LoadError::NoHandler { file: file.to_owned(), reason });
        }
        for (name, _) in kind.imports(&self.engine) {
            let Some((interface, built)) = contract_name(name) else { continue };
            check_version(file, interface, built)?;
            if !offer::OFFERED.contains(&interface) {
                return Err(LoadError::NotOffered {
                    file: file.to_owned(),
                    import: name.to_owned(),
                    reason: format!("of `sophon:agent` it offers {}", offer::OFFERED.join(", ")),
                });
            }
        }
        Ok(migrator)
    }
}

/// Tells one version of an agent from all others.
pub(crate) fn version_id(manifest: &Manifest, digest: Digest) -> Digest {
    Digest::of(&[&digest.0, manifest.source.as_bytes()].concat())
}

/// The component of a manifest with its digest, without making it ready.
///
/// # Errors
/// When it cannot be read, or is no component.
pub(crate) fn component(manifest: &Manifest) -> Result<(Vec<u8>, Digest), LoadError> {
    let bytes = read(manifest)?;
    check_header(&manifest.component, &bytes)?;
    let digest = Digest::of(&bytes);
    Ok((bytes, digest))
}

fn check_version(file: &Path, interface: &str, built: &str) -> Result<(), LoadError> {
    if compatible(built) {
        return Ok(());
    }
    Err(LoadError::OtherContract { file: file.to_owned(), interface: interface.to_owned(), built: built.to_owned() })
}

/// `sophon:agent/reply@0.1.0` as (`reply`, `0.1.0`).
fn contract_name(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}

/// Before 1.0 the second number is the one that breaks.
fn compatible(version: &str) -> bool {
    version.split('.').take(2).eq(CONTRACT.split('.').take(2))
}

fn read(manifest: &Manifest) -> Result<Vec<u8>, LoadError> {
    let file = &manifest.component;
    let failed = |error: std::io::Error| match (error.kind(), &manifest.build) {
        (std::io::ErrorKind::NotFound, Some(build)) => {
            let hint = format!("build it with `{}`, or let `sophon-host dev` do it", build.command);
            LoadError::Missing { file: file.clone(), hint }
        }
        (std::io::ErrorKind::NotFound, None) => {
            LoadError::Missing { file: file.clone(), hint: "`component` of its agent.toml names it".to_owned() }
        }
        _ => LoadError::Read { file: file.clone(), reason: error.to_string() },
    };
    crate::plain::read(file, MAX_COMPONENT).map_err(failed)
}

fn check_header(file: &Path, bytes: &[u8]) -> Result<(), LoadError> {
    const BUILD: &str = "build it for `wasm32-wasip2`, or wrap it with `wasm-tools component new`";
    const NAME: &str = "`component` of agent.toml must name the built .wasm file";
    let (what, hint) = match bytes {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => ("a core module", BUILD),
        [] => ("empty", NAME),
        _ => ("something else", NAME),
    };
    Err(LoadError::NotAComponent { file: file.to_owned(), what, hint })
}

/// An error of wasmtime in one bounded line, its causes joined.
pub(super) fn brief(error: &wasmtime::Error) -> String {
    crate::text::line(&format!("{error:#}").replace('\n', " "), 600)
}

fn first_quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

mod error;
#[cfg(test)]
mod tests;
