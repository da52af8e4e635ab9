//! What a program is bounded in, and what its agent is told.

use super::{ask, free, start, work};
use anyhow::Result;
use sophon_host::localcloud::Buckets;
use sophon_tests::{World, guests, rule};
use std::time::Duration;

#[tokio::test]
async fn a_flood_of_output_ends_a_program() -> Result<()> {
    let (world, session) = free("shell").await?;
    let text = ask(&world, &session, "yes").await?;
    assert!(text.ends_with("It was killed: it gave out more than 8 MiB."), "{}", &text[text.len() - 200..]);
    Ok(())
}

#[tokio::test]
async fn a_disk_is_not_filled() -> Result<()> {
    let (world, session) = free("shell").await?;
    let text = ask(&world, &session, "head -c 100000000 /dev/zero --version").await?;
    assert!(text.contains("exit code 0"), "{text}");
    let text = ask(&world, &session, "dd if=/dev/zero of=large bs=1M count=100").await?;
    assert!(text.contains("It was killed: it wrote a file of more than 64 MiB"), "{text}");
    for number in 0..5 {
        let file = std::fs::File::create(work(&world, "shell")?.join(format!("f{number}")))?;
        std::io::copy(&mut std::io::Read::take(std::io::repeat(1), 52 << 20), &mut &file)?;
    }
    let text = ask(&world, &session, "rm large").await?;
    assert!(text.contains("the agent's work folders hold more than"), "{text}");
    Ok(())
}

#[tokio::test]
async fn many_files_fill_no_disk_either() -> Result<()> {
    let (world, session) = free("shell").await?;
    let files = "n=0; while true; do head -c 16777216 /dev/zero > f$n; n=$((n+1)); sleep 0.05; done";
    let text = ask(&world, &session, &format!("sh -c '{files}'")).await?;
    assert!(text.contains("It was killed: the agent's work folders hold more than 268435456 bytes"), "{text}");
    Ok(())
}

#[tokio::test]
async fn time_and_numbers_are_bounded() -> Result<()> {
    let (world, session) = free("tireless").await?;
    let text = ask(&world, &session, "exec limit 100 sleep 1000").await?;
    assert_eq!(text, "Err(\"it ran for longer than 100 ms\") ");
    let text = ask(&world, &session, "exec begin 5 sleep 1000").await?;
    assert!(text.ends_with("limit reached: 4 programs of a turn may run at once"), "{text}");
    let text = ask(&world, &session, "exec again 101 true").await?;
    assert_eq!(text, "limit reached: its limit of 100 programs is reached (`limits.programs`)");
    let text = ask(&world, &session, "exec after 0 true").await?;
    assert_eq!(text, "invalid: the program has ended");
    Ok(())
}

#[tokio::test]
async fn the_operators_time_comes_before_the_agents() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.config.policy.rules = vec![rule(sophon_host::grant::Effect::Allow, "exec * ...")];
    world.config.exec.max_time = Duration::from_millis(50);
    let (world, session) = start(world, "tireless").await?;
    let text = ask(&world, &session, "exec run 0 sleep 1000").await?;
    assert_eq!(text, "Err(\"it ran for longer than 50 ms\") ");
    Ok(())
}

#[tokio::test]
async fn input_is_written_and_closed() -> Result<()> {
    let (world, session) = free("tireless").await?;
    assert_eq!(ask(&world, &session, "exec write 300000 cat").await?, "600005 bytes, code 0");
    assert_eq!(ask(&world, &session, "exec run 0 cat").await?, "Ok(0) ", "input that nobody writes to is closed");
    let text = ask(&world, &session, "exec write 1048577 cat").await?;
    assert_eq!(text, "invalid: a program's input has at most 1048576 bytes a call");
    Ok(())
}

#[tokio::test]
async fn a_program_has_so_much_memory_with_all_that_it_starts() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.config.policy.rules = vec![rule(sophon_host::grant::Effect::Allow, "exec * ...")];
    world.config.exec.memory = sophon_host::config::ByteSize(128 << 20);
    let (world, session) = start(world, "shell").await?;
    let text = ask(&world, &session, "dd if=/dev/zero of=/dev/null bs=60M count=2").await?;
    assert!(text.ends_with("Done, exit code 0."), "{text}");
    let text = ask(&world, &session, "dd if=/dev/zero of=/dev/null bs=200M count=1").await?;
    assert!(text.contains("memory exhausted") && text.contains("exit code 1"), "{text}");
    let many = "sh -c 'for n in 1 2 3 4; do dd if=/dev/zero of=/dev/null bs=60M count=1000000 & done; wait'";
    let text = ask(&world, &session, many).await?;
    let said = "It was killed: it took more than 128 MiB of memory, with all that it started.";
    assert!(text.ends_with(said), "{text}");
    Ok(())
}
