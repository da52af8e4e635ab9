//! The first turns of a version: a bad one goes back by itself, and nobody notices.

use super::{CRASHES, STUMBLES, Workshop, answers};
use anyhow::Result;
use sophon_host::config::{TrialConfig, Watch};
use std::collections::HashMap;

async fn with_trial(trial: TrialConfig) -> Result<Workshop> {
    Workshop::start(|config| {
        config.agents.swap.watch = Watch::Off;
        config.agents.swap.trial = trial;
    })
    .await
}

const TRIAL: TrialConfig =
    TrialConfig { turns: 5, time: std::time::Duration::from_secs(600), failures: 2, canary: 100 };

#[tokio::test]
async fn a_bad_version_goes_back_by_itself_and_its_turns_are_answered() -> Result<()> {
    let mut shop = with_trial(TRIAL).await?;
    shop.put("2", CRASHES, "").await?;
    // Nothing was shown and nothing done: the version before answers in its place, from the first turn on.
    for turn in 0..3 {
        assert_eq!(shop.ask().await?, "one", "turn {turn}");
    }
    let report = shop.report()?;
    assert_eq!((report.answers.version.as_str(), report.trial), ("1", None));
    let candidate = report.candidate.expect("it is told");
    assert_eq!(candidate.why.as_deref(), Some("3 of its first 3 turns failed"));
    // The same is not tried again: not when it is looked at, not after a restart.
    for _ in 0..2 {
        shop.world.host().registry().look().await;
        let candidate = shop.report()?.candidate.expect("it is told");
        let why = candidate.why.unwrap_or_default();
        assert!(why.contains("3 turns failed") && why.contains("sophon-host agent reload vary"), "{why}");
        assert_eq!(shop.ask().await?, "one");
        shop.restart().await?;
    }
    // Until told.
    shop.world.host().registry().reload(Some("vary")).await.map_err(anyhow::Error::msg)?;
    assert_eq!(shop.report()?.answers.version, "2");
    Ok(())
}

#[tokio::test]
async fn a_version_that_is_put_back_during_the_trial_of_the_next_answers_for_good() -> Result<()> {
    let shop = with_trial(TRIAL).await?;
    shop.world.host().registry().look().await;
    assert!(shop.put("2", &answers("two"), "").await?.trial.is_some());
    let report = shop.put("1", &answers("one"), "").await?;
    assert_eq!((report.answers.version.as_str(), report.trial, report.before), ("1", None, None));
    let back = shop.world.host().registry().roll_back("vary", false).await;
    assert!(back.is_err_and(|why| why.contains("no version of `vary` is known")), "it went back to itself");
    assert_eq!(shop.ask().await?, "one");
    Ok(())
}

#[tokio::test]
async fn a_place_that_is_gone_has_no_problem_any_more() -> Result<()> {
    let shop = Workshop::quiet().await?;
    let registry = shop.world.host().registry().clone();
    super::write(shop.folder(), "other", "1", &answers("other"), "surprise = true\n")?;
    let mut changes = registry.changes();
    registry.look().await;
    // It might have been half written.
    while registry.problems().is_empty() {
        tokio::time::timeout(sophon_tests::PATIENCE, changes.changed()).await??;
    }
    std::fs::remove_dir_all(shop.folder().join("other"))?;
    registry.look().await;
    assert_eq!(registry.problems(), []);
    Ok(())
}

#[tokio::test]
async fn what_was_shown_is_not_said_again() -> Result<()> {
    let shop = with_trial(TRIAL).await?;
    shop.put("2", STUMBLES, "").await?;
    for turn in 0..3 {
        let answer = shop.ask().await?;
        assert!(answer.starts_with("still") && answer.contains("`vary` crashed"), "turn {turn}: {answer}");
    }
    assert_eq!(shop.ask().await?, "one");
    Ok(())
}

#[tokio::test]
async fn a_good_version_stays_after_its_trial() -> Result<()> {
    let shop = with_trial(TRIAL).await?;
    let report = shop.put("2", &answers("two"), "").await?;
    assert!(report.trial.is_some() && report.before.is_some());
    for _ in 0..5 {
        assert_eq!(shop.ask().await?, "two");
    }
    let report = shop.report()?;
    assert_eq!((report.trial, report.before, report.turns, report.failures), (None, None, 5, 0));
    Ok(())
}

#[tokio::test]
async fn a_version_that_fails_after_its_trial_stays_and_is_counted() -> Result<()> {
    let shop = with_trial(TrialConfig { turns: 0, ..TRIAL }).await?;
    let report = shop.put("2", CRASHES, "").await?;
    assert_eq!((report.trial, report.before), (None, None));
    for _ in 0..4 {
        assert!(shop.ask().await?.contains("`vary` crashed"));
    }
    let report = shop.report()?;
    assert_eq!((report.answers.version.as_str(), report.turns, report.failures), ("2", 4, 4));
    Ok(())
}

#[tokio::test]
async fn while_one_on_trial_is_replaced_the_last_good_one_is_kept() -> Result<()> {
    let shop = with_trial(TRIAL).await?;
    shop.put("2", CRASHES, "").await?;
    let report = shop.put("3", CRASHES, "[limits]\ncpu = \"1s\"\n").await?;
    assert_eq!(report.before.map(|before| before.version).as_deref(), Some("1"));
    for _ in 0..3 {
        assert_eq!(shop.ask().await?, "one");
    }
    assert_eq!(shop.report()?.answers.version, "1");
    Ok(())
}

#[tokio::test]
async fn only_a_share_of_the_sessions_sees_a_canary() -> Result<()> {
    let shop = with_trial(TrialConfig { turns: 1_000, canary: 40, ..TRIAL }).await?;
    shop.put("2", &answers("two"), "").await?;
    let mut seen: HashMap<String, String> = HashMap::new();
    for _ in 0..40 {
        let session = shop.world.user.session().await?;
        seen.insert(session.clone(), shop.ask_in(&session).await?);
    }
    let new = seen.values().filter(|answer| *answer == "two").count();
    // Forty throws of 0.4: fewer than 3 or more than 32 is rarer than one in a million.
    assert!((3..=32).contains(&new), "{new} of 40");
    for (session, answer) in &seen {
        assert_eq!(shop.ask_in(session).await?, *answer, "a session was answered by both");
    }
    Ok(())
}
