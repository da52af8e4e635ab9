//! From a file to an agent that is ready to run: read once, hashed, checked, compiled, linked.

use super::bindings::AgentPre;
use super::engine::Engine;
use super::guest::Guest;
use super::{CONTRACT, nesting, offer};
use crate::config::{Manifest, ManifestError};
use crate::grant::Wants;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasmtime::component::Component;

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
    pub(super) name: Arc<str>,
    pub(super) pre: AgentPre<Guest>,
}

/// Why a component is not an agent. Each message names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The manifest could not be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// There is nothing at a path.
    #[error("{path} is neither an agent's folder (with an agent.toml), nor a folder of such folders, nor a .wasm file")]
    NotAnAgent {
        /// What was named.
        path: PathBuf,
    },
    /// The component is not there.
    #[error("{file} is not there; {hint}")]
    Missing {
        /// The component.
        file: PathBuf,
        /// How it comes to be.
        hint: String,
    },
    /// The component could not be read.
    #[error("cannot read {file}: {reason}")]
    Read {
        /// The component.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file is something else.
    #[error("{file} is not a WebAssembly component: it is {what}; {hint}")]
    NotAComponent {
        /// The file.
        file: PathBuf,
        /// What it is.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The component does not compile.
    #[error("{file} is not a valid component: {reason}")]
    Invalid {
        /// The component.
        file: PathBuf,
        /// What the compiler says.
        reason: String,
    },
    /// The component exports no handler.
    #[error(
        "{file} does not export the function `handle` of `sophon:agent/handler@{CONTRACT}` ({reason}); \
         build it for the world `agent` of this contract (in Rust: `sophon_agent::export!`)"
    )]
    NoHandler {
        /// The component.
        file: PathBuf,
        /// What it has instead.
        reason: String,
    },
    /// The component was built for another version of the contract.
    #[error(
        "{file} was built for version {built} of the contract (`sophon:agent/{interface}`), and this host serves \
         {CONTRACT}; rebuild it against this version, or run the host that it was built for"
    )]
    OtherContract {
        /// The component.
        file: PathBuf,
        /// The interface that shows it.
        interface: String,
        /// Its version.
        built: String,
    },
    /// The component needs something that this host does not offer.
    #[error("{file} needs `{import}`, which this version of the host does not offer: {reason}")]
    NotOffered {
        /// The component.
        file: PathBuf,
        /// The import.
        import: String,
        /// What the linker says.
        reason: String,
    },
}

impl Engine {
    /// Makes an agent ready. Blocks: compiling takes from 50 ms to several seconds.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(&self, manifest: Manifest) -> Result<Agent, LoadError> {
        let (bytes, digest) = component(&manifest)?;
        self.ready(manifest, &bytes, digest)
    }

    /// The same for a component that was read.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn ready(&self, manifest: Manifest, bytes: &[u8], digest: Digest) -> Result<Agent, LoadError> {
        let file = manifest.component.clone();
        if let Some(contract) = manifest.contract.as_deref().filter(|contract| !compatible(contract)) {
            let (interface, built) = ("handler".to_owned(), crate::text::line(contract, 40));
            return Err(LoadError::OtherContract { file, interface, built });
        }
        let invalid = |error: wasmtime::Error| LoadError::Invalid { file: file.clone(), reason: brief(&error) };
        nesting::check(bytes).map_err(|reason| LoadError::Invalid { file: file.clone(), reason })?;
        let component = Component::new(&self.engine, bytes).map_err(invalid)?;
        self.check_interfaces(&file, &component)?;
        let linked = self.linker.instantiate_pre(&component).map_err(|error| LoadError::NotOffered {
            file: file.clone(),
            import: first_quoted(&brief(&error)).unwrap_or("an import").to_owned(),
            reason: brief(&error),
        })?;
        let no_handler = |error| LoadError::NoHandler { file: file.clone(), reason: brief(&error) };
        let pre = AgentPre::new(linked).map_err(no_handler)?;
        let (name, wants) = (manifest.name.as_str().into(), Arc::new(manifest.wants.clone()));
        let id = version_id(&manifest, digest);
        Ok(Agent { manifest, wants, digest, id, size: bytes.len() as u64, name, pre })
    }

    /// Looks at what the component imports and exports of the contract, for messages that name it.
    fn check_interfaces(&self, file: &Path, component: &Component) -> Result<(), LoadError> {
        let kind = component.component_type();
        let mut handler = false;
        for (name, _) in kind.exports(&self.engine) {
            let Some((interface, built)) = contract_name(name) else { continue };
            if interface == "handler" {
                check_version(file, interface, built)?;
                handler = true;
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
        Ok(())
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
    let size = std::fs::metadata(file).map_err(failed)?.len();
    if size > MAX_COMPONENT {
        let reason = format!("{size} bytes are more than the {MAX_COMPONENT} that a component may have");
        return Err(LoadError::Read { file: file.clone(), reason });
    }
    std::fs::read(file).map_err(failed)
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

#[cfg(test)]
mod tests;
