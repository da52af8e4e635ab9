//! `sophon:agent/control`: the turn itself.

use super::bindings::sophon::agent::control::{self, Budget};
use super::guest::Guest;
use std::time::Duration;

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl control::Host for Guest {
    async fn cancelled(&mut self) -> wasmtime::Result<bool> {
        self.enter()?;
        Ok(self.tools.is_stopped())
    }

    async fn remaining(&mut self) -> wasmtime::Result<Budget> {
        self.enter()?;
        Ok(Budget {
            cpu_ms: millis(self.cpu_limit.saturating_sub(self.cpu.running())),
            wall_ms: millis(self.wall.left()),
            output_bytes: self.output_left(),
            calls: self.calls.left(),
        })
    }
}
