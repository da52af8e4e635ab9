//! What the operator allows, asks about and denies.

use super::{Ask, FilesPattern, Glob, Pattern, pattern::Args};
use ipnet::IpNet;
use std::path::PathBuf;

/// What a rule says of what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It is done.
    Allow,
    /// A person is asked. So it is where no rule covers an ask.
    Ask,
    /// It is not done, and nobody is asked.
    Deny,
}

/// One `[[policy]]` of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What it says.
    pub effect: Effect,
    /// Of which agents.
    pub agent: Glob,
    /// Of what.
    pub pattern: Pattern,
    /// Networks that requests may reach though they are not public.
    pub addresses: Vec<IpNet>,
    /// Whether programs have network.
    pub network: bool,
    /// What programs may read besides the agent's work folder and the system's own files.
    pub reads: Vec<PathBuf>,
    /// Where it stands, for people: `sophon-host.toml, [[policy]] no. 3`.
    pub place: String,
}

/// What the policy says to an ask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict<'a> {
    /// What is to be done.
    pub effect: Effect,
    /// The rule that says so. None where no rule covers the ask.
    pub rule: Option<&'a Rule>,
}

impl Rule {
    /// Whether it speaks of an ask of this agent.
    pub fn covers(&self, agent: &str, ask: &Ask) -> bool {
        self.agent.covers(agent) && self.pattern.covers(ask)
    }

    fn within(&self, other: &Self) -> bool {
        self.agent.within(&other.agent) && self.pattern.within(&written(&other.pattern))
    }

    /// Whether it speaks of less than another, surely.
    fn is_narrower(&self, other: &Self) -> bool {
        self.within(other) && !other.within(self)
    }

    /// Which of two rules that say the same is the one to go by: that which gives less.
    fn gives(&self) -> impl Ord + '_ {
        (self.network, self.reads.len(), self.addresses.len(), &self.place)
    }
}

/// A pattern as it is written: what a program runs by its arguments is left out of an allowing rule without arguments, and
/// writing of one that allows to read. That makes neither narrower than the same rule that denies.
fn written(pattern: &Pattern) -> Pattern {
    match pattern.clone() {
        Pattern::Exec(mut exec) if exec.args == Args::Plain => {
            exec.args = Args::Any;
            Pattern::Exec(exec)
        }
        Pattern::Files(files) => Pattern::Files(FilesPattern { write: true, ..files }),
        pattern => pattern,
    }
}

/// What the rules say to an ask: of those that cover it, the narrowest. Where neither of two is narrower, the stricter
/// one holds. The order of rules is nothing.
pub fn decide<'a>(rules: &'a [Rule], agent: &str, ask: &Ask) -> Verdict<'a> {
    narrowest(rules, |rule| rule.covers(agent, ask))
}

/// What the rules say to something that these of them speak of.
pub(super) fn narrowest(rules: &[Rule], speaks: impl Fn(&Rule) -> bool) -> Verdict<'_> {
    let covering: Vec<&Rule> = rules.iter().filter(|rule| speaks(rule)).collect();
    let narrowest = covering.iter().filter(|rule| !covering.iter().any(|other| other.is_narrower(rule)));
    let strictest =
        narrowest.min_by(|one, other| other.effect.cmp(&one.effect).then_with(|| one.gives().cmp(&other.gives())));
    match strictest {
        Some(rule) => Verdict { effect: rule.effect, rule: Some(rule) },
        None => Verdict { effect: Effect::Ask, rule: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::ask::tests::{exec, http};
    use proptest::prelude::*;

    fn rule(effect: Effect, agent: &str, pattern: &str) -> Rule {
        Rule {
            effect,
            agent: agent.parse().expect(agent),
            pattern: pattern.parse().expect(pattern),
            addresses: vec![],
            network: false,
            reads: vec![],
            place: format!("{agent} {pattern}"),
        }
    }

    const URL: &str = "https://a.example/v1/x";

    #[test]
    fn the_narrowest_rule_holds_and_the_stricter_of_equals() {
        use Effect::{Allow, Ask, Deny};
        let (any, exact) = ("http https://*/*", "http GET https://a.example/v1/x");
        for (rules, effect) in [
            (vec![], Ask),
            (vec![(Allow, "*", any)], Allow),
            (vec![(Allow, "*", any), (Deny, "*", any)], Deny),
            (vec![(Allow, "*", any), (Ask, "*", any)], Ask),
            (vec![(Allow, "*", any), (Deny, "*", exact)], Deny),
            (vec![(Deny, "*", any), (Allow, "*", exact)], Allow),
            (vec![(Deny, "*", any), (Allow, "echo", any)], Allow),
            (vec![(Allow, "*", exact), (Deny, "echo", any)], Deny),
            (vec![(Deny, "*", "http https://*/v1/*"), (Allow, "*", "http https://a.example/*")], Deny),
            (vec![(Deny, "*", "http PUT https://a.example/*"), (Allow, "*", "http https://a.example/*")], Allow),
            (vec![(Deny, "fetch", any), (Allow, "e*", any)], Allow),
        ] {
            let rules: Vec<Rule> = rules.into_iter().map(|(effect, agent, text)| rule(effect, agent, text)).collect();
            assert_eq!(decide(&rules, "echo", &http("GET", URL)).effect, effect, "{rules:#?}");
        }
    }

    #[test]
    fn allowing_a_program_does_not_allow_what_it_runs() {
        let rules = [rule(Effect::Allow, "*", "exec git")];
        assert_eq!(decide(&rules, "echo", &exec("git status")).effect, Effect::Allow);
        assert_eq!(decide(&rules, "echo", &exec("git -c alias.x=!id x")).effect, Effect::Ask);
        let rules = [rule(Effect::Allow, "*", "exec git"), rule(Effect::Deny, "*", "exec git ...")];
        assert_eq!(decide(&rules, "echo", &exec("git status")).effect, Effect::Deny);
    }

    #[test]
    fn of_two_that_allow_the_one_that_gives_less_holds() {
        let wide = Rule { network: true, ..rule(Effect::Allow, "*", "exec git") };
        let rules = [wide, rule(Effect::Allow, "*", "exec git")];
        assert_eq!(decide(&rules, "echo", &exec("git status")).rule.map(|rule| rule.network), Some(false));
    }

    fn rules() -> impl Strategy<Value = Vec<Rule>> {
        let effect = prop_oneof![Just(Effect::Allow), Just(Effect::Ask), Just(Effect::Deny)];
        let pattern = "http (GET |GET,PUT |)(https|\\*)://(a\\.example|\\*\\.example|\\*)/(\\*|v1/\\*|v1/x)";
        prop::collection::vec((effect, "echo|\\*|e\\*|x", pattern), 0..7)
            .prop_map(|rules| rules.into_iter().map(|(effect, agent, text)| rule(effect, &agent, &text)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_denial_of_exactly_the_ask_always_holds(mut rules in rules(), at in 0_usize..8) {
            let at = at.min(rules.len());
            rules.insert(at, rule(Effect::Deny, "echo", "http GET https://a.example/v1/x"));
            prop_assert_eq!(decide(&rules, "echo", &http("GET", URL)).effect, Effect::Deny);
        }

        #[test]
        fn the_order_of_rules_is_nothing(rules in rules(), turn in 0_usize..7) {
            let ask = http("GET", URL);
            let mut turned = rules.clone();
            turned.reverse();
            turned.rotate_left(turn.min(rules.len()));
            let (one, other) = (decide(&rules, "echo", &ask), decide(&turned, "echo", &ask));
            prop_assert_eq!(one, other);
        }

        #[test]
        fn one_more_denial_allows_nothing_more(rules in rules(), more in rules()) {
            let ask = http("GET", URL);
            let denials = more.into_iter().map(|rule| Rule { effect: Effect::Deny, ..rule });
            let stricter: Vec<Rule> = rules.iter().cloned().chain(denials).collect();
            prop_assert!(decide(&stricter, "echo", &ask).effect >= decide(&rules, "echo", &ask).effect);
        }

        #[test]
        fn what_is_allowed_was_allowed_by_a_rule(rules in rules()) {
            let verdict = decide(&rules, "echo", &http("GET", URL));
            prop_assert!(verdict.effect != Effect::Allow || verdict.rule.is_some_and(|rule| rule.effect == Effect::Allow));
        }
    }
}
