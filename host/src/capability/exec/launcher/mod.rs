//! The launcher: a process of this program between the host and a program of an agent's.
//!
//! It holds what the program starts: it is the parent that orphans are given to, and it does not end before all of them
//! have. One thread of it is confined and starts the program, which is confined by that, too; the other stays free, as it
//! has to kill. The host ends it by closing the socket between the two, which the host's death does as well.

pub(super) mod confine;
mod family;
mod filter;
mod privilege;

use super::orders::{self, Orders, Report};
use super::program;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, Resource, Rlimit, WaitOptions, WaitStatus};
use rustix::process::{getpid, pidfd_open, set_child_subreaper, setrlimit, setsid};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

/// How often is counted what the program started, and what memory it has.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
/// The most processes of one program, and by how many tasks it may add to the machine's.
const MAX_PROCESSES: usize = 512;
/// How far programs give way to the host, and how far the launcher comes before them, where it may: it has to be there in
/// time to end what multiplies. The kernel does not bound the number of root's processes.
const NICE: i32 = 15;
const FIRST: i32 = -20;
/// The largest file it may write, in bytes, and how many it may have open.
const MAX_FILE: u64 = 64 << 20;
const MAX_OPEN: u64 = 256;

/// What `sophon-host launch` does. Its standard input is the socket to the host.
pub fn launch() -> ExitCode {
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let Ok(mut host) = stdin.map(UnixStream::from) else { return ExitCode::FAILURE };
    let report = match begin(&mut host) {
        Ok((pid, memory)) => watch(&mut host, pid, memory),
        Err(error) => Report::Refused(error.to_string()),
    };
    family::end();
    // Nobody is left to tell when the host has gone.
    let _ = orders::write(&mut host, &report);
    ExitCode::SUCCESS
}

/// Does as the host says: starts the program. Gives how much memory it may take, too.
fn begin(host: &mut UnixStream) -> io::Result<(rustix::process::Pid, u64)> {
    set_child_subreaper(Some(getpid()))?;
    // A session of its own: no terminal, and no process group that anybody else is in.
    setsid()?;
    let (orders, stdin) = orders::receive(host)?;
    let memory = orders.memory;
    limit(memory)?;
    // Only root may come first.
    let _ = rustix::process::setpriority_process(None, FIRST);
    let spare = family::offer_to_the_reaper();
    let started = crate::tasks::thread("confined", move || start(&orders, stdin))?.join();
    spare.take_back();
    let pid = started.map_err(|_| io::Error::other("the launcher panicked"))??;
    orders::write(host, &Report::Started)?;
    Ok((pid, memory))
}

/// Starts the program, from a thread that is confined for good.
fn start(orders: &Orders, stdin: OwnedFd) -> io::Result<rustix::process::Pid> {
    let file = program::open(&orders.program)?;
    if program::digest(&file)? != orders.digest {
        return Err(io::Error::other("the program has changed since it was allowed; ask again"));
    }
    if is_script(&file)? {
        // Its interpreter opens it once more, by this descriptor: what is kept open is what was looked at.
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty())?;
    }
    let mut command = crate::process::command(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let path = std::env::join_paths(&orders.path).map_err(io::Error::other)?;
    command.arg0(&orders.name).args(&orders.args).current_dir(&orders.cwd).stdin(stdin).process_group(0);
    command.env_clear().env("PATH", path).env("HOME", &orders.work).env("LANG", "C.UTF-8");
    command.env("TMPDIR", orders.work.join("tmp"));
    rustix::process::setpriority_process(None, NICE)?;
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o077));
    confine::landlock(orders, &file)?;
    filter::apply(orders.network)?;
    privilege::give_up()?;
    let child = command.spawn()?;
    i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .ok_or_else(|| io::Error::other("no process"))
}

fn is_script(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::FileExt as _;
    let mut start = [0; 2];
    Ok(file.read_at(&mut start, 0)? == 2 && start == *b"#!")
}

/// Bounds what is inherited. Of memory what is written to, not the address space: runtimes that compile reserve far more of
/// that than they ever use.
fn limit(memory: u64) -> io::Result<()> {
    let bounds = [
        (Resource::Core, 0),
        (Resource::Data, memory),
        (Resource::Fsize, MAX_FILE),
        (Resource::Nofile, MAX_OPEN),
        (Resource::Nproc, family::tasks_of_the_machine() + MAX_PROCESSES as u64),
    ];
    for (resource, most) in bounds {
        let hard = rustix::process::getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
        setrlimit(resource, Rlimit { current: Some(hard), maximum: Some(hard) })?;
    }
    Ok(())
}

/// Waits for the program's end, or for the order to end it.
fn watch(host: &mut UnixStream, program: rustix::process::Pid, memory: u64) -> Report {
    let Ok(alive) = pidfd_open(program, PidfdFlags::empty()) else {
        return Report::Stopped("this kernel is too old to watch programs".to_owned());
    };
    loop {
        let mut fds = [PollFd::new(&alive, PollFlags::IN), PollFd::new(host, PollFlags::IN)];
        match poll(&mut fds, Some(&TICK)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Report::Stopped(format!("it cannot be watched: {error}")),
        }
        if !fds[1].revents().is_empty() {
            return Report::Stopped("the host said so".to_owned());
        }
        if let Some(status) = family::reap(program) {
            return told(status);
        }
        let members = family::members();
        if members.len() > MAX_PROCESSES {
            return Report::Stopped(format!("it started more than {MAX_PROCESSES} processes"));
        }
        if family::memory(&members) > memory {
            let memory = crate::config::ByteSize(memory);
            return Report::Stopped(format!("it took more than {memory} of memory, with all that it started"));
        }
    }
}

fn told(status: WaitStatus) -> Report {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Report::Exited(code),
        (None, Some(signal)) => Report::Signalled(signal),
        (None, None) => Report::Stopped("it ended in an unknown way".to_owned()),
    }
}

/// Not to wait for anything.
fn at_once() -> WaitOptions {
    WaitOptions::NOHANG
}
