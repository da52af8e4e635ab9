//! The state's beginning and end: reading the file, forgetting what is too old, closing.

use super::approval::MAX_ANSWERED;
use super::line::{self, Line};
use super::record::{Role, Task};
use super::repeat::{self, Repeats};
use super::user::COOKIE_AGE;
use super::{Approvals, GRACE, Interaction, Pairings, Row, State, Stream, Thread};
use crate::localcloud::clock::Millis;
use crate::localcloud::persist::{FileError, Loaded, Persist};
use crate::localcloud::refusal::Refusal;
use crate::protocol::SessionId;
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;

/// Idempotency records that the file keeps, the newest.
const KEPT_ANSWERS: u32 = 100_000;

impl State {
    /// Opens the file and remembers what it holds; without a path, starts empty.
    ///
    /// # Errors
    /// [`FileError`] says why the file cannot be used.
    pub(crate) fn open(path: Option<&Path>, now: Millis) -> Result<Self, FileError> {
        let mut persist = Persist::open(path)?;
        sweep_file(&mut persist, now)?;
        let loaded = persist.load()?;
        let mut state = Self {
            persist,
            lines: Vec::new(),
            threads: HashMap::new(),
            places: HashMap::new(),
            interactions: HashMap::new(),
            repeats: Repeats::default(),
            pairings: Pairings::default(),
            approvals: Approvals::default(),
            stream: Stream::new(now),
            page_keys: VecDeque::new(),
            cookies: VecDeque::new(),
            bytes: 0,
            sockets: 0,
        };
        state.fill(loaded);
        Ok(state)
    }

    /// Lets go of the file and reads it again: what is not in it is forgotten.
    ///
    /// # Errors
    /// [`FileError`] says why it cannot be read. Nothing can be written from then on.
    pub(crate) fn reopen(&mut self, path: Option<&Path>, now: Millis) -> Result<(), FileError> {
        let questions = self.questions();
        self.close();
        // A socket that ends late must not be taken for one of those that come.
        *self = Self { sockets: self.sockets, ..Self::open(path, now)? };
        questions.notify_one();
        Ok(())
    }

    fn fill(&mut self, loaded: Loaded) {
        for (installation, token, last_update) in loaded.installations {
            self.lines.push(Line::new(installation, token, last_update));
        }
        for (session, deleted_at) in loaded.sessions {
            let id = session.session_id.clone();
            self.threads.insert(id, Thread { session, deleted_at, messages: Vec::new(), bytes: 0 });
        }
        for message in loaded.messages {
            self.fill_message(message);
        }
        for task in loaded.tasks {
            self.fill_task(task);
        }
        for (id, number, at, frame) in loaded.pending {
            if let Ok(line) = self.line_mut(&id) {
                line.restore(number, at, frame);
            }
        }
        loaded.answers.into_iter().for_each(|answer| self.repeats.remember(answer));
        self.cookies = loaded.cookies.into();
        for mut approval in loaded.approvals {
            if self.threads.get(&approval.session_id).is_none_or(|thread| thread.deleted_at.is_some()) {
                approval.hush();
            }
            self.approvals.put(approval);
        }
    }

    fn fill_message(&mut self, message: super::Message) {
        let id = message.session_id.clone();
        let Some(thread) = self.threads.get_mut(&id) else { return };
        self.places.insert(message.message_id.clone(), (id.clone(), thread.messages.len()));
        if thread.deleted_at.is_some() {
            return;
        }
        if let (Role::User, Some(interaction)) = (message.role, &message.interaction_id) {
            let begun = Interaction { session_id: id.clone(), at: message.created_at, tasks: Vec::new() };
            self.interactions.insert(interaction.clone(), begun);
        }
        let bytes = message.weight();
        thread.messages.push(message);
        self.weigh(&id, bytes, 0);
    }

    fn fill_task(&mut self, task: Task) {
        let Some(interaction) = self.interactions.get_mut(&task.interaction_id) else { return };
        let (session, bytes) = (task.session_id.clone(), task.weight());
        interaction.tasks.push(task);
        self.weigh(&session, bytes, 0);
    }

    /// Forgets what is too old: records of requests, updates, cookies, and deleted sessions for good.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn sweep(&mut self, now: Millis) -> Result<(), Refusal> {
        // Before the purge: an old update holds the user's words too.
        sweep_file(&mut self.persist, now)?;
        let dead = |at: Option<Millis>| at.is_some_and(|at| at + GRACE <= now);
        let dead = self.threads.iter().filter(|(_, thread)| dead(thread.deleted_at)).map(|(id, _)| id.clone());
        let dead: HashSet<SessionId> = dead.collect();
        if !dead.is_empty() {
            let rows: Vec<_> = dead.iter().cloned().map(Row::Purged).collect();
            self.persist.purge(&rows)?;
            self.threads.retain(|id, _| !dead.contains(id));
            self.places.retain(|_, (session, _)| !dead.contains(session));
            self.approvals.forget(&dead);
        }
        self.cookies.retain(|(_, at)| at + COOKIE_AGE > now);
        Ok(())
    }

    /// Brings everything into the one file and lets go of it.
    pub(crate) fn close(&mut self) {
        if let Err(error) = self.persist.close() {
            tracing::warn!(%error, "the cloud's file is whole, but in two parts until it is opened again");
        }
    }
}

fn sweep_file(persist: &mut Persist, now: Millis) -> rusqlite::Result<()> {
    let before = |age: Millis| now.saturating_sub(age);
    let keep = (KEPT_ANSWERS, MAX_ANSWERED);
    persist.sweep(before(repeat::MAX_AGE), before(line::MAX_AGE), before(COOKIE_AGE), keep)
}
