//! Compiling, which cannot be interrupted: one component at a time, on a thread that steps back for turns, and given up
//! when it takes too long. What is given up goes on until it is done; there may be only so many of these.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wasmtime::component::Component;

/// From here on it is told that it takes long, and that it is given up. On an idle machine of today nothing that passes
/// [`super::cost`] takes as long as the latter.
const LONG: Duration = Duration::from_secs(5);
const TOO_LONG: Duration = Duration::from_secs(120);
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
        let waited = receiver.recv_timeout(LONG.min(limit)).or_else(|error| match error {
            RecvTimeoutError::Timeout if limit > LONG => {
                tracing::info!("a component takes long to compile; it is given up after {} s", limit.as_secs());
                receiver.recv_timeout(limit - LONG)
            }
            error => Err(error),
        });
        waited.map_err(|error| {
            Failed::Otherwise(match error {
                RecvTimeoutError::Timeout => format!("it was not compiled within {} s", limit.as_secs()),
                RecvTimeoutError::Disconnected => "the compiler gave up on it".to_owned(),
            })
        })
    }
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
    fn a_panic_of_the_compiler_is_told_and_forgotten() {
        let compiler = Compiler::default();
        for _ in 0..=ABANDONED {
            let panics = compiler.within::<()>(TOO_LONG, || panic!("a fault of the compiler"));
            assert_eq!(words(panics), "the compiler gave up on it");
        }
        assert_eq!(compiler.within(TOO_LONG, || 1).ok(), Some(1));
    }
}
