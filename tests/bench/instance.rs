//! What an instance costs: `tests/run bench instance`.
//!
//! In this process, on the host's own engine: how long an instance of `echo` takes to be there, how many a second, and
//! what memory turns take that wait for a person. Then the same with the release binary in its own process, against a
//! stub of the cloud in this one: turns with bubbles, cards and questions, up to the bound and beyond it. Nothing here
//! fails on a figure, and everything on a turn that is not as it must be. The second part alone: `-- host` behind cargo's words.

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
use support::bucket::Buckets;
use support::cloud::Cloud;
use support::crowd::Crowd;
use support::guest::Target;
use support::host::Host;
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

/// From the last question to the look at memory.
const REST: Duration = Duration::from_secs(1);
const PLUGINS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins");

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
    let target = Target::find()?;
    if !std::env::args().any(|word| word == "host") {
        by_themselves(&target).await?;
    }
    let (binary, fetch) = (target.host()?, target.build_guest("fetch")?);
    for turns in [100, 1_000, 8_000, 10_000] {
        in_a_host(&binary, &fetch, turns).await.with_context(|| format!("the host with {turns} turns failed"))?;
    }
    println!("A host's bubbles, cards and questions are of the documented buckets, filled a hundred times as fast.");
    println!("{}; tests/run bench instance (cargo bench -p sophon-tests --bench instance)", proc::machine());
    Ok(())
}

/// A figure, as a line of the output.
fn show(name: &str, figure: f64, digits: usize) {
    println!("{name:<60} {figure:>10.digits$}");
}

/// Turns of a whole host, each in a session of its own, that wait for a person, until they get a no.
async fn in_a_host(binary: &Path, fetch: &Path, turns: usize) -> Result<()> {
    let manifest = std::fs::read_to_string(Path::new(PLUGINS).join("fetch/agent.toml"))?;
    let (_, wants) = manifest.split_once("[[want").context("fetch wants nothing")?;
    let cloud = Cloud::start(Buckets::hurried()).await?;
    let mut host = Host::with(binary, &[("fetch", fetch, &format!("[[want{wants}"))], cloud.addr())?;
    let mut crowd = Crowd::connect(cloud, &mut host).await?;
    tokio::time::sleep(REST).await;
    let idle = host.process.resident()?;
    let took = crowd.gather("https://a.example/", turns, ROOM as usize).await?;
    tokio::time::sleep(REST).await;
    let (own, name) = (&host.process, format!("host, {turns} turns, {} suspended", turns.min(ROOM as usize)));
    let resident = own.resident()?;
    show(&format!("{name}: resident, MiB"), resident, 1);
    show(&format!("{name}: proportional, MiB"), own.proportional()?, 1);
    show(&format!("{name}: at its peak, MiB"), own.peak()?, 1);
    show(&format!("{name}: resident before, MiB"), idle, 1);
    show(&format!("{name}: a turn, KiB"), (resident - idle) * 1024.0 / turns as f64, 1);
    show(&format!("{name}: memory mappings"), own.mappings()? as f64, 0);
    show(&format!("{name}: until all stand, s"), took.as_secs_f64(), 2);
    let took = crowd.deny().await?;
    show(&format!("{name}: until all are denied and ended, s"), took.as_secs_f64(), 2);
    tokio::time::sleep(REST).await;
    show(&format!("{name}: resident afterwards, MiB"), host.process.resident()?, 1);
    host.stop().await
}

/// Instances and turns in this process, without a cloud.
async fn by_themselves(target: &Target) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let [echo, fetch, probe] = ["echo", "fetch", "probe"].map(|guest| target.build_guest(guest));
    let begun = Instant::now();
    let engine = Arc::new(Engine::new(ROOM)?);
    show("engine for 8,000 turns, ms", begun.elapsed().as_secs_f64() * 1e3, 1);
    let store = Store::open(&dir.path().join("host.db"), Durability::Process)?;
    let rig = Rig { engine, store, room: Arc::default() };
    let (echo, probe) = (rig.engine.load(Manifest::bare(&echo?)?)?, rig.engine.load(Manifest::bare(&probe?)?)?);
    let mut manifest = Manifest::read(&Path::new(PLUGINS).join("fetch"))?;
    manifest.component = fetch?;
    let (fetch, probe) = (Arc::new(rig.engine.load(manifest)?), Arc::new(probe));
    show("resident with three agents, MiB", Process::own().resident()?, 1);
    rig.instances(&echo).await?;
    for turns in [100, 1_000, 10_000] {
        rig.suspended(&fetch, "https://a.example/", turns).await?;
    }
    // A larger agent, which puts a question of its own.
    rig.suspended(&probe, "ask eat", 10_000).await?;
    println!("Without a cloud up to here: what a bubble and its requests take is not part of this.");
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
        show("an instance of echo with its store: median, µs", micros(0.5), 1);
        show("the same: p99, µs", micros(0.99), 1);
        show("instances made and dropped a second, one core", rate, 0);
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
        show(&format!("{name}: resident, MiB"), own.resident()?, 1);
        show(&format!("{name}: proportional, MiB"), own.proportional()?, 1);
        show(&format!("{name}: memory mappings"), own.mappings()? as f64, 0);
        show(&format!("{name}: until all stand, s"), took.as_secs_f64(), 2);
        if behind > 0 {
            show(&format!("{name}: told to wait for room"), told as f64, 0);
        }
        set.shutdown().await;
        Ok(())
    }
}
