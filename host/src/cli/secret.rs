//! `sophon-host secret`: values that agents use and never see.

use super::args::{SecretArgs, SecretCommand};
use super::exit::Failure;
use super::output;
use crate::config::{Config, SecretError, secret_value};
use crate::grant::SecretName;
use std::io::{IsTerminal as _, Read as _};

/// The most that is read of standard input.
const MAX_INPUT: u64 = 8 << 10;

/// Does what the subcommand says. Values come from standard input only: arguments are seen by everybody on a machine.
pub(super) async fn secret(config: Config, args: SecretArgs) -> Result<(), Failure> {
    crate::tasks::blocking(move || match args.command {
        SecretCommand::Set { name } => set(&config, named(name)?),
        SecretCommand::List => list(&config),
        SecretCommand::Remove { name } => remove(&config, &named(name)?),
    })
    .await
}

fn named(name: String) -> Result<SecretName, Failure> {
    SecretName::try_from(name).map_err(Failure::usage)
}

fn set(config: &Config, name: SecretName) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        output::say(&format!(
            "Type or paste the value of {name}, then Enter. It is shown as you type; a file or a pipe hides it."
        ));
    }
    let mut text = String::new();
    let read = |text: &mut String| match std::io::stdin().is_terminal() {
        true => std::io::stdin().read_line(text),
        false => std::io::stdin().take(MAX_INPUT).read_to_string(text),
    };
    read(&mut text).map_err(|error| Failure::other(format!("cannot read the value from standard input: {error}")))?;
    config.secrets.file.set(name.clone(), secret_value(&text)?)?;
    output::say(&format!("{name} is set, in {}", config.secrets.file.0.display()));
    if !config.policy.secrets.contains_key(&name) {
        output::say(&format!("It goes nowhere yet. Tie it to its hosts in sophon-host.toml:\n\n{}", tie(&name)));
    }
    Ok(())
}

fn list(config: &Config) -> Result<(), Failure> {
    let (kept, specs) = (config.secrets.file.read()?, &config.policy.secrets);
    let all: std::collections::BTreeSet<&SecretName> = kept.keys().chain(specs.keys()).collect();
    if all.is_empty() {
        output::say("no secrets: `sophon-host secret set NAME` reads one from standard input");
    }
    for name in all {
        let variable = specs.get(name).and_then(|spec| spec.env.as_deref());
        let place = match variable {
            Some(variable) if config.secrets.variables.contains_key(name) => format!("in the variable {variable}"),
            Some(variable) if !kept.contains_key(name) => {
                format!("missing: the variable {variable} has no value that can be used")
            }
            _ if kept.contains_key(name) => "set".to_owned(),
            _ => format!("missing: run `sophon-host secret set {name}`"),
        };
        let hosts =
            specs.get(name).map(|spec| spec.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        let hosts = hosts.map_or_else(
            || "goes nowhere: sophon-host.toml has no [secret] for it".to_owned(),
            |hosts| format!("goes to {hosts}"),
        );
        output::data(&format!("{name}  {place}, {hosts}"));
    }
    Ok(())
}

fn remove(config: &Config, name: &SecretName) -> Result<(), Failure> {
    match config.secrets.file.remove(name)? {
        true => output::say(&format!("{name} is removed; running turns may still use it")),
        false => {
            return Err(Failure::other(format!("there is no secret {name} in {}", config.secrets.file.0.display())));
        }
    }
    Ok(())
}

fn tie(name: &SecretName) -> String {
    format!("[secret.{name}]\nhosts = [\"api.example.com\"]")
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Value(_) => Self::usage(error),
            error => Self::other(error),
        }
    }
}
