//! Which updates may be acked, and which have not come. Pure: `now` is a parameter.
//!
//! An ack is cumulative, so acking past an update that has not come would lose it. The documents number updates
//! without gaps: a number that is left out is waited for, as updates may overtake each other, and then asked for by
//! dialling again, as the cloud sends everything once more that is not acked. A cloud that leaves it out time and again
//! numbers with gaps, and is believed; one that was believed a few times is not asked any more. Ids that are no numbers
//! are acked as they come.

use crate::protocol::UpdateId;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How long an update may be overtaken by others before it is asked for.
const OVERTAKEN: Duration = Duration::from_secs(2);
/// How long it may take to come again after a new connection.
const REPEATED: Duration = Duration::from_secs(5);
/// How often a missing update is asked for: what lost it once may lose it again.
const ASKS: u32 = 3;
/// How often a cloud is believed in vain before it is taken for one that numbers with gaps.
const BELIEFS: u32 = 3;
/// Numbers that may be missing. Where there are more, the cloud is believed at once.
const MAX_MISSING: usize = 10_000;

/// See the module. It outlives connections.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// All up to this one are recorded.
    acked: Option<u64>,
    newest: u64,
    /// What came and is not known to be recorded, in the order in which it came, repeats too. Ids that are no numbers
    /// are `None`.
    arrived: VecDeque<Option<u64>>,
    /// How many of those that came are known to be recorded.
    told: u64,
    /// What is recorded behind something that is missing or not recorded.
    recorded: BTreeSet<u64>,
    missing: BTreeSet<u64>,
    /// When to do something about what is missing.
    due: Option<Instant>,
    /// How often what is missing was asked for.
    asked: u32,
    /// How often the cloud was believed since something came that was asked for.
    believed: u32,
}

/// How far updates are recorded, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// How many, from the first of the link.
    pub(super) count: u64,
    /// The last of them.
    pub(super) last: Option<UpdateId>,
}

/// What to do about updates that did not come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Dial again: this one and perhaps others did not come.
    Ask(u64),
    /// The cloud was asked; what still did not come does not exist.
    Believe {
        /// How many those are.
        count: usize,
    },
}

impl Sequence {
    /// An update came.
    pub(super) fn came(&mut self, id: &UpdateId, now: Instant) {
        let number = number(id);
        self.arrived.push_back(number);
        let Some(number) = number else { return };
        if self.acked.is_none() {
            self.acked = Some(number.saturating_sub(1));
            self.newest = number.saturating_sub(1);
        }
        let left_out = number.saturating_sub(self.newest).saturating_sub(1);
        let few = usize::try_from(left_out).is_ok_and(|count| self.missing.len() + count <= MAX_MISSING);
        if few && self.believed < BELIEFS && number > self.newest {
            self.missing.extend(self.newest + 1..number);
        }
        self.newest = self.newest.max(number);
        if self.missing.remove(&number) {
            self.believed = 0;
        }
        self.due = match self.due {
            _ if self.missing.is_empty() => None,
            None => Some(now + OVERTAKEN),
            due => due,
        };
        if self.missing.is_empty() {
            self.asked = 0;
        }
    }

    /// Updates are recorded so far. Gives up to which one may be acked.
    pub(super) fn recorded(&mut self, progress: &Progress) -> Option<UpdateId> {
        let last = progress.last.as_ref()?;
        while self.told < progress.count {
            self.told += 1;
            let number = self.arrived.pop_front().flatten();
            self.recorded.extend(number.filter(|number| self.acked.is_some_and(|acked| *number > acked)));
        }
        match number(last) {
            Some(_) => self.advance(),
            None => Some(last.clone()),
        }
    }

    /// Moves on over all that is recorded or does not exist. Numbers that nothing is known of do not exist.
    fn advance(&mut self) -> Option<UpdateId> {
        let mut acked = self.acked?;
        let pending = self.missing.first().into_iter().chain(self.arrived.iter().flatten()).copied();
        // A repeat that is on its way to the disk does not make unrecorded what came before.
        let pending = pending.filter(|number| *number > acked && !self.recorded.contains(number)).min();
        while let Some(next) = self.recorded.first().copied().filter(|next| pending.is_none_or(|first| *next < first)) {
            self.recorded.remove(&next);
            acked = next;
        }
        self.acked = Some(acked);
        UpdateId::try_from(acked.to_string()).ok()
    }

    /// A new connection is ready: what is missing may come again.
    pub(super) fn connected(&mut self, now: Instant) {
        if !self.missing.is_empty() {
            self.due = Some(now + REPEATED);
        }
    }

    /// When [`Sequence::overdue`] is to be called.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// It is [`Sequence::due`], and something still has not come.
    pub(super) fn overdue(&mut self) -> Option<Missing> {
        self.due = None;
        let first = *self.missing.first()?;
        if self.asked < ASKS {
            self.asked += 1;
            return Some(Missing::Ask(first));
        }
        let count = self.missing.len();
        self.missing.clear();
        (self.asked, self.believed) = (0, self.believed + 1);
        Some(Missing::Believe { count })
    }
}

fn number(id: &UpdateId) -> Option<u64> {
    // `+1` and `01` would be read, but are not what the cloud would recognize in an ack.
    id.as_str().parse::<u64>().ok().filter(|number| number.to_string() == id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence, and what its host has recorded.
    #[derive(Default)]
    struct Rig {
        sequence: Sequence,
        came: Vec<u64>,
        progress: Progress,
    }

    impl Rig {
        fn came(&mut self, numbers: &[u64]) {
            for number in numbers {
                self.sequence.came(&id(*number), Instant::now());
                self.came.push(*number);
            }
        }

        /// The next `count` of those that came are recorded; gives what is acked.
        fn record(&mut self, count: u64) -> u64 {
            self.progress.count += count;
            let last = self.came[usize::try_from(self.progress.count).expect("small") - 1];
            self.progress.last = Some(id(last));
            number(&self.sequence.recorded(&self.progress).expect("an ack")).expect("a number")
        }
    }

    fn id(number: u64) -> UpdateId {
        UpdateId::try_from(number.to_string()).expect("an id")
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_order_is_acked_as_it_is_recorded() {
        let mut rig = Rig::default();
        rig.came(&[7, 8, 9, 8]);
        assert_eq!((rig.record(2), rig.record(0), rig.record(2)), (8, 8, 9));
        assert_eq!(rig.sequence.due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_overtakes_is_acked_when_what_it_overtook_is_recorded() {
        let mut rig = Rig::default();
        rig.came(&[1, 4]);
        assert_eq!(rig.record(2), 1);
        assert_eq!(rig.sequence.due(), Some(Instant::now() + OVERTAKEN));
        rig.came(&[3, 2]);
        assert_eq!(rig.sequence.due(), None);
        assert_eq!(rig.record(1), 1, "2 came but is not recorded");
        assert_eq!(rig.record(1), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_did_not_come_is_asked_for_a_few_times_and_then_does_not_exist() {
        let mut rig = Rig::default();
        rig.came(&[1, 3, 5]);
        assert_eq!(rig.record(3), 1);
        assert_eq!(rig.sequence.overdue(), Some(Missing::Ask(2)));
        rig.sequence.connected(Instant::now());
        assert_eq!(rig.sequence.due(), Some(Instant::now() + REPEATED));
        rig.came(&[2, 3, 5]);
        assert_eq!(rig.record(3), 3, "4 is still missing");
        for _ in 1..ASKS {
            assert_eq!(rig.sequence.overdue(), Some(Missing::Ask(4)));
            rig.sequence.connected(Instant::now());
        }
        assert_eq!(rig.sequence.overdue(), Some(Missing::Believe { count: 1 }));
        assert_eq!(rig.record(0), 5);
        assert_eq!((rig.sequence.due(), rig.sequence.overdue()), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cloud_that_numbers_with_gaps_is_not_asked_for_ever() {
        let mut rig = Rig::default();
        rig.came(&[10]);
        for round in 2..10 {
            rig.came(&[10 * round]);
            while rig.sequence.overdue().is_some() {}
            assert_eq!(rig.record(if round == 2 { 2 } else { 1 }), 10 * round);
        }
        rig.came(&[1_000]);
        assert_eq!((rig.sequence.due(), rig.record(1)), (None, 1_000));
    }

    #[tokio::test(start_paused = true)]
    async fn ids_that_are_no_numbers_and_leaps_are_taken_as_they_are() {
        let mut rig = Rig::default();
        let word = UpdateId::try_from("upd_a".to_owned()).expect("an id");
        rig.sequence.came(&word, Instant::now());
        let progress = Progress { count: 1, last: Some(word.clone()) };
        assert_eq!((rig.sequence.recorded(&progress), rig.sequence.due()), (Some(word), None));

        let mut rig = Rig::default();
        rig.came(&[1, 1_000_000_000_000, u64::MAX]);
        assert_eq!((rig.record(3), rig.sequence.due()), (u64::MAX, None));
        // Nothing comes after the last number there is.
        rig.came(&[u64::MAX - 1, u64::MAX]);
        assert_eq!((rig.record(2), rig.sequence.due()), (u64::MAX, None));
    }

    proptest::proptest! {
        /// In whatever order updates come and are recorded, no ack is past one that is not recorded.
        #[test]
        fn no_ack_passes_what_is_not_recorded(
            order in proptest::collection::vec(1..30_u64, 1..60),
            steps in proptest::collection::vec(0..4_u64, 60),
        ) {
            let mut rig = Rig::default();
            for (number, step) in order.iter().zip(steps) {
                rig.came(&[*number]);
                let step = step.min(rig.came.len() as u64 - rig.progress.count);
                if rig.progress.count + step == 0 {
                    continue;
                }
                let acked = rig.record(step);
                let recorded = &rig.came[..usize::try_from(rig.progress.count).expect("small")];
                assert!((order[0]..=acked).all(|number| recorded.contains(&number)), "{acked} of {recorded:?}");
            }
        }
    }
}
