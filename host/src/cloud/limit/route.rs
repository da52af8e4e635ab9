//! The documented buckets and which routes draw on them: what is believed until the cloud says otherwise.

/// How much a request matters to others that wait for the same bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Opens or ends a bubble.
    Bubble,
    /// Asks the user.
    Approval,
    /// Shows a card.
    Card,
    /// Says more of what is said already.
    Delta,
    /// Everything else.
    Other,
}

impl Rank {
    pub(super) const ALL: [Self; 5] = [Self::Bubble, Self::Approval, Self::Card, Self::Delta, Self::Other];

    pub(super) fn of(path: &str) -> Self {
        match path.strip_prefix("/v1/bridge/") {
            Some("sendMessage" | "sendMessageEnd") => Self::Bubble,
            Some("requestApproval") => Self::Approval,
            Some("createTask" | "updateTask" | "finishTask") => Self::Card,
            Some("sendMessageDelta") => Self::Delta,
            _ => Self::Other,
        }
    }
}

/// The documented buckets: name, capacity, tokens a second.
pub(super) const BUCKETS: [(&str, u32, u32); 6] = [
    ("msg", 30, 10),
    ("delta", 200, 100),
    ("task", 60, 30),
    ("approval", 10, 2),
    ("memory", 60, 20),
    ("default", 30, 10),
];

/// The place in [`BUCKETS`] of the one that a route draws on.
pub(super) fn bucket_of(path: &str) -> usize {
    match Rank::of(path) {
        Rank::Bubble => 0,
        Rank::Delta => 1,
        Rank::Card => 2,
        Rank::Approval => 3,
        Rank::Other => match path {
            "/v1/bridge/getMemory" | "/v1/bridge/setMemory" => 4,
            _ => 5,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_draw_on_the_documented_buckets() {
        for (path, name) in [
            ("/v1/bridge/sendMessage", "msg"),
            ("/v1/bridge/sendMessageEnd", "msg"),
            ("/v1/bridge/sendMessageDelta", "delta"),
            ("/v1/bridge/updateTask", "task"),
            ("/v1/bridge/requestApproval", "approval"),
            ("/v1/bridge/setMemory", "memory"),
            ("/v1/pairing/poll", "default"),
        ] {
            assert_eq!(BUCKETS[bucket_of(path)].0, name);
        }
    }
}
