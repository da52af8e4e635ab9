//! `sophon-host agent inspect`: what an agent is, wants and could do, before anything of it is run.

use super::exit::Failure;
use super::output;
use crate::config::{Amount, HistorySpec, Limits, Lowered, Manifest, Totals, TotalsConfig};
use crate::wasm::{Inspection, find_manifests};
use serde_json::json;
use std::path::Path;

/// Shows the agents at a path.
pub(super) fn inspect(path: &Path, most: &Limits, totals: &TotalsConfig, json: bool) -> Result<(), Failure> {
    let mut bad = None;
    for (_, manifest) in find_manifests(path) {
        let given = |mut manifest: Manifest| {
            let mut lowered;
            (manifest.limits, lowered) = manifest.limits.within(most);
            let (totals, less) = manifest.total.within(totals.of(&manifest.name));
            lowered.extend(less);
            Given { manifest, totals, lowered }
        };
        let seen = manifest.map(given).and_then(|given| Inspection::of(&given.manifest).map(|seen| (given, seen)));
        match seen {
            Ok((given, seen)) if json => output::data(&as_json(&given, &seen).to_string()),
            Ok((given, seen)) => lines(&given, &seen).iter().for_each(|line| output::data(line)),
            Err(error) => bad = Some(Failure::other(crate::text::terminal(&error.to_string()))),
        }
    }
    bad.map_or(Ok(()), Err)
}

/// An agent with what it would get here.
struct Given {
    manifest: Manifest,
    totals: Totals,
    lowered: Vec<Lowered>,
}

fn as_json(Given { manifest, totals, lowered }: &Given, seen: &Inspection) -> serde_json::Value {
    let named = |entries: &[(&str, Amount)]| -> serde_json::Map<String, serde_json::Value> {
        let short = |key: &str| key.trim_start_matches("total.").to_owned();
        entries.iter().map(|(key, amount)| (short(key), amount.to_string().into())).collect()
    };
    let HistorySpec { messages, bytes } = manifest.history;
    let (limits, totals) = (named(&manifest.limits.entries()), named(&totals.entries()));
    json!({
        "name": manifest.name.as_str(), "version": manifest.version, "description": manifest.description,
        "component": manifest.component, "size": seen.size, "sha256": seen.digest.to_string(),
        "contract": seen.contract, "can": seen.can, "cannot": seen.cannot, "not_offered": seen.unknown,
        "wants": manifest.wants, "history": { "messages": messages, "bytes": bytes.0 }, "limits": limits, "total": totals,
        "lowered": lowered.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn lines(Given { manifest, totals, lowered }: &Given, seen: &Inspection) -> Vec<String> {
    let row = |name: &str, value: &str| format!("{name:<9}{}", crate::text::line(value, 2_000));
    let listed = |words: &[&str]| if words.is_empty() { "nothing".to_owned() } else { words.join("; ") };
    let mut lines = vec![
        row("agent", &format!("{} {}", manifest.name, manifest.version)),
        row("file", &format!("{}, {} bytes", manifest.component.display(), seen.size)),
        row("sha256", &seen.digest.to_string()),
        row("contract", seen.contract.as_deref().unwrap_or("none that it shows")),
        row("can", &listed(&seen.can)),
        row("cannot", &listed(&seen.cannot)),
    ];
    if !manifest.description.is_empty() {
        lines.insert(1, row("is", &format!("“{}”", manifest.description)));
    }
    let wants: Vec<String> = manifest.wants.in_words();
    if wants.is_empty() {
        lines.push(row("wants", "nothing that has to be allowed"));
    }
    for (index, want) in wants.iter().enumerate() {
        lines.push(row(if index == 0 { "wants" } else { "" }, want));
    }
    lines.push(row("history", &history(manifest.history)));
    lines.push(row("limits", &limits(&manifest.limits)));
    lines.push(row("in all", &together(totals)));
    lines.extend(lowered.iter().map(|lowered| row("", &lowered.to_string())));
    for unknown in &seen.unknown {
        lines.push(row("lacks", &format!("{unknown}: this host does not offer it, and does not load the agent")));
    }
    lines
}

fn history(HistorySpec { messages, bytes }: HistorySpec) -> String {
    match messages {
        0 => "reads nothing of what was said before".to_owned(),
        _ => format!("reads up to {messages} messages of the session before its turn, {bytes} of text"),
    }
}

fn limits(limits: &Limits) -> String {
    let Limits { cpu, memory, tables, stack, wall, output, calls, lines, programs, asks } = limits;
    format!(
        "computes {cpu}, {memory} of memory, {tables} table elements, {stack} of stack, {wall} in all, {output} of \
         output, {calls} calls, {lines} log lines, {programs} programs, {asks} questions"
    )
}

fn together(totals: &Totals) -> String {
    let Totals { turns, memory, cpu, programs, tables, output, calls, lines } = totals;
    format!(
        "{turns} turns at once, with {memory} of memory, {tables} table elements and {programs} programs together; in the \
         long run {cpu}% of a processor, and a second {output} of output, {calls} calls, {lines} log lines"
    )
}
