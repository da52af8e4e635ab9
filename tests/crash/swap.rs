//! The real binary, killed while a version takes over that keeps its state in another shape. Afterwards one version
//! answers every session, with all that was kept in the shape of that version.
//!
//! A fifth of the kills of the other part, so 40 unless told.

use crate::model::{OnDisk, check_store};
use crate::town::{SESSIONS, Town, label};
use anyhow::{Context as _, Result, ensure};
use sophon_host::daemon::{Order, order};
use sophon_tests::{Chance, PATIENCE, number};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than it takes until a version answers, mostly, in milliseconds.
const SWAP: u64 = 250;
/// How long what follows takes, once its beginning was seen.
const MOMENT: u64 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_version_answers_with_its_own_state_however_often_a_swap_is_killed() -> Result<()> {
    let kills = number("SOPHON_TEST_KILLS")?.unwrap_or(200) / 5;
    let seed = number("SOPHON_TEST_SEED")?.unwrap_or_else(|| u64::from(std::process::id()));
    let mut chance = Chance::new(seed);
    let (mut swapped, mut taken_back, mut backs) = (0, 0, 0);
    let mut left = kills;
    while left > 0 {
        // Versions are told apart by one character.
        let round = left.min(30);
        let mut town = Town::build().await?;
        for kill in 0..round {
            let context = || format!("kill {kill} of {round}, seed {seed}");
            let goes_back = chance.below(4) == 0;
            let moved = match goes_back {
                true => town.killed_while_it_goes_back(&mut chance).await.with_context(context)?,
                false => town.killed_while_it_swaps(&mut chance).await.with_context(context)?,
            };
            match goes_back {
                true => (backs, taken_back) = (backs + 1, taken_back + u32::from(moved)),
                false => swapped += u32::from(moved),
            }
        }
        town.host().await?.0.terminate().await?;
        left -= round;
    }
    let swaps = kills - backs;
    println!(
        "seed {seed}: {swapped} of {swaps} versions answered when their host was killed, {taken_back} of {backs} were taken back"
    );
    Ok(())
}

impl Town {
    /// Whether the version answered when its host was killed.
    async fn killed_while_it_swaps(&mut self, chance: &mut Chance) -> Result<bool> {
        let (mut host, _) = self.host().await?;
        let before = self.look_at_all().await?;
        self.write_next()?;
        let shelf = Shelf::of(self.data.path())?;
        let data = self.data.path().to_owned();
        let mut ordered = tokio::spawn(async move { order(&data, &Order::Look).await.map(drop) });
        for drawer in 0..=SESSIONS {
            if chance.below(2) == 0 {
                self.say(drawer).await?;
            }
        }
        let mut moment = MOMENT;
        match chance.below(4) {
            0 => tokio::time::sleep(Duration::from_millis(chance.below(SWAP))).await,
            // It begins to be written down: first the component, then in one transaction all else.
            1 => shelf.fills(&ordered, false).await?,
            2 => {
                shelf.fills(&ordered, true).await?;
                moment = 1;
            }
            // Each session is carried over at its next turn.
            _ => drop((&mut ordered).await?),
        }
        tokio::time::sleep(Duration::from_micros(chance.below(moment * 1_000))).await;
        host.kill().await?;
        ordered.abort();
        let now = self.after_a_kill(&[before, self.version]).await?;
        Ok(now == self.version)
    }

    /// Whether the version before answered when its host was killed.
    async fn killed_while_it_goes_back(&mut self, chance: &mut Chance) -> Result<bool> {
        let (mut host, _) = self.host().await?;
        let before = self.look_until_it_passed().await?;
        let kept = self.keeps.clone();
        self.write_next()?;
        let done = order(self.data.path(), &Order::Look).await?;
        ensure!(done.agents[0].answers.version == label(self.version).to_string(), "{done:?}");
        for drawer in [0, SESSIONS] {
            self.say(drawer).await?;
        }
        self.hear().await?;
        let data = self.data.path().to_owned();
        let back = Order::RollBack { agent: "vary".to_owned(), restore_state: true };
        let ordered = tokio::spawn(async move { order(&data, &back).await.map(drop) });
        tokio::time::sleep(Duration::from_micros(chance.below(2 * MOMENT * 1_000))).await;
        host.kill().await?;
        ordered.abort();
        let now = self.on_the_disk(&[before, self.version])?.version;
        if now == before {
            // All is as it was.
            self.keeps = kept;
        }
        self.after_a_kill(&[now]).await?;
        Ok(now == before)
    }

    fn on_the_disk(&self, among: &[u8]) -> Result<OnDisk> {
        let file = self.data.path().join(format!("{}.db", self.world.token.installation()));
        let on_disk = check_store(&file)?;
        ensure!(among.contains(&on_disk.version), "{on_disk:?} answers, and not one of {among:?}");
        Ok(on_disk)
    }

    /// Starts the host again, and looks whether all is whole. Which version answers.
    async fn after_a_kill(&mut self, among: &[u8]) -> Result<u8> {
        let OnDisk { version: now, before } = self.on_the_disk(among)?;
        let (mut host, line) = self.host().await?;
        ensure!(line.answers.version == label(now).to_string(), "version {now} is written down: {line:?}");
        let told = line.before.as_ref().map(|before| before.version.clone());
        ensure!(told == before && line.trial.is_some() == before.is_some(), "before it is {before:?}: {line:?}");
        let answers = self.look_at_all().await?;
        ensure!(answers == now, "version {answers} answers, and {now} is written down");
        // The newest is either what answers, or barred by hand, or a candidate that takes over now.
        let line = order(self.data.path(), &Order::Look).await?.agents.remove(0);
        let candidate = line.candidate.as_ref().and_then(|candidate| candidate.why.clone());
        let is_barred = candidate.is_some_and(|why| why.contains("somebody went back by hand"));
        let newest = line.answers.version == label(self.version).to_string();
        ensure!(newest != is_barred, "{line:?}");
        ensure!(now == self.version || is_barred == (among == [now]), "the bar is not kept: {line:?}");
        self.look_at_all().await?;
        host.kill().await?;
        Ok(now)
    }
}

/// Where a host keeps components, and the files there before another one comes.
struct Shelf(PathBuf, Vec<PathBuf>);

impl Shelf {
    fn of(data: &Path) -> Result<Self> {
        let folder = data.join("versions");
        Ok(Self(folder.clone(), files(&folder)?))
    }

    /// Waits until there is another one, or a whole other one; or nothing is to come any more.
    async fn fills(&self, order: &tokio::task::JoinHandle<impl Sized>, whole: bool) -> Result<()> {
        let is_it =
            |file: &PathBuf| !self.1.contains(file) && (!whole || file.extension().is_some_and(|end| end == "wasm"));
        let fills = async {
            while !files(&self.0)?.iter().any(is_it) && !order.is_finished() {
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, fills).await.context("no version was kept")?
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?)
}
