//! The Sophon Agent Protocol as data: ids, frames, updates, requests, answers.
//!
//! Serde only. Nothing here waits, reads a clock or touches a file, so both ends of the wire (`cloud`, the
//! client, and `localcloud`, the embedded server) share these types and cannot drift apart.

mod answer;
mod approval;
mod frame;
mod id;
mod request;
mod trace;
mod update;

pub use answer::{ApiError, Created, Envelope, FieldError, PollResult, StartResult};
pub use approval::{Asked, Decision, GrantScope, RequestApproval, Severity, Verdict};
pub use frame::{BridgeFrame, FrameError, ServerFrame};
pub use id::{ApprovalId, IdError, InstallationId, InteractionId, MessageId, SessionId, TaskId, UpdateId};
pub use request::{
    CreateTask, FinishReason, FinishTask, Outgoing, PairingPoll, PairingStart, SendMessage, SendMessageDelta,
    SendMessageEnd, TaskStatus, UpdateTask, Usage,
};
pub use trace::TraceContext;
pub use update::{Attachment, Event, ThoughtLevel, Update, UserMessage};

/// The longest JSON body that the cloud takes, in bytes (errors page, `413 payload_too_large`).
pub const MAX_BODY: usize = 1_000_000;
/// The longest single text field (`text`, `delta`), in bytes of UTF-8.
pub const MAX_TEXT: usize = 64_000;
/// The longest `args` or `result` of a task card, in bytes of JSON.
pub const MAX_TASK_JSON: usize = 100_000;
/// The longest frame that either side reads from the socket, in bytes. Larger ones are counted and dropped.
pub const MAX_FRAME: usize = 1_100_000;
/// The placeholder text of a bubble that will stream. The documents show one space.
pub const PLACEHOLDER: &str = " ";
