//! The sheet that asks for leave: shows what is asked as text, survives a reload, and sends the answer.

use crate::page::Page;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sophon_tests::World;

/// A bridge without a host behind it, with a session and an interaction of its own.
struct Bridge {
    token: String,
    session: String,
    interaction: String,
}

impl Bridge {
    async fn pair(world: &World) -> Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a string");
        let started = world.user.post("/v1/pairing/start", json!({ "connector_type": "scripted" })).await?;
        world.user.post("/v1/me/pairing/claim", json!({ "code": started["code"] })).await?;
        let paired = world.user.post("/v1/pairing/poll", json!({ "poll_token": started["poll_token"] })).await?;
        let at = json!({ "installation_id": paired["installation_id"], "title": "Chores" });
        let session = text(&world.user.post("/v1/me/sessions", at).await?["session_id"])?;
        let interaction = world.user.say(&session, "tidy up").await?;
        Ok(Self { token: text(&paired["token"])?, session, interaction })
    }

    async fn ask(&self, world: &World, id: &str, command: &str) -> Result<()> {
        let question = json!({
            "session_id": self.session, "interaction_id": self.interaction, "approval_id": id, "action": "shell.exec",
            "title": "Run <b>it</b>?", "command": command, "host": "localhost", "severity": "high",
            "message": "It is <i>quite</i> safe.",
        });
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("{}/v1/bridge/requestApproval", world.base_url());
        client.post(url).bearer_auth(&self.token).json(&question).send().await?.error_for_status()?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_question_tells_what_each_always_covers_and_its_answer_reaches_the_agent() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use probe").await?;
    let page = Page::open(&world).await?;
    let interaction = world.user.say(&session, "ask eat").await?;
    page.wait_for("[data-testid=sheet-always]:not(:disabled)").await?;
    assert_eq!(page.text("#sheet-title").await?, "probe: The agent asks: “May I eat?”");
    assert_eq!(page.text("[data-testid=sheet-command]").await?, "do eat");
    // The browser's window is low: the sheet scrolls, and nothing in it shrinks out of sight.
    let squeezed = "return [...document.querySelectorAll('.sheet pre, .sheet blockquote')]
                    .filter((one) => one.clientHeight < Math.min(one.scrollHeight, 100)).length";
    assert_eq!(page.run(squeezed).await?, 0);
    let cover = "Allow always means in this session: its own question `eat`";
    assert_eq!(page.text("[data-testid=sheet-cover]").await?, cover);
    assert!(page.text("[data-testid=sheet-time]").await?.starts_with("a no in "));
    page.choose(".sheet select", "all").await?;
    let cover = "Allow always means always: whatever it asks you of its own accord";
    assert_eq!(page.text("[data-testid=sheet-cover]").await?, cover);
    page.click("[data-testid=sheet-always]").await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Always. ");
    page.wait_for("#sheet[hidden]").await?;
    page.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_shown_as_text_survives_a_reload_and_is_answered() -> Result<()> {
    let world = World::start().await?;
    let bridge = Bridge::pair(&world).await?;
    let page = Page::open(&world).await?;
    let hostile = "rm -rf <img src=x onerror=\"window.hacked = 1\">";
    bridge.ask(&world, "apr_1", hostile).await?;
    bridge.ask(&world, "apr_2", "true").await?;
    for _ in 0..2 {
        page.wait_for("[data-testid=sheet-once]:not(:disabled)").await?;
        assert_eq!(page.text("[data-testid=sheet-command]").await?, hostile);
        assert!(page.text("#sheet-title").await?.contains("<b>it</b>"));
        page.reload().await?;
    }
    page.wait_for("[data-testid=sheet-deny]:not(:disabled)").await?;
    page.press_enter("[data-testid=sheet-deny]").await?;
    let told = world.user.wait("a denial", |event| event.data["decision"] == "deny").await?;
    assert_eq!(told.data["approval_id"], "apr_1");
    page.wait_for("[data-testid=sheet-always]:not(:disabled)").await?;
    page.click("[data-testid=sheet-always]").await?;
    let told = world.user.wait("leave", |event| event.data["decision"] == "approve_always").await?;
    assert_eq!((&told.data["approval_id"], &told.data["scope"]), (&json!("apr_2"), &json!("session")));
    page.wait_for("#sheet[hidden]").await?;
    assert_eq!(page.run("return window.hacked ?? null").await?, Value::Null);
    page.close().await
}
