//! TLS to where agents send requests: it trusts what the platform trusts.

use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt;
use std::sync::{Arc, OnceLock};

/// The settings, made when they are first needed: a host whose agents use no TLS needs no certificates.
#[derive(Default)]
pub(super) struct Trust(OnceLock<Result<Arc<ClientConfig>, String>>);

impl Trust {
    /// The settings, or why there are none.
    pub(super) fn settings(&self) -> Result<Arc<ClientConfig>, String> {
        self.0.get_or_init(make).clone()
    }
}

fn make() -> Result<Arc<ClientConfig>, String> {
    finish(BuilderVerifierExt::with_platform_verifier)
}

/// Settings whose servers are verified in this way. All else is the same whoever is trusted.
fn finish(
    verify: impl FnOnce(
        ConfigBuilder<ClientConfig, WantsVerifier>,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error>,
) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.and_then(verify);
    let mut config = builder.map_err(|error| format!("cannot set up TLS: {error}"))?.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
impl Trust {
    /// Trusts these roots only.
    pub(super) fn of(roots: rustls::RootCertStore) -> Self {
        Self(OnceLock::from(finish(|builder| Ok(builder.with_root_certificates(roots)))))
    }
}
