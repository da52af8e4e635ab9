//! Hostile input, generated and mutated: no parser may panic, and what it accepts keeps its word.
//!
//! The corpora and a short run are ordinary tests. `tests/run fuzz NAME --minutes N` goes on for longer, with seeds of
//! its own.

mod json;
mod mutate;
mod rng;
mod runner;
mod target;
mod toml;

use runner::{Until, run};
use std::time::Duration;
use target::TARGETS;

/// Rounds of the short run.
const SHORT: u64 = 3_000;

/// The value of a setting for the long run.
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[test]
fn every_corpus_is_taken_in_good_order() {
    for target in &TARGETS {
        let inputs = runner::corpus(target);
        assert!(inputs.len() > 2, "the corpus of {} is not there", target.name);
        let accepted = inputs.iter().filter(|input| runner::try_one(target, input, "of the corpus")).count();
        assert!(accepted > 0 && accepted < inputs.len(), "{} accepts {accepted} of {}", target.name, inputs.len());
    }
}

#[test]
fn a_short_run_finds_nothing() {
    for target in &TARGETS {
        let told = run(target, 1, &Until::Rounds(SHORT));
        assert!(told.accepted > 0 && told.accepted < told.rounds, "{}: {told:?} tests nothing", target.name);
    }
}

#[test]
#[ignore = "`tests/run fuzz NAME --minutes N` runs it"]
fn for_long() {
    let minutes: u64 = setting("FUZZ_MINUTES").map_or(1, |text| text.parse().expect("FUZZ_MINUTES is a number"));
    let clock = || u64::from(std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.subsec_nanos()));
    let seed = setting("FUZZ_SEED").map_or_else(clock, |text| text.parse().expect("FUZZ_SEED is a number"));
    let name = setting("FUZZ_NAME");
    let wanted: Vec<_> = TARGETS.iter().filter(|target| name.as_ref().is_none_or(|name| name == target.name)).collect();
    let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert!(!wanted.is_empty(), "there is no target {name:?}; there are: {}", known.join(", "));
    for target in wanted {
        println!("{}: {minutes} min with seed {seed}", target.name);
        let told = run(target, seed, &Until::Time(Duration::from_secs(minutes * 60)));
        let (slow, bytes) = told.slowest;
        println!(
            "{}: {} rounds, {} accepted; the slowest took {} ms, on {bytes} bytes",
            target.name,
            told.rounds,
            told.accepted,
            slow.as_millis(),
        );
    }
}
