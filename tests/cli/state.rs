//! The process dies between two turns: what the first kept is there.

use anyhow::Result;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Dev, World, guests, probe};

#[tokio::test]
async fn what_a_turn_kept_outlives_the_death_of_the_process() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    // Paired by the test, so that the binary finds the token where it looks for it.
    let data = tempfile::tempdir()?;
    world.hand_over(data.path())?;
    let (url, agent) = (world.base_url(), probe(data.path())?);
    let arguments = ["--cloud-url", &url, "run", &agent];

    let session = world.user.session().await?;
    for round in 1..=3 {
        let mut host = Dev::start(data.path(), &arguments, &[])?;
        let counted = world.user.ask(&session, "state agent count visits 100").await?.text;
        assert_eq!(counted, (100 * round).to_string(), "a death lost what was kept, or kept what was not");
        assert_eq!(world.user.ask(&session, &format!("state session set k {round}")).await?.text, "set");
        host.kill().await?;
    }
    let _host = Dev::start(data.path(), &arguments, &[])?;
    assert_eq!(world.user.ask(&session, "state session get k").await?.text, "3");
    Ok(())
}
