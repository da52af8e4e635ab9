//! A deed without an expectation does not compile.

use crate::{Deed, filing, floods, machine, programs, questions, wasi, web};

const EXPECTED: &str = include_str!("../expected.tsv");

// One by one: the compiler has a bound for how long one constant takes.
const _: () = check(filing::DEEDS);
const _: () = check(machine::DEEDS);
const _: () = check(floods::DEEDS);
const _: () = check(programs::DEEDS);
const _: () = check(questions::DEEDS);
const _: () = check(wasi::DEEDS);
const _: () = check(web::DEEDS);

const fn check(deeds: &[(&str, Deed)]) {
    let mut at = 0;
    while at < deeds.len() {
        assert!(has_row(deeds[at].0.as_bytes()), "a deed is not in expected.tsv");
        at += 1;
    }
}

/// Whether a line begins with this name and a tab.
const fn has_row(name: &[u8]) -> bool {
    let table = EXPECTED.as_bytes();
    let mut line = 0;
    while line + name.len() < table.len() {
        let mut same = 0;
        while same < name.len() && table[line + same] == name[same] {
            same += 1;
        }
        if same == name.len() && table[line + same] == b'\t' {
            return true;
        }
        while line < table.len() && table[line] != b'\n' {
            line += 1;
        }
        line += 1;
    }
    false
}
