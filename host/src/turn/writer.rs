//! The one writer of a bubble: sends what is due, one request at a time, until the bubble is ended or gone.

use super::bubble::Next;
use super::outgoing::{Lost, Outbox, Outgoing, Sent};
use super::speech::Speech;
use tokio::time::{Instant, sleep_until};

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
    let mut written = Written::Gone;
    loop {
        match speech.next(Instant::now()) {
            Next::Send(outgoing) => {
                let essential = matches!(outgoing, Outgoing::Open(_) | Outgoing::End(_));
                let ends = matches!(outgoing, Outgoing::End(_));
                let outcome =
                    if essential { outbox.send(outgoing).await } else { optional(speech, outbox, outgoing).await };
                written = match outcome {
                    Ok(_) if ends => Written::Ended,
                    Err(Lost::Failed) if essential => Written::Lost,
                    _ => Written::Gone,
                };
                speech.sent(&outcome, ends, essential);
            }
            Next::At(due) => {
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = speech.news() => {}
                }
            }
            Next::Wait => speech.news().await,
            Next::Done => return written,
        }
    }
}

/// Sends what the end would repair: a turn that is to stop does not wait for its retries.
async fn optional(speech: &Speech, outbox: &dyn Outbox, outgoing: Outgoing) -> Result<Sent, Lost> {
    tokio::select! {
        outcome = outbox.send(outgoing) => outcome,
        () = speech.stop.cancelled() => Err(Lost::Failed),
    }
}

#[cfg(test)]
mod tests;
