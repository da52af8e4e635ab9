//! The commands. Data goes to stdout, words for people to stderr.

mod agent;
mod args;
mod audit;
mod backstage;
mod build;
mod chat;
mod dev;
mod doctor;
mod exit;
mod grants;
mod inspect;
mod logging;
mod output;
mod pair;
mod process;
mod records;
mod run;
mod secret;
mod session;
mod signals;
mod sse;
mod status;
mod telemetry;
mod user;

use crate::config::{Config, Environment};
use crate::daemon::Troubles;
use args::{Arguments, Command};
use clap::Parser as _;
use exit::Failure;
use std::process::ExitCode;
use telemetry::Exporter;

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Command::Launch = arguments.command {
        return crate::capability::launch();
    }
    let environment = Environment::read();
    let done = start(arguments, &environment);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure.to_string());
            failure.code()
        }
    }
}

fn start(arguments: Arguments, environment: &Environment) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::other)?;
    // The one command that works without a configuration.
    if let Command::Doctor(args) = &arguments.command {
        let done = runtime.block_on(doctor::doctor(&arguments.overrides(), environment, args));
        runtime.shutdown_background();
        return done;
    }
    let config = Config::load(arguments.overrides(), environment)?;
    let is_host = matches!(arguments.command, Command::Dev(_) | Command::Run(_));
    let (spans, outlet) = config.collector.clone().filter(|_| is_host).map(telemetry::open).unzip();
    let troubles = logging::start(&config, spans);
    let done = runtime.block_on(async {
        let exporter = outlet.map(Exporter::start).transpose().map_err(Failure::other)?;
        let done = command(arguments.command, config, environment, &troubles).await;
        if let Some(exporter) = exporter {
            exporter.close().await;
        }
        done
    });
    // A component that is being compiled must not hold up the end of the process.
    runtime.shutdown_background();
    done
}

async fn command(
    command: Command,
    config: Config,
    environment: &Environment,
    troubles: &Troubles,
) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => dev::dev(config, environment, args, troubles).await,
        Command::Run(_) => run::run(config, troubles).await,
        Command::Pair => pair::pair(config, environment).await,
        Command::Chat(args) => chat::chat(config, args).await,
        Command::Agent(args) => agent::agent(config, args).await,
        Command::Grants(args) => grants::grants(config, args).await,
        Command::Audit(args) => audit::audit(config, args).await,
        Command::Secret(args) => secret::secret(config, args).await,
        Command::Status(args) => status::status(config, args).await,
        Command::Doctor(_) | Command::Launch => Ok(()),
    }
}
