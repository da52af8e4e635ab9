//! What an instance costs: `tests/run bench instance`.
//!
//! In this process, on the host's own engine: how long an instance of `echo` takes to be there, how many a second, and
//! what memory turns take that wait for a person. Nothing here fails on a figure.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is read from its output")]
#![allow(clippy::disallowed_methods, reason = "the fences of clippy.toml are for the host")]

#[allow(dead_code, reason = "each benchmark uses its share")]
mod support;

use anyhow::{Context as _, Result, ensure};
use sophon_host::approval::{AnswerFuture, Client, Office, Person};
use sophon_host::capability::{Act, Chat, Door, Stopped, Tools, Wait};
use sophon_host::config::Manifest;
use sophon_host::grant::{Answer, Question};
use sophon_host::store::{Durability, Store};
use sophon_host::wasm::{Agent, Engine};
use sophon_tests::turn;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::guest::Target;
use support::proc::{self, Process};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// As many turns as a host runs at once, unless set.
const ROOM: u32 = 8_000;
const WARM_UP: usize = 2_000;
const INSTANCES: usize = 20_000;
/// How long turns may take to come to a standstill.
const STILL: Duration = Duration::from_secs(120);

/// The person of all turns, who never answers, and their chat.
#[derive(Default)]
struct Room {
    asked: watch::Sender<usize>,
    waiting: watch::Sender<usize>,
}

impl Chat for Room {
    fn act(&self, _: Act) -> Pin<Box<dyn Future<Output = Result<(), Stopped>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }

    fn waits(&self, wait: Option<Wait>) {
        self.waiting.send_modify(|waiting| *waiting += usize::from(wait.is_some()));
    }
}

impl Person for Room {
    fn ask(&self, _: Question) -> AnswerFuture<'_> {
        self.asked.send_modify(|asked| *asked += 1);
        Box::pin(std::future::pending::<Answer>())
    }
}

struct Rig {
    engine: Arc<Engine>,
    store: Store,
    room: Arc<Room>,
}

#[tokio::main]
async fn main() -> Result<()> {
    if !std::env::args().any(|flag| flag == "--bench") {
        println!(
            "skipped: this measures optimised code only; run it with `cargo bench -p sophon-tests --bench instance`"
        );
        return Ok(());
    }
    let (target, dir) = (Target::find()?, tempfile::tempdir()?);
    let [echo, fetch, probe] = ["echo", "fetch", "probe"].map(|guest| target.build_guest(guest));
    let begun = Instant::now();
    let engine = Arc::new(Engine::new(ROOM)?);
    println!("{:<52} {:>10.1}", "engine for 8,000 turns, ms", begun.elapsed().as_secs_f64() * 1e3);
    let store = Store::open(&dir.path().join("host.db"), Durability::Process)?;
    let rig = Rig { engine, store, room: Arc::default() };
    let (echo, probe) = (rig.engine.load(Manifest::bare(&echo?)?)?, rig.engine.load(Manifest::bare(&probe?)?)?);
    let mut manifest = Manifest::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/fetch"))?;
    manifest.component = fetch?;
    let (fetch, probe) = (Arc::new(rig.engine.load(manifest)?), Arc::new(probe));
    println!("{:<52} {:>10.1}", "resident with three agents, MiB", Process::own().resident()?);
    rig.instances(&echo).await?;
    for turns in [100, 1_000, 10_000] {
        rig.suspended(&fetch, "https://a.example/", turns).await?;
    }
    // A larger agent, which puts a question of its own.
    rig.suspended(&probe, "ask eat", 10_000).await?;
    println!("Without a cloud: what a bubble and its requests take is not part of this.");
    println!("{}; tests/run bench instance (cargo bench -p sophon-tests --bench instance)", proc::machine());
    Ok(())
}

impl Rig {
    fn tools(&self, agent: &Agent) -> Tools {
        let name = agent.manifest.name.clone();
        let client = Client {
            agent: name.to_string(),
            digest: agent.digest.to_string(),
            session: "ses_1".to_owned(),
            interaction: "int_1".to_owned(),
            wants: agent.wants.clone(),
        };
        let office = Arc::new(Office::new(Vec::new(), self.store.clone()));
        let door = Door::new(office, client, self.room.clone(), self.room.clone(), 10);
        Tools::new(name, "ses_1".to_owned(), self.store.clone(), CancellationToken::new(), door)
    }

    /// Instances of one agent, one after the other.
    async fn instances(&self, agent: &Agent) -> Result<()> {
        let mut times = Vec::with_capacity(INSTANCES);
        let mut begun = Instant::now();
        for number in 0..WARM_UP + INSTANCES {
            if number == WARM_UP {
                (begun, times) = (Instant::now(), Vec::with_capacity(INSTANCES));
            }
            let took = agent.begin(&self.engine, self.room.clone(), self.tools(agent)).await;
            times.push(took.context("an instance was refused")?);
        }
        let rate = INSTANCES as f64 / begun.elapsed().as_secs_f64();
        times.sort_unstable();
        let micros = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e6;
        println!("{:<52} {:>10.1}", "an instance of echo with its store: median, µs", micros(0.5));
        println!("{:<52} {:>10.1}", "the same: p99, µs", micros(0.99));
        println!("{:<52} {:>10.0}", "instances made and dropped a second, one core", rate);
        Ok(())
    }

    /// Turns that wait for a person, and those that wait for room behind them.
    async fn suspended(&self, agent: &Arc<Agent>, text: &'static str, turns: usize) -> Result<()> {
        let (still, behind) = (turns.min(ROOM as usize), turns.saturating_sub(ROOM as usize));
        let (mut asked, mut waiting) = (self.room.asked.subscribe(), self.room.waiting.subscribe());
        self.room.asked.send_replace(0);
        self.room.waiting.send_replace(0);
        let (begun, mut set) = (Instant::now(), JoinSet::new());
        for _ in 0..turns {
            let (agent, engine, room) = (agent.clone(), self.engine.clone(), self.room.clone());
            let tools = self.tools(&agent);
            set.spawn(async move { agent.run(&engine, turn(text), room, tools).await });
        }
        let all = async {
            asked.wait_for(|asked| *asked >= still).await?;
            waiting.wait_for(|waiting| *waiting >= behind).await
        };
        let told = *tokio::time::timeout(STILL, all).await.context("the turns did not come to a standstill")??;
        let took = begun.elapsed();
        if let Some(ended) = set.try_join_next() {
            ensure!(false, "a turn ended: {:?}", ended?);
        }
        let (own, name) = (Process::own(), format!("{}: {turns} turns, {still} suspended", agent.manifest.name));
        println!("{:<52} {:>10.1}", format!("{name}: resident, MiB"), own.resident()?);
        println!("{:<52} {:>10.1}", format!("{name}: proportional, MiB"), own.proportional()?);
        println!("{:<52} {:>10}", format!("{name}: memory mappings"), own.mappings()?);
        println!("{:<52} {:>10.2}", format!("{name}: until all stand, s"), took.as_secs_f64());
        if behind > 0 {
            println!("{:<52} {:>10}", format!("{name}: told to wait for room"), told);
        }
        set.shutdown().await;
        Ok(())
    }
}
