//! What goes wrong while a version takes over.

use super::{Workshop, answers, write};
use anyhow::Result;
use sophon_tests::component;
use std::fs::{self, File};
use std::io::Write as _;

/// A version that takes a while to compile.
fn slow() -> Result<Vec<u8>> {
    let functions =
        "(func (result i32) (i32.add (i32.mul (i32.const 3) (i32.const 4)) (i32.const 5)))\n".repeat(20_000);
    component(&format!(";; A version.\n{functions}{}", answers("slow")))
}

#[tokio::test]
async fn a_candidate_that_is_deleted_while_it_is_compiled_does_not_take_over() -> Result<()> {
    let shop = Workshop::start(|_| {}).await?;
    fs::write(shop.vary().join("c.wasm"), slow()?)?;
    let is_looked_at = |report: &sophon_host::registry::LineReport| report.candidate.is_some();
    // It is told that it is looked at before it is compiled.
    shop.until("a candidate", is_looked_at).await?;
    fs::remove_file(shop.vary().join("c.wasm"))?;
    let report = shop
        .until("the end of it", |report| report.candidate.as_ref().is_some_and(|candidate| candidate.why.is_some()))
        .await?;
    let why = report.candidate.and_then(|candidate| candidate.why).unwrap_or_default();
    assert!(why.contains("c.wasm is not there"), "{why}");
    assert_eq!((report.answers.version.as_str(), shop.ask().await?.as_str()), ("1", "one"));
    Ok(())
}

#[tokio::test]
async fn what_is_written_while_a_candidate_is_compiled_is_what_counts() -> Result<()> {
    let shop = Workshop::start(|_| {}).await?;
    fs::write(shop.vary().join("c.wasm"), slow()?)?;
    shop.until("a candidate", |report| report.candidate.is_some()).await?;
    write(shop.folder(), "vary", "3", &answers("three"), "")?;
    let report = shop.until("version 3", |report| report.answers.version == "3").await?;
    assert_eq!(
        (report.before.map(|before| before.version).as_deref(), shop.ask().await?.as_str()),
        (Some("1"), "three")
    );
    Ok(())
}

#[tokio::test]
async fn a_component_of_a_hundred_megabytes_takes_over() -> Result<()> {
    let shop = Workshop::quiet().await?;
    let small = component(&format!(";; A version.\n{}", answers("large")))?;
    // A section that means nothing, most of it a hole in the file.
    let size: u32 = 100 << 20;
    let mut head = vec![0];
    let mut left = size + 2;
    while left >= 0x80 {
        head.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    head.extend([left as u8, 1, b'x']);
    let mut file = File::create(shop.vary().join("large.wasm"))?;
    file.write_all(&small)?;
    file.write_all(&head)?;
    file.set_len(small.len() as u64 + head.len() as u64 + u64::from(size))?;
    fs::rename(shop.vary().join("large.wasm"), shop.vary().join("c.wasm"))?;
    shop.world.host().registry().look().await;
    let report = shop.report()?;
    assert_eq!((report.candidate, report.size > 100 << 20, shop.ask().await?.as_str()), (None, true, "large"));
    Ok(())
}

#[tokio::test]
async fn a_version_that_cannot_be_kept_answers_and_is_not_there_to_go_back_to() -> Result<()> {
    let shop = Workshop::quiet().await?;
    // Where components are kept is no folder any more: as much of a full disk as a test can have.
    let shelf = shop.world.config.data_dir.join("versions");
    fs::remove_dir_all(&shelf)?;
    fs::write(&shelf, "")?;
    shop.put("2", &answers("two"), "").await?;
    assert_eq!(shop.ask().await?, "two");
    let back = shop.world.host().registry().roll_back("vary", false).await;
    assert!(back.as_ref().is_err_and(|why| why.contains("versions")), "{back:?}");
    assert_eq!(shop.ask().await?, "two");
    Ok(())
}

#[tokio::test]
async fn a_version_that_cannot_be_recorded_does_not_answer() -> Result<()> {
    let shop = Workshop::quiet().await?;
    // The disk is full for what is to be written.
    let file = shop.world.config.data_dir.join(format!("{}.db", shop.world.token.installation()));
    let other = rusqlite::Connection::open(file)?;
    other.execute_batch("CREATE TRIGGER full BEFORE UPDATE ON posts BEGIN SELECT raise(ABORT, 'disk full'); END;")?;
    let report = shop.put("2", &answers("two"), "").await?;
    let why = report.candidate.and_then(|candidate| candidate.why).unwrap_or_default();
    assert!(why.contains("cannot be recorded") && why.contains("disk full"), "{why}");
    assert_eq!(shop.ask().await?, "one");
    other.execute_batch("DROP TRIGGER full;")?;
    shop.world.host().registry().look().await;
    assert_eq!(shop.ask().await?, "two");
    Ok(())
}
