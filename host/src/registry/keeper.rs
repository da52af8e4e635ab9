//! Looks at what lies in the agents' folders, and lets what is new take over.
//!
//! One task for all agents: one component is compiled at a time, off the threads on which turns run.

use super::Registry;
use super::candidate::{self, Candidate, Unfit};
use super::watch::{Watcher, around};
use crate::config::{AgentsConfig, Watch};
use crate::time::now_ms;
use crate::wasm::{Stamp, find_all};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// Where a file system has no events, and for trials that end by their time.
const LOOK: Duration = Duration::from_secs(1);
/// What cannot be used may be half written still: it is looked at once more after so long without a change.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks that hints ask for: a folder in which much happens must not keep it busy.
const REST: Duration = Duration::from_millis(10);

/// Asks for a look at what is there, at once.
pub(super) struct Order {
    /// Told when it is done.
    pub(super) done: oneshot::Sender<()>,
}

/// What is known of one place at which an agent was found.
struct Seen {
    stamp: Stamp,
    /// Since when it looks like this.
    since: Instant,
    /// When there is something to do about it.
    due: Option<Instant>,
}

/// Looks, and looks again.
pub(super) struct Keeper {
    registry: Weak<Registry>,
    config: AgentsConfig,
    watcher: Watcher,
    hint: Arc<Notify>,
    orders: mpsc::Receiver<Order>,
    seen: BTreeMap<PathBuf, Seen>,
    /// When it looked last.
    looked: Instant,
}

impl Keeper {
    /// What answers and looks like this was read just now.
    pub(super) fn new(
        registry: Weak<Registry>,
        config: &AgentsConfig,
        orders: mpsc::Receiver<Order>,
        known: Vec<(PathBuf, Stamp)>,
    ) -> Self {
        let hint = Arc::new(Notify::new());
        let watcher = Watcher::start(config.swap.watch, hint.clone());
        let (config, looked) = (config.clone(), Instant::now());
        let seen = |(origin, stamp)| (origin, Seen { stamp, since: looked, due: None });
        let seen = known.into_iter().map(seen).collect();
        Self { registry, config, watcher, hint, orders, seen, looked }
    }

    /// Looks until nobody gives orders any more.
    pub(super) async fn keep(mut self) {
        let mut clock = interval(LOOK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let watches = self.config.swap.watch != Watch::Off;
        if watches {
            self.look(false).await;
        }
        loop {
            let due = self.seen.values().filter_map(|seen| seen.due).min();
            let Some(registry) = self.registry.upgrade() else { return };
            let (ticks, hint) = (self.watcher.polls() || registry.tries(), self.hint.clone());
            drop(registry);
            let rested = self.looked + REST;
            tokio::select! {
                order = self.orders.recv() => {
                    let Some(order) = order else { return };
                    self.look(true).await;
                    // Who asked may be gone.
                    let _ = order.done.send(());
                }
                () = async { sleep_until(rested).await; hint.notified().await } => self.look(false).await,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.work(Instant::now()).await,
                _ = clock.tick(), if ticks => {
                    self.registry.upgrade().iter().for_each(|registry| registry.trials_by_time(now_ms()));
                    if self.watcher.polls() {
                        self.look(false).await;
                    }
                }
            }
        }
    }

    /// Looks at all places. At once, if somebody waits for it.
    async fn look(&mut self, now: bool) {
        let config = self.config.clone();
        let (found, folders) = crate::tasks::blocking(move || look_around(&config)).await;
        self.looked = Instant::now();
        self.watcher.follow(folders);
        let time = Instant::now();
        let gone = self.seen.extract_if(.., |origin, _| !found.contains_key(origin)).map(|(origin, _)| origin);
        let gone: Vec<PathBuf> = gone.collect();
        self.registry.upgrade().iter().for_each(|registry| registry.are_gone(&gone));
        for (origin, stamp) in found {
            let settled = time + self.config.swap.settle;
            let seen = self.seen.entry(origin).or_insert(Seen { stamp, since: time, due: Some(settled) });
            if seen.stamp != stamp {
                *seen = Seen { stamp, since: time, due: Some(settled) };
            }
            if now {
                seen.due = Some(time);
            }
        }
        if now {
            self.work(time).await;
        }
    }

    /// Does what is due.
    async fn work(&mut self, now: Instant) {
        let due = |seen: &Seen| seen.due.is_some_and(|due| due <= now);
        let origins: Vec<PathBuf> =
            self.seen.iter().filter(|(_, seen)| due(seen)).map(|(origin, _)| origin.clone()).collect();
        for origin in origins {
            let Some(seen) = self.seen.get_mut(&origin) else { continue };
            seen.due = None;
            let (stamp, since) = (seen.stamp, seen.since);
            let next = self.consider(origin.clone(), stamp, since).await;
            if let Some(seen) = self.seen.get_mut(&origin) {
                seen.due = next;
            }
        }
    }

    /// Lets what lies in one place take over, if it is new and fit. When to look again, if so.
    async fn consider(&self, origin: PathBuf, stamp: Stamp, since: Instant) -> Option<Instant> {
        tracing::debug!("looking at what lies in {}", origin.display());
        let place = origin.clone();
        let read = crate::tasks::blocking(move || candidate::read(&place, stamp)).await;
        let outcome = match read {
            Ok(Some(candidate)) => self.try_out(candidate, stamp).await,
            Ok(None) => Err(Unfit::Moving),
            Err(why) => Err(Unfit::Bad { label: None, why, unsure: true }),
        };
        match outcome {
            Ok(()) => None,
            Err(Unfit::Moving) => {
                self.hint.notify_one();
                Some(Instant::now() + self.config.swap.settle)
            }
            Err(Unfit::Bad { unsure: true, .. }) if since.elapsed() < PATIENCE => Some(since + PATIENCE),
            Err(Unfit::Bad { label, why, .. }) => {
                self.registry.upgrade().iter().for_each(|registry| registry.refuse(&origin, label.clone(), &why));
                None
            }
        }
    }

    async fn try_out(&self, candidate: Candidate, stamp: Stamp) -> Result<(), Unfit> {
        let Some(registry) = self.registry.upgrade() else { return Ok(()) };
        if !registry.wants(&candidate).await? {
            return Ok(());
        }
        let proven = candidate.make(&registry.engine).await?;
        registry.prove_state(&proven.agent).await.map_err(|why| candidate.unfit(why))?;
        let (origin, file) = (candidate.manifest.origin.clone(), candidate.manifest.component.clone());
        let still = crate::tasks::blocking(move || Stamp::of(&origin, Some(&file)) == stamp);
        // What was written meanwhile is what counts.
        if !still.await {
            return Err(Unfit::Moving);
        }
        registry.take_over(proven, &candidate).await
    }
}

type Places = BTreeMap<PathBuf, Stamp>;

/// Where agents are found, what they look like, and the folders to watch.
fn look_around(config: &AgentsConfig) -> (Places, BTreeMap<PathBuf, (u64, u64)>) {
    let mut places = Places::new();
    let mut files = config.paths.clone();
    for (origin, manifest) in find_all(config) {
        let component = manifest.ok().map(|manifest| manifest.component);
        let stamp = Stamp::of(&origin, component.as_deref());
        files.extend([origin.clone()].into_iter().chain(component));
        places.insert(origin, stamp);
    }
    (places, around(files.iter().map(PathBuf::as_path), &config.installed))
}
