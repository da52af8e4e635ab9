//! `sophon:agent/config`, and the standard `wasi:config/store` for languages whose libraries use it: what the operator
//! set for this agent.

use super::bindings::sophon::agent::config;
use super::guest::Guest;
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};

impl config::Host for Guest {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.enter()?;
        Ok(self.tools.settings().values.get(&key).cloned())
    }

    async fn has_secret(&mut self, name: String) -> wasmtime::Result<bool> {
        self.enter()?;
        Ok(self.tools.web().keys().has(&name))
    }
}

impl Guest {
    /// The same values in the standard's form, copied when they are first asked for.
    pub(super) fn standard_config(&mut self) -> WasiConfig<'_> {
        let values = &self.tools.settings().values;
        let copy = || values.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        WasiConfig::new(self.variables.get_or_insert_with(copy))
    }
}

/// The values as the standard's library holds them.
pub(super) type Variables = WasiConfigVariables;
