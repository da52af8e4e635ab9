//! The real binary runs programs for agents, and dies.

use anyhow::Result;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Dev, World, guests, nobody, plugin, work};
use std::path::Path;

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
