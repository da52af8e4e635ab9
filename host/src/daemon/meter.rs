//! What the link tells of itself, counted for Prometheus.

use super::carrier::kind_of;
use super::status::Status;
use crate::cloud::{Again, Direction, Meter, Way};

impl Meter for Status {
    fn carried(&self, way: Way, direction: Direction, bytes: usize) {
        let way = match way {
            Way::Socket => "socket",
            Way::Requests => "requests",
        };
        self.counts().carried(way, direction == Direction::Up, bytes);
    }

    fn retried(&self, path: &'static str, why: Again) {
        let why = match why {
            Again::Limited => "refused_429",
            Again::Broken => "refused_5xx",
            Again::Malformed => "malformed",
            Again::Network => "network",
        };
        self.counts().retried(kind_of(path), why);
    }
}
