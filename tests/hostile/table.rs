//! `expected.tsv`: what becomes of each guest.

use anyhow::{Context as _, Result};

const TABLE: &str = include_str!("../guests/hostile/expected.tsv");

/// One guest.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// `wat`, `made`, or who does the deed.
    pub(crate) how: &'static str,
    /// Limits of its own: keys and values.
    pub(crate) limits: &'static str,
    pub(crate) ending: &'static str,
    /// What the user reads.
    pub(crate) words: &'static str,
}

/// All rows, in their order.
pub(crate) fn rows() -> Result<Vec<Row>> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| row(line).with_context(|| format!("expected.tsv has a bad line: {line}"))).collect()
}

fn row(line: &'static str) -> Option<Row> {
    let mut columns = line.split('\t');
    let [name, how, limits, ending, words] = std::array::from_fn(|_| columns.next());
    let row = Row { name: name?, how: how?, limits: limits?, ending: ending?, words: words? };
    columns.next().is_none().then_some(row)
}

impl Row {
    /// Its limits as lines of a manifest that replace those of all.
    pub(crate) fn limit(&self, key: &str) -> Option<&'static str> {
        self.limits.split(' ').find_map(|limit| limit.strip_prefix(key)?.strip_prefix('='))
    }

    /// Whether an answer is the one that it must get; else, what is wrong with it.
    pub(crate) fn judge(&self, text: &str) -> Result<(), String> {
        let ending = ending(text);
        match ending == self.ending && text.contains(self.words) {
            true => Ok(()),
            false => Err(format!("`{}`, and to be `{}` with `{}`", ending, self.ending, self.words)),
        }
    }
}

/// How a turn ended, from what its user reads.
fn ending(text: &str) -> String {
    let Some((_, note)) = text.rsplit_once("⚠️ The ") else { return "answered".to_owned() };
    let named = note.split_once("or raise `").and_then(|(_, rest)| rest.split_once('`'));
    match named.map(|(key, rest)| (key.trim_start_matches("limits."), rest)) {
        Some((key, _)) if note.contains("was stopped: it reached") => format!("limit:{key}"),
        _ if note.contains("ended its turn without an answer") => "silent".to_owned(),
        _ if note.contains("crashed (") => "crashed".to_owned(),
        _ => "failed".to_owned(),
    }
}
