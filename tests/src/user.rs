//! The user in front of the chat: sends, and sees every event.

use crate::PATIENCE;
use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// One event of the user's stream.
#[derive(Debug, Clone)]
pub struct Event {
    /// `message_added`, …
    pub kind: String,
    /// Its data.
    pub data: Value,
}

/// How a turn ended, as its user saw it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The canonical text.
    pub text: String,
    /// `finish_reason`, or null.
    pub finish: Value,
    /// `usage`, or null.
    pub usage: Value,
}

#[derive(Default)]
struct Seen {
    events: Mutex<Vec<Event>>,
    news: Notify,
}

/// A user with an open stream. Clients of several sessions share one.
pub struct User {
    client: Client,
    base: String,
    token: String,
    seen: Arc<Seen>,
    stream: JoinHandle<()>,
}

/// A plain client. TLS is never used, but the client wants to know whose it would be.
pub(crate) fn client() -> Client {
    // A second installation says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().expect("a client without TLS roots can always be made")
}

impl User {
    /// Connects, and waits until events come.
    pub async fn connect(base: &str, token: &str) -> Result<Self> {
        let client = client();
        let response =
            client.get(format!("{base}/v1/me/stream")).bearer_auth(token).send().await?.error_for_status()?;
        let seen = Arc::new(Seen::default());
        let stream = tokio::spawn(follow(response, seen.clone()));
        let user = Self { client, base: base.to_owned(), token: token.to_owned(), seen, stream };
        user.wait("hello", |event| event.kind == "hello").await?;
        Ok(user)
    }

    /// Calls a route of the user's; gives the result, or the error's code.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value> {
        let request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        let answer: Value = request.json(&body).send().await?.json().await?;
        ensure!(answer["ok"] == true, "{path}: {}", answer["error"]);
        Ok(answer["result"].clone())
    }

    /// Posts to a route of the user's.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.call(Method::POST, path, body).await
    }

    /// A new session.
    pub async fn session(&self) -> Result<String> {
        text(&self.post("/v1/me/sessions", json!({})).await?["session_id"])
    }

    /// Says something; gives the interaction.
    pub async fn say(&self, session: &str, words: &str) -> Result<String> {
        let sent = self.post(&format!("/v1/me/sessions/{session}/send"), json!({ "text": words })).await?;
        text(&sent["interaction_id"])
    }

    /// Says something as part of a trace; gives the interaction and the span that the cloud answers with.
    pub async fn say_in(&self, session: &str, words: &str, parent: &str, state: &str) -> Result<(String, String)> {
        let request = self.client.post(format!("{}/v1/me/sessions/{session}/send", self.base));
        let request = request.bearer_auth(&self.token).header("traceparent", parent).header("tracestate", state);
        let response = request.json(&json!({ "text": words })).send().await?.error_for_status()?;
        let theirs = response.headers().get("traceparent").context("a traceparent")?.to_str()?.to_owned();
        let answer: Value = response.json().await?;
        Ok((text(&answer["result"]["interaction_id"])?, theirs))
    }

    /// Says something and waits for the answer.
    pub async fn ask(&self, session: &str, words: &str) -> Result<Answer> {
        let interaction = self.say(session, words).await?;
        self.answer(&interaction).await
    }

    /// Waits for the end of an interaction.
    pub async fn answer(&self, interaction: &str) -> Result<Answer> {
        let what = format!("the end of {interaction}");
        let ends = |event: &Event| event.kind == "message_finalized" && event.data["interaction_id"] == interaction;
        let end = self.wait(&what, ends).await?;
        let data = &end.data;
        Ok(Answer { text: text(&data["text"])?, finish: data["finish_reason"].clone(), usage: data["usage"].clone() })
    }

    /// Waits until something is asked whose title ends like this; gives the question.
    pub async fn asked(&self, title: &str) -> Result<Value> {
        let is_it = |event: &Event| {
            let asked = event.data["title"].as_str().is_some_and(|asked| asked.ends_with(title));
            event.kind == "approval_requested" && asked && !self.is_resolved(&event.data["approval_id"])
        };
        Ok(self.wait(&format!("the question {title}"), is_it).await?.data)
    }

    fn is_resolved(&self, approval: &Value) -> bool {
        let resolved = |event: &Event| event.kind == "approval_resolved" && event.data["approval_id"] == *approval;
        self.events().iter().any(resolved)
    }

    /// Answers a question.
    pub async fn decide(&self, asked: &Value, decision: Value) -> Result<Value> {
        self.post(&format!("/v1/me/approvals/{}", text(&asked["approval_id"])?), decision).await
    }

    /// Waits for an event that was or will be seen.
    pub async fn wait(&self, what: &str, is_it: impl Fn(&Event) -> bool) -> Result<Event> {
        let found = async {
            let mut looked_at = 0;
            loop {
                let news = self.seen.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                // Only what is new: there may be very many.
                let events = self.events_from(looked_at);
                looked_at += events.len();
                if let Some(event) = events.into_iter().find(&is_it) {
                    return event;
                }
                news.await;
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(event) => Ok(event),
            Err(_) => bail!("waited in vain for {what}; seen: {:#?}", self.events()),
        }
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Event> {
        self.seen.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn events_from(&self, first: usize) -> Vec<Event> {
        self.seen.events.lock().unwrap_or_else(PoisonError::into_inner)[first..].to_vec()
    }

    /// The events of one interaction so far, but for the user's own message.
    pub fn events_of(&self, interaction: &str) -> Vec<Event> {
        let own = |event: &Event| event.data["role"] == "user";
        self.events().into_iter().filter(|event| event.data["interaction_id"] == interaction && !own(event)).collect()
    }

    /// The kinds of the events of one interaction, in order.
    pub fn kinds_of(&self, interaction: &str) -> Vec<String> {
        self.events_of(interaction).into_iter().map(|event| event.kind).collect()
    }

    /// The messages of a session, as stored.
    pub async fn messages(&self, session: &str) -> Result<Vec<Value>> {
        let path = format!("/v1/me/sessions/{session}/messages");
        let result = self.call(Method::GET, &path, Value::Null).await?;
        Ok(result["messages"].as_array().context("a list")?.clone())
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.stream.abort();
    }
}

async fn follow(mut response: reqwest::Response, seen: Arc<Seen>) {
    let mut buffer = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        buffer.extend_from_slice(&chunk);
        // A chunk may end within a character; an event does not.
        while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
            let block = String::from_utf8_lossy(&buffer.drain(..end + 2).collect::<Vec<_>>()).into_owned();
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
            let data = serde_json::from_str(field("data:")).unwrap_or_default();
            let event = Event { kind: field("event:").to_owned(), data };
            seen.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        }
        seen.news.notify_waiters();
    }
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("{value} is not a string"))
}
