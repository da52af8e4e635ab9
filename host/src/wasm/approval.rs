//! `sophon:agent/approval`: the agent's own questions.

use super::bindings::sophon::agent::approval::{self, Decision, Request};
use super::bindings::sophon::agent::types::Failure;
use super::calls::Work;
use super::guest::{Answer, Guest};
use crate::capability::Refusal;
use crate::grant::{Ask, OwnAsk, Severity};

impl From<approval::Severity> for Severity {
    fn from(severity: approval::Severity) -> Self {
        match severity {
            approval::Severity::Low => Self::Low,
            approval::Severity::Medium => Self::Medium,
            approval::Severity::High => Self::High,
            approval::Severity::Critical => Self::Critical,
        }
    }
}

impl approval::Host for Guest {
    async fn ask(&mut self, what: Request) -> Answer<Decision> {
        self.enter()?;
        self.calls.cause(Work::Question);
        let Request { action, title, reason, command, severity } = what;
        let own = OwnAsk { action, title, reason, command, severity: severity.into() };
        let own = match own.checked() {
            Ok(own) => own,
            Err(wrong) => return Ok(Err(Failure::Invalid(wrong))),
        };
        match self.tools.door().clone().open(&Ask::Own(own), None).await {
            Ok(leave) => {
                let decision = if leave.is_once() { Decision::Once } else { Decision::Always };
                leave.done("the agent was told so", None).await;
                Ok(Ok(decision))
            }
            Err(Refusal::Denied { .. }) => Ok(Ok(Decision::Denied)),
            Err(Refusal::Expired) => Ok(Ok(Decision::Expired)),
            Err(refusal) => self.refused(refusal),
        }
    }
}
