//! The SMS plugin against a gateway with TLS: the gate stands above the handshake.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use recoup_channel::{ChannelError, DynChannel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::support::{Setup, TestClock, call, message, sms};

/// A gateway with a certificate of its own for 127.0.0.1: its endpoint, the certificate's PEM, and
/// what came through the finished TLS stream (`None`: the handshake failed).
async fn gateway() -> (String, String, tokio::task::JoinHandle<Option<Vec<u8>>>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a server's configuration");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!(
        "https://{}/sendsms",
        listener.local_addr().expect("an address")
    );
    let seen = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut stream = TlsAcceptor::from(Arc::new(config))
            .accept(stream)
            .await
            .ok()?;
        let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
        while !seen.ends_with(b"\r\n\r\n") {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return Some(seen),
                Ok(count) => seen.extend_from_slice(&buffer[..count]),
            }
        }
        let answer = b"HTTP/1.1 202 X\r\nContent-Length: 24\r\n\r\n0: Accepted for delivery";
        stream
            .write_all(answer)
            .await
            .expect("the answer is written");
        while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
        Some(seen)
    });
    (endpoint, made.cert.pem(), seen)
}

fn setup(endpoint: &str, ca_pem: &str) -> Setup {
    let config = serde_json::json!({
        "endpoint": endpoint, "username": "u", "password_secret": "pass", "from": "10690",
        "ca_pem": ca_pem,
    });
    Setup::new(&sms(), &config.to_string())
}

#[tokio::test]
async fn a_text_goes_through_tls() {
    let (endpoint, pem, seen) = gateway().await;
    let setup = setup(&endpoint, &pem);
    let channel = setup.load().await;
    let (cx, began) = call(&setup.spec.clock, 10_000);
    DynChannel::send(&channel, &cx, message("hello"))
        .await
        .expect("a receipt");
    let seen = seen.await.expect("the gateway ran").expect("a handshake");
    assert!(seen.starts_with(b"GET /sendsms?username=u&"));
    assert_eq!(began.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_wall_clock_past_not_after_ends_it_after_the_handshake_without_a_byte() {
    let (endpoint, pem, seen) = gateway().await;
    let mut setup = setup(&endpoint, &pem);
    setup.spec.clock = TestClock::jumping_after(1);
    let channel = setup.load().await;
    let (cx, began) = call(&setup.spec.clock, 10_000);
    let error = DynChannel::send(&channel, &cx, message("hello"))
        .await
        .expect_err("too late");
    assert!(
        error.proves_not_sent() && error.message().contains("not_after"),
        "{error}"
    );
    assert_eq!(seen.await.expect("the gateway ran"), Some(Vec::new()));
    assert_eq!(began.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_gateway_that_nobody_vouches_for_gets_nothing() {
    let (endpoint, _, seen) = gateway().await;
    let setup = setup(&endpoint, "");
    let channel = setup.load().await;
    let (cx, began) = call(&setup.spec.clock, 10_000);
    let error = DynChannel::send(&channel, &cx, message("hello"))
        .await
        .expect_err("no trust");
    assert!(matches!(error, ChannelError::Retryable { .. }), "{error}");
    assert!(error.message().contains("certificate"), "{error}");
    assert_eq!(seen.await.expect("the gateway ran"), None);
    assert_eq!(began.load(Ordering::SeqCst), 0);
}
