//! Rules of an operator, as tests have them.

use sophon_host::grant::{Effect, Rule};

/// A rule for all agents, which gives nothing besides.
///
/// # Panics
/// When the pattern is none.
pub fn rule(effect: Effect, pattern: &str) -> Rule {
    Rule {
        effect,
        agent: "*".parse().expect("a glob"),
        pattern: pattern.parse().expect(pattern),
        addresses: vec![],
        network: false,
        reads: vec![],
        place: format!("the rule {pattern}"),
    }
}

/// One for all requests, which may reach these addresses though they are not public.
///
/// # Panics
/// When one of them is no network.
pub fn web_rule(effect: Effect, addresses: &[&str]) -> Rule {
    let addresses = addresses.iter().map(|net| net.parse().expect("a network")).collect();
    Rule { addresses, ..rule(effect, "http *://*:*/*") }
}
