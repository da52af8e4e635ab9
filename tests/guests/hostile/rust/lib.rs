//! A hostile guest: the message's first word is what it tries, its second where a site is that helps it.
//!
//! A deed that finds a way out says so in its answer, which is then not the one that `expected.tsv` has for it.

mod expected;
mod filing;
mod floods;
mod machine;
mod programs;
mod questions;
#[path = "../../standard.rs"]
mod standard;
mod wasi;
mod web;

use sophon_agent::{Agent, Answer, Failure, Reply, Result, Turn};

/// What one deed has: where its site is, and the bubble.
struct Scene<'a> {
    site: &'a str,
    reply: &'a mut Reply,
}

type Deed = fn(Scene) -> Result<Answer>;

struct Hostile;

impl Agent for Hostile {
    fn handle(turn: Turn, reply: &mut Reply) -> Result<Answer> {
        let (deed, site) = turn.text.split_once(' ').unwrap_or((&turn.text, ""));
        let all =
            [filing::DEEDS, machine::DEEDS, floods::DEEDS, programs::DEEDS, questions::DEEDS, wasi::DEEDS, web::DEEDS];
        let found = all.into_iter().flatten().find(|(name, _)| *name == deed);
        let (_, run) = found.ok_or_else(|| Failure::other(format!("there is no deed {deed}")))?;
        run(Scene { site, reply })
    }
}

sophon_agent::export!(Hostile);
