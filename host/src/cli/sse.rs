//! Server-sent events, read from the chunks of a response.

use serde_json::Value;

/// The longest event that is read, in bytes: 16 MiB of text, each byte of it escaped, and what is around it.
const MAX_EVENT: usize = 97 << 20;

/// One event.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) data: Value,
}

/// Gathers chunks, gives out events.
#[derive(Debug, Default)]
pub(super) struct Events {
    buffer: Vec<u8>,
    /// So much of it holds no end of an event.
    looked_at: usize,
}

impl Events {
    /// Takes a chunk, and gives the events that it completed.
    ///
    /// # Errors
    /// When an event is longer than 97 MiB.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Vec<Event>, &'static str> {
        self.buffer.extend_from_slice(chunk);
        let mut events = Vec::new();
        while let Some(end) = self.buffer[self.looked_at..].windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.buffer.drain(..self.looked_at + end + 2).collect();
            events.extend(parse(&String::from_utf8_lossy(&block)));
            self.looked_at = 0;
        }
        self.looked_at = self.buffer.len().saturating_sub(1);
        if self.buffer.len() > MAX_EVENT { Err("an event is longer than 97 MiB") } else { Ok(events) }
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect::<Vec<_>>().join("\n")
    };
    let data = serde_json::from_str(&field("data")).ok()?;
    Some(Event { kind: field("event"), data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_read_across_chunks() {
        let mut events = Events::default();
        let text =
            b": hi\n\nid: 1\nevent: message_delta\ndata: {\"delta\":\ndata: \"a\"}\n\nevent: x\ndata: nonsense\n\n";
        let (first, second) = text.split_at(40);
        let mut all = events.push(first).expect("short");
        all.extend(events.push(second).expect("short"));
        assert_eq!(all, [Event { kind: "message_delta".into(), data: json!({ "delta": "a" }) }]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        assert!(Events::default().push(&vec![b'x'; MAX_EVENT + 1]).is_err());
    }
}
