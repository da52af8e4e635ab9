//! Strings from outside, made fit for a log, a terminal or a chat bubble: bounded and escaped.

use serde_json::Value;

/// Cuts `text` to at most `max` bytes at a character's border, and says how much is gone.
pub(crate) fn clip(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = floor(text, max);
    format!("{}… ({} bytes more)", &text[..end], text.len() - end)
}

/// The largest index, at most `max`, at which `text` may be cut.
pub(crate) fn floor(text: &str, max: usize) -> usize {
    (0..=max.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Whether a character moves the cursor, hides itself or turns the direction of what follows.
fn is_tricky(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{61c}' | '\u{e0000}'..='\u{e0fff}' | '\u{fff9}'..='\u{fffb}' | '\u{180b}'..='\u{180f}')
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
        )
}

/// Whether a character turns the direction of text.
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON as people see it: in its strings and names, characters that turn the direction of text are shown as `\u{…}`.
/// Others stay: joiners have an honest use in words and pictures.
pub(crate) fn upright(value: Value) -> Value {
    let straight = |text: &str| escape(text, |c| !turns(c));
    match value {
        Value::String(text) => Value::String(straight(&text)),
        Value::Array(values) => values.into_iter().map(upright).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (straight(&name), upright(value))).collect(),
        plain => plain,
    }
}

/// One line of at most `max` bytes of source: control and invisible characters are shown as `\u{…}`.
pub(crate) fn line(text: &str, max: usize) -> String {
    escape(&clip(text, max), |_| false)
}

/// Text for a terminal: as [`line`], but line breaks and tabs stay.
pub(crate) fn terminal(text: &str) -> String {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

/// Text of several lines as [`terminal`] shows it. Of a longer one only the end, at most `max` bytes.
pub(crate) fn tail(text: &str, max: usize) -> String {
    let shown = terminal(text);
    if shown.len() <= max {
        return shown;
    }
    let from = (shown.len() - max..shown.len()).find(|&at| shown.is_char_boundary(at)).unwrap_or(shown.len());
    format!("… ({from} bytes before)\n{}", &shown[from..])
}

/// Bytes in hexadecimal, in small letters.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A short piece of foreign text as inline code for a Markdown bubble: one line, no back-ticks to break out with.
pub(crate) fn code(text: &str, max: usize) -> String {
    format!("`{}`", line(text, max).replace('`', "'"))
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_tricky(c) && !keep(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_cannot_steer_a_terminal() {
        assert_eq!(terminal("a\u{1b}[2Jb\r\nc"), "a\\u{1b}[2Jb\\r\nc");
        assert_eq!(line("a\nb\u{202e}c", 80), "a\\nb\\u{202e}c");
        assert_eq!(line("a\u{ad}b\u{3164}c\u{e0100}", 80), "a\\u{ad}b\\u{3164}c\\u{e0100}");
        assert_eq!(terminal("tab\tand ünïcode 🦀"), "tab\tand ünïcode 🦀");
    }

    #[test]
    fn what_turns_text_is_shown_in_json_and_nothing_else_is_changed() {
        let value =
            serde_json::json!({ "a\u{202e}b": ["\u{2066}x", { "y": "\u{61c}" }, 7, null], "ok": "👩\u{200d}👧\nü" });
        let shown =
            serde_json::json!({ "a\\u{202e}b": ["\\u{2066}x", { "y": "\\u{61c}" }, 7, null], "ok": "👩\u{200d}👧\nü" });
        assert_eq!(upright(value), shown);
    }

    #[test]
    fn cuts_fall_between_characters_and_are_told() {
        assert_eq!(clip("ééé", 3), "é… (4 bytes more)");
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(floor("é", 1), 0);
    }

    #[test]
    fn of_long_output_the_end_is_kept() {
        assert_eq!(tail("a\n\u{1b}b", 80), "a\n\\u{1b}b");
        assert_eq!(tail("ééé", 3), "… (4 bytes before)\né");
    }

    #[test]
    fn each_byte_is_two_digits() {
        assert_eq!((hex(&[0, 10, 255]).as_str(), hex(&[]).as_str()), ("000aff", ""));
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(code("a`b\n", 80), "`a'b\\n`");
    }
}
