//! Open files and folders of a guest.

use super::open::{self, How};
use super::stream::{self, Input, MAX_FILE, Output, Place, State};
use super::{Guest, MAX_LISTED, told};
use rustix::io::Errno;
use std::fs::{File, FileTimes};
use std::io;
use std::time::{Duration, SystemTime};
use wasmtime::component::Resource;
use wasmtime_wasi::OpenMode;
use wasmtime_wasi::filesystem::{self, Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntryStream, ErrorCode, Filesize, HostDescriptor,
    MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsResult};

type Fd = Resource<Descriptor>;

fn how(path: PathFlags, open: OpenFlags, flags: DescriptorFlags) -> How {
    let write = flags.contains(DescriptorFlags::WRITE);
    let (create, truncate) = (open.contains(OpenFlags::CREATE), open.contains(OpenFlags::TRUNCATE));
    How {
        read: flags.contains(DescriptorFlags::READ) || !write,
        write,
        create,
        exclusive: open.contains(OpenFlags::EXCLUSIVE),
        truncate,
        folder: open.contains(OpenFlags::DIRECTORY),
        follow: path.contains(PathFlags::SYMLINK_FOLLOW),
    }
}

fn times(accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<FileTimes> {
    let time = |stamp| match stamp {
        NewTimestamp::NoChange => Ok(None),
        NewTimestamp::Now => Ok(Some(SystemTime::now())),
        NewTimestamp::Timestamp(at) => {
            let since = Duration::from_secs(at.seconds).checked_add(Duration::from_nanos(at.nanoseconds.into()));
            let time = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
            time.map(Some).ok_or(ErrorCode::Overflow)
        }
    };
    let (accessed, modified) = (time(accessed)?, time(modified)?);
    let set = accessed.map_or(FileTimes::new(), |time| FileTimes::new().set_accessed(time));
    Ok(modified.map_or(set, |time| set.set_modified(time)))
}

/// How many names a folder has; fails when they are more than fit. Blocks.
fn names(folder: &File, most: usize) -> io::Result<usize> {
    // This folder, the one above it, and one too many.
    let count = rustix::fs::Dir::read_from(folder)?.take(most + 3).collect::<Result<Vec<_>, _>>()?.len();
    if count > most + 2 { Err(Errno::OVERFLOW.into()) } else { Ok(count) }
}

impl Guest {
    fn written_to(&mut self, fd: &Fd, place: Place) -> FsResult<Resource<DynOutputStream>> {
        let meter = self.writing(fd)?;
        let (file, counted) = (self.file(fd)?, self.files.stream()?);
        let state = State::Ready;
        let stream = Output { file, meter, place, calls: self.calls.clone(), state, _counted: counted };
        Ok(self.table.push(Box::new(stream) as DynOutputStream)?)
    }

    /// Opens something, counts it, and gives it to the guest.
    async fn opened(&mut self, fd: &Fd, at: usize, path: String, how: How) -> FsResult<Fd> {
        let within = self.folder(fd)?;
        let (folder, perms) = (within.dir, within.perms);
        let opened = crate::tasks::blocking(move || open::below(&folder, &path, how)).await;
        let (file, is_folder) = opened.map_err(|error| told(&error))?;
        let mut mode = OpenMode::empty();
        mode.set(OpenMode::READ, how.read);
        mode.set(OpenMode::WRITE, how.changes());
        let (descriptor, file) = if is_folder {
            let folder = Dir::new(file, perms, mode, false);
            (Descriptor::Dir(folder.clone()), folder.dir)
        } else {
            let file = filesystem::File::new(file, perms, mode, false);
            (Descriptor::File(file.clone()), file.file)
        };
        self.files.admit(&file)?;
        if let Some(meter) = self.files.given[at].meter.as_ref().filter(|_| how.changes()) {
            meter.watch(&file);
        }
        self.hand_over(descriptor, at).map_err(wasmtime_wasi::p2::FsError::trap)
    }
}

impl HostDescriptor for Guest {
    async fn advise(&mut self, fd: Fd, offset: Filesize, len: Filesize, advice: Advice) -> FsResult<()> {
        self.at(&fd)?;
        self.standard().advise(fd, offset, len, advice).await
    }

    async fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        self.at(&fd)?;
        self.standard().sync_data(fd).await
    }

    async fn get_flags(&mut self, fd: Fd) -> FsResult<DescriptorFlags> {
        self.at(&fd)?;
        self.standard().get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Fd) -> FsResult<DescriptorType> {
        self.at(&fd)?;
        self.standard().get_type(fd).await
    }

    async fn set_size(&mut self, fd: Fd, size: Filesize) -> FsResult<()> {
        let (meter, file) = (self.writing(&fd)?, self.file(&fd)?);
        if size > MAX_FILE {
            return Err(ErrorCode::FileTooLarge.into());
        }
        // A hole takes no room, but whoever fills it need not say so: what is mapped by a program, say.
        let len = file.metadata()?.len();
        let room = match size.checked_sub(len) {
            Some(more) if more > 0 => Some(meter.bytes(len, more).await?),
            // Who is over the bound may make room.
            _ => None,
        };
        let done = self.standard().set_size(fd, size).await;
        drop(room);
        done
    }

    async fn set_times(&mut self, fd: Fd, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        self.altering(&fd).await?;
        self.standard().set_times(fd, accessed, modified).await
    }

    async fn read(&mut self, fd: Fd, len: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        self.at(&fd)?;
        self.standard().read(fd, len, offset).await
    }

    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let (meter, file) = (self.writing(&fd)?, self.file(&fd)?);
        stream::write(file, meter, Place::At(offset), bytes.into()).await.map_err(|error| told(&error))
    }

    async fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<DirectoryEntryStream>> {
        self.at(&fd)?;
        let (folder, held) = (self.folder(&fd)?.dir, self.files.listed.values().sum());
        let left = MAX_LISTED.saturating_sub(held);
        let count = crate::tasks::blocking(move || names(&folder, left)).await.map_err(|error| told(&error))?;
        let listing = self.standard().read_directory(fd).await?;
        self.files.listed.insert(listing.rep(), count);
        Ok(listing)
    }

    async fn sync(&mut self, fd: Fd) -> FsResult<()> {
        self.at(&fd)?;
        self.standard().sync(fd).await
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let room = self.altering(&fd).await?.entry().await?;
        let done = self.standard().create_directory_at(fd, path).await;
        drop(room);
        done
    }

    async fn stat(&mut self, fd: Fd) -> FsResult<DescriptorStat> {
        self.at(&fd)?;
        self.standard().stat(fd).await
    }

    async fn stat_at(&mut self, fd: Fd, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        self.at(&fd)?;
        self.standard().stat_at(fd, flags, path).await
    }

    async fn set_times_at(
        &mut self,
        fd: Fd,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.altering(&fd).await?;
        if !flags.contains(PathFlags::SYMLINK_FOLLOW) {
            return self.standard().set_times_at(fd, flags, path, accessed, modified).await;
        }
        // The standard's own code opens what it finds, and would wait for a pipe.
        let (folder, times) = (self.folder(&fd)?.dir, times(accessed, modified)?);
        let how = How { read: true, follow: true, ..How::default() };
        let set = crate::tasks::blocking(move || open::below(&folder, &path, how)?.0.set_times(times));
        set.await.map_err(|error| told(&error))
    }

    async fn link_at(&mut self, fd: Fd, flags: PathFlags, old: String, to: Fd, new: String) -> FsResult<()> {
        let room = self.altering_both(&fd, &to).await?.entry().await?;
        let done = self.standard().link_at(fd, flags, old, to, new).await;
        drop(room);
        done
    }

    async fn open_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let at = self.at(&fd)?;
        let how = how(path_flags, open_flags, flags);
        let meter = self.files.given[at].meter.clone();
        let sync = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        let room = match meter {
            _ if flags.intersects(sync) => return Err(ErrorCode::Unsupported.into()),
            _ if how.folder && (how.create || how.truncate) => return Err(ErrorCode::Invalid.into()),
            None if how.changes() => return Err(ErrorCode::NotPermitted.into()),
            Some(meter) if how.create => Some(meter.entry().await?),
            _ => None,
        };
        if how.changes() {
            self.files.touch().await?;
        }
        let opened = self.opened(&fd, at, path, how).await;
        drop(room);
        opened
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        self.files.within.remove(&fd.rep());
        self.table.delete(fd)?;
        Ok(())
    }

    async fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        self.at(&fd)?;
        self.standard().readlink_at(fd, path).await
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.altering(&fd).await?;
        self.standard().remove_directory_at(fd, path).await
    }

    async fn rename_at(&mut self, fd: Fd, old: String, to: Fd, new: String) -> FsResult<()> {
        self.altering_both(&fd, &to).await?;
        self.standard().rename_at(fd, old, to, new).await
    }

    async fn symlink_at(&mut self, fd: Fd, to: String, path: String) -> FsResult<()> {
        let room = self.altering(&fd).await?.entry().await?;
        let done = self.standard().symlink_at(fd, to, path).await;
        drop(room);
        done
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.altering(&fd).await?;
        self.standard().unlink_file_at(fd, path).await
    }

    fn read_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        self.at(&fd)?;
        let counted = self.files.stream()?;
        let stream = self.standard().read_via_stream(fd, offset)?;
        let inner = self.table.delete(stream)?;
        let stream = Input { inner, calls: self.calls.clone(), _counted: counted };
        Ok(self.table.push(Box::new(stream) as DynInputStream)?)
    }

    fn write_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        self.written_to(&fd, Place::At(offset))
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        self.written_to(&fd, Place::End)
    }

    async fn is_same_object(&mut self, one: Fd, other: Fd) -> wasmtime::Result<bool> {
        self.enter()?;
        self.standard().is_same_object(one, other).await
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<MetadataHashValue> {
        self.at(&fd)?;
        self.standard().metadata_hash(fd).await
    }

    async fn metadata_hash_at(&mut self, fd: Fd, flags: PathFlags, path: String) -> FsResult<MetadataHashValue> {
        self.at(&fd)?;
        self.standard().metadata_hash_at(fd, flags, path).await
    }
}
