//! The real binary runs programs for agents, and dies.

use anyhow::{Context as _, Result, anyhow};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::json;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Dev, World, guests, nobody, plugin, work};
use std::path::Path;
use tokio::runtime::Handle;

/// Puts the shell and a rule that allows it everything into `data`; gives the agent's folder.
fn install(data: &Path) -> Result<String> {
    let rule = "[[policy]]\neffect = \"allow\"\nexec = \"*\"\nargs = [\"...\"]\n";
    std::fs::write(data.join("sophon-host.toml"), rule)?;
    plugin(data, "shell")
}

#[tokio::test]
async fn a_host_that_is_killed_leaves_nothing_that_it_ran() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    world.hand_over(data.path())?;
    let (url, agent) = (world.base_url(), install(data.path())?);
    let mut host = Dev::start(data.path(), &["--cloud-url", &url, "run", &agent], &[("SECRET", "of the host")])?;
    let session = world.user.session().await?;
    let text = world.user.ask(&session, "env").await?.text;
    assert!(text.contains("LANG=C.UTF-8") && !text.contains("SECRET"), "{text}");

    let script = "sh -c 'mkfifo f; echo ready; exec 9>f; trap \"\" TERM HUP; (setsid sleep 1000 &); sleep 1000'";
    let interaction = world.user.say(&session, script).await?;
    let ready = |event: &sophon_tests::Event| {
        let here = event.kind == "message_delta" && event.data["interaction_id"] == interaction.as_str();
        here && event.data.to_string().contains("ready")
    };
    world.user.wait("the program", ready).await?;
    let gone = nobody(&work(data.path(), "shell")?);
    host.kill().await?;
    gone.await??;
    Ok(())
}

/// Starts a host as on a kernel without Landlock: the calls for it are not there, for the host and all that it starts.
fn start_without_landlock(data: &Path, arguments: &[&str]) -> Result<Dev> {
    let calls = [libc::SYS_landlock_create_ruleset, libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self];
    let missing = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let rules = calls.into_iter().map(|call| (call, vec![])).collect();
    let arch = std::env::consts::ARCH.try_into()?;
    let filter: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, missing, arch)?.try_into()?;
    let runtime = Handle::current();
    // The filter is for good, and so it is for a thread that ends.
    let start = || {
        let _inside = runtime.enter();
        seccompiler::apply_filter(&filter)?;
        Dev::start(data, arguments, &[])
    };
    std::thread::scope(|scope| scope.spawn(start).join()).map_err(|_| anyhow!("the thread panicked"))?
}

#[tokio::test]
async fn where_the_kernel_does_not_confine_programs_the_start_and_each_question_say_so() -> Result<()> {
    const LACK: &str = "this kernel cannot confine programs: they would read and write all that the host may";
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    world.hand_over(data.path())?;
    let (url, agent) = (world.base_url(), plugin(data.path(), "shell")?);
    let mut host = start_without_landlock(data.path(), &["--cloud-url", &url, "run", &agent])?;
    host.says(&format!("programs of agents are not fully confined: {LACK}")).await?;
    let session = world.user.session().await?;
    let token = data.path().join("token");
    let interaction = world.user.say(&session, &format!("test -r {}", token.display())).await?;
    let asked = world.user.asked("").await?;
    assert_eq!((&asked["title"], &asked["severity"]), (&json!("shell: Run `test`, not confined"), &json!("high")));
    let command = asked["command"].as_str().context("a command")?;
    assert!(command.contains(&format!("\nnot held: {LACK}")), "{command}");
    world.user.decide(&asked, json!({ "decision": "approve" })).await?;
    let text = world.user.answer(&interaction).await?.text;
    assert!(text.contains("Done, exit code 0."), "what is told is not so: {text}");
    host.terminate().await.map(drop)
}
