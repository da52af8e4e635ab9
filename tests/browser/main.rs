//! The chat page in a real browser, against the real host.

mod approval;
mod history;
mod page;
mod plugins;
mod versions;

use anyhow::Result;
use page::Page;
use sophon_tests::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_streams_into_its_bubble_and_is_there_after_a_reload() -> Result<()> {
    let world = World::start().await?;
    let page = Page::open(&world).await?;
    page.send("hello **brave** new world").await?;
    page.bubble("final", "hello brave new world").await?;
    assert_eq!(page.count("[data-testid=bubble][data-role=agent] strong").await?, 1, "Markdown is not rendered");
    assert!(page.text("[data-testid=usage]").await?.contains("echo"), "usage is not under the bubble");
    page.send("/use tireless").await?;
    page.bubble("final", "tireless answers here").await?;
    page.send("sleep 4000").await?;
    page.bubble("streaming", "asleep,").await?;
    page.reload().await?;
    page.bubble("streaming", "asleep,").await?;
    page.bubble("final", "asleep, awake").await?;
    assert_eq!(page.count("[data-testid=bubble][data-role=user]").await?, 3);
    assert_eq!(page.count("[data-testid=bubble][data-role=agent]").await?, 3);
    page.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bubble_thinks_until_its_first_text_and_can_be_stopped() -> Result<()> {
    let world = World::start().await?;
    let page = Page::open(&world).await?;
    page.send("spin").await?;
    page.wait_for("[data-testid=bubble][data-state=thinking] [data-testid=thinking]").await?;
    page.click("[data-testid=stop]").await?;
    page.bubble("final", "Stopped.").await?;
    page.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_open_by_keyboard_and_show_arguments_and_result() -> Result<()> {
    let world = World::start().await?;
    let page = Page::open(&world).await?;
    page.send("card: a look inside").await?;
    page.bubble("final", "and it is done.").await?;
    page.wait_for("[data-testid=task-card][data-status=completed]").await?;
    page.press_enter("[data-testid=task-card] summary").await?;
    assert!(page.text("[data-testid=task-args]").await?.contains("a look inside"));
    assert!(page.text("[data-testid=task-result]").await?.contains("13"));
    page.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_has_its_own_look_and_words() -> Result<()> {
    let world = World::start().await?;
    let page = Page::open(&world).await?;
    page.send("fail: the moon is wrong").await?;
    page.wait_for("[data-testid=bubble][data-state=error]").await?;
    assert!(page.text("[data-testid=error-note]").await?.contains("failed: the moon is wrong"));
    page.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_of_an_agent_never_runs_as_html() -> Result<()> {
    let world = World::start().await?;
    let page = Page::open(&world).await?;
    for hostile in [
        "one <script>window.hacked = 1</script>",
        "two <img src=x onerror=\"window.hacked = 2\">",
        "three [a](javascript:window.hacked=3) [b](data:text/html,<script>window.hacked=3</script>)",
        "four ![pixel](http://127.0.0.1:1/pixel.png)",
        "five <iframe srcdoc=\"<script>parent.hacked=5</script>\"></iframe> <svg onload=\"window.hacked=5\">",
    ] {
        page.send(hostile).await?;
        page.bubble("final", hostile.split(' ').next().unwrap_or_default()).await?;
    }
    let inside = "[data-testid=bubble] :is(script, img, iframe, object, [onload], [onerror], a[href^=javascript], a[href^=data])";
    assert_eq!(page.count(inside).await?, 0);
    assert!(page.run("return typeof window.hacked").await? == "undefined");
    page.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_two_streams_side_by_side_while_a_third_agent_spins() -> Result<()> {
    let world = World::start().await?;
    let page = Page::open(&world).await?;
    page.send("/use restless").await?;
    page.bubble("final", "restless answers here").await?;
    page.send("spin").await?;
    page.wait_for("[data-testid=bubble][data-state=thinking]").await?;
    for name in ["left", "right"] {
        page.new_chat().await?;
        page.send(name).await?;
        page.bubble("final", name).await?;
        page.send("/use tireless").await?;
        page.bubble("final", "tireless answers here").await?;
        page.send("stream 8000").await?;
        page.bubble("streaming", "0 1 2").await?;
    }
    // All three go on at this moment, and each chat shows its own.
    page.open_chat("left").await?;
    page.bubble("streaming", "0 1 2").await?;
    page.open_chat("/use restless").await?;
    page.bubble("thinking", "").await?;
    page.open_chat("right").await?;
    page.bubble("streaming", "0 1 2").await?;
    assert_eq!(page.count("[data-testid=session-item]").await?, 3);
    page.open_chat("/use restless").await?;
    page.click("[data-testid=stop]").await?;
    page.bubble("final", "Stopped.").await?;
    for name in ["left", "right"] {
        page.open_chat(name).await?;
        page.bubble("final", "7998 7999").await?;
    }
    page.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_works_once_and_nobody_else_comes_in() -> Result<()> {
    let world = World::start().await?;
    let address = world.page_url();
    let page = Page::at(&address).await?;
    page.wait_for("[data-testid=composer]").await?;
    let other = Page::at(&address).await?;
    assert!(other.text("body").await?.contains("works once"), "a used address let somebody in");
    other.go(&world.base_url()).await?;
    assert!(other.text("body").await?.contains("sophon-host dev"), "the page without a key does not say what to do");
    assert_eq!(other.run("return fetch('/v1/me').then(answer => answer.status)").await?, 401);
    assert_eq!(page.run("return fetch('/v1/me').then(answer => answer.status)").await?, 200);
    assert_eq!(page.run("return document.cookie").await?, "", "a script can read the cookie");
    other.quit().await?;
    page.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_fits_a_phone_in_light_and_dark() -> Result<()> {
    let world = World::start().await?;
    let page = Page::open(&world).await?;
    page.send(&format!("a line that is long {} and `code` too", "without end ".repeat(40))).await?;
    page.bubble("final", "a line that is long").await?;
    page.resize(360, 740).await?;
    let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(page.run(overflow).await?, 0, "it scrolls sideways at 360 px");
    let color = "return getComputedStyle(document.body).backgroundColor";
    let light = page.run(color).await?;
    page.prefer("dark").await?;
    assert_ne!(page.run(color).await?, light, "dark looks like light");
    page.close().await
}
