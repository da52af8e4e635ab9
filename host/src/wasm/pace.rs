//! Where guests compute. An agent that computes little is polled where all else runs, which is quickest. One that has
//! computed for more than its share of late is polled on threads that step back for everything else on the machine,
//! and take turns between such agents: however much one computes, sockets, timers and other agents find a processor.

use super::clock::CpuClock;
use crate::fair::{Account, Rounds};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// What an agent may compute at a stretch, and of each second in the long run, before it steps back.
const AT_A_STRETCH: Duration = Duration::from_millis(5);
const OF_A_SECOND: f64 = 0.3;
/// What a turn may compute without being counted: an agent with many short turns is busy, but in nobody's way.
const A_MOMENT: Duration = Duration::from_millis(1);
/// The niceness of the threads that step back: the lowest priority there is.
const NICE: i32 = 19;

/// What one agent has computed of late, in all its turns.
#[derive(Debug)]
pub(super) struct Pace(Mutex<Account>);

impl Pace {
    /// An agent that has not computed yet.
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Account::new(now)))
    }

    /// Notes that it has computed for so long; says whether that was more than its share.
    fn is_heavy(&self, computed: Duration, now: Instant) -> bool {
        lock(&self.0).is_heavy(computed, OF_A_SECOND, AT_A_STRETCH, now)
    }
}

/// The threads that step back. Dropped, they end when they have nothing to do.
pub(super) struct Backstage(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// The work of each agent. As much as there are turns.
    agents: Rounds<Arc<str>, Job>,
    over: bool,
}

type Job = Box<dyn FnOnce() + Send>;

impl Backstage {
    /// As many threads as there are processors.
    pub(super) fn start() -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        // Made first, so that the threads that there are end if one cannot be had.
        let stage = Self(queue.clone());
        for _ in 0..threads {
            let queue = queue.clone();
            crate::tasks::thread("guests", move || {
                crate::tasks::step_back(NICE);
                while let Some(job) = queue.next() {
                    // A panic is the panicking turn's: its sender is gone with it, and that turn hears of it.
                    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                }
            })?;
        }
        Ok(stage)
    }

    fn push(&self, agent: &Arc<str>, job: Job) {
        let mut state = lock(&self.0.state);
        state.agents.push(agent.clone(), job);
        drop(state);
        self.0.news.notify_one();
    }
}

impl Queue {
    /// The next that is to be done: of each agent in its turn.
    fn next(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        loop {
            match state.agents.next() {
                None if !state.over => {}
                next => return next,
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Backstage {
    fn drop(&mut self) {
        lock(&self.0.state).over = true;
        self.0.news.notify_all();
    }
}

/// A guest's future, polled where its agent's pace allows.
pub(super) struct Paced<F: Future> {
    pub(super) agent: Arc<str>,
    pub(super) clock: CpuClock,
    pub(super) pace: Arc<Pace>,
    pub(super) backstage: Arc<Backstage>,
    pub(super) place: Place<F>,
}

/// Where the future is.
pub(super) enum Place<F: Future> {
    Here(Pin<Box<F>>),
    /// Being polled elsewhere; with what tells that it was woken meanwhile.
    Away(oneshot::Receiver<Back<F>>, Arc<Woken>),
    Gone,
}

/// What a poll elsewhere brings back.
type Back<F> = (Pin<Box<F>>, Poll<<F as Future>::Output>);

/// A waker that remembers. A poll elsewhere may be woken before it is back, and that wake must not be lost.
pub(super) struct Woken {
    woken: AtomicBool,
    task: Waker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl<F> Paced<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    /// Has the next poll done by a thread that steps back. Dropped meanwhile, the future is dropped there.
    fn send_away(&self, mut future: Pin<Box<F>>, task: Waker) -> Place<F> {
        let (sender, receiver) = oneshot::channel();
        let woken = Arc::new(Woken { woken: AtomicBool::new(false), task });
        let (clock, pace, waker) = (self.clock.clone(), self.pace.clone(), Waker::from(woken.clone()));
        let (runtime, span) = (Handle::current(), tracing::Span::current());
        let log = tracing::dispatcher::get_default(Clone::clone);
        self.backstage.push(
            &self.agent,
            Box::new(move || {
                let _runtime = runtime.enter();
                if sender.is_closed() {
                    return;
                }
                let poll = || span.in_scope(|| future.as_mut().poll(&mut Context::from_waker(&waker)));
                let (polled, took) = tracing::dispatcher::with_default(&log, || clock.time(A_MOMENT, poll));
                pace.is_heavy(took, Instant::now());
                // Without a receiver nobody wants it any more.
                let _ = sender.send((future, polled));
            }),
        );
        Place::Away(receiver, woken)
    }
}

impl<F> Future for Paced<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            match std::mem::replace(&mut self.place, Place::Gone) {
                Place::Here(future) if self.pace.is_heavy(Duration::ZERO, Instant::now()) => {
                    self.place = self.send_away(future, context.waker().clone());
                }
                Place::Here(mut future) => {
                    let (polled, took) = self.clock.time(A_MOMENT, || future.as_mut().poll(context));
                    self.pace.is_heavy(took, Instant::now());
                    self.place = Place::Here(future);
                    return polled;
                }
                Place::Away(mut receiver, woken) => match Pin::new(&mut receiver).poll(context) {
                    Poll::Pending => {
                        self.place = Place::Away(receiver, woken);
                        return Poll::Pending;
                    }
                    Poll::Ready(back) => {
                        let (future, polled) = back.expect("a guest's poll panicked; its thread said why");
                        self.place = Place::Here(future);
                        if polled.is_ready() || !woken.woken.swap(false, Ordering::AcqRel) {
                            return polled;
                        }
                    }
                },
                Place::Gone => panic!("polled after its end"),
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
