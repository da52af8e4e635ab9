//! Programs that agents run: asked about, confined, bounded, and ended with all that they started.

use anyhow::Result;
use sophon_host::grant::{Effect, Rule};
use sophon_tests::World;

/// A rule for all agents.
fn rule(effect: Effect, pattern: &str) -> Rule {
    Rule {
        effect,
        agent: "*".parse().expect("a glob"),
        pattern: pattern.parse().expect(pattern),
        addresses: vec![],
        network: false,
        reads: vec![],
        place: "a rule of the test".to_owned(),
    }
}

/// A world with these rules, and a session of an agent there.
async fn world(rules: Vec<Rule>, agent: &str) -> Result<(World, String)> {
    let mut world = World::paired(sophon_tests::guests(), sophon_host::localcloud::Buckets::unlimited()).await?;
    world.config.policy.rules = rules;
    world.start_host().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, &format!("/use {agent}")).await?;
    Ok((world, session))
}

/// A world where the shell may run anything.
async fn free() -> Result<(World, String)> {
    world(vec![rule(Effect::Allow, "exec * ...")], "shell").await
}

#[tokio::test]
async fn a_program_runs_and_its_output_is_shown() -> Result<()> {
    let (world, session) = free().await?;
    let answer = world.user.ask(&session, "echo 'a  b' c").await?;
    assert_eq!(answer.text, "````\na  b c\n````\n\nDone, exit code 0.");
    Ok(())
}
