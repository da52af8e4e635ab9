//! What a capability costs an agent: `tests/run bench capability`.
//!
//! A guest measures from within, in this process, against a store in a file: each call goes out of the sandbox, through
//! the host's checks and back. The table shows the median of the runs and their range. Nothing here fails on a figure.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is read from its output")]
#![allow(clippy::disallowed_methods, reason = "the fences of clippy.toml are for the host")]

#[allow(dead_code, reason = "each benchmark uses its share")]
mod support;

use anyhow::{Context as _, Result};
use sophon_host::capability::Settings;
use sophon_tests::Alone;
use support::figure::{Row, table};
use support::proc;

const RUNS: usize = 5;
/// Sets and gets of one run.
const CALLS: usize = 10_000;

/// Medians of one run, in microseconds.
struct State {
    set: f64,
    get: f64,
}

#[tokio::main]
async fn main() -> Result<()> {
    if !std::env::args().any(|flag| flag == "--bench") {
        println!(
            "skipped: this measures optimised code only; run it with `cargo bench -p sophon-tests --bench capability`"
        );
        return Ok(());
    }
    let mut runs = Vec::with_capacity(RUNS);
    for number in 1..=RUNS {
        eprintln!("run {number} of {RUNS}");
        runs.push(run().await.with_context(|| format!("run {number} of {RUNS} failed"))?);
    }
    print!("{}", table([""; 3], &rows(&runs)));
    println!("A value of 100 bytes, one of 100 keys. A set is durable over the death of the process when it returns.");
    println!("{}; tests/run bench capability (cargo bench -p sophon-tests --bench capability)", proc::machine());
    Ok(())
}

async fn run() -> Result<State> {
    let probe = Alone::new("tireless", Settings::default())?;
    let text = probe.ask(&format!("state session time {CALLS}")).await?;
    let (set, get) = text.split_once(' ').with_context(|| format!("no two figures: {text}"))?;
    let micros = |nanos: &str| nanos.parse::<f64>().map(|nanos| nanos / 1e3).context("no figure");
    Ok(State { set: micros(set)?, get: micros(get)? })
}

fn rows(runs: &[State]) -> Vec<Row> {
    let row = |name, figure: fn(&State) -> f64| {
        let runs = runs.iter().map(|run| Some(figure(run))).collect();
        Row { name, digits: 1, reach: "", others: [""; 3], runs }
    };
    vec![row("state set, µs", |run| run.set), row("state get, µs", |run| run.get)]
}
