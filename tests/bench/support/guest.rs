//! Builds the benchmarks' agent, and knows where cargo puts things.

use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders that a benchmark's own executable lies in: `<target>/release/deps/turn-…`.
pub(crate) struct Target {
    /// `<target>/release`.
    release: PathBuf,
    /// `<target>`.
    root: PathBuf,
}

impl Target {
    /// Finds them.
    ///
    /// # Errors
    /// When the executable was moved to where there are none.
    pub(crate) fn find() -> Result<Self> {
        let own = std::env::current_exe().context("cannot tell where this benchmark lies")?;
        let above = |levels| {
            own.ancestors().nth(levels).map(Path::to_owned).context("this benchmark is not in a target folder")
        };
        Ok(Self { release: above(2)?, root: above(3)? })
    }

    /// The release binary of the host.
    ///
    /// # Errors
    /// When it was not built.
    pub(crate) fn host(&self) -> Result<PathBuf> {
        let host = self.release.join("sophon-host");
        ensure!(
            host.is_file(),
            "{} is not there; build it first: cargo build --release -p sophon-host",
            host.display()
        );
        Ok(host)
    }

    /// Builds a guest of tests/guests/, and says where its component is.
    ///
    /// # Errors
    /// When cargo fails; it has said why.
    pub(crate) fn build_guest(&self, package: &str) -> Result<PathBuf> {
        let folder = self.root.join("guests");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--profile",
                "agent",
                "--target",
                "wasm32-wasip2",
                "-p",
                package,
                "--target-dir",
            ])
            .arg(&folder)
            .current_dir(workspace)
            .status()
            .context("cannot run cargo")?;
        ensure!(status.success(), "the guest `{package}` was not built");
        Ok(folder.join("wasm32-wasip2/agent").join(format!("{package}.wasm")))
    }
}
