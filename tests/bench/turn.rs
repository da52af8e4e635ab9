//! What one turn costs: `tests/run bench turn`.
//!
//! The release binary in its own process, against a bare stub of the cloud in this one, both on the loopback. Five
//! runs, each with a fresh host; the table shows the median of the runs and their range. Nothing here fails on a
//! figure, and everything on a turn that is not as it must be.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is read from its output")]
#![allow(clippy::disallowed_methods, reason = "the fences of clippy.toml are for the host")]

#[allow(dead_code, reason = "each benchmark uses its share")]
mod support;

use anyhow::{Context as _, Result};
use std::path::Path;
use std::time::Duration;
use support::bucket::Buckets;
use support::cloud::Cloud;
use support::driver::{Driver, Pass, Plan};
use support::figure::{Row, median_ms, table};
use support::guest::Target;
use support::host::Host;
use support::proc::{self, Process};

const RUNS: usize = 5;
/// From `ready` to the look at idle memory.
const REST: Duration = Duration::from_secs(1);

const WARM_UP: Plan = Plan { text: "hello", turns: 50, at_once: 1 };
const ALONE: Plan = Plan { text: "hello", turns: 500, at_once: 1 };
const PAUSE: Plan = Plan { text: "pause please", turns: 100, at_once: 1 };
const CROWD: Plan = Plan { text: "hello", turns: 10_000, at_once: 100 };

/// What one run showed. Times in milliseconds, memory in MiB.
struct Figures {
    alone: Latency,
    delta: Option<f64>,
    crowd: Latency,
    rate: f64,
    cpu: f64,
    stub_cpu: f64,
    idle: f64,
    idle_proportional: f64,
    peak: f64,
}

/// Medians of a pass, from the update.
struct Latency {
    bubble: Option<f64>,
    text: Option<f64>,
    end: Option<f64>,
    /// How many of a hundred turns had a delta before their end.
    with_delta: f64,
}

impl Latency {
    fn of(pass: &Pass<'_>) -> Self {
        let turns = pass.turns;
        let with_delta = turns.iter().filter(|turn| turn.to_delta().is_some()).count();
        Self {
            bubble: median_ms(turns.iter().map(|turn| turn.to_bubble())),
            text: median_ms(turns.iter().map(|turn| turn.to_text())),
            end: median_ms(turns.iter().map(|turn| turn.to_end())),
            with_delta: 100.0 * with_delta as f64 / turns.len() as f64,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    if !std::env::args().any(|flag| flag == "--bench") {
        println!("skipped: this measures optimised code only; run it with `cargo bench -p sophon-tests --bench turn`");
        return Ok(());
    }
    let target = Target::find()?;
    let (binary, component) = (target.host()?, target.build_guest("twice")?);
    let mut runs = Vec::with_capacity(RUNS);
    for number in 1..=RUNS {
        eprintln!("run {number} of {RUNS}");
        runs.push(run(&binary, &component).await.with_context(|| format!("run {number} of {RUNS} failed"))?);
    }
    print!("{}", table(["TypeScript", "Python", "Go"], &rows(&runs)));
    println!("First text: the first sendMessageDelta, or the end where that came without one.");
    println!("The last three columns: the example connectors, without any sandbox, measured on this kind of machine.");
    println!("{}; tests/run bench turn (cargo bench -p sophon-tests --bench turn)", proc::machine());
    Ok(())
}

async fn run(binary: &Path, component: &Path) -> Result<Figures> {
    let cloud = Cloud::start(Buckets::unlimited()).await?;
    let mut host = Host::start(binary, "twice", component, cloud.addr())?;
    let mut driver = Driver::connect(cloud, &mut host).await?;
    tokio::time::sleep(REST).await;
    let (idle, idle_proportional) = (host.process.resident()?, host.process.proportional()?);
    driver.pass(&WARM_UP).await?;
    let alone = Latency::of(&driver.pass(&ALONE).await?);
    let delta = median_ms(driver.pass(&PAUSE).await?.turns.iter().map(|turn| turn.to_delta()));
    let (before, stub_before) = (host.process.cpu()?, Process::own().cpu()?);
    let pass = driver.pass(&CROWD).await?;
    let turns = pass.turns.len() as f64;
    let a_turn = |spent: Duration| spent.as_secs_f64() * 1e3 / turns;
    let figures = Figures {
        alone,
        delta,
        crowd: Latency::of(&pass),
        rate: turns / pass.took.as_secs_f64(),
        cpu: a_turn(host.process.cpu()? - before),
        stub_cpu: a_turn(Process::own().cpu()? - stub_before),
        idle,
        idle_proportional,
        peak: host.process.peak()?,
    };
    driver.finish(host).await?;
    Ok(figures)
}

fn rows(runs: &[Figures]) -> Vec<Row> {
    let row = |name, digits, reach, others, figure: fn(&Figures) -> Option<f64>| {
        let runs = runs.iter().map(figure).collect();
        Row { name, digits, reach, others, runs }
    };
    let alone = [["0.5", "0.4", "0.2"], ["1.2", "0.7", "-"], ["3.4", "1.4", "0.8"]];
    let (rate, idle, peak) = (["768", "438", "3300"], ["55", "-", "7"], ["169", "-", "15"]);
    let none = [""; 3];
    vec![
        row("1 at once: to sendMessage, ms", 2, "<= 0.3", alone[0], |run| run.alone.bubble),
        row("1 at once: to first text, ms", 2, "", alone[1], |run| run.alone.text),
        row("1 at once: to sendMessageEnd, ms", 2, "<= 1.0", alone[2], |run| run.alone.end),
        row("1 at once: turns with a delta, %", 0, "", none, |run| Some(run.alone.with_delta)),
        row("1 at once, agent pauses: to first delta, ms", 2, "", none, |run| run.delta),
        row("100 at once: to sendMessage, ms", 2, "", none, |run| run.crowd.bubble),
        row("100 at once: to first text, ms", 2, "", none, |run| run.crowd.text),
        row("100 at once: to sendMessageEnd, ms", 2, "", none, |run| run.crowd.end),
        row("100 at once: turns with a delta, %", 0, "", none, |run| Some(run.crowd.with_delta)),
        row("100 at once: turns a second", 0, ">= 2500", rate, |run| Some(run.rate)),
        row("100 at once: CPU of the host a turn, ms", 3, "", none, |run| Some(run.cpu)),
        row("100 at once: CPU of the stub a turn, ms", 3, "", none, |run| Some(run.stub_cpu)),
        row("memory idle (VmRSS), MiB", 1, "<= 40", idle, |run| Some(run.idle)),
        row("memory idle (Pss), MiB", 1, "", none, |run| Some(run.idle_proportional)),
        row("memory at peak (VmHWM), MiB", 1, "", peak, |run| Some(run.peak)),
    ]
}
