//! One turn: a fresh instance, one call, and what came of it.

use super::bindings::sophon::agent::types::{Failure, Outcome, Turn};
use super::breach::{Breach, Misuse};
use super::engine::Engine;
use super::guest::{Guest, MAX_HANDLES};
use super::load::{Agent, brief};
use crate::capability::{Chat, Given, Tools};
use std::sync::Arc;
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
    /// The agent crashed.
    Trapped {
        /// What the engine says.
        reason: String,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
}

impl Agent {
    /// Runs one turn with these tools. Dropping the future stops the guest and frees all that it held.
    ///
    /// Waits for a free slot first when `turns.at_once` turns are running.
    pub async fn run(&self, engine: &Engine, turn: Turn, chat: Arc<dyn Chat>, tools: Tools) -> Ended {
        let _slot = engine.slot().await;
        let given = tools.folders(&self.wants).await;
        let mut store = self.store(engine, chat, tools, given);
        let (clock, wall) = (store.data().cpu.clone(), store.data().wall.clone());
        let called = tokio::select! {
            biased;
            called = clock.time(self.call(&mut store, turn)) => called,
            () = wall.over() => return Ended::Limit(Breach::Wall),
        };
        let guest = store.data();
        match called {
            Err(Fault::Start(error)) if is_busy(&error) => Ended::Busy { reason: brief(&error) },
            Err(Fault::Start(error) | Fault::Run(error)) => diagnose(&error, guest),
            // A guest sees its output refused as one failure among others, and may call it what it likes.
            Ok(Err(_)) if guest.output_refused => Ended::Limit(Breach::Output),
            Ok(Err(failure)) => Ended::Failed(failure),
            Ok(Ok(outcome)) if !guest.may_end_with(outcome.text.as_ref().map_or(0, String::len)) => {
                Ended::Limit(Breach::Output)
            }
            Ok(Ok(outcome)) => Ended::Answered(outcome),
        }
    }

    fn store(&self, engine: &Engine, chat: Arc<dyn Chat>, tools: Tools, given: Vec<Given>) -> Store<Guest> {
        let limits = &self.manifest.limits;
        let mut store = Store::new(&engine.engine, Guest::new(self.name.clone(), limits, chat, tools, given));
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(MAX_COPY);
        store.set_max_component_handles(MAX_HANDLES);
        store.set_epoch_deadline(1);
        let cpu = limits.cpu.0;
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

    async fn call(&self, store: &mut Store<Guest>, turn: Turn) -> Result<Result<Outcome, Failure>, Fault> {
        let agent = self.pre.instantiate_async(&mut *store).await.map_err(Fault::Start)?;
        agent.sophon_agent_handler().call_handle(store, &turn).await.map_err(Fault::Run)
    }
}

/// Where a turn went wrong.
enum Fault {
    Start(wasmtime::Error),
    Run(wasmtime::Error),
}

/// Whether an instance could not be made for want of room on this host, which is not the agent's fault. Anything else is:
/// such as a `handle` of another type, which shows only here.
fn is_busy(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::PoolConcurrencyLimitError>() || error.is::<std::io::Error>()
}

/// Why a guest was ended. A refused growth of memory shows as whatever the guest does then, so it is asked first.
fn diagnose(error: &wasmtime::Error, guest: &Guest) -> Ended {
    if let Some(breach) = error.downcast_ref::<Breach>() {
        return Ended::Limit(*breach);
    }
    if guest.memory.refused() {
        return Ended::Limit(Breach::Memory);
    }
    if guest.output_refused {
        return Ended::Limit(Breach::Output);
    }
    let reason = match (error.downcast_ref::<wasmtime::Trap>(), error.downcast_ref::<Misuse>()) {
        (Some(trap), _) => trap.to_string(),
        (None, Some(misuse)) => misuse.to_string(),
        (None, None) => brief(error),
    };
    Ended::Trapped { reason, stderr: guest.stderr.text() }
}
