//! Bytes that go with an ask: the body of a request, what a program's standard input begins with.

use super::words::cited;
use sha2::{Digest as _, Sha256};

/// How much of it a person is shown, in bytes.
const SHOWN: usize = 500;

/// What goes with an ask. Its digest tells it from any other, its beginning is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// How long it is, in bytes.
    pub len: u64,
    /// Its SHA-256.
    pub digest: [u8; 32],
    start: Vec<u8>,
}

impl Content {
    /// What these bytes are; nothing where there are none.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let (len, digest) = (bytes.len() as u64, Sha256::digest(bytes).into());
        (!bytes.is_empty()).then(|| Self { len, digest, start: bytes[..bytes.len().min(SHOWN)].to_vec() })
    }

    /// What a person is shown: `1,234 bytes, which begin with “…”`.
    pub(super) fn shown(&self) -> String {
        let which = if self.len > SHOWN as u64 { ", which begin with " } else { ": " };
        format!("{}{which}{}", self.size(), cited(&String::from_utf8_lossy(&self.start), SHOWN))
    }

    /// What the log keeps: which bytes it was, and none of them.
    pub(super) fn sealed(&self) -> String {
        format!("{}, SHA-256 {}", self.size(), crate::text::hex(&self.digest))
    }

    fn size(&self) -> String {
        if self.len == 1 { "1 byte".to_owned() } else { format!("{} bytes", grouped(self.len)) }
    }
}

/// A number as people read it: `1,234`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let comma = |at: usize| if at > 0 && (digits.len() - at).is_multiple_of(3) { "," } else { "" };
    digits.char_indices().map(|(at, digit)| format!("{}{digit}", comma(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_sees_how_much_it_is_and_how_it_begins() {
        assert_eq!(Content::of(b""), None);
        let shown = |bytes: &[u8]| Content::of(bytes).expect("some").shown();
        assert_eq!(shown(b"x"), "1 byte: “x”");
        assert_eq!(shown("a\n\u{202e}”b\u{1b}".as_bytes()), "10 bytes: “a\\n\\u{202e}\"b\\u{1b}”");
        let long = shown(&[b'y'; 1_234_567]);
        assert!(long.starts_with("1,234,567 bytes, which begin with “yyy") && long.len() < 600, "{long}");
        assert!(shown(&[0xff; 600]).len() < 600, "what is no text is bounded, too");
        let sealed = Content::of(b"secret").expect("some").sealed();
        assert!(sealed.starts_with("6 bytes, SHA-256 2bb80d53") && !sealed.contains("secret"), "{sealed}");
    }
}
