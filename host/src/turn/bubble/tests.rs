//! Order, merging, ends: every case with a clock of its own.

use super::end::REFUSED;
use super::*;
use crate::capability::Wait;
use crate::protocol::FinishReason;
use crate::protocol::{SendMessageEnd, TaskStatus};
use serde_json::json;

fn message(interaction: &str) -> UserMessage {
    UserMessage::example("ses_1", interaction)
}

/// What to do next, with the request that is due.
#[derive(Debug, PartialEq)]
enum Next {
    Send(Outgoing),
    At(Instant),
    Wait,
    Done,
}

fn next(bubble: &mut Bubble, now: Instant) -> Next {
    match bubble.due(now) {
        Due::Now(kind) => Next::Send(bubble.take(kind, now).expect("what is due can be taken")),
        Due::At(at) => Next::At(at),
        Due::Wait => Next::Wait,
        Due::Done => Next::Done,
    }
}

/// A bubble that is open, and its start.
fn open() -> (Bubble, Instant) {
    let (mut bubble, now) = (Bubble::new(message("int_1")), Instant::now());
    let Next::Send(Outgoing::Open(open)) = next(&mut bubble, now) else { panic!("the bubble does not open first") };
    assert_eq!((open.text.as_str(), open.idempotency_key.as_str()), (" ", "int_1-open"));
    bubble.opened("msg_1".try_into().expect("an id"));
    (bubble, now)
}

fn say(bubble: &mut Bubble, text: &str) {
    bubble.push(Act::Text(text.into()));
}

fn delta(next: Next) -> (String, String) {
    let Next::Send(Outgoing::Delta(delta)) = next else { panic!("not a delta: {next:?}") };
    (delta.delta, delta.idempotency_key)
}

fn end(next: Next) -> SendMessageEnd {
    let Next::Send(Outgoing::End(end)) = next else { panic!("not an end: {next:?}") };
    end
}

fn card(number: u32) -> Act {
    Act::Open { card: CardId(number), kind: "k".into(), label: "l".into(), args: None }
}

#[test]
fn the_first_delta_leaves_at_once_and_later_ones_merge_over_thirty_milliseconds() {
    let (mut bubble, now) = open();
    assert_eq!(next(&mut bubble, now), Next::Wait);
    say(&mut bubble, "a");
    assert_eq!(delta(next(&mut bubble, now)), ("a".into(), "int_1-d1".into()));
    say(&mut bubble, "b");
    assert_eq!(next(&mut bubble, now), Next::At(now + MERGE));
    say(&mut bubble, "c");
    assert_eq!(next(&mut bubble, now + MERGE / 2), Next::At(now + MERGE));
    assert_eq!(delta(next(&mut bubble, now + MERGE)), ("bc".into(), "int_1-d2".into()));
    assert_eq!(next(&mut bubble, now + MERGE), Next::Wait);
}

#[test]
fn the_end_carries_what_still_waits_and_comes_once() {
    let (mut bubble, now) = open();
    say(&mut bubble, "a");
    delta(next(&mut bubble, now));
    say(&mut bubble, "b");
    bubble.end(Ending { finish: Some(FinishReason::Stop), ..Ending::default() });
    bubble.end(Ending { text: Some("another end".into()), ..Ending::default() });
    let end = end(next(&mut bubble, now));
    assert_eq!((end.text.as_deref(), end.finish_reason), (Some("ab"), Some(FinishReason::Stop)));
    assert_eq!((end.message_id.as_str(), end.idempotency_key.as_str()), ("msg_1", "int_1-end"));
    assert_eq!(next(&mut bubble, now), Next::Done);
    say(&mut bubble, "late");
    assert_eq!((next(&mut bubble, now), bubble.said()), (Next::Done, "ab"));
}

#[test]
fn nothing_is_sent_before_the_bubble_has_its_id_again_after_an_end() {
    let (mut bubble, now) = (Bubble::new(message("int_1")), Instant::now());
    say(&mut bubble, "a");
    bubble.end(Ending::default());
    assert!(matches!(next(&mut bubble, now), Next::Send(Outgoing::Open(_))));
    bubble.opened("msg_1".try_into().expect("an id"));
    assert_eq!(end(next(&mut bubble, now)).text.as_deref(), Some("a"));
}

#[test]
fn cards_keep_their_place_behind_text_that_merges() {
    let (mut bubble, now) = open();
    say(&mut bubble, "a");
    delta(next(&mut bubble, now));
    say(&mut bubble, "b");
    bubble.push(card(0));
    assert_eq!(next(&mut bubble, now), Next::At(now + MERGE));
    bubble.push(Act::Complete { card: CardId(0), result: Some(json!(1)) });
    say(&mut bubble, "c");
    bubble.end(Ending::default());
    assert_eq!(delta(next(&mut bubble, now)).0, "b");
    let Next::Send(Outgoing::CreateTask(task)) = next(&mut bubble, now) else { panic!("no card") };
    assert_eq!(task.task_id.as_str(), "int_1-c0");
    let Next::Send(Outgoing::FinishTask(done)) = next(&mut bubble, now) else { panic!("no end of the card") };
    assert_eq!((done.status, done.result), (TaskStatus::Completed, Some(json!(1))));
    assert_eq!(
        end(next(&mut bubble, now)).text.as_deref(),
        Some("abc"),
        "the text behind the last card travels in the end"
    );
}

#[test]
fn cards_left_open_are_closed_before_the_end() {
    let (mut bubble, now) = open();
    bubble.push(card(0));
    bubble.push(card(1));
    bubble.push(Act::Fail { card: CardId(1), error: "e".into() });
    bubble.end(Ending::default());
    let mut closed = vec![];
    loop {
        match next(&mut bubble, now) {
            Next::Send(Outgoing::FinishTask(task)) => closed.push((task.task_id.to_string(), task.status)),
            Next::Send(Outgoing::CreateTask(_)) => {}
            next => break drop(end(next)),
        }
    }
    assert_eq!(closed, [("int_1-c1".into(), TaskStatus::Failed), ("int_1-c0".into(), TaskStatus::Cancelled)]);
}

#[test]
fn progress_that_waits_merges() {
    let (mut bubble, now) = open();
    bubble.push(card(0));
    let progress = |percent, label: Option<&str>| Act::Progress {
        card: CardId(0),
        percent,
        label: label.map(str::to_owned),
        partial: None,
    };
    bubble.push(progress(Some(1), Some("one")));
    bubble.push(card(1));
    bubble.push(progress(Some(2), None));
    next(&mut bubble, now);
    let Next::Send(Outgoing::UpdateTask(task)) = next(&mut bubble, now) else { panic!("no progress") };
    assert_eq!((task.progress_percent, task.status_label.as_deref()), (Some(2), Some("one")));
    assert!(matches!(next(&mut bubble, now), Next::Send(Outgoing::CreateTask(_))));
    assert_eq!(next(&mut bubble, now), Next::Wait);
}

#[test]
fn acts_without_text_count_against_the_bound_too() {
    let (mut bubble, _) = open();
    for number in 0..2_000 {
        bubble.push(Act::Cancel { card: CardId(number) });
    }
    assert!(!bubble.has_room());
}

#[test]
fn progress_that_merged_leaves_no_trace_in_the_bound() {
    let (mut bubble, now) = open();
    bubble.push(card(0));
    for percent in 0..100 {
        let partial = Some(json!("x".repeat(40_000)));
        bubble.push(Act::Progress { card: CardId(0), percent: Some(percent), label: None, partial });
    }
    assert!(bubble.has_room(), "a hundred results that replace each other are counted as one");
    while next(&mut bubble, now) != Next::Wait {}
    say(&mut bubble, &"x".repeat(MAX_WAITING - 1));
    assert!(bubble.has_room(), "what was sent is still counted");
}

#[test]
fn an_end_after_the_end_changes_nothing() {
    let (mut bubble, now) = open();
    bubble.end(Ending { text: Some("first".into()), ..Ending::default() });
    assert!(bubble.end_says_all());
    end(next(&mut bubble, now));
    bubble.end(Ending { text: Some("second".into()), ..Ending::default() });
    assert_eq!((next(&mut bubble, now), bubble.said()), (Next::Done, "first"));
}

#[test]
fn a_note_does_not_stand_in_the_block_of_code_that_was_cut_off() {
    for (said, whole) in [
        ("````\nready\n```\n", "````\nready\n```\n````\n\nnote"),
        ("see:\n  ~~~ `sh`\nx", "see:\n  ~~~ `sh`\nx\n~~~\n\nnote"),
        ("```\nx\n`````  \n~~~~\n~~~", "```\nx\n`````  \n~~~~\n~~~\n~~~~\n\nnote"),
        ("```\nx\n```", "```\nx\n```\n\nnote"),
        ("```x``` and\n    ```\n``", "```x``` and\n    ```\n``\n\nnote"),
    ] {
        let (mut bubble, now) = open();
        say(&mut bubble, said);
        bubble.end(Ending { note: Some("note".into()), ..Ending::default() });
        assert_eq!(end(next(&mut bubble, now)).text.as_deref(), Some(whole), "{said}");
    }
    let (mut bubble, now) = open();
    say(&mut bubble, "```\n");
    bubble.end(Ending {
        text: Some(format!("```\n{}", "x".repeat(MAX_TEXT))),
        note: Some("note".into()),
        ..Ending::default()
    });
    let Some(Outgoing::Delta(last)) =
        drain(&mut bubble, now).into_iter().rfind(|sent| matches!(sent, Outgoing::Delta(_)))
    else {
        panic!("nothing is streamed")
    };
    assert!(last.delta.ends_with("x\n```\n\nnote"));
}

#[test]
fn an_end_that_is_refused_is_offered_once_more_with_only_a_note() {
    let (mut bubble, now) = open();
    say(&mut bubble, "something the cloud blocks");
    bubble.end(Ending::default());
    end(next(&mut bubble, now));
    bubble.end_refused();
    let second = end(next(&mut bubble, now));
    assert_eq!((second.text.as_deref(), second.idempotency_key.as_str()), (Some(REFUSED), "int_1-end2"));
    bubble.end_refused();
    assert_eq!(next(&mut bubble, now), Next::Done);
}

#[test]
fn canonical_text_replaces_what_was_said_and_a_note_stands_under_it() {
    let (mut bubble, now) = open();
    say(&mut bubble, "draft");
    bubble.end(Ending { text: Some("final\n".into()), note: Some("note".into()), ..Ending::default() });
    assert_eq!(end(next(&mut bubble, now)).text.as_deref(), Some("final\n\nnote"));
}

#[test]
fn text_beyond_one_request_is_streamed_in_pieces_and_none_is_lost() {
    for said in ["", "éé", "draft"] {
        stream_whole(said);
    }
}

/// Ends a bubble that says `said` with a canonical text beyond one request.
fn stream_whole(said: &str) {
    let (mut bubble, now) = open();
    if !said.is_empty() {
        say(&mut bubble, said);
    }
    let long = "é".repeat(MAX_TEXT);
    bubble.end(Ending { text: Some(long.clone()), note: Some("note".into()), ..Ending::default() });
    let mut streamed = String::new();
    let end = loop {
        match next(&mut bubble, now) {
            Next::Send(Outgoing::Delta(delta)) => {
                assert!(delta.delta.len() <= MAX_TEXT);
                streamed.push_str(&delta.delta);
            }
            next => break end(next),
        }
    };
    assert_eq!(end.text, None, "the server keeps what was streamed");
    let before = if long.starts_with(said) { "" } else { "draft\n\n" };
    assert!(streamed == format!("{before}{long}\n\nnote"), "{} bytes were streamed", streamed.len());
}

#[test]
fn room_ends_at_the_bound_and_comes_back() {
    let (mut bubble, now) = open();
    say(&mut bubble, &"x".repeat(MAX_WAITING));
    assert!(!bubble.has_room());
    while !bubble.has_room() {
        delta(next(&mut bubble, now));
    }
}

#[test]
fn a_resumed_bubble_keeps_what_it_said_and_leaves_no_card_open() {
    let (mut bubble, now) = open();
    bubble.push(card(0));
    bubble.push(card(1));
    bubble.push(Act::Complete { card: CardId(0), result: None });
    say(&mut bubble, "a");
    let sent = drain(&mut bubble, now);

    let mut bubble = Bubble::resumed(message("int_1"), sent);
    bubble.end(Ending { note: Some("note".into()), ..Ending::default() });
    let Next::Send(Outgoing::Open(open)) = next(&mut bubble, now) else { panic!("not opened again") };
    assert_eq!(open.idempotency_key, "int_1-open");
    bubble.opened("msg_1".try_into().expect("an id"));
    let Next::Send(Outgoing::FinishTask(closed)) = next(&mut bubble, now) else { panic!("a card is left") };
    assert_eq!((closed.task_id.as_str(), closed.status), ("int_1-c1", TaskStatus::Cancelled));
    assert_eq!(end(next(&mut bubble, now)).text.as_deref(), Some("a\n\nnote"));
}

/// All that is due, until the bubble waits or has ended.
fn drain(bubble: &mut Bubble, now: Instant) -> Vec<Outgoing> {
    let send = |next| match next {
        Next::Send(outgoing) => Some(outgoing),
        _ => None,
    };
    std::iter::from_fn(|| send(next(bubble, now))).collect()
}

/// What a later process sends, after the opening, when this is what the one before may have sent.
fn resume(sent: &[Outgoing]) -> Vec<Outgoing> {
    let mut bubble = Bubble::resumed(message("int_1"), sent.to_vec());
    bubble.end(Ending { note: Some("note".into()), ..Ending::default() });
    next(&mut bubble, Instant::now());
    bubble.opened("msg_1".try_into().expect("an id"));
    drain(&mut bubble, Instant::now())
}

#[test]
fn the_last_request_of_an_earlier_process_is_sent_again_as_it_was_unless_the_end_says_it() {
    let (mut bubble, now) = open();
    bubble.push(card(0));
    bubble.push(Act::Fail { card: CardId(0), error: "e".into() });
    say(&mut bubble, "a");
    let sent = drain(&mut bubble, now);
    assert_eq!(resume(&sent[..1])[0], sent[0], "a card that may not be there is made before it is closed");
    assert_eq!(resume(&sent[..2])[0], sent[1]);
    assert_eq!(resume(&sent).len(), 1, "the end says what the last delta said");

    bubble.end(Ending::default());
    let ended = [sent, drain(&mut bubble, now)].concat();
    assert_eq!(resume(&ended), ended[3..], "an end is sent again as it was, and nothing else");

    let (mut long, now) = open();
    say(&mut long, &"x".repeat(MAX_TEXT));
    let sent = drain(&mut long, now);
    let resumed = resume(&sent);
    assert_eq!(resumed[0], sent[0], "text that no end can repeat is sent again");
    let Outgoing::Delta(note) = &resumed[1] else { panic!("no note: {resumed:?}") };
    assert_eq!((note.delta.as_str(), note.idempotency_key.as_str()), ("\n\nnote", "int_1-d2"));
    let again = resume(&[sent[0].clone(), resumed[1].clone()]);
    assert_eq!(again[0], resumed[1], "the note may not have arrived, and is not said a second time");
    assert!(matches!(again[1..], [Outgoing::End(_)]), "{again:?}");
}

#[test]
fn what_is_gone_gets_nothing_more() {
    let (mut bubble, now) = open();
    say(&mut bubble, "a");
    bubble.gone();
    assert_eq!(next(&mut bubble, now), Next::Done);
    assert!(bubble.has_room());
}

proptest::proptest! {
    /// Whatever is said, in whatever pieces, with whatever delays: the streamed text is a prefix of the final one,
    /// and the end carries all of it.
    #[test]
    fn no_text_is_lost_or_doubled(pieces in proptest::collection::vec((".{0,40}", 0..50_u64), 0..40)) {
        let (mut bubble, mut now) = open();
        let (mut all, mut streamed, mut last) = (String::new(), String::new(), None::<Instant>);
        for (text, pause) in pieces {
            all.push_str(&text);
            if !text.is_empty() {
                say(&mut bubble, &text);
            }
            now += Duration::from_millis(pause);
            while let Next::Send(Outgoing::Delta(delta)) = next(&mut bubble, now) {
                assert!(last.is_none_or(|last| now >= last + MERGE));
                last = Some(now);
                streamed.push_str(&delta.delta);
            }
        }
        bubble.end(Ending::default());
        assert!(all.starts_with(&streamed));
        assert_eq!(end(next(&mut bubble, now)).text.as_deref(), Some(all.as_str()));
    }
}

fn wait_card(next: Next) -> (String, Option<TaskStatus>) {
    match next {
        Next::Send(Outgoing::CreateTask(task)) => (task.task_id.to_string(), None),
        Next::Send(Outgoing::FinishTask(task)) => (task.task_id.to_string(), Some(task.status)),
        other => panic!("not a card: {other:?}"),
    }
}

#[test]
fn a_turn_that_waits_for_room_says_so_once_and_no_longer_than_it_does() {
    let (mut bubble, now) = open();
    assert!(bubble.waits(Some(Wait::Host)) && !bubble.waits(Some(Wait::Host)));
    // It began before anybody was told.
    assert!(!bubble.waits(None));
    assert_eq!(next(&mut bubble, now), Next::Wait);
    assert!(bubble.waits(Some(Wait::Host)));
    let (shown, _) = wait_card(next(&mut bubble, now));
    assert!(bubble.waits(None));
    assert_eq!(wait_card(next(&mut bubble, now)), (shown.clone(), Some(TaskStatus::Completed)));
    assert!(!bubble.waits(None) && !bubble.is_touched());
    // Another time is another card.
    assert!(bubble.waits(Some(Wait::Host)));
    assert_ne!(wait_card(next(&mut bubble, now)).0, shown);
    // The end closes it, and its text is the agent's alone.
    bubble.end(Ending::default());
    assert_eq!(wait_card(next(&mut bubble, now)).1, Some(TaskStatus::Cancelled));
    assert_eq!(end(next(&mut bubble, now)).text.as_deref(), Some(""));
}

#[test]
fn a_turn_that_had_only_waited_can_run_again_and_closes_its_card_as_it_begins() {
    let (mut bubble, now) = open();
    bubble.waits(Some(Wait::Host));
    let Next::Send(shown) = next(&mut bubble, now) else { panic!("nothing is shown") };
    assert!(Bubble::has_only_waited(&message("int_1"), std::slice::from_ref(&shown)));
    bubble.push(card(1));
    let Next::Send(own) = next(&mut bubble, now) else { panic!("nothing is shown") };
    assert!(!Bubble::has_only_waited(&message("int_1"), &[shown.clone(), own]));
    let mut again = Bubble::resumed(message("int_1"), vec![shown.clone()]);
    assert!(matches!(next(&mut again, now), Next::Send(Outgoing::Open(_))));
    again.opened("msg_1".try_into().expect("an id"));
    assert_eq!(next(&mut again, now), Next::Send(shown));
    assert!(again.waits(None));
    assert_eq!(wait_card(next(&mut again, now)).1, Some(TaskStatus::Completed));
    assert_eq!(next(&mut again, now), Next::Wait);
}
