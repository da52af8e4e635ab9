//! A guest that does what the message says: its first word is the deed, its second a number.

mod exec;
mod files;
mod http;
#[path = "../../standard.rs"]
mod standard;
mod state;
mod turn;
mod wasi;

use sophon_agent::{Agent, Answer, Card, Failure, Finish, Reply, Result, Turn, log};
use std::time::{Duration, Instant, SystemTime};

struct Probe;

impl Agent for Probe {
    fn handle(turn: Turn, reply: &mut Reply) -> Result<Answer> {
        let mut words = turn.text.split_whitespace();
        let deed = words.next().unwrap_or_default().to_owned();
        let number: u64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(1);
        match deed.as_str() {
            "stream" => stream(number, reply),
            "tokens" => tokens(number, reply),
            "sleep" => sleep(number, reply),
            "memory" => Ok(Answer::text(format!("{} bytes", fill_memory().len()))),
            "flood" => flood(reply),
            "calls" => loop {
                log::debug("again");
            },
            "history" => Ok(Answer::text(history(&turn))),
            "http" => http::deed(turn.text.split_whitespace().skip(1)),
            "wasi" => wasi::deed(turn.text.split_whitespace().skip(1)),
            "state" => state::deed(turn.text.split_whitespace().skip(1)),
            "files" => files::deed(turn.text.split_whitespace().skip(1)),
            "silent" => Ok(Answer::streamed()),
            "canonical" => {
                reply.write("a draft")?;
                Ok(Answer::text("the final text").finished(Finish::Length))
            }
            "abandon" => abandon(),
            "hold" => {
                let _open = Card::open("probe", "held", None)?;
                sleep(number, reply)
            }
            "cards" => cards(reply),
            "deal" => deal(number),
            "bulky" => bulky(usize::try_from(number)?, reply),
            "churn" => reply.write("churning, ").map(|()| churn())?,
            "mull" => churn(),
            "surroundings" => Ok(Answer::text(surroundings())),
            "long" => Ok(Answer::text("x".repeat(usize::try_from(number)?))),
            other => turn::deed(other, turn.text.split_whitespace().skip(1), reply)
                .unwrap_or_else(|| Err(Failure::other(format!("the probe knows no {other}")))),
        }
    }
}

fn abandon() -> Result<Answer> {
    let _open = Card::open("probe", "left open", None)?;
    panic!("with a card open")
}

/// Many small pieces, a millisecond apart.
fn stream(pieces: u64, reply: &mut Reply) -> Result<Answer> {
    for piece in 0..pieces {
        reply.write(&format!("{piece} "))?;
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(Answer::streamed())
}

/// A token every 8 ms, as a model would, and then the time on the wall in milliseconds.
fn tokens(count: u64, reply: &mut Reply) -> Result<Answer> {
    let start = Instant::now();
    for token in 0..count {
        reply.write(&format!("{token} "))?;
        std::thread::sleep(Duration::from_millis(8 * (token + 1)).saturating_sub(start.elapsed()));
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    reply.write(&format!("ended {}", now.as_millis()))?;
    Ok(Answer::streamed())
}

fn sleep(millis: u64, reply: &mut Reply) -> Result<Answer> {
    reply.write("asleep, ")?;
    std::thread::sleep(Duration::from_millis(millis));
    reply.write("awake")?;
    Ok(Answer::streamed())
}

fn fill_memory() -> Vec<Vec<u8>> {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1; 1 << 20]));
    }
}

fn flood(reply: &mut Reply) -> Result<Answer> {
    let piece = "flood ".repeat(1_000);
    loop {
        reply.write(&piece)?;
    }
}

fn history(turn: &Turn) -> String {
    let said: Vec<String> = turn.history.iter().map(|past| format!("{:?}: {}", past.role, past.text)).collect();
    said.join("; ")
}

fn cards(reply: &mut Reply) -> Result<Answer> {
    let good = Card::open("probe", "a good one", Some(r#"{"n":1}"#))?;
    let bad = Card::open("probe", "a bad one", None)?;
    drop(Card::open("probe", "given up", None)?);
    bad.fail("it broke")?;
    good.progress(Some(50), None, None)?;
    let refused = Card::open("probe", "not JSON", Some("{")).is_err();
    good.complete(Some("[1,2]"))?;
    reply.write(if refused { "refused" } else { "taken" })?;
    Ok(Answer::streamed())
}

/// So many cards, one after the other.
fn deal(cards: u64) -> Result<Answer> {
    for number in 0..cards {
        Card::open("probe", &format!("card {number}"), None)?.complete(None)?;
    }
    Ok(Answer::text("dealt"))
}

/// A card whose arguments and result are strings of so many bytes.
fn bulky(bytes: usize, reply: &mut Reply) -> Result<Answer> {
    let (args, result) = (format!("\"{}\"", "a".repeat(bytes)), format!("\"{}\"", "r".repeat(bytes)));
    Card::open("probe", "bulky", Some(&args))?.complete(Some(&result))?;
    reply.write("shown")?;
    Ok(Answer::streamed())
}

/// Computes until it is stopped.
fn churn() -> ! {
    log::info("churning");
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

/// What a guest can see of the machine: it should be nothing.
fn surroundings() -> String {
    let variables = std::env::vars_os().count();
    let arguments = std::env::args_os().count();
    let root = std::fs::read_dir("/").is_ok();
    let passwd = std::fs::read("/etc/passwd").is_ok();
    let network = std::net::TcpStream::connect("127.0.0.1:80").map(drop);
    let network = network.map_or_else(|error| error.kind() != std::io::ErrorKind::ConnectionRefused, |()| false);
    format!("variables {variables}, arguments {arguments}, files {}, network {}", root || passwd, !network)
}

sophon_agent::export!(Probe);
