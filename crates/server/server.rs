//! The gRPC server: services, limits, health and reflection on one port.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;

use crate::api::{self, recoup::v1};
use crate::config::{Config, Reflection};
use crate::identity::Principals;
use crate::layers::Gatekeeper;
use crate::listen;
use crate::services::Edge;
use crate::tls::Certificates;
use crate::wiring::ServeError;

/// The largest message taken, in bytes.
const MESSAGE_IN_MAX: usize = 1 << 20;
/// The largest message with a policy in it: 1 MiB of text, and what is around it.
const POLICY_IN_MAX: usize = (1 << 20) + (16 << 10);
/// The largest message given, in bytes.
const MESSAGE_OUT_MAX: usize = 4 << 20;
/// The largest header list taken, in bytes.
const HEADER_LIST_MAX: u32 = 16 << 10;
/// Streams that the peer reset before they were taken: the guard against rapid reset.
const PENDING_RESETS_MAX: usize = 20;
/// Streams that we reset for the peer's faults.
const LOCAL_RESETS_MAX: usize = 128;

/// Serves until the edge stops.
///
/// # Errors
/// Where the listener dies.
pub async fn serve(
    config: Config,
    edge: Edge,
    principals: Principals,
    certificates: Option<Arc<Certificates>>,
    listener: TcpListener,
) -> Result<(), ServeError> {
    let meters = Arc::clone(&edge.meters);
    let gatekeeper = Gatekeeper::new(
        principals,
        &config,
        edge.engine.activity(),
        Arc::clone(&meters),
    )?;
    let (health, serving) = tonic_health::server::health_reporter();
    health
        .set_service_status("", tonic_health::ServingStatus::Serving)
        .await;
    for method in api::methods()? {
        let service = format!("recoup.v1.{}", method.service);
        health
            .set_service_status(service, tonic_health::ServingStatus::Serving)
            .await;
    }
    let mut routes = routes(&edge).add_service(serving);
    if config.reflection != Reflection::Off {
        routes = reflection(routes)?;
    }
    let stopping = edge.stopping.clone();
    let stop = async move {
        stopping.cancelled().await;
        health
            .set_service_status("", tonic_health::ServingStatus::NotServing)
            .await;
    };
    let limits = &config.limits;
    let connections = listen::incoming(listener, certificates, limits, meters);
    Server::builder()
        .max_concurrent_streams(limits.connection_streams_max)
        .http2_max_local_error_reset_streams(Some(LOCAL_RESETS_MAX))
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .http2_max_header_list_size(HEADER_LIST_MAX)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .max_connection_age(Duration::from_secs(limits.connection_age_s))
        .max_connection_age_grace(Duration::from_secs(30))
        .timeout(Duration::from_millis(limits.request_timeout_ms))
        .layer(gatekeeper)
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, stop)
        .await?;
    Ok(())
}

/// Every service of recoup.v1. Methods without a handler are refused by the gatekeeper before they
/// come here.
fn routes(edge: &Edge) -> Routes {
    macro_rules! sized {
        ($($module:ident :: $server:ident = $max:expr),* $(,)?) => {{
            let mut routes = Routes::builder();
            $(routes.add_service(
                v1::$module::$server::new(edge.clone())
                    .max_decoding_message_size($max)
                    .max_encoding_message_size(MESSAGE_OUT_MAX),
            );)*
            routes.routes()
        }};
    }
    sized!(
        case_service_server::CaseServiceServer = MESSAGE_IN_MAX,
        borrower_service_server::BorrowerServiceServer = MESSAGE_IN_MAX,
        arrangement_service_server::ArrangementServiceServer = MESSAGE_IN_MAX,
        policy_service_server::PolicyServiceServer = POLICY_IN_MAX,
        compliance_service_server::ComplianceServiceServer = MESSAGE_IN_MAX,
        contact_service_server::ContactServiceServer = MESSAGE_IN_MAX,
        collector_service_server::CollectorServiceServer = MESSAGE_IN_MAX,
        channel_service_server::ChannelServiceServer = MESSAGE_IN_MAX,
        event_service_server::EventServiceServer = MESSAGE_IN_MAX,
        report_service_server::ReportServiceServer = MESSAGE_IN_MAX,
        audit_service_server::AuditServiceServer = MESSAGE_IN_MAX,
        admin_service_server::AdminServiceServer = MESSAGE_IN_MAX,
    )
}

/// The contract by reflection, in both versions that tools ask for.
fn reflection(routes: Routes) -> Result<Routes, ServeError> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(api::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let (v1, v1alpha) = (builder().build_v1()?, builder().build_v1alpha()?);
    Ok(routes.add_service(v1).add_service(v1alpha))
}
