//! Faults on demand: what a bridge sees of each, and that none of them holds up a stop.

use super::*;
use crate::localcloud::{Fault, Gone, Refused, RequestFault, Rule, SocketFault, UpdateFault};

/// Long enough that nothing waits for its end, unless it hangs.
const LONG: Duration = Duration::from_secs(600);

impl Rig {
    fn fault(&self, rule: Rule) -> u64 {
        self.cloud.faults().add(rule).expect("room")
    }

    /// Sends a request whose answer may get lost.
    async fn try_bridge(&self, by: &Bridge, route: &str, body: Value) -> Result<Reply, reqwest::Error> {
        let url = format!("{}/v1/bridge/{route}", self.cloud.base_url());
        let response = self.http.post(url).bearer_auth(&by.token).body(body.to_string()).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Reply { status, headers, body: response.text().await? })
    }

    /// The texts of the updates that are sent next.
    async fn heard(&self, socket: &mut Socket, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            let frame = socket.frame().await;
            texts.push(text(&frame["update"]["payload"]["message"]["text"]));
        }
        texts
    }

    async fn texts(&self, session: &str) -> Vec<String> {
        let messages = self.get(&format!("/v1/me/sessions/{session}/messages")).await.result();
        messages["messages"].as_array().expect("a list").iter().map(|message| text(&message["text"])).collect()
    }
}

impl Socket {
    /// Reads until the connection ends without a close.
    async fn torn(&mut self) -> Vec<Value> {
        let mut frames = Vec::new();
        while let Some(Ok(message)) = self.stream.next().await {
            match message {
                Message::Text(text) => frames.push(serde_json::from_str(&text).expect("JSON")),
                Message::Close(close) => panic!("closed in good order: {close:?}"),
                _ => {}
            }
        }
        frames
    }
}

#[tokio::test]
async fn updates_are_dropped_doubled_swapped_and_late() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let mut socket = rig.ready(&bridge).await;
        rig.fault(Rule::once(Fault::update(UpdateFault::Drop)));
        rig.fault(Rule::once(Fault::update(UpdateFault::Duplicate)));
        rig.fault(Rule::once(Fault::update(UpdateFault::Swap)));
        let delay = UpdateFault::Delay(Duration::from_millis(30));
        rig.fault(Rule::once(Fault::update(delay)).after(1));
        for words in ["lost", "twice", "second", "first", "late", "last"] {
            rig.say(&session, words).await;
        }
        assert_eq!(rig.heard(&mut socket, 6).await, ["twice", "twice", "first", "second", "late", "last"]);
        drop(socket);
        let mut socket = rig.ready(&bridge).await;
        assert_eq!(rig.heard(&mut socket, 1).await, ["lost"], "what was not acked comes again");
    })
    .await;
}

#[tokio::test]
async fn a_rule_for_one_kind_of_update_leaves_others_alone() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let mut socket = rig.ready(&bridge).await;
        let kind = Some("session.cancelled".to_owned());
        let rule = rig.fault(Rule::always(Fault::Update { kind, what: UpdateFault::Drop }));
        rig.say(&session, "one").await;
        rig.post(&format!("/v1/me/sessions/{session}/cancel"), json!({})).await.result();
        rig.say(&session, "two").await;
        assert_eq!(rig.heard(&mut socket, 2).await, ["one", "two"]);
        assert_eq!(rig.cloud.faults().list()[0].bites, 1);
        assert!(rig.cloud.faults().remove(rule));
    })
    .await;
}

#[tokio::test]
async fn sockets_are_cut_before_and_after_a_frame_and_on_command() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        rig.say(&session, "one").await;
        rig.say(&session, "two").await;
        for (frame, what, frames) in [
            (1, SocketFault::CutBefore, 0),
            (2, SocketFault::CutBefore, 1),
            (2, SocketFault::CutAfter, 2),
            (3, SocketFault::CutAfter, 3),
        ] {
            rig.fault(Rule::once(Fault::socket(frame, what)));
            let mut socket = rig.dial(&bridge.token).await.expect("a socket");
            assert_eq!(socket.torn().await.len(), frames, "{what:?} {frame}");
        }
        let mut socket = rig.ready(&bridge).await;
        rig.heard(&mut socket, 2).await;
        assert_eq!(rig.cloud.cut(), 1);
        assert!(socket.torn().await.is_empty());
        assert_eq!(rig.cloud.cut(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_half_open_socket_neither_speaks_nor_hears_and_its_successor_does() {
    bounded(async {
        let rig = Rig::with(Options { heartbeat: Duration::from_millis(20), ..unlimited() }).await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let rule = rig.fault(Rule::once(Fault::socket(1, SocketFault::HalfOpen)));
        let mut deaf = rig.ready(&bridge).await;
        rig.cloud.faults().bitten(rule, 1).await;
        rig.say(&session, "one").await;
        deaf.say(json!({ "type": "ack", "up_to_update_id": "1" })).await;
        // Many heartbeats pass, and the update: none of it comes, and nothing closes the connection.
        let silence = tokio::time::timeout(Duration::from_millis(100), deaf.stream.next()).await;
        assert!(silence.is_err(), "{silence:?}");
        let mut socket = rig.dial(&bridge.token).await.expect("a socket");
        assert_eq!(socket.frame().await["type"], "ready");
        while socket.frame().await["type"] != "update" {}
        assert!(deaf.torn().await.is_empty(), "it ends without a word when it is replaced");
    })
    .await;
}

#[tokio::test]
async fn a_slow_reader_hears_everything_in_the_end() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        rig.say(&session, "one").await;
        let mut socket = rig.ready(&bridge).await;
        let slow = Fault::Socket { frame: None, what: SocketFault::SlowReads(Duration::from_millis(40)) };
        let rule = rig.fault(Rule::once(slow));
        socket.say(json!({ "type": "hello" })).await;
        socket.say(json!({ "type": "ack", "up_to_update_id": "1" })).await;
        rig.cloud.faults().bitten(rule, 1).await;
        rig.say(&session, "two").await;
        assert_eq!(rig.heard(&mut socket, 2).await, ["one", "two"], "writing goes on");
        socket.stream.send(Message::Ping("x".into())).await.expect("sent");
        while !matches!(socket.stream.next().await, Some(Ok(Message::Pong(_)))) {}
        let mut socket = rig.ready(&bridge).await;
        assert_eq!(rig.heard(&mut socket, 1).await, ["two"]);
    })
    .await;
}

#[tokio::test]
async fn requests_are_refused_in_place_of_being_done() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        for (status, expected) in [
            (Refused::Unauthorized, (401, "invalid_token")),
            (Refused::Gone(Gone::Interaction), (410, "interaction_expired")),
            (Refused::Gone(Gone::Session), (410, "session_deleted")),
            (Refused::Gone(Gone::Installation), (410, "installation_revoked")),
            (Refused::TooMany, (429, "rate_limited")),
            (Refused::Internal, (500, "internal_error")),
            (Refused::BadGateway, (502, "upstream_error")),
            (Refused::Unavailable, (503, "temporarily_unavailable")),
        ] {
            let retry_after = Some(Duration::from_millis(1500));
            rig.fault(Rule::once(Fault::request("sendMessage", RequestFault::Refuse { status, retry_after })));
            let body = json!({ "session_id": session, "text": "x", "idempotency_key": "k" });
            let reply = rig.bridge(&bridge, "sendMessage", body).await;
            assert_eq!(reply.error(), refused(expected.0, expected.1));
            let waits = matches!(expected.0, 429 | 503);
            assert_eq!(reply.header("retry-after"), if waits { "2" } else { "" });
            assert_eq!(reply.json()["error"]["retry_after_ms"], if waits { json!(1500) } else { Value::Null });
            assert!(!reply.header("x-request-id").is_empty() && !reply.header("x-ratelimit-limit").is_empty());
        }
        assert!(rig.texts(&session).await.is_empty());
        rig.open(&bridge, &session).await;
    })
    .await;
}

#[tokio::test]
async fn any_request_but_the_sockets_is_bitten_and_the_socket_by_its_name() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let refuse = |status| RequestFault::Refuse { status, retry_after: None };
        rig.fault(Rule::once(Fault::Request { route: None, what: refuse(Refused::Internal) }));
        rig.ready(&bridge).await;
        let delta = json!({ "message_id": "msg_x", "delta": "x" });
        assert_eq!(rig.bridge(&bridge, "sendMessageDelta", delta).await.status, 500);
        assert!(rig.texts(&session).await.is_empty(), "the user's side is spared");
        rig.fault(Rule::once(Fault::request("ws", refuse(Refused::Unauthorized))));
        let Err(Error::Http(response)) = rig.dial(&bridge.token).await else { panic!("the socket opened") };
        assert_eq!(response.status(), 401);
        rig.fault(Rule::once(Fault::request("ws", RequestFault::LoseAnswer)));
        assert!(matches!(rig.dial(&bridge.token).await, Err(error) if !matches!(error, Error::Http(_))));
        rig.ready(&bridge).await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_gets_lost_but_the_deed_is_done() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        rig.fault(Rule::once(Fault::request("sendMessage", RequestFault::LoseAnswer)));
        let body = json!({ "session_id": session, "text": "x", "idempotency_key": "k" });
        assert!(rig.try_bridge(&bridge, "sendMessage", body.clone()).await.is_err());
        assert_eq!(rig.texts(&session).await, ["x"]);
        let again = rig.bridge(&bridge, "sendMessage", body).await.result();
        assert_eq!(again["idempotent"], true);
    })
    .await;
}

#[tokio::test]
async fn what_is_held_is_done_also_when_its_client_has_given_up() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let mut socket = rig.ready(&bridge).await;
        let say = |key: &str| json!({ "session_id": session, "text": key, "idempotency_key": key });
        let wait = Duration::from_millis(60);
        let first = rig.fault(Rule::once(Fault::request("sendMessage", RequestFault::DoThenHold(LONG))));
        let last = rig.fault(Rule::once(Fault::request("sendMessage", RequestFault::HoldThenDo(wait))));
        for (rule, key) in [(first, "first"), (last, "last")] {
            tokio::select! {
                _ = rig.try_bridge(&bridge, "sendMessage", say(key)) => panic!("{key} was answered"),
                () = rig.cloud.faults().bitten(rule, 1) => {}
            }
        }
        while rig.texts(&session).await.len() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(rig.bridge(&bridge, "sendMessage", say("last")).await.result()["idempotent"], true);
        rig.fault(Rule::once(Fault::request("sendMessage", RequestFault::HoldThenDo(wait))));
        assert_eq!(rig.bridge(&bridge, "sendMessage", say("slow")).await.status, 200);
        rig.say(&session, "still there").await;
        assert_eq!(rig.heard(&mut socket, 1).await, ["still there"]);
    })
    .await;
}

#[tokio::test]
async fn no_fault_holds_up_a_stop() {
    bounded(async {
        let rig = Rig::start().await;
        let (deaf, late) = (rig.pair().await, rig.pair().await);
        let session = rig.session().await;
        rig.say(&session, "one").await;
        let rules = [
            Fault::request("sendMessage", RequestFault::HoldThenDo(LONG)),
            Fault::request("sendMessageDelta", RequestFault::DoThenHold(LONG)),
            Fault::socket(1, SocketFault::HalfOpen),
            Fault::update(UpdateFault::Delay(LONG)),
            Fault::Socket { frame: None, what: SocketFault::SlowReads(LONG) },
        ];
        let ids = rules.map(|fault| rig.fault(Rule::once(fault)));
        let _deaf = rig.ready(&deaf).await;
        let mut slow = rig.ready(&late).await;
        slow.say(json!({ "type": "hello" })).await;
        let body = json!({ "session_id": session, "text": "x" });
        let http = (rig.http.clone(), rig.cloud.base_url(), late.token.clone());
        let ask = |route: &str, body: Value| {
            let request = http.0.post(format!("{}/v1/bridge/{route}", http.1)).bearer_auth(&http.2);
            tokio::time::timeout(Duration::from_secs(20), request.body(body.to_string()).send())
        };
        let stop = async {
            for id in ids {
                rig.cloud.faults().bitten(id, 1).await;
            }
            let begun = std::time::Instant::now();
            rig.cloud.stop().await;
            assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        };
        let (held, answered, ()) = tokio::join!(ask("sendMessage", body), ask("sendMessageDelta", json!({})), stop);
        assert!(held.is_ok() && answered.is_ok(), "both know by now");
    })
    .await;
}
