//! What decides for all turns: the operator's rules, the grants, and the log of it all.

use super::decision::Client;
use crate::grant::{Ask, Effect, FilesAsk, Grant, Rule, Scope, Withheld, cover_in_words, decide, give, widen};
use crate::store::{Entry, Standing, Store, StoreError, grant_id};
use crate::time::now_ms;

/// The rules, the grants and the log of one host.
pub struct Office {
    rules: Vec<Rule>,
    store: Store,
}

impl Office {
    /// An office that goes by these rules.
    pub fn new(rules: Vec<Rule>, store: Store) -> Self {
        Self { rules, store }
    }

    /// What the rules say, and the one that says it.
    pub(super) fn rule(&self, client: &Client, ask: &Ask) -> (Effect, Option<&Rule>) {
        let verdict = decide(&self.rules, &client.agent, ask);
        (verdict.effect, verdict.rule)
    }

    /// The rule that gives a folder.
    pub(super) fn gives(&self, client: &Client, ask: &FilesAsk) -> Result<String, Withheld> {
        give(&self.rules, &client.agent, ask).map(|rule| rule.place.clone())
    }

    /// Notes that a client's turn is about to change something.
    pub(super) async fn touch(&self, client: &Client) -> Result<(), StoreError> {
        self.store.touch(client.interaction.clone()).await
    }

    /// What the grants say to an ask. One that allows it is used by that.
    pub(super) async fn use_grant(&self, client: &Client, ask: &Ask) -> Result<Standing, StoreError> {
        let Client { agent, digest, session, wants, .. } = client;
        self.store.use_grant((agent, digest, session), wants, ask, now_ms()).await
    }

    /// Remembers a yes for later; gives the grant's id.
    pub(super) async fn give(&self, client: &Client, ask: &Ask, scope: Scope) -> Result<Option<String>, StoreError> {
        let grant = Grant {
            id: grant_id(),
            agent: client.agent.clone(),
            digest: client.digest.clone(),
            capability: ask.capability(),
            cover: widen(ask, scope, &client.wants),
            scope,
            session: (scope == Scope::Session).then(|| client.session.clone()),
            made_ms: now_ms(),
            until_ms: None,
            uses_left: None,
            wants: (*client.wants).clone(),
        };
        let covers = cover_in_words(ask, scope, &client.wants);
        let entry = Entry::Granted { grant: grant.id.clone(), covers, by: "a person".to_owned() };
        let id = grant.id.clone();
        Ok(self.store.add_grant(grant, entry, now_ms()).await?.then_some(id))
    }

    /// Whether a grant still stands. One that cannot be looked up does not.
    pub(super) async fn stands(&self, grant: &str) -> bool {
        self.store.has_grant(grant, now_ms()).await.unwrap_or_else(|error| {
            tracing::error!(grant, "cannot look up a grant: {error}");
            false
        })
    }

    /// Names a sort of deed for the cloud, which may remember a yes to it of its own. It names this deed of this
    /// component and nothing else, and another once anything was taken back here, so that the cloud's memory never
    /// reaches further than ours.
    pub(super) async fn action(&self, client: &Client, ask: &Ask) -> Result<String, StoreError> {
        use sha2::{Digest as _, Sha256};
        let revocations = self.store.revocations().await?;
        let deed = Sha256::new()
            .chain_update(ask.fingerprint().0)
            .chain_update(revocations.to_be_bytes())
            .chain_update(&client.digest)
            .finalize();
        let (capability, deed) = (ask.capability().as_str(), crate::text::hex(&deed[..6]));
        Ok(format!("{}.{capability}.{deed}", client.agent))
    }

    /// Notes a question that a person is about to be asked; gives its number. `unanswered` is what the log is to say
    /// should this process end before the decision.
    pub(super) async fn asking(&self, unanswered: Entry) -> Result<i64, StoreError> {
        self.store.asking(unanswered).await
    }

    /// Writes down what was decided, of the question of this number if a person was asked.
    pub(super) async fn decided(&self, entry: Entry, asked: Option<i64>) -> Result<i64, StoreError> {
        self.store.decided(entry, asked, now_ms()).await
    }

    /// Writes down what came of something.
    pub(super) async fn write(&self, entry: Entry) -> Result<i64, StoreError> {
        self.store.audit(entry, now_ms()).await
    }
}
