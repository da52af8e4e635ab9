//! What the host and the launcher of a program tell each other, over a socket between the two.
//!
//! The orders hold no secrets, and go over the socket rather than the command line, which all of a machine can read. With
//! them goes the program's standard input. The end of the socket, on the host's side, is the order to kill.

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// The longest message: 64 KiB of arguments, each byte of them escaped, and some paths.
const MAX_MESSAGE: u32 = 1 << 20;

/// What to run, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Orders {
    /// The file.
    pub(super) program: PathBuf,
    /// SHA-256 of what it had in it when it was allowed.
    pub(super) digest: [u8; 32],
    /// What it is called.
    pub(super) name: String,
    /// Its arguments.
    pub(super) args: Vec<String>,
    /// Where it may write.
    pub(super) work: PathBuf,
    /// Where it begins.
    pub(super) cwd: PathBuf,
    /// Where it looks for other programs.
    pub(super) path: Vec<PathBuf>,
    /// What it may read besides the system's own files.
    pub(super) reads: Vec<PathBuf>,
    /// Whether it may use the network.
    pub(super) network: bool,
    /// How much memory it may take with all that it starts, in bytes.
    pub(super) memory: u64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// It runs.
    Started,
    /// It was not started, for this reason.
    Refused(String),
    /// It ended with this code.
    Exited(i32),
    /// It was ended by this signal.
    Signalled(i32),
    /// The launcher ended it, for this reason.
    Stopped(String),
}

/// Sends the orders. Blocks.
pub(super) fn send(socket: &mut UnixStream, orders: &Orders, stdin: &OwnedFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [stdin.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&fds));
    rustix::net::sendmsg(&*socket, &[IoSlice::new(&[0])], &mut control, SendFlags::empty())?;
    write(socket, orders)
}

/// Receives the orders. Blocks.
pub(super) fn receive(socket: &mut UnixStream) -> io::Result<(Orders, OwnedFd)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    rustix::net::recvmsg(&*socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let stdin = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let stdin = stdin.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no orders came"))?;
    Ok((read(socket)?, stdin))
}

/// Writes one message.
pub(super) fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let len = u32::try_from(text.len()).map_err(io::Error::other)?;
    to.write_all(&len.to_be_bytes())?;
    to.write_all(&text)
}

/// Reads one message.
pub(super) fn read<T: for<'de> Deserialize<'de>>(from: &mut impl Read) -> io::Result<T> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len);
    if len > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
    }
    let mut text = vec![0; len as usize];
    from.read_exact(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_arrive_with_the_standard_input() {
        let (mut ours, mut theirs) = UnixStream::pair().expect("a pair");
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let orders = Orders {
            program: "/bin/sh".into(),
            digest: [7; 32],
            name: "sh".into(),
            args: vec!["-c".into(), "\u{1}\u{1}".into()],
            work: "/w".into(),
            cwd: "/w/a".into(),
            path: vec!["/bin".into()],
            reads: vec!["/srv".into()],
            network: false,
            memory: 1 << 30,
        };
        send(&mut ours, &orders, &OwnedFd::from(reader)).expect("sent");
        writer.write_all(b"in").expect("written");
        drop(writer);
        let (received, stdin) = receive(&mut theirs).expect("received");
        let mut text = String::new();
        std::fs::File::from(stdin).read_to_string(&mut text).expect("read");
        assert_eq!((received, text.as_str()), (orders, "in"));
        write(&mut theirs, &Report::Exited(3)).expect("written");
        assert_eq!(read::<Report>(&mut ours).expect("read"), Report::Exited(3));
        ours.write_all(&u32::MAX.to_be_bytes()).expect("written");
        assert!(read::<Report>(&mut theirs).is_err(), "a message has a bound");
    }
}
