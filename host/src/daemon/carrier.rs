//! Carries what turns send to the cloud's routes.

use super::status::Status;
use crate::cloud::{self, Effort, Link, Post, Rest, RestError, Traces};
use crate::protocol::{Asked, Created, InteractionId, SessionId, UpdateId, UserMessage, Verdict};
use crate::turn::{self, Kind, Lost, Outbox, Outgoing, Permit, PermitFuture, SendFuture, Sent, Stage};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio_util::sync::CancellationToken;
use tracing::Span;
use tracing::field::Empty;

const OPEN: &str = "/v1/bridge/sendMessage";
const DELTA: &str = "/v1/bridge/sendMessageDelta";
const END: &str = "/v1/bridge/sendMessageEnd";
const CREATE_TASK: &str = "/v1/bridge/createTask";
const UPDATE_TASK: &str = "/v1/bridge/updateTask";
const FINISH_TASK: &str = "/v1/bridge/finishTask";
const ASK: &str = "/v1/bridge/requestApproval";

/// The cloud, as turns see it.
pub(super) struct Carrier {
    pub(super) rest: Rest,
    pub(super) link: Link,
    pub(super) traces: Traces,
    /// Tells the daemon that the token is refused.
    pub(super) unauthorized: CancellationToken,
    /// Is told how turns go.
    pub(super) status: Arc<Status>,
}

/// Leave to send one request of a turn through the carrier.
struct Leave<'c> {
    carrier: &'c Carrier,
    turn: &'c InteractionId,
    permit: cloud::Permit,
}

impl Leave<'_> {
    async fn carry(self, outgoing: Outgoing) -> Result<Sent, Lost> {
        let carrier = self.carrier;
        let sent = match &outgoing {
            Outgoing::Open(body) => {
                let opened = self.post::<Created>(OPEN, body, Effort::Must).await;
                return opened.map(|created| Sent::Opened(created.message_id)).map_err(|error| carrier.lost(&error));
            }
            Outgoing::End(body) => match self.post::<IgnoredAny>(END, body, Effort::Must).await {
                Err(error @ RestError::Api { status: 409, .. }) => {
                    carrier.defect(&error);
                    let error = crate::text::line(&error.to_string(), 500);
                    tracing::warn!("a bubble was ended already, before a restart of this host: {error}");
                    return Ok(Sent::Done);
                }
                sent => sent,
            },
            Outgoing::Ask(body) => {
                let asked = self.post::<Asked>(ASK, body, Effort::Must).await;
                return asked.map(|asked| answer(&asked)).map_err(|error| carrier.lost(&error));
            }
            Outgoing::Delta(body) => self.post(DELTA, body, Effort::Must).await,
            Outgoing::CreateTask(body) => self.post(CREATE_TASK, body, Effort::Must).await,
            // The next progress, or the card's end, says more than the one before.
            Outgoing::UpdateTask(body) => self.post(UPDATE_TASK, body, Effort::Usual).await,
            Outgoing::FinishTask(body) => self.post(FINISH_TASK, body, Effort::Must).await,
        };
        sent.map(|IgnoredAny| Sent::Done).map_err(|error| carrier.lost(&error))
    }

    async fn post<T: DeserializeOwned>(
        self,
        path: &'static str,
        body: &(impl Serialize + Sync),
        effort: Effort,
    ) -> Result<T, RestError> {
        let trace = self.carrier.traces.of(self.turn);
        self.carrier.rest.send(self.permit, Post { path, body, effort, trace: &trace }).await
    }
}

impl Carrier {
    /// Events of the link that wait, and requests that wait for the cloud's limits.
    pub(super) fn depths(&self) -> (usize, usize) {
        (self.link.waiting(), self.rest.waiting())
    }

    /// Logs what can only be a mistake of ours: keys are made from the turn, and so are the requests under them.
    fn defect(&self, error: &RestError) {
        if let RestError::Api { path, error: api, request_id, .. } = error
            && api.code == "idempotency_conflict"
        {
            let request_id = request_id.as_ref().map(|id| crate::text::line(id, 80));
            tracing::error!(route = path, request_id, "a key was used for two requests: this is a defect of the host");
        }
    }

    fn lost(&self, error: &RestError) -> Lost {
        self.defect(error);
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

impl Permit for Leave<'_> {
    fn send<'a>(self: Box<Self>, outgoing: Outgoing) -> SendFuture<'a>
    where
        Self: 'a,
    {
        Box::pin(async move {
            let (carrier, turn, kind, began) = (self.carrier, self.turn, Kind::of(&outgoing), Instant::now());
            let sent = self.carry(outgoing).await;
            carrier.status.request(turn, kind, sent.as_ref().err().copied(), began.elapsed());
            sent
        })
    }
}

/// What came of asking the user.
fn answer(asked: &Asked) -> Sent {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let expires_in = asked.expires_at.map(|at| Duration::from_millis(at).saturating_sub(now));
    let payload = serde_json::json!({ "decision": asked.decision });
    Sent::Asked { expires_in, verdict: Verdict::of(&payload) }
}

/// The route of a kind of request; of several, one that draws on the same bucket.
fn route(kind: Kind) -> &'static str {
    match kind {
        Kind::Open => OPEN,
        Kind::Delta => DELTA,
        Kind::Card => CREATE_TASK,
        Kind::Ask => ASK,
        Kind::End => END,
    }
}

/// The kind of what goes to a route, in the word that metrics use.
pub(super) fn kind_of(path: &str) -> &'static str {
    match path {
        OPEN => "open",
        DELTA => "delta",
        CREATE_TASK | UPDATE_TASK | FINISH_TASK => "card",
        END => "end",
        _ => "other",
    }
}

impl Outbox for Carrier {
    fn permit<'a>(&'a self, kind: Kind, turn: &'a InteractionId) -> PermitFuture<'a> {
        if kind == Kind::Open {
            self.status.opens(turn);
        }
        Box::pin(async move {
            let asked = Instant::now();
            let permit = self.rest.permit(route(kind)).await;
            self.status.leave(kind, asked.elapsed());
            Box::new(Leave { carrier: self, turn, permit }) as Box<dyn Permit + 'a>
        })
    }

    fn recorded(&self, update: UpdateId) {
        self.status.recorded();
        self.link.ack(update);
    }

    fn begins(&self, message: &UserMessage) -> Span {
        let UserMessage { session, interaction, trace: came, .. } = message;
        let trace = self.traces.begin(interaction, came.as_ref());
        let (span_id, parent_id) = (trace.step().id(), came.as_ref().map(|came| format!("{:016x}", came.span)));
        let (agent, result) = (Empty, Empty);
        tracing::info_span!("turn", %session, %interaction, agent, %trace, span_id, parent_id, result)
    }

    fn asks(&self) {
        self.status.asks();
    }

    fn asked(&self, asked: turn::Asked) {
        self.status.asked(asked);
    }

    fn moved(&self, turn: &InteractionId, session: &SessionId, stage: Stage) {
        if let Stage::Ended { .. } = stage {
            self.traces.end(turn);
        }
        self.status.moved(turn, session, stage);
    }
}
