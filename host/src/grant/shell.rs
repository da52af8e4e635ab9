//! What a command line is by its nature: an ordinary program, one that runs whatever its arguments say, one that
//! destroys. Told by names and arguments; in doubt it is told for worse than it is.
//!
//! What a program reads from files, its own configuration among them, is not seen here: the child's sandbox holds that.

use super::Severity;
use super::reach::is_wide;
use lists::{
    BUILDERS, ELEVATORS, INTERPRETERS, MULTI, REMOTE, SHELLS, WRAPPERS, is_destructive, is_in, runs_by_arguments,
};
use std::path::Path;

/// What a command line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nature {
    /// How bad it can get.
    pub severity: Severity,
    /// Whether it can run other programs or code that its arguments name: a shell, an interpreter, a wrapper. Leave for
    /// one command line of it says nothing of another.
    pub runs_others: bool,
    /// What it is, where that is worth a word.
    pub words: Option<&'static str>,
}

const PLAIN: Nature = Nature { severity: Severity::Medium, runs_others: false, words: None };

const WIDE: Nature =
    Nature { severity: Severity::High, runs_others: false, words: Some("it reaches for a whole tree of the machine") };

const fn runs(severity: Severity, words: &'static str) -> Nature {
    Nature { severity, runs_others: true, words: Some(words) }
}

/// What a command line is, from the name it was asked by, the file that it is, and its arguments.
pub fn nature(name: Option<&str>, program: &Path, args: &[String]) -> Nature {
    let file = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let named = name.map(|name| of(name, args));
    let is = match named {
        // A program of many names is what it was called by.
        Some(named) if is_in(MULTI, &base(&file)) => named,
        Some(named) => worse(named, of(&file, args)),
        None => of(&file, args),
    };
    if args.iter().any(|arg| is_wide(arg)) { worse(is, WIDE) } else { is }
}

/// One program with its arguments, and what it runs in its turn.
fn of(name: &str, args: &[String]) -> Nature {
    let outer = alone(name, args);
    if !outer.runs_others {
        return outer;
    }
    // Which argument is the program that is run differs from wrapper to wrapper, so each is taken for it.
    let inner = args.iter().enumerate().map(|(at, arg)| alone(arg.as_str(), &args[at + 1..]));
    let words = args.iter().flat_map(|arg| arg.split(|c: char| !(c.is_ascii_alphanumeric() || "._/-".contains(c))));
    let elevates = words.into_iter().any(|word| is_in(ELEVATORS, &base(word)));
    let inner = inner.map(|nature| nature.severity).max().unwrap_or(Severity::Medium);
    let inner = if elevates { Severity::Critical } else { inner };
    Nature { severity: outer.severity.max(inner), ..outer }
}

/// One program with its arguments, without a look at what it runs.
fn alone(name: &str, args: &[String]) -> Nature {
    let base = base(name);
    let is = |list: &str| is_in(list, &base) || ([SHELLS, INTERPRETERS].contains(&list) && is_in(list, head(&base)));
    let asks = |arg: &String| ["--version", "--help", "-V", "-h", "-version", "version"].contains(&arg.as_str());
    if is_in(ELEVATORS, &base) {
        return runs(Severity::Critical, "as another user, the system's own perhaps");
    }
    let list: [(&str, &str); 5] = [
        (SHELLS, "a shell: it runs whatever its arguments and its input say"),
        (INTERPRETERS, "an interpreter: it runs whatever its arguments and its input say"),
        (WRAPPERS, "a wrapper: it runs the program that its arguments name"),
        (REMOTE, "it runs programs elsewhere, or lets others in"),
        (BUILDERS, "a builder or package manager: it runs what it finds or fetches"),
    ];
    if let Some((_, words)) = list.into_iter().find(|(list, _)| is(list)) {
        // `sh`'s short flags are its options, not questions.
        return if args.len() == 1 && args.iter().all(asks) && args[0].starts_with("--") {
            PLAIN
        } else {
            runs(Severity::High, words)
        };
    }
    if base.starts_with("ld-linux") || base.starts_with("ld-musl") || is_in(MULTI, &base) {
        return runs(Severity::High, "a wrapper: it runs the program that its arguments name");
    }
    let words = is_destructive(&base, args).then_some("it deletes, overwrites or stops things");
    match runs_by_arguments(&base, args) {
        true => runs(Severity::High, "it runs another program that its arguments name"),
        false if words.is_some() => Nature { severity: Severity::High, words, ..PLAIN },
        false => PLAIN,
    }
}

fn worse(one: Nature, other: Nature) -> Nature {
    let (worst, rest) = if one.severity >= other.severity { (one, other) } else { (other, one) };
    let runs_others = worst.runs_others || rest.runs_others;
    Nature { runs_others, words: worst.words.or(rest.words), ..worst }
}

/// A program's name without folder, version and ending: `python` of `/usr/bin/python3.11`.
fn base(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let file = file.strip_suffix(".exe").unwrap_or(&file);
    let bare = file.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let bare = bare.strip_suffix("-cli").unwrap_or(bare);
    bare.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-').to_owned()
}

/// What it is a kind of: `vim` of `vim.basic`, `perl` of `perl5.36-x86_64-linux-gnu`.
fn head(base: &str) -> &str {
    let head = base.split(['.', '-']).next().unwrap_or_default();
    head.trim_end_matches(|c: char| c.is_ascii_digit())
}

mod lists;
#[cfg(test)]
mod tests;
