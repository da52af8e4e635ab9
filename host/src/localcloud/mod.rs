//! The embedded Sophon Cloud: a strict server of the Sophon Agent Protocol on 127.0.0.1, with a chat page.
//!
//! People develop against it and the tests drive it. A request passes `exchange` (what every request and answer
//! must have), a `gate` (who calls, and is there a request left in the bucket) and a handler in `route`, which
//! validates, calls one verb of `state` and answers. `state` is the one truth, behind one lock; `persist` is its
//! file. It can also misbehave on demand: `fault` holds the rules, `admin` is the port where they are made.
//! `backstage` is what the page's settings see of a host in the same process. Buckets, ring, validation and idempotency are pure: they read no clock and wait for nothing.

mod server;

mod door;
mod exchange;
mod gate;
mod route;
mod run;

mod body;
mod cloud;
mod refusal;
mod validate;

mod persist;
mod state;

mod admin;
mod backstage;
mod fault;

mod bucket;
mod clock;
mod secret;

#[cfg(test)]
mod tests;

pub use backstage::{
    Backstage, Behind, HostAgent, HostAgents, HostCandidate, HostGrant, HostProblem, HostTrial, HostVersion,
};
pub use bucket::Buckets;
pub use fault::{Fault, Faults, Gone, Often, Refused, RequestFault, Rule, SocketFault, Standing, UpdateFault};
pub use persist::FileError;
pub use server::{LocalCloud, Options, StartError};
