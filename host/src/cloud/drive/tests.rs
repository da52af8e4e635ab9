//! A scripted cloud on an in-memory stream, under paused time.

use super::*;
use crate::protocol::{Update, UpdateId};
use serde_json::json;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

type Peer = WebSocketStream<DuplexStream>;

struct Rig {
    peer: Peer,
    events: mpsc::Receiver<LinkEvent>,
    recorded: watch::Sender<Progress>,
    link: JoinHandle<(Ended, u64)>,
}

/// A connection under test, and the cloud's end of it.
async fn rig() -> Rig {
    let (near, far) = tokio::io::duplex(1 << 20);
    let socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let peer = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    let (sender, events) = mpsc::channel(16);
    let (recorded, mut progress) = watch::channel(Progress::default());
    let link = crate::tasks::spawn("test", async move {
        let (mut sequence, mut bad_frames) = (Sequence::default(), 0);
        let (recorded, sequence, bad) = (&mut progress, &mut sequence, &mut bad_frames);
        let mut connection = Connection { socket, events: &sender, recorded, sequence, bad_frames: bad, meter: &() };
        let ended = connection.drive(|| ()).await;
        (ended, bad_frames)
    });
    Rig { peer, events, recorded, link }
}

async fn say(peer: &mut Peer, frame: serde_json::Value) {
    peer.send(Message::text(frame.to_string())).await.expect("the link reads");
}

async fn hear(peer: &mut Peer) -> serde_json::Value {
    let message = peer.next().await.expect("a frame").expect("a good frame");
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

async fn ready(rig: &mut Rig) {
    say(&mut rig.peer, json!({ "type": "ready", "installation_id": "inst_1" })).await;
    assert!(matches!(rig.events.recv().await, Some(LinkEvent::Ready { .. })));
}

fn id(number: u64) -> UpdateId {
    UpdateId::try_from(number.to_string()).expect("an id")
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_is_never_ready_is_given_up() {
    let rig = rig().await;
    let (Ended::Lost(cause, reason), _) = rig.link.await.expect("ends") else { panic!("not lost") };
    assert_eq!((cause, reason.as_str()), (Cause::Silence, "no ready within 15 s"));
}

#[tokio::test(start_paused = true)]
async fn forty_five_seconds_of_silence_end_the_connection_and_pings_do_not() {
    let mut rig = rig().await;
    ready(&mut rig).await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        say(&mut rig.peer, json!({ "type": "ping" })).await;
        assert_eq!(hear(&mut rig.peer).await, json!({ "type": "pong" }));
    }
    let before = Instant::now();
    let (Ended::Lost(cause, reason), _) = rig.link.await.expect("ends") else { panic!("not lost") };
    assert_eq!((cause, reason.as_str()), (Cause::Silence, "no frame within 45 s"));
    assert_eq!(before.elapsed().as_secs(), 45);
}

#[tokio::test(start_paused = true)]
async fn bad_frames_are_counted_and_ignored() {
    let mut rig = rig().await;
    ready(&mut rig).await;
    let huge = "x".repeat(crate::protocol::MAX_FRAME);
    for bad in ["not json".to_owned(), "[1]".to_owned(), format!("{{\"type\":\"{huge}\"}}")] {
        rig.peer.send(Message::text(bad)).await.expect("the link reads");
    }
    say(&mut rig.peer, json!({ "type": "confetti" })).await;
    say(&mut rig.peer, json!({ "type": "update", "update": { "type": "x" } })).await;
    say(&mut rig.peer, json!({ "type": "list_things", "req_id": 7 })).await;
    let answer = hear(&mut rig.peer).await;
    assert_eq!(answer["error"]["code"], "unknown_request");
    assert_eq!(answer["req_id"], 7);
    drop(rig.peer);
    assert_eq!(rig.link.await.expect("ends").1, 5);
}

#[tokio::test(start_paused = true)]
async fn acks_merge_into_the_newest_and_are_said_again_after_ready() {
    let mut rig = rig().await;
    // From the connection before.
    let earlier = UpdateId::try_from("upd_a".to_owned()).expect("an id");
    rig.recorded.send_replace(Progress { count: 0, last: Some(earlier) });
    ready(&mut rig).await;
    assert_eq!(hear(&mut rig.peer).await, json!({ "type": "ack", "up_to_update_id": "upd_a" }));
    update(&mut rig, &[1, 2, 3, 4, 5]).await;
    for count in 1..=4 {
        rig.recorded.send_replace(Progress { count, last: Some(id(count)) });
    }
    assert_eq!(hear(&mut rig.peer).await, json!({ "type": "ack", "up_to_update_id": "4" }));
    rig.recorded.send_replace(Progress { count: 5, last: Some(id(5)) });
    assert_eq!(hear(&mut rig.peer).await, json!({ "type": "ack", "up_to_update_id": "5" }));
}

/// Sends updates, and waits until they came.
async fn update(rig: &mut Rig, numbers: &[u64]) {
    for number in numbers {
        let update = json!({ "update_id": number.to_string(), "type": "session.started" });
        say(&mut rig.peer, json!({ "type": "update", "update": update })).await;
        let Some(LinkEvent::Update(update)) = rig.events.recv().await else { panic!("no update") };
        assert_eq!(update.update_id, id(*number));
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_that_did_not_come_is_not_acked_past_and_asked_for() {
    let mut rig = rig().await;
    ready(&mut rig).await;
    update(&mut rig, &[1, 3]).await;
    rig.recorded.send_replace(Progress { count: 2, last: Some(id(3)) });
    assert_eq!(hear(&mut rig.peer).await, json!({ "type": "ack", "up_to_update_id": "1" }));
    let (Ended::Lost(cause, reason), _) = rig.link.await.expect("ends") else { panic!("not lost") };
    assert_eq!((cause, reason.as_str()), (Cause::Gap, "update 2 did not come; asking for it"));
}

#[tokio::test(start_paused = true)]
async fn updates_come_out_in_order() {
    let mut rig = rig().await;
    ready(&mut rig).await;
    for number in 1..=40 {
        let update = json!({ "update_id": number.to_string(), "type": "session.started" });
        say(&mut rig.peer, json!({ "type": "update", "update": update })).await;
    }
    for number in 1..=40 {
        let Some(LinkEvent::Update(update)) = rig.events.recv().await else { panic!("no update") };
        let Update { update_id, .. } = *update;
        assert_eq!(update_id, id(number));
    }
}

#[tokio::test(start_paused = true)]
async fn close_code_4401_is_final_and_others_are_not() {
    for (code, is_final) in [(4401_u16, true), (4001, false), (1001, false)] {
        let mut rig = rig().await;
        ready(&mut rig).await;
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        rig.peer.close(Some(frame)).await.expect("closes");
        let (ended, _) = rig.link.await.expect("ends");
        assert_eq!(matches!(ended, Ended::Refused(_)), is_final, "{code}");
    }
}
