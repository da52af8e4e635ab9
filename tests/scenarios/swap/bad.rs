//! Versions that are not fit: the one before goes on, and it is told why.

use super::{CRASHES, Workshop, answers, write};
use anyhow::Result;
use std::fs;

const ONCE: &str = "[test]\nmessages = [\"ping\"]\n";
const SPINS: &str = "(func (export \"handle\") (param i32) (result i32) (loop $on (br $on)) unreachable)";

/// Lets the host look at what is there until it has told what is wrong: twice, as what cannot be used may be half written.
async fn why(shop: &Workshop) -> Result<String> {
    shop.world.host().registry().look().await;
    let told = |report: &sophon_host::registry::LineReport| {
        report.candidate.as_ref().is_some_and(|candidate| candidate.why.is_some())
    };
    let report = shop.until("what is wrong", told).await?;
    assert_eq!(shop.ask().await?, "one", "the version before does not answer");
    Ok(report.candidate.and_then(|candidate| candidate.why).unwrap_or_default())
}

/// Spoils what lies in the folder of `vary`.
fn spoil(shop: &Workshop, case: &str) -> Result<()> {
    let (manifest, file) = (shop.vary().join("agent.toml"), shop.vary().join("c.wasm"));
    match case {
        "text" => Ok(fs::write(file, "this is not WebAssembly")?),
        "nothing" => Ok(fs::write(file, "")?),
        "gone" => Ok(fs::remove_file(file)?),
        "typo" => Ok(fs::write(&manifest, fs::read_to_string(&manifest)?.replace("version", "versoin"))?),
        "contract" => write(shop.folder(), "vary", "2", &answers("two"), "contract = \"0.9\"\n"),
        "crash" => write(shop.folder(), "vary", "2", CRASHES, ONCE),
        _ => write(shop.folder(), "vary", "2", SPINS, &format!("{ONCE}[limits]\ncpu = \"20ms\"\n")),
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_version_is_told_and_the_one_before_goes_on() -> Result<()> {
    for (case, parts) in [
        ("text", &["c.wasm is not a WebAssembly component"][..]),
        ("nothing", &["c.wasm is not a WebAssembly component: it is empty"]),
        ("gone", &["c.wasm is not there"]),
        ("typo", &["agent.toml", "unknown field `versoin`", "line 3"]),
        ("contract", &["built for version 0.9 of the contract", "serves 0.1.0", "rebuild it"]),
        ("crash", &["did not answer `ping` of `test.messages`", "it crashed", "unreachable"]),
        ("loop", &["did not answer `ping`", "the CPU limit"]),
    ] {
        let shop = Workshop::start(|_| {}).await?;
        spoil(&shop, case)?;
        let why = why(&shop).await?;
        assert!(parts.iter().all(|part| why.contains(part)), "{case}: {why}");
    }
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_taken_is_told() -> Result<()> {
    let shop = Workshop::start(|_| {}).await?;
    let mut changes = shop.world.host().registry().changes();
    fs::create_dir(shop.folder().join("twin"))?;
    for name in ["agent.toml", "c.wasm"] {
        fs::copy(shop.vary().join(name), shop.folder().join("twin").join(name))?;
    }
    let why = loop {
        if let Some((_, why)) = shop.world.host().registry().problems().into_iter().next() {
            break why;
        }
        tokio::time::timeout(sophon_tests::PATIENCE, changes.changed()).await??;
    };
    assert!(why.contains("its name `vary` is taken by") && why.contains("change `agent.name`"), "{why}");
    Ok(())
}

#[tokio::test]
async fn a_version_that_answers_its_own_messages_takes_over() -> Result<()> {
    let shop = Workshop::quiet().await?;
    let report = shop.put("2", &answers("two"), ONCE).await?;
    assert_eq!((report.answers.version.as_str(), shop.ask().await?.as_str()), ("2", "two"));
    Ok(())
}

#[tokio::test]
async fn over_a_restart_the_version_that_answered_still_does() -> Result<()> {
    let mut shop = Workshop::quiet().await?;
    shop.world.host().registry().look().await;
    shop.put("2", &answers("two"), "").await?;
    // Written while no host runs, and not fit: known before a turn needs it.
    shop.world.stop_host().await;
    write(shop.folder(), "vary", "3", CRASHES, ONCE)?;
    shop.restart().await?;
    assert_eq!(shop.ask().await?, "two");
    fs::write(shop.vary().join("c.wasm"), "this is not WebAssembly")?;
    shop.restart().await?;
    assert_eq!(shop.ask().await?, "two");
    let report = shop.report()?;
    assert!(report.candidate.and_then(|it| it.why).is_some_and(|why| why.contains("not a WebAssembly component")));
    // A fit one takes over once the host has looked.
    shop.put("4", &answers("four"), ONCE).await?;
    assert_eq!(shop.ask().await?, "four");
    Ok(())
}
