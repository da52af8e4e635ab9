//! The leave that a request goes on by: watched while it goes on, and told what came of it.

use crate::capability::{Leave, Refusal};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What came of a request: a few words for the log with what the card shows, or why it failed.
type Outcome = Result<(String, Value), String>;

/// The leave of one request. Dropped, the request counts as given up.
pub(super) struct Standing {
    revoked: CancellationToken,
    tell: oneshot::Sender<Outcome>,
    keeper: JoinHandle<()>,
}

impl Standing {
    /// Watches a leave from a task of its own.
    pub(super) fn keep(leave: Leave) -> Self {
        let (tell, outcome) = oneshot::channel();
        let revoked = CancellationToken::new();
        let keeper = crate::tasks::spawn("leave", watch(leave, outcome, revoked.clone()));
        Self { revoked, tell, keeper }
    }

    /// Waits until the leave is taken back; gives what the guest is told.
    pub(super) async fn revoked(&self) -> Refusal {
        self.revoked.cancelled().await;
        let (rule, hint) = ("the grant that allowed it was taken back", "ask again in a request of its own");
        Refusal::Denied { rule: rule.to_owned(), hint: hint.to_owned() }
    }

    /// Tells what came of it, and waits until that is shown: what the agent says next comes after it.
    pub(super) async fn settle(self, outcome: Outcome) {
        // Nobody listens where the leave was taken back, which is written down already.
        let _ = self.tell.send(outcome);
        if let Err(fault) = self.keeper.await {
            tracing::error!("what came of a request was not written down: {fault}");
        }
    }

    /// The same for who cannot wait.
    pub(super) fn tell(self, outcome: Outcome) {
        // As above.
        let _ = self.tell.send(outcome);
    }
}

async fn watch(leave: Leave, outcome: oneshot::Receiver<Outcome>, revoked: CancellationToken) {
    let outcome = tokio::select! {
        biased;
        outcome = outcome => outcome.ok(),
        () = leave.revoked() => {
            revoked.cancel();
            Some(Err("the grant was taken back".to_owned()))
        }
    };
    match outcome {
        Some(Ok((words, shown))) => leave.done(&words, Some(shown)).await,
        Some(Err(why)) => leave.failed(&why).await,
        None => drop(leave),
    }
}
