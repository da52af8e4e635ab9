//! The one writer of a bubble: sends what is due, one request at a time, until the bubble is ended or gone.

use super::bubble::Due;
use super::journal::Journal;
use super::outgoing::{Kind, Lost, Outbox, Outgoing, Permit, SendFuture, Sent};
use super::speech::Speech;
use crate::protocol::InteractionId;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How long a request may still take when the end has come and says all that it said. It is not dropped at once: one
/// that arrives behind the end could append its text a second time.
const MOOT: Duration = Duration::from_secs(1);
/// How long a card or a question may still take when the turn was stopped. An end does not say again what they say, so it
/// waits for them; but who stops a turn sees it end, whatever becomes of a card.
const STOPPED: Duration = Duration::from_secs(3);

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

/// Writes a bubble to its end. What sends is in boxes of its own: most writers wait for news, and take no room for more.
pub(super) async fn write(
    speech: &Speech,
    turn: &InteractionId,
    journal: &dyn Journal,
    outbox: &dyn Outbox,
) -> Written {
    loop {
        match speech.due(Instant::now()) {
            Due::Now(kind) => {
                let Some(permit) = Box::pin(permit(speech, turn, outbox, kind)).await else { continue };
                // Chosen only now: what came while it waited is part of it.
                let Some(outgoing) = speech.take(kind, Instant::now()) else { continue };
                if is_for_good(&outgoing) {
                    journal.note(&outgoing).await;
                }
                if let Some(written) = Box::pin(send(speech, permit, outgoing)).await {
                    return written;
                }
            }
            Due::At(due) => {
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = speech.news() => {}
                }
            }
            Due::Wait => speech.news().await,
            Due::Done => return Written::Gone,
        }
    }
}

/// Whether a later process must know that this may have been sent. Opening a bubble again finds it, and a card's
/// progress gives way to its end.
fn is_for_good(outgoing: &Outgoing) -> bool {
    !matches!(outgoing, Outgoing::Open(_) | Outgoing::UpdateTask(_))
}

/// Waits for leave to send; nothing, when something else is due meanwhile.
async fn permit<'a>(
    speech: &Speech,
    turn: &'a InteractionId,
    outbox: &'a dyn Outbox,
    kind: Kind,
) -> Option<Box<dyn Permit + 'a>> {
    let mut permit = outbox.permit(kind, turn);
    let mut moot = pin!(moot(speech));
    loop {
        tokio::select! {
            biased;
            permit = &mut permit => return Some(permit),
            () = speech.news() => if speech.due(Instant::now()) != Due::Now(kind) { return None },
            () = &mut moot, if kind == Kind::Delta => {
                speech.skip_text();
                return None;
            }
        }
    }
}

/// Waits until an end is there that says all, and what comes before it has had its time.
async fn moot(speech: &Speech) {
    speech.moot.cancelled().await;
    sleep(MOOT).await;
}

/// Waits until the turn was stopped, and what it still sent has had its time.
async fn stopped(speech: &Speech) {
    speech.stop.cancelled().await;
    sleep(STOPPED).await;
}

/// Sends one request. What became of the bubble, if that decided it.
async fn send(speech: &Speech, permit: Box<dyn Permit + '_>, outgoing: Outgoing) -> Option<Written> {
    let (opens, ends) = (matches!(outgoing, Outgoing::Open(_)), matches!(outgoing, Outgoing::End(_)));
    let is_progress = matches!(outgoing, Outgoing::UpdateTask(_));
    let question = match &outgoing {
        Outgoing::Ask(body) => Some(body.approval_id.clone()),
        _ => None,
    };
    let Some(outcome) = in_time(speech, Kind::of(&outgoing), is_progress, permit.send(outgoing)).await else {
        speech.unasked(question.as_ref());
        speech.skip_text();
        return None;
    };
    match outcome {
        Ok(Sent::Done) if ends => return Some(Written::Ended),
        Ok(Sent::Done) => {}
        Ok(Sent::Opened(id)) => speech.opened(id),
        Ok(Sent::Asked { expires_in, verdict }) => speech.asked(question.as_ref(), expires_in, verdict),
        Err(Lost::Refused) if ends => speech.end_refused(),
        // Only this one is not wanted; and the next progress, or the card's end, says more than the one before.
        Err(Lost::Refused) if !opens => speech.unasked(question.as_ref()),
        Err(Lost::Failed) if is_progress => {}
        Err(lost) => {
            speech.gone();
            return Some(if lost == Lost::Failed { Written::Lost } else { Written::Gone });
        }
    }
    None
}

/// Waits for a request, but no longer than the turn's end may wait for it: nothing, when that is over.
async fn in_time(speech: &Speech, kind: Kind, is_progress: bool, sent: SendFuture<'_>) -> Option<Result<Sent, Lost>> {
    let too_late = async {
        match kind {
            // The end repairs it, or says more.
            Kind::Delta => moot(speech).await,
            Kind::Card if is_progress => moot(speech).await,
            Kind::Card | Kind::Ask => stopped(speech).await,
            Kind::Open | Kind::End => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = sent => Some(outcome),
        () = too_late => None,
    }
}

#[cfg(test)]
mod tests;
