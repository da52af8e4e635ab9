//! A guest that has its work folder, and one that it may read: it wants all else.

use crate::{Deed, Scene};
use sophon_agent::exec::Command;
use sophon_agent::{Answer, Failure, Result, config};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::time::Duration;

pub(crate) const DEEDS: &[(&str, Deed)] = &[
    ("work-escaped", escaped),
    ("work-escaped-by-links", by_links),
    ("work-escaped-in-a-race", raced),
    ("work-with-strange-names", strange_names),
    ("work-with-pipes", pipes),
    ("work-linked-from-outside", linked),
    ("given-is-written-to", given),
    ("work-filled", filled),
    ("work-filled-unseen", filled_unseen),
    ("work-filled-by-a-program", filled_by_a_program),
    ("work-grown", grown),
    ("work-of-many-files", many_files),
    ("work-appended-for-ever", appended),
    ("work-held-open", held_open),
    ("work-listed-for-ever", listed),
    ("work-nested", nested),
];

/// What is not the agent's: where it is seen from its work folder, by whole paths, and by what the kernel knows of others.
const OUTSIDE: [&str; 9] = [
    "..",
    "../../../token",
    "../../../../outside/canary",
    "/etc/passwd",
    "/proc/self/environ",
    "/proc/1/root/etc/passwd",
    "/dev/zero",
    "/proc/self/fd/0",
    "tmp/../../../../../outside/canary",
];

fn found(all: Vec<String>) -> Result<Answer> {
    Ok(Answer::text(if all.is_empty() { "found nothing".to_owned() } else { format!("FOUND {}", all.join(", ")) }))
}

/// What failed, as a word.
fn word(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(48) => "no memory".to_owned(),
        // The library's streams know no other reason.
        Some(29) => "failed".to_owned(),
        Some(51) => "full".to_owned(),
        Some(22) => "too large".to_owned(),
        _ => format!("{:?}", error.kind()),
    }
}

/// Whether anything can be done with this.
fn reached(path: &str) -> bool {
    let write = || OpenOptions::new().append(true).create(true).open(path).is_ok();
    let read = || File::open(path).and_then(|mut file| file.read(&mut [0; 8])).is_ok_and(|count| count > 0);
    read() || fs::read_dir(path).is_ok() || fs::metadata(path).is_ok() || write() || fs::create_dir(path).is_ok()
}

fn escaped(_: Scene) -> Result<Answer> {
    let paths =
        OUTSIDE.iter().flat_map(|path| [(*path).to_owned(), format!("/work/{path}"), format!("/work//./{path}")]);
    found(paths.filter(|path| reached(path) && !path.ends_with("//./..")).collect())
}

/// Links that it makes itself, and links that its programs make, which may lead anywhere.
fn by_links(_: Scene) -> Result<Answer> {
    let mut all = Vec::new();
    for (number, path) in OUTSIDE.iter().enumerate() {
        let (own, made) = (format!("/work/own{number}"), format!("made{number}"));
        #[expect(deprecated, reason = "there is no other way on this platform")]
        let is_made = fs::soft_link(path, &own).is_ok();
        if path.starts_with('/') && is_made {
            all.push(format!("a link to {path}"));
        }
        Command::new("ln").args(["-s", path, &made]).run()?;
        let made = ["", "/x", "/../../canary"].map(|rest| format!("/work/{made}{rest}"));
        // What is not there as a link would be made as a file, which it may.
        for link in made.into_iter().chain(is_made.then_some(own)) {
            if reached(&link) {
                all.push(format!("{path} by {link}"));
            }
            let moved =
                fs::hard_link(&link, format!("/work/hard{number}")).is_ok() && reached(&format!("/work/hard{number}"));
            if moved || fs::set_permissions(&link, fs::metadata("/work")?.permissions()).is_ok() {
                all.push(format!("{path} through {link}"));
            }
        }
    }
    found(all)
}

/// A program of its own swaps a folder against a link that leads out, again and again, while it is looked into.
fn raced(_: Scene) -> Result<Answer> {
    fs::create_dir("/work/sub")?;
    fs::write("/work/sub/canary", "mine")?;
    let swap = "symlink '../../../../outside', 'link'; $| = 1; print 'on'; \
                while (1) { rename 'sub', 'aside'; rename 'link', 'sub'; rename 'sub', 'link'; rename 'aside', 'sub' }";
    let mut swapping = Command::new("perl").args(["-e", swap]).timeout(Duration::from_secs(30)).spawn()?;
    swapping.output()?;
    let mut all = Vec::new();
    for _ in 0..4_000 {
        let read = fs::read_to_string("/work/sub/canary").unwrap_or_default();
        let written = OpenOptions::new().write(true).open("/work/sub/sophon-host.toml");
        if !matches!(read.as_str(), "" | "mine") || written.is_ok() || fs::read_dir("/work/sub/agents").is_ok() {
            all.push("the canary".to_owned());
        }
        if fs::create_dir("/work/sub/hostile").is_ok() {
            fs::remove_dir("/work/sub/hostile").or_else(|_| fs::remove_dir("/work/aside/hostile")).unwrap_or_default();
        }
    }
    swapping.kill();
    found(all)
}

fn strange_names(_: Scene) -> Result<Answer> {
    let names =
        ["a\nb", "\u{202e}txt", "-rf", "a\0b", "\u{1b}[2J", ".gone-x", "con", "{{secret:CANARY}}", "$(id)", "…"];
    let mut made = 0;
    for name in names.map(str::to_owned).into_iter().chain([255, 256, 4_096, 100_000].map(|len| "x".repeat(len))) {
        let path = format!("/work/{name}");
        made += usize::from(
            fs::write(&path, &name).is_ok_and(|()| fs::read_to_string(&path).is_ok_and(|text| text == name)),
        );
    }
    Ok(Answer::text(format!("{made} made, {} there", fs::read_dir("/work")?.count())))
}

/// Pipes that nobody writes to, and sockets.
fn pipes(_: Scene) -> Result<Answer> {
    let sockets = "use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0) and bind(S, sockaddr_un('socket')) and print 'bound'";
    Command::new("mkfifo").args(["one", "other"]).run()?;
    Command::new("perl").args(["-e", sockets]).run()?;
    let mut all = Vec::new();
    for path in ["/work/one", "/work/other", "/work/socket"] {
        let opened = File::open(path).is_ok() || OpenOptions::new().write(true).open(path).is_ok();
        let times = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
        if opened || OpenOptions::new().append(true).open(path).is_ok_and(|file| file.set_times(times).is_ok()) {
            all.push(path.to_owned());
        }
    }
    found(all)
}

fn given_folder() -> Result<String> {
    config::get("given").ok_or_else(|| Failure::other("nobody said what is given"))
}

/// What it may read is not to be written to by another name.
fn linked(_: Scene) -> Result<Answer> {
    let note = format!("{}/note", given_folder()?);
    let mut all = Vec::new();
    if fs::hard_link(&note, "/work/note").is_ok() || fs::rename(&note, "/work/note").is_ok() {
        all.push("a way in".to_owned());
    }
    fs::write("/work/mine", "mine")?;
    let out = note.replace("note", "mine");
    if fs::hard_link("/work/mine", &out).is_ok() || fs::rename("/work/mine", &out).is_ok() {
        all.push("a way out".to_owned());
    }
    Command::new("ln").args([note.as_str(), "hard"]).run()?;
    Command::new("ln").args(["-s", note.as_str(), "soft"]).run()?;
    for path in ["/work/hard", "/work/soft"] {
        if OpenOptions::new().write(true).open(path).is_ok() || fs::read(path).is_ok() {
            all.push(path.to_owned());
        }
    }
    found(all)
}

fn given(_: Scene) -> Result<Answer> {
    let folder = given_folder()?;
    let note = format!("{folder}/note");
    let mut all = Vec::new();
    let mut tried = |what: &str, done: bool| {
        if done {
            all.push(what.to_owned());
        }
    };
    tried("write", OpenOptions::new().write(true).open(&note).is_ok());
    tried("append", OpenOptions::new().append(true).open(&note).is_ok());
    tried("truncate", File::create(&note).is_ok());
    tried("create", File::create(format!("{folder}/hostile")).is_ok());
    tried("folder", fs::create_dir(format!("{folder}/hostile")).is_ok());
    tried("remove", fs::remove_file(&note).is_ok());
    tried("rename", fs::rename(&note, format!("{folder}/hostile")).is_ok());
    tried("link", fs::hard_link(&note, format!("{folder}/hostile")).is_ok());
    let now = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
    let opened = File::open(&note)?;
    tried("times", opened.set_times(now).is_ok());
    tried("size", opened.set_len(0).is_ok() || (&opened).write(b"x").is_ok());
    tried("above", reached(&format!("{folder}/../canary")) || reached(&format!("{folder}/../agents")));
    found(all)
}

/// Writes until that fails.
fn fill(mut file: File) -> String {
    let piece = vec![b'x'; 256 << 10];
    loop {
        if let Err(error) = file.write_all(&piece) {
            return word(&error);
        }
    }
}

fn filled(_: Scene) -> Result<Answer> {
    let how = fill(File::create("/work/large")?);
    fs::remove_file("/work/large")?;
    Ok(Answer::text(how))
}

/// Files that have no name are there all the same.
fn filled_unseen(_: Scene) -> Result<Answer> {
    let mut held = Vec::new();
    for _ in 0..4 {
        let file = File::create("/work/unseen")?;
        fs::remove_file("/work/unseen")?;
        held.push(file.try_clone().map_or_else(|_| String::new(), |_| "twice".to_owned()));
        let (mut writer, piece) = (file, vec![b'x'; 256 << 10]);
        for _ in 0..400 {
            if let Err(error) = writer.write_all(&piece) {
                return Ok(Answer::text(word(&error)));
            }
        }
        std::mem::forget(writer);
    }
    found(held)
}

/// One file is bounded by the kernel, many are not.
fn filled_by_a_program(_: Scene) -> Result<Answer> {
    let script = "n=0; while :; do head -c 16777216 /dev/zero > f$n; n=$((n+1)); sleep 0.05; done";
    let done = Command::new("bash").args(["-c", script]).run()?;
    for entry in fs::read_dir("/work")? {
        let path = entry?.path();
        if path.is_file() {
            fs::remove_file(path)?;
        }
    }
    Ok(Answer::text(format!("{:?}", done.code)))
}

fn grown(_: Scene) -> Result<Answer> {
    let file = File::create("/work/hole")?;
    let mut words: Vec<String> = [1 << 62, u64::MAX, (256 << 20) + 1]
        .map(|size| file.set_len(size).map_or_else(|error| word(&error), |()| "GROWN".to_owned()))
        .into();
    words.dedup();
    fs::remove_file("/work/hole")?;
    Ok(Answer::text(words.join(", ")))
}

fn many_files(_: Scene) -> Result<Answer> {
    for number in 0_u64.. {
        File::create(format!("/work/tmp/{number}"))?;
    }
    found(vec![])
}

fn appended(_: Scene) -> Result<Answer> {
    let mut file = OpenOptions::new().append(true).create(true).open("/work/log")?;
    loop {
        file.write_all(b"x")?;
    }
}

fn held_open(_: Scene) -> Result<Answer> {
    fs::write("/work/one", "x")?;
    let mut held = Vec::new();
    loop {
        match File::open("/work/one") {
            Ok(file) => held.push(file),
            Err(error) => return Ok(Answer::text(format!("{} open, then {}", held.len(), word(&error)))),
        }
    }
}

/// Listings of a large folder that are begun and never ended.
fn listed(_: Scene) -> Result<Answer> {
    fs::create_dir("/work/many")?;
    for number in 0..1_500 {
        File::create(format!("/work/many/{}{number}", "x".repeat(200)))?;
    }
    let mut held = Vec::new();
    loop {
        match fs::read_dir("/work/many").and_then(|mut listing| listing.next().transpose().map(|_| listing)) {
            Ok(listing) => held.push(listing),
            Err(error) => return Ok(Answer::text(format!("{}, then {}", held.len() < 40, word(&error)))),
        }
    }
}

/// Folders in folders, as deep as a program comes, which are looked at and removed later.
fn nested(_: Scene) -> Result<Answer> {
    let script = "for (1..3000) { mkdir 'd' or last; chdir 'd' or last } print 'deep'";
    Command::new("perl").args(["-e", script]).run()?;
    let path = format!("/work{}", "/d".repeat(1_500));
    let mut words = vec![fs::metadata(&path).map_or_else(|error| word(&error), |_| "seen".to_owned())];
    words.push(fs::read_dir("/work/d").map_or_else(|error| word(&error), |all| all.count().to_string()));
    // What cannot be measured is full.
    words.push(File::create("/work/d/more").map_or_else(|error| word(&error), |_| "made".to_owned()));
    Ok(Answer::text(words.join(", ")))
}
