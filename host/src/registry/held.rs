//! Who works with what an agent keeps in a session: one turn, or who carries that over while there is none.

use crate::store::Drawer;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The sessions in which somebody works: as many as there are turns, and one more.
#[derive(Default)]
pub(super) struct Held {
    drawers: Mutex<HashSet<Drawer>>,
    freed: Notify,
}

/// For as long as this is there, nobody else brings what an agent keeps in a session into another shape.
pub struct Hold {
    held: Arc<Held>,
    drawer: Drawer,
}

impl Held {
    /// Waits until nobody else works there. Turns of a session run one after the other, so that is never a turn for long.
    pub(super) async fn hold(self: &Arc<Self>, drawer: Drawer) -> Hold {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // Before the look, or what is freed in between would be missed.
            freed.as_mut().enable();
            if let Some(hold) = self.try_hold(&drawer) {
                return hold;
            }
            freed.await;
        }
    }

    /// The same, if nobody works there now.
    pub(super) fn try_hold(self: &Arc<Self>, drawer: &Drawer) -> Option<Hold> {
        let is_free = self.drawers().insert(drawer.clone());
        is_free.then(|| Hold { held: self.clone(), drawer: drawer.clone() })
    }

    fn drawers(&self) -> MutexGuard<'_, HashSet<Drawer>> {
        self.drawers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.drawers().remove(&self.drawer);
        self.held.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::pin::pin;

    #[tokio::test]
    async fn one_works_in_a_session_at_a_time() {
        let held = Arc::new(Held::default());
        let [one, two] = ["ses_1", "ses_2"].map(|session| Drawer::of_session("vary", session));
        let first = held.hold(one.clone()).await;
        assert!(held.try_hold(&one).is_none() && held.try_hold(&two).is_some());
        let mut second = pin!(held.hold(one.clone()));
        assert!(poll!(&mut second).is_pending());
        drop(first);
        drop(second.await);
        assert!(held.try_hold(&one).is_some());
    }
}
