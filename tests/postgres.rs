//! The server on PostgreSQL: nothing is different for who calls it, and several may share one database.

use std::fs;
use std::path::{Path, PathBuf};

use recoup::api::recoup::v1;
use recoup_testkit::cluster::Cluster;

use crate::kill::{self, ALL_AT_ONCE};
use crate::support::builds;
use crate::support::judge;
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup};
use crate::swap::generations;

/// How often the one server is killed here; on the embedded store it is more.
const KILLS: usize = 10;
/// Loans of the two servers.
const LOANS: u32 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_instant_it_reaches_nobody_twice_and_loses_nothing() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    kill::run(KILLS, &cluster.database("one")).await;
    let owners = cluster.sql("one", "SELECT COUNT(DISTINCT owner) FROM contact");
    assert!(owners.parse::<usize>().is_ok_and(|n| n > 1), "{owners}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_swap_a_channel_in_step() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let url = cluster.database("swapped");
    let folder = Folder::new();
    let mut sandbox = Sandbox::live(folder.path(), 7).await;
    let first = replica(folder.path(), "first", &url, &sandbox).await;
    let mut second = replica(folder.path(), "second", &url, &sandbox).await;
    scenes::set_up(&first.ana(), &first.ben(), ONE_TEXT).await;
    let staged = v1::StageChannelRequest {
        request_id: "stage".into(),
        kind: "sms".into(),
        path: builds::plugin("sms").display().to_string(),
        ..v1::StageChannelRequest::default()
    };
    let staged = first.ana().channels().stage_channel(staged).await;
    let staged = staged.expect("staged").into_inner().channel.expect("it");
    // At the one it is staged, at the other begun.
    let begin = v1::SwapChannelRequest {
        request_id: "swap".into(),
        kind: "sms".into(),
        generation: staged.generation,
        canary_percents: vec![100],
        hold_seconds: Some(1),
        judged_min: Some(3),
    };
    second
        .ana()
        .channels()
        .swap_channel(begin)
        .await
        .expect("begun");
    let mut number = 0;
    until("the swap to be done at both", async || {
        for server in [&first, &second] {
            number += 1;
            open(server, number).await;
        }
        let mut is_done = true;
        for server in [&first, &second] {
            let all = generations(&server.ana(), "sms").await;
            let live = all.iter().find(|c| c.generation == staged.generation);
            is_done &=
                live.is_some_and(|c| c.state() == v1::ChannelState::Live && c.process_id != 0);
        }
        is_done.then_some(())
    })
    .await;
    second.process().kill();
    let second = replica(folder.path(), "second", &url, &sandbox).await;
    for server in [&first, &second] {
        number += 1;
        let case = scenes::open(&server.ana(), &Loan::at_noon(number)).await;
        let text = until("a text", async || {
            let all = scenes::contacts_of(&server.ana(), &case.case_id).await;
            all.into_iter().next()
        })
        .await;
        assert_eq!(text.channel_generation, staged.generation);
    }
    kill::settle(&first.ana()).await;
    sandbox.stop().await;
    let ledger: PathBuf = judge::export(&second.ana(), folder.path()).await;
    let judged = judge::judge(sandbox.log(), &ledger, &[]);
    assert_eq!(judged.status, Some(0), "{}", judged.text);
}

/// One server of several on a store.
async fn replica(root: &Path, name: &str, url: &str, sandbox: &Sandbox) -> Server {
    let dir = root.join(name);
    fs::create_dir_all(&dir).expect("a folder");
    let mut setup = ["sms", "phone", "email", "visit"]
        .iter()
        .fold(Setup::default(), |setup, name| setup.with(name, sandbox));
    setup.top = setup.top.replace("sqlite:data", url);
    setup
        .top
        .push_str("log = \"warn\"\nmaster_key_file = \"../master.key\"\n");
    Server::start(&dir, &setup).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_share_a_store_and_its_work() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let url = cluster.database("shared");
    let folder = Folder::new();
    let mut sandbox = Sandbox::live(folder.path(), 7).await;
    let first = replica(folder.path(), "first", &url, &sandbox).await;
    let mut second = replica(folder.path(), "second", &url, &sandbox).await;
    // What is activated at one is soon known to the other.
    scenes::set_up(&first.ana(), &first.ben(), ALL_AT_ONCE).await;
    scenes::add_collectors(&first.ana()).await;
    for number in 1..=LOANS {
        let server = if number % 2 == 0 { &first } else { &second };
        open(server, number).await;
        if number == LOANS / 2 {
            second.process().kill();
            second = replica(folder.path(), "second", &url, &sandbox).await;
        }
    }
    kill::settle(&first.ana()).await;
    // Both read the same.
    for number in 1..=LOANS {
        let reference = format!("L{number}");
        let (one, other) = (
            scenes::get(&first.ana(), &reference).await,
            scenes::get(&second.ana(), &reference).await,
        );
        assert_eq!(one, other);
    }
    sandbox.stop().await;
    let ledger: PathBuf = judge::export(&second.ana(), folder.path()).await;
    let judged = judge::judge(sandbox.log(), &ledger, &[]);
    println!("{}", judged.text);
    assert_eq!(judged.status, Some(0), "{}", judged.text);
    let shares = "SELECT COUNT(*) FROM contact GROUP BY owner ORDER BY owner";
    let shares = cluster.sql("shared", shares);
    println!("contacts by server: {}", shares.replace('\n', ", "));
    assert!(shares.lines().count() > 1, "one server did all: {shares}");
}

/// Opens a case; at a server that does not know the policy yet, a moment later.
async fn open(server: &Server, number: u32) {
    let loan = Loan::at_noon(number);
    until("the policy to be known", async || {
        let opened = server.ana().cases().open_case(loan.open()).await;
        opened.ok()
    })
    .await;
}
