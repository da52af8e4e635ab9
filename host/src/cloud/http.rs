//! The one HTTP client of the link, and the TLS settings that the socket shares.

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use std::sync::Arc;
use std::time::Duration;

const CONNECT_TIME: Duration = Duration::from_secs(10);

/// TLS that trusts what the platform trusts; where it is not used, nobody. A machine without certificates can still
/// work with an address of its own.
pub(super) fn tls(used: bool) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let failed = |error: rustls::Error| format!("cannot set up TLS: {error}");
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    match used {
        true => Ok(builder.with_platform_verifier().map_err(failed)?.with_no_client_auth()),
        false => Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()),
    }
}

/// A client that follows no redirect (the token would go with it) and reads no proxy from the environment. `timeout`
/// is from the sending of a request to the end of its answer.
///
/// # Errors
/// A sentence, when TLS cannot be set up.
pub(crate) fn client(secure: bool, timeout: Option<Duration>) -> Result<reqwest::Client, String> {
    #[expect(clippy::disallowed_methods, reason = "the fence's one gate for the link")]
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls(secure)?)
        .http1_only()
        .tcp_nodelay(true)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIME)
        .pool_idle_timeout(Duration::from_secs(60))
        .user_agent(concat!("sophon-host/", env!("CARGO_PKG_VERSION")));
    if let Some(timeout) = timeout {
        builder = builder.timeout(timeout);
    }
    builder.build().map_err(|error| format!("cannot set up HTTP: {error}"))
}
