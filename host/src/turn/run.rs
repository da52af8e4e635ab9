//! From a turn to its ending: which agent, with what it is told, and what came of it.

use super::asked::Told;
use super::bubble::Ending;
use super::command::{self, Command};
use super::ending;
use super::intake::House;
use super::lane::Turn;
use super::outgoing::{Fate, Stage};
use super::speech::Speech;
use super::writer::Written;
use crate::approval::Client;
use crate::capability::{Door, Tools};
use crate::protocol::{ThoughtLevel, UserMessage};
use crate::registry::{Blame, VersionReport};
use crate::store::{Said, Speaker};
use crate::time::now_ms;
use crate::wasm::{self, Agent, Attachment, Effort, Ended, PastMessage, Role};
use std::sync::Arc;
use std::time::Duration;
use tracing::Span;

/// How often the end of a turn is recorded where that fails, and the time between: long enough for a disk that is full for a
/// moment. The session's next turn waits meanwhile.
const FINISH_TRIES: u32 = 10;
const FINISH_AGAIN: Duration = Duration::from_secs(1);
/// How long an agent that was told to stop may take to do so, before it is dropped.
const GRACE: Duration = Duration::from_millis(50);

impl House {
    /// Runs a turn until its bubble is to end.
    pub(super) async fn run(&self, message: &UserMessage, speech: &Arc<Speech>, span: &Span) {
        self.moved(message, Stage::Running);
        if let Some(ending) = self.answer(message, speech, span).await {
            speech.end(ending);
        } else {
            self.moved(message, Stage::Settled(Fate::Stopped));
        }
    }

    fn moved(&self, message: &UserMessage, stage: Stage) {
        self.outbox.moved(&message.interaction, &message.session, stage);
    }

    /// Waits until the cloud has the end of a turn's bubble, and records that.
    pub(super) async fn finish(&self, turn: Turn) {
        let written = turn.writer.await.unwrap_or(Written::Lost);
        turn.span.in_scope(|| self.moved(&turn.message, Stage::Ended { told: written != Written::Lost }));
        match written {
            Written::Ended => {}
            Written::Gone => tracing::info!("a turn has nothing left to write to, and is over"),
            Written::Lost => {
                tracing::error!("the end of a turn did not reach the cloud; the next start sends it");
                return;
            }
        }
        // A start that does not know of the end runs the turn again, or says that it was interrupted.
        for tries in 1.. {
            match self.store.finish(&turn.message, turn.speech.said(), turn.speech.by(), now_ms()).await {
                Ok(()) => return,
                Err(error) => tracing::error!(tries, "cannot record the end of a turn: {error}"),
            }
            if tries == FINISH_TRIES {
                return;
            }
            tokio::time::sleep(FINISH_AGAIN).await;
        }
    }

    /// How the turn ends, or nothing when it was stopped from outside: whoever did that ended its bubble, too.
    async fn answer(&self, message: &UserMessage, speech: &Arc<Speech>, span: &Span) -> Option<Ending> {
        if speech.stop.is_cancelled() {
            return None;
        }
        let agent = match Box::pin(self.who_answers(message)).await {
            Ok(agent) => agent,
            Err(ending) => {
                self.moved(message, Stage::Settled(Fate::Host));
                return Some(ending);
            }
        };
        span.record("agent", agent.manifest.name.as_str());
        let (agent, ended) = self.let_answer(agent, message, speech).await?;
        self.moved(message, Stage::Settled(fate(&ended)));
        Some(ending::of(ended, &agent.manifest, &agent.totals(), &agent.lowered, speech.said().trim().is_empty()))
    }

    /// Lets a version answer, and another one in its place if it fails on trial before anything came of it. Nothing if
    /// the turn was stopped from outside.
    async fn let_answer(
        &self,
        mut agent: Arc<Agent>,
        message: &UserMessage,
        speech: &Arc<Speech>,
    ) -> Option<(Arc<Agent>, Ended)> {
        loop {
            // In boxes, as a future holds what it hands on, and this one lives as long as the turn.
            let told = Box::new(Box::pin(self.tell(message, &agent)).await);
            let tools = Box::new(self.tools(message, &agent, speech));
            let door = tools.door().clone();
            speech.given_to(format!("{} {}", agent.manifest.name, VersionReport::of(&agent).in_words()));
            let ended = tokio::select! {
                ended = self.run_ready(&agent, told, speech, tools) => ended,
                () = async { speech.stop.cancelled().await; tokio::time::sleep(GRACE).await } => return None,
            };
            if speech.stop.is_cancelled() {
                return None;
            }
            report(&ended);
            match Box::pin(self.registry.settle(&agent, Blame::of(&ended))).await {
                Some(instead) if !speech.is_touched() && !door.is_touched() => {
                    let version = &instead.manifest.version;
                    tracing::info!(version, "the turn runs again, by the version before");
                    agent = instead;
                }
                _ => return Some((agent, ended)),
            }
        }
    }

    /// Runs a turn once what its agent keeps in the session is as this version needs it.
    async fn run_ready(&self, agent: &Agent, told: Box<wasm::Turn>, speech: &Arc<Speech>, tools: Box<Tools>) -> Ended {
        match Box::pin(self.registry.ready(agent, &told.session)).await {
            Ok(_hold) => agent.run(&self.engine, *told, speech.clone(), *tools).await,
            Err(stranded) => stranded,
        }
    }

    /// What a turn may use.
    fn tools(&self, message: &UserMessage, agent: &Agent, speech: &Arc<Speech>) -> Tools {
        let (name, session) = (agent.manifest.name.clone(), message.session.to_string());
        let client = Client {
            agent: name.to_string(),
            digest: agent.digest.to_string(),
            session: session.clone(),
            interaction: message.interaction.to_string(),
            wants: agent.wants.clone(),
        };
        let limits = &agent.manifest.limits;
        let asks = u32::try_from(limits.asks).unwrap_or(u32::MAX);
        let person = Arc::new(Told { person: speech.clone(), outbox: self.outbox.clone() });
        let door = Door::new(self.office.clone(), client, speech.clone(), person, asks);
        let settings = self.settings.get(&name).cloned().unwrap_or_default();
        let tools = Tools::new(name, session, self.store.clone(), speech.stop.clone(), door).with_settings(settings);
        let tools = tools.with_schema(agent.manifest.schema);
        let tools = tools.with_connector(self.connector.clone(), self.vault.keys(&agent.wants));
        tools.with_folders(self.folders.clone()).with_programs(
            self.programs.clone(),
            limits.programs,
            agent.totals().programs,
        )
    }

    /// The agent of the session, or what the host itself has to say.
    async fn who_answers(&self, message: &UserMessage) -> Result<Arc<Agent>, Ending> {
        let chosen = self.store.agent_of(&message.session).await.unwrap_or_else(|error| {
            tracing::error!("cannot read which agent answers: {error}");
            None
        });
        let default = || self.registry.default_name().map(|name| name.as_str().to_owned());
        let current = chosen.or_else(default);
        match Command::parse(&message.text) {
            Some(Command::Agents) => Err(ending::answered(command::list(&self.registry, current.as_deref()))),
            Some(Command::Use(name)) => Err(self.choose(message, &name).await),
            Some(Command::Grants) => Err(self.grants().await),
            Some(Command::Revoke(id)) => Err(self.revoke(&id).await),
            None => match &current {
                None => Err(ending::noted(command::NO_AGENTS)),
                Some(name) => {
                    let unknown = || ending::noted(&command::unknown(&self.registry, name));
                    self.registry.take(name, message.session.as_str()).ok_or_else(unknown)
                }
            },
        }
    }

    async fn grants(&self) -> Ending {
        match self.store.grants(now_ms()).await {
            Ok(grants) => ending::answered(command::grants(&grants)),
            Err(error) => {
                tracing::error!("cannot read the grants: {error}");
                ending::noted("The grants could not be read; the host's log says why.")
            }
        }
    }

    async fn revoke(&self, id: &str) -> Ending {
        match self.store.revoke_grant(id, "the user, in the chat", now_ms()).await {
            Ok(was_there) => ending::answered(command::revoked(id, was_there)),
            Err(error) => {
                tracing::error!("cannot take a grant back: {error}");
                ending::noted("The grant could not be taken back; the host's log says why.")
            }
        }
    }

    async fn choose(&self, message: &UserMessage, name: &str) -> Ending {
        let Some(agent) = self.registry.take(name, message.session.as_str()) else {
            return ending::noted(&command::unknown(&self.registry, name));
        };
        match self.store.choose_agent(&message.session, name).await {
            Ok(()) => ending::answered(format!("**{}** answers here from now on.", agent.manifest.name)),
            Err(error) => {
                tracing::error!("cannot remember the choice of an agent: {error}");
                ending::noted("The choice could not be stored; the host's log says why.")
            }
        }
    }

    /// The turn as the contract has it.
    async fn tell(&self, message: &UserMessage, agent: &Agent) -> wasm::Turn {
        let spec = agent.manifest.history;
        let past = self.store.history(message, spec.messages, spec.bytes.0).await.unwrap_or_else(|error| {
            tracing::error!("cannot read the history: {error}");
            Vec::new()
        });
        wasm::Turn {
            session: message.session.to_string(),
            title: message.title.clone(),
            interaction: message.interaction.to_string(),
            message: message.message.as_ref().map_or_else(String::new, ToString::to_string),
            text: message.text.clone(),
            attachments: message.attachments.iter().map(attachment).collect(),
            reply_to: message.reply_to.as_ref().map(ToString::to_string),
            history: past.into_iter().map(past_message).collect(),
            effort: match message.thought_level {
                ThoughtLevel::Default => Effort::Standard,
                ThoughtLevel::Extended => Effort::Extended,
                ThoughtLevel::Max => Effort::Maximum,
            },
            locale: message.locale.clone(),
            now: now_ms(),
        }
    }
}

fn attachment(file: &crate::protocol::Attachment) -> Attachment {
    Attachment { id: file.key.clone(), mime: file.mime.clone(), size: file.size, name: file.name.clone() }
}

fn past_message(said: Said) -> PastMessage {
    let role = match said.by {
        Speaker::User => Role::User,
        Speaker::Agent => Role::Agent,
    };
    PastMessage { id: said.id, role, text: said.text, at: said.at_ms }
}

fn fate(ended: &Ended) -> Fate {
    match ended {
        Ended::Answered(_) => Fate::Answered,
        Ended::Failed(_) => Fate::Failed,
        Ended::Limit(_) => Fate::Limited,
        Ended::Trapped { .. } | Ended::Stranded { .. } => Fate::Crashed,
        Ended::Busy { .. } => Fate::Busy,
    }
}

/// Logs an end that was not an answer. The guest's last words are its own, so they are escaped.
fn report(ended: &Ended) {
    match ended {
        Ended::Answered(_) => tracing::debug!("answered"),
        Ended::Failed(failure) => {
            let failure = crate::text::line(&format!("{failure:?}"), 500);
            tracing::info!(failure, "the agent failed");
        }
        Ended::Limit(breach) => tracing::warn!("stopped by {breach}"),
        Ended::Busy { reason } => tracing::error!(reason, "no room for an instance"),
        Ended::Stranded { why } => {
            tracing::warn!("what the agent keeps cannot be used: {}", crate::text::line(why, 1_000));
        }
        Ended::Trapped { reason, stderr } => {
            let (reason, stderr) = (crate::text::line(reason, 500), crate::text::line(stderr, 4_096));
            tracing::warn!(reason, stderr, "the agent crashed");
        }
    }
}
