//! Compiling, which cannot be interrupted: one component at a time, on a thread that steps back for turns, and given up
//! when it takes too long. What is given up goes on until it is done; there may be only so many of these.

use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wasmtime::component::Component;

/// From here on it is told that it takes long, and that it is given up. On an idle machine of today nothing that passes
/// [`super::cost`] takes as long as the latter. A machine that is busy leaves little to threads that step back, and a large
/// component is not to be refused for that: the process must have computed for as long, too.
const LONG: Duration = Duration::from_secs(5);
const TOO_LONG: Duration = Duration::from_secs(120);
/// Whatever it has had: others wait to be compiled.
const AT_LAST: Duration = Duration::from_secs(15 * 60);
/// Between two looks at the time.
const LOOK: Duration = Duration::from_secs(1);
/// Compilations that were given up and go on. With more nothing is compiled.
const ABANDONED: usize = 2;
/// The niceness of the threads that compile: the pool that the compiler makes has it from the first of them.
const NICE: i32 = 10;

/// Compiles for an engine.
#[derive(Default)]
pub(super) struct Compiler {
    /// Held while one is compiled.
    one: Mutex<()>,
    abandoned: Arc<AtomicUsize>,
}

/// Counts one that goes on, as long as it does.
struct Abandoned(Arc<AtomicUsize>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why there is nothing compiled.
#[derive(Debug)]
pub(super) enum Failed {
    /// It is not valid, by the compiler's words.
    Invalid(wasmtime::Error),
    /// Something else, in words.
    Otherwise(String),
}

impl Compiler {
    /// Compiles a component. Blocks.
    pub(super) fn compile(&self, engine: &wasmtime::Engine, bytes: Arc<Vec<u8>>) -> Result<Component, Failed> {
        let engine = engine.clone();
        self.within(TOO_LONG, move || Component::new(&engine, &**bytes))?.map_err(Failed::Invalid)
    }

    fn within<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failed> {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        if self.abandoned.load(Ordering::Relaxed) >= ABANDONED {
            let words = "others are being compiled that take too long; take them away, and start the host again";
            return Err(Failed::Otherwise(words.to_owned()));
        }
        let (sender, receiver) = sync_channel(1);
        self.abandoned.fetch_add(1, Ordering::Relaxed);
        let counted = Abandoned(self.abandoned.clone());
        let started = crate::tasks::thread("compiler", move || {
            crate::tasks::step_back(NICE);
            let done = work();
            drop(counted);
            // Nobody waits for what was given up.
            let _ = sender.send(done);
        });
        started.map_err(|error| Failed::Otherwise(format!("there is no thread to compile it: {error}")))?;
        wait(&receiver, limit).map_err(|error| {
            Failed::Otherwise(match error {
                RecvTimeoutError::Timeout => format!("it was not compiled within {} s", limit.as_secs()),
                RecvTimeoutError::Disconnected => "the compiler gave up on it".to_owned(),
            })
        })
    }
}

/// Waits until it is done, or has had its time.
fn wait<T>(done: &Receiver<T>, limit: Duration) -> Result<T, RecvTimeoutError> {
    let (begun, before, mut is_told) = (Instant::now(), computed(), false);
    loop {
        let came = done.recv_timeout(LOOK.min(limit));
        if !matches!(came, Err(RecvTimeoutError::Timeout)) {
            return came;
        }
        let (passed, spent) = (begun.elapsed(), computed().saturating_sub(before));
        if is_over(passed, spent, limit) {
            return came;
        }
        if passed >= LONG && !std::mem::replace(&mut is_told, true) {
            tracing::info!("a component takes long to compile; it is given up after {} s", limit.as_secs());
        }
    }
}

/// Whether one that was begun so long ago has had its time, as the process has computed for so long since.
fn is_over(passed: Duration, spent: Duration, limit: Duration) -> bool {
    passed >= AT_LAST || passed.min(spent) >= limit
}

/// What this process has computed in all its threads.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<T>(result: Result<T, Failed>) -> String {
        match result {
            Err(Failed::Otherwise(words)) => words,
            _ => String::new(),
        }
    }

    #[test]
    fn what_takes_too_long_holds_nobody_up_unless_it_is_many() {
        let compiler = Compiler::default();
        let mut ends = Vec::new();
        for number in 1..=ABANDONED {
            let (end, wait) = sync_channel::<()>(0);
            assert!(words(compiler.within(Duration::ZERO, move || wait.recv())).contains("not compiled within"));
            assert_eq!(compiler.within(TOO_LONG, || 1).is_ok(), number < ABANDONED);
            ends.push(end);
        }
        assert!(words(compiler.within(TOO_LONG, || 1)).contains("take too long"));
        drop(ends);
        while compiler.abandoned.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        assert_eq!(compiler.within(TOO_LONG, || 1).ok(), Some(1));
    }

    #[test]
    fn a_busy_machine_is_no_reason_to_give_up_soon() {
        let (limit, second) = (TOO_LONG, Duration::from_secs(1));
        assert!(is_over(limit, limit, limit) && is_over(limit, 2 * limit, limit));
        assert!(!is_over(limit / 2, limit, limit), "two processors took half the time");
        assert!(!is_over(limit + second, second, limit), "it had next to no processor");
        assert!(is_over(AT_LAST, second, limit));
    }

    #[test]
    fn a_panic_of_the_compiler_is_told_and_forgotten() {
        let compiler = Compiler::default();
        for _ in 0..=ABANDONED {
            let panics = compiler.within::<()>(TOO_LONG, || panic!("a fault of the compiler"));
            assert_eq!(words(panics), "the compiler gave up on it");
        }
        assert_eq!(compiler.within(TOO_LONG, || 1).ok(), Some(1));
    }
}
