//! What a turn is about to send, written down first.

use super::outgoing::Outgoing;
use crate::protocol::UserMessage;
use crate::store::Store;
use crate::time::now_ms;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};

/// Notes requests before they are sent.
pub(super) trait Journal: Send + Sync {
    /// Notes one; it may be sent when this is over.
    fn note<'a>(&'a self, request: &'a Outgoing) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

/// The journal of one turn, in the store.
pub(super) struct Notes {
    store: Store,
    message: UserMessage,
    next: AtomicU32,
}

impl Notes {
    /// Goes on behind `noted` requests.
    pub(super) fn new(store: Store, message: UserMessage, noted: u32) -> Self {
        Self { store, message, next: AtomicU32::new(noted) }
    }
}

impl Journal for Notes {
    fn note<'a>(&'a self, request: &'a Outgoing) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = self.store.note(&self.message, number, request, now_ms()).await {
                // The answer still goes out: only a crash before its end would be told in other words than it was.
                tracing::error!("cannot note what a turn sends: {error}");
            }
        })
    }
}
