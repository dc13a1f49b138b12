//! Clients of the service, as the two people of the demo.

use recoup::api::recoup::v1 as pb;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::DemoError;

/// Largest answer taken, in bytes: a page of a thousand cases fits.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// A connection, acting as one person.
#[derive(Clone)]
pub(crate) struct Client {
    channel: Channel,
    token: Token,
}

/// Puts the person's token into each request, where one is shown.
#[derive(Clone)]
pub(crate) struct Token(Option<MetadataValue<Ascii>>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            let token = token.clone();
            request.metadata_mut().insert("authorization", token);
        }
        Ok(request)
    }
}

type Authorized = InterceptedService<Channel, Token>;

macro_rules! service {
    ($name:ident, $module:ident, $client:ident) => {
        pub(crate) fn $name(&self) -> pb::$module::$client<Authorized> {
            let service = InterceptedService::new(self.channel.clone(), self.token.clone());
            pb::$module::$client::new(service).max_decoding_message_size(MESSAGE_BYTES_MAX)
        }
    };
}

impl Client {
    /// Connects to `server` (`http://host:port`).
    pub(crate) async fn connect(server: &str, token: &str) -> Result<Self, DemoError> {
        let about = |what: String| DemoError::Failed(format!("connect to {server}: {what}"));
        let endpoint =
            Endpoint::from_shared(server.to_owned()).map_err(|error| about(error.to_string()))?;
        let channel = endpoint
            .connect()
            .await
            .map_err(|error| about(error.to_string()))?;
        Self::over(channel, Some(token))
    }

    /// Acts over a connection as the owner of a token, or of the connection's certificate.
    pub(crate) fn over(channel: Channel, token: Option<&str>) -> Result<Self, DemoError> {
        let token = token.map(|token| format!("Bearer {token}").parse());
        let wrong = |_| DemoError::Failed("the token is no header".to_owned());
        Ok(Self {
            channel,
            token: Token(token.transpose().map_err(wrong)?),
        })
    }

    service!(cases, case_service_client, CaseServiceClient);
    service!(borrowers, borrower_service_client, BorrowerServiceClient);
    service!(
        arrangements,
        arrangement_service_client,
        ArrangementServiceClient
    );
    service!(policies, policy_service_client, PolicyServiceClient);
    service!(contacts, contact_service_client, ContactServiceClient);
    service!(collectors, collector_service_client, CollectorServiceClient);
    service!(events, event_service_client, EventServiceClient);
    service!(audit, audit_service_client, AuditServiceClient);
    service!(channels, channel_service_client, ChannelServiceClient);
    service!(admin, admin_service_client, AdminServiceClient);
}
