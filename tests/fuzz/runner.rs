//! Rounds of one target: an input each, made of chance alone, so that every round can be had again.

use crate::mutate::mutate;
use crate::rng::Rng;
use crate::target::Target;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a run goes on.
pub(crate) enum Until {
    Rounds(u64),
    Time(Duration),
}

/// What a run has to tell.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) rounds: u64,
    pub(crate) accepted: u64,
    /// The longest that an input took, and its size.
    pub(crate) slowest: (Duration, usize),
}

/// The committed inputs of a target, and the annotated examples.
pub(crate) fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tests.join("fuzz/corpus").join(target.name);
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("one").path()).collect();
    files.extend(target.examples.iter().map(|example| tests.join("..").join(example)));
    files.sort();
    files.iter().map(|file| fs::read(file).expect("an input can be read")).collect()
}

/// Runs a target. Panics, with what is needed to see it again, when the target does.
pub(crate) fn run(target: &Target, seed: u64, until: &Until) -> Told {
    let (corpus, begun) = (corpus(target), Instant::now());
    let mut told = Told::default();
    while match until {
        Until::Rounds(rounds) => told.rounds < *rounds,
        Until::Time(time) => begun.elapsed() < *time,
    } {
        let input = input(target, &corpus, &mut Rng::of(seed, told.rounds));
        let started = Instant::now();
        let accepted = try_one(target, &input, &format!("of seed {seed}, round {}", told.rounds));
        told.slowest = told.slowest.max((started.elapsed(), input.len()));
        told.accepted += u64::from(accepted);
        told.rounds += 1;
    }
    told
}

/// A fresh input, a damaged one, or one of the corpus, damaged.
fn input(target: &Target, corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let is_fresh = !rng.once_in(3);
    let mut input = if is_fresh { (target.make)(rng) } else { corpus[rng.below(corpus.len())].clone() };
    if !is_fresh || rng.once_in(2) {
        mutate(rng, &mut input, corpus, target.words);
    }
    input
}

/// Gives a target one input. Whether it was accepted.
pub(crate) fn try_one(target: &Target, input: &[u8], origin: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.take)(input))).unwrap_or_else(|_panic| {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}", target.name));
        fs::write(&file, input).expect("the input can be kept");
        panic!(
            "{} failed on the input {origin}; it is in {}. Mend it, and keep the input in tests/fuzz/corpus/{}",
            target.name,
            file.display(),
            target.name,
        )
    })
}
