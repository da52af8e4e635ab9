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
    let own = |name: &str| text.contains(&format!("(export \"{name}\")"));
    let realloc = if own("realloc") { "$guest \"realloc\"" } else { "$libc \"realloc\"" };
    let post = if own("post-return") { "(post-return (core func $guest \"post-return\"))" } else { "" };
    let migrator = if own("migrate") { MIGRATOR } else { "" };
    let text = SHELL
        .replace("{{guest}}", text)
        .replace("{{migrator}}", migrator)
        .replace("{{realloc}}", realloc)
        .replace("{{post-return}}", post);
    Ok(wat::parse_str(text)?)
}
