//! The command line of `sophon-host agent`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct AgentArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: AgentCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AgentCommand {
    /// Show what an agent is, could do and wants, without running anything of it
    Inspect {
        /// An agent's folder, a folder of such folders, or a .wasm component
        path: PathBuf,
        /// Print one JSON object an agent
        #[arg(long)]
        json: bool,
    },
    /// Look at what lies in the agents' folders now, and try again what was refused
    Reload {
        /// Of this agent alone
        agent: Option<String>,
    },
    /// Let the version before answer again; the one that does is not tried again until `reload`
    Rollback {
        /// The agent's name
        agent: String,
        /// Where versions keep their state in different schemas: restore what was kept before, though what was kept since
        /// is lost
        #[arg(long)]
        restore_state: bool,
    },
    /// Let a session stay with a version of an agent
    Pin {
        /// The session's id
        session: String,
        /// The agent's name
        agent: String,
        /// The beginning of the version's id, as `list` shows it [default: the version that answers]
        version: Option<String>,
    },
    /// Let a pinned session see the version that answers
    Unpin {
        /// The session's id
        session: String,
    },
    /// Put an agent into the data folder, where each host looks for agents; another version takes its place
    Install {
        /// An agent's folder, or a .wasm component
        path: PathBuf,
    },
    /// Remove an agent that was installed, with what it keeps and may do
    Remove {
        /// The agent's name
        agent: String,
        /// Keep its state, for when it is installed again
        #[arg(long)]
        keep_state: bool,
    },
    /// List the agents, their versions, and what is wrong with those that cannot run
    List {
        /// Agent folders, folders of agent folders, or .wasm components [default: agents.paths, else ./plugins]
        paths: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
