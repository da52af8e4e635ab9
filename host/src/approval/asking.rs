//! A question that is being put to a person: whatever becomes of the turn and of this process, the log tells its end.

use super::office::Office;
use crate::store::{Entry, StoreError};
use std::sync::Arc;

/// Who decided where nobody did.
const HOST_STOPPED: &str = "nobody, as the host stopped while it was asked; it was not done";
const TURN_ENDED: &str = "nobody, as the turn ended while it was asked; it was not done";

/// See the module. Dropped before it is decided, its turn ended first, and that is written down.
pub(super) struct Asking {
    office: Arc<Office>,
    number: i64,
    given_up: Option<Entry>,
}

impl Asking {
    /// Notes that a question is about to be asked. `entry` is the decision by a given one that it is not done.
    pub(super) async fn note(office: &Arc<Office>, entry: impl Fn(&str) -> Entry) -> Result<Self, StoreError> {
        let number = office.asking(entry(HOST_STOPPED)).await?;
        Ok(Self { office: office.clone(), number, given_up: Some(entry(TURN_ENDED)) })
    }

    /// It is decided, which is about to be written down: the question's number.
    pub(super) fn decided(mut self) -> i64 {
        self.given_up = None;
        self.number
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let Some(entry) = self.given_up.take() else { return };
        let (office, number) = (self.office.clone(), self.number);
        crate::tasks::spawn("question given up", async move {
            if let Err(error) = office.decided(entry, Some(number)).await {
                tracing::error!("cannot write down that a question was given up: {error}");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Durability, Store};

    fn entry(by: &str) -> Entry {
        Entry::Decided {
            agent: "probe".to_owned(),
            digest: "d".repeat(64),
            session: "ses_1".to_owned(),
            interaction: "int_1".to_owned(),
            capability: "approval".to_owned(),
            what: "do eat".to_owned(),
            allowed: false,
            by: by.to_owned(),
        }
    }

    #[tokio::test]
    async fn each_question_has_one_end_in_the_log_whatever_becomes_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
        let office = Arc::new(Office::new(Vec::new(), store.clone()));
        let asking = Asking::note(&office, entry).await.expect("noted");
        assert!(store.audit_after(0, 9).await.expect("read").is_empty(), "nothing is decided yet");
        office.decided(entry("a person"), Some(asking.decided())).await.expect("written");
        let given_up = Asking::note(&office, entry).await.expect("noted");
        drop(given_up);
        let log = loop {
            let log = store.audit_after(0, 9).await.expect("read");
            if log.len() > 1 {
                break log;
            }
            tokio::task::yield_now().await;
        };
        let asking = Asking::note(&office, entry).await.expect("noted");
        // As a process that dies does.
        std::mem::forget(asking);
        assert_eq!(store.close_interrupted(7).await.expect("closed"), 1);
        assert_eq!(store.close_interrupted(8).await.expect("closed"), 0, "and only once");
        let last = store.audit_after(2, 9).await.expect("read");
        let entries: Vec<Entry> = log.into_iter().chain(last).map(|one| one.entry).collect();
        assert_eq!(entries, [entry("a person"), entry(TURN_ENDED), entry(HOST_STOPPED)]);
    }
}
