//! `sophon:agent/exec`: programs of the operator's machine.

use super::bindings::sophon::agent::exec::{self, Command, Output};
use super::guest::{Answer, Guest};
use crate::capability::{self, Process};
use std::time::Duration;
use wasmtime::component::Resource;

impl From<Command> for capability::Command {
    fn from(what: Command) -> Self {
        let Command { program, args, cwd, stdin, timeout_ms, reason } = what;
        let time = timeout_ms.map(|millis| Duration::from_millis(millis.into()));
        Self { program, args, cwd, stdin, time, reason }
    }
}

impl From<capability::Output> for Output {
    fn from(output: capability::Output) -> Self {
        match output {
            capability::Output::Stdout(bytes) => Self::Stdout(bytes),
            capability::Output::Stderr(bytes) => Self::Stderr(bytes),
            capability::Output::Exited(code) => Self::Exited(code),
            capability::Output::Killed(why) => Self::Killed(why),
        }
    }
}

impl exec::Host for Guest {
    async fn spawn(&mut self, what: Command) -> Answer<Resource<Process>> {
        self.enter()?;
        match self.tools.spawn(what.into()).await {
            Ok(process) => Ok(Ok(self.table.push(process)?)),
            Err(refusal) => self.refused(refusal),
        }
    }
}

impl exec::HostProcess for Guest {
    async fn next(&mut self, process: Resource<Process>) -> Answer<Output> {
        self.enter()?;
        Ok(self.table.get_mut(&process)?.next().await.map(Into::into).map_err(Into::into))
    }

    async fn write(&mut self, process: Resource<Process>, stdin: Vec<u8>) -> Answer<()> {
        self.enter()?;
        Ok(self.table.get_mut(&process)?.write(stdin).await.map_err(Into::into))
    }

    async fn kill(&mut self, process: Resource<Process>) -> wasmtime::Result<()> {
        self.enter()?;
        self.table.get(&process)?.kill();
        Ok(())
    }

    async fn drop(&mut self, process: Resource<Process>) -> wasmtime::Result<()> {
        self.table.delete(process)?;
        Ok(())
    }
}
