//! What a turn is told of itself and by its operator, and its random bytes.

use anyhow::Result;
use sophon_host::capability::Settings;
use sophon_host::localcloud::Buckets;
use sophon_host::wasm::{Ended, Failure};
use sophon_tests::{Alone, World, agents, by_the_standard};
use std::fs;

#[tokio::test]
async fn a_turn_is_told_what_is_left_of_its_limits() -> Result<()> {
    let probe = Alone::new("probe", Settings::default())?;
    let text = probe.ask("left").await?;
    let mut left = text.split(' ');
    assert_eq!(left.next(), Some("false"), "nobody stopped it");
    let numbers: Vec<u64> = left.map(str::parse).collect::<Result<_, _>>()?;
    let [cpu, wall, output, calls] = numbers[..] else { panic!("{text}") };
    assert!(cpu <= 1_000 && wall <= 2_000 && (cpu > 0 && wall > 0), "its manifest says 1 s and 2 s: {text}");
    assert_eq!((output, calls), (1 << 20, 19_999), "the call itself counts");
    Ok(())
}

#[tokio::test]
async fn a_stopped_turn_sees_it_and_is_refused_what_it_asks_for_then() -> Result<()> {
    let probe = Alone::new("tireless", Settings::default())?;
    let (ended, ()) = tokio::join!(probe.run("outlast"), async {
        probe.spoken().await;
        probe.stop.cancel();
    });
    let ended = ended?;
    assert!(matches!(ended, Ended::Failed(Failure::Cancelled)), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn an_agent_is_given_its_operators_values() -> Result<()> {
    let mut settings = Settings::default();
    settings.values.insert("model".to_owned(), "großes".to_owned());
    let probe = Alone::new("probe", settings)?;
    assert_eq!(probe.ask("setting model").await?, "großes false");

    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use probe").await?;
    assert_eq!(world.user.ask(&session, "setting model").await?.text, "nothing false");
    Ok(())
}

/// Answers with the value of `model`, or that there is none.
const READS: &str = r#"
(data (i32.const 1024) "model")
(data (i32.const 1040) "no value")
(func (export "handle") (param i32) (result i32)
  (call $config (i32.const 1024) (i32.const 5) (i32.const 256))
  ;; The standard's functions may fail.
  (if (i32.load8_u (i32.const 256)) (then unreachable))
  (if (i32.load8_u (i32.const 260))
    (then (return (call $answer (i32.load (i32.const 264)) (i32.load (i32.const 268))))))
  (call $answer (i32.const 1040) (i32.const 8)))"#;

#[tokio::test]
async fn an_agent_is_given_its_own_values_by_the_standard_and_nobody_elses() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for name in ["reader", "other"] {
        let home = folder.path().join(name);
        fs::create_dir(&home)?;
        fs::write(home.join("c.wasm"), by_the_standard(READS)?)?;
        let manifest = format!("[agent]\nname = \"{name}\"\nversion = \"1\"\ncomponent = \"c.wasm\"\n");
        fs::write(home.join("agent.toml"), manifest)?;
    }
    let mut world = World::paired(agents(vec![folder.path().to_owned()]), Buckets::unlimited()).await?;
    let values = [("model".to_owned(), "großes".to_owned())].into();
    world.config.policy.values.insert("reader".to_owned().try_into().map_err(anyhow::Error::msg)?, values);
    world.start_host().await?;
    for (name, value) in [("reader", "großes"), ("other", "no value")] {
        let session = world.user.session().await?;
        world.user.ask(&session, &format!("/use {name}")).await?;
        assert_eq!(world.user.ask(&session, "hello").await?.text, value, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn random_bytes_differ_and_asking_for_too_many_ends_the_guest_in_words() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use probe").await?;
    assert_eq!(world.user.ask(&session, "random 16").await?.text, "16 bytes, different");
    assert_eq!(world.user.ask(&session, "random 0").await?.text, "0 bytes, the same");
    assert_eq!(world.user.ask(&session, "random 10000").await?.text, "10000 bytes, different", "the SDK asks again");
    let text = world.user.ask(&session, "greedy").await?.text;
    assert!(text.contains("crashed (it asked `entropy` for 4097 bytes at once, and may for 4096)"), "{text}");
    Ok(())
}
