//! The user's power over installations: a new token, and the end.

use super::line::Close;
use super::{Row, State};
use crate::localcloud::clock::Millis;
use crate::localcloud::refusal::Refusal;
use crate::localcloud::secret::{self, Digest};
use crate::protocol::InstallationId;
use serde_json::{Value, json};

/// A new bridge token of an installation.
pub(super) fn mint(id: &InstallationId) -> String {
    format!("{id}:s_test_{}", secret::base62(40))
}

impl State {
    /// Gives an installation another token, which is told this once. The old one is dead, and its socket is closed.
    ///
    /// # Errors
    /// When there is no such installation.
    pub(crate) fn rotate(&mut self, id: &InstallationId, now: Millis) -> Result<Value, Refusal> {
        let line = self.line(id)?;
        let (token, body, last_update) = (mint(id), line.installation.clone(), line.last_update);
        let digest = Digest::of(&token);
        self.persist.save(&[Row::Installation { body, token: Some(digest), last_update }])?;
        let line = self.line_mut(id)?;
        line.token = Some(digest);
        line.close(Close::Unauthorized);
        self.publish_line("installation_updated", id, now);
        Ok(json!({ "installation_id": id, "token": token }))
    }

    /// Ends an installation: what it asks is denied, its updates are dropped, its socket is closed. Its sessions stay
    /// to be read and deleted. Its token stays known, so that its bridge is told what happened.
    ///
    /// # Errors
    /// When there is no such installation, or the bridge takes no updates and still asks something.
    pub(crate) fn revoke(&mut self, id: &InstallationId, now: Millis) -> Result<(), Refusal> {
        self.line(id)?;
        let sessions = self.threads.values().filter(|thread| thread.session.installation_id == *id);
        let sessions: Vec<_> = sessions.map(|thread| thread.session.session_id.clone()).collect();
        for session in &sessions {
            self.deny_all(session, None, now)?;
        }
        let line = self.line(id)?;
        let (mut body, token, last_update) = (line.installation.clone(), line.token, line.last_update);
        body.revoked_at = Some(now);
        body.approval_grants.clear();
        let acked = Row::Acked { installation: id.clone(), up_to: last_update };
        self.persist.save(&[Row::Installation { body: body.clone(), token, last_update }, acked])?;
        let line = self.line_mut(id)?;
        line.ack(last_update);
        line.close(Close::Unauthorized);
        line.installation = body;
        self.stream.publish("installation_revoked", json!({ "installation_id": id }), now);
        Ok(())
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] when it is nobody's, [`Refusal::InstallationRevoked`] when its installation is gone.
    pub(crate) fn bridge_of(&self, token: &str) -> Result<InstallationId, Refusal> {
        let id = token.split_once(':').and_then(|(id, _)| InstallationId::try_from(id).ok());
        let line = id.and_then(|id| self.lines.iter().find(|line| line.installation.installation_id == id));
        let digest = Digest::of(token);
        let line = line.filter(|line| line.token.is_some_and(|known| known.matches(&digest)));
        let line = line.ok_or(Refusal::InvalidToken)?;
        match line.installation.revoked_at {
            Some(_) => Err(Refusal::InstallationRevoked { begun: false }),
            None => Ok(line.installation.installation_id.clone()),
        }
    }
}
