//! Files that a host cannot work with: told with what to do, and left as they are.

use anyhow::Result;
use sophon_tests::{guest, run};
use std::fs;

const TOKEN: &str = "inst_0123456789abcdef:s_test_0123456789abcdef0123456789abcdef01234567";
/// "soph", which marks a host's store.
const OURS: u32 = 0x736f_7068;

/// A SQLite file without a table, as its format says: whose it is, and of which schema.
fn database(application: u32, version: u32) -> Vec<u8> {
    let mut page = vec![0; 4_096];
    page[..24].copy_from_slice(b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20");
    for (place, number) in [(24, 1), (28, 1), (44, 4), (56, 1), (60, version), (68, application), (92, 1)] {
        page[place..place + 4].copy_from_slice(&number.to_be_bytes());
    }
    // An empty leaf, whose content begins at the end of the page.
    page[100..108].copy_from_slice(&[13, 0, 0, 0, 0, 0x10, 0, 0]);
    page
}

#[tokio::test]
async fn a_newer_a_damaged_and_a_foreign_store_are_told_and_left_alone() -> Result<()> {
    let data = tempfile::tempdir()?;
    let echo = guest("echo").display().to_string();
    let file = data.path().join("inst_0123456789abcdef.db");
    let damaged = database(OURS, 2).into_iter().rev().collect();
    for (content, words) in [
        (database(OURS, 99), "was written by a newer sophon-host (schema 99, this one knows 5); run that version"),
        (database(7, 1), "is a database of another program; move it away"),
        (damaged, "is damaged (file is not a database); put a copy of it in its place"),
    ] {
        fs::write(&file, &content)?;
        let arguments = ["--cloud-url", "http://127.0.0.1:1", "run", &echo];
        let ended = run(data.path(), &arguments, &[("SOPHON_TOKEN", TOKEN)]).await?;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(words) && ended.stderr.contains("inst_0123456789abcdef.db"), "{}", ended.stderr);
        assert_eq!(fs::read(&file)?, content, "{words}: it was changed");
    }
    Ok(())
}
