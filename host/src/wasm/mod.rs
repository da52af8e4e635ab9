//! WebAssembly and nothing else: the engine, a component made ready, one turn of it in a fresh instance.
//!
//! What a guest does to its chat comes out as [`Act`]s through [`Chat`]; this room does not know what becomes of them.

mod agents;
mod allowance;
mod approval;
mod bindings;
mod breach;
mod bustle;
mod cache;
mod calls;
mod card;
mod clock;
mod code;
mod compile;
mod config;
mod control;
mod cost;
mod engine;
mod entropy;
mod exec;
mod exports;
mod files;
mod guest;
mod http;
mod inspect;
mod load;
mod log;
mod memory;
mod migrate;
mod nesting;
mod offer;
mod operation;
mod pace;
mod room;
mod run;
mod spending;
mod stamp;
mod standard_http;
mod state;
mod stderr;

pub use agents::{Agents, Problem};
pub(crate) use agents::{find as find_manifests, find_all};
pub use bindings::sophon::agent::types::{
    Attachment, Denial, Effort, Failure, Finish, Outcome, PastMessage, Role, Turn, Usage,
};
pub use breach::{Breach, Breaches};
pub use cache::Cache;
pub use code::Made;
pub use engine::{Engine, EngineError, Slots};
pub use inspect::Inspection;
pub use load::{Agent, Digest, LoadError};
pub(crate) use load::{component, version_id};
pub use run::Ended;
pub(crate) use stamp::Stamp;
pub(crate) use stderr::last_words;

/// The contract that this host serves, `sophon:agent` of this version and all compatible ones.
pub const CONTRACT: &str = "0.1.0";
