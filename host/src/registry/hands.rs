//! What people do to agents by hand.

use super::Registry;
use super::keeper::Order;
use crate::config::AgentName;
use crate::store::{Drawer, StoreError, Version};
use crate::time::now_ms;
use crate::wasm::Agent;
use std::sync::Arc;
use tokio::sync::oneshot;

impl Registry {
    /// Looks at what lies in the folders now, at once, and tries again what was refused.
    ///
    /// # Errors
    /// When there is no such agent, or the store fails.
    pub async fn reload(&self, name: Option<&str>) -> Result<(), String> {
        let names: Vec<AgentName> = match name {
            Some(name) => vec![self.named(name)?],
            None => self.lines().by_name.keys().cloned().collect(),
        };
        for name in names {
            self.store.unbar(name.as_str()).await.map_err(|error| error.to_string())?;
            if let Some(line) = self.lines().by_name.get_mut(&name) {
                line.unbar();
            }
        }
        self.look().await;
        Ok(())
    }

    /// Looks at what lies in the folders now, and waits until it is done.
    pub async fn look(&self) {
        let (done, over) = oneshot::channel();
        if self.orders.send(Order { done }).await.is_ok() {
            // Dropped when the host stops.
            let _ = over.await;
        }
    }

    /// Lets the version before answer again, with what it kept, and says which. The one that does is not tried again until a
    /// reload.
    ///
    /// # Errors
    /// When there is none, or it cannot be used; and where what was kept since would be lost, unless that is said.
    pub async fn roll_back(&self, name: &str, restore_state: bool) -> Result<String, String> {
        let name = self.named(name)?;
        let previous = self.previous(&name).await?;
        let agent = self.make(previous.clone()).await?;
        let label = agent.manifest.version.clone();
        {
            let _order = self.moves.lock().await;
            if self.previous(&name).await? != previous {
                return Err(format!("another version of `{name}` came to answer just now; try again"));
            }
            self.has_state_of(&agent).await?;
            let why = "somebody went back by hand";
            let recorded = self.store.go_back(name.as_str(), previous, why, now_ms(), restore_state).await;
            if !recorded.map_err(|error| error.to_string())? {
                let schema = agent.manifest.schema;
                return Err(format!(
                    "version {label} keeps its state in schema {schema}, so going back to it restores what `{name}` kept \
                     before, and what it has kept since is lost; if that may be, do it with \
                     `sophon-host agent rollback {name} --restore-state`"
                ));
            }
            if let Some(line) = self.lines().by_name.get_mut(&name) {
                line.replace(agent, why, now_ms());
            }
        }
        self.changed();
        self.tidy().await;
        tracing::info!(agent = %name, version = label, "went back by hand");
        Ok(label)
    }

    async fn previous(&self, name: &AgentName) -> Result<Version, String> {
        let posts = self.store.posts().await.map_err(|error| error.to_string())?;
        let post = posts.into_iter().find(|post| post.agent == name.as_str());
        let previous = post.and_then(|post| post.previous);
        previous.ok_or_else(|| format!("no version of `{name}` is known that answered before"))
    }

    /// Whether a version to go back to finds the state that it left.
    async fn has_state_of(&self, agent: &Agent) -> Result<(), String> {
        let (name, mine) = (&agent.manifest.name, agent.manifest.schema);
        let failed = |error: StoreError| error.to_string();
        let shapes = self.store.shapes(name.as_str()).await.map_err(failed)?;
        let own = self.store.shape(Drawer::of_agent(name.as_str())).await.map_err(failed)?;
        let back = own.and_then(|own| own.before).or(shapes.now).filter(|_| !shapes.is_empty);
        match back.filter(|back| *back != mine) {
            None => Ok(()),
            Some(now) => Err(format!(
                "what `{name}` keeps is of schema {now}, that of the version before was {mine}, and what it was then is not \
                 kept any more; install a version that exports `migrate`"
            )),
        }
    }

    /// Lets a session stay with a version of an agent, by the beginning of its id, or with the one that answers; or, with
    /// no agent, with none any more. Says which.
    ///
    /// # Errors
    /// When there is no such agent or version, or it cannot be used.
    pub async fn pin(self: &Arc<Self>, session: &str, to: Option<(&str, Option<&str>)>) -> Result<String, String> {
        let failed = |error: StoreError| error.to_string();
        let Some((name, id)) = to else {
            self.store.pin(session, "", None).await.map_err(failed)?;
            let was = self.lines().pins.remove(session);
            self.tidy().await;
            // What it keeps there is of that version's schema; the one that answers may have passed over it.
            let answers =
                was.and_then(|was| self.lines().by_name.get(&was.manifest.name).map(|line| line.current.clone()));
            answers.iter().for_each(|agent| self.catch_up_sessions(agent));
            return Ok("the version that answers".to_owned());
        };
        let name = self.named(name)?;
        let versions = self.store.versions(name.as_str()).await.map_err(failed)?;
        let current = self.lines().by_name.get(&name).map(|line| line.current.id.to_string());
        let wanted = id.map(str::to_owned).or(current).unwrap_or_default();
        let mut fits = versions.into_iter().filter(|version| version.id.starts_with(&wanted));
        let (Some(version), None) = (fits.next(), fits.next()) else {
            return Err(format!(
                "no version of `{name}` that is kept is meant by `{}`",
                crate::text::line(&wanted, 80)
            ));
        };
        let agent = self.make(version.clone()).await?;
        if !self.store.pin(session, name.as_str(), Some(&version.id)).await.map_err(failed)? {
            return Err(format!("that version of `{name}` is not kept any more"));
        }
        let shown = super::VersionReport::of(&agent).in_words();
        self.lines().pins.insert(session.to_owned(), agent);
        Ok(shown)
    }

    /// Forgets an agent, whose folder is gone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn dismiss(&self, name: &str) -> Result<(), String> {
        let name = self.named(name)?;
        {
            // A version that is about to take over sees that its folder is gone.
            let _order = self.moves.lock().await;
            self.store.dismiss(name.as_str()).await.map_err(|error| error.to_string())?;
            self.lines().forget(&name);
        }
        self.changed();
        self.tidy().await;
        Ok(())
    }

    fn named(&self, name: &str) -> Result<AgentName, String> {
        let known = AgentName::try_from(name.to_owned())?;
        let lines = self.lines();
        if lines.by_name.contains_key(&known) {
            return Ok(known);
        }
        let names: Vec<&str> = lines.by_name.keys().map(AgentName::as_str).collect();
        Err(format!("there is no agent `{name}`; there are: {}", names.join(", ")))
    }
}
