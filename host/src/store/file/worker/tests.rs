//! Who gives way in the store, and that nothing is lost or late by it.

use super::*;
use crate::store::open::in_memory;
use crate::store::{Capacity, Change, Changed, Drawer, Durability, Expected, Store};
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

type Call = Pin<Box<dyn Future<Output = Result<(), StoreError>>>>;

/// A store whose thread is the test, and what was done in it.
struct Bench {
    store: Store,
    worker: Worker,
    done: Arc<Mutex<Vec<&'static str>>>,
}

impl Bench {
    fn new() -> Self {
        let (store, worker, _) = Store::new(in_memory().expect("a connection"), Durability::Process);
        Self { store, worker, done: Arc::default() }
    }

    /// Lets an agent have used the store for so long.
    fn used(&self, agent: &str, used: Duration, now: Instant) {
        self.store.shared.desk.lock().expect("free").charge(agent, used, now);
    }

    /// Begins a call of an agent, or of the host itself: until it is done, or waits.
    fn call(&self, agent: &'static str, what: &'static str) -> Call {
        let (store, done) = (self.store.clone(), self.done.clone());
        let mut call: Call = Box::pin(async move {
            let statement = move || {
                done.lock().expect("free").push(what);
                Ok(())
            };
            match agent {
                "" => store.run(move |_| statement()).await,
                agent => store.run_for(Drawer::of_agent(agent), 0, move |_, _| statement()).await,
            }
        });
        let _ = is_over(&mut call);
        call
    }

    /// What a round does.
    fn round(&mut self, now: Instant) -> Vec<&'static str> {
        self.worker.jobs.extend(self.worker.queue.try_iter());
        self.worker.round(now);
        std::mem::take(&mut *self.done.lock().expect("free"))
    }
}

fn is_over(call: &mut Call) -> bool {
    matches!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
}

#[test]
fn an_agent_gives_way_for_what_it_used_of_late() {
    let mut desk = Desk::new(in_memory().expect("a connection"), Durability::Process);
    let start = Instant::now();
    assert!(!desk.is_heavy("a", start), "it has not used it yet");
    desk.charge("a", 9 * MS, start);
    assert!(!desk.is_heavy("a", start));
    desk.charge("a", 2 * MS, start);
    assert!(desk.is_heavy("a", start) && !desk.is_heavy("b", start));
    assert!(!desk.is_heavy("a", start + 20 * MS), "2 ms are forgiven by then");
    desk.charge("a", 3_600 * SECOND, start);
    assert!(desk.is_heavy("a", start + 2 * SECOND));
    assert!(!desk.is_heavy("a", start + 3 * SECOND), "an hour is not held against it for long");
}

#[test]
fn who_gives_way_goes_in_rounds_behind_all_else_and_rests() {
    let (mut bench, start) = (Bench::new(), Instant::now());
    ["a", "b"].iter().for_each(|agent| bench.used(agent, SECOND, start));
    let mut calls = ["a1", "a2", "a3", "b1"].map(|what| bench.call(if what < "b" { "a" } else { "b" }, what));
    let mut others = [bench.call("", "host"), bench.call("light", "light")];
    assert_eq!(bench.round(start), ["host", "light", "a1"], "one goes on however much else there is");
    assert!(others.iter_mut().all(is_over) && is_over(&mut calls[0]) && !is_over(&mut calls[1]));
    assert!(bench.worker.rests_until > start);
    let free = bench.store.shared.room.available_permits();
    assert_eq!(free, super::super::QUEUE, "what waits behind takes nobody's place");
    bench.worker.rests_until = start + MS;
    assert!(bench.round(start).is_empty(), "it rests, as others are at it");
    // Nobody else has used it for a while; what was not rested then is not rested now.
    let mut rounds = (0..4).map(|_| bench.round(start + SECOND));
    assert_eq!([(); 4].map(|()| rounds.next().expect("a round")), [vec!["b1"], vec!["a2"], vec!["a3"], vec![]]);
    assert!(calls[1..].iter_mut().all(is_over));
}

#[test]
fn a_light_one_is_served_at_once_and_a_heavy_one_when_its_turn_comes() {
    let (mut bench, start) = (Bench::new(), Instant::now());
    let _light = bench.call("a", "light");
    assert_eq!(*bench.done.lock().expect("free"), ["light"], "without the thread");
    bench.used("a", SECOND, start);
    assert!(!is_over(&mut bench.call("a", "given up")));
    let mut kept = bench.call("a", "kept");
    // The caller of the first is gone: it would be done after what others did since.
    let done = [bench.round(start), bench.round(start + SECOND)].concat();
    assert_eq!((done, is_over(&mut kept)), (vec!["light", "kept"], true));
}

#[test]
fn many_of_one_agent_that_come_together_are_not_all_done_together() {
    let (mut bench, start) = (Bench::new(), Instant::now());
    let desk = bench.store.shared.desk.lock().expect("free");
    let long = |_: &Connection, _: &Drawer| {
        let begins = Instant::now();
        while begins.elapsed() < 11 * MS {}
        Ok(())
    };
    let store = bench.store.clone();
    let mut first: Call = Box::pin(async move { store.run_for(Drawer::of_agent("a"), 0, long).await });
    assert!(!is_over(&mut first));
    let [mut second, mut third] = ["second", "third"].map(|what| bench.call("a", what));
    drop(desk);
    assert_eq!(bench.round(start), ["second"], "the one that gives way, as nobody else is there");
    assert!(is_over(&mut first) && is_over(&mut second) && !is_over(&mut third));
    assert_eq!(bench.round(start + SECOND), ["third"]);
}

#[test]
fn without_its_thread_a_store_says_that_it_is_closed() {
    let bench = Bench::new();
    let mut early = bench.call("", "early");
    drop(bench.worker);
    let mut late: Call =
        Box::pin(async move { bench.store.run_for(Drawer::of_agent("a"), usize::MAX, |_, _| Ok(())).await });
    for call in [&mut early, &mut late] {
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Err(StoreError::Closed))));
    }
}

#[test]
fn who_gives_way_waits_for_the_log_too() {
    let (store, worker, due) = Store::new(in_memory().expect("a connection"), Durability::Process);
    let (mut bench, start) = (Bench { store, worker, done: Arc::default() }, Instant::now());
    bench.used("a", SECOND, start);
    let _calls = [bench.call("a", "a"), bench.call("", "host")];
    bench.store.weigh(64 << 20);
    assert!(due.try_recv().is_ok(), "its thread is told, once");
    bench.store.weigh(64 << 20);
    assert!(due.try_recv().is_err());
    assert_eq!(bench.round(start), ["host"]);
    assert!(bench.round(start).is_empty() && bench.worker.rests_until > start);
    assert_eq!(bench.round(start + SECOND), ["a"], "it goes on however long that takes");
    drop(due);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_is_done_of_a_flood_and_of_what_comes_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
    let flood = async |session: &'static str| {
        for number in 0..2_000_u32 {
            let (key, new) = ("k".to_owned(), Some(number.to_le_bytes().to_vec()));
            let change = Change { key, expected: Expected::Anything, new };
            let most = Capacity { entries: 1, bytes: 100 };
            let changed = store.change(Drawer::of_session("flood", session), change, most).await;
            assert_eq!(changed.expect("asked"), Changed::Done);
        }
        store.recall(Drawer::of_session("flood", session), "k".to_owned()).await.expect("read")
    };
    let beside = async {
        for _ in 0..500 {
            store.run(|connection| connection.execute("UPDATE turns SET reruns = 0", [])).await.expect("done");
        }
    };
    let (one, other, ()) = tokio::join!(flood("ses_1"), flood("ses_2"), beside);
    let last = Ok(Some(1_999_u32.to_le_bytes().to_vec()));
    assert_eq!((one, other), (last.clone(), last));
}
