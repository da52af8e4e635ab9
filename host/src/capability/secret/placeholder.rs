//! `{{secret:NAME}}`: what an agent writes in a secret's place.

use crate::grant::SecretName;

const BEGIN: &[u8] = b"{{secret:";
const END: &[u8] = b"}}";

/// A text cut at its placeholders.
pub(super) enum Part<'a> {
    Text(&'a [u8]),
    Secret(SecretName),
}

/// Whether there is something that looks like a placeholder.
pub(super) fn is_in(text: &[u8]) -> bool {
    find(text, BEGIN).is_some()
}

/// The parts of a text. What looks like a placeholder but names no secret is text.
pub(super) fn parts(text: &[u8]) -> Vec<Part<'_>> {
    let (mut parts, mut from, mut begin) = (Vec::new(), 0, 0);
    while let Some(at) = find(&text[begin..], BEGIN).map(|at| begin + at) {
        begin = at + BEGIN.len();
        // The longest name and the end.
        let window = &text[begin..text.len().min(begin + 66)];
        let name = find(window, END).and_then(|end| std::str::from_utf8(&window[..end]).ok());
        let Some(name) = name.and_then(|name| SecretName::try_from(name.to_owned()).ok()) else { continue };
        parts.push(Part::Text(&text[from..at]));
        from = begin + name.to_string().len() + END.len();
        begin = from;
        parts.push(Part::Secret(name));
    }
    parts.push(Part::Text(&text[from..]));
    parts
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let part = |part| match part {
            Part::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Part::Secret(name) => format!("<{name}>"),
        };
        parts(text.as_bytes()).into_iter().map(part).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn only_what_names_a_secret_is_a_placeholder() {
        for (text, is) in [
            ("", ""),
            ("Bearer {{secret:KEY}}", "Bearer |<KEY>|"),
            ("{{secret:A}}{{secret:B_1}}x", "|<A>||<B_1>|x"),
            ("{{secret:a-b}} {{secret:}} {{secret:A", "{{secret:a-b}} {{secret:}} {{secret:A"),
            ("{{secret:{{secret:A}}}}", "{{secret:|<A>|}}"),
        ] {
            assert_eq!(read(text), is, "{text}");
        }
        assert!(read(&format!("{{{{secret:{}}}}}", "A".repeat(65))).starts_with("{{"));
    }
}
