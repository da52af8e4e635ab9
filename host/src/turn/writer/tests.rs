//! The writer against a scripted outbox, under paused time.

use super::*;
use crate::approval::{Person as _, Waiting};
use crate::capability::{Act, CardId, Chat as _, Stopped};
use crate::grant::{Answer, Question, Severity};
use crate::protocol::{UpdateId, UserMessage, Verdict};
use crate::turn::bubble::{Bubble, Ending};
use crate::turn::outgoing::{PermitFuture, SendFuture, Sent};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Takes every request after a fixed time, and answers by a script.
struct Script {
    took: Mutex<Vec<(Duration, Outgoing)>>,
    noted: Mutex<Vec<Outgoing>>,
    start: Instant,
    each: Duration,
    /// How long leave for a delta takes.
    leave: Duration,
    answer: fn(usize) -> Result<(), Lost>,
}

impl Script {
    fn new(each: u64, answer: fn(usize) -> Result<(), Lost>) -> Arc<Self> {
        let (took, noted, each) = (Mutex::default(), Mutex::default(), Duration::from_millis(each));
        Arc::new(Self { took, noted, start: Instant::now(), each, leave: Duration::ZERO, answer })
    }

    /// One that answers at once, where leave for a delta takes `leave` milliseconds.
    fn short_of_deltas(leave: u64) -> Arc<Self> {
        let script =
            Self { leave: Duration::from_millis(leave), ..Arc::into_inner(Self::new(0, |_| Ok(()))).expect("new") };
        Arc::new(script)
    }

    /// What was sent and when, in milliseconds: `open`, the delta's text, `end:` and its text.
    fn took(&self) -> Vec<(u128, String)> {
        let word = |outgoing: &Outgoing| match outgoing {
            Outgoing::Open(_) => "open".to_owned(),
            Outgoing::Delta(delta) => delta.delta.clone(),
            Outgoing::End(end) => format!("end:{}", end.text.clone().unwrap_or_default()),
            Outgoing::Ask(ask) => format!("ask {}: {}", ask.approval_id, ask.title),
            other => format!("{other:?}"),
        };
        self.took.lock().expect("whole").iter().map(|(at, outgoing)| (at.as_millis(), word(outgoing))).collect()
    }
}

impl Permit for &Script {
    fn send<'a>(self: Box<Self>, outgoing: Outgoing) -> SendFuture<'a>
    where
        Self: 'a,
    {
        let script = *self;
        Box::pin(async move {
            let number = {
                let unnoted = matches!(outgoing, Outgoing::Open(_) | Outgoing::UpdateTask(_));
                let noted = script.noted.lock().expect("whole").last() == Some(&outgoing);
                assert!(unnoted || noted, "sent before it was noted: {outgoing:?}");
                let mut took = script.took.lock().expect("whole");
                took.push((script.start.elapsed(), outgoing.clone()));
                took.len()
            };
            tokio::time::sleep(script.each).await;
            (script.answer)(number)?;
            Ok(match outgoing {
                Outgoing::Open(_) => Sent::Opened("msg_1".try_into().expect("an id")),
                Outgoing::Ask(_) => Sent::Asked { expires_in: None, verdict: None },
                _ => Sent::Done,
            })
        })
    }
}

impl Journal for Script {
    fn note<'a>(&'a self, request: &'a Outgoing) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.noted.lock().expect("whole").push(request.clone());
        Box::pin(async {})
    }
}

impl Outbox for Script {
    fn permit<'a>(&'a self, kind: Kind, _: &'a InteractionId) -> PermitFuture<'a> {
        Box::pin(async move {
            if kind == Kind::Delta {
                tokio::time::sleep(self.leave).await;
            }
            Box::new(self) as Box<dyn Permit + 'a>
        })
    }

    fn recorded(&self, _: UpdateId) {}
}

fn speech() -> Arc<Speech> {
    speech_with(&Waiting::default())
}

fn speech_with(waiting: &Waiting) -> Arc<Speech> {
    let message = UserMessage::example("ses_1", "int_1");
    Arc::new(Speech::new(Bubble::new(message), waiting.clone()))
}

fn question(title: &str) -> Question {
    Question {
        action: "test".into(),
        title: title.into(),
        command: None,
        host: None,
        message: String::new(),
        severity: Severity::Low,
    }
}

/// An agent that speaks and then asks.
fn ask(speech: &Arc<Speech>, title: &'static str) -> tokio::task::JoinHandle<Answer> {
    let speech = speech.clone();
    crate::tasks::spawn("agent", async move {
        speech.act(Act::Text(format!("before {title}"))).await.expect("taken");
        speech.ask(question(title)).await
    })
}

fn start(speech: &Arc<Speech>, outbox: &Arc<Script>) -> tokio::task::JoinHandle<Written> {
    let (speech, outbox) = (speech.clone(), outbox.clone());
    let turn: InteractionId = "int_1".try_into().expect("an id");
    crate::tasks::spawn("test", async move { write(&speech, &turn, &*outbox, &*outbox).await })
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_tokens_merges_and_the_end_does_not_wait() {
    let (speech, outbox) = (speech(), Script::new(5, |_| Ok(())));
    let writer = start(&speech, &outbox);
    tokio::time::sleep(Duration::from_millis(8)).await;
    for token in ["a", "b", "c", "d", "e", "f"] {
        speech.act(Act::Text(token.into())).await.expect("taken");
        tokio::time::sleep(Duration::from_millis(8)).await;
    }
    speech.end(Ending::default());
    assert_eq!(writer.await.expect("writes"), Written::Ended);
    let expected = [(0, "open"), (8, "a"), (38, "bcd"), (56, "end:abcdef")];
    assert_eq!(outbox.took(), expected.map(|(at, word)| (at, word.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn text_merges_while_it_waits_for_leave_and_an_end_does_not_wait_with_it() {
    let (speech, outbox) = (speech(), Script::short_of_deltas(100));
    let writer = start(&speech, &outbox);
    for token in ["a", "b", "c"] {
        tokio::time::sleep(Duration::from_millis(8)).await;
        speech.act(Act::Text(token.into())).await.expect("taken");
    }
    sleep_until(outbox.start + Duration::from_millis(120)).await;
    speech.act(Act::Text("d".into())).await.expect("taken");
    sleep_until(outbox.start + Duration::from_millis(150)).await;
    speech.end(Ending::default());
    assert_eq!(writer.await.expect("writes"), Written::Ended);
    let expected = [(0, "open"), (108, "abc"), (150, "end:abcd")];
    assert_eq!(outbox.took(), expected.map(|(at, word)| (at, word.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_slow_cloud_slows_the_agent_down() {
    let (speech, outbox) = (speech(), Script::new(1_000, |_| Ok(())));
    let writer = start(&speech, &outbox);
    let before = Instant::now();
    for _ in 0..5 {
        speech.act(Act::Text("x".repeat(40_000))).await.expect("taken");
    }
    assert!(before.elapsed() >= Duration::from_secs(1), "200 KB were taken in {:?}", before.elapsed());
    speech.end(Ending::default());
    assert_eq!(writer.await.expect("writes"), Written::Ended);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_stops_the_agent() {
    let (speech, outbox) = (speech(), Script::new(1, |number| if number == 2 { Err(Lost::Gone) } else { Ok(()) }));
    let writer = start(&speech, &outbox);
    speech.act(Act::Text("a".into())).await.expect("taken");
    assert_eq!(writer.await.expect("writes"), Written::Gone);
    assert_eq!(speech.act(Act::Text("b".into())).await, Err(Stopped));
    assert_eq!(outbox.took().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_bubble_that_cannot_be_written_is_given_up_and_a_refused_delta_is_repaired_by_the_end() {
    let say = async |speech: &Speech| {
        tokio::time::sleep(Duration::from_millis(5)).await;
        speech.act(Act::Text("a".into())).await.expect("taken");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let (first, closed) = (speech(), Script::new(1, |_| Err(Lost::Failed)));
    assert_eq!(start(&first, &closed).await.expect("writes"), Written::Lost);

    let (second, lossy) = (speech(), Script::new(1, |number| if number == 2 { Err(Lost::Failed) } else { Ok(()) }));
    let writer = start(&second, &lossy);
    say(&second).await;
    assert_eq!(writer.await.expect("writes"), Written::Lost);
    assert!(second.stop.is_cancelled(), "the agent goes on for nobody");

    let (third, picky) = (speech(), Script::new(1, |number| if number == 2 { Err(Lost::Refused) } else { Ok(()) }));
    let writer = start(&third, &picky);
    say(&third).await;
    third.end(Ending::default());
    assert_eq!(writer.await.expect("writes"), Written::Ended);
    assert_eq!(picky.took().last().expect("an end").1, "end:a");
}

#[tokio::test(start_paused = true)]
async fn an_end_waits_for_a_delta_under_way_but_not_for_long() {
    for (each, end) in [(900, 1_800), (5_000, 6_200)] {
        let (speech, outbox) = (speech(), Script::new(each, |_| Ok(())));
        let writer = start(&speech, &outbox);
        tokio::time::sleep(Duration::from_millis(100)).await;
        speech.act(Act::Text("a".into())).await.expect("taken");
        tokio::time::sleep(Duration::from_millis(each)).await;
        sleep_until(outbox.start + Duration::from_millis(each + 200)).await;
        speech.end(Ending::default());
        assert_eq!(writer.await.expect("writes"), Written::Ended);
        assert_eq!(outbox.took().last().expect("an end"), &(end, "end:a".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_waits_for_leave_for_text_before_a_card_but_not_for_long() {
    let (speech, outbox) = (speech(), Script::short_of_deltas(60_000));
    let writer = start(&speech, &outbox);
    speech.act(Act::Text("a".into())).await.expect("taken");
    let open = Act::Open { card: CardId(0), kind: "k".into(), label: "l".into(), args: None };
    speech.act(open).await.expect("taken");
    speech.end(Ending::default());
    assert_eq!(writer.await.expect("writes"), Written::Ended);
    let took = outbox.took();
    assert!(took[1].1.contains("CreateTask") && took[1].0 == 1_000, "{took:?}");
    assert_eq!(took[3], (1_000, "end:a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn behind_text_that_was_given_up_no_other_text_is_streamed() {
    let (speech, outbox) = (speech(), Script::new(5_000, |_| Ok(())));
    let writer = start(&speech, &outbox);
    sleep_until(outbox.start + Duration::from_millis(5_100)).await;
    speech.act(Act::Text("a".into())).await.expect("taken");
    sleep_until(outbox.start + Duration::from_millis(5_200)).await;
    speech.act(Act::Text("b".into())).await.expect("taken");
    let open = Act::Open { card: CardId(0), kind: "k".into(), label: "l".into(), args: None };
    speech.act(open).await.expect("taken");
    speech.end(Ending::default());
    assert_eq!(writer.await.expect("writes"), Written::Ended);
    let took = outbox.took();
    assert_eq!((took[1].1.as_str(), took[2].1.contains("CreateTask")), ("a", true), "{took:?}");
    assert_eq!(took[4].1, "end:ab");
}

#[tokio::test(start_paused = true)]
async fn what_the_end_cannot_repair_is_waited_for() {
    let (speech, outbox) = (speech(), Script::new(5_000, |_| Ok(())));
    let writer = start(&speech, &outbox);
    let card = CardId(0);
    let open = Act::Open { card, kind: "k".into(), label: "l".into(), args: None };
    speech.act(open).await.expect("taken");
    speech.end(Ending::default());
    assert_eq!(writer.await.expect("writes"), Written::Ended);
    let took = outbox.took();
    assert!(took[1].1.contains("CreateTask") && took[2].1.contains("Cancelled"), "{took:?}");
    assert_eq!(took[3], (15_000, "end:".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_stopped_ends_whatever_becomes_of_its_cards() {
    let (speech, outbox) = (speech(), Script::new(5_000, |_| Ok(())));
    let writer = start(&speech, &outbox);
    let open = Act::Open { card: CardId(0), kind: "k".into(), label: "l".into(), args: None };
    speech.act(open).await.expect("taken");
    sleep_until(outbox.start + Duration::from_millis(5_100)).await;
    speech.stop.cancel();
    speech.end(Ending::default());
    assert_eq!(writer.await.expect("writes"), Written::Ended);
    let took = outbox.took();
    assert!(took[1].1.contains("CreateTask") && took[2].1.contains("Cancelled"), "{took:?}");
    assert_eq!(took[3], (11_100, "end:".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_question_goes_out_behind_what_was_said_and_its_answer_comes_back() {
    let (waiting, outbox) = (Waiting::default(), Script::new(10, |_| Ok(())));
    let speech = speech_with(&waiting);
    let written = start(&speech, &outbox);
    for (number, verdict, answer) in [(0, Verdict::Once, Answer::Once), (1, Verdict::Denied, Answer::Denied)] {
        let asked = ask(&speech, "may I?");
        // Two requests of 10 ms, text that merges for 30, and then nothing happens for an hour.
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert!(!asked.is_finished());
        let id = format!("int_1-a{number}").try_into().expect("an id");
        assert!(waiting.answered(&id, verdict));
        assert_eq!(asked.await.expect("ran"), answer);
    }
    speech.end(Ending::default());
    assert_eq!(written.await.expect("ran"), Written::Ended);
    let took: Vec<String> = outbox.took().into_iter().map(|(_, word)| word).collect();
    let expected = ["open", "before may I?", "ask int_1-a0: may I?", "before may I?", "ask int_1-a1: may I?"];
    assert_eq!(took[..5], expected);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_the_cloud_refuses_is_a_no_and_one_of_a_stopped_turn_is_not_asked() {
    let (waiting, outbox) =
        (Waiting::default(), Script::new(10, |sent| if sent == 3 { Err(Lost::Refused) } else { Ok(()) }));
    let speech = speech_with(&waiting);
    let written = start(&speech, &outbox);
    assert_eq!(ask(&speech, "refused").await.expect("ran"), Answer::Unasked);
    let stopped = ask(&speech, "stopped");
    tokio::task::yield_now().await;
    speech.end(Ending::default());
    speech.stop.cancel();
    assert_eq!(stopped.await.expect("ran"), Answer::Stopped);
    assert_eq!(written.await.expect("ran"), Written::Ended);
    assert_eq!(waiting.count(), 0, "nobody waits for anything any more");
    assert!(!outbox.took().iter().any(|(_, word)| word.contains("stopped") && word.starts_with("ask")));
}
