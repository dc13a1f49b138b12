//! G3: reading a case against a tonic server that answers with a message of equal bytes and does nothing
//! else.

use std::net::SocketAddr;
use std::path::Path;

use recoup::api::recoup::v1;
use recoup::api::recoup::v1::case_service_server::{CaseService, CaseServiceServer};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, async_trait};

use super::client::{Client, opening};
use super::measure::{Arm, Pairs, Sample, Stopwatch};
use super::opening::in_turn;
use super::report::Line;
use super::stack::{Door, Running, Who};
use super::{Failure, Ground};

/// Calls under way.
const IN_FLIGHT: usize = 32;

/// Answers GetCase with the same message, whatever was asked.
struct Echo(v1::GetCaseResponse);

#[async_trait]
impl CaseService for Echo {
    async fn get_case(
        &self,
        _: Request<v1::GetCaseRequest>,
    ) -> Result<Response<v1::GetCaseResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }
}

/// Serves the echo until the runtime ends.
pub(super) async fn echo(message: v1::GetCaseResponse) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let at = listener.local_addr()?;
    // The server's own setting does not reach connections that are handed to it.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let served = tonic::transport::Server::builder()
        .add_service(CaseServiceServer::new(Echo(message)))
        .serve_with_incoming(incoming);
    tokio::spawn(served);
    Ok(at)
}

/// Asks for cases in turn, `IN_FLIGHT` at once.
pub(super) async fn calls(
    clients: &[Client],
    ids: &[String],
    calls: usize,
) -> Result<Sample, Failure> {
    let watch = Stopwatch::start();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..IN_FLIGHT {
        let mut client = clients[n % clients.len()].clone();
        let own: Vec<String> = (n..calls)
            .step_by(IN_FLIGHT)
            .map(|i| ids[i * 7919 % ids.len()].clone())
            .collect();
        tasks.spawn(async move {
            for id in own {
                client.get(id).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(Failure::other)??;
    }
    Ok(watch.stop(calls))
}

/// A server with cases, and an echo of what it answers.
async fn prepare(dir: &Path, cases: usize) -> Result<(Running, SocketAddr, Vec<String>), Failure> {
    let server = Running::start(dir, None, super::opening::POLICY).await?;
    let mut client = server.client(Door::Identified, Who::Ana).await?;
    let now = server.engine.wall().now();
    let mut ids = Vec::with_capacity(cases);
    for n in 0..cases {
        ids.push(client.open(opening(n, now)).await?.case_id);
    }
    let echo = echo(client.get(ids[0].clone()).await?).await?;
    Ok((server, echo, ids))
}

/// G3: GetCase.
pub(super) fn get(ground: &Ground) -> Result<Line, Failure> {
    let (cases, asked) = (ground.size(1_000, 64), ground.size(20_000, 256));
    let dir = ground.folder()?;
    let runtime = &ground.runtime;
    let (server, echo, ids) = runtime.block_on(prepare(dir.path(), cases))?;
    let [identified, development, echo] = runtime.block_on(async {
        Ok::<_, Failure>([
            server.clients(Door::Identified, IN_FLIGHT).await?,
            server.clients(Door::Development, IN_FLIGHT).await?,
            vec![Client::plain(echo).await?],
        ])
    })?;
    let ask = |to: &[Client], n| runtime.block_on(calls(to, &ids, n));
    let through = |door, n| match door {
        Door::Identified => ask(&identified, n),
        Door::Development => ask(&development, n),
    };
    // Connections and caches are warm before anything counts.
    for clients in [&identified, &development, &echo] {
        ask(clients, asked / 10)?;
    }
    let mut price = Pairs::default();
    let pairs = Pairs::measure(ground.rounds, |arm| match arm {
        Arm::Ours => {
            let round = price.ours.len();
            let (ours, plain) = in_turn(round, |door| through(door, asked))?;
            price.ours.push(ours);
            price.raw.push(plain);
            Ok::<_, Failure>(ours)
        }
        Arm::Raw => ask(&echo, asked),
    })?;
    runtime.block_on(server.end());
    let what = "GetCase, 32 in flight, against a tonic echo of equal messages";
    Ok(Line::share("G3", what, "calls/s", &pairs)
        .named("server and client, identified", "tonic echo in plain text")
        .aims(0.6, 0.8)
        .priced(&price))
}
