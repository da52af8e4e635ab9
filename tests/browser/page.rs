//! The chat page, as a person uses it.

use anyhow::{Context as _, Result, ensure};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use sophon_tests::{Chrome, PATIENCE, World};

/// An open page in a browser of its own.
pub(crate) struct Page {
    client: Client,
    _chrome: Chrome,
}

/// A command of ChromeDriver that is not in the standard.
#[derive(Debug)]
struct Extra {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

impl Page {
    /// Opens an address.
    pub(crate) async fn at(address: &str) -> Result<Self> {
        let chrome = Chrome::start().await?;
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(chrome.capabilities());
        let client = builder.connect(&chrome.address).await.context("no browser")?;
        client.goto(address).await?;
        Ok(Self { client, _chrome: chrome })
    }

    /// Opens the chat page of a world.
    pub(crate) async fn open(world: &World) -> Result<Self> {
        let page = Self::at(&world.page_url()).await?;
        page.wait_for("[data-testid=composer]").await?;
        Ok(page)
    }

    /// Closes the browser. The page must not have complained: no script error, nothing that its policy forbids.
    pub(crate) async fn close(self) -> Result<()> {
        let log = self.client.issue_cmd(Extra { path: "se/log", body: json!({ "type": "browser" }) }).await?;
        let complaints: Vec<&Value> = log.as_array().context("a log")?.iter().collect();
        ensure!(complaints.is_empty(), "the browser complains: {complaints:#?}");
        self.quit().await
    }

    /// Closes the browser, whatever it says.
    pub(crate) async fn quit(self) -> Result<()> {
        Ok(self.client.close().await?)
    }

    /// Goes to another address.
    pub(crate) async fn go(&self, address: &str) -> Result<()> {
        Ok(self.client.goto(address).await?)
    }

    /// Waits for an element.
    pub(crate) async fn wait_for(&self, css: &str) -> Result<Element> {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        match found {
            Ok(element) => Ok(element),
            Err(_) => anyhow::bail!("waited in vain for {css}; the page says: {}", self.text("body").await?),
        }
    }

    /// Writes a message and sends it with Enter.
    pub(crate) async fn send(&self, words: &str) -> Result<()> {
        let composer = self.wait_for("[data-testid=composer]:enabled").await?;
        composer.send_keys(words).await?;
        Ok(composer.send_keys(&String::from(char::from(Key::Enter))).await?)
    }

    /// Waits until the newest bubble of the agent is in this state and has this text.
    pub(crate) async fn bubble(&self, state: &str, text: &str) -> Result<()> {
        let script = "const all = document.querySelectorAll('[data-testid=bubble][data-role=agent]');
            const last = all[all.length - 1];
            return last ? [last.dataset.state, last.innerText] : ['none', ''];";
        let watch = async {
            loop {
                let seen = self.run(script).await?;
                let (is, says) = (seen[0].as_str().unwrap_or_default(), seen[1].as_str().unwrap_or_default());
                if is == state && says.contains(text) {
                    return anyhow::Ok(());
                }
                self.frame().await?;
            }
        };
        match tokio::time::timeout(PATIENCE, watch).await {
            Ok(done) => done,
            Err(_) => {
                anyhow::bail!("no bubble became {state} with {text:?}; the page says: {}", self.text("body").await?)
            }
        }
    }

    /// Waits for the browser to draw again.
    async fn frame(&self) -> Result<()> {
        let script = "const [done] = arguments; requestAnimationFrame(() => done())";
        self.client.execute_async(script, vec![]).await?;
        Ok(())
    }

    /// A new chat.
    pub(crate) async fn new_chat(&self) -> Result<()> {
        self.click("[data-testid=new-session]").await?;
        self.wait_for("[data-testid=composer]:enabled").await?;
        let empty = "[data-testid=bubble]";
        while self.count(empty).await? > 0 {
            self.frame().await?;
        }
        Ok(())
    }

    /// Opens the chat of this title from the list.
    pub(crate) async fn open_chat(&self, title: &str) -> Result<()> {
        let path = format!("//*[@data-testid='session-item'][contains(., '{title}')]//button");
        let chat = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await?;
        Ok(chat.click().await?)
    }

    /// Clicks an element.
    pub(crate) async fn click(&self, css: &str) -> Result<()> {
        Ok(self.wait_for(css).await?.click().await?)
    }

    /// Presses Enter on an element.
    pub(crate) async fn press_enter(&self, css: &str) -> Result<()> {
        Ok(self.wait_for(css).await?.send_keys(&String::from(char::from(Key::Enter))).await?)
    }

    /// Presses Escape on an element.
    pub(crate) async fn press_escape(&self, css: &str) -> Result<()> {
        Ok(self.wait_for(css).await?.send_keys(&String::from(char::from(Key::Escape))).await?)
    }

    /// Chooses what has this value from a list.
    pub(crate) async fn choose(&self, css: &str, value: &str) -> Result<()> {
        Ok(self.wait_for(css).await?.select_by_value(value).await?)
    }

    /// Waits until the text of an element is such; gives it.
    pub(crate) async fn until(&self, css: &str, is_so: impl Fn(&str) -> bool) -> Result<String> {
        let watch = async {
            loop {
                let text = self.text(css).await?;
                if is_so(&text) {
                    return anyhow::Ok(text);
                }
                self.frame().await?;
            }
        };
        match tokio::time::timeout(PATIENCE, watch).await {
            Ok(text) => text,
            Err(_) => anyhow::bail!("{css} never said what it should; it says: {}", self.text(css).await?),
        }
    }

    /// What the outcomes of questions in the chat say.
    pub(crate) async fn outcomes(&self) -> Result<Vec<String>> {
        let script = "return [...document.querySelectorAll('[data-testid=outcome]')].map((one) => one.innerText)";
        let said = self.run(script).await?;
        Ok(said.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect())
    }

    /// The text of an element, as a person sees it.
    pub(crate) async fn text(&self, css: &str) -> Result<String> {
        Ok(self.client.find(Locator::Css(css)).await?.text().await?)
    }

    /// How many elements there are.
    pub(crate) async fn count(&self, css: &str) -> Result<usize> {
        Ok(self.client.find_all(Locator::Css(css)).await?.len())
    }

    /// Runs a script in the page.
    pub(crate) async fn run(&self, script: &str) -> Result<Value> {
        Ok(self.client.execute(script, vec![]).await?)
    }

    /// Loads the page again.
    pub(crate) async fn reload(&self) -> Result<()> {
        self.client.refresh().await?;
        self.wait_for("[data-testid=composer]").await.map(drop)
    }

    /// Gives the page this size, as a device would.
    pub(crate) async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": true });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await
    }

    /// Sets the colour scheme that the person prefers.
    pub(crate) async fn prefer(&self, scheme: &str) -> Result<()> {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await
    }

    /// Keeps a picture of the page, for a person to look at.
    pub(crate) async fn picture(&self, file: &std::path::Path) -> Result<()> {
        Ok(std::fs::write(file, self.client.screenshot().await?)?)
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Result<()> {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Extra { path: "goog/cdp/execute", body }).await?;
        Ok(())
    }
}
