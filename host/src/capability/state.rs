//! A key-value store for each agent and each of its sessions.

use super::tools::{Refusal, Tools};
use crate::store::{Capacity, Change, Changed, Drawer, Expected, Moved, StoreError};

/// The longest key, in bytes.
const MAX_KEY: usize = 256;
/// The longest value, in bytes.
const MAX_VALUE: usize = 256 << 10;
/// The most keys of one list: with their longest, 256 KiB.
const MAX_LISTED: u32 = 1_000;

/// Whose state is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The agent's in this session.
    Session,
    /// The agent's in all sessions.
    Agent,
}

impl Scope {
    fn capacity(self) -> Capacity {
        match self {
            Self::Session => Capacity { entries: 1_000, bytes: 1 << 20 },
            Self::Agent => Capacity { entries: 10_000, bytes: 16 << 20 },
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Session => "a session",
            Self::Agent => "an agent",
        }
    }
}

/// One scope of what an agent keeps, as a turn of it sees it.
pub struct State<'a> {
    tools: &'a Tools,
    scope: Scope,
}

impl<'a> State<'a> {
    pub(super) fn new(tools: &'a Tools, scope: Scope) -> Self {
        Self { tools, scope }
    }

    fn drawer(&self) -> Drawer {
        let drawer = match self.scope {
            Scope::Session => Drawer::of_session(self.tools.agent.as_str(), &self.tools.session),
            Scope::Agent => Drawer::of_agent(self.tools.agent.as_str()),
        };
        drawer.of_schema(self.tools.schema)
    }

    /// The first line of each call.
    fn go_on(&self) -> Result<(), Refusal> {
        self.tools.go_on()?;
        match self.tools.only {
            Some(only) if only != self.scope => {
                Err(Refusal::Unavailable(format!("this call carries over the state of {} alone", only.name())))
            }
            _ => Ok(()),
        }
    }

    /// Another version keeps it in another shape now.
    fn moved(&self, moved: Moved) -> Refusal {
        let (whose, now, mine) = (self.scope.name(), moved.schema, self.tools.schema);
        Refusal::Unavailable(format!(
            "the state of {whose} was carried over to schema {now} by another version, and this one keeps schema {mine}; \
             the next turn is the other version's"
        ))
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`Refusal`], as for all of these: the turn is to stop, a bound is reached, the key is none, the store fails.
    pub async fn get(&self, key: String) -> Result<Option<Vec<u8>>, Refusal> {
        self.go_on()?;
        check_key(&key)?;
        self.tools.store.recall(self.drawer(), key).await.map_err(failed)?.map_err(|moved| self.moved(moved))
    }

    /// Sets a key.
    ///
    /// # Errors
    /// See [`State::get`].
    pub async fn set(&self, key: String, value: Vec<u8>) -> Result<(), Refusal> {
        self.change(Change { key, expected: Expected::Anything, new: Some(value) }).await.map(drop)
    }

    /// Sets or deletes a key if it holds what is expected; tells whether it did.
    ///
    /// # Errors
    /// See [`State::get`].
    pub async fn compare_and_set(
        &self,
        key: String,
        expected: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
    ) -> Result<bool, Refusal> {
        self.change(Change { key, expected: Expected::Exactly(expected), new }).await
    }

    /// Deletes a key, if it is there.
    ///
    /// # Errors
    /// See [`State::get`].
    pub async fn delete(&self, key: String) -> Result<(), Refusal> {
        self.change(Change { key, expected: Expected::Anything, new: None }).await.map(drop)
    }

    /// Keys with a prefix, in the order of their bytes, after one of them.
    ///
    /// # Errors
    /// See [`State::get`].
    pub async fn keys(&self, prefix: String, after: Option<String>, max: u32) -> Result<Vec<String>, Refusal> {
        self.go_on()?;
        let after = after.unwrap_or_default();
        if prefix.len().max(after.len()) > MAX_KEY {
            return Err(Refusal::Invalid(format!("no key is longer than {MAX_KEY} bytes, and `prefix` or `after` is")));
        }
        let keys = self.tools.store.keys(self.drawer(), prefix, after, max.min(MAX_LISTED)).await;
        keys.map_err(failed)?.map_err(|moved| self.moved(moved))
    }

    /// Whether the key held what was expected.
    async fn change(&self, change: Change) -> Result<bool, Refusal> {
        self.go_on()?;
        check_key(&change.key)?;
        if let Some(size) = change.new.as_ref().map(Vec::len).filter(|size| *size > MAX_VALUE) {
            return Err(Refusal::Limit(format!("a value has at most {MAX_VALUE} bytes, not {size}")));
        }
        self.tools.door().touch().await?;
        let (most, whose) = (self.scope.capacity(), self.scope.name());
        match self.tools.store.change(self.drawer(), change, most).await.map_err(failed)? {
            Changed::Done => Ok(true),
            Changed::Differs => Ok(false),
            Changed::Moved(moved) => Err(self.moved(moved)),
            Changed::TooMany => {
                Err(Refusal::Limit(format!("the state of {whose} has at most {} keys; delete some", most.entries)))
            }
            Changed::TooLarge => Err(Refusal::Limit(format!(
                "the state of {whose} has at most {} bytes of keys and values; delete some",
                most.bytes
            ))),
        }
    }
}

fn check_key(key: &str) -> Result<(), Refusal> {
    match key.len() {
        1..=MAX_KEY => Ok(()),
        size => Err(Refusal::Invalid(format!("a key has 1 to {MAX_KEY} bytes, not {size}"))),
    }
}

/// The agent is told that it failed; why, and in which file, is the operator's.
fn failed(error: StoreError) -> Refusal {
    tracing::error!("the state of an agent cannot be used: {error}");
    Refusal::Unavailable("the host's store does not work just now".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Door;
    use crate::config::AgentName;
    use crate::store::{Durability, Store};
    use tokio_util::sync::CancellationToken;

    fn tools(folder: &tempfile::TempDir, stop: CancellationToken) -> Tools {
        let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
        let (name, door) =
            (AgentName::try_from("probe".to_owned()).expect("a name"), Door::closed("probe", store.clone()));
        Tools::new(name, "ses_1".to_owned(), store, stop, door)
    }

    fn reason<T: std::fmt::Debug>(refused: Result<T, Refusal>) -> String {
        format!("{:?}", refused.expect_err("it is refused"))
    }

    #[tokio::test]
    async fn each_bound_is_named_with_its_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let tools = tools(&folder, CancellationToken::new());
        let (session, agent) = (tools.state(Scope::Session), tools.state(Scope::Agent));
        for size in [0, 257] {
            assert!(reason(session.get("k".repeat(size)).await).contains("Invalid(\"a key has 1 to 256 bytes"));
        }
        assert_eq!(session.set("k".repeat(256), vec![0; MAX_VALUE]).await, Ok(()));
        let large = reason(session.compare_and_set("k".into(), None, Some(vec![0; MAX_VALUE + 1])).await);
        assert_eq!(large, "Limit(\"a value has at most 262144 bytes, not 262145\")");
        let mut taken = 1;
        let full = loop {
            match session.set(format!("big {taken}"), vec![0; MAX_VALUE]).await {
                Ok(()) => taken += 1,
                Err(refusal) => break reason(Err::<(), _>(refusal)),
            }
        };
        assert_eq!((taken, full.contains("of a session has at most 1048576 bytes")), (3, true), "{full}");
        for key in 0..10_000 {
            assert_eq!(agent.set(key.to_string(), Vec::new()).await, Ok(()));
        }
        let full = reason(agent.set("one more".into(), Vec::new()).await);
        assert!(full.contains("of an agent has at most 10000 keys"), "{full}");
        assert_eq!(agent.keys(String::new(), None, u32::MAX).await.expect("listed").len(), 1_000);
        assert!(reason(agent.keys(String::new(), Some("k".repeat(257)), 1).await).contains("Invalid"));
    }

    #[tokio::test]
    async fn a_turn_that_is_to_stop_is_told_so_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let stop = CancellationToken::new();
        let tools = tools(&folder, stop.clone());
        let state = tools.state(Scope::Session);
        assert_eq!(state.set("k".into(), vec![1]).await, Ok(()));
        stop.cancel();
        assert!(tools.is_stopped());
        assert_eq!(state.get("k".into()).await, Err(Refusal::Cancelled));
        assert_eq!(state.set("k".into(), vec![2]).await, Err(Refusal::Cancelled));
        assert_eq!(state.compare_and_set("k".into(), None, None).await, Err(Refusal::Cancelled));
        assert_eq!(state.delete("k".into()).await, Err(Refusal::Cancelled));
        assert_eq!(state.keys(String::new(), None, 1).await, Err(Refusal::Cancelled));
        let kept = tools.store.recall(state.drawer(), "k".into()).await.expect("read");
        assert_eq!(kept, Ok(Some(vec![1])));
    }
}
