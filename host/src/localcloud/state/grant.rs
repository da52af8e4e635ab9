//! What the user allows always: which later questions a grant answers, and how it is taken back.

use super::approval::Question;
use super::{Row, State};
use crate::localcloud::clock::Millis;
use crate::localcloud::refusal::{Noun, Refusal};
use crate::localcloud::secret;
use crate::protocol::{GrantScope, InstallationId, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Grants of one installation. One more is refused.
const MAX_GRANTS: usize = 200;

/// One thing that the user allows always.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) grant_id: String,
    pub(crate) action: String,
    /// What was asked when it was given: an action says little to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    pub(crate) scope: GrantScope,
    /// The session, the tool's name, the host; none for `all`.
    pub(crate) scope_value: Option<String>,
    pub(crate) created_at: Millis,
}

/// How far an `approve_always` reaches, as the user asked for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reach {
    pub(crate) scope: GrantScope,
    pub(crate) scope_value: Option<String>,
}

impl Reach {
    /// What it means for a question: a value that was left out is taken from the question.
    ///
    /// # Errors
    /// When the scope needs a value that neither has, or names another session.
    pub(super) fn of(self, session: &SessionId, question: &Question) -> Result<Self, Refusal> {
        let given = self.scope_value;
        let scope_value = match self.scope {
            GrantScope::All => None,
            GrantScope::Session if given.as_ref().is_some_and(|given| given != session.as_str()) => {
                return Err(Refusal::field("scope_value", "custom", "Must be the session of the approval"));
            }
            GrantScope::Session => Some(session.to_string()),
            // A question does not name its tool, so its action stands for it.
            GrantScope::Tool => Some(given.unwrap_or_else(|| question.action.clone())),
            GrantScope::Domain => {
                let host = given.or_else(|| question.host.clone());
                Some(host.ok_or_else(|| Refusal::field("scope_value", "invalid_type", "Required"))?)
            }
        };
        Ok(Self { scope: self.scope, scope_value })
    }
}

impl Grant {
    /// Whether it answers a question. The action must always be the same.
    fn covers(&self, session: &SessionId, question: &Question) -> bool {
        let value = self.scope_value.as_deref();
        self.action == question.action
            && match self.scope {
                GrantScope::All | GrantScope::Tool => true,
                GrantScope::Session => value == Some(session.as_str()),
                GrantScope::Domain => {
                    value.zip(question.host.as_deref()).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
                }
            }
    }

    fn is_same(&self, action: &str, reach: &Reach) -> bool {
        self.action == action && self.scope == reach.scope && self.scope_value == reach.scope_value
    }
}

impl State {
    /// The grant that answers a question, if there is one.
    pub(super) fn grant_for(&self, by: &InstallationId, session: &SessionId, question: &Question) -> Option<&Grant> {
        let line = self.line(by).ok()?;
        line.installation.approval_grants.iter().find(|grant| grant.covers(session, question))
    }

    /// The installation's grants with one more, unless it is there.
    ///
    /// # Errors
    /// When there are 200.
    pub(super) fn grants_with(
        &self,
        by: &InstallationId,
        question: &Question,
        reach: &Reach,
        now: Millis,
    ) -> Result<Vec<Grant>, Refusal> {
        let mut grants = self.line(by)?.installation.approval_grants.clone();
        let Question { action, title, .. } = question.clone();
        if grants.iter().any(|grant| grant.is_same(&action, reach)) {
            return Ok(grants);
        }
        if grants.len() >= MAX_GRANTS {
            return Err(Refusal::TooLarge("the installation has 200 grants: revoke one first"));
        }
        let Reach { scope, scope_value } = reach.clone();
        let grant_id = format!("grt_{}", secret::base62(16));
        grants.push(Grant { grant_id, action, title: Some(title), scope, scope_value, created_at: now });
        Ok(grants)
    }

    /// Takes a grant back: the next such question reaches the user again.
    ///
    /// # Errors
    /// When there is no such installation or grant.
    pub(crate) fn revoke_grant(&mut self, id: &InstallationId, grant: &str, now: Millis) -> Result<Value, Refusal> {
        let line = self.line(id)?;
        let (mut body, token, last_update) = (line.installation.clone(), line.token, line.last_update);
        let before = body.approval_grants.len();
        body.approval_grants.retain(|one| one.grant_id != grant);
        if body.approval_grants.len() == before {
            return Err(Refusal::NotFound(Noun::Grant));
        }
        self.persist.save(&[Row::Installation { body: body.clone(), token, last_update }])?;
        self.line_mut(id)?.installation = body;
        self.publish_line("installation_updated", id, now);
        Ok(self.line(id)?.view())
    }

    /// One installation with its grants.
    ///
    /// # Errors
    /// When there is no such installation.
    pub(crate) fn installation(&self, id: &InstallationId) -> Result<Value, Refusal> {
        Ok(self.line(id)?.view())
    }
}
