//! Programs of the operator's machine, run for an agent: looked up, shown, allowed, and then held.
//!
//! The host does not start them itself. A launcher does, which is this program once more ([`launch`]): it confines the
//! program, and ends all that it started. Nothing an agent says reaches a shell.

#[cfg(target_os = "linux")]
mod launcher;
mod orders;
mod place;
mod program;
mod running;
mod watch;

use super::files::{self, WorkFolder};
use super::tools::{Refusal, Tools};
use crate::config::ExecConfig;
use crate::grant::{Ask, Content, ExecAsk};
#[cfg(target_os = "linux")]
pub use launcher::{confine::Hold, launch};
use orders::Orders;
use place::Room;
pub(super) use place::Runs;
use program::Found;
pub use running::Process;
use running::Run;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The most that is written to a program's standard input by one call, in bytes.
const MAX_INPUT: usize = 1 << 20;

/// The longest name of a program that is denied by its name, in bytes.
const MAX_ASKED: usize = 500;

/// What an agent wants to be run.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// A name, or a whole path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where in the work folder.
    pub cwd: Option<String>,
    /// What its standard input begins with.
    pub stdin: Vec<u8>,
    /// For how long it may run.
    pub time: Option<Duration>,
    /// Why, in the agent's words.
    pub reason: Option<String>,
}

/// What a program gives out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Some of its standard output.
    Stdout(Vec<u8>),
    /// Some of its standard error.
    Stderr(Vec<u8>),
    /// It ended with this code. Nothing comes after.
    Exited(i32),
    /// It was ended, for this reason. Nothing comes after.
    Killed(String),
}

/// How a host runs programs.
#[derive(Debug)]
pub struct Programs {
    config: ExecConfig,
    data_dir: PathBuf,
    hold: Hold,
    room: Room,
    /// For looking how much programs have written.
    looks: Arc<Semaphore>,
}

/// Where a program writes, and who may look how much that is.
type Ground = (WorkFolder, Arc<Semaphore>);

impl Programs {
    /// A host that keeps its files in `data_dir`. Says once what this kernel cannot hold.
    pub fn new(config: ExecConfig, data_dir: &Path) -> Self {
        let hold = Hold::of_this_kernel();
        if let Some(lack) = hold.lack() {
            tracing::warn!("programs of agents are not fully confined: {lack}");
        }
        let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
        Self { config, data_dir, hold, room: Room::new(), looks: Arc::new(Semaphore::new(1)) }
    }

    /// What holds programs: this one once more, whatever has become of its file.
    fn launcher(&self) -> PathBuf {
        self.config.launcher.clone().unwrap_or_else(|| PathBuf::from("/proc/self/exe"))
    }

    /// A place that programs would read, and that has the host's own files in it.
    fn exposed<'p>(&self, reads: impl Iterator<Item = &'p Path>) -> Option<&'p Path> {
        let own = self.data_dir.canonicalize().unwrap_or_else(|_| self.data_dir.clone());
        let holds =
            |read: &Path| read.canonicalize().is_ok_and(|read| own.starts_with(&read) || read.starts_with(&own));
        reads.into_iter().find(|read| holds(read))
    }
}

impl Tools {
    /// Runs a program, once that is allowed.
    ///
    /// # Errors
    /// When it is not allowed, cannot be found, or does not start; each with what to do.
    pub async fn spawn(&self, mut command: Command) -> Result<Process, Refusal> {
        self.go_on()?;
        let Some(programs) = &self.programs else {
            return Err(Refusal::Unavailable("this host runs no programs".to_owned()));
        };
        if command.stdin.len() > MAX_INPUT {
            return Err(Refusal::Invalid(format!("a program's input has at most {MAX_INPUT} bytes a call")));
        }
        if !self.door().may_run(&command.program) {
            // What there is on this machine is told to nobody who may not run it.
            let unseen = ExecAsk::unseen(&crate::text::clip(&command.program, MAX_ASKED));
            self.door().open(&Ask::Exec(unseen), None).await?;
            return Err(Refusal::Unavailable("the program was not looked for".to_owned()));
        }
        let slot = self.runs.place(&self.agent, &programs.room)?;
        self.stop().run_until_cancelled(programs.room.pace(&self.agent)).await.ok_or(Refusal::Cancelled)?;
        let reason = command.reason.take();
        let folder = WorkFolder::new(&programs.data_dir, &self.agent, &self.session);
        let (found, work, cwd) = self.find(programs, folder.clone(), &command).await?;
        let ask = self.exec_ask(programs, &found, &command)?;
        let runs_others = ask.nature().runs_others;
        let (mut orders, ask) = (orders(&ask, work, cwd, programs), Ask::Exec(ask));
        let wanted = self.door().wants().memory(&ask, programs.config.memory.0);
        orders.memory = wanted.min(programs.config.max_memory.0);
        let leave = self.door().open(&ask, reason.as_deref()).await?;
        // Who allowed what runs its input saw the input.
        let is_sealed = runs_others && !leave.is_by_rule();
        let time = command.time.map_or(programs.config.time, |time| time.min(programs.config.max_time));
        let (launcher, stdin, stop) = (programs.launcher(), command.stdin, self.stop().clone());
        let ground = (folder, programs.looks.clone());
        let run = Run { orders, launcher, stdin, is_sealed, time, ground, stop, slot };
        running::start(run, leave).await
    }

    /// Finds what the command names: the program, the work folder, and the folder in it. On a thread that may block.
    async fn find(
        &self,
        programs: &Arc<Programs>,
        folder: WorkFolder,
        command: &Command,
    ) -> Result<(Found, PathBuf, PathBuf), Refusal> {
        let (programs, asked, cwd) = (programs.clone(), command.program.clone(), command.cwd.clone());
        let looked = crate::tasks::blocking(move || {
            let work = folder.open().map_err(|error| match error {
                files::WorkError::Full(_) => Refusal::Limit(error.to_string()),
                files::WorkError::Io(_) => Refusal::Unavailable(error.to_string()),
            })?;
            let cwd = files::below(&work, cwd.as_deref()).map_err(Refusal::Invalid)?;
            let found = program::find(&asked, &programs.config.path, &programs.data_dir).map_err(Refusal::Invalid)?;
            Ok((found, work, cwd))
        });
        looked.await
    }

    /// What is about to be done, with what the operator's rule for it adds.
    fn exec_ask(&self, programs: &Programs, found: &Found, command: &Command) -> Result<ExecAsk, Refusal> {
        let plain = ExecAsk {
            name: found.name.clone(),
            program: found.file.clone(),
            digest: found.digest,
            args: command.args.clone(),
            cwd: command.cwd.clone().unwrap_or_default(),
            network: false,
            reads: Vec::new(),
            confined: programs.hold > Hold::None,
            lack: programs.hold.lack(),
            input: Content::of(&command.stdin),
        };
        let plain = Ask::Exec(plain.checked().map_err(Refusal::Invalid)?);
        let (network, reads) =
            self.door().rule(&plain).map_or((false, Vec::new()), |rule| (rule.network, rule.reads.clone()));
        let system = Hold::SYSTEM.iter().map(Path::new);
        if let Some(read) = programs.exposed(system.chain(reads.iter().map(PathBuf::as_path))) {
            return Err(Refusal::Unavailable(format!(
                "programs would read {}, and the host's own files are there; keep those elsewhere with `data_dir`",
                read.display()
            )));
        }
        match plain {
            Ask::Exec(plain) => Ok(ExecAsk { network, reads, ..plain }),
            _ => Err(Refusal::Invalid("this is no program".to_owned())),
        }
    }
}

fn orders(ask: &ExecAsk, work: PathBuf, cwd: PathBuf, programs: &Programs) -> Orders {
    Orders {
        program: ask.program.clone(),
        digest: ask.digest,
        name: ask.shown(),
        args: ask.args.clone(),
        work,
        cwd,
        path: programs.config.path.clone(),
        reads: ask.reads.clone(),
        network: ask.network,
        memory: programs.config.memory.0,
    }
}
