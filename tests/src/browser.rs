//! A headless Chromium under its driver.

use crate::PATIENCE;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A running ChromeDriver; its browsers end with it.
pub struct Chrome {
    /// Where WebDriver clients connect.
    pub address: String,
    _driver: Child,
    profile: TempDir,
}

impl Chrome {
    /// Starts the driver on a free port.
    pub async fn start() -> Result<Self> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("chromedriver is not installed; `tests/run browser` says how")?;
        let mut lines = BufReader::new(driver.stdout.take().context("its stdout is piped")?).lines();
        let port = tokio::time::timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, port)) = line.split_once("successfully on port ") {
                    return Ok(port.trim_end_matches('.').to_owned());
                }
            }
            anyhow::bail!("chromedriver ended before it told its port")
        });
        let port = port.await.context("chromedriver told no port")??;
        Ok(Self { address: format!("http://127.0.0.1:{port}"), _driver: driver, profile: tempfile::tempdir()? })
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
