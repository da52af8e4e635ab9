//! Guests that are written in a few lines: the body of a core module, in a shell that has the contract's imports.

use anyhow::Result;

const SHELL: &str = include_str!("../guests/hostile/shell.wat");

/// What a guest exports that carries its state over.
const MIGRATOR: &str = r#"
  (alias export $state "scope" (type $scope))
  (func $migrate (param "of" $scope) (param "from-schema" u32) (result (result (error $failure)))
    (canon lift (core func $guest "migrate") (memory $memory) (realloc (core func $libc "realloc"))))
  (instance $migrator (export "migrate" (func $migrate)))
  (export "sophon:agent/migrator@0.1.0" (instance $migrator))"#;

/// The settings of the contract, and those of the standard.
const SETTINGS: &str = r#"(import "sophon:agent/config@0.1.0" (instance $config
    (export "get" (func (param "key" string) (result (option string))))))"#;
const STANDARD_SETTINGS: &str = r#"(import "wasi:config/store@0.2.0-rc.1" (instance $config
    (type $error' (variant (case "upstream" string) (case "io" string)))
    (export "error" (type $error (eq $error')))
    (export "get" (func (param "key" string) (result (result (option string) (error $error)))))))"#;

/// A guest that reads its settings by `wasi:config`: `$config` writes a result that holds the option.
///
/// # Errors
/// As [`component`].
pub fn by_the_standard(text: &str) -> Result<Vec<u8>> {
    anyhow::ensure!(SHELL.contains(SETTINGS), "the shell imports its settings otherwise");
    wrapped(&SHELL.replace(SETTINGS, STANDARD_SETTINGS), text)
}

/// A guest's file as a component.
///
/// # Errors
/// When it is no text form of WebAssembly.
pub fn component(text: &str) -> Result<Vec<u8>> {
    // What follows the words of its first line.
    let whole = text.lines().nth(1).is_some_and(|line| line.starts_with("(component") || line.starts_with("(module"));
    if whole {
        return Ok(wat::parse_str(text)?);
    }
    wrapped(SHELL, text)
}

fn wrapped(shell: &str, text: &str) -> Result<Vec<u8>> {
    let own = |name: &str| text.contains(&format!("(export \"{name}\")"));
    let realloc = if own("realloc") { "$guest \"realloc\"" } else { "$libc \"realloc\"" };
    let post = if own("post-return") { "(post-return (core func $guest \"post-return\"))" } else { "" };
    let migrator = if own("migrate") { MIGRATOR } else { "" };
    let text = shell
        .replace("{{guest}}", text)
        .replace("{{migrator}}", migrator)
        .replace("{{realloc}}", realloc)
        .replace("{{post-return}}", post);
    Ok(wat::parse_str(text)?)
}
