//! What tools ask a server before they know it: is it well, and what does it speak.

use std::collections::BTreeSet;

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::process::Folder;
use crate::support::server::{Server, Setup};

#[tokio::test]
async fn health_and_reflection_answer_whoever_asks() {
    let folder = Folder::new();
    let mut server = Server::start(folder.path(), &Setup::default()).await;
    let mut health = HealthClient::new(server.nobody().named());
    for service in ["", "recoup.v1.CaseService", "recoup.v1.EventService"] {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        let answer = health.check(request).await.expect(service).into_inner();
        assert_eq!(
            answer.status,
            i32::from(ServingStatus::Serving),
            "{service}"
        );
    }

    let found: BTreeSet<String> = services(&server).await;
    let methods = recoup::api::methods().expect("the contract");
    for method in methods {
        let service = format!("recoup.v1.{}", method.service);
        assert!(found.contains(&service), "{service}: {found:?}");
    }
    assert!(server.stop().await.success());
}

async fn services(server: &Server) -> BTreeSet<String> {
    let mut reflection = ServerReflectionClient::new(server.nobody().named());
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = reflection
        .server_reflection_info(tokio_stream::iter([request]))
        .await;
    let mut answers = answers.expect("reflection").into_inner();
    let answer = answers.message().await.expect("an answer").expect("one");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}")
    };
    list.service.into_iter().map(|s| s.name).collect()
}

#[tokio::test]
async fn reflection_can_be_off() {
    let folder = Folder::new();
    let mut setup = Setup::default();
    setup.top.push_str("reflection = \"off\"\n");
    let server = Server::start(folder.path(), &setup).await;
    let mut reflection = ServerReflectionClient::new(server.nobody().named());
    let answers = reflection
        .server_reflection_info(tokio_stream::iter([]))
        .await;
    let refused = answers.expect_err("it is off");
    assert_eq!(refused.code(), tonic::Code::Unimplemented);
}
