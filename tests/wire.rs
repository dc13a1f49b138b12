//! The listener against those who mean it ill: limits as the running server shows them, floods, silence,
//! rubbish. A good client is served all the while, and memory stays bounded.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use recoup::api::recoup::v1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Mutex;
use tonic_types::StatusExt;

use crate::support::builds;
use crate::support::client::{Client, reason};
use crate::support::h2::{
    self, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MAX_CONCURRENT_STREAMS,
    MAX_HEADER_LIST_SIZE, PING, PRIORITY, RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, call,
};
use crate::support::process::{Folder, HANG, until};
use crate::support::scenes::Loan;
use crate::support::server::{Server, Setup};

const STATUS: &str = "/recoup.v1.AdminService/GetStatus";
/// How much memory a server may take on, whatever is thrown at it, in KiB.
const GROWTH_MAX: u64 = 96 * 1024;

async fn serve(tables: &str) -> (Server, Folder) {
    let folder = Folder::new();
    let mut setup = Setup::default();
    setup.tables.push_str(tables);
    (Server::start(folder.path(), &setup).await, folder)
}

async fn is_served(client: &Client) {
    let answer = client.admin().get_status(v1::GetStatusRequest {}).await;
    assert!(answer.is_ok(), "{answer:?}");
}

/// Memory of the server, in KiB.
fn resident(server: &mut Server) -> u64 {
    let path = format!("/proc/{}/status", server.process().pid());
    let text = fs::read_to_string(path).expect("its status");
    let line = text.lines().find(|l| l.starts_with("VmRSS:"));
    let number = line.and_then(|l| l.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).expect("a number")
}

#[tokio::test]
async fn the_running_server_shows_its_settings() {
    let (server, _folder) = serve("").await;
    let mut raw = Raw::greet(server.api()).await;
    let settings = raw.until(SETTINGS).await.expect("its settings");
    assert_eq!(settings.setting(MAX_CONCURRENT_STREAMS), Some(100));
    assert_eq!(settings.setting(MAX_HEADER_LIST_SIZE), Some(16 << 10));
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_at_once_end_the_connection() {
    let (mut server, _folder) = serve("").await;
    let good = server.ana();
    is_served(&good).await;
    let before = resident(&mut server);
    let mut raw = Raw::greet(server.api()).await;
    let head = call(STATUS);
    for number in 0..50_000_u32 {
        let stream = 2 * number + 1;
        let mut both = h2::frame(HEADERS, END_HEADERS, stream, &head);
        both.extend(h2::frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        if !raw.send(&both).await {
            break;
        }
    }
    // ENHANCE_YOUR_CALM, where the answer still gets through before the reset.
    if let Some(end) = raw.until(GOAWAY).await {
        assert_eq!(end.error(), 11);
    }
    assert!(raw.closes(HANG).await);
    is_served(&good).await;
    let grown = resident(&mut server).saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} KiB");
}

#[tokio::test]
async fn a_caller_who_is_refused_often_is_told_why_each_time() {
    let (server, _folder) = serve("").await;
    // One connection: what is refused before its body was read must not add up to the end of it.
    let nobody = server.nobody();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..600 {
        let mut cases = nobody.cases();
        calls.spawn(async move {
            let mut request = Loan::at_noon(number).open();
            request.request_id = "r".repeat(20_000);
            cases.open_case(request).await
        });
    }
    while let Some(done) = calls.join_next().await {
        let refused = done.expect("a call").expect_err("nobody may");
        assert_eq!(reason(&refused), "UNAUTHENTICATED", "{refused:?}");
    }
    is_served(&server.ana()).await;
}

#[tokio::test]
async fn headers_without_end_end_the_connection() {
    let (mut server, _folder) = serve("").await;
    let good = server.ana();
    is_served(&good).await;
    let before = resident(&mut server);
    let mut raw = Raw::greet(server.api()).await;
    raw.frame(HEADERS, 0, 1, &call(STATUS)).await;
    let mut more = Vec::new();
    h2::field(&mut more, "x-more", &"y".repeat(8_000));
    let mut sent = 0;
    while raw.frame(CONTINUATION, 0, 1, &more).await {
        sent += more.len();
        assert!(sent < 256 << 20, "256 MB of headers, and it still listens");
    }
    is_served(&good).await;
    let grown = resident(&mut server).saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} KiB after {sent} bytes");
}

#[tokio::test]
async fn a_flood_of_small_frames_costs_nobody_else_and_little_memory() {
    let (mut server, _folder) = serve("").await;
    let good = server.ana();
    is_served(&good).await;
    let before = resident(&mut server);
    // Whoever floods reads no answer either. One stream is open for what needs one.
    for (kind, stream, payload) in [
        (SETTINGS, 0, &[][..]),
        (SETTINGS, 0, &[0, 3, 0, 0, 0, 1]),
        (PING, 0, &[7; 8]),
        (WINDOW_UPDATE, 0, &[0, 0, 0, 1]),
        (WINDOW_UPDATE, 1, &[0, 0, 0, 1]),
        (PRIORITY, 1, &[0, 0, 0, 3, 1]),
        (DATA, 1, &[]),
        (0xee, 0, b"no kind that there is"),
    ] {
        let mut raw = Raw::greet(server.api()).await;
        raw.frame(HEADERS, END_HEADERS, 1, &call(STATUS)).await;
        let thousand = h2::frame(kind, 0, stream, payload).repeat(1_000);
        for round in 0..200 {
            // A server that takes no more, or has closed, has defended itself.
            let taken = tokio::time::timeout(Duration::from_millis(500), raw.send(&thousand)).await;
            if round % 50 == 0 {
                is_served(&good).await;
            }
            if taken != Ok(true) {
                break;
            }
        }
        is_served(&good).await;
        let grown = resident(&mut server).saturating_sub(before);
        assert!(grown < GROWTH_MAX, "kind {kind}: {grown} KiB");
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_by_its_reason_and_not_kept() {
    let (mut server, _folder) = serve("").await;
    let good = server.ana();
    is_served(&good).await;
    let before = resident(&mut server);
    // Messages of 32 MiB, several at once: the limit is one.
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..4 {
        let mut cases = server.ana().cases().max_encoding_message_size(64 << 20);
        calls.spawn(async move {
            let mut request = Loan::at_noon(number).open();
            request.request_id = "r".repeat(32 << 20);
            cases.open_case(request).await
        });
    }
    while let Some(done) = calls.join_next().await {
        let refused = done.expect("a call").expect_err("too large");
        assert_eq!(reason(&refused), "MESSAGE_TOO_LARGE", "{refused:?}");
        is_served(&good).await;
    }
    // Headers that do end, but are larger than the settings say.
    let mut raw = Raw::greet(server.api()).await;
    let mut head = call(STATUS);
    for number in 0..4 {
        h2::field(&mut head, &format!("x-more-{number}"), &"y".repeat(8_000));
    }
    let (first, rest) = head.split_at(16_000);
    raw.frame(HEADERS, END_STREAM, 1, first).await;
    raw.frame(CONTINUATION, 0, 1, &rest[..16_000]).await;
    raw.frame(CONTINUATION, END_HEADERS, 1, &rest[16_000..])
        .await;
    let refused = loop {
        match raw.next().await {
            None => break true,
            Some(frame) if [RST_STREAM, GOAWAY].contains(&frame.kind) => break true,
            // 431, which no table of RFC 7541 has: the digits stand there.
            Some(frame) if frame.kind == HEADERS => break !frame.payload.starts_with(&[0x88]),
            Some(_) => {}
        }
    };
    assert!(refused, "32 KB of headers were taken");
    is_served(&good).await;
    let grown = resident(&mut server).saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} KiB");
}

#[tokio::test]
async fn rubbish_and_pings_harm_nobody_else() {
    let (mut server, _folder) = serve("").await;
    let good = server.ana();
    is_served(&good).await;
    let before = resident(&mut server);
    // Not HTTP/2 at all, another version of it, and frames of impossible kinds and lengths.
    for rubbish in [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        vec![0xff; 4096],
        h2::frame(HEADERS, 0xff, 0, b"\x00"),
        [0xff, 0xff, 0xff, SETTINGS, 0, 0, 0, 0, 0].to_vec(),
    ] {
        let mut raw = match rubbish.starts_with(b"GET") || rubbish.len() == 4096 {
            true => Raw(TcpStream::connect(server.api())
                .await
                .expect("a connection")),
            false => Raw::greet(server.api()).await,
        };
        raw.send(&rubbish).await;
        assert!(raw.closes(HANG).await, "{rubbish:?}");
        is_served(&good).await;
    }
    let mut raw = Raw::greet(server.api()).await;
    for _ in 0..20_000 {
        if !raw.frame(PING, 0, 0, &[7; 8]).await {
            break;
        }
    }
    is_served(&good).await;
    drop(raw);
    // A message that is none, as a call of its own.
    let mut raw = Raw::greet(server.api()).await;
    let mut head = call(STATUS);
    h2::field(&mut head, "authorization", "Bearer dev-ana");
    raw.frame(HEADERS, END_HEADERS, 1, &head).await;
    raw.frame(0, END_STREAM, 1, &[0, 0xff, 0xff, 0xff, 0xff, 1])
        .await;
    assert!(raw.until(HEADERS).await.is_some(), "a call is answered");
    is_served(&good).await;
    let grown = resident(&mut server).saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} KiB");
}

#[tokio::test]
async fn a_lender_that_takes_its_share_of_calls_takes_none_of_the_others() {
    // No call of the flood ends of itself while this runs.
    let tables = "[limits]\ncalls_max = 8\ntenant_calls_max = 4\nrequest_timeout_ms = 600000\n\
        [[tenant]]\nid = \"good\"\ndisplay_name = \"Good\"\n\
        [[tenant]]\nid = \"loud\"\ndisplay_name = \"Loud\"\n\
        [[dev_principal]]\nname = \"ana\"\ntoken = \"dev-ana\"\ntenant = \"good\"\nroles = [\"all\"]\n\
        [[dev_principal]]\nname = \"lou\"\ntoken = \"dev-lou\"\ntenant = \"loud\"\nroles = [\"all\"]\n";
    let (server, _folder) = serve(tables).await;
    let (good, loud) = (server.ana(), server.client("dev-lou"));
    is_served(&good).await;
    is_served(&loud).await;
    // Calls that began and do not say what they ask: on two connections, more than the server has room for.
    let mut head = call(STATUS);
    h2::field(&mut head, "authorization", "Bearer dev-lou");
    let mut flood = [
        Raw::greet(server.api()).await,
        Raw::greet(server.api()).await,
    ];
    // A call that asks while the flood comes in takes a place from it: more come until none is left.
    let mut stream = 1;
    let refused = until("the loud lender to be past its share", async || {
        for raw in &mut flood {
            assert!(raw.frame(HEADERS, END_HEADERS, stream, &head).await);
        }
        stream += 2;
        let answer = loud.admin().get_status(v1::GetStatusRequest {}).await;
        answer.err()
    })
    .await;
    for raw in &mut flood {
        for stream in [stream, stream + 2, stream + 4] {
            assert!(raw.frame(HEADERS, END_HEADERS, stream, &head).await);
        }
    }
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert_eq!(reason(&refused), "TOO_MANY_REQUESTS");
    let details = refused.get_error_details();
    assert!(details.retry_info().is_some(), "{refused:?}");
    // The other lender finds room all the same, while the flood stands.
    for _ in 0..20 {
        is_served(&good).await;
    }
    let still = loud.admin().get_status(v1::GetStatusRequest {}).await;
    assert!(still.is_err(), "the flood was gone meanwhile");
    drop(flood);
    until("the loud lender to be served again", async || {
        let answer = loud.admin().get_status(v1::GetStatusRequest {}).await;
        answer.ok().map(drop)
    })
    .await;
}

#[tokio::test]
async fn streams_have_places_of_their_own_and_each_lender_its_own_of_them() {
    let principal = |name: &str, tenant: &str| {
        format!(
            "[[dev_principal]]\nname = \"{name}\"\ntoken = \"dev-{name}\"\ntenant = \"{tenant}\"\nroles = [\"all\"]\n"
        )
    };
    // Six places, three of them kept, one for each lender; more than half of them is nobody's.
    let tables = format!(
        "[limits]\nstreams_max = 6\n{}{}{}{}",
        ["good", "loud", "shrill"]
            .map(|id| format!("[[tenant]]\nid = \"{id}\"\ndisplay_name = \"{id}\"\n"))
            .concat(),
        principal("ana", "good"),
        principal("lou", "loud"),
        principal("shri", "shrill"),
    );
    let (server, _folder) = serve(&tables).await;
    let watch = async |token: &'static str| {
        let client = server.client(token);
        let events = client
            .events()
            .watch_events(v1::WatchEventsRequest::default())
            .await?;
        Ok::<_, tonic::Status>(events.into_inner())
    };
    let mut held = Vec::new();
    let mut refused = Vec::new();
    for token in ["dev-lou", "dev-shri"] {
        let last = loop {
            match watch(token).await {
                Ok(events) => held.push(events),
                Err(status) => break status,
            }
            assert!(held.len() <= 6, "nothing bounds the streams");
        };
        refused.push(last);
    }
    // The first one took its half, the second one what was left but for the place that is kept for the third.
    assert_eq!(held.len(), 5);
    for (status, whose) in refused.iter().zip(["your lender has", "the server has"]) {
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        assert_eq!(reason(status), "TOO_MANY_REQUESTS");
        assert!(status.message().contains(whose), "{status:?}");
        assert!(status.message().contains("streams open"), "{status:?}");
    }
    let events = watch("dev-ana").await.expect("the place that is kept");
    assert_eq!(
        watch("dev-ana").await.map(drop).unwrap_err().code(),
        tonic::Code::ResourceExhausted
    );
    // Calls are not streams: everybody is served.
    for token in ["dev-ana", "dev-lou", "dev-shri"] {
        is_served(&server.client(token)).await;
    }
    // A stream that ends gives its place back.
    drop(held);
    drop(events);
    until("a place to be free again", async || {
        watch("dev-lou").await.ok().map(drop)
    })
    .await;
}

#[tokio::test]
async fn who_says_nothing_or_too_little_is_given_up() {
    let (server, _folder) = serve("[limits]\nhandshake_timeout_ms = 200\n").await;
    let silent = TcpStream::connect(server.api())
        .await
        .expect("a connection");
    let mut slow = Raw(TcpStream::connect(server.api())
        .await
        .expect("a connection"));
    slow.send(b"PRI * HTTP/2.0\r\n").await;
    assert!(Raw(silent).closes(HANG).await);
    assert!(slow.closes(HANG).await);
    // Who spoke may be silent for longer.
    let mut decent = Raw::greet(server.api()).await;
    assert!(decent.until(SETTINGS).await.is_some());
    assert!(!decent.closes(Duration::from_millis(600)).await);
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let (server, _folder) = serve("[limits]\naddress_connections_max = 8\n").await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut raw = Raw::greet(server.api()).await;
        assert!(raw.until(SETTINGS).await.is_some());
        held.push(raw);
    }
    let mut ninth = Raw(TcpStream::connect(server.api())
        .await
        .expect("a connection"));
    assert!(ninth.closes(HANG).await);
    held.truncate(4);
    let good = server.ana();
    until("a seat to be free again", async || {
        let answer = good.admin().get_status(v1::GetStatusRequest {}).await;
        answer.ok().map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_server_without_descriptors_serves_again_once_it_has_some() {
    let folder = Folder::new();
    let few = folder.path().join("few");
    let recoup = builds::recoup();
    let script = format!(
        "#!/bin/sh\nulimit -n 96\nexec {} \"$@\"\n",
        recoup.display()
    );
    fs::write(&few, script).expect("a script");
    fs::set_permissions(&few, fs::Permissions::from_mode(0o755)).expect("a mode");
    let setup = Setup {
        program: few,
        tables: "[limits]\naddress_connections_max = 1000\n".into(),
        ..Setup::default()
    };
    let server = Server::start(folder.path(), &setup).await;
    let good = server.ana();
    is_served(&good).await;
    let mut held = Vec::new();
    for _ in 0..120 {
        held.push(
            TcpStream::connect(server.api())
                .await
                .expect("the backlog takes it"),
        );
    }
    // No descriptor is left; who is connected is served all the same.
    is_served(&good).await;
    drop(held);
    let fresh = server.ana();
    until("a new connection to be served", async || {
        let answer = fresh.admin().get_status(v1::GetStatusRequest {}).await;
        answer.ok().map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_stop_ends_while_watchers_watch_and_tells_them() {
    let (mut server, _folder) = serve("").await;
    let mut watching = Vec::new();
    for _ in 0..8 {
        let request = v1::WatchEventsRequest::default();
        let stream = server.ana().events().watch_events(request).await;
        watching.push(stream.expect("a stream").into_inner());
    }
    // An import that has sent a row, and has more to come.
    let (rows, to_come) = tokio::sync::mpsc::channel(1);
    let row = v1::ImportCasesRequest {
        request_id: "half".into(),
        row_number: 1,
        ..v1::ImportCasesRequest::default()
    };
    rows.send(row).await.expect("it is read");
    let rows_of_mine = tokio_stream::wrappers::ReceiverStream::new(to_come);
    let import = server.ana().cases().import_cases(rows_of_mine).await;
    let mut import = import.expect("a stream").into_inner();
    let first = import
        .message()
        .await
        .expect("an answer")
        .expect("to the row");
    assert_eq!(first.row_number, 1);
    // Somebody who will not even answer a ping.
    let mut idle = Raw::greet(server.api()).await;
    assert!(idle.until(SETTINGS).await.is_some());
    let status = server.stop().await;
    assert!(status.success(), "{status}: {}", server.process().stderr());
    let said = server.process().stderr();
    assert!(!said.contains("stopped with calls under way"), "{said}");
    let end = import
        .message()
        .await
        .expect_err("it says that it is not at its end");
    assert_eq!(end.code(), tonic::Code::Unavailable, "{end:?}");
    for mut stream in watching {
        let end = loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                end => break end,
            }
        };
        let told = end.expect_err("the stream says that it is not at its end");
        assert_eq!(told.code(), tonic::Code::Unavailable, "{told:?}");
    }
}

#[tokio::test]
async fn a_change_that_is_never_said_gives_its_place_back_and_holds_up_no_stop() {
    let tables = "[limits]\ncalls_max = 8\nrequest_timeout_ms = 500\n";
    let (mut server, _folder) = serve(tables).await;
    let good = server.ana();
    is_served(&good).await;
    let mut head = call("/recoup.v1.CaseService/RecordPayment");
    h2::field(&mut head, "authorization", "Bearer dev-ana");
    let raw = Raw::greet(server.api()).await;
    let to_server = answering_pings(raw);
    let mut stream = 1;
    let begin = async |stream| {
        let frame = h2::frame(HEADERS, END_HEADERS, stream, &head);
        let sent = to_server.lock().await.write_all(&frame).await;
        sent.expect("the connection stands");
    };
    until("no place to be left", async || {
        begin(stream).await;
        stream += 2;
        let answer = good.admin().get_status(v1::GetStatusRequest {}).await;
        answer.err()
    })
    .await;
    // The connection stands; only the time of the calls on it is over.
    until("the places to be free again", async || {
        let answer = good.admin().get_status(v1::GetStatusRequest {}).await;
        answer.ok().map(drop)
    })
    .await;
    begin(stream).await;
    let status = server.stop().await;
    assert!(status.success(), "{status}: {}", server.process().stderr());
    let said = server.process().stderr();
    assert!(!said.contains("stopped with calls under way"), "{said}");
}

/// The writing half of a connection whose other half answers each ping, as a decent client does.
fn answering_pings(raw: Raw) -> Arc<Mutex<OwnedWriteHalf>> {
    let (mut from_server, to_server) = raw.0.into_split();
    let to_server = Arc::new(Mutex::new(to_server));
    let answers = Arc::clone(&to_server);
    tokio::spawn(async move {
        let mut head = [0; 9];
        while from_server.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            if from_server.read_exact(&mut payload).await.is_err() {
                return;
            }
            if head[3] == PING && head[4] == 0 {
                let pong = h2::frame(PING, 1, 0, &payload);
                let _ = answers.lock().await.write_all(&pong).await;
            }
        }
    });
    to_server
}

/// The most memory of the server so far, in KiB.
fn peak(server: &mut Server) -> u64 {
    let path = format!("/proc/{}/status", server.process().pid());
    let text = fs::read_to_string(path).expect("its status");
    let line = text.lines().find(|l| l.starts_with("VmHWM:"));
    let number = line.and_then(|l| l.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).expect("a number")
}

#[tokio::test]
async fn a_list_that_is_far_too_long_costs_little_to_refuse() {
    let (mut server, _folder) = serve("").await;
    let good = server.ana();
    is_served(&good).await;
    let before = peak(&mut server);
    let kinds = v1::WatchEventsRequest {
        kinds: vec![1; 1_000_000],
        ..v1::WatchEventsRequest::default()
    };
    let refused = good.events().watch_events(kinds).await;
    let refused = refused.map(drop).expect_err("too long");
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    // Entries of nothing: two bytes each on the wire, a hundred once they are read.
    let party = v1::Party {
        contact_points: vec![v1::ContactPoint::default(); 500_000],
        ..v1::Party::default()
    };
    let calls = (0..8).map(|_| async {
        let request = v1::UpsertBorrowerRequest {
            party: Some(party.clone()),
            ..v1::UpsertBorrowerRequest::default()
        };
        good.borrowers().upsert_borrower(request).await
    });
    for refused in futures_util::future::join_all(calls).await {
        let refused = refused.map(drop).expect_err("too many");
        assert_eq!(
            refused.code(),
            tonic::Code::ResourceExhausted,
            "{refused:?}"
        );
        assert!(refused.message().contains("fields"), "{refused}");
    }
    is_served(&good).await;
    let grown = peak(&mut server).saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} KiB");
}
