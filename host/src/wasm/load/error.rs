//! Why something is not an agent.

use crate::config::ManifestError;
use crate::wasm::CONTRACT;
use std::path::PathBuf;

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
    /// The component is valid for all we know, and cannot be compiled here.
    #[error("{file} cannot be compiled: {reason}")]
    NotCompiled {
        /// The component.
        file: PathBuf,
        /// Why.
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
    /// A function of the component has another type than in the contract.
    #[error(
        "{file} exports another `sophon:agent/{interface}` than this host calls: {reason}; \
         rebuild it against version {CONTRACT} of the contract"
    )]
    WrongType {
        /// The component.
        file: PathBuf,
        /// The interface.
        interface: String,
        /// The function with both types, in words.
        reason: String,
    },
    /// The component's migrator is none.
    #[error("{file} exports `sophon:agent/migrator`, but {reason}; build it for this contract")]
    NoMigrator {
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
