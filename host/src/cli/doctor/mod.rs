//! `sophon-host doctor`: what a host needs, checked one by one, with how to mend what is broken.
//!
//! Every check has its time, and none keeps the others from being made.

mod agents;
mod cloud;
mod finding;
mod folder;

use super::args::DoctorArgs;
use super::exit::{Failure, Kind};
use super::{dev, logging, output};
use crate::capability::Hold;
use crate::config::{Config, ConfigError, Environment, LogFormat, Overrides, Token};
use crate::daemon::{self, AskError, DataLock, InstallationLock};
use finding::{Finding, Findings};
use std::path::PathBuf;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// How long a check may take that has no time of its own.
const CHECK_TIME: Duration = Duration::from_secs(5);

/// Checks, and tells. Fails when something is broken, in the way of the first that is.
pub(super) async fn doctor(flags: &Overrides, environment: &Environment, args: &DoctorArgs) -> Result<(), Failure> {
    let mut findings = Findings::default();
    let (config, finding) = configuration(flags, environment);
    let is_meant = !finding.is_broken();
    findings.add(finding);
    match config {
        Some(config) => examine(&config, is_meant, &mut findings).await,
        None => findings.add(Finding::info("others", "not checked: they need flags and an environment that are right")),
    }
    findings.add(agents::target().await);
    if args.json {
        output::data(&findings.json().to_string());
    } else {
        findings.lines().iter().for_each(|line| output::data(line));
    }
    findings.verdict()
}

/// `is_meant` is whether the configuration is what its owner wrote, and not what is left of it.
async fn examine(config: &Config, is_meant: bool, findings: &mut Findings) {
    findings.add(log(config));
    findings.add(folder::data(&config.data_dir).await);
    findings.add(folder::space(&config.data_dir).await);
    findings.add(programs());
    let (token, finding) = token(config);
    findings.add(finding);
    let (host, finding) = host(config, token.as_ref()).await;
    findings.add(finding);
    findings.add(folder::store(&config.data_dir, token.as_ref()).await);
    let host = if is_meant { host } else { Host::Unknown };
    cloud::examine(config, token.as_ref(), &host, findings).await;
    let paths = dev::paths(config).unwrap_or_default();
    agents::examine(config, paths, findings).await;
}

/// How well the kernel holds programs that agents run.
fn programs() -> Finding {
    const NAME: &str = "programs";
    match Hold::of_this_kernel().lack() {
        None => Finding::ok(NAME, "this kernel can confine what agents run"),
        Some(lack) => Finding::warning(NAME, lack, "update the kernel, or keep programs out: a rule that denies `*`"),
    }
}

/// The configuration; with a file that is broken, what flags, the environment and defaults make of it.
fn configuration(flags: &Overrides, environment: &Environment) -> (Option<Config>, Finding) {
    const NAME: &str = "configuration";
    let file = Config::find(flags, environment);
    let error = match Config::load(flags.clone(), environment) {
        Ok(config) => {
            let from = file.map_or("none; defaults hold".to_owned(), |file| file.display().to_string());
            return (Some(config), Finding::ok(NAME, from));
        }
        Err(error) => error,
    };
    // No file, and no token: whichever of them is wrong, the rest can be looked at without it.
    let empty = Overrides { config: Some(PathBuf::from("/dev/null")), ..flags.clone() };
    let tokenless = Environment { token: None, ..environment.clone() };
    let rest = Config::load(empty, &tokenless).ok();
    let (kind, mend) = match &error {
        ConfigError::Token(_) => (Kind::Unpaired, "set SOPHON_TOKEN to a token, or unset it to use the token file"),
        ConfigError::Read { .. } => (Kind::Usage, "make the file readable, or name another with `--config`"),
        ConfigError::Invalid { .. } => (Kind::Usage, "correct it; the checks below go by flags and defaults"),
        ConfigError::NoDataDir => (Kind::Usage, "set HOME, or name a folder with `--data-dir`"),
    };
    (rest, Finding::broken(NAME, error.to_string(), mend, kind))
}

fn log(config: &Config) -> Finding {
    let format = match config.log_format {
        LogFormat::Human => "human",
        LogFormat::Json => "json",
    };
    let level = crate::text::line(&config.log_level, 100);
    match EnvFilter::try_new(&config.log_level) {
        Ok(_) => {
            logging::start(config, None);
            Finding::ok("log", format!("{level}, {format}"))
        }
        Err(error) => {
            let mend = "write error, warn, info, debug, trace, or a filter such as info,sophon_host::cloud=debug";
            Finding::warning("log", format!("`{level}` is not a log filter ({error}); info is used"), mend)
        }
    }
}

/// The token that a host would use. It is not shown.
fn token(config: &Config) -> (Option<Token>, Finding) {
    const NAME: &str = "token";
    if let Some(token) = &config.cloud.token {
        let text = format!("in SOPHON_TOKEN, of {}", token.installation());
        return (Some(token.clone()), Finding::ok(NAME, text));
    }
    match config.cloud.token_file.read() {
        Ok(token) => {
            let text = format!("in {}, of {}", config.cloud.token_file.0.display(), token.installation());
            (Some(token), Finding::ok(NAME, text))
        }
        Err(error) => {
            let mend = "do as it says; `sophon-host dev` needs no token";
            (None, Finding::broken(NAME, error.to_string(), mend, Kind::Unpaired))
        }
    }
}

/// The host that works in the folder.
enum Host {
    None,
    /// One that told its status.
    Tells(serde_json::Value),
    /// One that did not.
    Silent,
    /// The configuration does not say where to look, nor which cloud the token is meant for.
    Unknown,
}

async fn host(config: &Config, token: Option<&Token>) -> (Host, Finding) {
    const NAME: &str = "host";
    let held = DataLock::holder(&config.data_dir);
    match (daemon::ask(&config.data_dir).await, held) {
        (Ok(status), _) => {
            let text = format!("process {} runs here; `sophon-host status` tells more", status["process"]);
            (Host::Tells(status), Finding::ok(NAME, text))
        }
        (Err(AskError::NotRunning(_)), Ok(None)) => match elsewhere(config, token) {
            Some(text) => {
                (Host::Silent, Finding::warning(NAME, text, "stop it, or run `sophon-host pair` for this one"))
            }
            None => (Host::None, Finding::ok(NAME, "none runs here")),
        },
        (Err(error), Ok(Some(holder))) => {
            let text = format!("process {holder} holds the folder, and does not tell its status: {error}");
            let mend = "wait if it has just been started; else stop it, or use another `--data-dir`";
            (Host::Silent, Finding::warning(NAME, text, mend))
        }
        (Err(error @ AskError::Failed { .. }), Ok(None)) => {
            (Host::None, Finding::warning(NAME, error.to_string(), "start a host: it replaces what is left there"))
        }
        (_, Err(error)) => {
            let text = format!("cannot look who holds the folder: {error}");
            (Host::Silent, Finding::warning(NAME, text, "make the folder yours and readable"))
        }
    }
}

/// A host with the same token and another data folder.
fn elsewhere(config: &Config, token: Option<&Token>) -> Option<String> {
    let holder = InstallationLock::holder(&config.shared_dirs, token?)?;
    Some(format!("process {} serves this installation from {}", holder.process, holder.folder))
}
