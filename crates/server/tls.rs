//! The certificates of the API's listener. Files that change are taken up by the next connection; what cannot
//! be used is reported, and what was good stays.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

use crate::config::{ClientCertificate, TlsConfig};
use crate::metrics::Meters;

/// Certificates that cannot be used: which file, and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct TlsError {
    path: PathBuf,
    problem: String,
}

fn wrong(path: &Path, problem: impl Into<String>) -> TlsError {
    TlsError {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

/// The listener's certificates as they are now.
pub struct Certificates {
    config: TlsConfig,
    current: RwLock<Arc<ServerConfig>>,
}

impl Certificates {
    /// Reads all files.
    ///
    /// # Errors
    /// Where one cannot be read or used.
    pub fn load(config: &TlsConfig) -> Result<Self, TlsError> {
        Ok(Self {
            current: RwLock::new(Arc::new(read(config)?)),
            config: config.clone(),
        })
    }

    /// What the next connection gets.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the files again and again.
    pub async fn keep_fresh(&self, meters: &Meters) {
        let pause = Duration::from_secs(self.config.reload_s);
        let mut seen = marks(&self.config);
        loop {
            tokio::time::sleep(pause).await;
            let now = marks(&self.config);
            if now == seen {
                continue;
            }
            seen = now;
            match read(&self.config) {
                Ok(fresh) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
                    meters.certificates.add("taken");
                    tracing::info!("new certificates are in use for new connections");
                }
                Err(error) => {
                    meters.certificates.add("unusable");
                    tracing::error!(%error, "new certificates cannot be used; the old ones stay");
                }
            }
        }
    }
}

/// When each file was changed last, and how long it is.
fn marks(config: &TlsConfig) -> Vec<Option<(SystemTime, u64)>> {
    let mark = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    config.files().map(mark).collect()
}

fn read(config: &TlsConfig) -> Result<ServerConfig, TlsError> {
    let chain = certificates(&config.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&config.key_file)
        .map_err(|e| unread(&config.key_file, "private key", &e))?;
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(&config.cert_file, e.to_string()))?;
    let builder = match &config.client_ca_file {
        Some(roots) => builder.with_client_cert_verifier(callers(config, roots, provider)?),
        None => builder.with_no_client_auth(),
    };
    let mut server = builder.with_single_cert(chain, key).map_err(|e| {
        wrong(
            &config.cert_file,
            format!("does not go with {}: {e}", config.key_file.display()),
        )
    })?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    Ok(server)
}

/// Verifies callers' certificates.
fn callers(
    config: &TlsConfig,
    path: &Path,
    provider: Arc<crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(path)? {
        roots
            .add(root)
            .map_err(|e| wrong(path, format!("holds no usable root: {e}")))?;
    }
    let mut revoked = Vec::new();
    for file in &config.crl_files {
        let lists = CertificateRevocationListDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| unread(file, "revocation list", &e))?;
        if lists.is_empty() {
            return Err(wrong(file, "holds no revocation list in PEM"));
        }
        revoked.extend(lists);
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if !revoked.is_empty() {
        // A list speaks of the certificates of its own issuer; those of other roots have none.
        builder = builder.with_crls(revoked).allow_unknown_revocation_status();
    }
    if config.client_certificate == ClientCertificate::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|e| wrong(path, e.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| unread(path, "certificate", &e))?;
    if all.is_empty() {
        return Err(wrong(path, "holds no certificate in PEM"));
    }
    Ok(all)
}

fn unread(path: &Path, what: &str, error: &pem::Error) -> TlsError {
    wrong(path, format!("no {what} in PEM can be read: {error}"))
}

/// The names in a certificate that a caller is known by: its DNS names and URIs. The common name is none.
#[must_use]
pub fn names_of(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else {
        return Vec::new();
    };
    let names = parsed.valid_dns_names().chain(parsed.valid_uri_names());
    names.map(str::to_owned).collect()
}
