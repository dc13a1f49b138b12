//! The certificates of the API's listener. Files that change are taken up by the next connection; what cannot
//! be used is reported, and what was good stays.

mod ends;

use std::collections::BTreeMap;
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
    current: RwLock<InUse>,
}

/// What connections get, and when it ends.
struct InUse {
    server: Arc<ServerConfig>,
    /// In seconds since 1970, UTC: `server`, `client_ca`.
    ends: BTreeMap<&'static str, i64>,
}

impl Certificates {
    /// Reads all files.
    ///
    /// # Errors
    /// Where one cannot be read or used.
    pub fn load(config: &TlsConfig) -> Result<Self, TlsError> {
        Ok(Self {
            current: RwLock::new(read(config)?),
            config: config.clone(),
        })
    }

    /// What the next connection gets.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        let in_use = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&in_use.server)
    }

    fn ends(&self) -> BTreeMap<&'static str, i64> {
        let in_use = self.current.read().unwrap_or_else(PoisonError::into_inner);
        in_use.ends.clone()
    }

    /// Looks at the files again and again.
    pub async fn keep_fresh(&self, meters: &Meters) {
        let pause = Duration::from_secs(self.config.reload_s);
        let mut seen = marks(&self.config);
        meters.certificates_end(self.ends());
        loop {
            tokio::time::sleep(pause).await;
            let now = marks(&self.config);
            if now == seen {
                continue;
            }
            seen = now;
            match read(&self.config) {
                Ok(fresh) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
                    meters.certificates_end(self.ends());
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

fn read(config: &TlsConfig) -> Result<InUse, TlsError> {
    let chain = certificates(&config.cert_file)?;
    let mut ends = BTreeMap::from_iter(first_end(&chain).map(|at| ("server", at)));
    let key = PrivateKeyDer::from_pem_file(&config.key_file)
        .map_err(|e| unread(&config.key_file, "private key", &e))?;
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(&config.cert_file, e.to_string()))?;
    let builder = match &config.client_ca_file {
        Some(path) => {
            let roots = certificates(path)?;
            ends.extend(first_end(&roots).map(|at| ("client_ca", at)));
            builder.with_client_cert_verifier(callers(config, path, roots, provider)?)
        }
        None => builder.with_no_client_auth(),
    };
    let mut server = builder.with_single_cert(chain, key).map_err(|e| {
        wrong(
            &config.cert_file,
            format!("does not go with {}: {e}", config.key_file.display()),
        )
    })?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    Ok(InUse {
        server: Arc::new(server),
        ends,
    })
}

/// When the first of some certificates ends, in seconds since 1970, UTC.
fn first_end(certificates: &[CertificateDer<'_>]) -> Option<i64> {
    certificates.iter().filter_map(|c| ends::not_after(c)).min()
}

/// Verifies callers' certificates.
fn callers(
    config: &TlsConfig,
    path: &Path,
    all: Vec<CertificateDer<'static>>,
    provider: Arc<crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in all {
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
