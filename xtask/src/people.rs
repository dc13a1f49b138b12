//! Two people who call a server with TLS, each by a key or by a certificate, and the authority that vouches for
//! them and for the server. All of it is made for one run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use sha2::{Digest, Sha256};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// Why they could not be made, or could not connect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeopleError {
    /// A certificate.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What of it.
        error: std::io::Error,
    },
    /// A connection.
    #[error("connect: {0}")]
    Connect(#[from] tonic::transport::Error),
}

/// Somebody who calls.
pub(crate) struct Person {
    /// As the journal keeps it.
    pub(crate) name: &'static str,
    /// The lender acted for.
    pub(crate) tenant: &'static str,
    /// What is shown as `authorization: Bearer <key>`.
    pub(crate) key: String,
    /// Where the certificate lies, PEM.
    pub(crate) cert_file: PathBuf,
    /// Where the certificate's key lies, PEM.
    pub(crate) key_file: PathBuf,
    papers: Papers,
}

/// A certificate and its key, PEM.
struct Papers {
    cert: String,
    key: String,
}

/// All of them, and the folder with their files.
pub(crate) struct People {
    folder: PathBuf,
    /// The root of all certificates, PEM.
    root: String,
    all: Vec<Person>,
}

impl People {
    /// Makes them, each by name and lender, and a server for `127.0.0.1`.
    pub(crate) fn new(
        folder: &Path,
        named: &[(&'static str, &'static str)],
    ) -> Result<Self, PeopleError> {
        let authority = Authority::new()?;
        let address = SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
        let server = authority.certify(address)?;
        let mut people = Self {
            folder: folder.to_owned(),
            root: authority.root.clone(),
            all: Vec::new(),
        };
        write(&people.root_file(), &authority.root)?;
        server.write(&folder.join("server.pem"), &folder.join("server.key"))?;
        for (name, tenant) in named {
            let names = SanType::URI(Ia5String::try_from(certified(name))?);
            let person = Person {
                name,
                tenant,
                key: format!("{name}-shows-this-in-one-run-alone"),
                cert_file: folder.join(format!("{name}.pem")),
                key_file: folder.join(format!("{name}.key")),
                papers: authority.certify(names)?,
            };
            person.papers.write(&person.cert_file, &person.key_file)?;
            people.all.push(person);
        }
        let master = folder.join("master.key");
        write(&master, &"ab".repeat(32))?;
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&master, private).map_err(|error| PeopleError::File {
            path: master,
            error,
        })?;
        Ok(people)
    }

    /// Somebody, by their place in what they were made from.
    pub(crate) fn who(&self, place: usize) -> &Person {
        &self.all[place]
    }

    /// Where the root of the server's certificate lies, PEM.
    pub(crate) fn root_file(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    /// What the server's configuration says of them: its top, and its tables. A caller shows a certificate, a key
    /// or both.
    pub(crate) fn configuration(&self) -> [String; 2] {
        let at = |name: &str| self.folder.join(name).display().to_string();
        // With principals it is no development mode, and nobody vouches for the libraries of a build.
        let top = format!(
            "master_key_file = \"{}\"\nunsigned_channels = true\n",
            at("master.key")
        );
        let mut tables = format!(
            "\n[tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\nclient_ca_file = \"{}\"\n\
             client_certificate = \"optional\"\n",
            at("server.pem"),
            at("server.key"),
            at("root.pem")
        );
        for person in &self.all {
            let hash = Sha256::digest(person.key.as_bytes());
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            tables += &format!(
                "[[principal]]\nname = \"{}\"\ntenant = \"{}\"\nroles = [\"all\"]\nkey_sha256 = [\"{hash}\"]\n\
                 certificate_names = [\"{}\"]\n",
                person.name,
                person.tenant,
                certified(person.name)
            );
        }
        [top, tables]
    }

    /// A connection over TLS, with the certificate of somebody or of nobody.
    pub(crate) async fn connect(
        &self,
        server: &str,
        certificate: Option<&Person>,
    ) -> Result<Channel, PeopleError> {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.root));
        if let Some(person) = certificate {
            let papers = &person.papers;
            tls = tls.identity(Identity::from_pem(&papers.cert, &papers.key));
        }
        let endpoint = Endpoint::from_shared(format!("https://{server}"))?.tcp_nodelay(true);
        Ok(endpoint.tls_config(tls)?.connect().await?)
    }
}

/// The name in somebody's certificate.
fn certified(name: &str) -> String {
    format!("spiffe://lender.example/{name}")
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
}

impl Authority {
    fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "this run");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let root = params.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            root,
        })
    }

    fn certify(&self, name: SanType) -> Result<Papers, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.subject_alt_names.push(name);
        let key = KeyPair::generate()?;
        Ok(Papers {
            cert: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

impl Papers {
    fn write(&self, cert: &Path, key: &Path) -> Result<(), PeopleError> {
        write(cert, &self.cert)?;
        write(key, &self.key)
    }
}

fn write(path: &Path, text: &str) -> Result<(), PeopleError> {
    fs::write(path, text).map_err(|error| PeopleError::File {
        path: path.to_owned(),
        error,
    })
}
