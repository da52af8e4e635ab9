//! One turn of a guest without a cloud: what it answers, and how it ends.

use crate::{PATIENCE, engine, guests};
use anyhow::{Context as _, Result, bail};
use sophon_host::approval::{AnswerFuture, Client, Office, Person};
use sophon_host::capability::{Act, Chat, Door, Folders, Programs, Settings, Stopped, Tools};
use sophon_host::config::{Config, Environment, Overrides};
use sophon_host::grant::{Answer, Question, Rule};
use sophon_host::store::{Durability, Store};
use sophon_host::wasm::{Agent, Effort, Ended, Turn};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A guest with a store of its own.
pub struct Alone {
    agent: Arc<Agent>,
    store: Store,
    settings: Arc<Settings>,
    /// What it may do.
    pub rules: Vec<Rule>,
    /// Stops its turns.
    pub stop: CancellationToken,
    /// Who is asked, and what they say. They say it at once.
    pub person: Answer,
    heard: Arc<Heard>,
    programs: Option<(Arc<Folders>, Arc<Programs>)>,
    dir: TempDir,
}

/// Takes what a guest says, and tells that it spoke.
#[derive(Default)]
struct Heard(Notify);

impl Chat for Heard {
    fn act(&self, _: Act) -> Pin<Box<dyn Future<Output = Result<(), Stopped>> + Send + '_>> {
        self.0.notify_one();
        Box::pin(async { Ok(()) })
    }
}

/// Says the same to every question.
struct Says(Answer);

impl Person for Says {
    fn ask(&self, _: Question) -> AnswerFuture<'_> {
        Box::pin(async { self.0.clone() })
    }
}

impl Alone {
    /// One of [`guests`], with what its operator set.
    pub fn new(name: &str, settings: Settings) -> Result<Self> {
        let agent = guests().get(name).context("no such guest")?.clone();
        Ok(Self { settings: Arc::new(settings), ..Self::of(agent)? })
    }

    /// One that is loaded by [`engine`].
    pub fn of(agent: Arc<Agent>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = Store::open(&dir.path().join("host.db"), Durability::Process)?;
        let (settings, stop) = (Arc::default(), CancellationToken::new());
        let (rules, person, heard) = (Vec::new(), Answer::Denied, Arc::default());
        Ok(Self { agent, store, settings, rules, stop, person, heard, programs: None, dir })
    }

    /// Lets it run programs, which this binary holds.
    pub fn with_programs(mut self, launcher: &Path) -> Result<Self> {
        let data = self.dir.path().to_owned();
        let flags = Overrides { data_dir: Some(data.clone()), ..Overrides::default() };
        let mut config = Config::load(flags, &Environment::default())?;
        config.exec.launcher = Some(launcher.to_owned());
        let folders = Arc::new(Folders::new(&data));
        self.programs = Some((folders, Arc::new(Programs::new(config.exec, &data))));
        Ok(self)
    }

    /// Runs a turn to its end.
    pub async fn run(&self, text: &str) -> Result<Ended> {
        let run = self.turn(text, self.heard.clone());
        tokio::time::timeout(PATIENCE, run).await.context("the turn did not end")
    }

    /// A turn in this chat.
    pub fn turn(&self, text: &str, chat: Arc<dyn Chat>) -> impl Future<Output = Ended> + Send + 'static {
        let stop = self.stop.clone();
        let name = self.agent.manifest.name.clone();
        let client = Client {
            agent: name.to_string(),
            digest: self.agent.digest.to_string(),
            session: "ses_1".to_owned(),
            interaction: "int_1".to_owned(),
            wants: self.agent.wants.clone(),
        };
        let office = Arc::new(Office::new(self.rules.clone(), self.store.clone()));
        let person = Arc::new(Says(self.person.clone()));
        let door = Door::new(office, client, chat.clone(), person, 1_000);
        let tools = Tools::new(name, "ses_1".to_owned(), self.store.clone(), stop, door);
        let tools = tools.with_settings(self.settings.clone());
        let tools = match self.programs.clone() {
            Some((folders, programs)) => tools.with_folders(folders).with_programs(programs, 1_000, 64),
            None => tools,
        };
        let (engine, agent, turn) = (engine(), self.agent.clone(), turn(text));
        async move { agent.run(&engine, turn, chat, tools).await }
    }

    /// Runs a turn that answers with text.
    pub async fn ask(&self, text: &str) -> Result<String> {
        match self.run(text).await? {
            Ended::Answered(outcome) => outcome.text.context("an answer without text"),
            other => bail!("{other:?}"),
        }
    }

    /// Waits until a turn says something.
    pub async fn spoken(&self) {
        self.heard.0.notified().await;
    }
}

/// A message, as a guest is told of it.
pub fn turn(text: &str) -> Turn {
    Turn {
        session: "ses_1".to_owned(),
        title: None,
        interaction: "int_1".to_owned(),
        message: String::new(),
        text: text.to_owned(),
        attachments: Vec::new(),
        reply_to: None,
        history: Vec::new(),
        effort: Effort::Standard,
        locale: None,
        now: 0,
    }
}
