//! How `chat` finds a running `dev`: a private file with the address and the user's token.

use crate::config::Secret;
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};

/// A running `dev`.
pub(super) struct Session {
    pub(super) url: String,
    pub(super) user_token: Secret<String>,
}

impl Session {
    fn file(dev_dir: &Path) -> PathBuf {
        dev_dir.join("session.json")
    }

    /// Leaves word for `chat`. The file is private: its token is the user's.
    pub(super) fn write(&self, dev_dir: &Path) -> io::Result<()> {
        let content = json!({ "url": self.url, "user_token": self.user_token.expose() });
        crate::private::replace(&Self::file(dev_dir), content.to_string().as_bytes())
    }

    /// Finds the `dev` that runs, or ran last.
    pub(super) fn read(dev_dir: &Path) -> Option<Self> {
        let content: Value = serde_json::from_slice(&std::fs::read(Self::file(dev_dir)).ok()?).ok()?;
        let text = |key: &str| content[key].as_str().map(str::to_owned);
        Some(Self { url: text("url")?, user_token: Secret::new(text("user_token")?) })
    }

    /// Takes the word back.
    pub(super) fn remove(dev_dir: &Path) {
        // A file that is gone, or cannot be removed, only costs `chat` a better message.
        let _ = std::fs::remove_file(Self::file(dev_dir));
    }
}
