//! What the link tells of itself while it works, to whoever counts. Nothing of it names anybody.

/// Counts. Each does nothing unless it is wanted, and none may wait.
pub trait Meter: Send + Sync + 'static {
    /// So many bytes of a frame or a body went to the cloud, or came from there.
    fn carried(&self, _way: Way, _direction: Direction, _bytes: usize) {}

    /// A request to this route will be tried again.
    fn retried(&self, _path: &'static str, _why: Again) {}
}

/// Counts nothing.
impl Meter for () {}

/// By what bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Frames of the socket.
    Socket,
    /// Bodies of requests and answers.
    Requests,
}

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the cloud.
    Up,
    /// From it.
    Down,
}

/// Why a request is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Answered with 429.
    Limited,
    /// Answered with 500 or more.
    Broken,
    /// Answered with what is not the cloud's.
    Malformed,
    /// Not answered.
    Network,
}

/// Why the cloud is dialled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nothing came for too long, or nothing could be written.
    Silence,
    /// The machine slept.
    Wake,
    /// The cloud closed the connection.
    Closed,
    /// The connection ended without a word.
    Cut,
    /// An update did not come, and is asked for.
    Gap,
    /// The upgrade was answered with something else.
    Refused,
    /// The dial came to nothing.
    Unreachable,
}

impl Cause {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Wake => "wake",
            Self::Closed => "closed",
            Self::Cut => "cut",
            Self::Gap => "gap",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }
}
