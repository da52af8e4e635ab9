//! What an agent keeps, across versions that keep it in another shape.

use super::Workshop;
use anyhow::{Context as _, Error, Result};
use serde_json::json;
use sophon_host::config::{TrialConfig, Watch};
use sophon_tests::{MIGRATES, keeps};
use std::time::Duration;

pub(super) const SECOND: &str = "[state]\nschema = 2\n";
const WANT: &str = "[[want.http]]\nurl = \"http://a.example/*\"\nwhy = \"to look\"\n";
pub(super) const TRIAL: TrialConfig =
    TrialConfig { turns: 50, time: Duration::from_secs(600), failures: 2, canary: 100 };

/// Does as `MIGRATES` for the agent, and crashes for a session.
const FORGETS_SESSIONS: &str = "(if (i32.eqz (local.get $of)) (then unreachable))\n    (call $get (i32.sub";

/// A migrator of one line.
fn migrates(body: &str) -> String {
    format!("(func (export \"migrate\") (param $of i32) (param $from i32) (result i32) {body})")
}

/// A version that does what its messages say, and crashes at one of them.
pub(super) fn version(number: u8, crashes_at: u8, migrate: &str) -> String {
    keeps(char::from(b'0' + number), crashes_at, migrate)
}

/// A host with version 1, which keeps nothing yet.
pub(super) async fn empty_shop(trial: TrialConfig) -> Result<Workshop> {
    let shop = Workshop::with(&version(1, 0, ""), WANT, |config| {
        config.agents.swap.watch = Watch::Off;
        config.agents.swap.trial = trial;
    })
    .await?;
    shop.world.host().registry().look().await;
    Ok(shop)
}

/// A host with version 1, which keeps `all`, and `one` in the session.
pub(super) async fn shop(trial: TrialConfig) -> Result<Workshop> {
    let shop = empty_shop(trial).await?;
    for words in ["a all", "s one"] {
        assert_eq!(shop.say(words).await?, "kept");
    }
    Ok(shop)
}

impl Workshop {
    /// What is answered in the first session.
    pub(super) async fn say(&self, words: &str) -> Result<String> {
        self.say_in(&self.session, words).await
    }

    pub(super) async fn say_in(&self, session: &str, words: &str) -> Result<String> {
        Ok(self.world.user.ask(session, words).await?.text)
    }

    /// What is kept: in the first session, and in all.
    pub(super) async fn kept(&self) -> Result<(String, String)> {
        Ok((self.say("S").await?, self.say("A").await?))
    }
}

pub(super) fn pair(session: &str, agent: &str) -> (String, String) {
    (session.to_owned(), agent.to_owned())
}

#[tokio::test]
async fn what_is_kept_is_carried_over_each_session_as_it_comes() -> Result<()> {
    let mut shop = shop(TRIAL).await?;
    let other = shop.world.user.session().await?;
    shop.say_in(&other, "s two").await?;
    let registry = shop.world.host().registry().clone();
    registry.pin(&other, Some(("vary", None))).await.map_err(Error::msg)?;
    let report = shop.put("2", &version(2, 0, MIGRATES), SECOND).await?;
    assert_eq!((report.answers.version.as_str(), report.candidate), ("2", None));
    assert_eq!(shop.kept().await?, pair("2 one+1", "2 all+1"));
    assert_eq!(shop.kept().await?, pair("2 one+1", "2 all+1"), "it is carried over once");
    // One that stays with the version before keeps what it has there, and does not change what is all sessions'.
    assert_eq!(shop.say_in(&other, "S").await?, "1 two");
    assert_eq!(shop.say_in(&other, "s three").await?, "kept");
    let refused = shop.say_in(&other, "a lost").await?;
    assert!(refused.contains("of an agent was carried over to schema 2") && refused.contains("schema 1"), "{refused}");
    registry.pin(&other, None).await.map_err(Error::msg)?;
    drop(registry);
    shop.restart().await?;
    assert_eq!(shop.kept().await?, pair("2 one+1", "2 all+1"));
    assert_eq!(shop.say_in(&other, "S").await?, "2 three+1");
    let new = shop.world.user.session().await?;
    assert_eq!(shop.say_in(&new, "S").await?, "2 nothing");
    // The same schema again: nothing happens, and nobody needs to export anything.
    shop.put("3", &version(3, 0, ""), SECOND).await?;
    assert_eq!(shop.kept().await?, pair("3 one+1", "3 all+1"));
    Ok(())
}

#[tokio::test]
async fn who_cannot_carry_it_over_does_not_take_over() -> Result<()> {
    let shop = shop(TrialConfig { turns: 0, ..TRIAL }).await?;
    let session = shop.session.clone();
    let fills = migrates(
        "(local $n i32) (loop $on
           (i32.store8 (i32.const 3000) (i32.add (i32.const 48) (i32.div_u (local.get $n) (i32.const 64))))
           (i32.store8 (i32.const 3001) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 64))))
           (call $set (local.get $of) (i32.const 3000) (i32.const 2) (i32.const 0) (i32.const 120000) (i32.const 512))
           (local.set $n (i32.add (local.get $n) (i32.const 1)))
           (br_if $on (i32.eqz (i32.load8_u (i32.const 512)))))
         (i32.const 512)",
    );
    let quick = format!("{SECOND}[limits]\ncpu = \"50ms\"\n");
    let forgets = MIGRATES.replace("(call $get (i32.sub", FORGETS_SESSIONS);
    for (migrate, manifest, parts) in [
        (migrates("unreachable"), SECOND, &["keeps in all sessions from schema 1 to 2", "it crashed"][..]),
        (migrates("(loop $on (br $on)) unreachable"), &quick, &["in all sessions", "stopped at the CPU limit"]),
        (fills, SECOND, &["in all sessions", "it failed", "an agent has at most 16777216 bytes"]),
        (forgets, SECOND, &["in session", &session, "from schema 1 to 2", "it crashed"]),
        (String::new(), SECOND, &["schema` is 2", "keeps is of schema 1", "export `migrate`"]),
    ] {
        let report = shop.put("2", &version(2, 0, &migrate), manifest).await?;
        let why = report.candidate.and_then(|candidate| candidate.why).context(migrate)?;
        assert!(parts.iter().all(|part| why.contains(part)), "{why}");
        assert_eq!(shop.kept().await?, pair("1 one", "1 all"), "{why}");
    }
    assert_eq!(shop.say("a still").await?, "kept");
    Ok(())
}

#[tokio::test]
async fn a_lower_schema_needs_a_migrator_and_none_is_needed_where_nothing_is_kept() -> Result<()> {
    let shop = shop(TrialConfig { turns: 0, ..TRIAL }).await?;
    // Nobody carries the session over but its next turn.
    shop.world.host().registry().close();
    shop.put("3", &version(3, 0, MIGRATES), "[state]\nschema = 3\n").await?;
    let report = shop.put("2", &version(2, 0, ""), SECOND).await?;
    let why = report.candidate.and_then(|candidate| candidate.why).context("it is refused")?;
    assert!(
        why.contains("is 2") && why.contains("of schema 3 already") && why.contains("agent rollback vary"),
        "{why}"
    );
    let report = shop.put("2.1", &version(2, 0, MIGRATES), SECOND).await?;
    assert_eq!(report.candidate, None);
    assert_eq!(shop.kept().await?, pair("2 one+1", "2 all+1+3"), "a session may come from further back");

    let empty = Workshop::quiet().await?;
    let report = empty.put("2", &version(2, 0, ""), SECOND).await?;
    assert_eq!((report.answers.version.as_str(), report.candidate), ("2", None));
    assert_eq!(empty.say("a first").await?, "kept");
    Ok(())
}

#[tokio::test]
async fn going_back_brings_back_what_was_kept() -> Result<()> {
    let shop = shop(TRIAL).await?;
    shop.put("2", &version(2, 104, MIGRATES), &format!("{WANT}{SECOND}")).await?;
    let second = shop.world.user.session().await?;
    for (session, words) in [(&shop.session, "s new"), (&shop.session, "a new"), (&second, "s begun")] {
        assert_eq!(shop.say_in(session, words).await?, "kept");
    }
    // Each is answered by the version before; the third one too many makes it answer again.
    for _ in 0..3 {
        assert_eq!(shop.say("here?").await?, "here");
    }
    assert_eq!(shop.report()?.answers.version, "1");
    assert_eq!(shop.kept().await?, pair("1 one", "1 all"));
    assert_eq!(shop.say_in(&second, "S").await?, "1 nothing");
    for words in ["s more", "a more"] {
        assert_eq!(shop.say(words).await?, "kept");
    }
    assert_eq!(shop.kept().await?, pair("1 more", "1 more"));
    Ok(())
}

#[tokio::test]
async fn a_turn_that_runs_again_sees_what_was_before() -> Result<()> {
    for (crashes_at, words, answer) in [
        (b'S', "S", "1 one"),
        (b'A', "A", "1 all"),
        (b's', "s again", "kept"),
        (b'a', "a again", "the state of an agent was carried over to schema 2"),
    ] {
        let shop = shop(TRIAL).await?;
        shop.put("2", &version(2, crashes_at, MIGRATES), SECOND).await?;
        let text = shop.say(words).await?;
        assert!(text.starts_with(answer), "{words}: {text}");
        assert_eq!(shop.report()?.answers.version, "2", "one failure is not the end of it");
        let now = if words == "s again" { shop.say("S").await? } else { String::new() };
        assert!(now.is_empty() || now == "2 again+1", "what it kept is lost: {now}");
    }
    Ok(())
}

#[tokio::test]
async fn the_turn_that_ends_the_trial_runs_again_with_all_that_was_kept() -> Result<()> {
    let shop = shop(TrialConfig { failures: 0, ..TRIAL }).await?;
    shop.put("2", &version(2, b'a', MIGRATES), SECOND).await?;
    assert_eq!(shop.say("s new").await?, "kept");
    assert_eq!(shop.say("a again").await?, "kept", "it runs before what was kept is back");
    assert_eq!(shop.kept().await?, pair("1 one", "1 again"));
    Ok(())
}

#[tokio::test]
async fn somebody_goes_back_by_hand_while_there_is_a_way() -> Result<()> {
    let shop = shop(TRIAL).await?;
    let registry = shop.world.host().registry().clone();
    shop.put("2", &version(2, 0, MIGRATES), SECOND).await?;
    assert_eq!(shop.say("s new").await?, "kept");
    let refused = registry.roll_back("vary", false).await.err().unwrap_or_default();
    let parts = ["version 1", "schema 1", "has kept since is lost", "agent rollback vary --restore-state"];
    assert!(parts.iter().all(|part| refused.contains(part)), "{refused}");
    assert_eq!(shop.kept().await?, pair("2 new", "2 all+1"));
    assert_eq!(registry.roll_back("vary", true).await, Ok("1".to_owned()));
    assert_eq!(shop.kept().await?, pair("1 one", "1 all"));
    // What a version only carried over is not lost.
    registry.reload(None).await.map_err(Error::msg)?;
    assert_eq!(shop.kept().await?, pair("2 one+1", "2 all+1"));
    assert_eq!(registry.roll_back("vary", false).await, Ok("1".to_owned()));
    assert_eq!(shop.kept().await?, pair("1 one", "1 all"));
    Ok(())
}

#[tokio::test]
async fn there_is_a_way_back_after_the_trial_until_the_next_version_comes() -> Result<()> {
    let mut shop = shop(TrialConfig { turns: 3, ..TRIAL }).await?;
    shop.put("2", &version(2, 0, MIGRATES), SECOND).await?;
    for _ in 0..3 {
        shop.say("here?").await?;
    }
    assert_eq!(shop.report()?.trial, None);
    assert_eq!(shop.say("a new").await?, "kept");
    shop.restart().await?;
    let registry = shop.world.host().registry().clone();
    assert!(registry.roll_back("vary", false).await.is_err_and(|why| why.contains("--restore-state")));
    assert_eq!(registry.roll_back("vary", true).await, Ok("1".to_owned()));
    assert_eq!(shop.kept().await?, pair("1 one", "1 all"));
    registry.reload(None).await.map_err(Error::msg)?;
    assert_eq!(shop.kept().await?, pair("2 one+1", "2 all+1"));
    assert_eq!((shop.say("here?").await?.as_str(), shop.report()?.trial), ("here", None));
    // Of the same schema: going back from it is to version 2, and nothing is lost.
    shop.put("2.1", &version(3, 0, MIGRATES), SECOND).await?;
    assert_eq!(shop.say("s more").await?, "kept");
    assert_eq!(registry.roll_back("vary", false).await, Ok("2".to_owned()));
    assert_eq!(shop.kept().await?, pair("2 more", "2 all+1"));
    Ok(())
}

#[tokio::test]
async fn a_turn_of_the_version_before_loses_nothing_without_a_word() -> Result<()> {
    let shop = shop(TrialConfig { canary: 0, ..TRIAL }).await?;
    let waiting = shop.world.user.say(&shop.session, "w late").await?;
    let question = shop.world.user.asked("").await?;
    shop.put("2", &version(2, 0, MIGRATES), SECOND).await?;
    let other = shop.world.user.session().await?;
    assert_eq!(shop.say_in(&other, "A").await?, "2 all+1", "a state of one shape is not for a part of the sessions");
    shop.world.user.decide(&question, json!({ "decision": "deny" })).await?;
    let text = shop.world.user.answer(&waiting).await?.text;
    assert!(text.contains("was carried over to schema 2 by another version"), "{text}");
    assert_eq!(shop.kept().await?, pair("2 one+1", "2 all+1"));
    Ok(())
}
