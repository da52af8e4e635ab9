//! What users see when many agents stream at once: `tests/run bench stream`.
//!
//! The release binary in its own process, against a stub of the cloud in this one that enforces the documented buckets
//! exactly. 100 agents write a token every 8 ms for 20 s, all at once; the `delta` bucket gives 100 requests a second.
//! Nothing here fails on a figure.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is read from its output")]
#![allow(clippy::disallowed_methods, reason = "the fences of clippy.toml are for the host")]

#[allow(dead_code, reason = "each benchmark uses its share")]
mod support;

use anyhow::{Context as _, Result};
use std::path::Path;
use std::time::Duration;
use support::bucket::Buckets;
use support::cloud::Cloud;
use support::figure::{Row, median_ms, table};
use support::guest::Target;
use support::host::Host;
use support::proc;
use support::streams::{Streams, stream};

const RUNS: usize = 3;
const STREAMS: usize = 100;
/// Of 8 ms each.
const TOKENS: usize = 2_500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    if !std::env::args().any(|flag| flag == "--bench") {
        println!(
            "skipped: this measures optimised code only; run it with `cargo bench -p sophon-tests --bench stream`"
        );
        return Ok(());
    }
    let target = Target::find()?;
    let (binary, component) = (target.host()?, target.build_guest("probe")?);
    let mut runs = Vec::with_capacity(RUNS);
    for number in 1..=RUNS {
        eprintln!("run {number} of {RUNS}");
        runs.push(run(&binary, &component).await.with_context(|| format!("run {number} of {RUNS} failed"))?);
    }
    print!("{}", table(["best possible", "", ""], &rows(&runs)));
    println!("Update interval: the mean time between two deltas of a bubble; the best is 100 streams by 100 a second.");
    println!("All agents end in one moment, and the `msg` bucket holds 30 and gives 10 a second to their ends.");
    println!("{}; tests/run bench stream (cargo bench -p sophon-tests --bench stream)", proc::machine());
    Ok(())
}

async fn run(binary: &Path, component: &Path) -> Result<Streams> {
    let cloud = Cloud::start(Buckets::documented()).await?;
    let host = Host::start(binary, "probe", component, cloud.addr())?;
    stream(cloud, host, STREAMS, TOKENS).await
}

fn rows(runs: &[Streams]) -> Vec<Row> {
    let row = |name, digits, reach, best, figure: fn(&Streams) -> Option<f64>| {
        let runs = runs.iter().map(figure).collect();
        Row { name, digits, reach, others: [best, "", ""], runs }
    };
    vec![
        row("update interval, median bubble, ms", 0, "", "1000", |run| {
            median_ms(run.streams.iter().map(|stream| stream.interval()))
        }),
        row("update interval, slowest bubble, ms", 0, "<= 1300", "1000", |run| {
            most_ms(run.streams.iter().map(|stream| stream.interval()))
        }),
        row("agent's end to sendMessageEnd, median, ms", 0, "", "2000", |run| {
            median_ms(run.streams.iter().map(|stream| stream.to_end))
        }),
        row("agent's end to sendMessageEnd, slowest, ms", 0, "", "7000", |run| {
            most_ms(run.streams.iter().map(|stream| stream.to_end))
        }),
        row("requests answered with 429", 0, "0", "0", |run| Some(run.refused as f64)),
        row("bytes lost", 0, "0", "0", |run| Some(run.streams.iter().map(|stream| stream.lost).sum::<usize>() as f64)),
    ]
}

fn most_ms(durations: impl Iterator<Item = Option<Duration>>) -> Option<f64> {
    durations.flatten().max().map(|most| most.as_secs_f64() * 1e3)
}
