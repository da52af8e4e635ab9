//! A headless Chromium under its driver.

use crate::PATIENCE;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::io::Seek as _;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How often a start of the driver is tried.
const STARTS: usize = 3;

/// A running ChromeDriver; its browsers end with it.
pub struct Chrome {
    /// Where WebDriver clients connect.
    pub address: String,
    _driver: Child,
    profile: TempDir,
}

impl Chrome {
    /// Starts the driver on a free port. That may fail: it takes one that is free for IPv6, needs the same for IPv4, and
    /// ends where a test beside it has that.
    pub async fn start() -> Result<Self> {
        let mut ends = String::new();
        for _ in 0..STARTS {
            match drive().await? {
                Ok((driver, address)) => return Ok(Self { address, _driver: driver, profile: tempfile::tempdir()? }),
                Err(end) => ends.push_str(&end),
            }
        }
        anyhow::bail!("chromedriver ended {STARTS} times before it told its port:\n{ends}")
    }

    /// What a browser session needs: headless, a profile of its own, no network of its own, its console kept.
    pub fn capabilities(&self) -> serde_json::Map<String, serde_json::Value> {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-sync",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-dev-shm-usage",
            &profile,
        ];
        let options = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        options.as_object().cloned().unwrap_or_default()
    }
}

/// One start of the driver: its address, or how it ended and what it said.
async fn drive() -> Result<Result<(Child, String), String>> {
    let mut errors = tempfile::tempfile()?;
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors.try_clone()?)
        .kill_on_drop(true)
        .spawn()
        .context("chromedriver is not installed; `tests/run browser` says how")?;
    let mut lines = BufReader::new(driver.stdout.take().context("its stdout is piped")?).lines();
    let mut said = String::new();
    let port = tokio::time::timeout(PATIENCE, async {
        while let Some(line) = lines.next_line().await? {
            if let Some((_, port)) = line.split_once("successfully on port ") {
                return Ok(Some(port.trim_end_matches('.').to_owned()));
            }
            said.push_str(&line);
            said.push('\n');
        }
        anyhow::Ok(None)
    });
    if let Some(port) = port.await.context("chromedriver told no port")?? {
        return Ok(Ok((driver, format!("http://127.0.0.1:{port}"))));
    }
    let status = driver.wait().await?;
    errors.rewind()?;
    Ok(Err(format!("{status}\n{said}{}\n", std::io::read_to_string(errors)?)))
}
