//! Addresses in messages and in redirects. What is wrong with one is the host's to say.

/// The first address of a text, without the punctuation after it.
pub(crate) fn first(text: &str) -> Option<&str> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`'));
    let is_one = |word: &&str| {
        let lower = word.get(..8).unwrap_or(word).to_ascii_lowercase();
        lower.starts_with("https://") || lower.starts_with("http://")
    };
    // In Markdown an address stands in parentheses.
    let bare = words.map(|word| word.rfind("](").map_or(word, |at| &word[at + 2..]).trim_start_matches('('));
    let found = bare.map(|word| word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '*', '_']));
    found.into_iter().find(is_one).filter(|address| address.len() > "https://".len())
}

/// Where a redirect leads.
pub(crate) fn join(from: &str, to: &str) -> String {
    let (scheme, rest) = from.split_once("://").unwrap_or(("https", from));
    let lower = to.to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return to.to_owned();
    }
    if let Some(host) = to.strip_prefix("//") {
        return format!("{scheme}://{host}");
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    match to.chars().next() {
        Some('/') => format!("{scheme}://{host}{to}"),
        Some('?') => format!("{scheme}://{host}/{path}{to}"),
        _ => {
            let folder = path.rfind('/').map_or("", |end| &path[..=end]);
            format!("{scheme}://{host}/{folder}{to}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_is_found_in_prose() {
        for (text, address) in [
            ("read https://a.example/x, please", Some("https://a.example/x")),
            ("<http://a.example>!", Some("http://a.example")),
            ("see [this](https://a.example/x?q=1).", Some("https://a.example/x?q=1")),
            ("HTTPS://A.example and https://b.example", Some("HTTPS://A.example")),
            ("ftp://a.example or a.example or https://", None),
            ("", None),
            ("ääää https ://", None),
        ] {
            assert_eq!(first(text), address, "{text}");
        }
    }

    #[test]
    fn redirects_lead_where_browsers_would_go() {
        for (to, is) in [
            ("https://b.example/", "https://b.example/"),
            ("//b.example/y", "http://b.example/y"),
            ("/y?z", "http://a.example:8080/y?z"),
            ("y", "http://a.example:8080/d/y"),
            ("?q", "http://a.example:8080/d/x?q"),
            ("../y", "http://a.example:8080/d/../y"),
        ] {
            assert_eq!(join("http://a.example:8080/d/x?p#f", to), is, "{to}");
        }
        assert_eq!(join("http://a.example", "y"), "http://a.example/y");
    }
}
