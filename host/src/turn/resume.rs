//! Turns that an earlier process left without an end: run again where their users have seen nothing and nothing was done,
//! else ended.

use super::bubble::Bubble;
use super::ending::{self, Stop};
use super::intake::Turns;
use super::lane::Turn;
use crate::store::Unfinished;
use crate::time::now_ms;

/// How often a turn is run again. One that ends its host each time is not the host's bad luck any more.
const MAX_RERUNS: u32 = 3;
/// Turns that were received longer ago are not run again: the cloud takes no answer after 30 minutes (`410
/// interaction_expired`), and what they do would be done for nobody.
const MAX_AGE_MS: u64 = 30 * 60 * 1_000;

impl Turns {
    /// Takes up what an earlier process left, oldest first.
    pub(super) fn resume(&self, unfinished: Vec<Unfinished>) {
        let now_ms = now_ms();
        for Unfinished { message, sent, reruns, cancelled, touched, received_ms } in unfinished {
            let interaction = message.interaction.clone();
            let noted = u32::try_from(sent.len()).unwrap_or(u32::MAX);
            let is_silent = !touched && Bubble::has_only_waited(&message, &sent);
            let is_late = now_ms.saturating_sub(received_ms) > MAX_AGE_MS;
            if is_silent && reruns < MAX_RERUNS && !cancelled && !is_late {
                tracing::info!(%interaction, reruns, "running a turn again that had not begun to answer");
                let turn = Turn { is_rerun: true, ..self.open(message.clone(), Bubble::resumed(message, sent), noted) };
                self.enqueue(turn, None);
                continue;
            }
            tracing::info!(%interaction, requests = sent.len(), "ending a turn that was interrupted");
            let note = match cancelled {
                true => ending::stopped(Stop::User),
                false if is_silent && !is_late => ending::given_up(reruns),
                false => ending::interrupted(),
            };
            let turn = self.open(message.clone(), Bubble::resumed(message, sent), noted);
            turn.speech.end(note);
            let house = self.house.clone();
            self.track("interrupted", async move { house.finish(turn).await });
        }
    }
}
