//! Text with `*` in it, which stands for any characters: what rules, wants and grants are written with.

use std::fmt;
use std::str::FromStr;

/// The longest text of a glob that is read, in bytes.
const MAX_TEXT: usize = 128 << 10;
/// The longest with a star in it.
const MAX_STARRED: usize = 8 << 10;
/// Stands for `*` where one glob is matched against another. No text of an ask holds it.
const ANYTHING: char = '\0';

/// A text in which `*` stands for any characters, none and `/` too. `\*` is a star itself, `\\` a backslash.
#[derive(Clone)]
pub struct Glob {
    /// The text between the stars: one part more than there are stars.
    parts: Vec<String>,
    /// None where there is no star.
    matcher: Option<globset::GlobMatcher>,
}

impl Glob {
    /// The glob that exactly this text matches.
    pub fn literal(text: &str) -> Self {
        Self { parts: vec![text.to_owned()], matcher: None }
    }

    /// `*`.
    pub fn any() -> Self {
        Self::beginning("")
    }

    /// All that begins with this text, which is short.
    pub fn beginning(text: &str) -> Self {
        Self::of(vec![text.to_owned(), String::new()]).unwrap_or_else(|_| Self::literal(text))
    }

    /// Whether it has no star.
    pub fn is_literal(&self) -> bool {
        self.parts.len() == 1
    }

    /// Whether a text is one of those that it stands for.
    pub fn covers(&self, text: &str) -> bool {
        match &self.matcher {
            _ if self.is_literal() => self.parts[0] == text,
            Some(matcher) => matcher.is_match(text),
            None => false,
        }
    }

    /// Whether all that it covers is covered by `other`: a star is seen as a character that only a star can cover.
    pub fn within(&self, other: &Self) -> bool {
        other.covers(&self.parts.join(&ANYTHING.to_string()))
    }

    /// Its text without backslashes.
    pub(super) fn plain(&self) -> String {
        self.parts.join("*")
    }

    fn of(parts: Vec<String>) -> Result<Self, String> {
        if parts.len() == 1 {
            return Ok(Self { parts, matcher: None });
        }
        let bytes: usize = parts.iter().map(String::len).sum();
        if bytes > MAX_STARRED {
            return Err(format!("a pattern with stars has at most {MAX_STARRED} bytes"));
        }
        let pattern = parts.iter().map(|part| escaped(part, "*?[]{}!,\\")).collect::<Vec<_>>().join("*");
        let glob = globset::GlobBuilder::new(&pattern).literal_separator(false).backslash_escape(true).build();
        let matcher = glob.map_err(|error| format!("is no pattern: {error}"))?.compile_matcher();
        Ok(Self { parts, matcher: Some(matcher) })
    }
}

/// A text with a backslash before each of these characters.
fn escaped(text: &str, special: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl FromStr for Glob {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT || text.contains(ANYTHING) {
            return Err(format!("a pattern has at most {MAX_TEXT} bytes and no NUL"));
        }
        let mut parts = vec![String::new()];
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let last = parts.len() - 1;
            match c {
                // Several stars in a row are one.
                '*' if last > 0 && parts[last].is_empty() => {}
                '*' => parts.push(String::new()),
                '\\' => match chars.next() {
                    Some(c @ ('*' | '\\')) => parts[last].push(c),
                    _ => return Err(r"a backslash stands only before `*` or `\`: write `\\` for one".to_owned()),
                },
                c => parts[last].push(c),
            }
        }
        Self::of(parts)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                f.write_str("*")?;
            }
            f.write_str(&escaped(part, r"*\"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({self})")
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Glob {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob(text: &str) -> Glob {
        text.parse().expect(text)
    }

    #[test]
    fn only_the_star_is_special() {
        for (pattern, text, covers) in [
            ("/v1/*", "/v1/", true),
            ("/v1/*", "/v1/a/b", true),
            ("/v1/*", "/v1", false),
            ("*", "", true),
            ("**", "a\nb", true),
            ("a**b", "ab", true),
            ("**/x", "x", false),
            ("[a]?{b,c}!", "[a]?{b,c}!", true),
            ("[a]*", "a", false),
            ("{b,c}*", "b", false),
            (r"\*", "x", false),
            (r"\**", "*x", true),
            (r"a\\*", r"a\b", true),
            ("é*", "éa", true),
            ("E*", "é", false),
            ("*é", "\u{1f980}é", true),
        ] {
            assert_eq!(glob(pattern).covers(text), covers, "{pattern} and {text:?}");
        }
        assert_eq!((Glob::any(), Glob::beginning("/*")), (glob("*"), glob(r"/\**")));
        for bad in [r"\", r"a\b", "a\0b", &"x".repeat(MAX_TEXT + 1), &"x*".repeat(MAX_STARRED + 1)] {
            assert!(bad.parse::<Glob>().is_err(), "{:?}", crate::text::line(bad, 20));
        }
    }

    #[test]
    fn narrower_is_told_from_wider() {
        for (narrow, wide, is) in [
            ("/v1/a", "/v1/*", true),
            ("/v1/*", "/v1/*", true),
            ("/v1/*/x", "/v1/*", true),
            ("*a*", "*", true),
            ("/v1/*", "/v1/a", false),
            ("/v1*", "/v1/*", false),
            ("*", r"\*", false),
            (r"\*", "*", true),
            ("a*", "*a", false),
        ] {
            assert_eq!(glob(narrow).within(&glob(wide)), is, "{narrow} in {wide}");
        }
    }

    /// What a glob means, said as simply as can be.
    fn means(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|at| means(rest, &text[at..])),
            Some((c, rest)) => text.first() == Some(c) && means(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_means_what_it_says(pattern in "[a/é.*?]{0,7}", text in "[a/é.?]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(glob(&pattern).covers(&text), means(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn the_narrower_covers_nothing_more(one in "[ab*]{0,5}", other in "[ab*]{0,5}", text in "[ab]{0,6}") {
            let (one, other) = (glob(&one), glob(&other));
            prop_assert!(!one.within(&other) || !one.covers(&text) || other.covers(&text));
        }

        #[test]
        fn it_can_be_read_back(text in r"[a*\\\[é]{0,8}") {
            let literal = Glob::literal(&text);
            prop_assert_eq!(&glob(&literal.to_string()), &literal);
            prop_assert!(literal.covers(&text));
            if let Ok(read) = text.parse::<Glob>() {
                prop_assert_eq!(glob(&read.to_string()), read);
            }
        }
    }
}
