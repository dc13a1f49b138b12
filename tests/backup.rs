//! Copies of the store while it works: whole or not there, and told in a sentence where they cannot be made.

use std::fs;
use std::path::Path;
use std::process::Command;

use recoup::api::recoup::v1;

use crate::support::chance::Chance;
use crate::support::client::{Client, reason};
use crate::support::load::Load;
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, ONE_TEXT};
use crate::support::server::{Server, Setup, launch};

/// Makes a copy by a name.
pub(crate) async fn copy(ana: &Client, name: &str) -> v1::BackupStoreResponse {
    let request = v1::BackupStoreRequest {
        request_id: format!("copy-{name}"),
        name: name.into(),
    };
    let done = ana.admin().backup_store(request).await;
    done.expect("a copy").into_inner()
}

/// The disk is lost, and what the runbook says is done: the rows of a copy, the newest keys, the master key.
pub(crate) fn restore(dir: &Path, name: &str) {
    let (data, lost) = (dir.join("data"), dir.join(format!("lost-{name}")));
    fs::rename(&data, &lost).expect("the broken folder is put aside");
    fs::create_dir(&data).expect("a new folder");
    for (from, to) in [
        (
            lost.join("copies").join(name).join("recoup.db"),
            "recoup.db",
        ),
        (lost.join("copied-keys/keys.db"), "keys.db"),
        (lost.join("master.key"), "master.key"),
    ] {
        fs::copy(&from, data.join(to)).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    }
}

/// Says that everything is reconciled.
pub(crate) async fn confirm(ana: &Client) {
    let request = v1::ConfirmReconciledRequest {
        request_id: "reconciled".into(),
        reason: "compared with the carriers' logs".into(),
    };
    let done = ana.admin().confirm_reconciled(request).await;
    assert!(done.expect("a confirmation").into_inner().time.is_some());
}

async fn status(ana: &Client) -> v1::GetStatusResponse {
    let found = ana.admin().get_status(v1::GetStatusRequest {}).await;
    found.expect("a status").into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_amid_a_copy_leaves_none_that_looks_whole() {
    let folder = Folder::new();
    let sandbox = Sandbox::live(folder.path(), 7).await;
    let setup = Setup::default().with("sms", &sandbox);
    let mut server = Server::start(folder.path(), &setup).await;
    scenes::set_up(&server.ana(), &server.ben(), ONE_TEXT).await;
    let mut chance = Chance::new(7);
    let api = server.api().to_string();
    let mut at_home = setup;
    at_home.args = vec!["--listen".into(), api];
    let load = Load::start(server.ana(), 3, 7, std::time::Duration::from_millis(20));
    for round in 0..12 {
        let ana = server.ana();
        let asked = tokio::spawn(async move {
            let request = v1::BackupStoreRequest {
                request_id: format!("copy-{round}"),
                name: format!("c{round}"),
            };
            ana.admin().backup_store(request).await.is_ok()
        });
        tokio::time::sleep(std::time::Duration::from_millis(chance.below(1_500))).await;
        server.process().kill();
        let answered = asked.await.expect("an end");
        let place = folder.path().join(format!("data/copies/c{round}"));
        assert!(!answered || place.exists(), "what was answered is there");
        server = Server::start(folder.path(), &at_home).await;
    }
    let last = copy(&server.ana(), "last").await;
    load.finish().await;
    let copies = fs::read_dir(folder.path().join("data/copies")).expect("the copies");
    let mut whole = 0;
    for copy in copies {
        let copy = copy.expect("an entry").path();
        if copy
            .file_name()
            .is_some_and(|n| n.as_encoded_bytes().starts_with(b"."))
        {
            continue;
        }
        whole += 1;
        let checked = Command::new("sha256sum")
            .args(["-c", "SHA256SUMS"])
            .current_dir(&copy)
            .output();
        let checked = checked.expect("sha256sum runs");
        assert!(checked.status.success(), "{}: {checked:?}", copy.display());
    }
    println!("{whole} copies named, all whole");
    server.process().kill();
    restore(folder.path(), "last");
    at_home.args.clear();
    let server = Server::start(folder.path(), &at_home).await;
    let found = status(&server.ana()).await;
    assert!(found.store.is_some_and(|s| s.position >= last.position));
}

#[tokio::test]
async fn what_hinders_a_copy_is_told_in_a_sentence() {
    let folder = Folder::new();
    for (place, wanted) in [
        ("recoup.toml", "a file is in the way"),
        ("/sys/recoup-copies", "the server may not write there"),
    ] {
        let mut setup = Setup::default();
        setup.top += &format!("backup_dir = \"{place}\"\n");
        let mut server = Server::start(folder.path(), &setup).await;
        let request = v1::BackupStoreRequest {
            request_id: "copy".into(),
            name: String::new(),
        };
        let refused = server.ana().admin().backup_store(request).await;
        let refused = refused.expect_err("no copy");
        assert_eq!(reason(&refused), "BACKUP_IMPOSSIBLE");
        assert!(refused.message().contains(wanted), "{refused:?}");
        let confirm = v1::ConfirmReconciledRequest {
            request_id: "reconciled".into(),
            reason: "nothing".into(),
        };
        let refused = server.ana().admin().confirm_reconciled(confirm).await;
        assert_eq!(reason(&refused.expect_err("never a copy")), "NOT_RESTORED");
        assert!(server.stop().await.success());
    }
    // A copy of keys alone, or a torn one, is no store.
    fs::write(folder.path().join("data/recoup.db"), vec![b'x'; 8192]).expect("a torn file");
    let mut process = launch(folder.path(), &Setup::default());
    until("the server to refuse it", async || process.exited()).await;
    assert!(
        process.stderr().contains("is damaged"),
        "{}",
        process.stderr()
    );
}
