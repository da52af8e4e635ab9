//! `sophon:agent/state`: what lasts from turn to turn.

use super::bindings::sophon::agent::state;
use super::guest::{Answer, Guest};
use crate::capability::Scope;

fn whose(scope: state::Scope) -> Scope {
    match scope {
        state::Scope::Session => Scope::Session,
        state::Scope::Agent => Scope::Agent,
    }
}

impl state::Host for Guest {
    async fn get(&mut self, scope: state::Scope, key: String) -> Answer<Option<Vec<u8>>> {
        self.enter()?;
        Ok(self.tools.state(whose(scope)).get(key).await.map_err(Into::into))
    }

    async fn set(&mut self, scope: state::Scope, key: String, value: Vec<u8>) -> Answer<()> {
        self.enter()?;
        Ok(self.tools.state(whose(scope)).set(key, value).await.map_err(Into::into))
    }

    async fn compare_and_set(
        &mut self,
        scope: state::Scope,
        key: String,
        expected: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
    ) -> Answer<bool> {
        self.enter()?;
        Ok(self.tools.state(whose(scope)).compare_and_set(key, expected, new).await.map_err(Into::into))
    }

    async fn delete(&mut self, scope: state::Scope, key: String) -> Answer<()> {
        self.enter()?;
        Ok(self.tools.state(whose(scope)).delete(key).await.map_err(Into::into))
    }

    async fn list_keys(
        &mut self,
        scope: state::Scope,
        prefix: String,
        after: Option<String>,
        max: u32,
    ) -> Answer<Vec<String>> {
        self.enter()?;
        Ok(self.tools.state(whose(scope)).keys(prefix, after, max).await.map_err(Into::into))
    }
}
