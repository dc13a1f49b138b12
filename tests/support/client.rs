//! A caller of the API, as any other program is one.

use recoup::api::recoup::v1;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;

/// A connection that says who calls.
pub(crate) type Named = InterceptedService<Channel, Bearer>;

/// Puts the token on each call.
#[derive(Clone)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            let value = value.clone();
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

/// Somebody who calls.
#[derive(Clone)]
pub(crate) struct Client(Named);

macro_rules! services {
    ($($name:ident: $module:ident::$client:ident),* $(,)?) => {
        impl Client {$(
            pub(crate) fn $name(&self) -> v1::$module::$client<Named> {
                v1::$module::$client::new(self.0.clone()).max_decoding_message_size(16 << 20)
            }
        )*}
    };
}

services!(
    cases: case_service_client::CaseServiceClient,
    borrowers: borrower_service_client::BorrowerServiceClient,
    policies: policy_service_client::PolicyServiceClient,
    contacts: contact_service_client::ContactServiceClient,
    channels: channel_service_client::ChannelServiceClient,
    collectors: collector_service_client::CollectorServiceClient,
    events: event_service_client::EventServiceClient,
    law: compliance_service_client::ComplianceServiceClient,
    audit: audit_service_client::AuditServiceClient,
    admin: admin_service_client::AdminServiceClient,
    reports: report_service_client::ReportServiceClient,
);

impl Client {
    /// Somebody with a token at an address; connects on the first call, and again after a loss.
    pub(crate) fn new(address: std::net::SocketAddr, token: Option<&str>) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        Self::over(endpoint.connect_lazy(), token)
    }

    /// Somebody with a token, or without, on a connection.
    pub(crate) fn over(channel: Channel, token: Option<&str>) -> Self {
        let value = token.map(|t| format!("Bearer {t}").parse().expect("a header"));
        Self(InterceptedService::new(channel, Bearer(value)))
    }

    /// The connection itself, for services that are not recoup's own.
    pub(crate) fn named(&self) -> Named {
        self.0.clone()
    }
}

/// The reason of a refusal, as machines read it.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details
        .error_info()
        .map_or_else(|| format!("none ({status:?})"), |info| info.reason.clone())
}

/// The fields that a refusal names.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|b| b.field_violations.clone());
    let violations = violations.unwrap_or_default();
    violations.into_iter().map(|v| v.field).collect()
}
