//! Turns that an earlier process left without an end: run again where their users have seen nothing, else ended.

use super::bubble::Bubble;
use super::ending::{self, Stop};
use super::intake::Turns;
use super::lane::Turn;
use crate::store::Unfinished;

/// How often a turn is run again. One that ends its host each time is not the host's bad luck any more.
const MAX_RERUNS: u32 = 3;

impl Turns {
    /// Takes up what an earlier process left, oldest first.
    pub(super) fn resume(&self, unfinished: Vec<Unfinished>) {
        for Unfinished { message, sent, reruns, cancelled } in unfinished {
            let interaction = message.interaction.clone();
            let noted = u32::try_from(sent.len()).unwrap_or(u32::MAX);
            let is_silent = Bubble::has_only_waited(&message, &sent);
            if is_silent && reruns < MAX_RERUNS && !cancelled {
                tracing::info!(%interaction, reruns, "running a turn again that had not begun to answer");
                let turn = Turn { is_rerun: true, ..self.open(message.clone(), Bubble::resumed(message, sent), noted) };
                self.enqueue(turn, None);
                continue;
            }
            tracing::info!(%interaction, requests = sent.len(), "ending a turn that was interrupted");
            let note = match cancelled {
                true => ending::stopped(Stop::User),
                false if is_silent => ending::given_up(reruns),
                false => ending::interrupted(),
            };
            let turn = self.open(message.clone(), Bubble::resumed(message, sent), noted);
            turn.speech.end(note);
            let house = self.house.clone();
            self.track("interrupted", async move { house.finish(turn).await });
        }
    }
}
