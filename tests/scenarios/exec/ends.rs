//! However a program ends, and whatever it has started: nothing of it is left.

use super::{ask, free, said, work, world};
use anyhow::Result;
use serde_json::json;
use sophon_tests::{World, nobody};

/// Makes the pipe, and waits for who reads it.
const PIPE: &str = "mkfifo f; echo ready;";
/// Starts what tries to outlive its end, and goes on.
const STUBBORN: &str = "exec 9>f; trap \"\" TERM HUP INT; \
     (setsid sh -c \"trap : TERM HUP; (setsid sleep 1000 &) ; sleep 1000\" &) ; \
     setsid sleep 1000 & nohup sleep 1000 >/dev/null 2>&1 & echo going;";

/// Says this, and gives the interaction and what is ready when nothing is left of the program.
async fn begin(
    world: &World,
    session: &str,
    agent: &str,
    words: &str,
) -> Result<(String, tokio::task::JoinHandle<std::io::Result<u64>>)> {
    let interaction = world.user.say(session, words).await?;
    said(world, &interaction, "ready").await?;
    Ok((interaction, nobody(&work(world, agent)?)))
}

#[tokio::test]
async fn a_cancelled_turn_leaves_nothing_of_its_program() -> Result<()> {
    let (world, session) = free("shell").await?;
    let (interaction, gone) =
        begin(&world, &session, "shell", &format!("sh -c '{PIPE} {STUBBORN} sleep 1000'")).await?;
    said(&world, &interaction, "going").await?;
    let start = std::time::Instant::now();
    world.user.post(&format!("/v1/me/sessions/{session}/cancel"), json!({})).await?;
    gone.await??;
    println!("gone {} ms after the cancel", start.elapsed().as_millis());
    assert!(world.user.answer(&interaction).await?.text.ends_with("_Stopped._"));
    Ok(())
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it() -> Result<()> {
    let (world, session) = free("shell").await?;
    let (interaction, gone) = begin(&world, &session, "shell", &format!("sh -c '{PIPE} {STUBBORN} exit 5'")).await?;
    gone.await??;
    assert!(world.user.answer(&interaction).await?.text.ends_with("It ended with exit code 5."));
    Ok(())
}

#[tokio::test]
async fn what_multiplies_is_ended() -> Result<()> {
    let (world, session) = free("shell").await?;
    // Not without an end: who tests as root would not be stopped by the kernel, should the launcher fail.
    let bomb =
        "sh -c 'mkfifo f; echo ready; exec 9>f; n=0; while [ $n -lt 600 ]; do sleep 1000 & n=$((n+1)); done; wait'";
    let (interaction, gone) = begin(&world, &session, "shell", bomb).await?;
    gone.await??;
    let text = world.user.answer(&interaction).await?.text;
    assert!(text.contains("more than 512 processes"), "{text}");
    assert!(ask(&world, &session, "echo well").await?.contains("well"));
    Ok(())
}

#[tokio::test]
async fn an_agent_ends_a_program_by_dropping_it_by_killing_it_and_by_its_own_end() -> Result<()> {
    let (world, session) = free("tireless").await?;
    // The probe divides at blanks: the script is in a file.
    ask(&world, &session, "exec run 0 true").await?;
    let folder = work(&world, "tireless")?;
    std::fs::write(folder.join("s"), format!("{STUBBORN} sleep 1000"))?;
    anyhow::ensure!(std::process::Command::new("mkfifo").arg(folder.join("f")).status()?.success(), "mkfifo failed");
    let gone = nobody(&folder);
    let interaction = world.user.say(&session, "exec drop 0 sh s").await?;
    gone.await??;
    world.user.post(&format!("/v1/me/sessions/{session}/cancel"), json!({})).await?;
    world.user.answer(&interaction).await?;

    let gone = nobody(&folder);
    let interaction = world.user.say(&session, "exec kill 0 sh s").await?;
    gone.await??;
    assert_eq!(world.user.answer(&interaction).await?.text, "the agent ended it");

    let text = ask(&world, &session, "exec begin 4 sleep 1000").await?;
    assert_eq!(text, "4 begun", "the turn ends with four that run");
    assert_eq!(ask(&world, &session, "exec run 0 echo next").await?, "Ok(0) next");
    Ok(())
}

#[tokio::test]
async fn a_grant_that_is_taken_back_ends_the_program_that_runs_by_it() -> Result<()> {
    let (world, session) = world(vec![], "shell").await?;
    let interaction = world.user.say(&session, &format!("sh -c '{PIPE} {STUBBORN} sleep 1000'")).await?;
    let asked = world.user.asked("its arguments and its input say").await?;
    world.user.decide(&asked, json!({ "decision": "approve_always", "scope": "tool" })).await?;
    said(&world, &interaction, "ready").await?;
    let gone = nobody(&work(&world, "shell")?);
    said(&world, &interaction, "going").await?;
    crate::approvals::take_back(&world).await?;
    gone.await??;
    let text = world.user.answer(&interaction).await?.text;
    assert!(text.contains("the leave to run it was taken back"), "{text}");
    Ok(())
}
