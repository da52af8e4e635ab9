//! Folders of files: an agent's own, what rules give, and nothing that leads out of them or is without bounds.

use anyhow::{Context as _, Result};
use sophon_host::grant::{Effect, Rule};
use sophon_host::localcloud::Buckets;
use sophon_host::store::{Durability, Entry, Store};
use sophon_tests::{World, agents, guest, rule};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A world with an agent `files`, which is the probe, and with what there is besides.
struct Scene {
    world: World,
    session: String,
    /// A folder outside, with links resolved.
    outside: PathBuf,
    _home: TempDir,
}

/// A world where the agent wants its work folder and, of the folder outside, what `wants` makes of that.
async fn scene(wants: fn(&Path) -> Vec<(PathBuf, bool)>, rules: fn(&Path) -> Vec<Rule>) -> Result<Scene> {
    let home = tempfile::tempdir()?;
    let outside = home.path().canonicalize()?.join("outside");
    std::fs::create_dir_all(outside.join("out"))?;
    std::fs::write(outside.join("note"), "a note")?;
    let folder = home.path().join("agents/files");
    std::fs::create_dir_all(&folder)?;
    let mut manifest = "[agent]\nname = \"files\"\nversion = \"1\"\ncomponent = \"c.wasm\"\n\
                        [limits]\ncpu = \"10m\"\nwall = \"10m\"\ncalls = 1000000\n\
                        [[want.exec]]\nprogram = \"*\"\nargs = [\"...\"]\nwhy = \"\"\n\
                        [[want.files]]\npath = \"work\"\nwhy = \"notes\"\n"
        .to_owned();
    for (path, write) in wants(&outside) {
        manifest.push_str(&format!("[[want.files]]\npath = \"{}\"\nwrite = {write}\nwhy = \"\"\n", path.display()));
    }
    std::fs::write(folder.join("agent.toml"), manifest)?;
    std::fs::copy(guest("probe"), folder.join("c.wasm"))?;
    let loaded = agents(vec![home.path().join("agents")]);
    anyhow::ensure!(loaded.problems().is_empty(), "{:?}", loaded.problems());
    let mut world = World::paired(loaded, Buckets::unlimited()).await?;
    world.config.policy.rules = rules(&outside);
    world.config.policy.rules.push(rule(Effect::Allow, "exec * ..."));
    world.start_host().await?;
    let session = world.user.session().await?;
    Ok(Scene { world, session, outside, _home: home })
}

/// A world where it has only its own folder.
async fn alone() -> Result<Scene> {
    scene(|_| vec![], |_| vec![]).await
}

impl Scene {
    async fn ask(&self, words: &str) -> Result<String> {
        Ok(self.world.user.ask(&self.session, words).await?.text)
    }

    /// That each of these words gets its answer.
    async fn all(&self, cases: &[(&str, &str)]) -> Result<()> {
        for (words, answer) in cases {
            let words = words.replace("OUT", &self.outside.display().to_string());
            assert_eq!(self.ask(&words).await?, *answer, "{words}");
        }
        Ok(())
    }

    /// The work folder of the one session.
    fn work(&self) -> Result<PathBuf> {
        sophon_tests::work(&self.world.config.data_dir, "files")
    }
}

#[tokio::test]
async fn a_session_has_a_folder_of_its_own_that_its_programs_share() -> Result<()> {
    let scene = alone().await?;
    let cases = [
        ("files list /work", "tmp"),
        ("files write /work/a one", "written"),
        ("files append /work/a two", "onetwo"),
        ("files patch /work/a X", "onXtwo"),
        ("files folder /work/d", "made"),
        ("files rename /work/a /work/d/b", "renamed"),
        ("files link /work/d/b /work/c", "linked"),
        ("files symlink d/b /work/s", "linked"),
        ("files read /work/s", "onXtwo"),
        ("files grow /work/c 3", "grown"),
        ("files size /work/d/b", "3"),
        ("files list /work", "c d s tmp"),
        ("exec run 0 cat d/b", "Ok(0) onX"),
        ("exec run 0 cp d/b mine", "Ok(0) "),
        ("files read /work/mine", "onX"),
        ("files remove /work/mine", "removed"),
        ("files read /work/mine", "NotFound"),
        ("files read mine", "NotFound"),
    ];
    scene.all(&cases).await?;
    let other = scene.world.user.session().await?;
    assert_eq!(scene.world.user.ask(&other, "files list /work").await?.text, "tmp", "of another session");
    Ok(())
}

#[tokio::test]
async fn who_does_not_want_files_has_none() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use probe").await?;
    for words in ["files list /work", "files list /", "files write /work/a b"] {
        assert_eq!(world.user.ask(&session, words).await?.text, "NotFound", "{words}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_leads_out_of_the_folder() -> Result<()> {
    let scene = alone().await?;
    scene.ask("files write /work/a mine").await?;
    let (work, outside) = (scene.work()?, scene.outside.clone());
    std::os::unix::fs::symlink(outside.join("note"), work.join("whole"))?;
    std::os::unix::fs::symlink("../../../..", work.join("up"))?;
    std::os::unix::fs::symlink("/proc/self/environ", work.join("proc"))?;
    std::os::unix::fs::symlink("/", work.join("root"))?;
    let denied = "PermissionDenied";
    let cases = [
        ("files read /work/../../files", denied),
        ("files read OUT/note", "NotFound"),
        ("files read /etc/passwd", "NotFound"),
        ("files read /work/whole", denied),
        ("files write /work/whole spoilt", denied),
        ("files list /work/up", denied),
        ("files read /work/proc", denied),
        ("files read /work/root/etc/passwd", denied),
        ("files list /work/root", denied),
        ("files rename /work/a /work/root/tmp/a", denied),
        ("files link /work/root/etc/passwd /work/passwd", denied),
        ("files folder /work/root/tmp/hostile", denied),
        ("files remove /work/root/etc/hostname", denied),
        ("files symlink /etc/passwd /work/passwd", denied),
        ("files symlink ../../../../etc/passwd /work/passwd", "linked"),
        ("files read /work/passwd", denied),
        ("files size /work/passwd", denied),
        ("files read /work/a", "mine"),
    ];
    for (words, answer) in cases {
        let words = words.replace("OUT", &outside.display().to_string());
        let told = scene.ask(&words).await?;
        assert!(told.starts_with(answer), "{words}: {told}");
    }
    assert_eq!(std::fs::read_to_string(outside.join("note"))?, "a note");
    // Pipes are not waited for.
    scene.ask("exec run 0 mkfifo fifo").await?;
    assert!(std::os::unix::fs::FileTypeExt::is_fifo(&work.join("fifo").metadata()?.file_type()));
    scene.all(&[("files read /work/fifo", denied), ("files write /work/fifo x", denied)]).await
}

#[tokio::test]
async fn a_rule_gives_a_folder_and_says_whether_to_write_there() -> Result<()> {
    let wants = |out: &Path| vec![(out.to_owned(), false), (out.join("out"), true)];
    let rules = |out: &Path| {
        let path = out.display();
        vec![rule(Effect::Allow, &format!("files {path}")), rule(Effect::Allow, &format!("files write {path}/out"))]
    };
    let scene = scene(wants, rules).await?;
    let (denied, across) = ("PermissionDenied", "CrossesDevices");
    let cases = [
        ("files read OUT/note", "a note"),
        ("files list OUT", "note out"),
        ("files write OUT/note spoilt", denied),
        ("files append OUT/note spoilt", denied),
        ("files grow OUT/note 0", denied),
        ("files remove OUT/note", denied),
        ("files folder OUT/new", denied),
        ("files rename OUT/note OUT/other", denied),
        ("files write OUT/out/mine x", "written"),
        ("files write /work/w x", "written"),
        // Nothing goes from one folder into another, where it could be written to.
        ("files link OUT/note /work/note", denied),
        ("files link OUT/note OUT/out/note", denied),
        ("files rename OUT/note OUT/out/note", denied),
        ("files link OUT/out/mine /work/mine", across),
        ("files rename /work/w OUT/out/w", across),
        ("files read OUT/out/mine", "x"),
    ];
    scene.all(&cases).await?;
    assert_eq!(std::fs::read_to_string(scene.outside.join("note"))?, "a note");
    let mut world = scene.world;
    world.stop_host().await;
    let (given, turns) = (given(&world).await?, cases.len());
    assert_eq!(given.len(), 2 * turns, "each folder is written down once a turn");
    let out = scene.outside.display();
    assert_eq!(given[0], (format!("read {out}"), format!("the rule files {out}")));
    assert_eq!(given[1], (format!("read and write {out}/out"), format!("the rule files write {out}/out")));
    Ok(())
}

/// What of folders is in the log, with the rules.
async fn given(world: &World) -> Result<Vec<(String, String)>> {
    let files = std::fs::read_dir(&world.config.data_dir)?.filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "db")).context("a store")?;
    let entries = Store::open(&file, Durability::Process)?.audit_after(0, 1_000).await?;
    let of_files = entries.into_iter().filter_map(|sealed| match sealed.entry {
        Entry::Decided { capability, what, by, allowed: true, .. } if capability == "files" => Some((what, by)),
        _ => None,
    });
    Ok(of_files.collect())
}

#[tokio::test]
async fn what_no_rule_gives_is_not_there() -> Result<()> {
    let wants = |out: &Path| vec![(out.to_owned(), true), (out.join("out"), false), ("/".into(), false)];
    let rules = |out: &Path| {
        let path = out.display();
        vec![rule(Effect::Ask, &format!("files write {path}")), rule(Effect::Allow, "files write /nowhere")]
    };
    let scene = scene(wants, rules).await?;
    let cases = [
        ("files read OUT/note", "NotFound"),
        ("files list OUT/out", "NotFound"),
        ("files list /", "NotFound"),
        ("files write /work/own x", "written"),
    ];
    scene.all(&cases).await?;
    assert!(scene.world.user.events().iter().all(|event| event.kind != "approval_requested"), "somebody was asked");
    Ok(())
}

#[tokio::test]
async fn who_writes_without_end_comes_to_one() -> Result<()> {
    let scene = alone().await?;
    for deed in ["fill", "hidden"] {
        let told = scene.ask(&format!("files {deed} /work/large")).await?;
        let (count, how) = told.split_once(' ').context(told.clone())?;
        assert!((200..=256).contains(&count.parse::<u32>()?) && (how == "Full" || how == "Io"), "{deed}: {told}");
        for number in 0..2 {
            scene.ask(&format!("files remove /work/large{number}")).await?;
        }
    }
    // What was deleted has made room again.
    let cases = [
        ("files write /work/small x", "written"),
        ("files grow /work/small 268435457", "TooLarge"),
        ("files hold /work/small", "64 NoMemory x"),
    ];
    scene.all(&cases).await
}
