//! What became of questions, and what was allowed always: seen in the chat, listed in the settings, taken back.

use crate::page::Page;
use anyhow::Result;
use sophon_tests::{Dev, World, probe, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_questions_stays_where_they_were_asked() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use probe").await?;
    let page = Page::open(&world).await?;
    page.send("ask eat drink sleep").await?;
    for answer in ["once", "deny", "always"] {
        page.click(&format!("[data-testid=sheet-{answer}]:not(:disabled)")).await?;
    }
    page.bubble("final", "Decision::Always.").await?;
    let said = page.outcomes().await?;
    for (said, expected) in said.iter().zip(["Allowed once", "Denied", "Allowed always, in this chat"]) {
        assert!(said.contains("probe: The agent asks: “May I ") && said.contains(expected), "{said}");
        assert!(said.contains("\ndo ") && said.contains(" · "), "command or time is missing: {said}");
    }
    assert_eq!(said.len(), 3, "{said:?}");
    let bubble = page.text("[data-testid=bubble][data-role=agent]:last-of-type").await?;
    let at = |words: &str| bubble.find(words).unwrap_or_else(|| panic!("{words} is not in {bubble}"));
    assert!(at("Allowed once") < at("Decision::Once") && at("Decision::Once") < at("Denied"), "{bubble}");
    page.reload().await?;
    page.bubble("final", "Decision::Always").await?;
    assert_eq!(page.outcomes().await?, said);

    // This cloud knows no host in its process.
    page.click("[data-testid=settings-open]").await?;
    page.wait_for("[data-testid=grants-cloud] [data-testid=grant]").await?;
    let settings = page.text("[data-testid=settings]").await?;
    assert!(settings.contains("May I sleep?") && settings.contains("sophon-host grants list"), "{settings}");
    page.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_allowed_always_is_taken_back_in_the_settings_without_a_mouse() -> Result<()> {
    let data = tempfile::tempdir()?;
    let agent = probe(data.path())?;
    let mut dev = Dev::start(data.path(), &["dev", "--no-build", "--port", "0", &agent], &[])?;
    let page = Page::at(&dev.line().await?).await?;
    page.send("ask eat").await?;
    page.click("[data-testid=sheet-always]:not(:disabled)").await?;
    page.bubble("final", "Decision::Always").await?;
    assert!(run(data.path(), &["grants", "list"], &[]).await?.stdout.contains("own eat"));

    page.press_enter("[data-testid=settings-open]").await?;
    let (host, cloud) = ("[data-testid=grants-host]", "[data-testid=grants-cloud]");
    page.wait_for(&format!("{host} [data-testid=grant]")).await?;
    let row = page.text(&format!("{host} [data-testid=grant]")).await?;
    for part in ["probe", "its own questions: eat", "in the chat “ask eat”", "until you revoke it"] {
        assert!(row.contains(part), "{part} is not in {row}");
    }
    assert!(page.text(&format!("{cloud} [data-testid=grant]")).await?.contains("May I eat?"));
    page.press_enter(&format!("{host} [data-testid=grant-revoke]")).await?;
    page.press_enter("[data-testid=grant-keep]").await?;
    assert!(run(data.path(), &["grants", "list"], &[]).await?.stdout.contains("own eat"), "it was to be kept");
    for list in [host, cloud] {
        page.press_enter(&format!("{list} [data-testid=grant-revoke]")).await?;
        page.press_enter("[data-testid=grant-sure]").await?;
        page.wait_for(&format!("{list}:empty")).await?;
    }
    let list = run(data.path(), &["grants", "list"], &[]).await?;
    assert_eq!((list.code, list.stdout.as_str()), (Some(0), ""), "{}", list.stderr);
    let log = run(data.path(), &["audit"], &[]).await?.stdout;
    assert!(log.contains("taken back by the user, on the chat page"), "{log}");

    page.press_escape("[data-testid=settings]").await?;
    page.wait_for("[data-testid=settings]:not([open])").await?;
    page.send("ask eat").await?;
    page.click("[data-testid=sheet-deny]:not(:disabled)").await?;
    page.bubble("final", "Decision::Denied").await?;
    page.close().await?;
    dev.terminate().await.map(drop)
}
