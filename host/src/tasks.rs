//! The one place that starts concurrent work. `clippy.toml` fences the functions used here everywhere else, so
//! that what runs beside what can be read off a list.

use std::cell::Cell;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

thread_local! {
    static STEPS_BACK: Cell<bool> = const { Cell::new(false) };
}

/// Starts a task. It keeps the caller's span, and carries `name` in its own.
pub(crate) fn spawn<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    // The caller's span is kept by itself: one of its own that is filtered out would keep nothing.
    let future = future.instrument(tracing::debug_span!("task", name)).in_current_span();
    #[expect(clippy::disallowed_methods, reason = "the fence's one gate")]
    tokio::spawn(future)
}

/// Starts a task that serves others than its starter too, and may outlive it: it has no part in the caller's span, which
/// would not end before it.
pub(crate) fn spawn_apart<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let future = future.instrument(tracing::debug_span!(parent: None, "task", name));
    #[expect(clippy::disallowed_methods, reason = "the fence's one gate")]
    tokio::spawn(future)
}

/// Runs work that blocks or computes for long on a thread of its own pool, and waits for it.
///
/// # Panics
/// When `work` panics: its panic goes on here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    #[expect(clippy::disallowed_methods, reason = "the fence's one gate")]
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// Starts a named thread, for work that never ends by itself, or that changes its thread for good.
///
/// # Errors
/// When the system has no thread left.
pub(crate) fn thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<T>> {
    #[expect(clippy::disallowed_methods, reason = "the fence's one gate")]
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// Lets this thread step back for all else on the machine that is less nice, for good.
pub(crate) fn step_back(nice: i32) {
    STEPS_BACK.set(true);
    // Without it the thread only takes its part.
    let _ = rustix::process::setpriority_process(None, nice);
}

/// Whether this thread steps back. It must hold nothing that others wait for: it may be long until it goes on.
pub(crate) fn steps_back() -> bool {
    STEPS_BACK.get()
}

/// Does the same work for each of some items, as many at a time as there are cores, and gives what came of it in the
/// same order. Blocks.
///
/// # Panics
/// When `work` panics: its panic goes on here.
pub(crate) fn side_by_side<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let serve = || std::iter::from_fn(next).map(|(place, item)| (place, work(item))).collect::<Vec<_>>();
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores).map(|_| scope.spawn(serve)).collect();
        let mut done = serve();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_done_side_by_side_comes_in_order() {
        assert_eq!(
            super::side_by_side((0..100).collect(), |n: u32| n * 2),
            (0..100).map(|n| n * 2).collect::<Vec<_>>()
        );
        assert!(super::side_by_side(Vec::<u32>::new(), |n| n).is_empty());
    }
}
