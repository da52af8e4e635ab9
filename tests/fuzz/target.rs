//! What is fuzzed, and the words that it must keep.

use crate::json;
use crate::rng::Rng;
use crate::toml::{Table, document};
use serde_json::Value;
use sophon_host::config::{Config, Environment, Limits, Manifest, Overrides, Token};
use sophon_host::grant::Pattern;
use sophon_host::protocol::{
    Created, Envelope, Event, MAX_FRAME, PollResult, ServerFrame, StartResult, Update, UserMessage,
};
use std::cell::OnceCell;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;

/// One parser of foreign input.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// What it knows.
    pub(crate) words: &'static [&'static str],
    /// Files of the repository that it reads, besides its corpus.
    pub(crate) examples: &'static [&'static str],
    /// Makes an input that is nearly right.
    pub(crate) make: fn(&mut Rng) -> Vec<u8>,
    /// Takes an input, and panics when something is wrong. Whether the input was accepted.
    pub(crate) take: fn(&[u8]) -> bool,
}

const KEYS: &[&str] = &[
    "type",
    "update",
    "update_id",
    "installation_id",
    "req_id",
    "session_id",
    "interaction_id",
    "payload",
    "session",
    "id",
    "message",
    "message_id",
    "text",
    "attachments",
    "key",
    "mime",
    "size",
    "name",
    "reply_to",
    "thought_level",
    "locale",
    "ok",
    "result",
    "error",
    "code",
    "errors",
    "details",
    "retry_after_ms",
    "path",
    "expires_at",
    "poll_token",
    "status",
    "token",
    "bot_token",
];
const CONFIG: &[Table] = &[
    ("", &[("data_dir", &["\"state\"", "\"/var/lib/sophon\""])]),
    ("cloud", &[("url", &["\"https://api.sophon.at\"", "\"http://localhost:1\""]), ("token_file", &["\"token\""])]),
    ("agents", &[("paths", &["[\"agents\"]", "[]"]), ("default", &["\"echo\"", "\"a-1\""])]),
    ("turns", &[("at_once", &["1", "1000", "8000"])]),
    ("log", &[("level", &["\"info\"", "\"debug\""]), ("format", &["\"human\"", "\"json\""])]),
    (
        "[policy]",
        &[
            ("effect", &["\"allow\"", "\"deny\""]),
            ("http", &["\"https://a.example/*\"", "\"*://*:*/\\\\*x\""]),
            ("methods", &["[\"GET\"]"]),
            ("addresses", &["[\"10.0.0.0/8\", \"::1\"]"]),
        ],
    ),
    ("secret.KEY", &[("hosts", &["[\"*.a.example\"]"]), ("env", &["\"KEY\""])]),
];
const MANIFEST: &[Table] = &[
    (
        "agent",
        &[
            ("name", &["\"echo\"", "\"a-1\""]),
            ("version", &["\"1\"", "\"0.1.0\\n\""]),
            ("description", &["\"words\"", "\"\\u001b[2J\""]),
            ("component", &["\"echo.wasm\"", "\"/x/echo.wasm\""]),
            ("contract", &["\"0.1\""]),
            ("history", &["{ messages = 40 }", "{ messages = 1000, bytes = \"4MiB\" }"]),
        ],
    ),
    ("build", &[("command", &["\"cargo build\"", "\"\""])]),
    (
        "limits",
        &[
            ("cpu", &["\"10s\"", "\"1h\""]),
            ("memory", &["\"64MiB\"", "1"]),
            ("wall", &["\"10m\""]),
            ("output", &["\"1MiB\""]),
            ("calls", &["100000", "0"]),
        ],
    ),
    ("[want.http]", &[("url", &["\"https://*.a.example:81/v1/*\""]), ("methods", &["[\"put\"]"]), ("why", &["\"x\""])]),
    (
        "[want.exec]",
        &[("program", &["\"git\"", "\"/bin/a b\""]), ("args", &["[\"log\", \"...\"]"]), ("why", &["\"x\""])],
    ),
    ("want.secret.KEY", &[("hosts", &["[\"a.example\"]"])]),
    ("[want.files]", &[("path", &["\"/x\"", "\"work\""]), ("write", &["true"]), ("why", &["\"x\""])]),
];

pub(crate) const TARGETS: [Target; 4] = [
    Target { name: "frames", words: KEYS, examples: &[], make: |rng| json::frame(rng, KEYS), take: frame },
    Target { name: "envelopes", words: KEYS, examples: &[], make: |rng| json::envelope(rng, KEYS), take: envelope },
    Target {
        name: "config",
        words: &[
            "data_dir",
            "[cloud]",
            "url",
            "token_file",
            "[agents]",
            "paths",
            "default",
            "at_once",
            "[log]",
            "level",
            "[[policy]]",
            "effect",
            "exec",
            "addresses",
            "[secret.A]",
        ],
        examples: &["examples/sophon-host.toml"],
        make: |rng| document(rng, CONFIG),
        take: config,
    },
    Target {
        name: "manifest",
        words: &[
            "[agent]",
            "name",
            "version",
            "component",
            "history",
            "messages",
            "[build]",
            "[limits]",
            "cpu",
            "memory",
            "[[want.http]]",
            "url",
            "why",
            "args",
        ],
        examples: &["examples/agent.toml", "plugins/echo/agent.toml"],
        make: |rng| document(rng, MANIFEST),
        take: manifest,
    },
];

/// What is said of a bad input can be shown. It quotes the input at most.
fn told(error: &dyn std::fmt::Display) -> bool {
    assert!(!error.to_string().is_empty(), "an error without words");
    false
}

fn frame(input: &[u8]) -> bool {
    // As the link reads binary frames.
    let text = String::from_utf8_lossy(input);
    match ServerFrame::parse(&text) {
        Err(error) => told(&error),
        Ok(frame) => {
            assert!(text.len() <= MAX_FRAME, "a frame beyond the bound was read");
            match frame {
                ServerFrame::Update(read) => update(&read),
                ServerFrame::Request { kind, req_id } => {
                    let answer = sophon_host::protocol::BridgeFrame::unknown_request(&kind, &req_id);
                    let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
                    assert_eq!(answer["type"], format!("{kind}.resp"));
                }
                ServerFrame::Ready { installation_id } => id(installation_id.as_str()),
                ServerFrame::Ping | ServerFrame::Unknown { .. } => {}
            }
            true
        }
    }
}

fn update(update: &Update) {
    id(update.update_id.as_str());
    let Event::Message(message) = update.event() else { return };
    id(message.session.as_str());
    id(message.interaction.as_str());
    // The store keeps messages as JSON; a restart must find what was received.
    let kept = serde_json::to_string(&message).expect("messages serialize");
    let found: UserMessage = serde_json::from_str(&kept).expect("what was kept can be read");
    assert_eq!(found, *message);
}

fn id(id: &str) {
    assert!((1..=256).contains(&id.len()) && !id.chars().any(char::is_control), "an id of {} bytes", id.len());
}

fn envelope(input: &[u8]) -> bool {
    let poll = serde_json::from_slice::<Envelope<PollResult>>(input).ok().and_then(|envelope| envelope.result);
    if let Some(token) = poll.and_then(|poll| poll.token) {
        // Whatever a cloud calls a token: one that is taken for one can be a header and a file's name.
        if let Ok(token) = Token::parse(&token, "a test") {
            assert!(token.bearer().is_sensitive() && !token.installation().contains(['/', '.']));
        }
    }
    // These look into less than the whole, and may accept what `Value` does not.
    let start = serde_json::from_slice::<Envelope<StartResult>>(input).is_ok();
    let created = serde_json::from_slice::<Envelope<Created>>(input).is_ok();
    match serde_json::from_slice::<Envelope<Value>>(input) {
        Err(error) => told(&error) || start || created,
        Ok(envelope) => {
            let said = serde_json::to_vec(&envelope).expect("envelopes serialize");
            let again: Envelope<Value> = serde_json::from_slice(&said).expect("and can be read again");
            let code = |envelope: &Envelope<Value>| envelope.error.as_ref().map(|error| error.code.clone());
            assert_eq!((again.ok, code(&again)), (envelope.ok, code(&envelope)));
            true
        }
    }
}

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// An input as a file of this name, in this thread's folder.
fn written(name: &str, input: &[u8]) -> PathBuf {
    let file = FOLDER.with(|folder| folder.get_or_init(|| tempfile::tempdir().expect("a folder")).path().join(name));
    // Never emptied first: some file systems flush a file that was, and a round would wait for the disk.
    let mut open = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&file).expect("opened");
    open.write_all(input).and_then(|()| open.set_len(input.len() as u64)).expect("written");
    file
}

fn config(input: &[u8]) -> bool {
    let file = Some(written(Config::FILE, input));
    let environment = Environment { data_home: Some("/data".into()), ..Environment::default() };
    match Config::load(Overrides { config: file, ..Overrides::default() }, &environment) {
        Err(error) => told(&error),
        Ok(config) => {
            let url = &config.cloud.url;
            let host = url.uri().host().expect("an address has a host");
            let is_local = ["127.0.0.1", "localhost", "[::1]"].contains(&host);
            assert!(url.is_secure() || is_local, "{url:?} would send the token in clear");
            let joined = url.join("/v1/bridge/ws").parse::<http::Uri>().expect("an address with a path is one");
            assert_eq!((joined.host(), joined.path()), (Some(host), "/v1/bridge/ws"));
            assert!((1..=8_000).contains(&config.turns.at_once));
            config.policy.rules.iter().for_each(|rule| reads_the_same(&rule.pattern));
            true
        }
    }
}

fn manifest(input: &[u8]) -> bool {
    let file = written(Manifest::FILE, input);
    match Manifest::read(file.parent().expect("a folder")) {
        Err(error) => told(&error),
        Ok(manifest) => {
            let plain = |text: &str, most: usize| text.len() <= most && !text.contains(char::is_control);
            assert!(plain(manifest.name.as_str(), 64) && !manifest.name.as_str().contains(['/', '.', ' ', '`']));
            // Escapes make a text longer than what was cut.
            assert!(plain(&manifest.version, 1_000) && plain(&manifest.description, 6_000));
            assert!(manifest.history.messages <= 1_000 && manifest.history.bytes.0 <= 4 << 20);
            assert!(manifest.limits.within(&Limits::MOST).1.is_empty());
            for want in &manifest.wants.asks {
                // Patterns are kept and compared: what was read is what is written.
                reads_the_same(&want.pattern);
                assert!(plain(&want.why, 4_000) && plain(&want.in_words(), 16_000));
            }
            assert!(manifest.wants.beyond(&manifest.wants).is_empty(), "a manifest wants more than itself");
            true
        }
    }
}

fn reads_the_same(pattern: &Pattern) {
    assert_eq!(pattern.to_string().parse().as_ref(), Ok(pattern));
}
