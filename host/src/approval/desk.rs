//! One turn's way to what it is not given: the manifest first, then the operator's rules, then grants, then a person.

use super::Person;
use super::asking::Asking;
use super::decision::{Allowed, By, Client, Refused, Said, by};
use super::denials::{Denial, Denials};
use super::office::Office;
use super::question::question;
use super::queue::{Place, Queue};
use crate::grant::{Answer, Ask, Capability, Effect, FilesAsk, Rule, Scope, Wants, Withheld, policy_lines};
use crate::store::{Entry, Standing, StoreError};
use std::sync::Arc;

/// Where one turn asks.
pub struct Desk {
    office: Arc<Office>,
    client: Client,
    person: Arc<dyn Person>,
    queue: Queue,
    denials: Denials,
}

impl Desk {
    /// A desk for one turn, where `person` can be asked.
    ///
    /// It may ask so many questions.
    pub fn new(office: Arc<Office>, client: Client, person: Arc<dyn Person>, asks: u32) -> Self {
        Self { office, client, person, queue: Queue::new(asks), denials: Denials::default() }
    }

    /// Decides whether something may be done, and writes that down before anything is done.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn decide(&self, ask: &Ask, reason: Option<&str>) -> Result<Allowed, Refused> {
        let mut asking = None;
        let said = self.say(ask, reason, &mut asking).await;
        let (entry, asked) = (self.entry(ask, said.is_ok(), &by(&said)), asking.map(Asking::decided));
        if let (Err(refused @ (Refused::Denied { .. } | Refused::Expired)), None) = (&said, asked) {
            match self.denials.count(ask.fingerprint(), &entry) {
                Denial::New => {}
                Denial::Same => return Err(refused.clone()),
                Denial::TooMany => return Err(Refused::TooManyDenials),
            }
        }
        let decision = Box::pin(self.office.decided(entry, asked)).await.map_err(|error| unwritten(&error))?;
        said.map(|by| Allowed { by, decision })
    }

    /// Whether the turn was denied too much, and is to end.
    pub fn is_over(&self) -> bool {
        self.denials.is_over()
    }

    /// Whether what something was allowed by still stands.
    pub async fn stands(&self, by: &By) -> bool {
        match by {
            By::Grant(id) => self.office.stands(id).await,
            By::Rule(_) | By::Person => true,
        }
    }

    /// Writes down what came of something that was allowed.
    pub async fn done(&self, decision: i64, outcome: &str) {
        let outcome = crate::text::line(outcome, 500);
        if let Err(error) = self.office.write(Entry::Done { decision, outcome }).await {
            tracing::error!("cannot write down what an agent did: {error}");
        }
    }

    /// The rule that speaks of something.
    pub fn rule(&self, ask: &Ask) -> Option<&Rule> {
        self.office.rule(&self.client, ask).1
    }

    /// What the agent says of itself.
    pub fn wants(&self) -> &Wants {
        &self.client.wants
    }

    /// The rule that gives a folder, by its place. Nobody is asked.
    ///
    /// # Errors
    /// What withholds it, and what would give it.
    pub fn gives(&self, ask: &FilesAsk) -> Result<String, Withheld> {
        self.office.gives(&self.client, ask)
    }

    /// Writes down that a folder is given.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub async fn given(&self, ask: &FilesAsk, by: &str) -> Result<(), Refused> {
        let entry = self.decided(Capability::Files, ask.to_string(), true, by.to_owned());
        self.office.write(entry).await.map(drop).map_err(|error| unwritten(&error))
    }

    /// Writes down that the turn is about to do something that must not be done twice.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub async fn touch(&self) -> Result<(), Refused> {
        self.office.touch(&self.client).await.map_err(|error| unwritten(&error))
    }

    /// Whether a program that is asked for by this could be one that the agent wants.
    pub fn may_run(&self, asked: &str) -> bool {
        self.client.wants.may_run(asked)
    }

    /// Whether deciding this will ask a person, as far as can be told beforehand.
    pub fn may_ask(&self, ask: &Ask) -> bool {
        self.client.wants.covers(ask).is_ok() && self.office.rule(&self.client, ask).0 == Effect::Ask
    }

    async fn say(&self, ask: &Ask, reason: Option<&str>, asking: &mut Option<Asking>) -> Said {
        if let Err(unwanted) = self.client.wants.covers(ask) {
            return Err(Refused::Denied { rule: unwanted.rule, hint: unwanted.hint });
        }
        match self.office.rule(&self.client, ask) {
            (Effect::Allow, Some(rule)) => return Ok(By::Rule(rule.place.clone())),
            (Effect::Deny, rule) => {
                let place = rule.map_or_else(|| "the policy".to_owned(), |rule| rule.place.clone());
                let hint = format!("a narrower rule would allow it:\n{}", policy_lines(&self.client.agent, ask));
                return Err(Refused::Denied { rule: place, hint });
            }
            (Effect::Ask | Effect::Allow, _) => {}
        }
        match Box::pin(self.office.use_grant(&self.client, ask)).await {
            Ok(Standing::Allows(id)) => Ok(By::Grant(id)),
            Ok(Standing::Lapsed(difference)) => self.ask(ask, reason, Some(&difference), asking).await,
            Ok(Standing::Silent) => self.ask(ask, reason, None, asking).await,
            Err(error) => Err(unwritten(&error)),
        }
    }

    /// Asks a person, or waits with whoever asks the same.
    async fn ask(&self, ask: &Ask, reason: Option<&str>, lapsed: Option<&str>, asking: &mut Option<Asking>) -> Said {
        loop {
            match self.queue.place(ask.fingerprint()) {
                Place::First(turn) => {
                    let said = self.ask_person(ask, reason, lapsed, asking).await;
                    turn.tell(&said);
                    return said;
                }
                Place::Behind(mut wait) => {
                    match wait.said().await {
                        // Who asked gave up, or has leave for that one deed: somebody else asks.
                        None | Some(Ok(By::Person)) => {}
                        Some(said) => return said,
                    }
                }
                Place::Refused(refused) => return Err(again(refused)),
                Place::Full => return Err(Refused::TooMany),
            }
        }
    }

    /// What is done before and after the person has the word is in boxes of its own: thousands of turns may wait for one,
    /// and take no room for more.
    async fn ask_person(
        &self,
        ask: &Ask,
        reason: Option<&str>,
        lapsed: Option<&str>,
        asking: &mut Option<Asking>,
    ) -> Said {
        let noted = Box::pin(Asking::note(&self.office, |by| self.entry(ask, false, by))).await;
        *asking = Some(noted.map_err(|error| unwritten(&error))?);
        let action = self.office.action(&self.client, ask).await.map_err(|error| unwritten(&error))?;
        let question = question(&self.client, action, ask, reason, lapsed);
        let no = |rule: &str| {
            let lines = policy_lines(&self.client.agent, ask);
            let hint = format!("to allow it without asking, add to sophon-host.toml:\n{lines}");
            Err(Refused::Denied { rule: rule.to_owned(), hint })
        };
        match self.person.ask(question).await {
            Answer::Once => Ok(By::Person),
            Answer::Always { scope, value } if self.is_meant(ask, scope, value.as_deref()) => {
                Ok(Box::pin(self.give(ask, scope)).await)
            }
            // The yes is to this deed; how much further it should reach is not clear.
            Answer::Always { .. } => Ok(By::Person),
            Answer::Denied => no("a person, who said no"),
            Answer::Expired => Err(Refused::Expired),
            Answer::Unasked => no("nobody, as the cloud did not take the question"),
            Answer::Stopped => Err(Refused::Stopped),
        }
    }

    /// Whether a scope's value, where the person's app names one, is that of this ask.
    fn is_meant(&self, ask: &Ask, scope: Scope, value: Option<&str>) -> bool {
        match (scope, value) {
            (Scope::Session, Some(value)) => value == self.client.session,
            (Scope::Domain, Some(value)) => ask.host().is_some_and(|host| host.eq_ignore_ascii_case(value)),
            _ => true,
        }
    }

    /// Remembers a yes for later. It is a yes to this once at any rate.
    async fn give(&self, ask: &Ask, scope: Scope) -> By {
        match self.office.give(&self.client, ask, scope).await {
            Ok(Some(id)) => By::Grant(id),
            Ok(None) => {
                tracing::warn!("there are too many grants to remember another; `sophon-host grants` lists them");
                By::Person
            }
            Err(error) => {
                tracing::error!("cannot remember a grant: {error}");
                By::Person
            }
        }
    }

    fn entry(&self, ask: &Ask, allowed: bool, by: &str) -> Entry {
        self.decided(ask.capability(), ask.record(), allowed, by.to_owned())
    }

    fn decided(&self, capability: Capability, what: String, allowed: bool, by: String) -> Entry {
        let Client { agent, digest, session, interaction, .. } = self.client.clone();
        let capability = capability.as_str().to_owned();
        Entry::Decided { agent, digest, session, interaction, capability, what, allowed, by }
    }
}

impl Drop for Desk {
    /// The turn is over: what it was denied again and again is told once.
    fn drop(&mut self) {
        self.denials.close(&self.office);
    }
}

/// What is told to who asks the same a second time: what came of it the first time.
fn again(refused: Refused) -> Refused {
    match refused {
        Refused::Denied { rule, .. } => {
            let hint = "it is not asked a second time in one turn".to_owned();
            Refused::Denied { rule: format!("{rule}, when the same was asked before"), hint }
        }
        refused => refused,
    }
}

fn unwritten(error: &StoreError) -> Refused {
    tracing::error!("cannot decide what an agent may do: {error}");
    Refused::Unavailable("the host cannot read or write its own records; its log says why".to_owned())
}

#[cfg(test)]
mod tests;
