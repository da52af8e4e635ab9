//! A version of another schema in a share of the sessions.

use super::Workshop;
use super::state::{SECOND, TRIAL, empty_shop, shop, version};
use anyhow::{Context as _, Error, Result, ensure};
use sophon_host::config::TrialConfig;
use sophon_tests::{Log, MIGRATES};

const CANARY: TrialConfig = TrialConfig { turns: 1_000, canary: 40, ..TRIAL };

/// Sessions with words of their own, and nothing that is kept for all.
async fn parted() -> Result<(Workshop, Vec<String>)> {
    let shop = empty_shop(CANARY).await?;
    let mut sessions = Vec::new();
    for number in 0..30 {
        let session = shop.world.user.session().await?;
        ensure!(shop.say_in(&session, &format!("s w{number}")).await? == "kept");
        sessions.push(session);
    }
    let report = shop.put("2", &version(2, 0, MIGRATES), SECOND).await?;
    let trial = report.trial.with_context(|| format!("{:?}", report.candidate))?;
    ensure!((trial.share, trial.in_all) == (40, false), "{trial:?}");
    Ok((shop, sessions))
}

impl Workshop {
    /// Which version answers each session.
    async fn versions(&self, sessions: &[String]) -> Result<Vec<char>> {
        let mut versions = Vec::new();
        for session in sessions {
            versions.push(self.say_in(session, "S").await?.chars().next().context("no answer")?);
        }
        Ok(versions)
    }
}

/// A session that this version answers.
fn one_of<'a>(sessions: &'a [String], versions: &[char], version: char) -> Result<&'a str> {
    let place = versions.iter().position(|other| *other == version);
    Ok(&sessions[place.context("no such session")?])
}

#[tokio::test]
async fn each_session_keeps_to_its_version_with_its_own_state() -> Result<()> {
    let (mut shop, sessions) = parted().await?;
    let versions = shop.versions(&sessions).await?;
    // Thirty throws of 0.4: fewer than 2 or more than 27 is rarer than one in a hundred thousand.
    let new = versions.iter().filter(|version| **version == '2').count();
    assert!((2..=27).contains(&new), "{versions:?}");
    for round in 0..2 {
        for (number, (session, version)) in sessions.iter().zip(&versions).enumerate() {
            let told = shop.say_in(session, "S").await?;
            let own = if *version == '2' { format!("2 w{number}+1") } else { format!("1 w{number}") };
            assert_eq!(told, own, "round {round}");
        }
        shop.restart().await?;
    }
    let old = one_of(&sessions, &versions, '1')?;
    let (old_place, new) = (versions.iter().position(|it| *it == '1'), one_of(&sessions, &versions, '2')?);
    for session in [old, new] {
        assert_eq!(shop.say_in(session, "s later").await?, "kept");
    }
    // Who stayed with version 1 loses nothing by going back; the others are told that they do.
    let registry = shop.world.host().registry().clone();
    assert!(registry.roll_back("vary", false).await.is_err_and(|why| why.contains("--restore-state")));
    assert_eq!(registry.roll_back("vary", true).await, Ok("1".to_owned()));
    for (number, session) in sessions.iter().enumerate() {
        let words = if Some(number) == old_place { "later".to_owned() } else { format!("w{number}") };
        assert_eq!(shop.say_in(session, "S").await?, format!("1 {words}"));
    }
    Ok(())
}

#[tokio::test]
async fn what_a_turn_wants_to_keep_for_all_brings_all_sessions_to_the_new_version() -> Result<()> {
    for writer in ['1', '2'] {
        let (mut shop, sessions) = parted().await?;
        let versions = shop.versions(&sessions).await?;
        let (old, new) = (one_of(&sessions, &versions, '1')?, one_of(&sessions, &versions, '2')?);
        if writer == '1' {
            let refused = shop.say_in(old, "a words").await?;
            assert!(refused.contains("was carried over to schema 2 by another version"), "{refused}");
        } else {
            assert_eq!(shop.say_in(new, "a words").await?, "kept");
        }
        let trial = shop.report()?.trial.context("it goes on")?;
        assert_eq!((trial.share, trial.in_all), (100, true));
        assert_eq!(shop.say_in(old, "a words").await?, "kept");
        for session in [old, new] {
            assert_eq!(shop.say_in(session, "A").await?, "2 words");
        }
        assert!(shop.versions(&sessions).await?.iter().all(|version| *version == '2'));
        shop.restart().await?;
        let trial = shop.report()?.trial.context("it goes on")?;
        assert!(trial.in_all && shop.say_in(old, "A").await? == "2 words");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_kept_for_all_is_not_for_a_share_of_the_sessions_and_that_is_told() -> Result<()> {
    let log = Log::start();
    let shop = shop(CANARY).await?;
    let report = shop.put("2", &version(2, 0, MIGRATES), SECOND).await?;
    let trial = report.trial.context("no trial")?;
    assert_eq!((trial.share, trial.in_all), (100, true));
    log.wait("the new version answers in all sessions from the start").await?;
    for _ in 0..10 {
        let session = shop.world.user.session().await?;
        assert_eq!(shop.say_in(&session, "A").await?, "2 all+1");
    }
    // Over another one on trial there is no share, either: sessions are of the second schema already.
    let shop = empty_shop(CANARY).await?;
    for number in [2, 3] {
        let schema = format!("[state]\nschema = {number}\n");
        let report = shop.put(&number.to_string(), &version(number, 0, MIGRATES), &schema).await?;
        assert_eq!(report.trial.map(|trial| trial.in_all), Some(number == 3));
    }
    shop.world.host().registry().reload(None).await.map_err(Error::msg)?;
    Ok(())
}
