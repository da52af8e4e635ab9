//! Carries what turns send to the cloud's routes.

use super::status::Status;
use crate::cloud::{Effort, Link, Rest, RestError};
use crate::protocol::{Created, InteractionId, SessionId, UpdateId};
use crate::turn::{Kind, Lost, Outbox, Outgoing, Permit, PermitFuture, SendFuture, Sent, Stage};
use serde::Serialize;
use serde::de::IgnoredAny;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The cloud, as turns see it.
pub(super) struct Carrier {
    pub(super) rest: Rest,
    pub(super) link: Link,
    /// Tells the daemon that the token is refused.
    pub(super) unauthorized: CancellationToken,
    /// Is told how turns go.
    pub(super) status: Arc<Status>,
}

impl Carrier {
    async fn post(&self, path: &'static str, body: &(impl Serialize + Sync), effort: Effort) -> Result<Sent, Lost> {
        let posted = self.rest.post::<IgnoredAny>(path, body, effort).await;
        posted.map(|_| Sent::Done).map_err(|error| self.lost(&error))
    }

    async fn carry(&self, outgoing: Outgoing) -> Result<Sent, Lost> {
        match &outgoing {
            Outgoing::Open(body) => {
                if let Some(turn) = &body.interaction_id {
                    self.status.moved(turn, &body.session_id, Stage::Opening);
                }
                let opened = self.rest.post::<Created>("/v1/bridge/sendMessage", body, Effort::Must).await;
                opened.map(|created| Sent::Opened(created.message_id)).map_err(|error| self.lost(&error))
            }
            Outgoing::End(body) => {
                let ended = self.rest.post::<IgnoredAny>("/v1/bridge/sendMessageEnd", body, Effort::Must).await;
                match ended {
                    Ok(_) => Ok(Sent::Done),
                    Err(error @ RestError::Api { status: 409, .. }) => {
                        let error = crate::text::line(&error.to_string(), 500);
                        tracing::warn!("a bubble was ended already, before a restart of this host: {error}");
                        Ok(Sent::Done)
                    }
                    Err(error) => Err(self.lost(&error)),
                }
            }
            Outgoing::Delta(body) => self.post("/v1/bridge/sendMessageDelta", body, Effort::Must).await,
            Outgoing::CreateTask(body) => self.post("/v1/bridge/createTask", body, Effort::Must).await,
            // The next progress, or the card's end, says more than the one before.
            Outgoing::UpdateTask(body) => self.post("/v1/bridge/updateTask", body, Effort::Usual).await,
            Outgoing::FinishTask(body) => self.post("/v1/bridge/finishTask", body, Effort::Must).await,
        }
    }

    fn lost(&self, error: &RestError) -> Lost {
        match error {
            // Nothing is gone: with another token the turn can still be ended.
            error if error.is_unauthorized() => {
                self.unauthorized.cancel();
                Lost::Failed
            }
            error if error.is_gone() => Lost::Gone,
            error if error.is_refused() => Lost::Refused,
            _ => Lost::Failed,
        }
    }
}

/// Leave to send one request through the carrier.
struct Leave<'c>(&'c Carrier);

impl Permit for Leave<'_> {
    fn send<'a>(self: Box<Self>, outgoing: Outgoing) -> SendFuture<'a>
    where
        Self: 'a,
    {
        Box::pin(self.0.carry(outgoing))
    }
}

impl Outbox for Carrier {
    fn permit<'a>(&'a self, kind: Kind, turn: &'a InteractionId) -> PermitFuture<'a> {
        if kind == Kind::Open {
            self.status.opens(turn);
        }
        Box::pin(async move { Box::new(Leave(self)) as Box<dyn Permit + 'a> })
    }

    fn recorded(&self, update: UpdateId) {
        self.status.recorded();
        self.link.ack(update);
    }

    fn moved(&self, turn: &InteractionId, session: &SessionId, stage: Stage) {
        self.status.moved(turn, session, stage);
    }
}
