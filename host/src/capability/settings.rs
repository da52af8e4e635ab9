//! What the operator set for an agent: values, and the names of secrets.

use std::collections::{BTreeMap, BTreeSet};

/// The operator's words to one agent. The values of secrets are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Values by key.
    pub values: BTreeMap<String, String>,
    /// Names of the secrets that the operator holds for it.
    pub secrets: BTreeSet<String>,
}
