//! What the host keeps for one running guest, and the budgets that each of its calls passes.

use super::bindings::sophon::agent::types::{self, Failure};
use super::breach::Breach;
use super::clock::CpuClock;
use super::memory::MemoryLimiter;
use super::stderr::Tail;
use super::wall::WallClock;
use crate::capability::{Act, Chat};
use crate::config::Limits;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// The most handles that one guest may hold at once.
pub(super) const MAX_HANDLES: usize = 10_000;

/// The most random bytes that one call may give: the host makes them before any limit can stop it.
const MAX_RANDOM: u64 = 64 << 10;

/// The store's data: one guest, one turn.
pub(super) struct Guest {
    wasi: WasiCtx,
    pub(super) table: ResourceTable,
    pub(super) memory: MemoryLimiter,
    pub(super) cpu: CpuClock,
    pub(super) wall: WallClock,
    pub(super) stderr: Tail,
    pub(super) agent: Arc<str>,
    /// Log lines that this turn may still write.
    pub(super) log_lines: u32,
    pub(super) cards: u32,
    chat: Arc<dyn Chat>,
    calls_left: u64,
    output: u64,
    output_left: u64,
    pub(super) output_refused: bool,
}

impl Guest {
    pub(super) fn new(agent: Arc<str>, limits: &Limits, chat: Arc<dyn Chat>) -> Self {
        let stderr = Tail::default();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self {
            // Denies by default: no files, no environment, no arguments, no sockets, no stdin.
            wasi: WasiCtx::builder().stderr(stderr.clone()).max_random_size(MAX_RANDOM).build(),
            table,
            memory: MemoryLimiter::new(limits.memory.0),
            cpu: CpuClock::new(),
            wall: WallClock::start(limits.wall.0),
            stderr,
            agent,
            log_lines: 1_000,
            cards: 0,
            chat,
            calls_left: limits.calls,
            output: limits.output.0,
            output_left: limits.output.0,
            output_refused: false,
        }
    }

    /// Counts one call to the host. Every function of the contract begins with it.
    ///
    /// # Errors
    /// [`Breach::Calls`], which ends the guest.
    pub(super) fn enter(&mut self) -> wasmtime::Result<()> {
        self.calls_left = self.calls_left.checked_sub(1).ok_or(Breach::Calls)?;
        Ok(())
    }

    /// Whether a final text of so many bytes is within the output limit. It replaces what was written.
    pub(super) fn may_end_with(&self, bytes: usize) -> bool {
        bytes as u64 <= self.output
    }

    /// Counts an act against the output budget and hands it to the chat.
    pub(super) async fn act(&mut self, act: Act) -> Result<(), Failure> {
        match self.output_left.checked_sub(act.size() as u64) {
            Some(left) => self.output_left = left,
            None => {
                self.output_refused = true;
                return Err(Failure::Limit("the output of this turn is used up".to_owned()));
            }
        }
        self.chat.act(act).await.map_err(|_stopped| Failure::Cancelled)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl types::Host for Guest {}

impl super::bindings::sophon::agent::reply::Host for Guest {
    async fn write(&mut self, text: String) -> wasmtime::Result<Result<(), Failure>> {
        self.enter()?;
        if text.is_empty() {
            return Ok(Ok(()));
        }
        Ok(self.act(Act::Text(text)).await)
    }
}
