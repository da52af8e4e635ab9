//! The command line, and what `--help` teaches.

use super::agent::args::{AgentArgs, AgentCommand};
use crate::config::{AbsolutePath, LogFormat, Overrides, Span};
use crate::grant::SecretName;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Connects AI agents, sandboxed as WebAssembly components, to the Sophon chat app.
///
/// Start with `sophon-host dev`: it builds the agents in plugins/, starts an embedded cloud on this machine and prints
/// the address of its chat page. `sophon-host pair` and `sophon-host run` connect to the real cloud.
#[derive(Debug, Parser)]
#[command(version, after_help = HELP)]
pub(super) struct Arguments {
    /// Configuration file [default: ./sophon-host.toml, then ~/.config/sophon-host/sophon-host.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where state is kept [default: ~/.local/share/sophon-host]
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The cloud to connect to [default: https://api.sophon.at]
    #[arg(long, global = true, value_name = "URL")]
    cloud_url: Option<String>,
    /// What to log: error, warn, info, debug, trace, or a filter such as info,sophon_host::cloud=debug
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// How log lines look
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<Format>,
    #[command(subcommand)]
    pub(super) command: Command,
}

const HELP: &str = "\
Configuration comes from sophon-host.toml, then SOPHON_HOST_* and SOPHON_TOKEN of the environment, then flags.

Exit codes:
  0  done
  1  failed; the message says why
  2  the command line or the configuration is wrong
  3  not paired, or the cloud refused the token: run `sophon-host pair`
  4  the cloud (or `sophon-host dev`) is out of reach
  5  the agent did not answer: it failed, or was stopped
  6  no host runs here, so there is no status";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Human,
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Try agents here: build them, start an embedded cloud, pair, connect, and print the chat page's address
    Dev(DevArgs),
    /// Connect agents to the configured cloud, until stopped
    Run(RunArgs),
    /// Get a token: prints a code to type into the Sophon app, waits, and stores the token in a private file
    Pair,
    /// Say something to the agents of a running `sophon-host dev`; the answer streams to stdout
    Chat(ChatArgs),
    /// Look at agents
    Agent(AgentArgs),
    /// List what agents may do without asking again, take it back, or allow something from here
    Grants(GrantsArgs),
    /// Show who asked for what, who decided, and what happened; or check that this log is whole
    Audit(AuditArgs),
    /// Keep values that agents use in requests and never see, such as API keys
    Secret(SecretArgs),
    /// Ask the host that runs here how it is doing: its link, agents, turns and last errors
    Status(StatusArgs),
    /// Check what a host needs, one by one, and say how to mend what is broken
    Doctor(DoctorArgs),
    /// Hold a program of an agent's; only the host itself starts this
    #[command(hide = true)]
    Launch,
}

#[derive(Debug, Args)]
pub(super) struct DevArgs {
    /// Agent folders, folders of agent folders, or .wasm components [default: agents.paths, else ./plugins]
    pub(super) paths: Vec<PathBuf>,
    /// Port of the embedded cloud and its chat page; 0 takes any free one
    #[arg(long, default_value_t = 7717)]
    pub(super) port: u16,
    /// Also open a port at which tests make the embedded cloud misbehave and read its record; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub(super) admin_port: Option<u16>,
    /// Do not run the agents' build commands
    #[arg(long)]
    pub(super) no_build: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Agent folders, folders of agent folders, or .wasm components [default: agents.paths]
    paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ChatArgs {
    /// What to say; `-` reads it from standard input
    pub(super) text: String,
    /// Go on in this session; a new one otherwise
    #[arg(long, value_name = "ID")]
    pub(super) session: Option<String>,
    /// Print one JSON object at the end in place of the text
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Agent folders, folders of agent folders, or .wasm components [default: agents.paths, else ./plugins]
    paths: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct GrantsArgs {
    #[command(subcommand)]
    pub(super) command: GrantsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum GrantsCommand {
    /// List the grants that stand
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Take grants back, at once: turns that run by them are stopped in it
    Revoke {
        /// Their ids, as `grants list` shows them
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Allow an agent something from now on
    Add(AddArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The agent's name
    pub(super) agent: String,
    /// What: `http GET https://example.com/*`, `exec git status`, `own calendar.*`
    pub(super) covers: String,
    /// For how long, such as 30m; until it is taken back otherwise
    #[arg(long = "for", value_name = "TIME")]
    pub(super) lasting: Option<Span>,
    /// How often
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) uses: Option<u32>,
    /// In this session only
    #[arg(long, value_name = "ID")]
    pub(super) session: Option<String>,
    /// Programs may use the network, where a rule gives it
    #[arg(long)]
    pub(super) network: bool,
    /// Programs may read this, where a rule gives it; may be repeated
    #[arg(long = "read", value_name = "PATH")]
    pub(super) reads: Vec<AbsolutePath>,
    /// Requests may be filled with this secret; may be repeated
    #[arg(long = "secret", value_name = "NAME", value_parser = |name: &str| SecretName::try_from(name.to_owned()))]
    pub(super) secrets: Vec<SecretName>,
}

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Check that nothing was changed or taken out
    #[arg(long)]
    pub(super) check: bool,
    /// Only entries after this one
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(super) after: i64,
    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct SecretArgs {
    #[command(subcommand)]
    pub(super) command: SecretCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Set a secret to the value on standard input: `sophon-host secret set API_KEY < key.txt`
    Set {
        /// Letters, digits and _
        name: String,
    },
    /// List the secrets with where they may go; never their values
    List,
    /// Remove a secret
    Remove {
        /// Its name
        name: String,
    },
}

impl Arguments {
    /// What the flags set.
    pub(super) fn overrides(&self) -> Overrides {
        let agents = match &self.command {
            Command::Dev(args) => args.paths.clone(),
            Command::Run(args) => args.paths.clone(),
            Command::Doctor(args) => args.paths.clone(),
            Command::Agent(AgentArgs { command: AgentCommand::List { paths, .. } }) => paths.clone(),
            Command::Agent(_) => Vec::new(),
            Command::Pair
            | Command::Chat(_)
            | Command::Status(_)
            | Command::Grants(_)
            | Command::Secret(_)
            | Command::Audit(_)
            | Command::Launch => Vec::new(),
        };
        Overrides {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            cloud_url: self.cloud_url.clone(),
            agents,
            log: self.log.clone(),
            log_format: self.log_format.map(|format| match format {
                Format::Human => LogFormat::Human,
                Format::Json => LogFormat::Json,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}
