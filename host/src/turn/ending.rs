//! The words under a bubble that did not end as it should: what happened, and what to do.

use super::bubble::Ending;
use crate::config::{Config, Lowered, Manifest, Totals, setting};
use crate::protocol::{FinishReason, Usage};
use crate::wasm::{Breach, Ended, Failure, Finish, Outcome, last_words};

/// Begins a paragraph that tells of a failure; the chat page shows it as such.
const MARK: &str = "⚠️ ";
/// The longest reason of an agent that is shown, in bytes.
const MAX_REASON: usize = 1_000;
const MAX_LAST_WORDS: usize = 300;
/// The most tokens that are told: the largest number that all readers of JSON take for the same. An answer is not worth
/// losing to what it says it cost.
const MAX_TOKENS: u64 = (1 << 53) - 1;

/// Why a turn was stopped from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// By its user.
    User,
    /// The host is shutting down.
    Shutdown,
}

/// An ending with only a note.
pub(super) fn noted(note: &str) -> Ending {
    Ending { note: Some(format!("{MARK}{note}")), ..Ending::default() }
}

/// An ending with only text: the host's own answer to a command.
pub(super) fn answered(text: String) -> Ending {
    Ending { text: Some(text), finish: Some(FinishReason::Stop), ..Ending::default() }
}

/// The ending of a turn that an agent ran. `silent` is whether the bubble is still empty.
pub(super) fn of(ended: Ended, manifest: &Manifest, totals: &Totals, lowered: &[Lowered], silent: bool) -> Ending {
    let name = &manifest.name;
    match ended {
        Ended::Answered(outcome) => {
            let empty = outcome.text.as_deref().map_or(silent, |text| text.trim().is_empty());
            let ending = from_outcome(outcome);
            let note = empty.then(|| format!("{MARK}The agent `{name}` ended its turn without an answer."));
            Ending { note, ..ending }
        }
        Ended::Failed(failure) => noted(&failed(&failure, name.as_str())),
        Ended::Limit(breach) => noted(&limited(breach, manifest, totals, lowered)),
        Ended::Busy { .. } => {
            noted(&format!("The host had no room to start the agent `{name}`. Send your message again in a moment."))
        }
        Ended::Stranded { why } => noted(&format!(
            "The agent `{name}` cannot use what it keeps in this session: {}. Nothing of it is lost. Try again later, or \
             choose another with `/use`.",
            crate::text::line(&why, MAX_REASON)
        )),
        Ended::Trapped { reason, stderr } => {
            let last = last_words(&stderr);
            let last = last.map_or_else(String::new, |words| {
                format!(" Its last words: {}.", crate::text::code(words.trim(), MAX_LAST_WORDS))
            });
            let reason = crate::text::line(&reason, MAX_REASON);
            noted(&format!(
                "The agent `{name}` crashed ({reason}).{last} The fault is in the agent; nothing else was hurt. \
                 Try again, or choose another with `/use`."
            ))
        }
    }
}

/// The ending of a turn that was stopped from outside.
pub(super) fn stopped(stop: Stop) -> Ending {
    match stop {
        Stop::User => Ending { note: Some("_Stopped._".to_owned()), ..Ending::default() },
        Stop::Shutdown => {
            noted("The host was shut down before the agent was done. Send your message again when it is back.")
        }
    }
}

/// The note of a turn that a crash of the host interrupted.
pub(super) fn interrupted() -> Ending {
    noted("The host stopped in the middle of this turn. Send your message again.")
}

/// The note of a turn during which the host ended `reruns` + 1 times.
pub(super) fn given_up(reruns: u32) -> Ending {
    noted(&format!(
        "The host stopped {} times while it worked on this message, and does not try again. Its log may say why.",
        reruns.saturating_add(1)
    ))
}

fn failed(failure: &Failure, name: &str) -> String {
    let said = |text: &str| crate::text::line(text.trim(), MAX_REASON);
    match failure {
        Failure::Denied(denial) => {
            format!("The agent `{name}` was not allowed to go on by {}. {}", said(&denial.rule), said(&denial.hint))
        }
        Failure::Cancelled => format!("The agent `{name}` stopped."),
        Failure::Limit(text) => format!("The agent `{name}` gave up at a limit: {}", said(text)),
        Failure::Invalid(text) => format!("The agent `{name}` failed on an invalid value: {}", said(text)),
        Failure::Unavailable(text) => format!("The agent `{name}` could not reach what it needs: {}", said(text)),
        Failure::Other(text) if text.trim().is_empty() => format!("The agent `{name}` failed, and gave no reason."),
        Failure::Other(text) => format!("The agent `{name}` failed: {}", said(text)),
    }
}

fn limited(breach: Breach, manifest: &Manifest, totals: &Totals, lowered: &[Lowered]) -> String {
    let (key, name) = (breach.key(), &manifest.name);
    // Without a word of its own an agent has what the operator gives to all its turns.
    let is_own = || manifest.total.names(key);
    let place = match lowered.iter().find(|lowered| lowered.key == key) {
        Some(Lowered { asked, .. }) => format!("{}; its agent.toml asks for {asked}", Config::FILE),
        None if breach == Breach::Stack => Config::FILE.to_owned(),
        None if breach.is_total() && !is_own() => {
            format!("{}, for all agents or in `[agent.{name}.total]`", Config::FILE)
        }
        None => "its agent.toml".to_owned(),
    };
    let mend = match breach.is_total() {
        true => "Try again when fewer of its turns run",
        false => "Ask for less at once",
    };
    let (reached, key) = (breach.with_value(&manifest.limits, totals), setting(key));
    format!("The agent `{name}` was stopped: it reached {reached}. {mend}, or raise `{key}` in {place}.")
}

fn from_outcome(outcome: Outcome) -> Ending {
    let finish = match outcome.finish {
        Finish::Stop => FinishReason::Stop,
        Finish::Length => FinishReason::Length,
        Finish::ContentFilter => FinishReason::ContentFilter,
        Finish::ToolCall => FinishReason::ToolCall,
    };
    let bounded = |text: String| crate::text::line(&text, 200);
    let usage = outcome.usage.map(|usage| Usage {
        input_tokens: usage.input_tokens.min(MAX_TOKENS),
        output_tokens: usage.output_tokens.min(MAX_TOKENS),
        // JSON has no words for what is not a finite number.
        estimated_cost_usd: usage.cost_usd.filter(|cost| cost.is_finite()),
        model: usage.model.map(bounded),
        provider: usage.provider.map(bounded),
    });
    Ending { text: outcome.text, note: None, usage, finish: Some(finish) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Amount;
    use std::path::Path;

    fn manifest() -> Manifest {
        Manifest::bare(Path::new("/x/echo.wasm")).expect("a name")
    }

    fn note(ended: Ended) -> String {
        of(ended, &manifest(), &Totals::default(), &[], true).note.expect("a note")
    }

    #[test]
    fn every_bad_end_says_what_happened_and_what_to_do() {
        let cpu = note(Ended::Limit(Breach::Cpu));
        assert!(cpu.contains("CPU limit of 10 s") && cpu.contains("`limits.cpu`"), "{cpu}");
        for breach in [Breach::Memory, Breach::Tables, Breach::Stack, Breach::Wall, Breach::Calls, Breach::Output] {
            assert!(note(Ended::Limit(breach)).contains(breach.key()), "{breach}");
        }
        let (asked, given) = (Amount::Count(9), Amount::Count(1));
        let lowered = [Lowered { key: "calls", asked, given }];
        let told = of(Ended::Limit(Breach::Calls), &manifest(), &Totals::default(), &lowered, true);
        let told = told.note.expect("a note");
        assert!(told.ends_with("raise `limits.calls` in sophon-host.toml; its agent.toml asks for 9."), "{told}");
        let empty = Outcome { text: None, usage: None, finish: Finish::Stop };
        assert!(note(Ended::Answered(empty)).contains("without an answer"));
    }

    #[test]
    fn a_total_is_told_with_who_sets_it() {
        let own = Manifest { total: toml::from_str("memory = \"1MiB\"").expect("a table"), ..manifest() };
        for (manifest, place) in [
            (manifest(), "`total.memory` in sophon-host.toml, for all agents or in `[agent.echo.total]`."),
            (own, "`total.memory` in its agent.toml."),
        ] {
            let told = of(Ended::Limit(Breach::TotalMemory), &manifest, &Totals::default(), &[], true);
            let told = told.note.expect("a note");
            assert!(told.contains("its total of 16 GiB of memory") && told.ends_with(place), "{told}");
        }
        let waited = note(Ended::Limit(Breach::TotalCpu));
        let said =
            "its time limit of 10 min while it had to wait, as all its turns together compute 100% of a processor";
        assert!(waited.contains(said) && waited.contains("raise `total.cpu` in sophon-host.toml"), "{waited}");
    }

    #[test]
    fn foreign_words_are_bounded_and_cannot_break_out() {
        let stderr = format!("thread panicked\n`{}\u{202e}\nnote: run with RUST_BACKTRACE=1\n", "x".repeat(9_000));
        let crash = note(Ended::Trapped { reason: "wasm `unreachable`\n".into(), stderr });
        assert!(
            crash.len() < 1_000 && crash.contains("Its last words: `'xxx") && !crash.contains('\u{202e}'),
            "{crash}"
        );
        let failed = note(Ended::Failed(Failure::Other("a\u{1b}[2J".repeat(4_000))));
        assert!(failed.len() < 6_000 && !failed.contains('\u{1b}'), "{failed}");
    }

    #[test]
    fn a_cost_that_is_no_number_is_left_out() {
        let usage = crate::wasm::Usage {
            input_tokens: 1,
            output_tokens: u64::MAX,
            cost_usd: Some(f64::NAN),
            model: Some("m\n".into()),
            provider: None,
        };
        let outcome = Outcome { text: Some("hi".into()), usage: Some(usage), finish: Finish::Length };
        let ending = of(Ended::Answered(outcome), &manifest(), &Totals::default(), &[], true);
        let usage = ending.usage.expect("usage");
        assert_eq!((usage.estimated_cost_usd, usage.model.as_deref()), (None, Some("m\\n")));
        assert_eq!((usage.input_tokens, usage.output_tokens), (1, MAX_TOKENS));
        assert_eq!((ending.finish, ending.note), (Some(FinishReason::Length), None));
    }
}
