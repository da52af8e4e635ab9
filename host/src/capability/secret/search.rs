//! Finds secrets in what comes back, in the forms that programs commonly give them, and cuts them out.
//!
//! What comes in pieces gives the same as in one: of a piece's end, what may be the beginning of a secret is kept until
//! more has come. Compressed or otherwise transformed bytes are not seen through.

use crate::grant::SecretName;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The longest end of a line, in bytes: that of JSON with both its characters.
const MAX_GAP: usize = 4;

/// How a secret may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As it is.
    Plain,
    /// Any of its bytes as in URLs.
    Url,
    /// Any of its bytes as in JSON.
    Json,
    /// Hexadecimal, in small letters or capitals.
    Hex,
    /// Base64 in the usual letters or those for URLs, whatever stands before it, and over several lines.
    Base64,
}

struct Pattern {
    name: SecretName,
    form: Form,
    bytes: Vec<u8>,
}

/// What is looked for.
#[derive(Default)]
pub(crate) struct Search {
    patterns: Vec<Pattern>,
    /// By a first byte, the patterns that may begin with it.
    starts: Vec<Vec<usize>>,
}

/// One stream that is searched.
pub(crate) struct Searched {
    search: Arc<Search>,
    /// What may be the beginning of a secret.
    held: Vec<u8>,
    found: BTreeSet<SecretName>,
}

/// Whether a pattern stands somewhere.
enum Match {
    No,
    /// What is there fits, and more is to come.
    Open,
    /// So many bytes long.
    Yes(usize),
}

impl Search {
    /// Looks for these.
    pub(super) fn new<'a>(secrets: impl Iterator<Item = (&'a SecretName, &'a str)>) -> Self {
        let patterns: Vec<Pattern> = secrets.flat_map(|(name, value)| Pattern::of(name, value.as_bytes())).collect();
        let starting = |byte: u8| {
            let starts = |pattern: &Pattern| {
                let escape = pattern.form.escapes().contains(&byte);
                escape || pattern.form.is_same(byte, pattern.bytes[0])
            };
            patterns.iter().enumerate().filter(|(_, pattern)| starts(pattern)).map(|(at, _)| at).collect()
        };
        let starts = (0..=u8::MAX).map(starting).collect();
        Self { patterns, starts }
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Begins a stream.
    pub(crate) fn stream(self: &Arc<Self>) -> Searched {
        Searched { search: self.clone(), held: Vec::new(), found: BTreeSet::new() }
    }

    /// A whole text without its secrets.
    pub(crate) fn text(self: &Arc<Self>, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes()).0).into_owned()
    }

    /// Whole bytes without their secrets, and which these were.
    pub(crate) fn bytes(self: &Arc<Self>, bytes: &[u8]) -> (Vec<u8>, BTreeSet<SecretName>) {
        let mut stream = self.stream();
        let mut clean = stream.push(bytes);
        clean.extend(stream.finish());
        (clean, stream.found)
    }

    /// The first pattern that stands at the beginning of these bytes. None where that is not clear yet.
    fn first(&self, bytes: &[u8], is_all: bool) -> Option<Option<(&Pattern, usize)>> {
        for at in &self.starts[usize::from(bytes[0])] {
            let pattern = &self.patterns[*at];
            match pattern.stands_at(bytes, is_all) {
                Match::No => {}
                Match::Open => return None,
                Match::Yes(len) => return Some(Some((pattern, len))),
            }
        }
        Some(None)
    }
}

impl Searched {
    /// Takes more; gives what is clean by now.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        self.scan(false)
    }

    /// No more comes; gives the rest.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        self.scan(true)
    }

    /// What was cut out so far.
    pub(crate) fn found(&self) -> &BTreeSet<SecretName> {
        &self.found
    }

    fn scan(&mut self, is_all: bool) -> Vec<u8> {
        if self.search.is_empty() {
            return std::mem::take(&mut self.held);
        }
        let mut clean = Vec::with_capacity(self.held.len());
        let mut at = 0;
        while at < self.held.len() {
            let Some(first) = self.search.first(&self.held[at..], is_all) else { break };
            match first {
                Some((pattern, len)) => {
                    clean.extend(format!("[secret {}]", pattern.name).bytes());
                    self.found.insert(pattern.name.clone());
                    at += len;
                }
                None => {
                    clean.push(self.held[at]);
                    at += 1;
                }
            }
        }
        self.held.drain(..at);
        clean
    }
}

impl Pattern {
    fn of(name: &SecretName, value: &[u8]) -> Vec<Self> {
        let pattern = |form, bytes| Self { name: name.clone(), form, bytes };
        let hex = crate::text::hex(value).into_bytes();
        let base64 = (0..3).map(|before| pattern(Form::Base64, base64(before, value)));
        let mut all = vec![pattern(Form::Hex, hex)];
        all.extend([Form::Plain, Form::Url, Form::Json].map(|form| pattern(form, value.to_vec())));
        all.extend(base64);
        all
    }

    fn stands_at(&self, bytes: &[u8], is_all: bool) -> Match {
        let (mut at, open) = (0, if is_all { Match::No } else { Match::Open });
        for expected in &self.bytes {
            if at > 0 {
                let Some(gap) = self.form.gap(&bytes[at..], is_all) else { return open };
                at += gap;
            }
            let Some((byte, len)) = self.form.unit(&bytes[at..], is_all) else { return open };
            if !self.form.is_same(byte, *expected) {
                return Match::No;
            }
            at += len;
        }
        Match::Yes(at)
    }
}

impl Form {
    /// The bytes that begin another way to write a byte.
    fn escapes(self) -> &'static [u8] {
        match self {
            Self::Plain | Self::Hex => b"",
            Self::Url => b"%",
            Self::Json => b"\\",
            Self::Base64 => b"%\\",
        }
    }

    fn is_same(self, byte: u8, expected: u8) -> bool {
        match self {
            Self::Plain | Self::Json => byte == expected,
            Self::Url => byte == expected || (byte == b'+' && expected == b' '),
            Self::Hex => byte.to_ascii_lowercase() == expected,
            Self::Base64 => {
                byte == expected || (byte == b'-' && expected == b'+') || (byte == b'_' && expected == b'/')
            }
        }
    }

    /// How many bytes end a line before the next letter: as they are, or as in JSON. None where that is not clear yet.
    fn gap(self, bytes: &[u8], is_all: bool) -> Option<usize> {
        let mut at = 0;
        while self == Self::Base64 && at < MAX_GAP {
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(b'\r' | b'\n'), _) => at += 1,
                (Some(b'\\'), Some(b'r' | b'n')) => at += 2,
                (Some(b'\\'), None) if !is_all => return None,
                _ => break,
            }
        }
        Some(at)
    }

    /// The first byte that is meant, and how many it is written with. None where that is not clear yet.
    fn unit(self, bytes: &[u8], is_all: bool) -> Option<(u8, usize)> {
        let first = *bytes.first()?;
        let escape: &[u8] = match first {
            _ if !self.escapes().contains(&first) => return Some((first, 1)),
            b'%' => b"%00",
            _ => match bytes.get(1) {
                Some(c @ (b'"' | b'\\' | b'/')) => return Some((*c, 2)),
                Some(b'u') => b"\\u0000",
                Some(_) => return Some((first, 1)),
                None if is_all => return Some((first, 1)),
                None => return None,
            },
        };
        let digits_from = escape.len() - escape.iter().filter(|byte| **byte == b'0').count();
        let mut value = 0_u32;
        for at in digits_from..escape.len() {
            match bytes.get(at).map(|byte| char::from(*byte).to_digit(16)) {
                Some(Some(digit)) => value = value << 4 | digit,
                None if !is_all => return None,
                _ => return Some((first, 1)),
            }
        }
        Some((u8::try_from(value).unwrap_or(0), escape.len()))
    }
}

/// The letters of base64 that are the same whatever stands before and behind, with so many bytes before.
fn base64(before: usize, value: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |at: usize| value[at / 8] >> (7 - at % 8) & 1;
    // The first letter that has no bit of what stands before.
    let first = (before * 8).div_ceil(6);
    let last = (before + value.len()) * 8 / 6;
    let letter = |letter: usize| {
        let from = letter * 6 - before * 8;
        let index = (from..from + 6).fold(0_usize, |index, at| index << 1 | usize::from(bit(at)));
        LETTERS[index]
    };
    (first..last).map(letter).collect()
}

#[cfg(test)]
mod tests;
