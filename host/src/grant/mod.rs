//! What agents may be asked leave for, and who has given it: pure policy, without a clock, files or network.

pub mod address;
mod ask;
mod glob;
pub mod shell;
pub mod web;
mod words;

pub use ask::{Ask, Capability, ExecAsk, Fingerprint, HttpAsk, OwnAsk, SecretName};
pub use glob::Glob;
pub use web::{Host, Scheme};
pub use words::Severity;
