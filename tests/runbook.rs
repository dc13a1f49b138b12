//! What docs/runbook.md tells an operator to do works, command by command, on a real server.

use std::path::Path;
use std::process::{Command, Output};

use recoup::api::recoup::v1;
use v1::ContactState;

use crate::support::World;
use crate::support::builds;
use crate::support::process::Folder;
use crate::support::scenes::{self, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup};

/// Commands that a server may refuse, for what they are about is not there in this test.
const MAY_BE_REFUSED: [&str; 4] = [
    "recoup contact approve",
    "recoup contact cancel",
    "recoup store reconciled",
    "recoup dispatch resume --all --reason \"reconciled",
];

/// Commands of ours in a page's blocks, but for those that run a server.
fn commands(page: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(page);
    let page = std::fs::read_to_string(path).expect("the page");
    let blocks = page.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|b| b.split("```").next().unwrap_or_default().lines());
    let ours = lines.filter(|l| l.starts_with("recoup ") && !l.starts_with("recoup serve"));
    ours.map(str::to_owned).collect()
}

/// Runs a line as a person at a shell does.
fn shell(dir: &Path, server: &Server, line: &str, variables: &[(&str, &str)]) -> Output {
    let program = builds::recoup();
    let bin = program.parent().expect("the folder of the binary");
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("sh")
        .args(["-c", line])
        .current_dir(dir)
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("RECOUP_SERVER", format!("http://{}", server.api()))
        .env("RECOUP_TOKEN", "dev-ana")
        .envs(variables.iter().copied())
        .output()
        .expect("a shell runs")
}

#[tokio::test]
async fn every_command_of_the_runbook_works() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    let dir = world.folder.path();
    let sent = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    let contact = scenes::until_contact(&world.ana, &sent.case_id, ContactState::Effected).await;
    world.sandbox.misbehave("sms:cut_before=1").await;
    let doubtful = scenes::open(&world.ana, &Loan::at_noon(2)).await;
    let unknown = scenes::until_contact(&world.ana, &doubtful.case_id, ContactState::Unknown).await;
    world.sandbox.misbehave("").await;
    let loan = Loan::at_noon(3);
    let rows = format!(
        "lender_case_ref,borrower_ref,borrower_kind,jurisdiction,lender_kind,currency,overdue,\
         oldest_unpaid_due_date,display_name,time_zones,locale,mobiles\n\
         L9,B9,individual,CN,microloan_company,CNY,600.00,{},Wang Wei,{},zh-CN,{}\n",
        loan.due,
        loan.zone,
        loan.mobile()
    );
    std::fs::write(dir.join("cases.csv"), rows).expect("a file to import");
    let proof = "ab".repeat(32);
    let now = scenes::now();
    let library = builds::plugin("sms").display().to_string();
    let (instant, day) = (now.to_string(), now.strftime("%Y-%m-%d").to_string());
    let variables = [
        ("CASE", sent.case_id.as_str()),
        ("CONTACT", contact.contact_id.as_str()),
        ("UNKNOWN", unknown.contact_id.as_str()),
        ("SHA256", proof.as_str()),
        ("INSTANT", instant.as_str()),
        ("LIBRARY", library.as_str()),
        ("DAY", day.as_str()),
    ];

    // The guide first: the runbook goes on with the generation that it staged.
    let mut commands = commands("channels/operator-guide.md");
    assert!(commands.len() > 7, "the page was not read: {commands:?}");
    let drain = commands.pop();
    commands.extend(self::commands("runbook.md"));
    commands.extend(drain);
    assert!(commands.len() > 35, "the page was not read: {commands:?}");
    for line in commands {
        let done = shell(dir, &world.server, &line, &variables);
        let may = MAY_BE_REFUSED.iter().any(|m| line.starts_with(m));
        let code = done.status.code();
        assert!(
            code == Some(0) || (may && code == Some(1)),
            "`{line}`: {done:?}"
        );
    }
    let contacts = scenes::contacts_of(&world.ana, &doubtful.case_id).await;
    let settled = contacts.iter().find(|c| c.contact_id == unknown.contact_id);
    let state = settled.map(v1::Contact::state);
    assert_eq!(state, Some(ContactState::ProvenNotSent), "{contacts:?}");
}

#[tokio::test]
async fn one_screen_says_what_is_due_what_is_blocked_and_what_waits_for_a_person() {
    let world = World::live(&["sms"], ONE_TEXT).await;
    world.sandbox.misbehave("sms:cut_before=1").await;
    let doubtful = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    scenes::until_contact(&world.ana, &doubtful.case_id, ContactState::Unknown).await;
    world.sandbox.misbehave("").await;
    let held = scenes::open(&world.ana, &Loan::at_noon(2)).await;
    let variables = [("CASE", held.case_id.as_str())];
    let run = |line: &str| {
        let done = shell(world.folder.path(), &world.server, line, &variables);
        assert!(done.status.success(), "{line}: {done:?}");
        String::from_utf8(done.stdout).expect("text")
    };
    run("recoup case hold \"$CASE\" --reason 'a drill'");
    run("recoup dispatch pause --channel sms --reason 'a drill'");
    let screen = run("recoup status");
    for wanted in [
        "sqlite, journal at ",
        " free",
        "hold 1",
        "unknown 1",
        "DISPATCH PAUSED for the channel sms by ana",
        "1 contact may have been sent or not: recoup report worklist --filter 'reason = unknown_contact'",
        "org.recoup.sms",
    ] {
        assert!(screen.contains(wanted), "`{wanted}` is not in:\n{screen}");
    }
    let list = run("recoup report worklist --filter 'reason = unknown_contact'");
    assert!(list.contains("contact_"), "{list}");
}

#[tokio::test]
async fn a_store_is_restored_as_the_page_says() {
    let mut world = World::live(&["sms"], ONE_TEXT).await;
    let dir = world.folder.path();
    let case = scenes::open(&world.ana, &Loan::at_noon(1)).await;
    scenes::until_contact(&world.ana, &case.case_id, ContactState::Effected).await;
    let line = "recoup store backup --name nightly";
    let done = shell(dir, &world.server, line, &[]);
    assert!(done.status.success(), "{done:?}");
    assert!(world.server.stop().await.success());
    crate::backup::restore(dir, "nightly");
    let setup = Setup::default().with("sms", &world.sandbox);
    let server = Server::start(dir, &setup).await;
    let screen = shell(dir, &server, "recoup status", &[]);
    let screen = String::from_utf8(screen.stdout).expect("text");
    for wanted in [
        "DISPATCH PAUSED for everything by restore",
        "recoup store reconciled",
    ] {
        assert!(screen.contains(wanted), "`{wanted}` is not in:\n{screen}");
    }
    let ana = server.ana();
    let line = "recoup store reconciled --reason 'compared with the carrier'";
    let done = shell(dir, &server, line, &[]);
    assert!(done.status.success(), "{done:?}");
    let case = scenes::open(&ana, &Loan::at_noon(7)).await;
    scenes::until_contact(&ana, &case.case_id, ContactState::Effected).await;
}

#[tokio::test]
async fn a_server_can_be_started_stopped() {
    let folder = Folder::new();
    let setup = Setup {
        args: vec!["--paused".into(), "a drill".into()],
        ..Setup::default()
    };
    let server = Server::start(folder.path(), &setup).await;
    let status = server
        .ana()
        .admin()
        .get_status(v1::GetStatusRequest {})
        .await;
    let pauses = status.expect("a status").into_inner().pauses;
    assert_eq!((pauses.len(), &*pauses[0].reason), (1, "a drill"));
    let line = "recoup dispatch resume --all --reason 'over'";
    let done = shell(folder.path(), &server, line, &[]);
    assert!(done.status.success(), "{done:?}");
}
