//! What the operator set for an agent.

use std::collections::BTreeMap;

/// The operator's words to one agent. Secrets are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Values by key.
    pub values: BTreeMap<String, String>,
}
