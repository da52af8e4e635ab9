//! What the host keeps for one running guest, and the budgets that each of its calls passes.

use super::bindings::sophon::agent::types::{self, Denial, Failure};
use super::breach::{Breach, Breaches};
use super::calls::{Calls, End, Work};
use super::clock::CpuClock;
use super::config::Variables;
use super::files::Files;
use super::log::Lines;
use super::memory::MemoryLimiter;
use super::room::Share;
use super::spending::Spending;
use super::standard_http::StandardHttp;
use super::stderr::Tail;
use crate::capability::{Act, Chat, Given, Refusal, Tools, WallClock};
use crate::config::Limits;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// The most handles that one guest may hold at once.
pub(super) const MAX_HANDLES: usize = 10_000;

/// The most random bytes that one call may give: the host makes them before any limit can stop it.
const MAX_RANDOM: u64 = 64 << 10;

/// What a function of the contract gives: an error ends the guest, a failure is the guest's to deal with.
pub(super) type Answer<T> = wasmtime::Result<Result<T, Failure>>;

/// The store's data: one guest, one turn.
pub(super) struct Guest {
    wasi: WasiCtx,
    pub(super) table: ResourceTable,
    pub(super) memory: MemoryLimiter,
    pub(super) cpu: CpuClock,
    pub(super) wall: WallClock,
    pub(super) cpu_limit: Duration,
    pub(super) stderr: Tail,
    pub(super) agent: Arc<str>,
    pub(super) lines: Lines,
    pub(super) breaches: Arc<Breaches>,
    pub(super) tools: Tools,
    pub(super) variables: Option<Variables>,
    pub(super) standard: StandardHttp,
    chat: Arc<dyn Chat>,
    pub(super) calls: Calls,
    pub(super) files: Files,
    output: u64,
    pub(super) output_refused: bool,
}

impl Guest {
    pub(super) fn new(
        agent: Arc<str>,
        limits: &Limits,
        share: &Share,
        breaches: Arc<Breaches>,
        chat: Arc<dyn Chat>,
        tools: Tools,
        given: Vec<Given>,
    ) -> Self {
        let (stderr, wall) = (Tail::default(), WallClock::start(limits.wall.0));
        tools.door().begin(wall.clone());
        let files = Files::new(given, tools.open_files().cloned(), tools.door().clone());
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let calls = Calls::new(limits.calls);
        let standard = StandardHttp::new(tools.web().clone(), calls.clone(), agent.clone());
        Self {
            wasi: denying().stderr(stderr.clone()).max_random_size(MAX_RANDOM).build(),
            table,
            memory: MemoryLimiter::new(limits, share),
            cpu: CpuClock::default(),
            wall,
            cpu_limit: limits.cpu.0,
            stderr,
            agent,
            lines: Lines::new(limits, share),
            breaches,
            tools,
            variables: None,
            standard,
            chat,
            calls,
            files,
            output: limits.output.0,
            output_refused: false,
        }
    }

    /// Counts one call to the host. Every function of the contract begins with it.
    ///
    /// # Errors
    /// [`Breach::Calls`], which ends the guest.
    pub(super) fn enter(&mut self) -> wasmtime::Result<()> {
        self.calls.enter()
    }

    /// What of its use its agent's turns are charged with together.
    pub(super) fn spending(&self) -> Spending {
        Spending { clock: self.cpu.clone(), calls: self.calls.clone() }
    }

    /// Begins anew, if it has done nothing that cannot be done again.
    pub(super) fn anew(mut self, limits: &Limits) -> Option<Self> {
        self.memory = self.memory.anew(limits);
        (self.calls.made() == 0).then_some(self)
    }

    /// Bytes that the turn may still write.
    pub(super) fn output_left(&self) -> u64 {
        self.output.saturating_sub(self.calls.written())
    }

    /// Whether a final text of so many bytes is within the output limit. It replaces what was written.
    pub(super) fn may_end_with(&self, bytes: usize) -> bool {
        bytes as u64 <= self.output
    }

    /// Counts an act against the output budget and hands it to the chat.
    pub(super) async fn act(&mut self, act: Act) -> Result<(), Failure> {
        let size = act.size();
        self.calls.cause(Work::Text(size));
        if !matches!(act, Act::Text(_)) {
            self.calls.cause(Work::Card);
            // It may have to wait for that, and would show a thousand before it waits for anything else.
            tokio::task::yield_now().await;
        }
        if size as u64 > self.output_left() {
            self.output_refused = true;
            return Err(Failure::Limit("the output of this turn is used up".to_owned()));
        }
        self.calls.write(size);
        self.chat.act(act).await.map_err(|_stopped| Failure::Cancelled)
    }
}

/// No environment, no arguments, no stdin: that is the library's default. No sockets: that is said, whatever its default
/// is or becomes.
fn denying() -> WasiCtxBuilder {
    let mut wasi = WasiCtx::builder();
    wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    wasi
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Guest {
    /// What a guest is told of a refusal, unless it ends the guest.
    pub(super) fn refused<T>(&self, refusal: Refusal) -> Answer<T> {
        match refusal {
            Refusal::TooManyAsks => Err(End::Asked.error()),
            Refusal::TooManyDenials => Err(End::Denied.error()),
            refusal @ Refusal::TooManyPrograms(_) => {
                self.breaches.count(Breach::Programs);
                Ok(Err(refusal.into()))
            }
            refusal @ Refusal::TooManyTogether(_) => {
                self.breaches.count(Breach::TotalPrograms);
                Ok(Err(refusal.into()))
            }
            refusal => Ok(Err(refusal.into())),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let words = refusal.to_string();
        match refusal {
            Refusal::Denied { rule, hint } => Self::Denied(Denial { rule, hint }),
            Refusal::Cancelled => Self::Cancelled,
            Refusal::Expired => {
                let hint = "ask again in another turn".to_owned();
                Self::Denied(Denial { rule: "nobody, as nobody answered in time".to_owned(), hint })
            }
            Refusal::TooManyAsks
            | Refusal::TooManyDenials
            | Refusal::TooManyPrograms(_)
            | Refusal::TooManyTogether(_) => Self::Limit(words),
            Refusal::Limit(text) => Self::Limit(text),
            Refusal::Invalid(text) => Self::Invalid(text),
            Refusal::Unavailable(text) => Self::Unavailable(text),
        }
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
