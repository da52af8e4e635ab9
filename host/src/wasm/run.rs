//! One turn: a fresh instance, one call, and what came of it.

use super::allowance::Allowed;
use super::bindings::AgentPre;
use super::bindings::sophon::agent::types::{Failure, Outcome, Turn};
use super::breach::{Breach, Misuse};
use super::engine::{Engine, Slot};
use super::guest::{Guest, MAX_HANDLES};
use super::load::{Agent, brief};
use super::pace::{Paced, Place};
use super::spending::{PACED, Spending};
use crate::capability::{Chat, Door, Given, Tools, Wait, WallClock};
use crate::config::Limits;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::{Store, UpdateDeadline};

/// The most bytes that one call may copy between guest and host.
const MAX_COPY: usize = 8 << 20;

/// How a turn ended.
#[derive(Debug)]
pub enum Ended {
    /// The agent answered.
    Answered(Outcome),
    /// The agent gave up, with a reason for people.
    Failed(Failure),
    /// The agent reached a limit and was stopped.
    Limit(Breach),
    /// The host had no room to start it.
    Busy {
        /// What the engine says.
        reason: String,
    },
    /// What the agent keeps in this session could not be carried over to it.
    Stranded {
        /// Why, and what to do.
        why: String,
    },
    /// The agent crashed.
    Trapped {
        /// What the engine says.
        reason: String,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
}

impl Agent {
    /// Runs one turn with these tools. Dropping the future stops the guest, where it computes at its next
    /// tick, and frees all that it held.
    ///
    /// Waits first while `total.turns` turns of the agent are running, or `turns.at_once` of all, and goes on waiting where
    /// the system has no room for an instance after all.
    pub async fn run(&self, engine: &Engine, turn: Turn, chat: Arc<dyn Chat>, tools: Tools) -> Ended {
        let slot = engine.slot(&self.share, &*chat).await;
        let ended = self.end(engine, slot, Box::new(turn), chat, Box::new(tools)).await;
        match &ended {
            // That it had to wait was counted when it began to.
            Ended::Limit(breach) if PACED.contains(breach) => engine.breaches.count(Breach::Wall),
            Ended::Limit(breach) => engine.breaches.count(*breach),
            _ => {}
        }
        ended
    }

    /// The same for a turn that nobody began, beside all others: however many these are, it need not wait.
    pub async fn rehearse(&self, engine: &Engine, turn: Turn, tools: Tools) -> Ended {
        self.end(engine, engine.slot_aside().await, Box::new(turn), Door::no_chat(), Box::new(tools)).await
    }

    /// What is large is in boxes, as futures hold what is moved on in each of their stages: this one lives as long as its
    /// turn, and there are thousands.
    async fn end(&self, engine: &Engine, slot: Slot, turn: Box<Turn>, chat: Arc<dyn Chat>, tools: Box<Tools>) -> Ended {
        let given = Box::pin(tools.folders(&self.wants)).await;
        let guest = Box::new(self.guest(engine, chat.clone(), *tools, given));
        let (spending, wall) = (guest.spending(), guest.wall.clone());
        let begins = Begins { engine: engine.engine.clone(), pre: self.pre.clone(), chat, turn };
        let call = call(slot, begins, guest, self.manifest.limits.clone());
        self.within(engine, call, spending, wall).await.unwrap_or_else(Ended::Limit)
    }

    /// Lets the call of a guest compute where and as much as its agent may, and take as long as it may.
    ///
    /// The call is boxed before anything waits for it, for what [`Self::end`] says.
    pub(super) fn within<C>(
        &self,
        engine: &Engine,
        call: C,
        spending: Spending,
        wall: WallClock,
    ) -> impl Future<Output = Result<C::Output, Breach>>
    where
        C: Future<Output: Send> + Send + 'static,
    {
        let (clock, over) = (spending.clock.clone(), spending.calls.over());
        let call = Allowed::new(call, spending, &self.share, engine.breaches());
        let (held, place) = (call.held(), Place::Here(Box::pin(call)));
        let (agent, pace, backstage) = (self.name.clone(), self.pace.clone(), engine.backstage.clone());
        let call = Paced { agent, clock, pace, backstage, place };
        let limit = self.manifest.limits.wall.0;
        async move {
            let _over = over;
            tokio::select! {
                biased;
                ended = call => Ok(ended),
                () = wall.over() => Err(held.breach(limit)),
            }
        }
    }

    /// How long it takes until an instance is there, for benchmarks. Nothing where there is none.
    #[doc(hidden)]
    pub async fn begin(&self, engine: &Engine, chat: Arc<dyn Chat>, tools: Tools) -> Option<Duration> {
        let _slot = engine.slot(&self.share, &*chat).await;
        let begun = Instant::now();
        let mut store = store(&engine.engine, self.guest(engine, chat, tools, Vec::new()));
        self.pre.instantiate_async(&mut store).await.ok().map(|_| begun.elapsed())
    }

    pub(super) fn guest(&self, engine: &Engine, chat: Arc<dyn Chat>, tools: Tools, given: Vec<Given>) -> Guest {
        let limits = &self.manifest.limits;
        Guest::new(self.name.clone(), limits, &self.share, engine.breaches(), chat, tools, given)
    }
}

pub(super) fn store(engine: &wasmtime::Engine, guest: Guest) -> Store<Guest> {
    let cpu = guest.cpu_limit;
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(MAX_COPY);
    store.set_max_component_handles(MAX_HANDLES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |context| {
        if context.data().cpu.running() > cpu {
            return Err(Breach::Cpu.into());
        }
        // Not wasmtime's own yield: that comes back before the runtime has looked at its sockets and timers, and
        // as many busy guests as there are cores would hold up everything else.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}

/// What a turn begins with, and begins with again where there was no room for it.
struct Begins {
    engine: wasmtime::Engine,
    pre: AgentPre<Guest>,
    chat: Arc<dyn Chat>,
    turn: Box<Turn>,
}

/// Makes an instance in its slot, and calls it. Has all that the turn holds: wherever this is dropped, all of it is free,
/// the slot last.
async fn call(_slot: Slot, begins: Begins, mut guest: Box<Guest>, limits: Limits) -> Ended {
    let mut pauses = Pauses::default();
    loop {
        let mut store = store(&begins.engine, *guest);
        let called = begins.call(&mut store).await;
        let (error, wait) = match lacks(called, store.data()) {
            Ok(lack) => lack,
            Err(called) => return ended(called, store.data()),
        };
        let again = store.into_data().anew(&limits).map(Box::new);
        let (Some(fresh), Some(pause)) = (again, pauses.next(wait)) else {
            return Ended::Busy { reason: brief(&error) };
        };
        pauses.tell(wait, &*begins.chat, &error);
        let stands_still = fresh.wall.pause();
        tokio::time::sleep(pause).await;
        drop(stands_still);
        guest = fresh;
    }
}

impl Begins {
    async fn call(&self, store: &mut Store<Guest>) -> Called {
        let agent = self.pre.instantiate_async(&mut *store).await.map_err(Fault::Start)?;
        self.chat.waits(None);
        agent.sophon_agent_handler().call_handle(store, &self.turn).await.map_err(Fault::Run)
    }
}

/// What an instance could not be made for want of, where that may be there later; else what came of the call.
fn lacks(called: Called, guest: &Guest) -> Result<(wasmtime::Error, Wait), Called> {
    match called {
        Err(Fault::Start(error)) if is_busy(&error) => Ok((error, Wait::Host)),
        Err(Fault::Start(error)) if guest.memory.is_shared_out() => Ok((error, Wait::Memory)),
        called => Err(called),
    }
}

/// How long a turn waits for an instance that was refused, each time longer; for the system not for ever.
#[derive(Default)]
struct Pauses(u32);

impl Pauses {
    const FIRST: Duration = Duration::from_millis(50);
    /// Five minutes in all.
    const MOST: u32 = 155;

    fn next(&mut self, wait: Wait) -> Option<Duration> {
        self.0 = self.0.saturating_add(1);
        let longest = Duration::from_secs(2);
        (self.0 <= Self::MOST || wait != Wait::Host).then(|| (Self::FIRST * 2_u32.pow(self.0.min(10) - 1)).min(longest))
    }

    /// Once a turn.
    fn tell(&self, wait: Wait, chat: &dyn Chat, error: &wasmtime::Error) {
        if self.0 > 1 {
            return;
        }
        chat.waits(Some(wait));
        match wait {
            Wait::Memory => tracing::info!(
                "the turn waits: others of its agent have all its memory or tables (`total.memory`, `total.tables`)"
            ),
            _ => tracing::warn!("no room for an instance, though turns.at_once has some: {}", brief(error)),
        }
    }
}

/// What came of a call.
type Called = Result<Result<Outcome, Failure>, Fault>;

fn ended(called: Called, guest: &Guest) -> Ended {
    match called {
        Err(fault) => without_answer(&fault, guest),
        // A guest sees its output refused as one failure among others, and may call it what it likes.
        Ok(Err(_)) if guest.output_refused => Ended::Limit(Breach::Output),
        Ok(Err(failure)) => Ended::Failed(failure),
        Ok(Ok(outcome)) => {
            let bytes = outcome.text.as_ref().map_or(0, String::len);
            guest.calls.write(bytes);
            if guest.may_end_with(bytes) { Ended::Answered(outcome) } else { Ended::Limit(Breach::Output) }
        }
    }
}

/// Where a turn went wrong.
pub(super) enum Fault {
    Start(wasmtime::Error),
    Run(wasmtime::Error),
}

/// Why a call gave no answer.
pub(super) fn without_answer(fault: &Fault, guest: &Guest) -> Ended {
    match fault {
        Fault::Start(error) if is_busy(error) => Ended::Busy { reason: brief(error) },
        Fault::Start(error) | Fault::Run(error) => diagnose(error, guest),
    }
}

/// Whether an instance could not be made for want of room on this host, which is not the agent's fault. Anything else is.
fn is_busy(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::PoolConcurrencyLimitError>() || error.is::<std::io::Error>()
}

/// Why a guest was ended. A refused growth of memory shows as whatever the guest does then, so it is asked first.
fn diagnose(error: &wasmtime::Error, guest: &Guest) -> Ended {
    if let Some(breach) = error.downcast_ref::<Breach>() {
        return Ended::Limit(*breach);
    }
    if let Some(breach) = guest.memory.refused() {
        return Ended::Limit(breach);
    }
    if guest.output_refused {
        return Ended::Limit(Breach::Output);
    }
    let trap = error.downcast_ref::<wasmtime::Trap>();
    if trap == Some(&wasmtime::Trap::StackOverflow) {
        return Ended::Limit(Breach::Stack);
    }
    let reason = match (trap, error.downcast_ref::<Misuse>()) {
        (Some(trap), _) => trap.to_string(),
        (None, Some(misuse)) => misuse.to_string(),
        (None, None) => brief(error),
    };
    Ended::Trapped { reason, stderr: guest.stderr.text() }
}
