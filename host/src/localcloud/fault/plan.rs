//! The rules in force, and which of them bites. Pure: chance comes from the rules' seeds.

use super::rule::{Fault, Often, Rule};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Rules at the same time, without those that are spent. One more is refused.
const MAX_RULES: usize = 64;

struct Entry {
    id: u64,
    rule: Rule,
    skip: u32,
    /// Bites left; none where chance decides.
    left: Option<u32>,
    dice: StdRng,
    bites: u64,
}

/// One rule as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Names it.
    pub id: u64,
    /// What was asked for.
    pub rule: Rule,
    /// How often it has bitten.
    pub bites: u64,
    /// Whether it will not bite again.
    pub spent: bool,
}

/// All rules, oldest first.
#[derive(Default)]
pub(super) struct Plan {
    entries: Vec<Entry>,
    last: u64,
}

impl Plan {
    /// Adds a rule. None when 64 others are in force.
    pub(super) fn add(&mut self, rule: Rule) -> Option<u64> {
        if self.entries.len() >= MAX_RULES {
            self.entries.retain(|entry| !entry.is_spent());
        }
        if self.entries.len() >= MAX_RULES {
            return None;
        }
        self.last += 1;
        let (left, seed) = match rule.often {
            Often::Times(times) => (Some(times), 0),
            Often::Chance { seed, .. } => (None, seed),
        };
        let dice = StdRng::seed_from_u64(seed);
        self.entries.push(Entry { id: self.last, skip: rule.skip, rule, left, dice, bites: 0 });
        Some(self.last)
    }

    /// Takes a rule away. False when there is no such rule.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.id != id);
        self.entries.len() < before
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn list(&self) -> Vec<Standing> {
        let standing = |entry: &Entry| Standing {
            id: entry.id,
            rule: entry.rule.clone(),
            bites: entry.bites,
            spent: entry.is_spent(),
        };
        self.entries.iter().map(standing).collect()
    }

    /// How often a rule has bitten; none when there is no such rule.
    pub(super) fn bites(&self, id: u64) -> Option<u64> {
        self.entries.iter().find(|entry| entry.id == id).map(|entry| entry.bites)
    }

    /// The first rule that matches and bites. `matches` gives what is to happen.
    pub(super) fn bite<T>(&mut self, matches: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.entries.iter_mut().find_map(|entry| matches(&entry.rule.fault).filter(|_| entry.strike()))
    }
}

impl Entry {
    fn is_spent(&self) -> bool {
        self.left == Some(0)
    }

    /// Counts a match. Whether it is bitten.
    fn strike(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        let bites = match (&mut self.left, self.rule.often) {
            (Some(left), _) => {
                let some = *left > 0;
                *left = left.saturating_sub(1);
                some
            }
            (None, Often::Chance { probability, .. }) => self.dice.random_range(0.0..1.0) < probability,
            (None, Often::Times(_)) => false,
        };
        self.bites += u64::from(bites);
        bites
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::{RequestFault, UpdateFault};
    use super::*;

    const DROP: Fault = Fault::update(UpdateFault::Drop);

    fn update(fault: &Fault) -> Option<UpdateFault> {
        if let Fault::Update { what, .. } = fault { Some(*what) } else { None }
    }

    fn bitten(plan: &mut Plan, matches: usize) -> Vec<usize> {
        (0..matches).filter(|_| plan.bite(update).is_some()).collect()
    }

    #[test]
    fn a_rule_bites_as_often_as_it_says_and_then_no_more() {
        let mut plan = Plan::default();
        let id = plan.add(Rule::times(DROP, 2).after(1)).expect("room");
        assert_eq!(bitten(&mut plan, 6), [1, 2]);
        assert_eq!(plan.bites(id), Some(2));
        assert!(plan.list()[0].spent);
        assert!(plan.remove(id) && !plan.remove(id));
    }

    #[test]
    fn the_same_seed_bites_the_same_and_another_seed_others() {
        let of = |seed| {
            let mut plan = Plan::default();
            plan.add(Rule::chance(DROP, 0.3, seed)).expect("room");
            bitten(&mut plan, 200)
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        assert!((30..90).contains(&of(7).len()), "{}", of(7).len());
    }

    #[test]
    fn certain_and_impossible_rules_are_just_that() {
        let mut plan = Plan::default();
        plan.add(Rule::chance(DROP, 0.0, 1)).expect("room");
        assert!(bitten(&mut plan, 50).is_empty());
        plan.add(Rule::always(DROP)).expect("room");
        assert_eq!(bitten(&mut plan, 50).len(), 50);
        plan.clear();
        assert!(bitten(&mut plan, 1).is_empty());
    }

    #[test]
    fn rules_of_other_places_are_not_counted_and_the_first_that_bites_decides() {
        let mut plan = Plan::default();
        let request = plan.add(Rule::once(Fault::request("sendMessage", RequestFault::LoseAnswer))).expect("room");
        plan.add(Rule::once(Fault::update(UpdateFault::Swap))).expect("room");
        plan.add(Rule::once(DROP)).expect("room");
        assert_eq!(plan.bite(update), Some(UpdateFault::Swap));
        assert_eq!(plan.bite(update), Some(UpdateFault::Drop));
        assert_eq!((plan.bite(update), plan.bites(request)), (None, Some(0)));
    }

    #[test]
    fn spent_rules_make_room_for_new_ones_and_others_do_not() {
        let mut plan = Plan::default();
        for _ in 0..MAX_RULES {
            plan.add(Rule::once(DROP)).expect("room");
        }
        assert_eq!(plan.add(Rule::once(DROP)), None);
        plan.bite(update).expect("a bite");
        assert!(plan.add(Rule::once(DROP)).is_some());
    }
}
