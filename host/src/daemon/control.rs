//! The socket by which the same user's programs do something to a host that runs: one order, one answer, each a line of
//! JSON.

use super::local::{self, AskError, Local};
use crate::registry::{LineReport, Registry};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// The longest order, in bytes.
const MAX_ORDER: u64 = 64 << 10;
/// How long a peer may take to say what it wants, and to read the answer.
const PEER_TIME: Duration = Duration::from_secs(5);
/// How long a host may take: it compiles.
const ANSWER_TIME: Duration = Duration::from_secs(300);
const NAME: &str = "control.sock";

/// What a host can be told to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Tell of the agents.
    Agents,
    /// Look at what lies in the agents' folders, at once.
    Look,
    /// The same, and try again what was refused.
    Reload {
        /// Of this agent alone.
        agent: Option<String>,
    },
    /// Let the version before answer again.
    RollBack {
        /// The agent.
        agent: String,
        /// Though what it has kept since is lost.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        restore_state: bool,
    },
    /// Let a session stay with a version.
    Pin {
        /// The session.
        session: String,
        /// The agent, and the beginning of the version's id; the version that answers, if there is none.
        agent: String,
        /// See there.
        version: Option<String>,
    },
    /// Let a session see the version that answers.
    Unpin {
        /// The session.
        session: String,
    },
    /// Forget an agent, whose folder is gone.
    Dismiss {
        /// The agent.
        agent: String,
    },
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What the order was about, in words: a version.
    pub what: Option<String>,
    /// Why it could not be done.
    pub error: Option<String>,
    /// The agents, as they are now.
    pub agents: Vec<LineReport>,
    /// Where something lies that is no agent, and why.
    pub problems: Vec<(String, String)>,
}

/// Opens the socket. It is there as long as what is given.
pub(super) fn open(data_dir: &Path, registry: Arc<Registry>) -> io::Result<Local> {
    Local::open(data_dir, NAME, move |peer| serve(peer, registry.clone()))
}

async fn serve(mut peer: UnixStream, registry: Arc<Registry>) {
    let mut order = Vec::new();
    let read = timeout(PEER_TIME, async { (&mut peer).take(MAX_ORDER).read_to_end(&mut order).await }).await;
    let outcome = match read {
        Ok(Ok(_)) => match serde_json::from_slice(&order) {
            Ok(order) => carry_out(&registry, order).await,
            Err(error) => Err(format!("that is no order of this version: {error}")),
        },
        // It is gone, or says nothing.
        Ok(Err(_)) | Err(_) => return,
    };
    let (what, error) = match outcome {
        Ok(what) => (what, None),
        Err(error) => (None, Some(crate::text::line(&error, 2_000))),
    };
    let problem =
        |(path, why): (std::path::PathBuf, String)| (path.display().to_string(), crate::text::line(&why, 1_000));
    let problems = registry.problems().into_iter().map(problem).collect();
    let done = Done { what, error, agents: registry.report(), problems };
    let json = serde_json::to_string(&done).expect("text and numbers always serialize");
    local::tell(&mut peer, &format!("{json}\n"), PEER_TIME).await;
}

async fn carry_out(registry: &Arc<Registry>, order: Order) -> Result<Option<String>, String> {
    match order {
        Order::Agents => Ok(None),
        Order::Look => {
            registry.look().await;
            Ok(None)
        }
        Order::Reload { agent } => registry.reload(agent.as_deref()).await.map(|()| None),
        Order::RollBack { agent, restore_state } => registry.roll_back(&agent, restore_state).await.map(Some),
        Order::Pin { session, agent, version } => {
            registry.pin(&session, Some((&agent, version.as_deref()))).await.map(Some)
        }
        Order::Unpin { session } => registry.pin(&session, None).await.map(Some),
        Order::Dismiss { agent } => registry.dismiss(&agent).await.map(|()| None),
    }
}

/// Gives an order to the host that runs in a data folder.
///
/// # Errors
/// See [`AskError`].
pub async fn order(data_dir: &Path, order: &Order) -> Result<Done, AskError> {
    let words = serde_json::to_vec(order).expect("text always serializes");
    let answer = local::ask(data_dir, NAME, &words, ANSWER_TIME).await?;
    let other = |error: serde_json::Error| AskError::Failed {
        folder: data_dir.to_owned(),
        reason: format!("it is of another version ({error})"),
    };
    serde_json::from_value(answer).map_err(other)
}
