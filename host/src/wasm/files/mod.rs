//! `wasi:filesystem`: the folders that a turn is given, and nothing else of the machine.
//!
//! The standard's own code does what is harmless. What opens, writes or makes something is done here: it is bounded, stays
//! below its folder whatever others do there meanwhile, and waits for no device or pipe. Each call counts as one to the host.

mod descriptor;
mod open;
mod stream;

use super::calls::Work;
use super::guest::Guest;
use crate::capability::{Door, Given, Meter, Open};
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystemCtxView, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::filesystem::types::{DirectoryEntryStream, ErrorCode};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{FsError, FsResult};
use wasmtime_wasi::{FsPerms, OpenMode};

/// The most streams of files that a guest holds at once: each may have a piece of 64 KiB under way.
const MAX_STREAMS: usize = 64;
/// The most names that a guest holds in listings of folders at once.
const MAX_LISTED: usize = 20_000;

/// The folders of one guest, and what it holds of them.
pub(super) struct Files {
    given: Vec<Folder>,
    /// Which folder each descriptor is in.
    within: HashMap<u32, usize>,
    /// How many names each listing has.
    listed: HashMap<u32, usize>,
    open: Open,
    open_here: Option<Arc<Open>>,
    door: Arc<Door>,
    streams: Arc<()>,
}

/// A folder as a guest holds it.
struct Folder {
    name: String,
    dir: Dir,
    /// How much may be written there. None where it may only be read.
    meter: Option<Arc<Meter>>,
}

impl From<Given> for Folder {
    fn from(given: Given) -> Self {
        let (perms, mode) = match given.meter {
            Some(_) => (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE),
            None => (FsPerms::ReadOnly, OpenMode::READ),
        };
        Self { name: given.name, dir: Dir::new(given.folder, perms, mode, false), meter: given.meter }
    }
}

/// Offers them in place of the standard's own, which has no bounds.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    types::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut Guest| guest)?;
    preopens::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut Guest| guest)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl Files {
    pub(super) fn new(given: Vec<Given>, open_here: Option<Arc<Open>>, door: Arc<Door>) -> Self {
        let (within, listed) = (HashMap::new(), HashMap::new());
        let given = given.into_iter().map(Folder::from).collect();
        Self { given, within, listed, open: Open::of_a_turn(), open_here, door, streams: Arc::default() }
    }

    /// Notes that something is about to be changed.
    async fn touch(&self) -> FsResult<()> {
        self.door.touch().await.map_err(|refusal| {
            tracing::error!("cannot note that a turn changes a file: {refusal}");
            ErrorCode::Io.into()
        })
    }

    /// Counts a file that was opened.
    fn admit(&self, file: &Arc<File>) -> FsResult<()> {
        let fits = self.open.add(file) && self.open_here.as_ref().is_none_or(|open| open.add(file));
        // There is no word for too many open files.
        if fits { Ok(()) } else { Err(ErrorCode::InsufficientMemory.into()) }
    }

    /// A stream's part in their number.
    fn stream(&self) -> FsResult<Arc<()>> {
        let fits = Arc::strong_count(&self.streams) <= MAX_STREAMS;
        if fits { Ok(self.streams.clone()) } else { Err(ErrorCode::InsufficientMemory.into()) }
    }
}

impl Guest {
    /// The standard's own code.
    fn standard(&mut self) -> WasiFilesystemCtxView<'_> {
        self.filesystem()
    }

    /// Counts a call.
    fn step(&mut self) -> FsResult<()> {
        self.calls.cause(Work::Piece);
        self.enter().map_err(FsError::trap)
    }

    /// Counts a call, and says which folder a descriptor is in.
    fn at(&mut self, fd: &Resource<Descriptor>) -> FsResult<usize> {
        self.step()?;
        let lost = || FsError::trap(wasmtime::format_err!("a descriptor that nobody opened"));
        self.files.within.get(&fd.rep()).copied().ok_or_else(lost)
    }

    /// The same, for what is to change a folder: how much of that there may be. It is noted first.
    async fn altering(&mut self, fd: &Resource<Descriptor>) -> FsResult<Arc<Meter>> {
        let meter = self.writing(fd)?;
        self.files.touch().await?;
        Ok(meter)
    }

    /// The same, for what is to change a file: that was noted when it was opened for that.
    fn writing(&mut self, fd: &Resource<Descriptor>) -> FsResult<Arc<Meter>> {
        let at = self.at(fd)?;
        self.files.given[at].meter.clone().ok_or_else(|| ErrorCode::NotPermitted.into())
    }

    /// The same for two, which must be in one folder: nothing leads from one to another.
    async fn altering_both(
        &mut self,
        one: &Resource<Descriptor>,
        other: &Resource<Descriptor>,
    ) -> FsResult<Arc<Meter>> {
        let meter = self.altering(one).await?;
        let same = self.files.within.get(&one.rep()) == self.files.within.get(&other.rep());
        if same { Ok(meter) } else { Err(ErrorCode::CrossDevice.into()) }
    }

    /// Gives a guest something that is open in one of its folders.
    fn hand_over(&mut self, descriptor: Descriptor, at: usize) -> wasmtime::Result<Resource<Descriptor>> {
        let fd = self.table.push(descriptor)?;
        self.files.within.insert(fd.rep(), at);
        Ok(fd)
    }

    fn file(&self, fd: &Resource<Descriptor>) -> FsResult<Arc<File>> {
        match self.table.get(fd)? {
            Descriptor::File(file) => Ok(file.file.clone()),
            Descriptor::Dir(_) => Err(ErrorCode::BadDescriptor.into()),
        }
    }

    fn folder(&self, fd: &Resource<Descriptor>) -> FsResult<Dir> {
        match self.table.get(fd)? {
            Descriptor::Dir(folder) => Ok(folder.clone()),
            Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
        }
    }
}

/// What a guest is told of an error.
fn told(error: &io::Error) -> FsError {
    match Errno::from_io_error(error) {
        // It led out of the folder; or it is a pipe or a socket.
        Some(Errno::XDEV | Errno::NXIO) => ErrorCode::NotPermitted.into(),
        Some(Errno::AGAIN) => ErrorCode::Busy.into(),
        Some(Errno::DQUOT) => ErrorCode::Quota.into(),
        Some(Errno::MFILE | Errno::NFILE) => ErrorCode::InsufficientMemory.into(),
        Some(Errno::ROFS) => ErrorCode::ReadOnly.into(),
        Some(Errno::TXTBSY) => ErrorCode::TextFileBusy.into(),
        _ => ErrorCode::from(error).into(),
    }
}

impl preopens::Host for Guest {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        self.enter()?;
        let mut all = Vec::new();
        for at in 0..self.files.given.len() {
            let given = &self.files.given[at];
            let (folder, name) = (given.dir.clone(), given.name.clone());
            all.push((self.hand_over(Descriptor::Dir(folder), at)?, name));
        }
        Ok(all)
    }
}

impl types::Host for Guest {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        types::Host::filesystem_error_code(&mut self.standard(), error)
    }
}

impl types::HostDirectoryEntryStream for Guest {
    async fn read_directory_entry(
        &mut self,
        listing: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<types::DirectoryEntry>> {
        self.step()?;
        types::HostDirectoryEntryStream::read_directory_entry(&mut self.standard(), listing).await
    }

    fn drop(&mut self, listing: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.files.listed.remove(&listing.rep());
        types::HostDirectoryEntryStream::drop(&mut self.standard(), listing)
    }
}
