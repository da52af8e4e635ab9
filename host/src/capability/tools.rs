//! What one turn may use, and why it is refused.

use super::door::Door;
use super::exec::{Programs, Runs};
use super::files::{Folders, InUse, Meter, Open};
use super::http::{Connector, Web};
use super::secret::Keys;
use super::settings::Settings;
use super::state::{Scope, State};
use crate::config::{AgentName, Manifest};
use crate::store::Store;
use std::sync::Arc;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What one turn of an agent may use. Made for the turn, and gone with it.
pub struct Tools {
    pub(super) agent: AgentName,
    pub(super) session: String,
    pub(super) store: Store,
    /// The shape of the agent's state, as this version keeps it.
    pub(super) schema: u32,
    /// The one scope of the state that is there.
    pub(super) only: Option<Scope>,
    /// The turn is to stop: nothing is begun any more.
    stop: CancellationToken,
    settings: Arc<Settings>,
    door: Arc<Door>,
    web: Arc<Web>,
    pub(super) programs: Option<Arc<Programs>>,
    pub(super) runs: Runs,
    pub(super) folders: Option<Arc<Folders>>,
    /// What the turn writes outside its work folder.
    pub(super) elsewhere: Arc<Meter>,
    _in_use: Option<InUse>,
}

/// Why a call is refused. The text is for the agent's author, and holds nothing of the host's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The turn is to stop.
    #[error("the turn was stopped")]
    Cancelled,
    /// It is not allowed.
    #[error("not allowed by {rule}; {hint}")]
    Denied {
        /// What says so.
        rule: String,
        /// What would allow it.
        hint: String,
    },
    /// A person was asked, and nobody answered in time.
    #[error("not allowed, as nobody answered in time")]
    Expired,
    /// The turn asked a person too often. It ends by that.
    #[error("the turn asked too often")]
    TooManyAsks,
    /// The turn was denied too much. It ends by that.
    #[error("more of what it asked for was denied than a turn may be denied")]
    TooManyDenials,
    /// The turn started as many programs as it may.
    #[error("its limit of {0} programs is reached (`limits.programs`)")]
    TooManyPrograms(u64),
    /// All turns of the agent together run as many programs as they may.
    #[error(
        "its total of {0} programs at once, which all its turns share, is reached (`total.programs`); try again when some \
         have ended"
    )]
    TooManyTogether(u32),
    /// A bound is reached; the text names it.
    #[error("{0}")]
    Limit(String),
    /// An argument makes no sense; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    /// The host cannot do it just now; its log says why.
    #[error("{0}")]
    Unavailable(String),
}

impl Tools {
    /// What a turn of `agent` in `session` may use, until `stop`.
    pub fn new(agent: AgentName, session: String, store: Store, stop: CancellationToken, door: Door) -> Self {
        let (settings, door, programs) = (Arc::default(), Arc::new(door), None);
        let web = Arc::new(Web::new(Arc::default(), Keys::default(), door.clone(), stop.clone()));
        let (runs, folders, elsewhere) = (Runs::new(0, 0), None, Arc::new(Meter::of_a_turn()));
        let (schema, only, _in_use) = (Manifest::FIRST_SCHEMA, None, None);
        Self {
            agent,
            session,
            store,
            schema,
            only,
            stop,
            settings,
            door,
            web,
            programs,
            runs,
            folders,
            elsewhere,
            _in_use,
        }
    }

    /// Sets the shape in which this version keeps its state.
    #[must_use]
    pub fn with_schema(mut self, schema: u32) -> Self {
        self.schema = schema;
        self
    }

    /// Leaves one scope of the state, and not the other.
    #[must_use]
    pub fn with_only(mut self, scope: Scope) -> Self {
        self.only = Some(scope);
        self
    }

    /// The way to all that has to be allowed.
    pub fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// Adds what the operator set for the agent.
    #[must_use]
    pub fn with_settings(mut self, settings: Arc<Settings>) -> Self {
        self.settings = settings;
        self
    }

    /// Adds the way to run programs, so many in all; and so many at once with those of the agent's other turns.
    #[must_use]
    pub fn with_programs(mut self, programs: Arc<Programs>, limit: u64, together: u32) -> Self {
        self.programs = Some(programs);
        self.runs = Runs::new(limit, together);
        self
    }

    /// Adds the host's folders, and keeps the turn's own while it runs.
    #[must_use]
    pub fn with_folders(mut self, folders: Arc<Folders>) -> Self {
        self._in_use = Some(folders.hold(&self.agent, &self.session));
        self.folders = Some(folders);
        self
    }

    /// The files that guests of this host have open.
    pub fn open_files(&self) -> Option<&Arc<Open>> {
        self.folders.as_ref().map(|folders| folders.open())
    }

    /// Adds the host's connector, and the secrets that requests may be filled with.
    #[must_use]
    pub fn with_connector(mut self, connector: Arc<Connector>, keys: Keys) -> Self {
        self.web = Arc::new(Web::new(connector, keys, self.door.clone(), self.stop.clone()));
        self
    }

    /// What the operator set for the agent.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the agent keeps.
    pub fn state(&self, scope: Scope) -> State<'_> {
        State::new(self, scope)
    }

    /// Its requests.
    pub fn web(&self) -> &Arc<Web> {
        &self.web
    }

    /// Waits until the turn is to stop.
    pub fn stopped(&self) -> WaitForCancellationFutureOwned {
        self.stop.clone().cancelled_owned()
    }

    /// Set when the turn is to stop.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Whether the turn is to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The first line of what takes effect.
    ///
    /// # Errors
    /// [`Refusal::Cancelled`] when the turn is to stop.
    pub(super) fn go_on(&self) -> Result<(), Refusal> {
        if self.is_stopped() { Err(Refusal::Cancelled) } else { Ok(()) }
    }
}
