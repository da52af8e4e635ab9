//! Reads a page that the user names: the first address of the message. The host asks the user before anything is sent,
//! and again for each hop to which a server sends on.

mod address;
mod page;

use page::Page;
use sophon_agent::http::{self, Response};
use sophon_agent::{Agent, Answer, Failure, Reply, Result, Turn};

/// The most hops that are followed.
const MAX_HOPS: usize = 5;
/// The most that is read of a page.
const MAX_PAGE: usize = 512 << 10;
/// The most text that is shown.
const MAX_TEXT: usize = 6_000;

struct Fetch;

impl Agent for Fetch {
    fn handle(turn: Turn, reply: &mut Reply) -> Result<Answer> {
        let Some(address) = address::first(&turn.text) else {
            return Ok(Answer::text("Name a page to read, such as `https://example.com/`."));
        };
        match fetch(address, reply) {
            // The user knows what they said, or finds the lines that would allow it.
            Err(Failure::Denied { rule, hint }) => {
                Ok(Answer::text(format!("I did not read it: not allowed by {}.\n\n{}", rule.trim(), fence(&hint))))
            }
            Err(Failure::Unavailable(why) | Failure::Invalid(why)) => {
                Ok(Answer::text(format!("I could not read it: {}.", code(&why, 500))))
            }
            done => done,
        }
    }
}

fn fetch(address: &str, reply: &mut Reply) -> Result<Answer> {
    let mut address = address.to_owned();
    for hop in 0..=MAX_HOPS {
        let reason = match hop {
            0 => "you asked me to read it".to_owned(),
            _ => format!("the page you named sent me on to it (hop {hop})"),
        };
        let mut response = http::get(&address).header("accept", "text/html, text/*, */*").because(&reason).send()?;
        match next(&response, &address) {
            Some(next) => address = next,
            None => return show(&address, &mut response, reply),
        }
    }
    Ok(Answer::text(format!("I stopped after {MAX_HOPS} hops; the last was {}.", code(&address, 300))))
}

/// Where an answer sends on to.
fn next(response: &Response, from: &str) -> Option<String> {
    matches!(response.status(), 301 | 302 | 303 | 307 | 308).then(|| response.header("location"))?.map(|to| {
        let to = to.trim();
        address::join(from, to)
    })
}

fn show(address: &str, response: &mut Response, reply: &mut Reply) -> Result<Answer> {
    let kind = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let (status, from) = (response.status(), code(address, 300));
    if !page::is_text(&kind) {
        let kind = code(&kind, 100);
        return Ok(Answer::text(format!("{from} is {kind} (status {status}); I show only text.")));
    }
    let body = response.bytes(MAX_PAGE)?;
    let whole = body.len() < MAX_PAGE;
    let page = Page::read(&body, &kind);
    if !response.is_success() {
        reply.write(&format!("The server answered with status {status}.\n\n"))?;
    }
    if let Some(title) = &page.title {
        reply.write(&format!("**{}**\n", code(title, 300)))?;
    }
    reply.write(&format!("{from}\n\n"))?;
    match page.text.is_empty() {
        true => reply.write("It has no text.")?,
        false => reply.write(&fence(&cut(&page.text, MAX_TEXT)))?,
    }
    if !whole {
        reply.write(&format!("\nI read the first {} KiB of it.", MAX_PAGE >> 10))?;
    }
    Ok(Answer::streamed())
}

/// At most so many bytes, and a note where there is more.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…\n({} bytes more)", &text[..end], text.len() - end)
}

/// A page's words on one line, as code: what a stranger wrote is not to look like this agent's own text.
fn code(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("`{}`", cut(&line, most).replace(['`', '\n'], "'"))
}

/// A page's words as a block of code that they cannot close.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end())
}

sophon_agent::export!(Fetch);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_cannot_close_what_it_is_shown_in() {
        assert_eq!(code("a`b\nc", 10), "`a'b c`");
        assert!(fence("x\n````\ny").starts_with("`````text\n"));
        assert_eq!(cut("äöü", 3), "ä…\n(4 bytes more)");
    }
}
