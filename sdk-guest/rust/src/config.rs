//! Values that the operator set for this agent.
//!
//! ```no_run
//! use sophon_agent::{Failure, Result, config};
//!
//! fn model() -> Result<String> {
//!     if !config::has_secret("OPENAI_API_KEY") {
//!         return Err(Failure::other("ask the operator for the secret OPENAI_API_KEY"));
//!     }
//!     Ok(config::get("model").unwrap_or_else(|| "small".to_owned()))
//! }
//! ```

use crate::bindings::sophon::agent::config;

/// The value of a key, if the operator set it.
pub fn get(key: &str) -> Option<String> {
    config::get(key)
}

/// Whether the operator holds a secret of this name for this agent. Its value is never given out.
pub fn has_secret(name: &str) -> bool {
    config::has_secret(name)
}
