//! What the operator and the agents' authors wrote down: `sophon-host.toml`, the environment, `agent.toml`.
//!
//! The only reader of the environment, and the keeper of [`Secret`].

mod env;
mod exec;
mod file;
mod limits;
mod manifest;
mod policy;
mod proxy;
mod secret;
mod secrets;
mod swap;
mod telemetry;
mod token;
mod totals;
mod units;
mod want;

pub use env::Environment;
pub use exec::ExecConfig;
pub use file::{
    AgentsConfig, CacheConfig, CloudConfig, CloudUrl, Config, ConfigError, LogFormat, Overrides, TurnsConfig,
};
pub use limits::{Amount, Limits, Lowered, setting};
pub use manifest::{AgentName, BuildSpec, HistorySpec, Manifest, ManifestError};
pub use policy::{PolicyConfig, SecretSpec};
pub use proxy::{ProxyConfig, ProxyVariables};
pub use secret::Secret;
pub use secrets::{SecretError, SecretFile, SecretSource, SecretValues, secret_value};
pub use swap::{SwapConfig, TrialConfig, Watch};
pub use telemetry::Collector;
pub use token::{Token, TokenError, TokenFile};
pub use totals::{Totals, TotalsConfig, TotalsTable};
pub use units::{ByteSize, Span};
pub use want::AbsolutePath;
