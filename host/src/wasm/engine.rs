//! The engine: how guests are compiled, where their memory comes from, and the ticker that interrupts them.

use super::breach::{Breach, Breaches};
use super::bustle::Bustle;
use super::cache::Cache;
use super::compile::Compiler;
use super::guest::Guest;
use super::memory::{MAX_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use super::offer;
use super::pace::Backstage;
use super::room::{Place, Room, Share};
use crate::capability::{Chat, Wait};
use crate::config::{AgentName, Limits, TotalsConfig};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use wasmtime::component::Linker;
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How often a guest that computes is interrupted, to look at its clock and to let others run.
const TICK: Duration = Duration::from_millis(5);
/// How many ticks without a turn let the ticker sleep.
const IDLE_TICKS: u32 = 1_000;
/// Instances beside those of turns: a candidate that proves itself, and what is carried over in between.
const ASIDE: u32 = 2;
/// What functions of the host have of a turn's stack.
const HOST_STACK: usize = 3 << 19;

/// Who waits no longer than this for a slot is told nothing of it.
const SOON: Duration = Duration::from_millis(250);

/// Compiles components and runs turns. One for the process.
pub struct Engine {
    pub(super) engine: wasmtime::Engine,
    pub(super) linker: Linker<Guest>,
    /// The most that a turn may use, whatever its manifest says.
    pub(super) most: Limits,
    pub(super) breaches: Arc<Breaches>,
    pub(super) compiler: Compiler,
    pub(super) backstage: Arc<Backstage>,
    pub(super) totals: TotalsConfig,
    /// What the turns of each agent have together, by its name.
    pub(super) rooms: Mutex<BTreeMap<AgentName, Arc<Room>>>,
    /// Whose guests ran of late.
    pub(super) bustle: Arc<Bustle>,
    slots: Arc<Semaphore>,
    /// See [`Slots::Aside`].
    aside: Arc<Semaphore>,
    ticker: Ticker,
    pub(super) cache: Option<Cache>,
    /// Held from the look at what was compiled before until it is there.
    pub(super) compiling: Mutex<()>,
    pub(super) compiled: AtomicU64,
}

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the WebAssembly engine for {turns} turns at once: {reason}; lower `turns.at_once`")]
pub struct EngineError {
    turns: u32,
    reason: String,
}

impl Engine {
    /// An engine that holds memory for `turns` instances at once, for an operator who says nothing else.
    ///
    /// # Errors
    /// When the system does not give the address space, or no thread.
    pub fn new(turns: u32) -> Result<Self, EngineError> {
        Self::within(turns, Limits::of_operator(), TotalsConfig::default())
    }

    /// The same with the most that a turn may use, and all turns of an agent.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn within(turns: u32, most: Limits, totals: TotalsConfig) -> Result<Self, EngineError> {
        Self::made(turns.saturating_add(ASIDE), turns, most, totals)
    }

    /// One that lets in more turns than there is memory for: what a system without room is like, for tests.
    #[doc(hidden)]
    pub fn overbooked(room: u32, turns: u32) -> Result<Self, EngineError> {
        Self::made(room, turns, Limits::of_operator(), TotalsConfig::default())
    }

    fn made(room: u32, turns: u32, most: Limits, totals: TotalsConfig) -> Result<Self, EngineError> {
        let failed = |error: wasmtime::Error| EngineError { turns, reason: format!("{error:#}") };
        let engine = wasmtime::Engine::new(&settings(room, &most)).map_err(failed)?;
        let linker = offer::linker(&engine).map_err(failed)?;
        let ticker = Ticker::start(&engine).map_err(|error| failed(error.into()))?;
        let backstage = Arc::new(Backstage::start().map_err(|error| failed(error.into()))?);
        let (breaches, slots) = (Arc::default(), Arc::new(Semaphore::new(turns as usize)));
        let aside = Arc::new(Semaphore::new(ASIDE as usize));
        Ok(Self {
            engine,
            linker,
            most,
            breaches,
            compiler: Compiler::default(),
            backstage,
            totals,
            rooms: Mutex::default(),
            bustle: Arc::new(Bustle::new(Instant::now())),
            slots,
            aside,
            ticker,
            cache: None,
            compiling: Mutex::default(),
            compiled: AtomicU64::new(0),
        })
    }

    /// Keeps what it compiles here, and takes from here what was compiled before.
    #[must_use]
    pub fn with_cache(mut self, cache: Cache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// How many components it has compiled.
    pub fn compiled(&self) -> u64 {
        self.compiled.load(Ordering::Relaxed)
    }

    /// How often which limit was reached.
    pub fn breaches(&self) -> Arc<Breaches> {
        self.breaches.clone()
    }

    /// Waits until its agent has room for one more turn, and then for a free slot: an agent that has none keeps none from
    /// others. Tells that it waits unless there is one soon. While it is held the ticker runs.
    pub(super) async fn slot(&self, share: &Share, chat: &dyn Chat) -> Slot {
        let free = async {
            let room = share.place().await;
            let permit = self.slots.clone().acquire_owned().await.expect("the engine never closes its slots");
            (room, permit)
        };
        let mut free = std::pin::pin!(free);
        let (room, permit) = match tokio::time::timeout(SOON, &mut free).await {
            Ok(both) => both,
            Err(_elapsed) => {
                let turns = share.totals.turns;
                let wait = if share.is_full() { Wait::Agent(turns) } else { Wait::Host };
                if wait != Wait::Host {
                    self.breaches.count(Breach::TotalTurns);
                    tracing::info!("the turn waits for others of its agent: `total.turns` is {turns}");
                }
                chat.waits(Some(wait));
                free.await
            }
        };
        Slot { _ticking: self.ticker.begin(), _room: Some(room), _permit: permit }
    }

    /// Waits for a slot beside those of turns.
    pub(super) async fn slot_aside(&self) -> Slot {
        let permit = self.aside.clone().acquire_owned().await.expect("the engine never closes its slots");
        Slot { _ticking: self.ticker.begin(), _room: None, _permit: permit }
    }
}

/// Among which slots one is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slots {
    /// Among those of turns, within the room of the agent.
    OfTurns,
    /// Among a few that no turn takes: a host that is full of turns can have new versions, and what is done for these keeps
    /// no turn waiting.
    Aside,
}

/// Room for one instance.
pub(super) struct Slot {
    _ticking: Ticking,
    _room: Option<Place>,
    _permit: OwnedSemaphorePermit,
}

fn settings(turns: u32, most: &Limits) -> Config {
    let mut config = Config::new();
    let stack = usize::try_from(most.stack.0).expect("a mebibyte fits");
    config
        .epoch_interruption(true)
        // The contract has plain functions only; without concurrency calls are cheaper, and there is less to attack.
        .concurrency_support(false)
        .wasm_component_model_async(false)
        .max_wasm_stack(stack)
        // Host functions run on what the guest leaves of this.
        .async_stack_size(stack + HOST_STACK)
        .async_stack_zeroing(true)
        .memory_reservation(4 << 30)
        .memory_guard_size(32 << 20)
        .wasm_backtrace_max_frames(NonZeroUsize::new(32))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(turns)));
    config
}

fn pool(turns: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(turns)
        .total_stacks(turns)
        .total_core_instances(turns.saturating_mul(MAX_INSTANCES as u32))
        .total_memories(turns.saturating_mul(MAX_MEMORIES as u32))
        .total_tables(turns.saturating_mul(MAX_TABLES as u32))
        .max_memory_size(usize::try_from(Limits::MOST.memory.0).expect("256 MiB fit"))
        .max_tables_per_module(2)
        .table_elements(usize::try_from(Limits::MOST.tables).expect("a small number"))
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(2 << 20)
        .max_unused_warm_slots(100);
    pool
}

/// Moves the engine's epoch while turns run, and sleeps when none do: an idle host wakes nobody.
struct Ticker {
    state: Arc<TickerState>,
    thread: Thread,
}

#[derive(Default)]
struct TickerState {
    turns: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

struct Ticking(Arc<TickerState>);

impl Ticker {
    fn start(engine: &wasmtime::Engine) -> std::io::Result<Self> {
        let state = Arc::new(TickerState::default());
        let (engine, shared) = (engine.weak(), state.clone());
        let handle = crate::tasks::thread("epochs", move || {
            let mut idle = 0;
            while !shared.stop.load(Ordering::Relaxed) {
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
                drop(engine);
                idle = if shared.turns.load(Ordering::Acquire) == 0 { idle + 1 } else { 0 };
                if idle >= IDLE_TICKS {
                    shared.asleep.store(true, Ordering::SeqCst);
                    if shared.turns.load(Ordering::SeqCst) == 0 && !shared.stop.load(Ordering::SeqCst) {
                        std::thread::park();
                    }
                    shared.asleep.store(false, Ordering::SeqCst);
                    idle = 0;
                } else {
                    std::thread::sleep(TICK);
                }
            }
        })?;
        Ok(Self { state, thread: handle.thread().clone() })
    }

    fn begin(&self) -> Ticking {
        self.state.turns.fetch_add(1, Ordering::SeqCst);
        if self.state.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Ticking(self.state.clone())
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.turns.fetch_sub(1, Ordering::Release);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Totals, TotalsTable};
    use futures_util::poll;
    use std::pin::pin;

    #[tokio::test]
    async fn an_agent_without_room_waits_and_keeps_no_slot_from_others() {
        let totals = Totals { turns: 2, ..Totals::default() };
        let engine = Engine::within(3, Limits::of_operator(), totals.into()).expect("an engine");
        let named = |name: &str| AgentName::try_from(name.to_owned()).expect("a name");
        let share = |name: &str| engine.share(&named(name), TotalsTable::default()).0;
        let chat = crate::capability::Door::no_chat();
        // Two versions of one agent.
        let (first, second) = (share("greedy"), share("greedy"));
        let slots = (engine.slot(&first, &*chat).await, engine.slot(&second, &*chat).await);
        assert!(first.is_full() && second.is_full());
        let mut third = pin!(engine.slot(&first, &*chat));
        assert!(poll!(&mut third).is_pending());
        drop(engine.slot(&share("modest"), &*chat).await);
        drop(slots);
        third.await;
        let content = toml::from_str("turns = 1").expect("a table");
        let content = engine.share(&named("greedy"), content).0;
        let _only = engine.slot(&content, &*chat).await;
        assert!(content.is_full() && !first.is_full());
    }
}
