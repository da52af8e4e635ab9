//! The engine: how guests are compiled, where their memory comes from, and the ticker that interrupts them.

use super::guest::Guest;
use super::memory::{MAX_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use super::offer;
use crate::config::Limits;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::component::Linker;
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How often a guest that computes is interrupted, to look at its clock and to let others run.
const TICK: Duration = Duration::from_millis(10);
/// How many ticks without a turn let the ticker sleep.
const IDLE_TICKS: u32 = 500;

/// Compiles components and runs turns. One for the process.
pub struct Engine {
    pub(super) engine: wasmtime::Engine,
    pub(super) linker: Linker<Guest>,
    slots: Semaphore,
    ticker: Ticker,
}

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the WebAssembly engine for {turns} turns at once: {reason}; lower `turns.at_once`")]
pub struct EngineError {
    turns: u32,
    reason: String,
}

impl Engine {
    /// An engine that holds memory for `turns` instances at once.
    ///
    /// # Errors
    /// When the system does not give the address space, or no thread.
    pub fn new(turns: u32) -> Result<Self, EngineError> {
        let failed = |error: wasmtime::Error| EngineError { turns, reason: format!("{error:#}") };
        let engine = wasmtime::Engine::new(&settings(turns)).map_err(failed)?;
        let linker = offer::linker(&engine).map_err(failed)?;
        let ticker = Ticker::start(&engine).map_err(|error| failed(error.into()))?;
        Ok(Self { engine, linker, slots: Semaphore::new(turns as usize), ticker })
    }

    /// Waits for a free slot. While it is held the ticker runs.
    pub(super) async fn slot(&self) -> Slot<'_> {
        let permit = self.slots.acquire().await.expect("the engine never closes its slots");
        Slot { _ticking: self.ticker.begin(), _permit: permit }
    }
}

/// Room for one instance.
pub(super) struct Slot<'a> {
    _ticking: Ticking,
    _permit: SemaphorePermit<'a>,
}

fn settings(turns: u32) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // The contract has plain functions only; without concurrency calls are cheaper, and there is less to attack.
        .concurrency_support(false)
        .wasm_component_model_async(false)
        .max_wasm_stack(512 << 10)
        // Host functions run on what the guest leaves of this: 1.5 MiB.
        .async_stack_size(2 << 20)
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
        .max_memory_size(usize::try_from(Limits::MAX_MEMORY).expect("256 MiB fit"))
        .max_tables_per_module(2)
        .table_elements(20_000)
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
