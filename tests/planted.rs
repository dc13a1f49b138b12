//! Planted faults: a server that sends twice, loses, calls at night or goes on after a payment is caught by the
//! judge, which names the contact; the same run without a fault is clean. So a clean verdict means something.

use jiff::Timestamp;
use jiff::civil::date;
use recoup::api::recoup::v1;

use crate::support::builds;
use crate::support::judge::{self, Judgement};
use crate::support::process::Folder;
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, LADDER, Loan, cny};
use crate::support::server::{Server, Setup};
use crate::support::stepped::{Driver, free_address};

/// 08:00 in Shanghai.
const START: &str = "2026-03-02T00:00:00Z";
/// Half of the borrowers pay, ten days later at noon.
const PAY: &str = "2026-03-12T04:00:00Z";
/// After 40 days.
const END: &str = "2026-04-11T00:00:00Z";
/// Cases of a run.
const CASES: u32 = 30;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// Runs 40 days of the ladder with a fault planted, and has it judged.
async fn run(plant: &str) -> Judgement {
    let folder = Folder::new();
    let dir = folder.path();
    let clock = free_address();
    let sandbox = Sandbox::stepped(dir, 7, clock).await;
    let clock = clock.to_string();
    let args = [
        "--clock",
        "stepped",
        "--clock-start",
        START,
        "--clock-listen",
        &clock,
    ];
    let parties = ["--clock-parties", "sandbox,driver"];
    let setup = Setup {
        program: builds::planted(),
        env: vec![("RECOUP_PLANT".into(), plant.into())],
        args: args
            .iter()
            .chain(&parties)
            .map(|a| (*a).to_owned())
            .collect(),
        ..Setup::with_all(&sandbox)
    };
    let server = Server::start(dir, &setup).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, LADDER).await;
    scenes::add_collectors(&ana).await;
    let mut cases = Vec::new();
    for number in 1..=CASES {
        let loan = Loan {
            number,
            zone: "Asia/Shanghai".into(),
            due: date(2026, 3, 1),
        };
        cases.push(scenes::open(&ana, &loan).await.case_id);
    }
    let mut driver = Driver::join(clock.parse().expect("an address")).await;
    driver.pass(at(PAY)).await;
    for (number, case_id) in cases.iter().enumerate().filter(|(n, _)| n % 2 == 0) {
        let request = v1::RecordPaymentRequest {
            request_id: format!("pay-{number}"),
            case_id: case_id.clone(),
            payment_ref: format!("P{number}"),
            amount: Some(cny(600)),
            received_time: Some(scenes::pb_time(at(PAY))),
            balance_after: None,
        };
        let paid = ana.cases().record_payment(request).await;
        assert!(paid.expect("a payment").into_inner().cured);
    }
    driver.pass(at(END)).await;
    let ledger = judge::export(&ana, dir).await;
    let judged = judge::judge(
        sandbox.log(),
        &ledger,
        &["--live-channels", "sms,phone,email,visit", "--require-live"],
    );
    println!("plant `{plant}`:\n{}", judged.text);
    judged
}

/// The judge must say no, for this kind, and name the contact.
fn caught(judged: &Judgement, kind: &str) {
    assert_eq!(judged.status, Some(1), "{}", judged.text);
    let violations = judged.json["violations"].as_array().expect("a list");
    let named = violations.iter().filter(|v| v["kind"] == kind);
    let named: Vec<&str> = named.filter_map(|v| v["contact"].as_str()).collect();
    assert!(!named.is_empty(), "no {kind}: {}", judged.text);
    let line = format!("{kind}: contact {}", named[0]);
    assert!(judged.text.contains(&line), "{line}: {}", judged.text);
}

#[tokio::test]
async fn without_a_fault_the_run_is_clean() {
    let judged = run("").await;
    assert_eq!(judged.status, Some(0), "{}", judged.text);
    assert!(
        judged.figure("receipts") > u64::from(CASES) * 5,
        "{}",
        judged.text
    );
}

#[tokio::test]
async fn a_channel_that_sends_twice_is_caught() {
    caught(&run("double").await, "double");
}

#[tokio::test]
async fn a_channel_that_says_it_sent_is_caught() {
    caught(&run("lost").await, "accepted_without_receipt");
}

#[tokio::test]
async fn contacts_at_night_are_caught() {
    caught(&run("night").await, "outside_window");
}

#[tokio::test]
async fn contacts_after_a_payment_are_caught() {
    caught(&run("after-payment").await, "after_stop");
}

#[tokio::test]
async fn the_planted_build_knows_its_faults_by_name() {
    let output = std::process::Command::new(builds::planted())
        .arg("--version")
        .env("RECOUP_PLANT", "doubel")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("doubel") && said.contains("double, lost"),
        "{said}"
    );
}
