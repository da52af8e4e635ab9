//! The questions of one turn: the same is asked once at a time, and not again after a no. A yes for once is one deed's.

use super::decision::{Refused, Said};
use crate::grant::Fingerprint;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// See the module.
pub(super) struct Queue(Mutex<Asked>);

#[derive(Default)]
struct Asked {
    /// Questions that may still be asked.
    left: u32,
    /// What is being asked, for those who want the same meanwhile.
    open: HashMap<Fingerprint, watch::Receiver<Option<Said>>>,
    /// What is not asked again, and why: who said no, or that nobody answered.
    refused: HashMap<Fingerprint, Refused>,
}

/// Where one stands who wants to ask something.
pub(super) enum Place<'q> {
    /// A person is to be asked.
    First(Turn<'q>),
    /// A person is being asked the same.
    Behind(Wait),
    /// The same was asked in this turn, and this came of it.
    Refused(Refused),
    /// The turn asked too often.
    Full,
}

/// It is one's turn to ask. Dropped untold, it is the next one's.
pub(super) struct Turn<'q> {
    queue: &'q Queue,
    fingerprint: Fingerprint,
    told: bool,
    sender: watch::Sender<Option<Said>>,
}

/// Waits for what another one is told.
pub(super) struct Wait(watch::Receiver<Option<Said>>);

impl Queue {
    /// A turn that may ask so many questions.
    pub(super) fn new(left: u32) -> Self {
        Self(Mutex::new(Asked { left, ..Asked::default() }))
    }

    /// Takes one's place.
    pub(super) fn place(&self, fingerprint: Fingerprint) -> Place<'_> {
        let mut asked = self.lock();
        if let Some(refused) = asked.refused.get(&fingerprint) {
            return Place::Refused(refused.clone());
        }
        if let Some(said) = asked.open.get(&fingerprint) {
            return Place::Behind(Wait(said.clone()));
        }
        let Some(left) = asked.left.checked_sub(1) else { return Place::Full };
        asked.left = left;
        let (sender, said) = watch::channel(None);
        asked.open.insert(fingerprint, said);
        Place::First(Turn { queue: self, fingerprint, told: false, sender })
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Tells those who wait what was said.
    pub(super) fn tell(mut self, said: &Said) {
        self.told = true;
        let mut asked = self.queue.lock();
        // Before they hear it: who is to ask again takes the next place.
        asked.open.remove(&self.fingerprint);
        if let Err(refused @ (Refused::Denied { .. } | Refused::Expired)) = said {
            asked.refused.insert(self.fingerprint, refused.clone());
        }
        drop(asked);
        self.sender.send_replace(Some(said.clone()));
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.queue.lock().open.remove(&self.fingerprint);
        }
    }
}

impl Wait {
    /// What was said; nothing, when whoever asked gave up.
    pub(super) async fn said(&mut self) -> Option<Said> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}
