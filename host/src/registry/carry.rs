//! What an agent keeps, across versions of different schemas: judged, tried on copies, carried over.
//!
//! A copy lies in memory alone, so a crash leaves nothing of it. What all sessions share is put in its place together
//! with the post of the version that takes over; a session's before its first turn on that version, as its turns run
//! one after the other.

use super::Registry;
use super::held::Hold;
use super::prove::fault;
use crate::capability::{Door, Scope, Tools};
use crate::config::Manifest;
use crate::store::{Carried, Contents, Drawer, Put, Store, StoreError};
use crate::wasm::{Agent, Ended, Failure, Slots};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Sessions that a version must be able to carry over before it takes over: those last used.
const TRIED: u32 = 100;
/// How long trying them may take in all.
const TIME: Duration = Duration::from_secs(60);
/// How often a drawer is copied anew because somebody wrote to it meanwhile.
pub(super) const TRIES: u32 = 10;

/// Drawers that are carried over at once: each takes a store of its own, with a thread.
pub(super) const AT_ONCE: usize = 16;

/// Why something is not carried over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unable {
    /// The version cannot.
    #[error("{0}")]
    Version(String),
    /// The host cannot just now, whichever version it is.
    #[error("{0}")]
    Host(String),
}

impl From<Unable> for Ended {
    fn from(unable: Unable) -> Self {
        match unable {
            Unable::Version(why) => Self::Stranded { why },
            Unable::Host(why) => Self::Failed(Failure::Unavailable(why)),
        }
    }
}

/// Whether what an agent keeps in one schema must be carried over to a version with another one.
///
/// # Errors
/// Why it cannot be, and what to do.
fn judge(name: &str, now: Option<u32>, is_empty: bool, (wanted, migrates): (u32, bool)) -> Result<bool, String> {
    let Some(now) = now.filter(|now| *now != wanted) else { return Ok(false) };
    if is_empty || migrates {
        return Ok(true);
    }
    Err(match wanted < now {
        true => format!(
            "its `[state] schema` is {wanted}, and what `{name}` keeps is of schema {now} already; set it to {now} or more, \
             export `migrate` to carry the state back, or go back with `sophon-host agent rollback {name}`"
        ),
        false => format!(
            "its `[state] schema` is {wanted}, and what `{name}` keeps is of schema {now}; export `migrate` \
             (`sophon:agent/migrator`) to carry that over, or leave the schema at {now}"
        ),
    })
}

impl Registry {
    /// Lets a version carry over copies of what its agent keeps, which are thrown away.
    ///
    /// # Errors
    /// Which state it could not carry over, and why.
    pub(super) async fn prove_state(&self, agent: &Agent) -> Result<(), String> {
        let Some(now) = self.carries_from(agent).await? else { return Ok(()) };
        let late = |_| format!("it did not carry over what it keeps within {} s", TIME.as_secs());
        tokio::time::timeout(TIME, self.try_all(agent, now)).await.map_err(late)?
    }

    async fn try_all(&self, agent: &Agent, now: u32) -> Result<(), String> {
        let (name, to) = (agent.manifest.name.as_str(), agent.manifest.schema);
        let sessions = self.store.sessions_behind(name, to, TRIED).await.map_err(unread)?;
        self.copy_of_agents(agent, now).await?;
        for session in sessions {
            let contents = self.store.contents(Drawer::of_session(name, &session)).await.map_err(unread)?;
            let from = contents.schema;
            let place = format!("in session {}", crate::text::line(&session, 80));
            let carried = self.convert(agent, Slots::Aside, (Scope::Session, &session), contents).await;
            carried.map_err(|why| refused(&place, from, to, why).to_string())?;
        }
        Ok(())
    }

    /// The schema from which a version must carry its agent's state over, if it must.
    async fn carries_from(&self, agent: &Agent) -> Result<Option<u32>, String> {
        let (name, schema) = (&agent.manifest.name, agent.manifest.schema);
        let shapes = self.store.shapes(name.as_str()).await.map_err(unread)?;
        let answers = || self.lines().by_name.get(name).map(|line| line.current.manifest.schema);
        let now = shapes.now.or_else(answers);
        let is_due = judge(name.as_str(), now, shapes.is_empty, (schema, agent.migrates()))?;
        Ok(now.filter(|_| is_due))
    }

    /// What becomes of an agent's own state as a version takes over, if anything.
    ///
    /// # Errors
    /// Why it cannot be carried over.
    pub(super) async fn carried(&self, agent: &Agent) -> Result<Option<Carried>, String> {
        match self.carries_from(agent).await? {
            Some(now) => self.copy_of_agents(agent, now).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether a change of versions that is prepared like this is still what is to be done.
    pub(super) async fn is_still_due(&self, agent: &Agent, prepared: bool) -> bool {
        self.carries_from(agent).await.is_ok_and(|from| from.is_some() == prepared)
    }

    async fn copy_of_agents(&self, agent: &Agent, now: u32) -> Result<Carried, String> {
        let drawer = Drawer::of_agent(agent.manifest.name.as_str()).of_schema(now);
        let contents = self.store.contents(drawer).await.map_err(unread)?;
        let (from, to) = (contents.schema, agent.manifest.schema);
        let converted = self.convert(agent, Slots::Aside, (Scope::Agent, ""), contents);
        // All other agents wait for this one meanwhile.
        let late = |_| Unable::Version(format!("it was not done within {} s", TIME.as_secs()));
        let carried = tokio::time::timeout(TIME, converted).await.map_err(late).and_then(|carried| carried);
        carried.map_err(|why| refused("in all sessions", from, to, why).to_string())
    }

    /// At a start: a version that answers though nobody let it take over, such as the first one that is ever seen.
    pub(super) async fn catch_up(&self, agent: &Agent) {
        let name = &agent.manifest.name;
        let done = match self.carried(agent).await {
            Ok(None) => return,
            Ok(Some(carried)) => {
                let drawer = Drawer::of_agent(name.as_str()).of_schema(agent.manifest.schema);
                self.store.carry(drawer, carried).await.map(drop).map_err(unread)
            }
            Err(why) => Err(why),
        };
        if let Err(why) = done {
            tracing::error!(agent = %name, "it answers, but cannot use what it keeps: {why}");
        }
    }

    /// Before a turn of a version in a session: what the agent keeps there is in the version's shape, for as long as what is
    /// given is there.
    ///
    /// # Errors
    /// How the turn ends, if it cannot be.
    pub async fn ready(&self, agent: &Agent, session: &str) -> Result<Hold, Ended> {
        let hold = self.held.hold(Drawer::of_session(agent.manifest.name.as_str(), session)).await;
        if agent.manifest.schema == Manifest::FIRST_SCHEMA && !self.varied.load(Ordering::Acquire) {
            return Ok(hold);
        }
        for _ in 0..TRIES {
            match self.make_ready(agent, session, Slots::OfTurns).await {
                Ok(Put::Done) => return Ok(hold),
                Ok(Put::Changed) => {}
                Ok(Put::Elsewhere(now)) => {
                    let (name, mine) = (&agent.manifest.name, agent.manifest.schema);
                    let why = format!("what `{name}` keeps is of schema {now}, and this version's is {mine}");
                    return Err(Unable::Version(why).into());
                }
                Err(why) => return Err(why.into()),
            }
        }
        Err(Unable::Host("somebody else writes to it all the time".to_owned()).into())
    }

    pub(super) async fn make_ready(&self, agent: &Agent, session: &str, slots: Slots) -> Result<Put, Unable> {
        let (name, wanted) = (agent.manifest.name.as_str(), agent.manifest.schema);
        let drawer = Drawer::of_session(name, session).of_schema(wanted);
        let shape = match self.store.shape(drawer.clone()).await {
            Ok(shape) => shape,
            Err(error) if slots == Slots::Aside => return Err(down(error)),
            Err(error) => {
                tracing::error!("what an agent keeps cannot be looked at: {error}");
                // Whoever uses it is told.
                return Ok(Put::Done);
            }
        };
        let Some(shape) = shape.filter(|shape| shape.schema != wanted) else { return Ok(Put::Done) };
        if shape.before == Some(wanted) && shape.agents != Some(wanted) {
            // A turn runs again by the version before, or the session is pinned to it. What the new one has written stays
            // until that has gone back: meanwhile this one reads what was before.
            self.store.give_back(drawer).await.map_err(down)?;
            return Ok(Put::Done);
        }
        let contents = self.store.contents(drawer.clone()).await.map_err(down)?;
        let from = contents.schema;
        let judged = judge(name, Some(from), contents.entries.is_empty(), (wanted, agent.migrates()));
        judged.map_err(Unable::Version)?;
        let carried = self.convert(agent, slots, (Scope::Session, session), contents).await;
        let carried = carried.map_err(|why| refused("in this session", from, wanted, why))?;
        self.store.carry(drawer, carried).await.map_err(down)
    }

    /// Lets a version make a copy of a drawer into its shape. What is empty has every shape.
    async fn convert(
        &self,
        agent: &Agent,
        slots: Slots,
        (of, session): (Scope, &str),
        mut contents: Contents,
    ) -> Result<Carried, Unable> {
        let (name, to) = (&agent.manifest.name, agent.manifest.schema);
        let entries = std::mem::take(&mut contents.entries);
        if entries.is_empty() {
            return Ok(contents.carried(to, entries));
        }
        let _part = self.converts.acquire().await;
        let scratch = Store::scratch().map_err(down)?;
        let drawer = match of {
            Scope::Session => Drawer::of_session(name.as_str(), session),
            Scope::Agent => Drawer::of_agent(name.as_str()),
        };
        let drawer = drawer.of_schema(to);
        let copy = Contents::none(contents.schema).carried(to, entries);
        scratch.carry(drawer.clone(), copy).await.map_err(down)?;
        let door = Door::closed(name.as_str(), scratch.clone());
        let tools = Tools::new(name.clone(), session.to_owned(), scratch.clone(), CancellationToken::new(), door);
        let what = (of, contents.schema);
        let ended = agent.carry_over(&self.engine, slots, what, tools.with_schema(to)).await;
        ended.map_err(|ended| {
            let why = fault(&ended).unwrap_or_else(|| "it answered a turn".to_owned());
            if matches!(ended, Ended::Busy { .. }) { Unable::Host(why) } else { Unable::Version(why) }
        })?;
        let made = scratch.contents(drawer).await.map_err(down)?;
        Ok(contents.carried(to, made.entries))
    }
}

fn refused(place: &str, from: u32, to: u32, why: Unable) -> Unable {
    let words =
        |why: &str| format!("its `migrate` did not carry over what it keeps {place} from schema {from} to {to}: {why}");
    match why {
        Unable::Version(why) => Unable::Version(words(&why)),
        Unable::Host(why) => Unable::Host(words(&why)),
    }
}

fn down(error: StoreError) -> Unable {
    Unable::Host(unread(error))
}

fn unread(error: StoreError) -> String {
    format!("the host's store does not work: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_take_over_which_state() {
        let judge = |now, is_empty, wanted, migrates| judge("vary", now, is_empty, (wanted, migrates));
        for (now, is_empty, wanted, migrates, due) in [
            (None, true, 7, false, false),
            (Some(2), false, 2, false, false),
            (Some(2), false, 2, true, false),
            (Some(1), false, 2, true, true),
            (Some(2), false, 1, true, true),
            (Some(1), true, 2, false, true),
            (Some(2), true, 1, false, true),
        ] {
            assert_eq!(judge(now, is_empty, wanted, migrates), Ok(due), "{now:?} {wanted} {migrates}");
        }
        let lower = judge(Some(3), false, 2, false).expect_err("it lowers");
        assert!(["is 2", "of schema 3", "agent rollback vary"].iter().all(|part| lower.contains(part)), "{lower}");
        let raise = judge(Some(3), false, 4, false).expect_err("it raises");
        assert!(["is 4", "of schema 3", "export `migrate`"].iter().all(|part| raise.contains(part)), "{raise}");
    }
}
