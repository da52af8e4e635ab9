//! Deeds with files: `files VERB PATH …`, divided at blanks. What fails is said with the kind of failure.

use sophon_agent::{Answer, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

/// Does what the words after `files` say, and answers with what came of it, a failure too.
pub(crate) fn deed<'w>(mut words: impl Iterator<Item = &'w str>) -> Result<Answer> {
    let mut word = || words.next().unwrap_or_default();
    let (verb, path, other) = (word(), word(), word());
    let done = match verb {
        "read" => fs::read_to_string(path),
        "write" => fs::write(path, other).map(|()| "written".to_owned()),
        "append" => append(path, other),
        "patch" => patch(path, other),
        "list" => list(path),
        "size" => fs::metadata(path).map(|about| about.len().to_string()),
        "folder" => fs::create_dir(path).map(|()| "made".to_owned()),
        "remove" => fs::remove_file(path).map(|()| "removed".to_owned()),
        "rename" => fs::rename(path, other).map(|()| "renamed".to_owned()),
        "link" => fs::hard_link(path, other).map(|()| "linked".to_owned()),
        #[expect(deprecated, reason = "there is no other way on this platform")]
        "symlink" => fs::soft_link(path, other).map(|()| "linked".to_owned()),
        "grow" => OpenOptions::new().write(true).open(path).and_then(|file| grow(&file, other)),
        "fill" => fill(path),
        "hidden" => hidden(path),
        "hold" => hold(path),
        "again" => again(path),
        other => return Err(sophon_agent::Failure::other(format!("the probe knows no {other} of files"))),
    };
    Ok(Answer::text(done.unwrap_or_else(|error| kind(&error))))
}

/// The kind of a failure; some have no name in this library.
fn kind(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(22) => "TooLarge".to_owned(),
        Some(48) => "NoMemory".to_owned(),
        // The library's streams know no other reason.
        Some(29) => "Io".to_owned(),
        Some(51) => "Full".to_owned(),
        _ => format!("{:?}", error.kind()),
    }
}

fn append(path: &str, text: &str) -> io::Result<String> {
    OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())?;
    fs::read_to_string(path)
}

/// Writes into the middle.
fn patch(path: &str, text: &str) -> io::Result<String> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(2))?;
    file.write_all(text.as_bytes())?;
    fs::read_to_string(path)
}

fn list(path: &str) -> io::Result<String> {
    let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names.join(" "))
}

fn grow(file: &File, size: &str) -> io::Result<String> {
    file.set_len(size.parse().map_err(io::Error::other)?)?;
    Ok("grown".to_owned())
}

/// Writes files of 200 MiB until that fails; says how many MiB that were, and how it failed.
fn fill(path: &str) -> io::Result<String> {
    let (piece, mut count) = (vec![1; 1 << 20], 0_u32);
    loop {
        let mut file = File::create(format!("{path}{}", count / 200))?;
        for _ in 0..200 {
            if let Err(error) = file.write_all(&piece) {
                return Ok(format!("{count} {}", kind(&error)));
            }
            count += 1;
        }
    }
}

/// The same with files that are deleted and kept open.
fn hidden(path: &str) -> io::Result<String> {
    let (piece, mut count, mut held) = (vec![1; 1 << 20], 0_u32, Vec::new());
    loop {
        let mut file = File::create(path)?;
        fs::remove_file(path)?;
        for _ in 0..200 {
            if let Err(error) = file.write_all(&piece) {
                return Ok(format!("{count} {}", kind(&error)));
            }
            count += 1;
        }
        held.push(file);
    }
}

/// Writes a file anew until that fails.
fn again(path: &str) -> io::Result<String> {
    loop {
        fs::write(path, [1; 4 << 10])?;
    }
}

/// Opens a file as often as it can, and reads it after that.
fn hold(path: &str) -> io::Result<String> {
    let mut held = Vec::new();
    let error = loop {
        match File::open(path) {
            Ok(file) => held.push(file),
            Err(error) => break kind(&error),
        }
    };
    let (count, mut text) = (held.len(), String::new());
    drop(held);
    File::open(path)?.read_to_string(&mut text)?;
    Ok(format!("{count} {error} {text}"))
}
