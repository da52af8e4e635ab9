//! From the start of the program to the cloud's `ready`: `tests/run bench start`.
//!
//! The release binary in its own process, with 1, 10 and 100 agents, copies of `echo` that differ in their digests; cold,
//! with an empty data folder, and warm, with what was compiled before. The table shows the median of the runs and their
//! range. Below it, once each: a start with one agent that is large, or as bad for the compiler as the bounds let through.
//! The latter alone: `-- large` behind cargo's words. Nothing here fails on a figure.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is read from its output")]
#![allow(clippy::disallowed_methods, reason = "the fences of clippy.toml are for the host")]

#[allow(dead_code, reason = "each benchmark uses its share")]
mod support;

use anyhow::{Context as _, Result};
use std::path::Path;
use std::time::{Duration, Instant};
use support::bucket::Buckets;
use support::cloud::Cloud;
use support::figure::{Row, table};
use support::guest::Target;
use support::host::{Home, Host};
use support::made::{self, Filling};
use support::proc;
use support::streams::dialled_within;

const RUNS: usize = 5;
/// From `ready` to the look at idle memory: what it does behind its start is done.
const REST: Duration = Duration::from_secs(2);

/// How long the host may take until it dials: compiling is given up before that.
const PATIENCE: Duration = Duration::from_secs(16 * 60);
const MEGABYTE: usize = 1_000_000;
/// Components that are large, and what of.
const LARGE: [(&str, Filling, usize); 8] = [
    ("1 MB of code", Filling::Code, MEGABYTE),
    ("10 MB of code", Filling::Code, 10 * MEGABYTE),
    ("30 MB of code", Filling::Code, 30 * MEGABYTE),
    ("100 MB of code", Filling::Code, 100 * MEGABYTE),
    ("1 MB of data", Filling::Data, MEGABYTE),
    ("10 MB of data", Filling::Data, 10 * MEGABYTE),
    ("100 MB of data", Filling::Data, 100 * MEGABYTE),
    ("the worst that is let through", Filling::Worst, 0),
];

/// What one start showed: milliseconds and MiB.
struct Start {
    ready: f64,
    resident: f64,
    peak: f64,
    /// Seconds of processors.
    cpu: f64,
}

/// The starts of one number of agents.
#[derive(Default)]
struct Starts {
    cold: Vec<Start>,
    warm: Vec<Start>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    if !std::env::args().any(|flag| flag == "--bench") {
        println!("skipped: this measures optimised code only; run it with `cargo bench -p sophon-tests --bench start`");
        return Ok(());
    }
    let target = Target::find()?;
    let (binary, component) = (target.host()?, std::fs::read(target.build_guest("echo")?)?);
    if !std::env::args().any(|word| word == "large") {
        of_many(&binary, &component).await?;
    }
    for (name, filling, bytes) in LARGE {
        large(&binary, name, &made::component(&component, filling, bytes)).await?;
    }
    println!("{}; tests/run bench start (cargo bench -p sophon-tests --bench start)", proc::machine());
    Ok(())
}

/// Starts with one agent and with many, several times.
async fn of_many(binary: &Path, component: &[u8]) -> Result<()> {
    let mut all = Vec::new();
    for agents in [1, 10, 100] {
        let mut starts = Starts::default();
        for number in 1..=RUNS {
            eprintln!("{agents} agents, run {number} of {RUNS}");
            run(binary, component, agents, &mut starts).await?;
        }
        all.push((agents, starts));
    }
    let rows: Vec<Row> = all.iter().flat_map(|(agents, starts)| rows(*agents, starts)).collect();
    print!("{}", table([""; 3], &rows));
    Ok(())
}

/// Starts with one large agent, and says what it took.
async fn large(binary: &Path, name: &str, component: &[u8]) -> Result<()> {
    let mut starts = Starts::default();
    let home = run(binary, component, 1, &mut starts).await.with_context(|| format!("{name}: failed"))?;
    // No folder, or nothing but the key in it: nothing was compiled.
    let compiled = std::fs::read_dir(home.path().join("data/compiled")).into_iter().flatten();
    let sizes = compiled.map(|file| Ok(file?.metadata()?.len())).collect::<Result<Vec<_>>>()?;
    let kept = match sizes.len() {
        0 | 1 => "refused".to_owned(),
        _ => format!("{:.0} MiB of machine code", sizes.iter().sum::<u64>() as f64 / f64::from(1 << 20)),
    };
    let cold = starts.cold.iter().map(|start| ("cold", start));
    for (what, Start { ready, resident, peak, cpu }) in cold.chain(starts.warm.iter().map(|start| ("warm", start))) {
        println!(
            "{name}, {what}: {ready:.0} ms, {cpu:.2} s of processors, {peak:.0} MiB at its peak, {resident:.0} then"
        );
    }
    println!("{name}: {:.1} MB, {kept}", component.len() as f64 / MEGABYTE as f64);
    Ok(())
}

/// A first start and a second one.
async fn run(binary: &Path, component: &[u8], agents: usize, starts: &mut Starts) -> Result<Home> {
    let cloud = Cloud::start(Buckets::unlimited()).await?;
    let home = Home::with_copies(component, agents, cloud.addr())?;
    starts.cold.push(start(binary, &home, cloud).await.context("a cold start failed")?);
    let cloud = Cloud::start(Buckets::unlimited()).await?;
    home.points_to(cloud.addr())?;
    starts.warm.push(start(binary, &home, cloud).await.context("a warm start failed")?);
    Ok(home)
}

async fn start(binary: &Path, home: &Home, mut cloud: Cloud) -> Result<Start> {
    let begun = Instant::now();
    let mut host = Host::start_in(binary, home)?;
    let _updates = dialled_within(&mut cloud, &mut host, PATIENCE).await?;
    let ready = begun.elapsed().as_secs_f64() * 1e3;
    tokio::time::sleep(REST).await;
    let (resident, peak, cpu) = (host.process.resident()?, host.process.peak()?, host.process.cpu()?.as_secs_f64());
    host.stop().await?;
    Ok(Start { ready, resident, peak, cpu })
}

fn rows(agents: usize, starts: &Starts) -> [Row; 4] {
    let names = match agents {
        1 => [
            "1 agent, cold: ready, ms",
            "1 agent, warm: ready, ms",
            "1 agent, cold: idle, MiB",
            "1 agent, warm: idle, MiB",
        ],
        10 => [
            "10 agents, cold: ready, ms",
            "10 agents, warm: ready, ms",
            "10 agents, cold: idle, MiB",
            "10 agents, warm: idle, MiB",
        ],
        _ => [
            "100 agents, cold: ready, ms",
            "100 agents, warm: ready, ms",
            "100 agents, cold: idle, MiB",
            "100 agents, warm: idle, MiB",
        ],
    };
    let reach = match agents {
        1 => ["", "", "", "<= 40"],
        10 => ["", "<= 150", "", ""],
        _ => [""; 4],
    };
    let row = |place: usize, starts: &[Start], figure: fn(&Start) -> f64| {
        let runs = starts.iter().map(|start| Some(figure(start))).collect();
        Row { name: names[place], digits: 1, reach: reach[place], others: [""; 3], runs }
    };
    let ready = |start: &Start| start.ready;
    let resident = |start: &Start| start.resident;
    [
        row(0, &starts.cold, ready),
        row(1, &starts.warm, ready),
        row(2, &starts.cold, resident),
        row(3, &starts.warm, resident),
    ]
}
