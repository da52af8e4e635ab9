//! The one writer of a bubble: sends what is due, one request at a time, until the bubble is ended or gone.

use super::bubble::Next;
use super::outgoing::{Lost, Outbox, Outgoing, Sent};
use super::speech::Speech;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How long a request may still take when the end has come and says all that it said. It is not dropped at once: one
/// that arrives behind the end could append its text a second time.
const MOOT: Duration = Duration::from_secs(1);

/// What became of a bubble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// The cloud has its end.
    Ended,
    /// There is nothing left to write to.
    Gone,
    /// The cloud does not have its end, and may still want it.
    Lost,
}

/// Writes a bubble to its end.
pub(super) async fn write(speech: &Speech, outbox: &dyn Outbox) -> Written {
    loop {
        match speech.next(Instant::now()) {
            Next::Send(outgoing) => {
                if let Some(written) = send(speech, outbox, outgoing).await {
                    return written;
                }
            }
            Next::At(due) => {
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = speech.news() => {}
                }
            }
            Next::Wait => speech.news().await,
            Next::Done => return Written::Gone,
        }
    }
}

/// Sends one request. What became of the bubble, if that decided it.
async fn send(speech: &Speech, outbox: &dyn Outbox, outgoing: Outgoing) -> Option<Written> {
    let (opens, ends) = (matches!(outgoing, Outgoing::Open(_)), matches!(outgoing, Outgoing::End(_)));
    let is_progress = matches!(outgoing, Outgoing::UpdateTask(_));
    // Without an outcome there was no need for one.
    let outcome = match outgoing {
        Outgoing::Delta(_) | Outgoing::UpdateTask(_) => unless_moot(speech, outbox, outgoing).await?,
        outgoing => outbox.send(outgoing).await,
    };
    match outcome {
        Ok(Sent::Done) if ends => return Some(Written::Ended),
        Ok(Sent::Done) => {}
        Ok(Sent::Opened(id)) => speech.opened(id),
        Err(Lost::Refused) if ends => speech.end_refused(),
        // Only this one is not wanted; and the next progress, or the card's end, says more than the one before.
        Err(Lost::Refused) if !opens => {}
        Err(Lost::Failed) if is_progress => {}
        Err(lost) => {
            speech.gone();
            return Some(if lost == Lost::Failed { Written::Lost } else { Written::Gone });
        }
    }
    None
}

/// Sends what an end that says all would repair; nothing, when that end has come and must not wait for it.
async fn unless_moot(speech: &Speech, outbox: &dyn Outbox, outgoing: Outgoing) -> Option<Result<Sent, Lost>> {
    let moot = async {
        speech.moot.cancelled().await;
        sleep(MOOT).await;
    };
    tokio::select! {
        outcome = outbox.send(outgoing) => Some(outcome),
        () = moot => None,
    }
}

#[cfg(test)]
mod tests;
