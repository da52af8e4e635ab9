//! What agents may be asked leave for, and who has given it: pure policy, without a clock, files or network.

pub mod address;
mod ask;
mod glob;
mod pattern;
pub mod shell;
pub mod web;
mod words;

pub use ask::{Ask, Capability, ExecAsk, Fingerprint, HttpAsk, OwnAsk, SecretName};
pub use glob::Glob;
pub use pattern::{Args, ExecPattern, HostPattern, HttpPattern, Pattern, PortPattern, Program, UrlPattern};
pub use web::{Host, Scheme};
pub use words::Severity;
