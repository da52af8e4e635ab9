//! Answers with the user's own words, and shows what an agent can do on the way:
//!
//! | message | what happens |
//! |---|---|
//! | `card: TEXT` | a tool card opens, reports progress and completes |
//! | `fail: TEXT` | the agent fails with TEXT |
//! | `trap` | the agent crashes |
//! | `spin` | the agent loops until its CPU limit stops it |
//! | anything else | comes back, word by word |

use serde_json::json;
use sophon_agent::{Agent, Answer, Card, Failure, Finish, Reply, Result, Turn, Usage};

struct Echo;

impl Agent for Echo {
    fn handle(turn: Turn, reply: &mut Reply) -> Result<Answer> {
        let text = turn.text.trim();
        match text.split_once(':').map_or((text, ""), |(command, rest)| (command, rest.trim())) {
            ("card", label) => show_card(label, reply),
            ("fail", reason) => Err(Failure::other(reason)),
            ("trap", "") => panic!("echo was told to trap"),
            ("spin", "") => spin(),
            _ => echo(text, reply),
        }
    }
}

/// Words with the space after them, so that the pieces join to the whole.
fn echo(text: &str, reply: &mut Reply) -> Result<Answer> {
    let mut words = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        reply.write(word)?;
        words += 1;
    }
    let usage = Usage {
        input_tokens: words,
        output_tokens: words,
        cost_usd: None,
        model: Some("echo".to_owned()),
        provider: None,
    };
    Ok(Answer::streamed().with_usage(usage).finished(Finish::Stop))
}

fn show_card(label: &str, reply: &mut Reply) -> Result<Answer> {
    reply.write("Here is a card: ")?;
    let card = Card::open("echo", label, Some(&json!({ "text": label }).to_string()))?;
    card.progress(Some(50), Some("half way"), None)?;
    card.complete(Some(&json!({ "length": label.len() }).to_string()))?;
    reply.write("and it is done.")?;
    Ok(Answer::streamed())
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

sophon_agent::export!(Echo);
