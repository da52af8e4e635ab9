//! From bytes to a title and text: enough of HTML to read a page, and nothing that runs.

/// What a person would read of a page.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Page {
    pub(crate) title: Option<String>,
    pub(crate) text: String,
}

/// Elements whose content is not for reading.
const SILENT: [&str; 6] = ["script", "style", "noscript", "template", "svg", "iframe"];
/// Elements that stand on lines of their own.
const BLOCKS: [&str; 22] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "div",
    "dt",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "header",
    "hr",
    "li",
    "main",
    "p",
    "pre",
    "section",
    "tr",
    "ul",
];
const ENTITIES: [(&str, char); 12] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("ndash", '–'),
    ("mdash", '—'),
    ("hellip", '…'),
    ("copy", '©'),
    ("laquo", '«'),
    ("raquo", '»'),
];

/// Whether a content type is one of text.
pub(crate) fn is_text(kind: &str) -> bool {
    let name = kind.split(';').next().unwrap_or_default().trim();
    let tail = |end: &str| name.ends_with(end);
    name.is_empty() || name.starts_with("text/") || tail("json") || tail("xml") || tail("javascript")
}

impl Page {
    /// Reads a body of this content type.
    pub(crate) fn read(body: &[u8], kind: &str) -> Self {
        let latin = kind.contains("8859-1") || kind.contains("windows-1252");
        let text = match latin && std::str::from_utf8(body).is_err() {
            true => body.iter().map(|byte| char::from(*byte)).collect(),
            false => String::from_utf8_lossy(body).into_owned(),
        };
        if kind.contains("html") || (kind.is_empty() && text.trim_start().starts_with('<')) {
            html(&text)
        } else {
            Self { title: None, text: text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect() }
        }
    }
}

fn html(source: &str) -> Page {
    let (mut page, mut title, mut in_title) = (String::new(), String::new(), false);
    let mut rest = source;
    while let Some(at) = rest.find('<') {
        let into = if in_title { &mut title } else { &mut page };
        into.push_str(&entities(&rest[..at]));
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = rest.find('>') else { break };
        let (name, closes) = element(&rest[1..end]);
        rest = &rest[end + 1..];
        match name.as_str() {
            "title" => in_title = !closes && title.is_empty(),
            name if SILENT.contains(&name) && !closes => rest = after(rest, name),
            name if BLOCKS.contains(&name) => page.push('\n'),
            "td" | "th" => page.push(' '),
            _ => {}
        }
    }
    page.push_str(&entities(rest.split('<').next().unwrap_or_default()));
    let title = squeeze(&title).replace('\n', " ");
    Page { title: Some(title).filter(|title| !title.is_empty()), text: squeeze(&page) }
}

/// A tag's name in small letters, and whether it closes.
fn element(tag: &str) -> (String, bool) {
    let closes = tag.starts_with('/');
    let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).take(20).collect();
    (name.to_ascii_lowercase(), closes)
}

/// What follows an element whose content is not for reading.
fn after<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut from = 0;
    while let Some(at) = rest[from..].find("</") {
        let tag = &rest[from + at + 2..];
        if tag.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return tag.find('>').map_or("", |end| &tag[end + 1..]);
        }
        from += at + 2;
    }
    ""
}

fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let found =
            rest.bytes().take(12).position(|byte| byte == b';').and_then(|end| Some((entity(&rest[1..end])?, end)));
        match found {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn entity(name: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match name.strip_prefix('#') {
        Some(number_) => match number_.strip_prefix(['x', 'X']) {
            Some(hex) => number(hex, 16),
            None => number(number_, 10),
        },
        None => ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, c)| *c),
    }
}

/// One blank between words, at most one empty line between lines, no control characters.
fn squeeze(text: &str) -> String {
    let words = |line: &str| {
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut out = String::new();
    let mut gap = false;
    for line in text.lines().map(words) {
        if line.is_empty() {
            gap = !out.is_empty();
            continue;
        }
        out.push_str(if gap {
            "\n\n"
        } else if out.is_empty() {
            ""
        } else {
            "\n"
        });
        gap = false;
        out.push_str(&line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Page {
        Page::read(text.as_bytes(), "text/html; charset=utf-8")
    }

    #[test]
    fn a_page_is_its_title_and_its_words() {
        let page = read(
            "<!doctype html><html><head><title>A &amp; B\n</title><style>p { x: '</p>' }</style>\
             <script>if (a < b) document.write('<p>no</p>')</script></head><body><!-- <p>no</p> -->\
             <h1>Hello</h1><p>one  two&nbsp;three<br>four &#x2014; &#8211; &bogus; &</p><ul><li>x<li>y</ul></body>",
        );
        assert_eq!(page.title.as_deref(), Some("A & B"));
        assert_eq!(page.text, "Hello\n\none two three\nfour — – &bogus; &\n\nx\ny");
    }

    #[test]
    fn what_is_broken_is_read_as_far_as_it_goes() {
        for text in
            ["<", "<p", "<p>x<", "<script>", "<script></scr", "<!--", "&#xffffffff;", "&ä;", "<title>", "<ä>x", "</"]
        {
            read(text);
        }
        assert_eq!(read("a<p>b").text, "a\nb");
        assert_eq!(read("x\u{1b}[2Jy").text, "x [2Jy");
        assert_eq!(Page::read(b"gr\xfcn", "text/plain; charset=iso-8859-1").text, "grün");
        assert!(is_text("application/json; charset=utf-8") && !is_text("image/png"));
    }
}
