//! Who steps back, and that nothing is lost by it.

use super::*;
use crate::fair::FORGIVEN;
use std::sync::atomic::AtomicUsize;

const MS: Duration = Duration::from_millis(1);

fn heavy(now: Instant) -> Arc<Pace> {
    let pace = Pace::new(now);
    assert!(pace.is_heavy(3_600_000 * MS, now));
    Arc::new(pace)
}

fn paced<F: Future>(future: F, pace: Arc<Pace>, backstage: &Arc<Backstage>) -> Paced<F> {
    let (clock, place) = (CpuClock::default(), Place::Here(Box::pin(future)));
    Paced { agent: "agent".into(), clock, pace, backstage: backstage.clone(), place }
}

#[test]
fn an_agent_steps_back_for_what_it_computed_of_late() {
    let start = Instant::now();
    let pace = Pace::new(start);
    assert!(!pace.is_heavy(4 * MS, start));
    assert!(pace.is_heavy(4 * MS, start), "8 ms at a stretch");
    assert!(!pace.is_heavy(Duration::ZERO, start + 20 * MS), "6 ms are forgiven by then");
    // A tenth of the time for ever, and then half of it.
    let tenth = (1..1_000).any(|step| pace.is_heavy(4 * MS, start + step * 40 * MS));
    assert!(!tenth);
    let later = start + 200_000 * MS;
    assert!((1..10).any(|step| pace.is_heavy(50 * MS, later + step * 100 * MS)));
    let pace = heavy(start);
    assert!(!pace.is_heavy(Duration::ZERO, start + FORGIVEN), "an hour of computing is not held against it for long");
}

#[test]
fn agents_take_turns_however_much_one_wants() {
    let stage = Backstage(Arc::default());
    let done = Arc::new(Mutex::new(Vec::new()));
    for (agent, work) in [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6)] {
        let done = done.clone();
        stage.push(&agent.into(), Box::new(move || lock(&done).push(work)));
    }
    let queue = stage.0.clone();
    drop(stage);
    while let Some(job) = queue.next() {
        job();
    }
    assert_eq!(*lock(&done), [1, 4, 5, 2, 6, 3]);
}

#[tokio::test]
async fn a_heavy_one_is_polled_elsewhere_and_no_wake_is_lost() {
    let backstage = Arc::new(Backstage::start().expect("threads"));
    let polls = Arc::new(AtomicUsize::new(0));
    let count = polls.clone();
    let future = async move {
        for _ in 0..1_000 {
            // Wakes before its poll is over.
            tokio::task::yield_now().await;
            count.fetch_add(1, Ordering::Relaxed);
            assert_eq!(std::thread::current().name(), Some("guests"));
        }
        tokio::time::sleep(MS).await;
        "done"
    };
    assert_eq!(paced(future, heavy(Instant::now() + 3_600_000 * MS), &backstage).await, "done");
    assert_eq!(polls.load(Ordering::Relaxed), 1_000);
    let here = std::thread::current().id();
    let light = async move { std::thread::current().id() == here };
    assert!(paced(light, Arc::new(Pace::new(Instant::now())), &backstage).await, "a light one stays");
}

#[tokio::test]
async fn a_panic_takes_no_thread_along() {
    let backstage = Arc::new(Backstage::start().expect("threads"));
    let pace = heavy(Instant::now() + 3_600_000 * MS);
    for _ in 0..100 {
        let panics = paced(async { panic!("a fault of the host") }, pace.clone(), &backstage);
        let task = crate::tasks::spawn("panics", panics);
        assert!(task.await.is_err_and(|error| error.is_panic()));
    }
    assert_eq!(paced(async { 1 }, pace, &backstage).await, 1);
}
