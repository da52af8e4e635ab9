//! What an earlier version was allowed, and what of it holds for the next.

use super::{Workshop, asks_first};
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sophon_host::grant::Effect;
use sophon_host::registry::LineReport;
use sophon_tests::{Event, web_rule};

/// What the guest asks for, and a page besides.
const HERE: &str = "[[want.http]]\nurl = \"http://127.0.0.1/*\"\nwhy = \"to look\"\n";
const THERE: &str = "[[want.http]]\nurl = \"https://there.example/*\"\nwhy = \"to tell them\"\n";

/// A version that asks for a page of this machine, and answers with a text whatever came of it.
fn looks(text: &str) -> String {
    // In the place of the shell's own address, which is as long.
    format!("(data (i32.const 64) \"http://127.0.0.1\")\n{}", asks_first(text))
}

/// A host whose version 1 has these wants, and leave for its one deed from now on.
async fn allowed(wants: &str) -> Result<Workshop> {
    let shop = Workshop::with(&looks("one"), wants, |config| {
        config.agents.swap.watch = sophon_host::config::Watch::Off;
        config.policy.rules = vec![web_rule(Effect::Ask, &["127.0.0.1/32"])];
    })
    .await?;
    let asked = shop.asked_in_a_turn("one", json!({ "decision": "approve_always", "scope": "tool" })).await?;
    ensure!(!asked.contains("earlier version"), "{asked}");
    ensure!(shop.ask().await? == "one" && shop.questions() == 1, "it is asked in spite of its leave");
    Ok(shop)
}

impl Workshop {
    /// Lets a turn ask, answers that, and gives the words of the question.
    async fn asked_in_a_turn(&self, answer: &str, decision: Value) -> Result<String> {
        let session = self.world.user.session().await?;
        let interaction = self.world.user.say(&session, "hello").await?;
        let asked = self.world.user.asked("").await?;
        self.world.user.decide(&asked, decision).await?;
        let text = self.world.user.answer(&interaction).await?.text;
        ensure!(text == answer, "{text} and not {answer}");
        Ok(asked["message"].as_str().unwrap_or_default().to_owned())
    }

    fn questions(&self) -> usize {
        let asked = |event: &&Event| event.kind == "approval_requested";
        self.world.user.events().iter().filter(asked).count()
    }

    /// Puts a version that must answer from now on.
    async fn must_take_over(&self, version: &str, text: &str, wants: &str) -> Result<()> {
        let LineReport { answers, candidate, .. } = self.put(version, &looks(text), wants).await?;
        ensure!(answers.version == version, "version {} answers: {candidate:?}", answers.version);
        Ok(())
    }
}

#[tokio::test]
async fn a_version_that_wants_the_same_or_less_keeps_what_was_allowed() -> Result<()> {
    let shop = allowed(&format!("{HERE}{THERE}")).await?;
    shop.must_take_over("2", "two", &format!("{HERE}{THERE}")).await?;
    assert_eq!(shop.ask().await?, "two");
    shop.must_take_over("3", "three", HERE).await?;
    assert_eq!(shop.ask().await?, "three");
    assert_eq!(shop.questions(), 1, "a person was asked for what was allowed");
    Ok(())
}

#[tokio::test]
async fn a_version_that_wants_more_is_asked_about_anew_and_the_question_says_what_more() -> Result<()> {
    let shop = allowed(HERE).await?;
    shop.must_take_over("2", "two", &format!("{HERE}{THERE}")).await?;
    let asked = shop.asked_in_a_turn("two", json!({ "decision": "deny" })).await?;
    assert!(asked.contains("You allowed this to an earlier version of the agent, which wanted less:"), "{asked}");
    let more = asked.lines().filter(|line| line.starts_with("it now also wants")).collect::<Vec<_>>();
    assert!(more.len() == 1 && more[0].contains("https://there.example/*"), "{asked}");
    assert!(more[0].contains("to tell them"), "its reason is not told: {asked}");
    // Allowed again, it is known with what it wants now.
    let always = json!({ "decision": "approve_always", "scope": "tool" });
    assert!(shop.asked_in_a_turn("two", always).await?.contains("earlier version"));
    assert_eq!((shop.ask().await?.as_str(), shop.questions()), ("two", 3));
    Ok(())
}
