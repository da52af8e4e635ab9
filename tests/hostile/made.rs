//! Components that are made, as their text would be too long: and what a guest's file is wrapped in.

use anyhow::{Context as _, Result, ensure};
use sophon_tests::{component, guest};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// Puts a component that is made to a place.
pub(crate) fn make(name: &str, file: &Path) -> Result<()> {
    match name {
        // A hole: it takes no room on the disk.
        "made-huge" => Ok(File::create(file)?.set_len((128 << 20) + 1)?),
        "made-of-zeros" => Ok(symlink("/dev/zero", file)?),
        "made-pipe" => {
            ensure!(Command::new("mkfifo").arg(file).status()?.success(), "there is no pipe");
            Ok(())
        }
        name => {
            let bytes = bytes(name)?;
            ensure!(bytes.len() < 16 << 20, "{name} has {} bytes", bytes.len());
            Ok(fs::write(file, bytes)?)
        }
    }
}

/// What is in it.
fn bytes(name: &str) -> Result<Vec<u8>> {
    Ok(match name {
        "made-nested" => nested(100_000),
        "made-nested-types" => nested_types(100_000),
        "made-truncated" => {
            let mut whole = fs::read(guest("echo"))?;
            whole.truncate(whole.len() / 2);
            whole
        }
        "made-empty" => Vec::new(),
        "made-text" => b"#!/bin/sh\ntouch /tmp/hostile\n".to_vec(),
        "made-noise" => {
            let noise = (0..100_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8);
            COMPONENT.into_iter().chain(noise).collect()
        }
        "made-of-many-functions" => component(&format!("{}\n{HANDLE}", "(func)\n".repeat(1_000)))?,
        "made-of-one-large-function" => {
            component(&format!("(func {})\n{HANDLE}", "(drop (i32.const 1))".repeat(20_000)))?
        }
        "made-unreadable-before-costly" => {
            let (many, get, calls) = (many(), all_locals(), "(call $costly)".repeat(1_000));
            let costly = format!("(func $costly (param {many}) (result {many}) {get} {calls})");
            let mut whole = component(&format!("(func (drop (i32.const 1234567)))\n{costly}\n{HANDLE}"))?;
            let marked = whole.windows(5).position(|bytes| bytes == [0x41, 0x87, 0xad, 0xcb, 0]);
            // No instruction begins with this.
            whole[marked.context("the first function")?] = 0xff;
            whole
        }
        "made-of-costly-branches" => {
            let (many, get, drops) = (many(), all_locals(), "(drop)".repeat(MANY));
            let branches = "(ref.null func) (br_on_null 0) (drop)".repeat(1_000);
            component(&format!("(func (param {many}) (block (result {many}) {get} {branches}) {drops})\n{HANDLE}"))?
        }
        other => anyhow::bail!("nothing is made of the name {other}"),
    })
}

const HANDLE: &str = "(func (export \"handle\") (param i32) (result i32) (call $well))";

/// Values that one call or branch moves.
const MANY: usize = 1_000;

fn many() -> String {
    "i64 ".repeat(MANY)
}

fn all_locals() -> String {
    (0..MANY).map(|local| format!("(local.get {local})")).collect()
}

/// Components within components.
fn nested(depth: usize) -> Vec<u8> {
    // From the innermost to the outermost, and written the other way round.
    let mut heads = vec![COMPONENT.to_vec()];
    let mut size = COMPONENT.len();
    for _ in 0..depth {
        let mut head = COMPONENT.to_vec();
        // A section that is a component.
        head.push(4);
        leb(size, &mut head);
        size += head.len();
        heads.push(head);
    }
    heads.into_iter().rev().flatten().collect()
}

/// One type: a list of lists of lists.
fn nested_types(depth: usize) -> Vec<u8> {
    let mut types = Vec::new();
    leb(depth, &mut types);
    // A list of strings, and each further one of the one before.
    types.extend([0x70, 0x73]);
    for before in 0..depth - 1 {
        types.push(0x70);
        index(before, &mut types);
    }
    let mut whole = COMPONENT.to_vec();
    whole.push(7);
    leb(types.len(), &mut whole);
    whole.extend(types);
    whole
}

/// The number of a type, which is written as one that could be negative.
fn index(mut number: usize, to: &mut Vec<u8>) {
    while number >= 0x40 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A number as WebAssembly writes it.
fn leb(mut number: usize, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}
