//! What is written is noticed, however it is written, and turns that run do not notice.

use super::{Workshop, answers, asks_first, write};
use anyhow::Result;
use serde_json::json;
use sophon_host::config::Watch;
use sophon_tests::component;
use std::fs;

#[tokio::test]
async fn the_next_message_is_answered_by_the_new_code() -> Result<()> {
    let shop = Workshop::start(|_| {}).await?;
    assert_eq!(shop.ask_in(&shop.session).await?, "one");
    write(shop.folder(), "vary", "2", &answers("two"), "")?;
    let report = shop.until("version 2", |report| report.answers.version == "2").await?;
    assert_eq!((report.candidate, report.before.map(|before| before.version)), (None, Some("1".to_owned())));
    assert_eq!(shop.ask_in(&shop.session).await?, "two");
    Ok(())
}

#[tokio::test]
async fn turns_end_with_the_version_that_they_began_with() -> Result<()> {
    let shop = Workshop::quiet().await?;
    let want = "[[want.http]]\nurl = \"http://a.example/*\"\nwhy = \"\"\n";
    shop.put("2", &asks_first("asked by two"), want).await?;
    let interaction = shop.world.user.say(&shop.session, "hello").await?;
    let question = shop.world.user.asked("").await?;
    let report = shop.put("3", &answers("three"), want).await?;
    assert_eq!(report.answers.version, "3");
    assert_eq!(shop.ask().await?, "three", "others wait for the one that is asked");
    shop.world.user.decide(&question, json!({ "decision": "deny" })).await?;
    assert_eq!(shop.world.user.answer(&interaction).await?.text, "asked by two");
    assert_eq!(shop.ask_in(&shop.session).await?, "three");
    Ok(())
}

/// A version that answers with a text.
fn bytes(text: &str) -> Result<Vec<u8>> {
    component(&format!(";; A version.\n{}", answers(text)))
}

/// Waits until this is the answer.
async fn until(shop: &Workshop, text: &str) -> Result<()> {
    let mut changes = shop.world.host().registry().changes();
    while shop.ask().await? != text {
        tokio::time::timeout(sophon_tests::PATIENCE, changes.changed()).await??;
    }
    Ok(())
}

/// Editors and build tools write in many ways.
#[tokio::test]
async fn every_way_to_write_is_noticed() -> Result<()> {
    let shop = Workshop::start(|_| {}).await?;
    let (vary, file) = (shop.vary(), shop.vary().join("c.wasm"));
    fs::write(&file, bytes("truncated and written")?)?;
    until(&shop, "truncated and written").await?;
    fs::write(vary.join("other"), bytes("renamed over it")?)?;
    fs::rename(vary.join("other"), &file)?;
    until(&shop, "renamed over it").await?;
    fs::remove_file(&file)?;
    fs::write(&file, bytes("deleted and made")?)?;
    until(&shop, "deleted and made").await?;
    Ok(())
}

#[tokio::test]
async fn links_are_followed_wherever_they_lead() -> Result<()> {
    let shop = Workshop::start(|_| {}).await?;
    let (vary, file) = (shop.vary(), shop.vary().join("c.wasm"));
    // The file is a link, and what it leads to is written; then the link leads elsewhere.
    let elsewhere = tempfile::tempdir()?;
    fs::write(elsewhere.path().join("a.wasm"), bytes("behind a link")?)?;
    fs::write(elsewhere.path().join("b.wasm"), bytes("behind another")?)?;
    fs::remove_file(&file)?;
    std::os::unix::fs::symlink(elsewhere.path().join("a.wasm"), &file)?;
    until(&shop, "behind a link").await?;
    fs::write(elsewhere.path().join("a.wasm"), bytes("through a link")?)?;
    until(&shop, "through a link").await?;
    std::os::unix::fs::symlink(elsewhere.path().join("b.wasm"), vary.join("link"))?;
    fs::rename(vary.join("link"), &file)?;
    until(&shop, "behind another").await?;
    // The folder is replaced by a link to another.
    write(elsewhere.path(), "vary", "10", &answers("another folder"), "")?;
    fs::remove_dir_all(&vary)?;
    std::os::unix::fs::symlink(elsewhere.path().join("vary"), &vary)?;
    until(&shop, "another folder").await
}

#[tokio::test]
async fn a_folder_that_goes_may_come_back() -> Result<()> {
    let shop = Workshop::start(|_| {}).await?;
    fs::remove_dir_all(shop.vary())?;
    shop.world.host().registry().look().await;
    assert_eq!(shop.ask().await?, "one");
    write(shop.folder(), "vary", "9", &answers("back again"), "")?;
    until(&shop, "back again").await?;
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_being_written_is_waited_for() -> Result<()> {
    let shop = Workshop::start(|_| {}).await?;
    let whole = component(&format!(";; A version.\n{}", answers("two")))?;
    // Half of it is there for as long as the host takes to look at it twice.
    fs::write(shop.vary().join("c.wasm"), &whole[..whole.len() / 2])?;
    for _ in 0..2 {
        shop.world.host().registry().look().await;
        let told = shop.report()?.candidate.and_then(|candidate| candidate.why);
        assert_eq!(told, None, "it is told before it had time to be written");
    }
    fs::write(shop.vary().join("c.wasm"), &whole)?;
    shop.until("the whole file", |report| report.before.is_some()).await?;
    assert_eq!(shop.ask().await?, "two");
    Ok(())
}

#[tokio::test]
async fn of_many_saves_the_last_one_counts() -> Result<()> {
    let shop = Workshop::start(|_| {}).await?;
    for number in 0..1_000 {
        let body = component(&format!(";; A version.\n{}", answers(&format!("save {number:03}"))))?;
        fs::write(shop.vary().join("c.wasm"), body)?;
    }
    until(&shop, "save 999").await?;
    shop.world.host().registry().look().await;
    assert_eq!(shop.ask().await?, "save 999");
    Ok(())
}

#[tokio::test]
async fn where_there_are_no_events_somebody_looks() -> Result<()> {
    let shop = Workshop::start(|config| config.agents.swap.watch = Watch::Poll).await?;
    write(shop.folder(), "vary", "2", &answers("two"), "")?;
    shop.until("version 2", |report| report.answers.version == "2").await?;
    write(shop.folder(), "another", "1", &answers("another"), "")?;
    let mut changes = shop.world.host().registry().changes();
    while shop.world.host().registry().agents().len() < 2 {
        tokio::time::timeout(sophon_tests::PATIENCE, changes.changed()).await??;
    }
    shop.world.user.ask(&shop.session, "/use another").await?;
    assert_eq!(shop.ask_in(&shop.session).await?, "another");
    Ok(())
}

#[tokio::test]
async fn what_a_start_has_read_is_not_read_again_until_it_changes() -> Result<()> {
    const LOOKS: &str = "looking at what lies in";
    let log = sophon_tests::Log::start();
    let shop = Workshop::start(|_| {}).await?;
    assert_eq!(shop.ask().await?, "one");
    tracing::info!("now it is written");
    write(shop.folder(), "vary", "2", &answers("two"), "")?;
    shop.until("version 2", |report| report.answers.version == "2").await?;
    let text = log.text();
    let (before, after) = text.split_once("now it is written").unwrap_or_default();
    assert!(!before.contains(LOOKS) && after.contains(LOOKS), "{text}");
    Ok(())
}
