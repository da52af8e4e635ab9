//! More of everything than anybody needs.

use crate::{Deed, Scene};
use sophon_agent::{Answer, Card, Failure, Result, log, state};
use std::io::Write as _;

pub(crate) const DEEDS: &[(&str, Deed)] = &[
    ("flood-of-text", text),
    ("flood-of-letters", letters),
    ("flood-of-cards", cards),
    ("flood-of-progress", progress),
    ("flood-of-card-json", card_json),
    ("flood-of-deep-json", deep_json),
    ("flood-of-log", log_lines),
    ("flood-of-last-words", last_words),
    ("flood-of-state-keys", state_keys),
    ("flood-of-state-bytes", state_bytes),
    ("flood-of-long-keys", long_keys),
    ("flood-of-memory", memory),
    ("flood-of-threads", threads),
    ("flood-of-naps", naps),
    ("panic-with-long-words", panic_long),
];

fn text(scene: Scene) -> Result<Answer> {
    let piece = "flood ".repeat(1_000);
    loop {
        scene.reply.write(&piece)?;
    }
}

fn letters(scene: Scene) -> Result<Answer> {
    loop {
        scene.reply.write("a few letters, again and again ")?;
    }
}

/// Cards that nobody closes, until it may have no more.
fn cards(_: Scene) -> Result<Answer> {
    let mut held = Vec::new();
    loop {
        match Card::open("flood", "one more", None) {
            Ok(card) => held.push(card),
            Err(failure) => return Err(failure),
        }
    }
}

fn progress(_: Scene) -> Result<Answer> {
    let card = Card::open("flood", "moving", None)?;
    for step in 0_u32.. {
        card.progress(Some((step % 101) as u8), Some("moving"), None)?;
    }
    Ok(Answer::streamed())
}

fn card_json(_: Scene) -> Result<Answer> {
    let long = format!("\"{}\"", "a".repeat(1 << 20));
    loop {
        Card::open("flood", &long, Some(&long))?.complete(Some(&long))?;
    }
}

/// JSON that is nested deeper than any reader's stack.
fn deep_json(_: Scene) -> Result<Answer> {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        match Card::open("flood", "deep", Some(&deep)) {
            Err(Failure::Invalid(_)) => {}
            _ => return Ok(Answer::text("TAKEN")),
        }
    }
    Ok(Answer::text("refused"))
}

fn log_lines(_: Scene) -> Result<Answer> {
    let long = "log\n\u{1b}[31m\u{202e}".repeat(10_000);
    for _ in 0..1_200 {
        log::error(&long);
    }
    Ok(Answer::text("said enough"))
}

fn last_words(_: Scene) -> Result<Answer> {
    let line = "last words\u{7} ".repeat(500);
    for _ in 0..1_000 {
        std::io::stderr().write_all(line.as_bytes())?;
    }
    panic!("and these are the last")
}

fn state_keys(_: Scene) -> Result<Answer> {
    fill(|number| state::session().set(&format!("key {number}"), ""))
}

fn state_bytes(_: Scene) -> Result<Answer> {
    let value = vec![7; 256 << 10];
    fill(|number| state::session().set(&format!("key {number}"), &value))
}

fn long_keys(_: Scene) -> Result<Answer> {
    fill(|number| state::session().set(&"k".repeat(1 << (number + 4)), ""))
}

/// How often it went well until it did not.
fn fill(mut one: impl FnMut(usize) -> Result<()>) -> Result<Answer> {
    for number in 0..5_000 {
        if let Err(failure) = one(number) {
            return Ok(Answer::text(format!("{number} taken, {failure}")));
        }
    }
    Ok(Answer::text("ALL taken"))
}

fn memory(_: Scene) -> Result<Answer> {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1_u8; 100 << 10]));
    }
}

fn threads(_: Scene) -> Result<Answer> {
    let made = (0..100).filter(|_| std::thread::Builder::new().spawn(|| {}).is_ok()).count();
    Ok(Answer::text(format!("{made} threads")))
}

fn naps(_: Scene) -> Result<Answer> {
    loop {
        std::thread::sleep(std::time::Duration::from_nanos(1));
    }
}

fn panic_long(_: Scene) -> Result<Answer> {
    panic!("{}", "`*_[x](javascript:1)\u{202e}\u{0}\n".repeat(10_000))
}
