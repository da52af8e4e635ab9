//! `sophon-host audit`: who asked for what, who decided, what happened.

use super::args::AuditArgs;
use super::exit::Failure;
use super::{output, records};
use crate::config::Config;
use crate::store::{Entry, Seal, Sealed};
use serde_json::json;

/// Entries that are read at once.
const PAGE: u32 = 500;

/// Shows the log, or looks whether it is whole.
pub(super) async fn audit(config: Config, args: AuditArgs) -> Result<(), Failure> {
    let (store, file) = records::open(&config).await?;
    output::say(&format!("records: {}", file.display()));
    if args.check {
        return match store.check_audit().await.map_err(Failure::other)? {
            Seal::Whole { entries, head } => {
                output::data(&format!("{entries} entries, whole and in order; the last one's seal is {head}"));
                Ok(())
            }
            Seal::Broken { at } => Err(Failure::other(format!(
                "the log is not as it was written: entry {at} was changed, or something before it was taken out"
            ))),
        };
    }
    let mut last = args.after;
    loop {
        let entries = store.audit_after(last, PAGE).await.map_err(Failure::other)?;
        let Some(end) = entries.last() else { return Ok(()) };
        last = end.number;
        for entry in &entries {
            output::data(&if args.json { as_json(entry) } else { line(entry) });
        }
    }
}

fn as_json(sealed: &Sealed) -> String {
    json!({ "number": sealed.number, "at": sealed.at_ms, "entry": sealed.entry }).to_string()
}

fn line(sealed: &Sealed) -> String {
    let words = match &sealed.entry {
        Entry::Decided { agent, session, capability, what, allowed, by, .. } => {
            let verb = if *allowed { "may" } else { "may not" };
            format!("{agent} {verb} {capability}: {what}, says {by} (session {session})")
        }
        Entry::Done { decision, outcome } => format!("came of {decision}: {outcome}"),
        Entry::Granted { grant, covers, by } => format!("grant {grant} by {by}: {covers}"),
        Entry::Revoked { grant, by } => format!("grant {grant} taken back by {by}"),
    };
    format!("{:>6}  {}  {}", sealed.number, time(sealed.at_ms), crate::text::line(&words, 2_000))
}

/// RFC 3339, in UTC.
fn time(ms: u64) -> String {
    let at = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| "?".to_owned(), |at| at.strftime("%FT%TZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_line_whatever_it_says() {
        let entry = Entry::Done { decision: 7, outcome: "200\n\u{1b}[2J".to_owned() };
        let shown = line(&Sealed { number: 8, at_ms: 1_795_276_377_523, entry });
        assert_eq!(shown, "     8  2026-11-21T15:52:57Z  came of 7: 200\\n\\u{1b}[2J");
    }
}
