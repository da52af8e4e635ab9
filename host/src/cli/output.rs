//! The two ways out: data to stdout, words to stderr. A pipe that was closed is no failure of ours.

use std::io::{self, Write as _};

/// A line of data.
pub(super) fn data(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// A piece of text that streams; it is seen at once.
pub(super) fn stream(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// A line for people.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Why it failed.
pub(super) fn error(line: &str) {
    let _ = writeln!(io::stderr(), "sophon-host: {line}");
}
