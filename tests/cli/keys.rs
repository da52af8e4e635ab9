//! The secrets of agents on the command line.

use anyhow::{Context as _, Result};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;

#[tokio::test]
async fn agents_secrets_come_from_standard_input_and_are_never_shown() -> Result<()> {
    let (data, value) = (tempfile::tempdir()?, "s3cr3t-value-of-a-key");
    let mut said = String::new();
    let mut secret = async |arguments: &[&str], input: &str| -> Result<(Option<i32>, String)> {
        let mut host = tokio::process::Command::new(sophon_tests::binary());
        host.env_clear().arg("--data-dir").arg(data.path()).arg("secret").args(arguments).current_dir(data.path());
        host.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = host.spawn()?;
        let mut stdin = child.stdin.take().context("a pipe")?;
        stdin.write_all(input.as_bytes()).await?;
        drop(stdin);
        let ended = child.wait_with_output().await?;
        let words = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
        said.push_str(&words);
        Ok((ended.status.code(), words))
    };
    let (code, words) = secret(&["set", "KEY"], &format!("{value}\n")).await?;
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("goes nowhere yet") && words.contains("[secret.KEY]"), "{words}");
    let (code, words) = secret(&["set", "OTHER"], "short").await?;
    assert!(code == Some(2) && words.contains("fewer than 8 bytes"), "{words}");
    let (_, words) = secret(&["list"], "").await?;
    assert!(words.contains("KEY  set, goes nowhere"), "{words}");
    let file = data.path().join("secrets.toml");
    assert_eq!(std::fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&file)?.contains(value));
    assert_eq!(secret(&["remove", "KEY"], "").await?.0, Some(0));
    assert_eq!(secret(&["remove", "KEY"], "").await?.0, Some(1));
    assert_eq!(secret(&["set", "a-b"], value).await?.0, Some(2));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644))?;
    let (code, words) = secret(&["list"], "").await?;
    assert!(code == Some(1) && words.contains("chmod 600"), "{words}");
    assert!(!said.contains(value), "{said}");
    Ok(())
}
