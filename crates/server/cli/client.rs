//! How commands reach a server.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::{EXIT_REFUSED, EXIT_UNREACHED, Failure};

/// Where the server is, and who asks.
#[derive(Debug, Clone, clap::Args)]
pub struct ClientArgs {
    /// The server.
    #[arg(
        long,
        env = "RECOUP_SERVER",
        default_value = "http://127.0.0.1:7700",
        value_name = "URL"
    )]
    pub server: String,
    /// Who you are: a key (or token) that the server's configuration knows. Better given by the variable than on
    /// the command line, which others may see.
    #[arg(
        long,
        env = "RECOUP_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    pub token: Option<String>,
    /// Root of the server's certificate, PEM, for an https:// server. Without it no root is trusted.
    #[arg(long, env = "RECOUP_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Your certificate, PEM, where the server knows you by one.
    #[arg(long, env = "RECOUP_CERT", value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The private key of your certificate, PEM.
    #[arg(long, env = "RECOUP_KEY", value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
}

/// A channel that says who asks.
pub(super) type Named = InterceptedService<Channel, Bearer>;

/// Puts the token on each call.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        Ok(request)
    }
}

impl ClientArgs {
    /// Connects.
    ///
    /// # Errors
    /// Where the address is none, or nobody answers there.
    pub async fn connect(&self) -> Result<Channel, Failure> {
        let endpoint = Endpoint::from_shared(self.server.clone())
            .map_err(|e| Failure::usage(format!("`{}` is no address: {e}", self.server)))?;
        let endpoint = endpoint
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true);
        let endpoint = match self.server.starts_with("https:") {
            true => endpoint
                .tls_config(self.tls()?)
                .map_err(|e| Failure::usage(format!("TLS: {}", crate::wiring::chain(&e))))?,
            false => endpoint,
        };
        let _ = CALLED.set(self.server.clone());
        endpoint.connect().await.map_err(|e| Failure {
            message: format!(
                "cannot reach {}: {}; is `recoup serve` running there?",
                self.server,
                crate::wiring::chain(&e)
            ),
            code: EXIT_UNREACHED,
        })
    }

    fn tls(&self) -> Result<ClientTlsConfig, Failure> {
        let read = |path: &PathBuf| {
            std::fs::read(path)
                .map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))
        };
        let Some(ca) = &self.ca else {
            let problem = "an https:// server needs --ca FILE, the root of its certificate in PEM";
            return Err(Failure::usage(problem));
        };
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?));
        Ok(match self.cert.as_ref().zip(self.key.as_ref()) {
            Some((cert, key)) => tls.identity(Identity::from_pem(read(cert)?, read(key)?)),
            None => tls,
        })
    }

    /// Connects as the principal of the token.
    pub(super) async fn named(&self) -> Result<Named, Failure> {
        let value = match &self.token {
            None => None,
            Some(token) => {
                let value = format!("Bearer {token}").parse();
                let bad = |_| Failure::usage("the token has characters that no token has");
                Some(value.map_err(bad)?)
            }
        };
        Ok(InterceptedService::new(
            self.connect().await?,
            Bearer(value),
        ))
    }
}

/// The server that was called.
static CALLED: OnceLock<String> = OnceLock::new();

/// Where a connection without TLS broke before the server said anything: a server with TLS hangs up so, and what the
/// client's library makes of it depends on where it was by then. What the server says itself has details.
fn broken(status: &Status) -> Option<Failure> {
    let server = CALLED.get().filter(|s| s.starts_with("http:"))?;
    let is_ours = status.details().is_empty()
        && matches!(
            status.code(),
            Code::Unknown | Code::Cancelled | Code::Internal
        );
    is_ours.then(|| Failure {
        message: format!(
            "the connection to {server} broke before an answer came ({}); does it want https://?",
            status.message()
        ),
        code: EXIT_UNREACHED,
    })
}

/// A refusal, for the person at the terminal: the message, the fields, the reason.
pub(super) fn refused(status: Status) -> Failure {
    if let Some(broken) = broken(&status) {
        return broken;
    }
    let details = status.get_error_details();
    let mut lines = vec![status.message().to_owned()];
    if let Some(request) = details.bad_request() {
        let more = &request.field_violations;
        let told = |f: &tonic_types::FieldViolation| format!("  {}: {}", f.field, f.description);
        if more.len() > 1 {
            lines.extend(more.iter().map(told));
        }
    }
    if let Some(info) = details.error_info() {
        for name in ["limit", "earliest"] {
            lines.extend(info.metadata.get(name).map(|v| format!("{name}: {v}")));
        }
        lines.push(format!(
            "reason {}; see docs/errors/{}.md",
            info.reason, info.reason
        ));
    }
    let code = match status.code() {
        Code::Unavailable => EXIT_UNREACHED,
        _ => EXIT_REFUSED,
    };
    Failure {
        message: lines.join("\n"),
        code,
    }
}

/// A request id for a command at the terminal: each run is a request of its own.
pub(super) fn request_id() -> String {
    let mut bytes = [0_u8; 12];
    // Without randomness the id stays zero, and the server refuses a second command as reused.
    let _ = getrandom::fill(&mut bytes);
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    format!("cli-{hex}")
}
