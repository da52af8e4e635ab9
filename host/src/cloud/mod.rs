//! The link to Sophon Cloud: a socket down, requests up. Knows nothing of agents.

mod backoff;
mod dial;
mod drive;
mod error;
mod http;
mod link;
mod pairing;
mod rest;
mod retry;
mod sequence;

pub(crate) use self::http::client;
pub use error::{DialError, RestError};
pub use link::{Link, LinkEvent};
pub use pairing::{Pairing, PairingError};
pub use rest::Rest;
pub use retry::Effort;
