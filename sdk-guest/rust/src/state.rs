//! What lasts from turn to turn: keys with values, kept by the host.
//!
//! [`session`] is this chat thread's, [`agent`] is this agent's in all threads. A key has 1 to 256 bytes, a value at most
//! 256 KiB; a session holds 1,000 keys and 1 MiB, an agent 10,000 and 16 MiB.
//!
//! ```no_run
//! use sophon_agent::{Result, state};
//!
//! fn greet() -> Result<String> {
//!     let name = state::agent().get_text("name")?.unwrap_or_else(|| "you".to_owned());
//!     state::session().set("greeted", &name)?;
//!     Ok(format!("Hello, {name}!"))
//! }
//! ```

use crate::bindings::sophon::agent::state as wit;
use crate::{Failure, Result};
use wit::Scope;

/// The most keys that the host lists in one call.
const PAGE: u32 = 1_000;

/// One scope of what is kept.
#[derive(Debug, Clone, Copy)]
pub struct State(Scope);

/// What is kept for this agent in this chat thread.
pub fn session() -> State {
    State(Scope::Session)
}

/// What is kept for this agent in all threads. Turns of other threads change it meanwhile: see [`State::update`].
pub fn agent() -> State {
    State(Scope::Agent)
}

impl State {
    /// The value of a key, if it has one.
    ///
    /// # Errors
    /// [`Failure::Invalid`] for what is no key, [`Failure::Cancelled`] when the user has stopped the turn.
    pub fn get(self, key: &str) -> Result<Option<Vec<u8>>> {
        wit::get(self.0, key).map_err(Failure::from_wit)
    }

    /// The value of a key as text, if it has one.
    ///
    /// # Errors
    /// As for [`State::get`], and when the value is not UTF-8.
    pub fn get_text(self, key: &str) -> Result<Option<String>> {
        Ok(self.get(key)?.map(String::from_utf8).transpose()?)
    }

    /// Sets a key.
    ///
    /// # Errors
    /// As for [`State::get`], and [`Failure::Limit`] for what does not fit.
    pub fn set(self, key: &str, value: impl AsRef<[u8]>) -> Result<()> {
        wit::set(self.0, key, value.as_ref()).map_err(Failure::from_wit)
    }

    /// Sets a key, or with no `new` deletes it, if its value still is `expected`; tells whether it did.
    ///
    /// # Errors
    /// As for [`State::set`].
    pub fn compare_and_set(self, key: &str, expected: Option<&[u8]>, new: Option<&[u8]>) -> Result<bool> {
        wit::compare_and_set(self.0, key, expected, new).map_err(Failure::from_wit)
    }

    /// Changes a key from what it holds to what `change` makes of that, over again while others change it in between.
    ///
    /// ```no_run
    /// # fn count() -> sophon_agent::Result<()> {
    /// use sophon_agent::state;
    ///
    /// state::agent().update("visits", |old| {
    ///     let visits: u64 = old.and_then(|old| std::str::from_utf8(old).ok()?.parse().ok()).unwrap_or(0);
    ///     Some((visits + 1).to_string().into_bytes())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`State::set`].
    pub fn update(self, key: &str, mut change: impl FnMut(Option<&[u8]>) -> Option<Vec<u8>>) -> Result<()> {
        loop {
            let old = self.get(key)?;
            let new = change(old.as_deref());
            if self.compare_and_set(key, old.as_deref(), new.as_deref())? {
                return Ok(());
            }
        }
    }

    /// Deletes a key; one that is not there is no failure.
    ///
    /// # Errors
    /// As for [`State::get`].
    pub fn delete(self, key: &str) -> Result<()> {
        wit::delete(self.0, key).map_err(Failure::from_wit)
    }

    /// All keys that begin with `prefix`, in the order of their bytes.
    ///
    /// # Errors
    /// As for [`State::get`].
    pub fn keys(self, prefix: &str) -> Result<Vec<String>> {
        let mut all = Vec::new();
        loop {
            let page = self.keys_after(prefix, all.last().map(String::as_str), PAGE)?;
            let is_last = page.len() < PAGE as usize;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Keys that begin with `prefix` and come after `after`: at most `max`, and at most 1,000.
    ///
    /// # Errors
    /// As for [`State::get`].
    pub fn keys_after(self, prefix: &str, after: Option<&str>, max: u32) -> Result<Vec<String>> {
        wit::list_keys(self.0, prefix, after, max).map_err(Failure::from_wit)
    }
}
