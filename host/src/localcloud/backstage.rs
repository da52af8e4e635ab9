//! What the chat page may see and change of the host, where host and cloud are one process: plain data, and a trait that
//! somebody else implements, as this room knows nothing of hosts.

use serde::Serialize;
use std::future::Future;
use std::pin::Pin;

/// One thing that the host lets an agent do without asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostGrant {
    /// Its name, for taking it back.
    pub id: String,
    /// Whose it is.
    pub agent: String,
    /// The component that it was given to, the first digits of its digest.
    pub digest: String,
    /// What it covers, in words.
    pub covers: String,
    /// How far the answer was to reach: `session`, `tool`, `domain`, `all`.
    pub scope: String,
    /// The session, where it is for one.
    pub session_id: Option<String>,
    /// Since when, in milliseconds since the epoch.
    pub created_at: u64,
    /// When it ends.
    pub until: Option<u64>,
    /// How often it may still be used.
    pub uses_left: Option<u32>,
}

/// The outcome of a call behind the scenes. An error is a sentence for the user.
pub type Behind<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// The host behind the scenes. What it tells is bounded and fit to be shown.
pub trait Backstage: Send + Sync {
    /// What agents may do without asking, oldest first.
    fn grants(&self) -> Behind<'_, Vec<HostGrant>>;

    /// Takes a grant back, also from what goes on by it. Whether it was there.
    fn revoke<'a>(&'a self, id: &'a str) -> Behind<'a, bool>;
}
