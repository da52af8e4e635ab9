//! Questions to the user: asked by a bridge, answered by the user or by a grant, denied with their session, expired.

use super::approval::{Approval, End, EndedBy, MAX_OPEN, Outcome, Place};
use super::grant::Reach;
use super::record::Message;
use super::repeat::idempotent;
use super::{Row, State};
use crate::localcloud::clock::Millis;
use crate::localcloud::refusal::{Noun, Refusal};
use crate::localcloud::secret::Digest;
use crate::protocol::{
    ApprovalId, Decision, GrantScope, InstallationId, InteractionId, MessageId, RequestApproval, SessionId,
};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Notify;

impl State {
    /// `requestApproval`: asks the user, unless a grant answers at once. The same body again is a repeat.
    ///
    /// # Errors
    /// [`Refusal`], by session, interaction and room, and as a conflict when another body asked under the same id.
    pub(crate) fn request_approval(
        &mut self,
        by: &InstallationId,
        asked: RequestApproval,
        body: Digest,
        expiry: Millis,
        now: Millis,
    ) -> Result<Value, Refusal> {
        self.thread_of(by, &asked.session_id)?;
        if let Some(known) = self.approvals.all.get(&asked.approval_id) {
            let same = known.asked_by.matches(&body) && known.installation_id == *by;
            return if same { Ok(idempotent(known.result())) } else { Err(Refusal::IdempotencyConflict) };
        }
        self.open_interaction(&asked.session_id, &asked.interaction_id, now)?;
        if self.approvals.open().len() >= MAX_OPEN {
            return Err(Refusal::TooLarge("500 approvals wait for the user"));
        }
        let (message_id, offset) = self.end_of_said(&asked.session_id, &asked.interaction_id);
        let approval = Approval::new(by, asked, body, Place { message_id, offset }, now, now + expiry);
        if self.grant_for(by, &approval.session_id, &approval.question).is_some() {
            // Once, not always: the standing grant is here, and taken back here.
            let ended = self.end_approval(&approval, Outcome::Approve, EndedBy::Grant, None, now)?;
            return Ok(ended.result());
        }
        self.persist.save(&[Row::Approval(approval.clone())])?;
        let (view, result) = (approval.view(), approval.result());
        self.approvals.put(approval);
        self.approvals.changed.notify_one();
        self.stream.publish("approval_requested", view, now);
        Ok(result)
    }

    /// The user decides. The same decision again is a repeat.
    ///
    /// # Errors
    /// When there is no such question, it is answered otherwise or expired, or the scope does not fit.
    pub(crate) fn decide(
        &mut self,
        id: &ApprovalId,
        decision: Decision,
        reach: Option<Reach>,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let approval = self.approvals.all.get(id).ok_or(Refusal::NotFound(Noun::Approval))?.clone();
        match approval.outcome {
            Some(Outcome::Expired) => return Err(Refusal::ApprovalExpired),
            Some(outcome) if outcome == decision.into() => return Ok(idempotent(approval.result())),
            Some(_) => return Err(Refusal::ApprovalResolved),
            None if approval.expires_at <= now => return Err(Refusal::ApprovalExpired),
            None => {}
        }
        let Approval { installation_id: by, session_id, question, .. } = &approval;
        if decision != Decision::ApproveAlways {
            return Ok(self.end_approval(&approval, decision.into(), EndedBy::User, None, now)?.result());
        }
        let reach = reach.unwrap_or(Reach { scope: GrantScope::Tool, scope_value: None }).of(session_id, question)?;
        let grants = self.grants_with(by, question, &reach, now)?;
        // Here the memory is changed first: the row of the installation is written with the update for its bridge.
        let before = std::mem::replace(&mut self.line_mut(by)?.installation.approval_grants, grants);
        let ended = self.end_approval(&approval, decision.into(), EndedBy::User, Some(&reach), now);
        if ended.is_err() {
            self.line_mut(by)?.installation.approval_grants = before;
        }
        let result = ended?.result();
        self.publish_line("installation_updated", by, now);
        Ok(result)
    }

    /// Records how a question ended, and tells the bridge and the page.
    fn end_approval(
        &mut self,
        approval: &Approval,
        outcome: Outcome,
        by: EndedBy,
        reach: Option<&Reach>,
        now: Millis,
    ) -> Result<Approval, Refusal> {
        let session = self.thread(&approval.session_id)?.session.clone();
        let mut payload = json!({ "approval_id": approval.approval_id });
        let kind = if outcome == Outcome::Expired { "approval.expired" } else { "approval.resolved" };
        if outcome != Outcome::Expired {
            payload["decision"] = json!(outcome);
        }
        if let Some(Reach { scope, scope_value }) = reach {
            (payload["scope"], payload["scope_value"]) = (json!(scope), json!(scope_value));
        }
        let ended = approval.ended(outcome, End { by, at: now, reach: reach.cloned() });
        let event = ended.history().unwrap_or_default();
        let rows = vec![Row::Approval(ended.clone())];
        let draft = self.draft(&session, kind, Some(&approval.interaction_id), payload, rows, now)?;
        self.approvals.put(ended.clone());
        self.stream.publish("approval_resolved", event, now);
        self.deliver(&approval.installation_id, draft, now);
        Ok(ended)
    }

    /// Denies what waits in a session, or in one interaction of it: nobody will look at it any more.
    pub(super) fn deny_all(
        &mut self,
        session: &SessionId,
        interaction: Option<&InteractionId>,
        now: Millis,
    ) -> Result<(), Refusal> {
        let meant = |approval: &Approval| {
            approval.session_id == *session && interaction.is_none_or(|one| approval.interaction_id == *one)
        };
        let waiting: Vec<_> = self.approvals.open().into_iter().filter(|one| meant(one)).cloned().collect();
        for approval in waiting {
            self.end_approval(&approval, Outcome::Deny, EndedBy::Stop, None, now)?;
        }
        Ok(())
    }

    /// Ends what waits in a bubble that has ended: whoever asked does not wait for an answer any more. A question that
    /// cannot be ended expires.
    pub(super) fn close_questions(&mut self, ended: &Message, now: Millis) {
        let Some(interaction) = &ended.interaction_id else { return };
        let in_it = |one: &&Approval| one.place.message_id.as_ref() == Some(&ended.message_id) && one.outcome.is_none();
        let waiting: Vec<_> = self.approvals.of(interaction).into_iter().filter(in_it).cloned().collect();
        for approval in waiting {
            if let Err(error) = self.end_approval(&approval, Outcome::Deny, EndedBy::TurnOver, None, now) {
                tracing::warn!(%error, approval = %approval.approval_id, "a question outlives its turn until it expires");
            }
        }
    }

    /// The questions of an interaction that were asked before it had a bubble, as they will be in `bubble`.
    pub(super) fn questions_without_bubble(
        &self,
        interaction: Option<&InteractionId>,
        bubble: &MessageId,
    ) -> Vec<Approval> {
        let all = interaction.map(|interaction| self.approvals.of(interaction)).unwrap_or_default();
        let without = all.into_iter().filter(|one| one.place.message_id.is_none());
        let there = || Place { message_id: Some(bubble.clone()), offset: 0 };
        without.map(|one| Approval { place: there(), ..one.clone() }).collect()
    }

    /// Ends what has waited too long; gives how long the next one has.
    pub(crate) fn expire(&mut self, now: Millis) -> Result<Option<Millis>, Refusal> {
        let due: Vec<_> = self.approvals.open().into_iter().filter(|one| one.expires_at <= now).cloned().collect();
        for approval in due {
            self.end_approval(&approval, Outcome::Expired, EndedBy::Time, None, now)?;
        }
        Ok(self.approvals.open().iter().map(|approval| approval.expires_at.saturating_sub(now)).min())
    }

    /// `GET /v1/me/snapshot`.
    pub(crate) fn snapshot(&self, now: Millis) -> Value {
        let open = self.approvals.open();
        let open = open.into_iter().filter(|approval| approval.expires_at > now).map(Approval::view);
        json!({ "ts": now, "pending_approvals": open.collect::<Vec<_>>() })
    }

    /// What to wait on for the next question.
    pub(crate) fn questions(&self) -> Arc<Notify> {
        Arc::clone(&self.approvals.changed)
    }
}
