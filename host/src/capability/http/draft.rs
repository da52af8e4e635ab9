//! A request whose body is still written: it has its room already, and goes the way of all requests when it is whole.

use super::answer::Response;
use super::exchange::Web;
use super::fault::Fault;
use super::quota::Room;
use super::request::{Request, check_body};
use std::sync::Arc;

/// A request in the making. Dropped, it is given up.
pub struct Draft {
    web: Arc<Web>,
    room: Room,
    body: Vec<u8>,
}

impl Web {
    /// Begins a request whose body comes piece by piece.
    ///
    /// # Errors
    /// When the turn is to stop, or has too many requests and answers.
    pub fn draft(self: &Arc<Self>) -> Result<Draft, Fault> {
        Ok(Draft { room: self.room()?, web: self.clone(), body: Vec::new() })
    }

    /// Counts a piece of a body that a guest hands over, whether or not it is ever sent: the host holds it.
    ///
    /// # Errors
    /// When the turn has handed over too much.
    pub fn take_over(&self, bytes: usize) -> Result<(), Fault> {
        self.quota.send(bytes)
    }
}

impl Draft {
    /// Adds to the body what was counted when it was handed over.
    ///
    /// # Errors
    /// When it is too long.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Fault> {
        check_body(self.body.len() + piece.len())?;
        self.body.extend_from_slice(piece);
        Ok(())
    }

    /// The size of the body so far.
    pub fn size(&self) -> usize {
        self.body.len()
    }

    /// Sends the request with this body, and waits for the head of the answer.
    ///
    /// # Errors
    /// [`Fault`], with its kind.
    pub async fn send(self, request: Request) -> Result<Response, Fault> {
        let Self { web, room, body } = self;
        let checked = Request { body, ..request }.check(web.keys())?;
        web.run(Box::new(checked), None, room).await
    }
}
