//! What agents may be asked leave for, and who has given it: pure policy, without a clock, files or network.

pub mod address;
mod ask;
mod content;
mod files;
mod glob;
mod pattern;
mod question;
mod reach;
mod rule;
pub mod shell;
mod standing;
mod want;
pub mod web;
mod words;

pub use ask::{Ask, Capability, ExecAsk, Fingerprint, HttpAsk, OwnAsk, SecretName};
pub use content::Content;
pub use files::{FilesAsk, FilesPattern, Withheld, give};
pub use glob::Glob;
pub(crate) use pattern::own;
pub use pattern::{Args, ExecPattern, HostPattern, HttpPattern, Pattern, PortPattern, Program, UrlPattern};
pub use question::{Answer, Question};
pub use reach::reach_in_words;
pub use rule::{Effect, Rule, Verdict, decide};
pub use standing::{Asker, Cover, Grant, Regrant, Scope, cover_in_words, widen};
pub use want::{FileWant, Unwanted, Want, Wants, is_tied, policy_lines};
pub use web::{Host, Scheme};
pub use words::Severity;
