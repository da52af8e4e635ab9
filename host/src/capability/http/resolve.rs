//! From a name to addresses. The host's own work: what an agent reaches is what was checked.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The most lookups of the system that run at once; one that nobody waits for any more still counts.
const MAX_LOOKUPS: usize = 64;
/// The most addresses of a name that are looked at.
const MAX_ADDRESSES: usize = 32;

/// The outcome of [`Resolve::resolve`].
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Whoever knows the addresses of names.
pub trait Resolve: Send + Sync {
    /// The addresses of a name, with the port.
    fn resolve<'a>(&'a self, name: &'a str, port: u16) -> Addresses<'a>;
}

/// The operating system's resolver.
pub struct System(Arc<Semaphore>);

impl Default for System {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_LOOKUPS)))
    }
}

impl Resolve for System {
    fn resolve<'a>(&'a self, name: &'a str, port: u16) -> Addresses<'a> {
        Box::pin(async move {
            let permit = self.0.clone().acquire_owned().await.map_err(io::Error::other)?;
            let name = name.to_owned();
            // A lookup cannot be broken off: it keeps its permit until it ends by itself.
            crate::tasks::blocking(move || {
                let found = (name.as_str(), port).to_socket_addrs().map(|all| all.take(MAX_ADDRESSES).collect());
                drop(permit);
                found
            })
            .await
        })
    }
}
