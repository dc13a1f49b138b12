//! A certificate authority for tests: it certifies and revokes, and writes its files where a server finds them.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

/// An authority with a root of its own.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its root, PEM.
    pub(crate) root: String,
}

/// A certificate and its key, PEM.
#[derive(Clone)]
pub(crate) struct Paper {
    pub(crate) cert: String,
    pub(crate) key: String,
    serial: u64,
}

impl Paper {
    /// Writes both into `dir` as `<name>.pem` and `<name>.key`.
    pub(crate) fn write(&self, dir: &Path, name: &str) {
        fs::write(dir.join(format!("{name}.pem")), &self.cert).expect("the certificate");
        fs::write(dir.join(format!("{name}.key")), &self.key).expect("the key");
    }
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a root").pem();
        Self {
            issuer: Issuer::new(params, key),
            root,
        }
    }

    /// Certifies DNS names, addresses and URIs until the end of `until`, a year.
    pub(crate) fn certify(&self, serial: u64, names: &[&str], until: i32) -> Paper {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        for name in names {
            let text = || Ia5String::try_from(*name).expect("a name");
            params.subject_alt_names.push(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) if name.contains("://") => SanType::URI(text()),
                Err(_) => SanType::DnsName(text()),
            });
        }
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        Paper {
            cert: cert.pem(),
            key: key.serialize_pem(),
            serial,
        }
    }

    /// Writes the list of the revoked.
    pub(crate) fn revoke(&self, papers: &[&Paper], to: &Path) -> PathBuf {
        let revoked = papers.iter().map(|paper| RevokedCertParams {
            serial_number: SerialNumber::from(paper.serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(2099, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("a list").pem();
        fs::write(to, list.expect("in PEM")).expect("the list");
        to.to_owned()
    }
}
