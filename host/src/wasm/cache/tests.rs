//! What is kept, what is not trusted, and what goes first.

use super::*;
use crate::wasm::{Digest, Engine};
use rustix::fs::Mode;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use tempfile::TempDir;

const NOW: u64 = 1_800_000_000_000;

fn cache(folder: &Path, most: u64) -> Cache {
    Cache::new(&CacheConfig { folder: folder.join("compiled"), most })
}

fn name(of: &str) -> Name {
    Name(crate::text::hex(&Sha256::digest(of)) + CODE)
}

fn got(cache: &Cache, name: &Name) -> Option<Vec<u8>> {
    cache.get(name).map(|sealed| sealed.code().to_vec())
}

fn filled() -> (TempDir, Cache, Name, std::path::PathBuf) {
    let data = tempfile::tempdir().expect("a folder");
    let (cache, name) = (cache(data.path(), 1 << 20), name("a"));
    cache.put(&name, b"code", NOW);
    assert_eq!(got(&cache, &name).as_deref(), Some(&b"code"[..]));
    let file = data.path().join("compiled").join(&name.0);
    (data, cache, name, file)
}

#[test]
fn what_was_kept_is_there_for_its_owner_alone() {
    let (data, _, _, file) = filled();
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let folder = data.path().join("compiled");
    assert_eq!((mode(&folder), mode(&file), mode(&folder.join("key"))), (0o700, 0o600, 0o600));
    // Rights that others were given are taken back.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("set");
    assert!(got(&cache(data.path(), 1 << 20), &name("a")).is_some());
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(got(&cache(data.path(), 1 << 20), &name("b")), None);
}

#[test]
fn what_nobody_here_sealed_is_removed() {
    type Harm = fn(&Path, &Path);
    let harms: [(&str, Harm); 9] = [
        ("a byte", |file, _| {
            let mut bytes = fs::read(file).expect("read");
            *bytes.last_mut().expect("not empty") ^= 1;
            fs::write(file, bytes).expect("written");
        }),
        ("cut off", |file, _| fs::write(file, &fs::read(file).expect("read")[..35]).expect("written")),
        ("shorter than a seal", |file, _| fs::write(file, b"x").expect("written")),
        ("more", |file, _| fs::write(file, [fs::read(file).expect("read"), b"x".to_vec()].concat()).expect("written")),
        ("empty", |file, _| fs::write(file, b"").expect("written")),
        ("another's name", |file, folder| {
            fs::copy(folder.join(name("other").0), file).expect("copied");
        }),
        ("another key", |_, folder| fs::write(folder.join("key"), [7; 32]).expect("written")),
        ("no key", |_, folder| fs::remove_file(folder.join("key")).expect("removed")),
        ("readable by others", |file, _| {
            fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("set");
        }),
    ];
    for (harm, inflict) in harms {
        let (data, cache, name, file) = filled();
        cache.put(&self::name("other"), b"other code", NOW);
        inflict(&file, &data.path().join("compiled"));
        assert_eq!(got(&cache, &name), None, "{harm}");
        assert!(!file.exists(), "{harm}");
        cache.put(&name, b"again", NOW);
        assert_eq!(got(&cache, &name).as_deref(), Some(&b"again"[..]), "{harm}");
    }
}

#[test]
fn links_and_what_is_no_file_are_not_followed() {
    let (data, cache, name, file) = filled();
    let elsewhere = data.path().join("elsewhere");
    fs::rename(&file, &elsewhere).expect("moved");
    symlink(&elsewhere, &file).expect("linked");
    assert_eq!(got(&cache, &name), None);
    assert!(elsewhere.exists() && file.symlink_metadata().is_err());
    fs::hard_link(&elsewhere, &file).expect("linked");
    assert_eq!(got(&cache, &name), None);
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, Mode::RUSR | Mode::WUSR).expect("a pipe");
    assert_eq!(got(&cache, &name), None);
    // The key is no other's, either.
    let key = data.path().join("compiled/key");
    fs::rename(&key, &elsewhere).expect("moved");
    symlink(&elsewhere, &key).expect("linked");
    cache.put(&name, b"code", NOW);
    assert!(got(&cache, &name).is_some() && key.symlink_metadata().expect("there").is_file());
}

#[test]
fn a_folder_that_cannot_be_used_harms_nobody() {
    let data = tempfile::tempdir().expect("a folder");
    let real = data.path().join("real");
    fs::create_dir(&real).expect("made");
    symlink(&real, data.path().join("compiled")).expect("linked");
    let cache = cache(data.path(), 1 << 20);
    cache.put(&name("a"), b"code", NOW);
    assert_eq!((got(&cache, &name("a")), fs::read_dir(&real).expect("read").count()), (None, 0));
    fs::remove_file(data.path().join("compiled")).expect("removed");
    fs::write(data.path().join("compiled"), "a file").expect("written");
    cache.put(&name("a"), b"code", NOW);
    assert_eq!(got(&cache, &name("a")), None);
}

#[test]
fn what_was_used_least_recently_goes_first() {
    let entry = |name: &str, size, used| Entry { name: name.to_owned(), size, used };
    let entries = vec![
        entry("key", 32, 0),
        entry("a.code", 40, 3),
        entry("b.code", 40, 1),
        entry("c.code", 40, 2),
        entry("d.code.1-0.new", 40, NOW),
        entry("e.code.1-0.new", 40, NOW - LEFT - 1),
    ];
    assert_eq!(surplus(entries.clone(), 20, 140, NOW), ["e.code.1-0.new"]);
    assert_eq!(surplus(entries.clone(), 21, 140, NOW), ["e.code.1-0.new", "b.code"]);
    assert_eq!(surplus(entries.clone(), 100, 140, NOW), ["e.code.1-0.new", "c.code", "b.code"]);
    assert_eq!(surplus(entries, 140, 140, NOW), ["e.code.1-0.new", "a.code", "c.code", "b.code"]);
    let many = (0..MAX_FILES as u64).map(|n| entry(&format!("{n}.code"), 1, n)).collect();
    assert_eq!(surplus(many, 1, 1 << 20, NOW), ["0.code"]);
}

#[test]
fn what_is_too_large_is_not_kept_and_nothing_when_off() {
    let data = tempfile::tempdir().expect("a folder");
    for (most, is_kept) in [(0, false), (35, false), (36, true)] {
        let cache = cache(data.path(), most);
        cache.put(&name("a"), b"code", NOW);
        assert_eq!(got(&cache, &name("a")).is_some(), is_kept, "{most}");
    }
}

#[test]
fn an_engine_compiles_only_what_was_not_compiled_before() {
    let data = tempfile::tempdir().expect("a folder");
    let engine = || Engine::new(1).expect("an engine").with_cache(cache(data.path(), 1 << 20));
    let (bytes, first) = (wat::parse_str("(component (core module (func)))").expect("valid"), engine());
    let digest = Digest::of(&bytes);
    let cached =
        |engine: &Engine| engine.component(bytes.clone().into(), digest, Path::new("echo.wasm")).expect("compiled").1;
    assert_eq!((cached(&first), cached(&first), first.compiled()), (false, true, 1));
    let second = engine();
    assert_eq!((cached(&second), second.compiled()), (true, 0));
    // Sealed, but not what the engine takes: made anew, and replaced.
    let name = Name::of(digest, &second.engine);
    cache(data.path(), 1 << 20).put(&name, b"no code", NOW);
    assert_eq!((cached(&second), second.compiled(), cached(&second)), (false, 1, true));
}
