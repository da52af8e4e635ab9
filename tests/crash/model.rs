//! What may be kept, by what was said and answered; and what a host's records must be like between two hosts.

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::BTreeSet;
use std::path::Path;

/// What each drawer may hold: words that it was told to keep, of which one was the last.
#[derive(Debug, Clone)]
pub(crate) struct Keeps(Vec<BTreeSet<String>>);

impl Keeps {
    /// Of so many drawers, which hold nothing.
    pub(crate) fn new(drawers: usize) -> Self {
        Self(vec![BTreeSet::new(); drawers])
    }

    /// A version was told to keep words, and this was the answer.
    pub(crate) fn answered(&mut self, drawer: usize, words: &str, text: &str) -> Result<()> {
        let may = &mut self.0[drawer];
        match text {
            "kept" => may.clear(),
            // It may have been, before its host died; or in the run before this one.
            _ if text.contains("The host stopped") || text.contains("was carried over to schema") => {}
            _ => anyhow::bail!("told to keep {words} in {drawer}, it said: {text}"),
        }
        may.insert(words.to_owned());
        Ok(())
    }

    /// A version tells what is kept. Which one it is.
    pub(crate) fn told(&mut self, drawer: usize, text: &str) -> Result<u8> {
        let (version, kept) = text.split_once(' ').with_context(|| format!("drawer {drawer}: {text}"))?;
        let version = version.bytes().next().context("no version")? - b'0';
        let mut parts = kept.split('+');
        let words = parts.next().unwrap_or_default();
        let may = &mut self.0[drawer];
        ensure!(may.contains(words), "drawer {drawer} has {kept}, and was to have one of {may:?}");
        // Each step came from an older shape than the next one, and all from one older than the version's.
        let steps: Vec<u8> = parts.filter_map(|step| step.bytes().next()).map(|step| step - b'0').collect();
        let rises = steps.windows(2).all(|pair| pair[0] < pair[1]) && steps.last().is_none_or(|last| *last < version);
        ensure!(rises, "drawer {drawer} of version {version} was carried over twice: {kept}");
        *may = [words.to_owned()].into();
        Ok(version)
    }
}

/// Who answers, as it is written down.
#[derive(Debug)]
pub(crate) struct OnDisk {
    pub(crate) version: u8,
    /// The version that would answer again: while there is a trial.
    pub(crate) before: Option<String>,
}

/// Looks at a host's records while none runs: who answers and what is kept are of one shape.
pub(crate) fn check_store(file: &Path) -> Result<OnDisk> {
    // A copy: the next host is to find what the last one left.
    let copy = tempfile::tempdir()?;
    for end in ["", "-wal"] {
        let name = format!("{}{end}", file.file_name().context("a name")?.to_string_lossy());
        std::fs::copy(file.with_file_name(&name), copy.path().join(&name))?;
    }
    let connection = Connection::open(copy.path().join(file.file_name().context("a name")?))?;
    let current = "SELECT body ->> '$.label' FROM posts JOIN versions USING (agent) WHERE id = current";
    let label: String = connection.query_row(current, [], |row| row.get(0))?;
    let version = label.bytes().next().context("no version")? - b'0';
    let before = "SELECT body ->> '$.label' FROM posts JOIN versions USING (agent) WHERE id = previous AND on_trial";
    let before: Option<String> = connection.query_row(before, [], |row| row.get(0)).optional()?;
    let agents = "SELECT schema FROM drawers WHERE session = '' AND live";
    let agents: Option<u8> = connection.query_row(agents, [], |row| row.get(0)).optional()?;
    ensure!(agents == Some(version), "version {version} answers, and what it keeps for all is of schema {agents:?}");
    let ahead = "SELECT count(*) FROM drawers WHERE schema > ?1";
    let ahead: u32 = connection.query_row(ahead, [version], |row| row.get(0))?;
    ensure!(ahead == 0, "version {version} answers, and {ahead} drawers are of a newer one");
    let pins: u32 = connection.query_row("SELECT count(*) FROM pins", [], |row| row.get(0))?;
    ensure!(pins == 1, "the pin is gone");
    Ok(OnDisk { version, before })
}
