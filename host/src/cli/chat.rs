//! `sophon-host chat`: a message from the terminal, the answer streamed back.

use super::args::ChatArgs;
use super::exit::Failure;
use super::output;
use super::session::Session;
use super::sse::{Event, Events};
use super::user::User;
use crate::config::Config;
use serde_json::{Value, json};
use std::io::Read as _;

/// The longest message that is read from standard input, in bytes.
const MAX_INPUT: u64 = 64_000;

/// Sends one message, and streams the answer to stdout.
pub(super) async fn chat(config: Config, args: ChatArgs) -> Result<(), Failure> {
    let text = if args.text == "-" { read_input()? } else { args.text };
    let dev_dir = config.data_dir.join("dev");
    let session = Session::read(&dev_dir)
        .ok_or_else(|| Failure::unreachable("no `sophon-host dev` runs here; start it in another terminal first"))?;
    let user = User::new(session)?;
    let id = match args.session {
        Some(id) => id,
        None => string(&user.post("/v1/me/sessions", json!({})).await?["session_id"]),
    };
    // The stream is open before the message is sent, so that no event is missed.
    let mut stream = user.stream().await?;
    let path = format!("/v1/me/sessions/{}/send", path_segment(&id)?);
    let sent = user.post(&path, json!({ "text": text })).await?;
    let mut answer = Answer::new(string(&sent["interaction_id"]), args.json);
    let mut events = Events::default();
    while let Some(chunk) = stream.chunk().await.map_err(|_| Failure::unreachable("the connection was lost"))? {
        for event in events.push(&chunk).map_err(Failure::other)? {
            if let Some(end) = answer.take(&event) {
                return finish(&id, &end, args.json);
            }
        }
    }
    Err(Failure::unreachable("the stream of events ended before the answer did"))
}

fn read_input() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().take(MAX_INPUT + 1).read_to_string(&mut text).map_err(Failure::other)?;
    if text.len() as u64 > MAX_INPUT {
        return Err(Failure::usage(format!("a message has at most {MAX_INPUT} bytes")));
    }
    Ok(text)
}

/// An id as a path segment: what is not of an id's form cannot be one.
fn path_segment(id: &str) -> Result<&str, Failure> {
    let fits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits { Ok(id) } else { Err(Failure::usage("a session's id has only letters, digits, _ and -")) }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Follows one interaction, printing as it goes.
struct Answer {
    interaction: String,
    message: Option<String>,
    printed: String,
    quiet: bool,
}

impl Answer {
    fn new(interaction: String, quiet: bool) -> Self {
        Self { interaction, message: None, printed: String::new(), quiet }
    }

    /// Takes an event; gives the last one of the interaction.
    fn take(&mut self, event: &Event) -> Option<Value> {
        let data = &event.data;
        if data["interaction_id"] != self.interaction.as_str() {
            return None;
        }
        match event.kind.as_str() {
            "message_added" if data["role"] == "agent" => self.message = Some(string(&data["message_id"])),
            "message_delta" => self.print(&string(&data["delta"])),
            kind if kind.starts_with("task_") && !self.quiet => {
                let label = string(&data["status_label"]);
                output::say(&format!("[{}: {}]", crate::text::line(&label, 200), kind.trim_start_matches("task_")));
            }
            "message_finalized" => {
                self.complete(&string(&data["text"]));
                return Some(data.clone());
            }
            _ => {}
        }
        None
    }

    fn print(&mut self, text: &str) {
        self.printed.push_str(text);
        if !self.quiet {
            output::stream(&crate::text::terminal(text));
        }
    }

    /// Prints what the canonical text has beyond what streamed; where it differs, all of it.
    fn complete(&mut self, text: &str) {
        let rest = match text.strip_prefix(self.printed.as_str()) {
            Some(rest) => rest.to_owned(),
            None => format!("\n---\n{text}"),
        };
        self.print(&rest);
        if !self.quiet {
            output::stream("\n");
        }
    }
}

fn finish(session: &str, end: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let keys = ["interaction_id", "message_id", "text", "usage", "finish_reason"];
        let mut object = json!({ "session_id": session });
        keys.iter().for_each(|key| object[*key] = end[*key].clone());
        output::data(&object.to_string());
    } else {
        output::say(&format!("(session {})", crate::text::line(session, 100)));
    }
    // An agent always says why it finished; the host, which ends what went wrong, does not speak for it.
    match end["finish_reason"].is_string() {
        true => Ok(()),
        false => Err(Failure::no_answer("the agent did not answer; its bubble says why")),
    }
}
