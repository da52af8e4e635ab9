//! Requests of agents: read once, let through the door, resolved and checked by the host, sent over a connection of
//! their own.
//!
//! One connection serves one request and is closed with it, so no answer can be taken for another's. Nothing is
//! decompressed here: a guest that asks for compressed bytes gets them as they are, and a bomb stays as small as it is.
//! Redirects are not followed; each hop is a request of its own, with its own leave.

mod answer;
mod connect;
mod draft;
mod exchange;
mod fault;
mod proxy;
mod quota;
mod request;
mod resolve;
mod standing;
mod tls;

pub use answer::Response;
pub use draft::Draft;
pub use exchange::{Connector, Web};
pub use fault::{Fault, Kind};
pub use request::{Request, is_carriage};
pub use resolve::{Addresses, Resolve, System};
#[cfg(test)]
pub(crate) mod tests;
