//! `sophon-host status`: how the host that runs here is doing.

use super::args::StatusArgs;
use super::exit::Failure;
use super::{dev, output};
use crate::config::Config;
use crate::daemon::{self, AgentsReport, AskError, LinkReport, Report};
use std::path::PathBuf;

/// The longest text from the host that is shown on a line, in bytes. It is escaped there already, and here again: what
/// answers may be another version, or something else.
const MAX_TEXT: usize = 2_000;

/// Asks the host of `run`, else that of `dev`, and shows what it says.
pub(super) async fn status(config: Config, args: StatusArgs) -> Result<(), Failure> {
    let (folder, answer) = find(&config).await?;
    if args.json {
        output::data(&answer.to_string());
        return Ok(());
    }
    let report: Report = serde_json::from_value(answer)
        .map_err(|error| Failure::other(format!("the host's answer is of another version ({error}); see `--json`")))?;
    lines(&report, &folder.display().to_string()).iter().for_each(|line| output::data(line));
    Ok(())
}

async fn find(config: &Config) -> Result<(PathBuf, serde_json::Value), Failure> {
    let mut nobody = None;
    for folder in [config.data_dir.clone(), dev::host_dir(&config.data_dir)] {
        match daemon::ask(&folder).await {
            Ok(answer) => return Ok((folder, answer)),
            Err(error @ AskError::NotRunning(_)) => drop(nobody.get_or_insert(error)),
            Err(error) => return Err(Failure::other(crate::text::line(&error.to_string(), MAX_TEXT))),
        }
    }
    Err(nobody.map_or_else(|| Failure::other("there is no folder to look in"), Failure::not_running))
}

/// The report for people. Pure: its own time is the time it speaks of.
fn lines(report: &Report, folder: &str) -> Vec<String> {
    let up = time(report.now.saturating_sub(report.started_at));
    let mut lines = vec![
        row("host", &format!("sophon-host {}, process {}, up {up}", report.version, report.process)),
        row("folder", folder),
        row("cloud", &report.cloud),
        row("link", &link(report)),
    ];
    lines.extend(agents(&report.agents));
    let (turns, queues) = (&report.turns, &report.queues);
    lines.push(row("turns", &format!("{} running, {} waiting", turns.running, turns.waiting)));
    let ended: Vec<String> = turns.ended().iter().map(|(count, what)| format!("{count} {what}")).collect();
    lines.push(row("ended", if ended.is_empty() { "none yet".to_owned() } else { ended.join(", ") }.as_str()));
    if !report.limits.is_empty() {
        let reached: Vec<String> = report.limits.iter().map(|(key, count)| format!("{count} {key}")).collect();
        lines.push(row("limits", &reached.join(", ")));
    }
    let questions = match queues.questions {
        0 => String::new(),
        1 => ", a question waits for its answer".to_owned(),
        questions => format!(", {questions} questions wait for their answers"),
    };
    let (sessions, unacked) = (queues.sessions, queues.unacked);
    let queued = format!("turns wait in {sessions} sessions, {unacked} updates are not recorded yet{questions}");
    lines.push(row("queues", &queued));
    if report.errors.is_empty() {
        lines.push(row("errors", "none"));
    }
    for (index, error) in report.errors.iter().enumerate() {
        let ago = time(report.now.saturating_sub(error.at));
        let name = if index == 0 { "errors" } else { "" };
        lines.push(row(name, &format!("{ago} ago, {}: {}", error.level, error.text)));
    }
    lines
}

fn link(report: &Report) -> String {
    let now = report.now;
    let link = match &report.link {
        LinkReport::Connecting { since } => format!("connecting for {}", time(now.saturating_sub(*since))),
        LinkReport::Connected { since, installation } => {
            format!("connected for {} as {installation}", time(now.saturating_sub(*since)))
        }
        LinkReport::Waiting { since, reason, next_dial_at } => {
            let next = match next_dial_at.checked_sub(now) {
                Some(left) if left > 0 => format!("next dial in {}", time(left)),
                _ => "dialling now".to_owned(),
            };
            format!("not connected for {}: {reason}; {next}", time(now.saturating_sub(*since)))
        }
    };
    format!("{link}; connected anew {} times", report.reconnects)
}

fn agents(agents: &AgentsReport) -> Vec<String> {
    let mark = |name: &str| if agents.default.as_deref() == Some(name) { " (default)" } else { "" };
    let named: Vec<String> =
        agents.loaded.iter().map(|agent| format!("{} {}{}", agent.name, agent.version, mark(&agent.name))).collect();
    let left = agents.count.saturating_sub(u64::try_from(named.len()).unwrap_or(u64::MAX));
    let more = if left > 0 { format!(" and {left} more") } else { String::new() };
    let who = if named.is_empty() { "none".to_owned() } else { format!("{}{more}", named.join(", ")) };
    let problems = agents.problems.iter().map(|bad| row("", &format!("not loaded: {}: {}", bad.path, bad.error)));
    std::iter::once(row("agents", &who)).chain(problems).collect()
}

fn row(name: &str, text: &str) -> String {
    format!("{name:<8}{}", crate::text::line(text, MAX_TEXT))
}

/// A time for people, in its two largest units.
fn time(ms: u64) -> String {
    match ms / 1_000 {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds @ 3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        seconds => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::{AgentLine, Problem, Queues, Trouble, TurnsReport};

    fn report() -> Report {
        Report {
            version: "1.2.3".to_owned(),
            process: 42,
            started_at: 0,
            now: 7_500_000,
            cloud: "https://cloud.example".to_owned(),
            link: LinkReport::Connected { since: 7_400_000, installation: "inst_1".to_owned() },
            reconnects: 2,
            agents: AgentsReport {
                count: 3,
                loaded: vec![AgentLine { name: "echo".to_owned(), version: "1".to_owned() }],
                default: Some("echo".to_owned()),
                problems: vec![Problem { path: "bad".to_owned(), error: "is not there".to_owned() }],
            },
            turns: TurnsReport { running: 1, answered: 9, crashed: 1, ..TurnsReport::default() },
            limits: [("cpu".to_owned(), 2), ("memory".to_owned(), 1)].into(),
            queues: Queues { sessions: 0, unacked: 0, questions: 2 },
            errors: vec![Trouble { at: 7_497_000, level: "warn".to_owned(), text: "a\u{1b}[2J\nb".to_owned() }],
        }
    }

    #[test]
    fn a_report_is_told_line_by_line_and_cannot_steer_the_terminal() {
        let shown = lines(&report(), "/data");
        let expected = [
            "host    sophon-host 1.2.3, process 42, up 2 h 5 min",
            "folder  /data",
            "cloud   https://cloud.example",
            "link    connected for 1 min 40 s as inst_1; connected anew 2 times",
            "agents  echo 1 (default) and 2 more",
            "        not loaded: bad: is not there",
            "turns   1 running, 0 waiting",
            "ended   9 answered, 1 crashed",
            "limits  2 cpu, 1 memory",
            "queues  turns wait in 0 sessions, 0 updates are not recorded yet, 2 questions wait for their answers",
            "errors  3 s ago, warn: a\\u{1b}[2J\\nb",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_link_that_is_down_says_why_and_when_it_is_tried_again() {
        let down = |next_dial_at| LinkReport::Waiting { since: 7_499_000, reason: "refused".to_owned(), next_dial_at };
        let told = |next| link(&Report { link: down(next), ..report() });
        assert_eq!(told(7_504_000), "not connected for 1 s: refused; next dial in 4 s; connected anew 2 times");
        assert!(told(7_000_000).contains("dialling now"));
    }
}
