//! How much an agent at its limits slows down the turns of another: `tests/run bench limits`.
//!
//! The release binary against a stub of the cloud, as in `turn`. In each of five runs, a turn of the small agent is
//! measured alone and then beside another agent that does its worst, in a fresh host for each sort of worst. The table
//! shows the median of the runs and their range. Nothing here fails on a figure.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is read from its output")]
#![allow(clippy::disallowed_methods, reason = "the fences of clippy.toml are for the host")]

#[allow(dead_code, reason = "each benchmark uses its share")]
mod support;

use anyhow::{Context as _, Result, ensure};
use sophon_tests::{Site, page};
use std::path::{Path, PathBuf};
use support::bucket::Buckets;
use support::cloud::Cloud;
use support::driver::{Driver, Load, Plan, Turn};
use support::figure::{Row, median_ms, p99_ms, table};
use support::guest::Target;
use support::host::Host;
use support::proc;

const RUNS: usize = 5;
const WARM_UP: Plan = Plan { text: "hello", turns: 50, at_once: 1 };
const PLAN: Plan = Plan { text: "hello", turns: 400, at_once: 1 };

/// The most that anybody gets.
const LIMITS: &str = "[limits]\ncpu = \"1h\"\nwall = \"1h\"\nmemory = \"256MiB\"\noutput = \"16MiB\"\ncalls = 1000000000\n\
     programs = 10000\n[[want.exec]]\nprogram = \"/usr/bin/true\"\nwhy = \"to start it\"\n\
     [[want.http]]\nurl = \"http://127.0.0.1:*/*\"\nwhy = \"to send it\"\n\
     [[want.files]]\npath = \"work\"\nwhy = \"to write there\"\n";

/// What the other agent does, in words and in deeds; `SITE` is where a server is that answers.
const WORST: [(&str, &str, usize); 12] = [
    ("2 turns that compute", "mull", 2),
    ("8 turns that compute", "mull", 8),
    ("32 turns that compute", "mull", 32),
    ("4 turns that fill their memory", "memory", 4),
    ("4 turns that flood output", "flood", 4),
    ("4 turns that flood the log", "calls", 4),
    ("4 turns that flood their state", "state session time 1000000", 4),
    ("4 turns that start programs", "exec again 10000 /usr/bin/true", 4),
    ("4 turns that send requests", "http time SITE 1000000", 4),
    ("4 turns that ask what a rule allows", "nag", 4),
    ("4 turns that write files", "files again /work/file", 4),
    ("4 turns that show cards", "deal 1000", 4),
];

/// Medians and 99th percentiles of a pass, in milliseconds.
struct Latency {
    text: [Option<f64>; 2],
    end: [Option<f64>; 2],
}

impl Latency {
    fn of(turns: &[&Turn]) -> Self {
        let both = |time: fn(&Turn) -> Option<std::time::Duration>| {
            [median_ms(turns.iter().map(|turn| time(turn))), p99_ms(turns.iter().map(|turn| time(turn)))]
        };
        Self { text: both(Turn::to_text), end: both(Turn::to_end) }
    }
}

/// Alone, and beside the worst.
type Pair = (Latency, Latency);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    if !std::env::args().any(|flag| flag == "--bench") {
        println!(
            "skipped: this measures optimised code only; run it with `cargo bench -p sophon-tests --bench limits`"
        );
        return Ok(());
    }
    let target = Target::find()?;
    // One sort, if a word of it is given.
    let only = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let worst: Vec<_> = WORST.into_iter().filter(|(words, ..)| words.contains(&only)).collect();
    ensure!(!worst.is_empty(), "nobody does `{only}` here");
    let parts = (target.host()?, target.build_guest("twice")?, target.build_guest("probe")?);
    let mut all: Vec<Vec<Pair>> = Vec::new();
    for &(words, text, at_once) in &worst {
        let mut runs = Vec::with_capacity(RUNS);
        for number in 1..=RUNS {
            eprintln!("beside {words}: run {number} of {RUNS}");
            let site = Site::start(|_| page("text/plain", "x")).await?;
            let load = Load { agent: "worst", text: text.replace("SITE", &site.url("/")), at_once };
            runs.push(run(&parts, &load).await.with_context(|| format!("beside {words}"))?);
        }
        all.push(runs);
    }
    print!("{}", table([""; 3], &rows(&worst, &all)));
    println!("Milliseconds from the update. First text: the first sendMessageDelta, or the end where there was none.");
    println!("{}; tests/run bench limits (cargo bench -p sophon-tests --bench limits)", proc::machine());
    Ok(())
}

async fn run((binary, twice, probe): &(PathBuf, PathBuf, PathBuf), load: &Load) -> Result<Pair> {
    let cloud = Cloud::start(Buckets::unlimited()).await?;
    let agents: [(&str, &Path, &str); 2] = [("twice", twice, ""), (load.agent, probe, LIMITS)];
    let mut host = Host::with(binary, &agents, cloud.addr())?;
    let mut driver = Driver::connect(cloud, &mut host).await?;
    driver.pass(&WARM_UP).await?;
    let alone = Latency::of(&driver.pass(&PLAN).await?.turns.iter().collect::<Vec<_>>());
    let beside = Latency::of(&driver.beside(&PLAN, load).await?);
    // It is killed with its load.
    drop(host);
    Ok((alone, beside))
}

fn rows(worst: &[(&str, &str, usize)], all: &[Vec<Pair>]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |name: String, digits, reach, runs: Vec<Option<f64>>| {
        let name: &'static str = Box::leak(name.into_boxed_str());
        rows.push(Row { name, digits, reach, others: [""; 3], runs });
    };
    for ((words, ..), runs) in worst.iter().zip(all) {
        for (what, at, reach) in [("median", 0, "<= 1.20"), ("99 of 100 within", 1, "")] {
            let of = |figure: fn(&Pair) -> [Option<f64>; 2]| runs.iter().map(|run| figure(run)[at]).collect::<Vec<_>>();
            let (alone, beside) = (of(|run| run.0.end), of(|run| run.1.end));
            let ratio = alone.iter().zip(&beside).map(|(alone, beside)| Some((*beside)? / (*alone)?)).collect();
            row(format!("{words}: {what} to the end, alone"), 2, "", alone);
            row(format!("{words}: {what} to the end, beside"), 2, "", beside);
            row(format!("{words}: {what} to first text, beside"), 2, "", of(|run| run.1.text));
            row(format!("{words}: {what} to the end, ratio"), 2, reach, ratio);
        }
    }
    rows
}
