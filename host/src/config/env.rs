//! The environment, read once. `clippy.toml` fences `std::env` everywhere else.

use super::{ProxyVariables, Secret, Token, TokenError, telemetry};
use std::path::PathBuf;

/// What this program reads from the environment.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `SOPHON_TOKEN`: the bridge token, in place of the token file.
    pub token: Option<Secret<String>>,
    /// `SOPHON_HOST_CONFIG`: the configuration file.
    pub config: Option<PathBuf>,
    /// `SOPHON_HOST_DATA_DIR`: where state is kept.
    pub data_dir: Option<PathBuf>,
    /// `SOPHON_HOST_CLOUD_URL`: the cloud to connect to.
    pub cloud_url: Option<String>,
    /// `SOPHON_HOST_LOG`: what to log, as `tracing` filters: `debug`, `info,sophon_host::cloud=trace`.
    pub log: Option<String>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: where traces are exported to.
    pub otlp_endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_HEADERS`: headers for there.
    pub otlp_headers: Option<Secret<String>>,
    /// The proxies that most programs use. This one does where its file says so.
    pub proxies: Secret<ProxyVariables>,
    /// `XDG_CONFIG_HOME`, else `$HOME/.config`.
    pub config_home: Option<PathBuf>,
    /// `XDG_DATA_HOME`, else `$HOME/.local/share`.
    pub data_home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// `XDG_STATE_HOME`, else `$HOME/.local/state`.
    pub state_home: Option<PathBuf>,
    /// The machine's name, for people: `HOSTNAME`, else that of the system.
    pub host_label: String,
    /// How many memory mappings the system gives one process, where it says so.
    pub mappings: Option<u64>,
    /// How much memory there is for this machine's processes, in bytes, where the system says so.
    pub memory: Option<u64>,
}

impl Environment {
    /// Reads the process's environment.
    pub fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the fence's one gate")]
        let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| var(name).and_then(|value| value.into_string().ok());
        let path = |name: &str| var(name).map(PathBuf::from);
        let either = |name: &str| text(name).or_else(|| text(&name.to_ascii_lowercase())).unwrap_or_default();
        let home = path("HOME");
        let under_home = |below: &str| home.as_ref().map(|home| home.join(below));
        Self {
            token: text("SOPHON_TOKEN").map(Secret::new),
            config: path("SOPHON_HOST_CONFIG"),
            data_dir: path("SOPHON_HOST_DATA_DIR"),
            cloud_url: text("SOPHON_HOST_CLOUD_URL"),
            log: text("SOPHON_HOST_LOG"),
            otlp_endpoint: text(telemetry::ENDPOINT),
            otlp_headers: text(telemetry::HEADERS).map(Secret::new),
            proxies: Secret::new(ProxyVariables {
                http: either("HTTP_PROXY"),
                https: either("HTTPS_PROXY"),
                all: either("ALL_PROXY"),
                no: either("NO_PROXY"),
            }),
            config_home: path("XDG_CONFIG_HOME").or_else(|| under_home(".config")),
            data_home: path("XDG_DATA_HOME").or_else(|| under_home(".local/share")),
            runtime_dir: path("XDG_RUNTIME_DIR"),
            state_home: path("XDG_STATE_HOME").or_else(|| under_home(".local/state")),
            mappings: mappings(),
            memory: memory(),
            host_label: text("HOSTNAME").or_else(system_name).unwrap_or_else(|| "this machine".to_owned()),
        }
    }

    /// A variable that the operator named as the place of a secret.
    pub fn secret(name: &str) -> Option<Secret<String>> {
        #[expect(clippy::disallowed_methods, reason = "the fence's one gate")]
        std::env::var(name).ok().filter(|value| !value.is_empty()).map(Secret::new)
    }

    /// Folders that the hosts of this user share, whatever their data folders. Relative ones would be others elsewhere.
    pub fn shared_dirs(&self) -> Vec<PathBuf> {
        let places = [&self.runtime_dir, &self.state_home].into_iter().flatten();
        places.filter(|place| place.is_absolute()).map(|place| place.join("sophon-host")).collect()
    }

    /// The token of the environment, checked.
    ///
    /// # Errors
    /// When `SOPHON_TOKEN` is set to something that is not a token.
    pub fn token(&self) -> Result<Option<Token>, TokenError> {
        self.token.as_ref().map(|token| Token::parse(token.expose(), "SOPHON_TOKEN")).transpose()
    }
}

fn system_name() -> Option<String> {
    let name = std::fs::read_to_string("/etc/hostname").ok()?;
    Some(crate::text::line(name.trim(), 64)).filter(|name| !name.is_empty())
}

fn mappings() -> Option<u64> {
    std::fs::read_to_string("/proc/sys/vm/max_map_count").ok()?.trim().parse().ok()
}

/// What the machine has; in a container what that may have, where it is less.
fn memory() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = told.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let all = kib?.parse::<u64>().ok()?.checked_mul(1_024)?;
    let own = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|most| most.trim().parse().ok());
    Some(own.map_or(all, |own: u64| all.min(own)))
}
