//! Versions on the page: which one answered each bubble, and what is wrong with one that does not answer.

use crate::page::Page;
use anyhow::{Result, ensure};
use sophon_tests::{Dev, component};
use std::fs;
use std::path::{Path, PathBuf};

/// Puts the newest source into the place of the component.
const COPY: &str = "cp src/next.wasm new.wasm && mv new.wasm agent.wasm";
const STRIP: &str = "[data-testid=strip]:not([hidden])";
const GONE: &str = "[data-testid=strip][hidden]";

/// A component that answers with a text.
fn answers(text: &str) -> Result<Vec<u8>> {
    let length = text.len();
    component(&format!(
        ";; Answers.\n(data (i32.const 1024) \"{text}\")
         (func (export \"handle\") (param i32) (result i32) (call $answer (i32.const 1024) (i32.const {length})))"
    ))
}

/// A `dev` with one agent, built by a script, and its page.
struct Rig {
    root: tempfile::TempDir,
    dev: Dev,
    page: Page,
}

impl Rig {
    async fn start() -> Result<Self> {
        let root = tempfile::tempdir()?;
        fs::create_dir_all(root.path().join("agent/src"))?;
        fs::create_dir(root.path().join("data"))?;
        let place = root.path().join("agent");
        save(&place, "1", "one", COPY)?;
        let mut dev =
            Dev::start(&root.path().join("data"), &["dev", "--port", "0", &place.display().to_string()], &[])?;
        let page = Page::at(&dev.line().await?).await?;
        Ok(Self { root, dev, page })
    }

    fn place(&self) -> PathBuf {
        self.root.path().join("agent")
    }

    /// What each bubble says of who answered.
    async fn versions(&self) -> Result<String> {
        let script = "return [...document.querySelectorAll('[data-testid=answered-by]')].map((one) => one.innerText)";
        Ok(self.page.run(&format!("{script}.join(', ')")).await?.as_str().unwrap_or_default().to_owned())
    }
}

/// Saves the source of a version, its number, and how it is built.
fn save(place: &Path, version: &str, text: &str, script: &str) -> Result<()> {
    let manifest = format!(
        "[agent]\nname = \"vary\"\nversion = \"{version}\"\ncomponent = \"agent.wasm\"\n\
         [build]\ncommand = \"sh build.sh\"\n[test]\nmessages = [\"hello\"]\n"
    );
    for (name, content) in [("build.sh", script.as_bytes()), ("agent.toml", manifest.as_bytes())] {
        fs::write(place.join("new"), content)?;
        fs::rename(place.join("new"), place.join(name))?;
    }
    Ok(fs::write(place.join("src/next.wasm"), answers(text)?)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bubble_tells_its_version_and_a_line_tells_of_a_new_one() -> Result<()> {
    let mut rig = Rig::start().await?;
    rig.page.send("hello").await?;
    rig.page.bubble("final", "one").await?;
    rig.page.wait_for("[data-testid=answered-by]").await?;
    ensure!(rig.versions().await? == "vary 1", "{}", rig.versions().await?);
    ensure!(rig.page.count("[data-testid=moved]").await? == 0);
    save(&rig.place(), "2", "two", COPY)?;
    // The manifest is a version of its own where it is seen before the new component is built.
    for answer in 2.. {
        rig.dev.says("a new version answers").await?;
        rig.page.send("again").await?;
        // Questions and answers take turns.
        let bubble = format!("[data-testid=bubble][data-state=final]:nth-of-type({})", 2 * answer);
        rig.page.wait_for(&bubble).await?;
        if rig.page.text(&bubble).await?.contains("two") {
            break;
        }
    }
    rig.page.wait_for("[data-testid=moved]").await?;
    let moved = rig.page.text("[data-testid=moved]").await?;
    ensure!(moved == "vary moved to version 2", "{moved}");
    let last = rig.page.wait_for("[data-testid=bubble]:last-of-type [data-testid=answered-by]").await?;
    let title = last.attr("title").await?.unwrap_or_default();
    ensure!(title.starts_with("Answered by vary 2 ("), "{title}");
    let versions = rig.versions().await?;
    rig.page.reload().await?;
    rig.page.wait_for("[data-testid=moved]").await?;
    ensure!(rig.versions().await? == versions, "{versions}");
    rig.page.click("[data-testid=settings-open]").await?;
    rig.page.wait_for("[data-testid=host-agent]").await?;
    let told = rig.page.text("[data-testid=host-agent]").await?;
    ensure!(told.contains("vary 2") && told.contains("answers where nobody was chosen"), "{told}");
    rig.page.close().await?;
    rig.dev.terminate().await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_new_version_is_told_until_it_is_mended() -> Result<()> {
    let mut rig = Rig::start().await?;
    rig.page.wait_for(GONE).await?;
    let hostile = "echo 'error[E0308]: <b>mismatched</b> types'; printf '\\033[31m  --> src/lib.rs:7\\n'; exit 101";
    save(&rig.place(), "1", "two", hostile)?;
    rig.page.wait_for(STRIP).await?;
    let told = rig.page.text("[data-testid=trouble-words]").await?;
    ensure!(told == "vary: the build failed: `sh build.sh` ended with exit status: 101", "{told}");
    rig.page.press_enter("[data-testid=trouble-more]").await?;
    let output = rig.page.text("[data-testid=trouble-output]").await?;
    ensure!(output == "error[E0308]: <b>mismatched</b> types\n\\u{1b}[31m  --> src/lib.rs:7", "{output}");
    if let Some(file) = std::env::var_os("SOPHON_TEST_SCREENSHOT") {
        rig.page.send("hello").await?;
        rig.page.bubble("final", "one").await?;
        rig.page.picture(Path::new(&file)).await?;
    }
    save(&rig.place(), "1", "three", COPY)?;
    rig.page.wait_for(GONE).await?;

    // A version that is built and cannot be used.
    save(&rig.place(), "1", "four", "printf nonsense > agent.wasm")?;
    rig.page.wait_for(STRIP).await?;
    let told = rig.page.text("[data-testid=trouble-words]").await?;
    ensure!(told.contains("a new version does not answer") || told.contains("version 1 does not answer"), "{told}");
    ensure!(rig.page.count("[data-testid=trouble-more]").await? == 1);
    save(&rig.place(), "1", "five", COPY)?;
    rig.page.wait_for(GONE).await?;
    rig.page.send("hello").await?;
    rig.page.bubble("final", "five").await?;
    rig.page.close().await?;
    rig.dev.terminate().await.map(drop)
}
