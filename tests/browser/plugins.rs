//! The agents of `plugins/`, each answer to what they ask, and leave that is taken back: all of it on the page.

use crate::page::Page;
use anyhow::{Context as _, Result};
use sophon_tests::{Dev, PATIENCE, hello, nobody, plugin, work};
use tempfile::TempDir;

const SHEET: &str = "[data-testid=sheet]:not([hidden])";
const COVER: &str = "[data-testid=sheet-cover]";
const CARD: &str = "[data-testid=task-card]";
const GRANT: &str = "[data-testid=grants-host] [data-testid=grant]";

/// The site of a test is on this machine, which no request reaches but by a rule.
const POLICY: &str = "[[policy]]\neffect = \"ask\"\nhttp = \"http://127.0.0.1:*/*\"\naddresses = [\"127.0.0.1/32\"]\n";

/// A `dev` in which one agent answers, and its page.
struct Rig {
    data: TempDir,
    dev: Dev,
    page: Page,
    /// Messages so far.
    said: usize,
}

impl Rig {
    async fn of(agent: &str) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let agent = plugin(data.path(), agent)?;
        std::fs::write(data.path().join("sophon-host.toml"), POLICY)?;
        let mut dev = Dev::start(data.path(), &["dev", "--no-build", "--port", "0", &agent], &[])?;
        let page = Page::at(&dev.line().await?).await?;
        Ok(Self { data, dev, page, said: 0 })
    }

    async fn say(&mut self, words: &str) -> Result<()> {
        self.said += 1;
        self.page.send(words).await
    }

    /// Waits until the answer to what was said last is like this; gives all that its bubble says.
    async fn answer(&self, state: &str, words: &str) -> Result<String> {
        // Questions and answers take turns.
        let bubble = format!("[data-testid=bubble][data-role=agent]:nth-of-type({})", 2 * self.said);
        self.page.wait_for(&bubble).await?;
        self.page.bubble(state, words).await?;
        self.page.text(&bubble).await
    }

    /// Waits until the sheet asks; gives the command that it shows.
    async fn asked(&self) -> Result<String> {
        self.page.wait_for(SHEET).await?;
        self.page.text("[data-testid=sheet-command]").await
    }

    /// Answers on the sheet, which goes.
    async fn press(&self, answer: &str) -> Result<()> {
        self.page.click(&format!("[data-testid=sheet-{answer}]:not(:disabled)")).await?;
        self.page.wait_for("[data-testid=sheet][hidden]").await.map(drop)
    }

    /// Allows always, as far as this; gives the words for how far that is.
    async fn always(&self, scope: &str) -> Result<String> {
        self.page.wait_for(SHEET).await?;
        self.page.choose(".sheet select", scope).await?;
        let cover = self.page.text(COVER).await?;
        self.press("always").await?;
        Ok(cover)
    }

    /// The one thing that the settings say is allowed on the host.
    async fn grant(&self) -> Result<String> {
        self.page.click("[data-testid=settings-open]").await?;
        self.page.wait_for(GRANT).await?;
        assert_eq!(self.page.count(GRANT).await?, 1);
        self.page.text(GRANT).await
    }

    /// Takes it back in the settings, which are open.
    async fn revoke(&self) -> Result<()> {
        self.page.click(&format!("{GRANT} [data-testid=grant-revoke]")).await?;
        self.page.click(&format!("{GRANT} [data-testid=grant-sure]")).await?;
        self.page.wait_for("[data-testid=grants-host]:empty").await.map(drop)
    }

    async fn close_settings(&self) -> Result<()> {
        self.page.press_escape("[data-testid=settings]").await?;
        self.page.wait_for("[data-testid=settings]:not([open])").await.map(drop)
    }

    async fn end(mut self) -> Result<()> {
        self.page.close().await?;
        self.dev.terminate().await.map(drop)
    }
}

/// The seconds in what the sheet says is left.
fn seconds(left: &str) -> Option<u32> {
    let (minutes, seconds) = left.strip_prefix("a no in ")?.split_once(':')?;
    Some(minutes.parse::<u32>().ok()? * 60 + seconds.parse::<u32>().ok()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_read_as_it_was_shown_once_it_is_allowed_and_the_next_time_it_is_asked_again() -> Result<()> {
    let (mut rig, site) = (Rig::of("fetch").await?, hello().await?);
    let address = site.url("/a?b=c");
    let command = format!("GET {address}\nwith headers of 30 bytes: “accept: text/html, text/*, */*”");
    for time in 0..2 {
        rig.say(&format!("read {address}, please")).await?;
        assert_eq!(rig.asked().await?, command);
        let title = format!("fetch: Read from {}, unencrypted", site.addr);
        assert_eq!(rig.page.text("#sheet-title").await?, title);
        assert_eq!(rig.page.text(".sheet .severity").await?, "medium risk");
        assert_eq!(rig.page.text(".sheet-words").await?, "you asked me to read it");
        let left = seconds(&rig.page.text("[data-testid=sheet-time]").await?).context("no time is left")?;
        rig.page.until("[data-testid=sheet-time]", |text| seconds(text).is_some_and(|now| now < left)).await?;
        assert_eq!(site.asked().len(), time, "it was sent before it was allowed");
        rig.press("once").await?;
        let text = rig.answer("final", "Hello, you").await?;
        assert!(text.contains("A page"), "{text}");
        assert_eq!(site.asked().len(), time + 1);
        assert_eq!(rig.page.count(&format!("{CARD}[data-status=completed]")).await?, time + 1);
        let outcomes = rig.page.outcomes().await?;
        assert_eq!(outcomes.len(), time + 1);
        for part in [&title, &command, "Allowed once"] {
            assert!(outcomes[time].contains(part), "{part} is not in {outcomes:?}");
        }
    }
    rig.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_is_always_allowed_is_not_asked_about_until_that_is_taken_back_in_the_settings() -> Result<()> {
    let (mut rig, site, other) = (Rig::of("fetch").await?, hello().await?, hello().await?);
    rig.say(&site.url("/one")).await?;
    let cover = format!("Allow always means always: any request to {}", site.url(""));
    assert_eq!(rig.always("domain").await?, cover);
    rig.answer("final", "Hello, you").await?;
    // Nobody is there who would answer a question.
    rig.say(&site.url("/two")).await?;
    rig.answer("final", "Hello, you").await?;
    let outcomes = rig.page.outcomes().await?;
    assert!(outcomes.len() == 1 && outcomes[0].contains(&format!("Allowed always, at {}", site.addr)), "{outcomes:?}");
    rig.say(&other.url("/")).await?;
    assert!(rig.asked().await?.contains(&other.url("/")), "it reaches no further than it says");
    rig.press("deny").await?;
    rig.answer("final", "I did not read it").await?;

    let grant = rig.grant().await?;
    for part in ["fetch", "requests: ", &site.url("/*"), "until you revoke it"] {
        assert!(grant.contains(part), "{part} is not in {grant}");
    }
    rig.revoke().await?;
    rig.close_settings().await?;
    rig.say(&site.url("/two")).await?;
    assert!(rig.asked().await?.contains(&site.url("/two")));
    assert_eq!((site.asked().len(), other.asked().len()), (2, 0));
    rig.press("once").await?;
    rig.answer("final", "Hello, you").await?;
    rig.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_denied_is_not_asked_for_and_the_bubble_says_who_said_no() -> Result<()> {
    let (mut rig, site) = (Rig::of("fetch").await?, hello().await?);
    rig.say(&site.url("/")).await?;
    rig.press("deny").await?;
    rig.answer("final", "I did not read it: not allowed by a person, who said no.").await?;
    assert!(site.asked().is_empty());
    rig.page.wait_for(&format!("{CARD}[data-status=failed]")).await?;
    let outcomes = rig.page.outcomes().await?;
    assert!(outcomes.len() == 1 && outcomes[0].contains("Denied"), "{outcomes:?}");
    rig.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_allowed_once_runs_and_its_output_is_in_the_answer_and_its_card() -> Result<()> {
    let mut rig = Rig::of("shell").await?;
    rig.say("echo hello there").await?;
    assert!(rig.asked().await?.starts_with("echo hello there\n(/"));
    assert_eq!(rig.page.text("#sheet-title").await?, "shell: Run `echo`");
    assert_eq!(rig.page.text(".sheet .severity").await?, "medium risk");
    assert_eq!(rig.page.text(".sheet-words").await?, "You wrote this command.");
    rig.press("once").await?;
    let text = rig.answer("final", "Done, exit code 0.").await?;
    assert!(text.contains("\nhello there\n"), "{text}");
    let card = format!("{CARD}[data-status=completed]");
    rig.page.press_enter(&format!("{card} summary")).await?;
    let result = rig.page.text("[data-testid=task-result]").await?;
    assert!(result.contains("\"exit_code\": 0") && result.contains("hello there"), "{result}");
    rig.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_program_gives_out_streams_into_its_card_and_the_answer_while_it_runs() -> Result<()> {
    let mut rig = Rig::of("shell").await?;
    rig.say("sh -c 'until [ -e go ]; do echo hello there; sleep 0.1; done; echo and good bye'").await?;
    rig.asked().await?;
    assert_eq!(rig.page.text(".sheet .severity").await?, "high risk");
    rig.press("once").await?;
    rig.answer("streaming", "hello there").await?;
    let running = format!("{CARD}[data-status=running]");
    rig.page.press_enter(&format!("{running} summary")).await?;
    rig.page.until(&running, |text| text.contains("So far") && text.contains("\"output\": \"hello there\"")).await?;
    std::fs::write(work(&rig.data.path().join("dev/host"), "shell")?.join("go"), "")?;
    let text = rig.answer("final", "and good bye").await?;
    assert!(text.contains("Done, exit code 0."), "{text}");
    rig.page.wait_for(&format!("{CARD}[data-status=completed]")).await?;
    rig.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_line_that_is_always_allowed_runs_unasked_and_another_one_is_asked_about() -> Result<()> {
    let mut rig = Rig::of("shell").await?;
    rig.say("echo hello there").await?;
    let cover = "Allow always means always: exactly this command line, whatever its input";
    assert_eq!(rig.always("tool").await?, cover);
    rig.answer("final", "Done, exit code 0.").await?;
    rig.say("echo hello there").await?;
    rig.answer("final", "Done, exit code 0.").await?;
    let outcomes = rig.page.outcomes().await?;
    assert!(outcomes.len() == 1 && outcomes[0].contains("Allowed always, for exactly this"), "{outcomes:?}");
    rig.say("echo hello there and here").await?;
    assert!(rig.asked().await?.starts_with("echo hello there and here\n"));
    rig.press("deny").await?;
    rig.answer("final", "Not run").await?;
    rig.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_denied_does_not_run_and_the_bubble_says_who_said_no() -> Result<()> {
    let mut rig = Rig::of("shell").await?;
    rig.say("touch trace").await?;
    rig.asked().await?;
    rig.press("deny").await?;
    rig.answer("final", "Not run: refused by a person, who said no.").await?;
    rig.page.wait_for(&format!("{CARD}[data-status=failed]")).await?;
    rig.say("ls").await?;
    rig.press("once").await?;
    let text = rig.answer("final", "Done, exit code 0.").await?;
    assert!(!text.contains("trace"), "{text}");
    rig.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leave_that_is_taken_back_in_the_settings_ends_the_program_that_runs_by_it() -> Result<()> {
    let mut rig = Rig::of("shell").await?;
    let command = "sh -c '[ -p f ] || mkfifo f; echo ready; exec 9>f; echo going; sleep 600'";
    rig.say(command).await?;
    rig.always("tool").await?;
    rig.answer("streaming", "ready").await?;
    rig.page.click("[data-testid=stop]").await?;
    let text = rig.answer("final", "Stopped.").await?;
    assert!(!text.contains("_Stopped._"), "it stands in what the program gave out: {text}");

    rig.say(command).await?;
    rig.answer("streaming", "ready").await?;
    let gone = nobody(&work(&rig.data.path().join("dev/host"), "shell")?);
    rig.answer("streaming", "going").await?;
    assert_eq!(rig.page.outcomes().await?.len(), 1, "it is not asked again");
    let grant = rig.grant().await?;
    assert!(grant.contains("programs: ") && grant.contains("sleep 600"), "{grant}");
    rig.revoke().await?;
    rig.answer("final", "It was killed: the leave to run it was taken back.").await?;
    tokio::time::timeout(PATIENCE, gone).await.context("somebody is still there")???;
    rig.close_settings().await?;
    rig.page.wait_for(&format!("{CARD}[data-status=failed]")).await?;
    rig.say(command).await?;
    rig.asked().await?;
    rig.press("deny").await?;
    rig.answer("final", "Not run").await?;
    rig.end().await
}
