//! Damage to an input: bytes, pieces and words.

use crate::rng::Rng;

/// Inputs do not grow beyond this by damage.
const MAX: usize = 256 << 10;
/// Bytes that mean something to parsers.
const BYTES: &[u8] = b"\0\n\r\t \"'\\{}[]:,=#.-+eE0129u\x1b\x7f\x80\xc0\xe2\xed\xf0\xff";
/// Pieces that parsers trip over.
const PIECES: &[&str] = &[
    "18446744073709551616",
    "-9223372036854775809",
    "1e999",
    "-0.0",
    "NaN",
    "null",
    "true",
    "\\ud800",
    "\\udc00\\ud800",
    "\\u0000",
    "\u{202e}",
    "\u{feff}",
    "é",
    "🦀",
    "[[[[[[[[",
    "{\"a\":{\"a\":",
    "\"\"\"",
    "'''",
    "\"\"",
];

/// Damages an input a few times. `others` are inputs that it may be crossed with, `words` what its parser knows.
pub(crate) fn mutate(rng: &mut Rng, input: &mut Vec<u8>, others: &[Vec<u8>], words: &[&str]) {
    for _ in 0..=rng.below(4) {
        match rng.below(9) {
            0 => flip(rng, input),
            1 => set(rng, input),
            2 => drop(input.drain(piece(rng, input.len()))),
            3 => double(rng, input),
            4 => insert(rng, input, PIECES),
            5 => insert(rng, input, words),
            6 => cross(rng, input, others),
            7 => input.truncate(rng.below(input.len() + 1)),
            _ => nest(rng, input),
        }
        input.truncate(MAX);
    }
}

/// A piece of an input, mostly a short one.
fn piece(rng: &mut Rng, length: usize) -> std::ops::Range<usize> {
    let from = rng.below(length + 1);
    let most = if rng.once_in(4) { length } else { 16 };
    from..length.min(from + rng.below(most + 1))
}

fn flip(rng: &mut Rng, input: &mut [u8]) {
    let at = rng.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << rng.below(8);
    }
}

fn set(rng: &mut Rng, input: &mut [u8]) {
    let at = rng.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte = BYTES[rng.below(BYTES.len())];
    }
}

fn double(rng: &mut Rng, input: &mut Vec<u8>) {
    let copy = input[piece(rng, input.len())].to_vec();
    let times = if rng.once_in(20) { 200 } else { 1 };
    let at = rng.below(input.len() + 1);
    input.splice(at..at, copy.repeat(times).into_iter().take(MAX));
}

fn insert(rng: &mut Rng, input: &mut Vec<u8>, from: &[&str]) {
    let (word, at) = (rng.one(from), rng.below(input.len() + 1));
    input.splice(at..at, word.bytes());
}

fn cross(rng: &mut Rng, input: &mut Vec<u8>, others: &[Vec<u8>]) {
    let other = &others[rng.below(others.len())];
    let (into, from) = (piece(rng, input.len()), piece(rng, other.len()));
    input.splice(into, other[from].iter().copied());
}

/// Wraps a place in many brackets, closed or not.
fn nest(rng: &mut Rng, input: &mut Vec<u8>) {
    let (open, close) = rng.one(&[&("[", "]"), &("{\"a\":", "}"), &("(", ")")]);
    let depth = if rng.once_in(10) { 20_000 } else { rng.below(300) };
    let at = rng.below(input.len() + 1);
    let closed = if rng.once_in(2) { close.repeat(depth) } else { String::new() };
    input.splice(at..at, format!("{}1{closed}", open.repeat(depth)).into_bytes());
}
