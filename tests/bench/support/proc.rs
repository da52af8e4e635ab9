//! What Linux says of a process and of the machine, from `/proc`.

use anyhow::{Context as _, Result};
use std::fs;
use std::time::Duration;

/// A clock tick of `/proc/PID/stat`: `USER_HZ` is 100 on every machine that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// A process, by its number.
pub(crate) struct Process(u32);

impl Process {
    pub(crate) fn new(id: u32) -> Self {
        Self(id)
    }

    /// This process.
    pub(crate) fn own() -> Self {
        Self(std::process::id())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0
    }

    /// Resident memory now, in MiB.
    pub(crate) fn resident(&self) -> Result<f64> {
        self.mebibytes("status", "VmRSS:")
    }

    /// Resident memory now with shared pages counted by share, in MiB.
    pub(crate) fn proportional(&self) -> Result<f64> {
        self.mebibytes("smaps_rollup", "Pss:")
    }

    /// The most resident memory that it ever had, in MiB.
    pub(crate) fn peak(&self) -> Result<f64> {
        self.mebibytes("status", "VmHWM:")
    }

    /// How many memory mappings it has.
    pub(crate) fn mappings(&self) -> Result<usize> {
        Ok(self.read("maps")?.lines().count())
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = self.read("stat")?;
        // The second field is a name in brackets that may hold anything; utime and stime are the 14th and the 15th.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).context("an odd /proc/PID/stat")?;
        let ticks: Vec<u32> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        Ok(TICK * ticks.iter().sum())
    }

    fn mebibytes(&self, file: &str, key: &str) -> Result<f64> {
        let text = self.read(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let kibibytes = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
        Ok(kibibytes.with_context(|| format!("/proc/{}/{file} has no {key}", self.0))? / 1024.0)
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.0);
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    }
}

/// Cores, processor and kernel, in one line.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores ({}), Linux {}", model.map_or("unknown", |(_, name)| name), kernel.trim())
}
