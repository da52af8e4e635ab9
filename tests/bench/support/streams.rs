//! Many streams at once, followed to their ends.

use super::SILENCE;
use super::cloud::{Cloud, Event, Updates};
use super::host::Host;
use super::wire::{self, Call};
use anyhow::{Context as _, Result, bail, ensure};
use futures_util::SinkExt as _;
use std::time::{Duration, Instant, SystemTime};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// One bubble, as the cloud saw it.
#[derive(Default)]
pub(crate) struct Stream {
    is_open: bool,
    deltas: Vec<Instant>,
    streamed: String,
    /// From the agent's end, which it wrote down itself, to `sendMessageEnd`.
    pub(crate) to_end: Option<Duration>,
    /// Bytes that are missing in the end, or not what the agent wrote.
    pub(crate) lost: usize,
}

/// What came of all streams.
pub(crate) struct Streams {
    pub(crate) streams: Vec<Stream>,
    /// Requests that were answered with 429.
    pub(crate) refused: usize,
}

impl Stream {
    /// The mean time between two deltas.
    pub(crate) fn interval(&self) -> Option<Duration> {
        let (first, last) = (self.deltas.first()?, self.deltas.last()?);
        let gaps = u32::try_from(self.deltas.len() - 1).ok().filter(|gaps| *gaps > 0)?;
        Some((*last - *first) / gaps)
    }

    fn note(&mut self, call: Call, at: Instant, tokens: usize) -> Result<bool> {
        ensure!(self.to_end.is_none(), "a call after its end");
        match call {
            Call::Open => ensure!(!std::mem::replace(&mut self.is_open, true), "a second sendMessage"),
            Call::Delta(text) => {
                self.deltas.push(at);
                self.streamed.push_str(&text);
            }
            Call::Card(_) | Call::Ask(_) => bail!("a card or a question, which its agent has none of"),
            Call::End(text) => {
                let said = text.as_deref().unwrap_or(&self.streamed);
                let (pieces, ended) = said.split_once("ended ").context("an end without the agent's time")?;
                let expected: String = (0..tokens).map(|token| format!("{token} ")).collect();
                self.lost = missing(&expected, pieces) + missing(&self.streamed, said);
                let agent = SystemTime::UNIX_EPOCH + Duration::from_millis(ended.parse().context("no time")?);
                let arrived = SystemTime::now() - at.elapsed();
                self.to_end = Some(arrived.duration_since(agent).unwrap_or_default());
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// How many bytes of `expected` are not where they should be in `text`.
fn missing(expected: &str, text: &str) -> usize {
    let same = expected.bytes().zip(text.bytes()).take_while(|(one, other)| one == other).count();
    expected.len() - same
}

/// Lets `count` agents stream `tokens` tokens each, all at once, and follows them to the last end.
///
/// # Errors
/// When the host does something that no host should, is silent or gone.
pub(crate) async fn stream(mut cloud: Cloud, mut host: Host, count: usize, tokens: usize) -> Result<Streams> {
    let mut updates = dialled(&mut cloud, &mut host).await?;
    let mut streams: Vec<Stream> = (0..count).map(|_| Stream::default()).collect();
    for turn in 0..count {
        let frame = Message::text(wire::update(turn, turn, &format!("tokens {tokens}")));
        updates.send(frame).await.context("cannot send an update")?;
    }
    let mut open = count;
    while open > 0 {
        let event = timeout(SILENCE, cloud.events.recv()).await.context("the host was silent for 20 s")?;
        match event.context("the stub ended")? {
            Event::Called { turn, call, at } => {
                let stream = streams.get_mut(turn).context("a call for a turn that was never begun")?;
                let over = stream.note(call, at, tokens).with_context(|| format!("turn {turn} went wrong"))?;
                open -= usize::from(over);
            }
            Event::Connected(_) | Event::Gone => bail!("the host's socket closed amid a run"),
            Event::Fault(error) => return Err(error),
        }
    }
    let refused = cloud.refused();
    drop(updates);
    host.stop().await?;
    Ok(Streams { streams, refused })
}

/// Waits for the host to dial.
///
/// # Errors
/// When it ends, does something else first, or is silent.
pub(crate) async fn dialled(cloud: &mut Cloud, host: &mut Host) -> Result<Updates> {
    dialled_within(cloud, host, SILENCE).await
}

/// The same where the host may have more to do first.
///
/// # Errors
/// As [`dialled`].
pub(crate) async fn dialled_within(cloud: &mut Cloud, host: &mut Host, patience: Duration) -> Result<Updates> {
    let first = tokio::select! {
        first = timeout(patience, cloud.events.recv()) => first,
        status = host.ended() => bail!("the host ended before it dialled: {}", status?),
    };
    match first.with_context(|| format!("the host did not dial within {patience:?}"))?.context("the stub ended")? {
        Event::Connected(updates) => Ok(updates),
        Event::Called { .. } | Event::Gone => bail!("the host called before it dialled"),
        Event::Fault(error) => Err(error),
    }
}
