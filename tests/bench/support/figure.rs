//! Figures of several runs, as a table of plain text.

use std::time::Duration;

/// One row: a figure by run, and what it is held against.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Digits after the point.
    pub(crate) digits: usize,
    /// What is aimed at.
    pub(crate) reach: &'static str,
    /// What was measured elsewhere, one entry a column of [`table`].
    pub(crate) others: [&'static str; 3],
    /// One figure a run; none where the run had nothing to measure.
    pub(crate) runs: Vec<Option<f64>>,
}

/// The median of durations, in milliseconds.
pub(crate) fn median_ms(durations: impl Iterator<Item = Option<Duration>>) -> Option<f64> {
    median(durations.flatten().map(|duration| duration.as_secs_f64() * 1e3).collect())
}

/// What ninety-nine of a hundred durations are within, in milliseconds.
pub(crate) fn p99_ms(durations: impl Iterator<Item = Option<Duration>>) -> Option<f64> {
    let mut all: Vec<Duration> = durations.flatten().collect();
    all.sort_unstable();
    all.get((all.len() * 99 / 100).min(all.len().saturating_sub(1))).map(|duration| duration.as_secs_f64() * 1e3)
}

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[half]),
        _ => Some(f64::midpoint(values[half - 1], values[half])),
    }
}

/// The rows below a head of `names`, each column as wide as it must be.
pub(crate) fn table(names: [&str; 3], rows: &[Row]) -> String {
    let [a, b, c] = names;
    let mut lines = vec![["", "median", "min–max", "reach", a, b, c].map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let mut text = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let width = lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
            let padded = if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
            text.push_str(&padded);
        }
        text.push('\n');
    }
    text
}

fn cells(row: &Row) -> [String; 7] {
    let values: Vec<f64> = row.runs.iter().flatten().copied().collect();
    let show = |value: f64| format!("{value:.*}", row.digits);
    let least = values.iter().copied().min_by(f64::total_cmp);
    let most = values.iter().copied().max_by(f64::total_cmp);
    let range = least.zip(most).map(|(least, most)| format!("{}–{}", show(least), show(most)));
    let [a, b, c] = row.others.map(str::to_owned);
    let middle = median(values).map(show);
    let none = || "-".to_owned();
    [row.name.to_owned(), middle.unwrap_or_else(none), range.unwrap_or_else(none), row.reach.to_owned(), a, b, c]
}
