//! How the service trusts those it calls: the certificates of the system it runs on, read once for each client.

use std::sync::Arc;

/// A client's side of TLS that trusts what the system trusts.
///
/// # Errors
/// When the cryptography cannot be set up, which it always can.
pub fn client_config() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(system_roots())
        .with_no_client_auth();
    Ok(config)
}

/// The certificates that the system trusts, read now.
pub fn system_roots() -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
