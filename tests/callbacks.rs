//! Call-backs: only the provider that was given an address reaches a contact by it.

use std::net::SocketAddr;

use recoup::api::recoup::v1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use v1::ContactState;

use crate::support::World;
use crate::support::process::until;
use crate::support::scenes::{self, Loan, ONE_TEXT};

/// Sends a request as it is; answers the status.
async fn http(at: SocketAddr, request: &str) -> u16 {
    let mut stream = TcpStream::connect(at).await.expect("the listener");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .expect("it answers");
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
    status.unwrap_or_else(|| panic!("{request}: {answer}"))
}

async fn get(at: SocketAddr, path: &str) -> u16 {
    http(
        at,
        &format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"),
    )
    .await
}

async fn post(at: SocketAddr, path: &str, body: &str) -> u16 {
    let length = body.len();
    http(
        at,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ),
    )
    .await
}

#[tokio::test]
async fn a_forged_address_is_no_address() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let case = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    let sent = scenes::until_contact(&world.ana, &case.case_id, ContactState::Effected).await;
    let at = world.server.callbacks();
    for path in [
        "/cb/v1/c/",
        "/cb/v1/c/AAAA",
        &format!("/cb/v1/c/{}", sent.contact_id),
        &format!("/cb/v1/c/{}.{}", sent.contact_id, "A".repeat(22)),
        "/cb/v1/a/AAAA",
        "/cb/v1/",
        "/",
    ] {
        assert_eq!(get(at, &format!("{path}?st=2&t=1")).await, 404, "{path}");
    }
    let again = scenes::contacts_of(&world.ana, &case.case_id).await;
    assert_eq!(again, [sent], "nothing moved");
}

/// What a person writes back at the account's own address is heard, and a STOP stops.
#[tokio::test]
async fn a_stop_that_comes_by_text_opts_out() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let loan = Loan::at_noon(1);
    let case = scenes::open(&world.ana, &loan).await;
    scenes::until_contact(&world.ana, &case.case_id, ContactState::Effected).await;
    let account = world.server.account("sms");
    let at = world.server.callbacks();
    let path = account
        .strip_prefix(&format!("http://{at}"))
        .expect("its own address");
    let from = loan.mobile().replace('+', "%2B");
    let now = scenes::now().as_second();
    let status = post(at, &format!("{path}?from={from}&to=10690&t={now}"), "STOP").await;
    assert!((200..300).contains(&status), "{status}");
    let request = v1::GetBorrowerRequest {
        party: Some(v1::PartyRef {
            r#ref: Some(v1::party_ref::Ref::PartyId(case.party_id.clone())),
        }),
    };
    until("the opt-out", async || {
        let party = world.ana.borrowers().get_borrower(request.clone()).await;
        let party = party.expect("a borrower").into_inner().party.expect("it");
        (!party.opt_outs.is_empty()).then_some(())
    })
    .await;
}
