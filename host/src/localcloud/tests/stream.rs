//! The user's side: sessions, history, and the stream of events.

use super::*;

/// A reader of the stream.
pub(super) struct Events {
    response: reqwest::Response,
    buffer: String,
}

/// One event: id, name, data.
pub(super) type Event = (Option<u64>, String, Value);

impl Events {
    pub(super) async fn open(rig: &Rig, since: Option<&str>) -> Self {
        let mut request = rig.http.get(format!("{}/v1/me/stream", rig.cloud.base_url())).bearer_auth(USER);
        if let Some(id) = since {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, buffer: String::new() }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let event = parse(event);
                self.buffer = rest.to_owned();
                return event;
            }
            let chunk = self.response.chunk().await.expect("a chunk").expect("a stream without end");
            self.buffer.push_str(std::str::from_utf8(&chunk).expect("whole frames"));
        }
    }

    /// Reads on to the next event of a name.
    pub(super) async fn until(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await;
            if event.1 == name {
                return event;
            }
        }
    }
}

fn parse(event: &str) -> Event {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
    let data: Value = serde_json::from_str(field("data: ").expect("data")).expect("JSON");
    assert!(data["ts"].is_u64(), "each event has its time");
    (field("id: ").and_then(|id| id.parse().ok()), field("event: ").expect("a name").to_owned(), data)
}

/// The fields of both.
fn joined(one: &Value, other: &Value) -> Value {
    let fields = [one, other].into_iter().filter_map(Value::as_object).flatten();
    fields.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test]
async fn requests_of_the_user_that_do_not_fit_are_refused() {
    bounded(async {
        let rig = Rig::start().await;
        assert_eq!(rig.post("/v1/me/sessions", json!({})).await.error(), refused(404, "installation_not_found"));
        rig.pair().await;
        let session = rig.session().await;
        let at = |rest: &str| format!("/v1/me/sessions/{session}{rest}");
        for body in [json!({}), json!({ "text": "  " }), json!({ "text": "x", "thought_level": "wild" })] {
            assert_eq!(rig.post(&at("/send"), body).await.error(), refused(400, "invalid_request"));
        }
        for path in [at("/messages?limit=0"), at("/messages?limit=x"), "/v1/me/sessions?state=odd".to_owned()] {
            assert_eq!(rig.get(&path).await.error(), refused(400, "invalid_request"));
        }
        assert_eq!(rig.get(&at("/messages?before=msg_x")).await.error(), refused(404, "message_not_found"));
        let unknown = rig.post("/v1/me/sessions/ses_x/send", json!({ "text": "x" })).await;
        assert_eq!(unknown.error(), refused(404, "session_not_found"));
        let cancel = rig.post(&at("/cancel"), json!({ "interaction_id": "int_x" })).await;
        assert_eq!(cancel.error(), refused(404, "interaction_not_found"));
        let rename = rig.call(Method::PATCH, &at(""), USER, json!({})).await;
        assert_eq!(rename.json()["error"]["errors"][0]["path"], "title");
    })
    .await;
}

#[tokio::test]
async fn a_stream_goes_on_where_it_broke_and_a_gap_needs_a_snapshot() {
    bounded(async {
        let rig = Rig::start().await;
        rig.pair().await;
        let mut events = Events::open(&rig, None).await;
        let (start, name, hello) = events.next().await;
        assert_eq!((name.as_str(), &hello["user_id"]), ("hello", &json!("usr_local")));
        let session = rig.session().await;
        let (created, name, data) = events.next().await;
        assert_eq!((name.as_str(), &data["session_id"]), ("session_created", &json!(session)));
        rig.say(&session, "while you were away").await;
        drop(events);
        let since = created.expect("an id").to_string();
        let mut again = Events::open(&rig, Some(&since)).await;
        assert_eq!(again.next().await.0, created);
        let (id, name, data) = again.next().await;
        assert_eq!((id, name.as_str()), (created.map(|id| id + 1), "message_added"));
        assert_eq!((&data["text"], &data["role"]), (&json!("while you were away"), &json!("user")));
        let old = (start.expect("an id") - 1000).to_string();
        for since in [old.as_str(), "junk"] {
            let mut lost = Events::open(&rig, Some(since)).await;
            lost.next().await;
            assert_eq!(lost.next().await.1, "snapshot_required");
        }
    })
    .await;
}

#[tokio::test]
async fn stopping_ends_streams_and_waits_at_once() {
    bounded(async {
        let rig = Rig::start().await;
        let started = rig.post("/v1/pairing/start", json!({ "connector_type": "echo" })).await.result();
        let poll = format!("/v1/pairing/poll?code={}&timeout=25", text(&started["code"]));
        let mut events = Events::open(&rig, None).await;
        events.next().await;
        let Rig { cloud, http } = rig;
        let waiting = http.get(format!("{}{poll}", cloud.base_url())).send();
        let begun = std::time::Instant::now();
        let (poll, (), end) = tokio::join!(waiting, cloud.stop(), events.response.chunk());
        // The poll came before the stop, and is answered; or after it, and is not.
        assert!(poll.is_err() || poll.is_ok_and(|poll| poll.status() == 200));
        assert!(matches!(end, Ok(None)), "the stream has an end");
        assert!(begun.elapsed() < Duration::from_secs(4));
    })
    .await;
}

#[tokio::test]
async fn a_turn_is_seen_as_it_happens() {
    bounded(async {
        let rig = Rig::start().await;
        let bridge = rig.pair().await;
        let mut events = Events::open(&rig, None).await;
        let socket = rig.ready(&bridge).await;
        assert_eq!(events.until("installation_updated").await.2["online"], true);
        let session = rig.session().await;
        let interaction = rig.say(&session, "list my files").await;
        let at = json!({ "session_id": session, "interaction_id": interaction });
        let with = |more: Value| joined(&at, &more);
        let opened = rig.bridge(&bridge, "sendMessage", with(json!({ "text": " " }))).await.result();
        events.until("message_added").await;
        let (_, _, bubble) = events.until("message_added").await;
        assert_eq!((&bubble["text"], &bubble["state"]), (&json!(""), &json!("streaming")));
        let (message, task_id) = (&opened["message_id"], "call_1|fc_1");
        rig.bridge(&bridge, "sendMessageDelta", json!({ "message_id": message, "delta": "Look: " })).await.result();
        let delta = events.until("message_delta").await.2;
        assert_eq!((&delta["delta"], &delta["interaction_id"]), (&json!("Look: "), &json!(interaction)));
        let card = with(json!({ "task_id": task_id, "kind": "bash", "args": { "command": "ls" } }));
        rig.bridge(&bridge, "createTask", card).await.result();
        let task = events.until("task_created").await.2;
        assert_eq!((&task["offset"], &task["message_id"], &task["status"]), (&json!(6), message, &json!("running")));
        let progress = with(json!({ "task_id": task_id, "progress_percent": 50 }));
        rig.bridge(&bridge, "updateTask", progress).await.result();
        assert_eq!(events.until("task_progress").await.2["progress_percent"], 50);
        let finish = with(json!({ "task_id": task_id, "status": "completed", "result": { "stdout": "a" } }));
        rig.bridge(&bridge, "finishTask", finish).await.result();
        assert_eq!(events.until("task_completed").await.2["result"]["stdout"], "a");
        let usage = json!({ "input_tokens": 1, "output_tokens": 2, "model": "m" });
        let end = json!({ "message_id": message, "text": "Look: a", "usage": usage, "finish_reason": "stop" });
        rig.bridge(&bridge, "sendMessageEnd", end).await.result();
        let done = events.until("message_finalized").await.2;
        assert_eq!((&done["text"], &done["usage"]), (&json!("Look: a"), &usage));
        assert_eq!(events.until("session_updated").await.2["snippet"], "Look: a");
        drop(socket);
        assert_eq!(events.until("installation_updated").await.2["online"], false);
    })
    .await;
}

#[tokio::test]
async fn sessions_are_renamed_filed_paged_and_deleted() {
    bounded(async {
        let rig = Rig::start().await;
        let bridge = rig.pair().await;
        let session = rig.session().await;
        let at = |rest: &str| format!("/v1/me/sessions/{session}{rest}");
        for n in 0..5 {
            rig.say(&session, &format!("{n}")).await;
        }
        let page = async |query: String| rig.get(&query).await.result()["messages"].clone();
        let last = page(at("/messages?limit=2")).await;
        assert_eq!((&last[0]["text"], &last[1]["text"]), (&json!("3"), &json!("4")));
        let before = page(at(&format!("/messages?limit=2&before={}", text(&last[0]["message_id"])))).await;
        assert_eq!((&before[0]["text"], &before[1]["text"]), (&json!("1"), &json!("2")));
        let renamed = rig.call(Method::PATCH, &at(""), USER, json!({ "title": "Files" })).await.result();
        assert_eq!(renamed["title"], "Files");
        let unnamed = rig.call(Method::PATCH, &at(""), USER, json!({ "title": null })).await.result();
        assert_eq!(unnamed["title"], Value::Null);
        assert_eq!(rig.post(&at("/archive"), Value::Null).await.result()["state"], "archived");
        let listed = async |state: &str| {
            let sessions = rig.get(&format!("/v1/me/sessions?state={state}")).await.result();
            sessions["sessions"].as_array().map_or(0, Vec::len)
        };
        assert_eq!((listed("archived").await, listed("active").await), (1, 0));
        assert_eq!(rig.post(&at("/unarchive"), Value::Null).await.result()["state"], "active");
        rig.call(Method::DELETE, &at(""), USER, Value::Null).await.result();
        assert_eq!(rig.get(&at("/messages")).await.error(), refused(410, "session_deleted"));
        let path = format!("/v1/me/installations/{}", bridge.id);
        let name = json!({ "custom_display_name": "Work Mac", "custom_emoji": "🦞" });
        let installation = rig.call(Method::PATCH, &path, USER, name).await.result();
        assert_eq!((&installation["custom_emoji"], &installation["online"]), (&json!("🦞"), &json!(false)));
        assert_eq!(rig.get("/v1/me/snapshot").await.result()["pending_approvals"], json!([]));
    })
    .await;
}
