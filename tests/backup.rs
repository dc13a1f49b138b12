//! Copies of the store while it works: whole or not there, and told in a sentence where they cannot be made.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use recoup::api::recoup::v1::{self, ContactState};

use crate::support::chance::Chance;
use crate::support::client::{Client, reason};
use crate::support::load::Load;
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup, launch};

/// Cases whose text waits while the copy is made.
const WAITING: u32 = 60;

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

/// The cursor behind everything that has happened.
async fn newest_cursor(ana: &Client) -> String {
    let request = v1::WatchEventsRequest {
        end_at_present: true,
        ..v1::WatchEventsRequest::default()
    };
    let stream = ana.events().watch_events(request).await;
    let mut stream = stream.expect("events").into_inner();
    let mut cursor = String::new();
    while let Some(answer) = stream.message().await.expect("events") {
        cursor = answer.cursor;
    }
    cursor
}

/// How many texts the sandbox took for each number that it took one for.
fn texts(sandbox: &Sandbox) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for effect in sandbox.effects("sms") {
        let number = effect["dest"].as_str().expect("a number").to_owned();
        *all.entry(number).or_default() += 1;
    }
    all
}

/// Texts that a second person lets go.
const APPROVED_TEXT: &str = "name: one-text
stages:
  - name: remind
    enter: case.dpd >= 1
    approval: required
    steps: [{channel: sms, template: reminder, every: 3d, max: 3}]
";

/// The contact of a case that waits for a second person.
async fn waiting_of(ana: &Client, case: &str) -> v1::Contact {
    scenes::until_contact(ana, case, ContactState::Planned).await
}

async fn approve(ben: &Client, contact: v1::Contact) {
    let request = v1::ApproveContactRequest {
        request_id: format!("approve-{}", contact.contact_id),
        contact_id: contact.contact_id,
        ..v1::ApproveContactRequest::default()
    };
    ben.contacts()
        .approve_contact(request)
        .await
        .expect("an approval");
}

/// A copy is made while texts wait for a person; they are sent; the disk is lost, and the copy becomes the store.
/// Nobody has a text twice, before a person has compared with the carriers or after, and what is told later goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_reaches_nobody_again_and_goes_on_with_what_is_safe() {
    let folder = Folder::new();
    let sandbox = Sandbox::live(folder.path(), 42).await;
    let setup = Setup::default().with("sms", &sandbox);
    let mut server = Server::start(folder.path(), &setup).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, APPROVED_TEXT).await;
    let mut waiting = Vec::new();
    for number in 1..=WAITING {
        waiting.push(scenes::open(&ana, &Loan::at_noon(number)).await.case_id);
    }
    let mut planned = Vec::new();
    for case in &waiting {
        planned.push(waiting_of(&ana, case).await);
    }
    let copied = copy(&ana, "early").await;
    assert!(copied.position > 0 && copied.size_bytes > 0 && copied.sha256.len() == 64);

    // After the copy all of them are sent.
    for contact in planned {
        approve(&ben, contact).await;
    }
    until("everybody to have their text", async || {
        (texts(&sandbox).len() == waiting.len()).then_some(())
    })
    .await;
    let newer = newest_cursor(&ana).await;
    server.process().kill();
    let before = texts(&sandbox);

    restore(folder.path(), "early");
    let mut server = Server::start(folder.path(), &setup).await;
    let (ana, ben) = (server.ana(), server.ben());
    let found = status(&ana).await;
    let held = found.blocked.get("hold").copied();
    assert_eq!(held, i64::try_from(waiting.len()).ok(), "{found:?}");
    assert!(found.store.as_ref().is_some_and(|s| s.copy_time.is_some()));
    assert_eq!(
        (found.pauses.len(), &*found.pauses[0].author),
        (1, "restore")
    );
    // No resume ends that.
    let resume = v1::ResumeDispatchRequest {
        request_id: "resume".into(),
        scope: Some(v1::DispatchScope {
            scope: Some(v1::dispatch_scope::Scope::All(true)),
        }),
        reason: "in a hurry".into(),
    };
    let refused = ana.admin().resume_dispatch(resume).await;
    let refused = reason(&refused.expect_err("not by a resume"));
    assert_eq!(refused, "DISPATCH_NOT_PAUSED");
    // A cursor of what was lost is refused.
    let watch = v1::WatchEventsRequest {
        cursor: newer,
        ..v1::WatchEventsRequest::default()
    };
    let refused = ana.events().watch_events(watch.clone()).await;
    let refused = reason(&refused.expect_err("another history"));
    assert_eq!(refused, "CURSOR_INVALID");
    assert_eq!(texts(&sandbox), before, "sent before the confirmation");

    confirm(&ana).await;
    let found = status(&ana).await;
    assert!(found.pauses.is_empty() && found.store.is_some_and(|s| s.copy_time.is_none()));
    // What is told from now on goes its way, also over a restart, which goes over everything again.
    for number in [901, 902] {
        let fresh = scenes::open(&ana, &Loan::at_noon(number)).await;
        let contact = waiting_of(&ana, &fresh.case_id).await;
        let seq = contact.plan_seq;
        assert!(seq > 1_000_000, "{seq}: a number that was used before");
        approve(&ben, contact).await;
    }
    let sent = before.len() + 2;
    until("the new cases to have their text", async || {
        (texts(&sandbox).len() == sent).then_some(())
    })
    .await;
    assert!(server.stop().await.success());
    let server = Server::start(folder.path(), &setup).await;
    let (ana, ben) = (server.ana(), server.ben());
    let last = scenes::open(&ana, &Loan::at_noon(903)).await;
    approve(&ben, waiting_of(&ana, &last.case_id).await).await;
    until("the last case to have its text", async || {
        (texts(&sandbox).len() == sent + 1).then_some(())
    })
    .await;
    let after = texts(&sandbox);
    assert!(after.values().all(|n| *n == 1), "{after:?}");
    let refused = ana.events().watch_events(watch).await;
    let refused = reason(&refused.expect_err("another history"));
    assert_eq!(refused, "CURSOR_INVALID");
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
