//! A rule: where it bites, what happens there, and how often. Data.

use std::time::Duration;

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Where it bites, and what happens there.
    pub fault: Fault,
    /// Matches that pass unharmed before the first bite.
    pub skip: u32,
    /// How many of the later ones are bitten.
    pub often: Often,
}

/// How many matches are bitten.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Often {
    /// The next ones, this many.
    Times(u32),
    /// Each with this probability, until the rule is cleared. The same seed bites the same matches.
    Chance {
        /// From 0 to 1.
        probability: f64,
        /// What the dice begin with.
        seed: u64,
    },
}

/// Where a rule bites, and what happens there.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// An update on its way to the bridge.
    Update {
        /// Only updates of this type, such as `session.message`; all where there is none.
        kind: Option<String>,
        /// What happens to it.
        what: UpdateFault,
    },
    /// A socket of a bridge.
    Socket {
        /// Only at this frame of the cloud's, counted on each socket from `ready`, which is 1; at the next one, where
        /// there is none.
        frame: Option<u64>,
        /// What happens to it.
        what: SocketFault,
    },
    /// A request of a bridge that showed a good token.
    Request {
        /// Only to this route, such as `sendMessageEnd`. Where there is none, to all but the socket's own, `ws`.
        route: Option<String>,
        /// What happens to it.
        what: RequestFault,
    },
}

/// What happens to an update. It stays unacked, so a bridge that redials gets it as any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateFault {
    /// It is not sent.
    Drop,
    /// It, and all that come after it, are sent this much later.
    Delay(Duration),
    /// It is sent twice.
    Duplicate,
    /// It is sent behind the next one; after a second alone, where none comes.
    Swap,
}

/// What happens to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketFault {
    /// The connection is closed in place of the frame, without a word.
    CutBefore,
    /// The frame is sent, and then the connection is closed without a word.
    CutAfter,
    /// The connection stays, but nothing is read or written any more: from the frame after the one that the rule
    /// names, or where it names none, from whatever is sent or heard next.
    HalfOpen,
    /// The bridge's next frame is read this much later.
    SlowReads(Duration),
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFault {
    /// It is refused, and not done.
    Refuse {
        /// With which status.
        status: Refused,
        /// The wait that 429 and 503 ask for; a second where there is none.
        retry_after: Option<Duration>,
    },
    /// It is done, and its connection is closed in place of the answer.
    LoseAnswer,
    /// It is done only after this wait, also when its client has given up by then, and answered.
    HoldThenDo(Duration),
    /// It is done at once, and answered after this wait.
    DoThenHold(Duration),
}

/// The refusals that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// `401 invalid_token`.
    Unauthorized,
    /// `410`, of what is gone.
    Gone(Gone),
    /// `429 rate_limited`.
    TooMany,
    /// `500 internal_error`.
    Internal,
    /// `502 upstream_error`.
    BadGateway,
    /// `503 temporarily_unavailable`.
    Unavailable,
}

/// What a `410` says is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gone {
    /// `interaction_expired`.
    #[default]
    Interaction,
    /// `session_deleted`.
    Session,
    /// `installation_revoked`.
    Installation,
}

impl Gone {
    /// All of them, as the errors page lists them.
    pub(crate) const ALL: [Self; 3] = [Self::Interaction, Self::Session, Self::Installation];

    /// The code on the wire.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Interaction => "interaction_expired",
            Self::Session => "session_deleted",
            Self::Installation => "installation_revoked",
        }
    }
}

impl Rule {
    /// Bites the next match.
    pub const fn once(fault: Fault) -> Self {
        Self::times(fault, 1)
    }

    /// Bites the next `count` matches.
    pub const fn times(fault: Fault, count: u32) -> Self {
        Self { fault, skip: 0, often: Often::Times(count) }
    }

    /// Bites every match.
    pub const fn always(fault: Fault) -> Self {
        Self::chance(fault, 1.0, 0)
    }

    /// Bites matches by chance.
    pub const fn chance(fault: Fault, probability: f64, seed: u64) -> Self {
        Self { fault, skip: 0, often: Often::Chance { probability, seed } }
    }

    /// The same, after `skip` matches have passed.
    #[must_use]
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }
}

impl Fault {
    /// Something that happens to any update.
    pub const fn update(what: UpdateFault) -> Self {
        Self::Update { kind: None, what }
    }

    /// Something that happens to a socket at its `frame`th frame.
    pub const fn socket(frame: u64, what: SocketFault) -> Self {
        Self::Socket { frame: Some(frame), what }
    }

    /// Something that happens to requests of one route.
    pub fn request(route: &str, what: RequestFault) -> Self {
        Self::Request { route: Some(route.to_owned()), what }
    }
}

impl Refused {
    /// The status and code on the wire.
    pub(crate) fn code(self) -> (http::StatusCode, &'static str) {
        use http::StatusCode;
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::Gone(what) => (StatusCode::GONE, what.code()),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
            Self::BadGateway => (StatusCode::BAD_GATEWAY, "upstream_error"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
        }
    }

    /// Whether the answer says how long to wait.
    pub(crate) fn waits(self) -> bool {
        matches!(self, Self::TooMany | Self::Unavailable)
    }
}
