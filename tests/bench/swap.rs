//! What it takes until new code answers, and what turns notice of it: `tests/run bench swap`.
//!
//! The release binary in its own process. A component is renamed into its place while the host runs; the host's log tells
//! how long it took over what. `twice` is a small agent, whose turns are looked at, too; the largest of the plugins is
//! timed until it answers. Nothing here fails on a figure.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is read from its output")]
#![allow(clippy::disallowed_methods, reason = "the fences of clippy.toml are for the host")]

#[allow(dead_code, reason = "each benchmark uses its share")]
mod support;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::bucket::Buckets;
use support::cloud::Cloud;
use support::driver::{Driver, Plan};
use support::figure::{Row, p99_ms, table};
use support::guest::Target;
use support::host::{Home, Host};
use support::proc;

/// Swaps of each kind.
const SWAPS: usize = 15;
/// The host waits so long for a file to stand still.
const SETTLE: f64 = 50.0;
/// Between two swaps under turns.
const BETWEEN: Duration = Duration::from_millis(250);
const WARM_UP: Plan = Plan { text: "hello", turns: 200, at_once: 4 };
const TALK: Plan = Plan { text: "hello", turns: 12_000, at_once: 4 };
const RUNS: usize = 3;

/// One agent whose component is replaced.
struct Stage {
    file: PathBuf,
    log: PathBuf,
    component: Vec<u8>,
    /// Lines of the log that were read.
    read: usize,
}

/// One swap, in milliseconds.
struct Swap {
    /// From the rename until the host said that it answers.
    total: f64,
    /// What the host says of it.
    parts: [f64; 5],
}

const PARTS: [&str; 5] = ["read_us", "compile_us", "link_us", "prove_us", "swap_us"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    if !std::env::args().any(|flag| flag == "--bench") {
        println!("skipped: this measures optimised code only; run it with `cargo bench -p sophon-tests --bench swap`");
        return Ok(());
    }
    let target = Target::find()?;
    let (binary, small) = (target.host()?, fs::read(target.build_guest("twice")?)?);
    let large = ["echo", "fetch", "shell"].map(|name| target.build_guest(name).and_then(|path| Ok(fs::read(path)?)));
    let large = large.into_iter().collect::<Result<Vec<_>>>()?.into_iter().max_by_key(Vec::len).context("a plugin")?;
    let mut rows = Vec::new();
    for (names, component) in [(SMALL, &small), (LARGE, &large)] {
        eprintln!("a component of {} KiB", component.len() >> 10);
        rows.extend(swaps(&binary, component, names).await?);
    }
    rows.extend(under_turns(&binary, &small).await?);
    print!("{}", table([""; 3], &rows));
    println!(
        "{} KiB and {} KiB; the wait of {SETTLE} ms for a file to stand still is in the totals",
        small.len() >> 10,
        large.len() >> 10
    );
    println!("{}; tests/run bench swap (cargo bench -p sophon-tests --bench swap)", proc::machine());
    Ok(())
}

type Names = [[&'static str; 7]; 2];

const SMALL: Names = [
    [
        "small, new: rename to answering, ms",
        "small, new: notice, ms",
        "small, new: read, ms",
        "small, new: compile, ms",
        "small, new: link, ms",
        "small, new: prove, ms",
        "small, new: swap, ms",
    ],
    [
        "small, compiled before: rename to answering, ms",
        "small, compiled before: notice, ms",
        "small, compiled before: read, ms",
        "small, compiled before: compile, ms",
        "small, compiled before: link, ms",
        "small, compiled before: prove, ms",
        "small, compiled before: swap, ms",
    ],
];
const LARGE: Names = [
    [
        "large, new: rename to answering, ms",
        "large, new: notice, ms",
        "large, new: read, ms",
        "large, new: compile, ms",
        "large, new: link, ms",
        "large, new: prove, ms",
        "large, new: swap, ms",
    ],
    [
        "large, compiled before: rename to answering, ms",
        "large, compiled before: notice, ms",
        "large, compiled before: read, ms",
        "large, compiled before: compile, ms",
        "large, compiled before: link, ms",
        "large, compiled before: prove, ms",
        "large, compiled before: swap, ms",
    ],
];

/// Swaps one after the other, with nothing else to do: components never seen before, and ones compiled before.
async fn swaps(binary: &Path, component: &[u8], names: Names) -> Result<Vec<Row>> {
    let cloud = Cloud::start(Buckets::unlimited()).await?;
    let (home, mut stage) = Stage::make(component, cloud.addr())?;
    let mut host = Host::start_told(binary, &home, &stage.log)?;
    let driver = Driver::connect(cloud, &mut host).await?;
    let (mut new, mut known) = (Vec::new(), Vec::new());
    for number in 0..SWAPS {
        new.push(stage.swap(number).await?);
    }
    for number in (0..SWAPS).rev().skip(1) {
        known.push(stage.swap(number).await?);
    }
    driver.finish(host).await?;
    Ok([(names[0], new), (names[1], known)].into_iter().flat_map(|(names, swaps)| rows(names, &swaps)).collect())
}

fn rows(names: [&'static str; 7], swaps: &[Swap]) -> Vec<Row> {
    let reach = |at: usize| if at == 0 && names[0].starts_with("small, compiled") { "<= 60 + 50" } else { "" };
    let figure = |swap: &Swap, at: usize| match at {
        0 => swap.total,
        // Whatever the host does not speak of.
        1 => swap.total - SETTLE - swap.parts.iter().sum::<f64>(),
        at => swap.parts[at - 2],
    };
    let row = |at: usize| Row {
        name: names[at],
        digits: 2,
        reach: reach(at),
        others: [""; 3],
        runs: swaps.iter().map(|swap| Some(figure(swap, at))).collect(),
    };
    (0..7).map(row).collect()
}

/// What turns notice of swaps.
async fn under_turns(binary: &Path, component: &[u8]) -> Result<Vec<Row>> {
    let (mut quiet, mut busy, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        eprintln!("turns, run {} of {RUNS}", run + 1);
        let cloud = Cloud::start(Buckets::unlimited()).await?;
        let (home, mut stage) = Stage::make(component, cloud.addr())?;
        let mut host = Host::start_told(binary, &home, &stage.log)?;
        let mut driver = Driver::connect(cloud, &mut host).await?;
        driver.pass(&WARM_UP).await?;
        let p99 = |pass: support::driver::Pass<'_>| p99_ms(pass.turns.iter().map(|turn| turn.to_end()));
        let without = p99(driver.pass(&TALK).await?);
        let with = tokio::select! {
            pass = driver.pass(&TALK) => p99(pass?),
            failed = stage.swap_on() => return Err(failed),
        };
        driver.finish(host).await?;
        ratios.push(with.zip(without).map(|(with, without)| with / without));
        quiet.push(without);
        busy.push(with);
    }
    let row = |name, digits, reach, runs| Row { name, digits, reach, others: [""; 3], runs };
    Ok(vec![
        row("4 at once, no swap: p99 to the end, ms", 2, "", quiet),
        row("4 at once, a swap each 250 ms: p99 to the end, ms", 2, "", busy),
        row("the latter over the former", 2, "<= 1.2", ratios),
    ])
}

impl Stage {
    fn make(component: &[u8], cloud: std::net::SocketAddr) -> Result<(Home, Self)> {
        let home = Home::with_copies(component, 1, cloud)?;
        let (file, log) = (home.component_of(0), home.path().join("log"));
        Ok((home, Self { file, log, component: component.to_vec(), read: 0 }))
    }

    /// Puts a version in place: the component with a section that only differs.
    fn put(&self, number: usize) -> Result<Instant> {
        let (mut bytes, mark) = (self.component.clone(), format!("version {number:06}"));
        // A section of no meaning: its kind, its size, the length of its name, its name and what it holds.
        bytes.extend([0, u8::try_from(mark.len() + 2)?, 1, b'n']);
        bytes.extend(mark.bytes());
        let draft = self.file.with_extension("draft");
        fs::write(&draft, bytes)?;
        let begun = Instant::now();
        fs::rename(&draft, &self.file)?;
        Ok(begun)
    }

    /// Puts a version in place, and waits until it answers.
    async fn swap(&mut self, number: usize) -> Result<Swap> {
        let begun = self.put(number)?;
        let told = loop {
            if let Some(told) = self.told()? {
                break told;
            }
            ensure!(begun.elapsed() < Duration::from_secs(30), "the host did not swap within 30 s");
            tokio::time::sleep(Duration::from_micros(200)).await;
        };
        let total = begun.elapsed().as_secs_f64() * 1e3;
        let part = |name: &str| told["fields"][name].as_f64().with_context(|| format!("no {name} in {told}"));
        let mut parts = [0.0; 5];
        for (at, name) in PARTS.into_iter().enumerate() {
            parts[at] = part(name)? / 1e3;
        }
        Ok(Swap { total, parts })
    }

    /// Swaps again and again, until something fails.
    async fn swap_on(&mut self) -> anyhow::Error {
        for number in 0.. {
            if let Err(error) = self.swap(number).await {
                return error;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        anyhow::Error::msg("there are no more numbers")
    }

    /// What the host says of the next swap, if it has said so.
    fn told(&mut self) -> Result<Option<Value>> {
        let text = fs::read_to_string(&self.log)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines().skip(self.read) {
            self.read += 1;
            // What it says for people is no JSON.
            let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
            if line["fields"]["message"] == "a new version answers" {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }
}
