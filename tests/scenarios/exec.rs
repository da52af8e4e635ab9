//! Programs that agents run: asked about, confined, bounded, and ended with all that they started.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sophon_host::grant::{Effect, Rule};
use sophon_host::localcloud::Buckets;
use sophon_tests::{Event, World, guests, rule};
use std::path::PathBuf;

mod bounds;
mod confined;
mod ends;

const YES: fn() -> Value = || json!({ "decision": "approve" });

/// A world with these rules, and a session of an agent there.
async fn world(rules: Vec<Rule>, agent: &str) -> Result<(World, String)> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.config.policy.rules = rules;
    start(world, agent).await
}

async fn start(mut world: World, agent: &str) -> Result<(World, String)> {
    world.start_host().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, &format!("/use {agent}")).await?;
    Ok((world, session))
}

/// A world where an agent may run anything.
async fn free(agent: &str) -> Result<(World, String)> {
    world(vec![rule(Effect::Allow, "exec * ...")], agent).await
}

/// What an agent answers.
async fn ask(world: &World, session: &str, words: &str) -> Result<String> {
    Ok(world.user.ask(session, words).await?.text)
}

/// Waits until a turn has said this.
async fn said(world: &World, interaction: &str, words: &str) -> Result<()> {
    let is_it = |event: &Event| {
        let here = event.kind == "message_delta" && event.data["interaction_id"] == interaction;
        here && event.data.to_string().contains(words)
    };
    world.user.wait(words, is_it).await.map(drop)
}

/// The work folder of the one session where an agent has run something.
fn work(world: &World, agent: &str) -> Result<PathBuf> {
    sophon_tests::work(&world.config.data_dir, agent)
}

#[tokio::test]
async fn a_program_runs_and_its_output_is_shown() -> Result<()> {
    let (world, session) = free("shell").await?;
    let text = ask(&world, &session, "echo 'a  b' c").await?;
    assert_eq!(text, "````\na  b c\n````\n\nDone, exit code 0.");
    let text = ask(&world, &session, r#"sh -c 'printf "\140\140\140\140 out\n"; echo err >&2; exit 3'"#).await?;
    assert!(text.starts_with("````\n") && text.ends_with("````\n\nIt ended with exit code 3."), "{text}");
    assert!(text.contains("err\n") && text.contains("```' out\n"), "{text}");
    assert_eq!(ask(&world, &session, "true").await?, "Done, exit code 0.");
    assert!(ask(&world, &session, "ls | wc").await?.contains("There is no shell here"));
    assert!(ask(&world, &session, "no-such-program").await?.contains("there is no program `no-such-program` in /usr"));
    assert!(ask(&world, &session, "./x").await?.contains("whole path"));
    Ok(())
}

#[tokio::test]
async fn a_program_is_asked_about_as_what_it_is_and_the_answer_holds() -> Result<()> {
    let (world, session) = world(vec![], "shell").await?;
    let running = world.user.say(&session, "sh -c 'echo hi'").await?;
    let asked = world.user.asked("its arguments and its input say").await?;
    assert_eq!(asked["title"], "shell: Run `sh`: a shell: it runs whatever its arguments and its input say");
    assert_eq!(asked["severity"], "high");
    let command = asked["command"].as_str().unwrap_or_default();
    assert!(command.starts_with("sh -c 'echo hi'\n(/"), "{command}");
    assert!(asked["message"].as_str().is_some_and(|said| said.contains("The agent says: “You wrote this command.”")));
    world.user.decide(&asked, YES()).await?;
    assert_eq!(world.user.answer(&running).await?.text, "````\nhi\n````\n\nDone, exit code 0.");

    let running = world.user.say(&session, "echo no").await?;
    world.user.decide(&world.user.asked("Run `echo`").await?, json!({ "decision": "deny" })).await?;
    let text = world.user.answer(&running).await?.text;
    assert!(text.starts_with("Not run: refused by a person, who said no.") && text.contains("[[policy]]"), "{text}");

    let running = world.user.say(&session, "echo yes").await?;
    let always = json!({ "decision": "approve_always", "scope": "tool" });
    world.user.decide(&world.user.asked("Run `echo`").await?, always).await?;
    assert_eq!(world.user.answer(&running).await?.text, "````\nyes\n````\n\nDone, exit code 0.");
    assert_eq!(
        ask(&world, &session, "echo yes").await?,
        "````\nyes\n````\n\nDone, exit code 0.",
        "it is not asked again"
    );
    let running = world.user.say(&session, "echo yes and more").await?;
    world.user.decide(&world.user.asked("Run `echo`").await?, json!({ "decision": "deny" })).await?;
    assert!(world.user.answer(&running).await?.text.starts_with("Not run"), "another command line is");
    Ok(())
}

#[tokio::test]
async fn what_a_shell_reads_is_shown_and_no_more_than_that_is_written_to_it() -> Result<()> {
    let (world, session) = world(vec![], "tireless").await?;
    for (line, title, said) in [
        ("exec write 3 cat", "Run `cat`", "11 bytes, code 0"),
        (
            "exec write 3 sh",
            "its arguments and its input say",
            "denied by what was allowed: this program runs what it reads",
        ),
    ] {
        let running = world.user.say(&session, line).await?;
        let asked = world.user.asked(title).await?;
        let command = asked["command"].as_str().unwrap_or_default();
        assert!(command.ends_with("\nwith the input of 5 bytes: “begin”"), "{command}");
        world.user.decide(&asked, YES()).await?;
        let text = world.user.answer(&running).await?.text;
        assert!(text.contains(said), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn who_wants_no_program_does_not_find_out_what_there_is() -> Result<()> {
    let (world, session) = world(vec![], "wantless").await?;
    let denied = ask(&world, &session, "exec run 0 ls").await?;
    assert!(denied.contains("names no want.exec that covers this"), "{denied}");
    let missing = ask(&world, &session, "exec run 0 no-such-program").await?;
    assert_eq!(missing.replace("no-such-program", "ls"), denied);
    Ok(())
}

#[tokio::test]
async fn a_card_shows_the_command_and_what_came_of_it() -> Result<()> {
    let (world, session) = free("shell").await?;
    let interaction = world.user.say(&session, "sh -c 'echo one; echo two; exit 7'").await?;
    world.user.answer(&interaction).await?;
    let events = world.user.events_of(&interaction);
    let cards = events.iter().filter(|event| event.kind.starts_with("task_"));
    let cards: Vec<(&str, String)> = cards.map(|event| (event.kind.as_str(), event.data.to_string())).collect();
    let (created, completed) = (cards.first().context("a card")?, cards.last().context("its end")?);
    assert!(created.0 == "task_created" && created.1.contains("exit 7"), "{cards:?}");
    assert!(completed.0 == "task_completed" && completed.1.contains("\"exit_code\":7"), "{cards:?}");
    assert!(completed.1.contains("one\\ntwo"), "{cards:?}");
    Ok(())
}

#[tokio::test]
async fn what_was_allowed_is_what_runs_or_nothing_does() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let tools = tempfile::tempdir()?;
    world.config.exec.path = vec![tools.path().to_owned()];
    let (world, session) = start(world, "shell").await?;
    let tool = tools.path().join("tool");
    let write = |text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(&tool, text)?;
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755))
    };
    write("#!/bin/sh\necho \"allowed $1\"\n")?;
    let running = world.user.say(&session, "tool one").await?;
    world.user.decide(&world.user.asked("Run `tool`").await?, YES()).await?;
    let text = world.user.answer(&running).await?.text;
    assert_eq!(text, "````\nallowed one\n````\n\nDone, exit code 0.", "a script runs, too");

    let running = world.user.say(&session, "tool two").await?;
    let asked = world.user.asked("Run `tool`").await?;
    write("#!/bin/sh\necho swapped\n")?;
    world.user.decide(&asked, YES()).await?;
    let text = world.user.answer(&running).await?.text;
    assert!(text.contains("the program has changed since it was allowed; ask again"), "{text}");

    // A link is what it led to when it was asked about.
    std::fs::remove_file(&tool)?;
    std::os::unix::fs::symlink("/bin/echo", &tool)?;
    let running = world.user.say(&session, "tool three").await?;
    let asked = world.user.asked("Run `tool`").await?;
    std::fs::remove_file(&tool)?;
    std::os::unix::fs::symlink("/bin/false", &tool)?;
    world.user.decide(&asked, YES()).await?;
    assert_eq!(world.user.answer(&running).await?.text, "````\nthree\n````\n\nDone, exit code 0.");
    Ok(())
}
