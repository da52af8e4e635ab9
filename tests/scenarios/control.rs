//! What a turn is told of itself and by its operator, and its random bytes.

use anyhow::Result;
use sophon_host::capability::Settings;
use sophon_host::wasm::{Ended, Failure};
use sophon_tests::{Alone, World};

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
