//! Sessions that have no turn while versions come and go.

use super::Workshop;
use super::state::{SECOND, TRIAL, pair, shop, version};
use anyhow::{Context as _, Error, Result};
use sophon_host::config::TrialConfig;
use sophon_host::store::{Drawer, Shape};
use sophon_tests::{Log, MIGRATES};

const TOLD: &str = "what it keeps in sessions without a turn is carried over";

impl Workshop {
    /// The shape of what is kept in a session.
    async fn shape(&self, session: &str) -> Result<Shape> {
        self.world.store()?.shape(Drawer::of_session("vary", session)).await?.context("nothing is kept there")
    }

    /// Sessions with words of their own.
    async fn sessions(&self, words: &[&str]) -> Result<Vec<String>> {
        let mut sessions = Vec::new();
        for words in words {
            let session = self.world.user.session().await?;
            assert_eq!(self.say_in(&session, &format!("s {words}")).await?, "kept");
            sessions.push(session);
        }
        Ok(sessions)
    }

    /// Version 2 of the second schema passes its trial.
    async fn pass(&self, migrate: &str) -> Result<()> {
        let report = self.put("2", &version(2, 0, migrate), SECOND).await?;
        anyhow::ensure!(report.trial.is_some(), "{report:?}");
        for _ in 0..3 {
            self.say("here?").await?;
        }
        anyhow::ensure!(self.report()?.trial.is_none());
        Ok(())
    }
}

#[tokio::test]
async fn once_a_version_stays_all_sessions_are_carried_over_and_later_ones_need_no_migrator() -> Result<()> {
    let log = Log::start();
    let shop = shop(TrialConfig { turns: 3, ..TRIAL }).await?;
    let quiet = shop.sessions(&["two", "three"]).await?;
    let pinned = shop.sessions(&["pinned"]).await?.remove(0);
    let registry = shop.world.host().registry().clone();
    registry.pin(&pinned, Some(("vary", None))).await.map_err(Error::msg)?;
    shop.pass(MIGRATES).await?;
    log.wait(TOLD).await?;
    for session in &quiet {
        assert_eq!(shop.shape(session).await?, Shape { schema: 2, before: Some(1), agents: Some(2) });
    }
    assert_eq!(shop.shape(&pinned).await?.schema, 1, "who stays with version 1 keeps what it can read");
    assert_eq!(shop.say_in(&pinned, "S").await?, "1 pinned");
    // Nobody had a turn there, and this one knows nothing of schema 1.
    registry.pin(&pinned, None).await.map_err(Error::msg)?;
    log.wait("sessions=1").await?;
    shop.put("3", &version(3, 0, ""), SECOND).await?;
    assert_eq!(shop.say_in(&quiet[0], "S").await?, "3 two+1");
    assert_eq!(shop.say_in(&pinned, "S").await?, "3 pinned+1");
    assert_eq!(shop.kept().await?, pair("3 one+1", "3 all+1"));
    Ok(())
}

#[tokio::test]
async fn a_session_that_cannot_be_carried_over_is_told_so_at_its_turn_and_holds_up_no_other() -> Result<()> {
    let log = Log::start();
    let shop = shop(TrialConfig { turns: 3, ..TRIAL }).await?;
    // The words of the session last used are the first to be looked at.
    let quiet = shop.sessions(&["two"]).await?.remove(0);
    let bad = shop.sessions(&["bad"]).await?.remove(0);
    // It proves itself, and cannot carry over what begins with `x`.
    let picky = MIGRATES.replace(
        "(local.set $len (i32.load (i32.const 268)))",
        "(if (i32.eq (i32.load8_u (i32.load (i32.const 264))) (i32.const 120)) (then unreachable))
         (local.set $len (i32.load (i32.const 268)))",
    );
    let registry = shop.world.host().registry().clone();
    registry.pin(&bad, Some(("vary", None))).await.map_err(Error::msg)?;
    let waiting = shop.put("2", &version(2, 0, &picky), SECOND).await?;
    assert_eq!(waiting.candidate, None);
    assert_eq!(shop.say_in(&bad, "s xbad").await?, "kept");
    registry.pin(&bad, None).await.map_err(Error::msg)?;
    for _ in 0..3 {
        shop.say("here?").await?;
    }
    log.wait("in sessions it cannot use what it keeps, as their next turns will say").await?;
    assert_eq!(shop.shape(&quiet).await?.schema, 2);
    assert_eq!(shop.shape(&bad).await?.schema, 1);
    let told = shop.say_in(&bad, "S").await?;
    assert!(told.contains("did not carry over what it keeps in this session from schema 1 to 2"), "{told}");
    Ok(())
}

#[tokio::test]
async fn what_was_left_behind_at_a_stop_is_carried_over_at_the_next_start() -> Result<()> {
    let log = Log::start();
    let mut shop = shop(TrialConfig { turns: 0, ..TRIAL }).await?;
    let quiet = shop.sessions(&["two"]).await?.remove(0);
    // Stopped before it comes to that: it had no time to begin.
    let host = shop.world.host().registry().clone();
    host.close();
    drop(host);
    shop.put("2", &version(2, 0, MIGRATES), SECOND).await?;
    assert_eq!(shop.shape(&quiet).await?.schema, 1);
    shop.restart().await?;
    log.wait(TOLD).await?;
    assert_eq!(shop.shape(&quiet).await?.schema, 2);
    assert_eq!(shop.say_in(&quiet, "S").await?, "2 two+1");
    Ok(())
}

#[tokio::test]
async fn a_session_with_a_turn_of_the_version_before_is_left_to_that() -> Result<()> {
    let log = Log::start();
    let shop = shop(TrialConfig { turns: 3, ..TRIAL }).await?;
    let (busy, quiet) = (shop.sessions(&["busy"]).await?.remove(0), shop.sessions(&["two"]).await?.remove(0));
    let waiting = shop.world.user.say(&busy, "w late").await?;
    let question = shop.world.user.asked("").await?;
    shop.pass(MIGRATES).await?;
    log.wait(TOLD).await?;
    assert_eq!((shop.shape(&quiet).await?.schema, shop.shape(&busy).await?.schema), (2, 1));
    shop.world.user.decide(&question, serde_json::json!({ "decision": "deny" })).await?;
    let text = shop.world.user.answer(&waiting).await?.text;
    assert!(text.contains("was carried over to schema 2 by another version"), "{text}");
    assert_eq!(shop.say_in(&busy, "S").await?, "2 busy+1");
    Ok(())
}
