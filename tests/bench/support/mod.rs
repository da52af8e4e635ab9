//! What a benchmark needs: a bare cloud, a host in its own process, a driver that plays the user, and figures.

pub(crate) mod bucket;
pub(crate) mod cloud;
pub(crate) mod crowd;
pub(crate) mod driver;
pub(crate) mod figure;
pub(crate) mod guest;
pub(crate) mod host;
mod http;
pub(crate) mod made;
pub(crate) mod proc;
pub(crate) mod streams;
mod wire;

/// With nothing heard from the host for this long, a benchmark fails. The messages name it.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(20);
