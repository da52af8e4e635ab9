//! `sophon-host.toml`, then the environment, then flags: each overrides the one before.

use super::{
    AgentName, Collector, Environment, ExecConfig, Limits, PolicyConfig, ProxyConfig, SecretSource, SwapConfig, Token,
    TokenError, TokenFile, TotalsConfig,
};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tables::File;

/// Everything that is configured, with the defaults filled in.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where state is kept.
    pub data_dir: PathBuf,
    /// Where the hosts of this user tell each other which installations they serve.
    pub shared_dirs: Vec<PathBuf>,
    /// The cloud.
    pub cloud: CloudConfig,
    /// The agents.
    pub agents: AgentsConfig,
    /// How turns run.
    pub turns: TurnsConfig,
    /// The most that a turn of any agent may use.
    pub limits: Limits,
    /// What all turns of an agent may use together.
    pub totals: TotalsConfig,
    /// How programs of agents run.
    pub exec: ExecConfig,
    /// The proxy that requests of agents go through.
    pub proxy: ProxyConfig,
    /// What agents may do, and what they are given.
    pub policy: PolicyConfig,
    /// Where the values of secrets are.
    pub secrets: SecretSource,
    /// Whether each commit of the store waits for the disk.
    pub fsync: bool,
    /// The port of 127.0.0.1 that metrics are served on.
    pub metrics_port: Option<u16>,
    /// Where traces are exported to.
    pub collector: Option<Collector>,
    /// What to log.
    pub log_level: String,
    /// How to log.
    pub log_format: LogFormat,
}

/// Where the cloud is and who we are there.
#[derive(Debug, Clone)]
pub struct CloudConfig {
    /// Its address.
    pub url: CloudUrl,
    /// The file with the token.
    pub token_file: TokenFile,
    /// The token of the environment, which comes first.
    pub token: Option<Token>,
}

/// Which agents there are.
#[derive(Debug, Clone, Default)]
pub struct AgentsConfig {
    /// Agent folders, folders of agent folders, or components.
    pub paths: Vec<PathBuf>,
    /// Where agents are installed; not there before the first one is.
    pub installed: PathBuf,
    /// Who answers unless a session chose another. The first by name when not set.
    pub default: Option<AgentName>,
    /// How new versions of them come to answer.
    pub swap: SwapConfig,
    /// Where what was compiled is kept.
    pub cache: CacheConfig,
}

/// Where compiled components are kept.
#[derive(Debug, Clone, Default)]
pub struct CacheConfig {
    /// The folder; not there before there is something to keep.
    pub folder: PathBuf,
    /// The most bytes that are kept. 0 is none.
    pub most: u64,
}

/// How turns run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnsConfig {
    /// The most that run at once; further ones wait with their bubble open. 1 to 8,000.
    pub at_once: u32,
    /// As many as the system's memory mappings are enough for.
    pub fit: u32,
    /// The most that wait or run; a further message is answered with a note. 1 to 100,000.
    pub open_at_most: u32,
    /// How long running ones may go on when the host is to stop. At most an hour.
    pub grace: Duration,
}

impl TurnsConfig {
    /// The most turns that a host runs at once.
    pub const MOST: u32 = 8_000;
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// `http(s)://host[:port]`. Plain `http` is for this machine only: the token must not cross a network in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudUrl(http::Uri);

impl CloudUrl {
    /// Reads and checks an address.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown = crate::text::line(text, 200);
        let uri: http::Uri = text.parse().map_err(|error| format!("`{shown}` is not an address: {error}"))?;
        let host = uri.host().ok_or_else(|| format!("`{shown}` names no host; write https://…"))?;
        let local = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
        match uri.scheme_str() {
            _ if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
                Err("an address with a user or password in it is refused: the token goes into a header".to_owned())
            }
            _ if uri.path() != "/" || uri.query().is_some() => {
                Err(format!("`{shown}` has a path; write only scheme, host and port"))
            }
            Some("https") => Ok(Self(uri)),
            Some("http") if local => Ok(Self(uri)),
            Some("http") => Err(format!("`{shown}` would send the token in clear; write https://")),
            _ => Err(format!("`{shown}` must begin with https://")),
        }
    }

    /// The address with a path. The address itself ends without a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0.to_string().trim_end_matches('/'))
    }

    /// Whether it is reached over TLS.
    pub fn is_secure(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Scheme, host and port.
    pub fn uri(&self) -> &http::Uri {
        &self.0
    }
}

/// What flags set.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--cloud-url`.
    pub cloud_url: Option<String>,
    /// Paths on the command line.
    pub agents: Vec<PathBuf>,
    /// `--log`.
    pub log: Option<String>,
    /// `--log-format`.
    pub log_format: Option<LogFormat>,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The configuration file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, a key that does not exist, or a value that does not fit.
    #[error("{place}: {message}")]
    Invalid {
        /// The file, the variable or the flag.
        place: String,
        /// What is wrong, with the line and the known keys.
        message: String,
    },
    /// The token of the environment is not one.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// There is no home folder to keep state in.
    #[error("no place for state: set HOME, or `--data-dir`")]
    NoDataDir,
}

impl Config {
    /// The cloud that is used when none is named.
    pub const DEFAULT_CLOUD: &'static str = "https://api.sophon.at";
    /// The configuration file's name, looked for here and then in the configuration folder.
    pub const FILE: &'static str = "sophon-host.toml";

    /// The configuration file: the one that is named, else the first that is there.
    pub fn find(flags: &Overrides, environment: &Environment) -> Option<PathBuf> {
        flags.config.clone().or_else(|| environment.config.clone()).or_else(|| {
            let places = [
                Some(PathBuf::from(Self::FILE)),
                environment.config_home.as_ref().map(|home| home.join("sophon-host").join(Self::FILE)),
            ];
            places.into_iter().flatten().find(|file| file.exists())
        })
    }

    /// Gathers the configuration.
    ///
    /// # Errors
    /// See [`ConfigError`]. Every message names the place.
    pub fn load(flags: Overrides, environment: &Environment) -> Result<Self, ConfigError> {
        let (file, base) = match &Self::find(&flags, environment) {
            Some(path) => (File::read(path)?, path.parent().unwrap_or(Path::new("")).to_owned()),
            None => (File::default(), PathBuf::new()),
        };
        Self::merge(file, &base, flags, environment)
    }

    fn merge(mut file: File, base: &Path, flags: Overrides, environment: &Environment) -> Result<Self, ConfigError> {
        let (totals, limits) = (file.totals(environment.memory)?, file.limits()?);
        let policy = file.policy().checked(Self::FILE)?;
        let data_dir = flags
            .data_dir
            .or_else(|| environment.data_dir.clone())
            .or_else(|| file.data_dir.map(|dir| base.join(dir)))
            .or_else(|| environment.data_home.as_ref().map(|home| home.join("sophon-host")))
            .ok_or(ConfigError::NoDataDir)?;
        let url = cloud_url(flags.cloud_url, environment.cloud_url.as_ref(), file.cloud.url)?;
        let token_file = file.cloud.token_file.map_or_else(|| data_dir.join("token"), |path| base.join(path));
        let collector = Collector::find(file.telemetry.otlp_endpoint.as_deref(), environment);
        Ok(Self {
            cloud: CloudConfig { url, token_file: TokenFile(token_file), token: environment.token()? },
            agents: file.agents.checked(base, flags.agents, &data_dir)?,
            turns: file.turns.checked(environment.mappings)?,
            limits,
            totals,
            exec: file.exec.checked()?,
            proxy: file.http.checked(environment)?,
            secrets: SecretSource::find(&data_dir, &policy.secrets),
            policy,
            fsync: file.store.fsync,
            metrics_port: file.metrics.port,
            collector: collector.map_err(|(place, message)| invalid(place, message))?,
            log_level: flags.log.or_else(|| environment.log.clone()).or(file.log.level).unwrap_or("info".to_owned()),
            log_format: flags.log_format.or(file.log.format).unwrap_or_default(),
            shared_dirs: environment.shared_dirs(),
            data_dir,
        })
    }
}

fn cloud_url(flag: Option<String>, set: Option<&String>, written: Option<String>) -> Result<CloudUrl, ConfigError> {
    let (place, url) = match (flag, set, written) {
        (Some(url), _, _) => ("--cloud-url", url),
        (None, Some(url), _) => ("SOPHON_HOST_CLOUD_URL", url.clone()),
        (None, None, Some(url)) => ("cloud.url", url),
        (None, None, None) => ("cloud.url", Config::DEFAULT_CLOUD.to_owned()),
    };
    CloudUrl::parse(&url).map_err(|message| invalid(place, message))
}

pub(super) fn invalid(place: &str, message: String) -> ConfigError {
    ConfigError::Invalid { place: place.to_owned(), message }
}

mod tables;
#[cfg(test)]
mod tests;
