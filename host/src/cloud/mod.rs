//! The link to Sophon Cloud: a socket down, requests up. Knows nothing of agents.

mod attempt;
mod backoff;
mod date;
mod dial;
mod drive;
mod error;
mod http;
mod limit;
mod link;
mod meter;
mod pairing;
mod probe;
mod rest;
mod retry;
mod sequence;
mod trace;

pub(crate) use self::http::client;
pub use error::{DialError, RestError};
pub use limit::Permit;
pub use link::{Link, LinkEvent};
pub use meter::{Again, Cause, Direction, Meter, Way};
pub use pairing::{Pairing, PairingError};
pub use probe::{Probe, Unreachable, reach, try_token};
pub use rest::{Post, Reached, Rest};
pub use retry::Effort;
pub use trace::{Step, Trace, Traces};
