//! The page's event stream: a ring of what happened, and the subscribers that read along.

use crate::localcloud::clock::Millis;
use crate::localcloud::refusal::Refusal;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::sync::mpsc;

/// The documents' ring: 256 events or 5 minutes, whichever is less.
const MAX_EVENTS: usize = 256;
const MAX_AGE: Millis = 5 * 60 * 1000;
/// Long texts must not make 256 events a quarter of a gigabyte. What is dropped early is `snapshot_required`.
const MAX_BYTES: usize = 8_000_000;
/// Events that wait for one subscriber. A slower one is cut off and resumes by `Last-Event-ID`.
const MAX_WAITING: usize = 256;
/// Pages that read along at the same time. One more is refused with 503.
const MAX_SUBSCRIBERS: usize = 32;

struct Entry {
    id: u64,
    at: Millis,
    frame: Bytes,
}

/// What a new subscriber gets: first what it missed, then what comes.
pub(crate) struct Subscription {
    pub(crate) missed: Vec<Bytes>,
    pub(crate) live: mpsc::Receiver<Bytes>,
}

/// The stream of this cloud's one user.
pub(crate) struct Stream {
    ring: VecDeque<Entry>,
    bytes: usize,
    /// Id of the newest event. Starts at the clock, so that ids rise across restarts and an id of an earlier run
    /// is never taken for one of this run.
    last: u64,
    subscribers: Vec<mpsc::Sender<Bytes>>,
}

/// One event in the EventSource format. JSON from serde has no line breaks, so one `data` line is enough.
pub(crate) fn frame(id: Option<u64>, name: &str, mut data: Value, now: Millis) -> Bytes {
    data["ts"] = now.into();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("{id}event: {name}\ndata: {data}\n\n"))
}

impl Stream {
    pub(crate) fn new(now: Millis) -> Self {
        Self { ring: VecDeque::new(), bytes: 0, last: now, subscribers: Vec::new() }
    }

    /// Tells everybody. `data` is an object; it gets `ts`.
    pub(crate) fn publish(&mut self, name: &str, data: Value, now: Millis) {
        self.last += 1;
        let frame = frame(Some(self.last), name, data, now);
        self.bytes += frame.len();
        self.ring.push_back(Entry { id: self.last, at: now, frame: frame.clone() });
        self.trim(now);
        // A subscriber that does not keep up, or is gone, loses its queue; its stream ends with that.
        self.subscribers.retain(|subscriber| subscriber.try_send(frame.clone()).is_ok());
    }

    fn trim(&mut self, now: Millis) {
        while let Some(first) = self.ring.front() {
            let old = first.at + MAX_AGE < now;
            if !old && self.ring.len() <= MAX_EVENTS && self.bytes <= MAX_BYTES {
                break;
            }
            self.bytes -= first.frame.len();
            self.ring.pop_front();
        }
    }

    /// Starts reading along after the event `since`; with none, from now on.
    ///
    /// # Errors
    /// When 32 others read along already.
    pub(crate) fn subscribe(
        &mut self,
        since: Option<&str>,
        user_id: &str,
        now: Millis,
    ) -> Result<Subscription, Refusal> {
        self.subscribers.retain(|subscriber| !subscriber.is_closed());
        if self.subscribers.len() >= MAX_SUBSCRIBERS {
            return Err(Refusal::Unavailable("too many pages are open"));
        }
        self.trim(now);
        let hello = |id| frame(Some(id), "hello", json!({ "user_id": user_id }), now);
        let missed = match since.map(|id| self.after(id)) {
            None => vec![hello(self.last)],
            // The id of `hello` is the point from which the stream goes on, also if it breaks right behind it.
            Some(Some((id, entries))) => std::iter::once(hello(id)).chain(entries).collect(),
            Some(None) => vec![hello(self.last), frame(Some(self.last), "snapshot_required", json!({}), now)],
        };
        let (sender, live) = mpsc::channel(MAX_WAITING);
        self.subscribers.push(sender);
        Ok(Subscription { missed, live })
    }

    /// What came after `id`, if the ring still has all of it.
    fn after(&self, id: &str) -> Option<(u64, Vec<Bytes>)> {
        let id: u64 = id.parse().ok()?;
        let oldest = self.ring.front().map_or(self.last + 1, |entry| entry.id);
        let known = id <= self.last && id + 1 >= oldest;
        known.then(|| (id, self.ring.iter().filter(|entry| entry.id > id).map(|entry| entry.frame.clone()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(frames: &[Bytes]) -> String {
        frames.iter().map(|frame| String::from_utf8_lossy(frame).into_owned()).collect()
    }

    fn missed(stream: &mut Stream, since: &str, now: Millis) -> String {
        text(&stream.subscribe(Some(since), "u", now).expect("a place").missed)
    }

    #[test]
    fn ids_that_this_run_does_not_know_need_a_snapshot() {
        let mut stream = Stream::new(1000);
        stream.publish("a", json!({}), 1000);
        for since in ["", "x", "-1", "999", "1002", "99999999999999999999999"] {
            assert!(missed(&mut stream, since, 1000).contains("event: snapshot_required"), "{since:?}");
        }
    }

    #[test]
    fn what_was_missed_is_replayed_in_order_and_once() {
        let mut stream = Stream::new(1000);
        for name in ["a", "b", "c"] {
            stream.publish(name, json!({}), 1000);
        }
        assert_eq!(
            missed(&mut stream, "1001", 1000),
            "id: 1001\nevent: hello\ndata: {\"ts\":1000,\"user_id\":\"u\"}\n\n\
             id: 1002\nevent: b\ndata: {\"ts\":1000}\n\nid: 1003\nevent: c\ndata: {\"ts\":1000}\n\n"
        );
        assert!(missed(&mut stream, "1003", 1000).ends_with("\"user_id\":\"u\"}\n\n"));
        assert!(missed(&mut stream, "1000", 1000).contains("event: a"));
    }

    #[test]
    fn the_ring_forgets_by_number_age_and_size() {
        let mut stream = Stream::new(0);
        for _ in 0..257 {
            stream.publish("a", json!({}), 0);
        }
        assert!(missed(&mut stream, "0", 0).contains("snapshot_required"));
        assert!(!missed(&mut stream, "1", 0).contains("snapshot_required"));
        assert!(missed(&mut stream, "256", MAX_AGE + 1).contains("snapshot_required"));
        for _ in 0..20 {
            stream.publish("big", json!({ "text": "x".repeat(1_000_000) }), 0);
        }
        assert!(stream.bytes <= MAX_BYTES && stream.ring.len() == 7);
    }

    #[test]
    fn a_slow_subscriber_is_cut_off_and_others_are_not() {
        let mut stream = Stream::new(0);
        let mut slow = stream.subscribe(None, "u", 0).expect("a place").live;
        for _ in 0..MAX_WAITING {
            stream.publish("a", json!({}), 0);
        }
        let mut quick = stream.subscribe(None, "u", 0).expect("a place").live;
        stream.publish("a", json!({}), 0);
        assert_eq!(stream.subscribers.len(), 1);
        assert!(quick.try_recv().is_ok());
        while slow.try_recv().is_ok() {}
        assert!(matches!(slow.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
    }

    #[test]
    fn the_number_of_subscribers_is_bounded_and_the_gone_do_not_count() {
        let mut stream = Stream::new(0);
        let all: Vec<_> = (0..MAX_SUBSCRIBERS).map(|_| stream.subscribe(None, "u", 0).expect("a place")).collect();
        assert!(stream.subscribe(None, "u", 0).is_err());
        drop(all);
        assert!(stream.subscribe(None, "u", 0).is_ok());
    }
}
