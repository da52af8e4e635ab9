//! What a capability costs an agent: `tests/run bench capability`.
//!
//! A guest measures from within, in this process, against a store in a file: each call goes out of the sandbox, through
//! the host's checks and back. The table shows the median of the runs and their range. Nothing here fails on a figure.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is read from its output")]
#![allow(clippy::disallowed_methods, reason = "the fences of clippy.toml are for the host")]

#[allow(dead_code, reason = "each benchmark uses its share")]
mod support;

use anyhow::{Context as _, Result, ensure};
use sophon_host::capability::Settings;
use sophon_host::grant::{Answer, Effect};
use sophon_host::wasm::Ended;
use sophon_tests::{Alone, Site, page, rule, web_rule};
use std::time::Instant;
use support::figure::{Row, table};
use support::guest::Target;
use support::proc;

const RUNS: usize = 5;
/// Sets and gets of one run: as many as an agent may make at a stretch, and so many that it gives way.
const CALLS: [usize; 2] = [100, 10_000];

/// Requests of one run.
const REQUESTS: usize = 500;

/// Programs of one run: fewer than an agent starts before it has to wait. And questions.
const PROGRAMS: usize = 15;
const QUESTIONS: usize = 500;
const PROGRAM: &str = "/usr/bin/true";

/// Medians of one run, in microseconds.
struct Medians {
    exec: f64,
    spawn: f64,
    /// By a rule, and by a person.
    approval: [f64; 2],
    /// Of few and of many.
    set: [f64; 2],
    get: [f64; 2],
    http: f64,
    direct: f64,
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
    println!(
        "Requests go to a server in this process, each over a connection of its own; each is written into the audit log."
    );
    println!(
        "A program is held by a launcher, hashed, confined by the kernel, and written into the audit log; so are questions."
    );
    println!("A value of 100 bytes, one of 100 keys. A set is durable over the death of the process when it returns.");
    println!("{}; tests/run bench capability (cargo bench -p sophon-tests --bench capability)", proc::machine());
    Ok(())
}

async fn run() -> Result<Medians> {
    let micros = |nanos: &str| nanos.parse::<f64>().map(|nanos| nanos / 1e3).context("no figure");
    let (mut set, mut get) = ([0.0; 2], [0.0; 2]);
    for (at, calls) in CALLS.into_iter().enumerate() {
        let probe = Alone::new("tireless", Settings::default())?;
        let text = probe.ask(&format!("state session time {calls}")).await?;
        let (one, other) = text.split_once(' ').with_context(|| format!("no two figures: {text}"))?;
        (set[at], get[at]) = (micros(one)?, micros(other)?);
    }
    let site = Site::start(|_| page("text/plain", &"x".repeat(1_024))).await?;
    let mut probe = Alone::new("tireless", Settings::default())?;
    probe.rules = vec![web_rule(Effect::Allow, &["127.0.0.1/32"])];
    let http = probe.ask(&format!("http time {} {REQUESTS}", site.url("/"))).await?;
    let direct = direct(&site.url("/")).await?;
    let mut probe = Alone::new("tireless", Settings::default())?.with_programs(&Target::find()?.host()?)?;
    probe.rules = vec![rule(Effect::Allow, &format!("exec {PROGRAM}")), rule(Effect::Allow, "own *")];
    let exec = micros(&probe.ask(&format!("exec time {PROGRAMS} {PROGRAM}")).await?)?;
    let by_rule = approval(&probe).await?;
    probe.rules.clear();
    probe.person = Answer::Once;
    let (spawn, approval) = (spawn().await?, [by_rule, approval(&probe).await?]);
    Ok(Medians { exec, spawn, approval, set, get, http: micros(&http)?, direct })
}

/// What a question costs whose answer is there: many of one turn, less what a turn without one costs.
async fn approval(probe: &Alone) -> Result<f64> {
    let timed = async |questions: usize| {
        let begun = Instant::now();
        let ended = probe.run(&format!("ask{}", " eat".repeat(questions))).await?;
        ensure!(matches!(ended, Ended::Answered(_)), "{ended:?}");
        anyhow::Ok(begun.elapsed().as_secs_f64() * 1e6)
    };
    let none = timed(0).await?;
    Ok((timed(QUESTIONS).await? - none) / QUESTIONS as f64)
}

/// The same program without a host: the median in microseconds.
async fn spawn() -> Result<f64> {
    let mut all = Vec::with_capacity(PROGRAMS);
    for _ in 0..PROGRAMS {
        let begun = Instant::now();
        let done = tokio::process::Command::new(PROGRAM).env_clear().output().await?;
        ensure!(done.status.success(), "{PROGRAM} failed");
        all.push(begun.elapsed());
    }
    all.sort_unstable();
    Ok(all[PROGRAMS / 2].as_secs_f64() * 1e6)
}

/// The same requests without a host: the median in microseconds.
async fn direct(url: &str) -> Result<f64> {
    // A second installation says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
    let mut all = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let start = Instant::now();
        client.get(url).header("connection", "close").send().await?.bytes().await?;
        all.push(start.elapsed());
    }
    all.sort_unstable();
    Ok(all[REQUESTS / 2].as_secs_f64() * 1e6)
}

fn rows(runs: &[Medians]) -> Vec<Row> {
    let row = |name, figure: fn(&Medians) -> f64| {
        let runs = runs.iter().map(|run| Some(figure(run))).collect();
        Row { name, digits: 1, reach: "", others: [""; 3], runs }
    };
    vec![
        row("state set, µs", |run| run.set[0]),
        row("state get, µs", |run| run.get[0]),
        row("state set, by an agent that gives way, µs", |run| run.set[1]),
        row("state get, by an agent that gives way, µs", |run| run.get[1]),
        row("http: an allowed GET of 1 KB, µs", |run| run.http),
        row("http: the same with reqwest alone, µs", |run| run.direct),
        row("http: ratio", |run| run.http / run.direct),
        row("exec: a program that does nothing, µs", |run| run.exec),
        row("exec: the same by a bare spawn, µs", |run| run.spawn),
        row("exec: ratio", |run| run.exec / run.spawn),
        row("approval: a question that a rule answers, µs", |run| run.approval[0]),
        row("approval: a question whose answer by a person is there, µs", |run| run.approval[1]),
    ]
}
