//! A day at the terminal: what the lender, an agent and a second person tell by commands alone, and what the
//! server makes of it.

use std::process::Command;

use recoup::api::recoup::v1;
use serde_json::Value;
use v1::ContactState;

use crate::support::World;
use crate::support::builds;
use crate::support::process::until;
use crate::support::scenes::{self, Loan};

/// A text, a visit, and a mail that a second person approves.
const POLICY: &str = r"name: day
stages:
  - name: all
    enter: case.dpd >= 1
    steps:
      - {channel: sms, template: reminder, max: 1}
  - name: then
    enter: case.dpd >= 1 && contacts.any.made >= 1
    steps:
      - {channel: visit, template: visit_brief, max: 1}
      - {channel: email, template: statement_mail, max: 1, approval: required}
";

/// A person at a terminal.
struct Person<'a> {
    world: &'a World,
    token: &'static str,
}

impl Person<'_> {
    fn try_to(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(builds::recoup());
        command.args(args);
        command.env(
            "RECOUP_SERVER",
            format!("http://{}", self.world.server.api()),
        );
        command.env("RECOUP_TOKEN", self.token);
        let done = command.output().expect("recoup runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (done.status.code(), text(done.stdout), text(done.stderr))
    }

    /// A command that is done; what it says in JSON, its last page.
    fn says(&self, args: &[&str]) -> Value {
        let (code, out, err) = self.try_to(&[args, &["--json"]].concat());
        assert_eq!(code, Some(0), "{args:?}: {err}");
        let last = out.lines().last().expect("a line");
        serde_json::from_str(last).unwrap_or_else(|e| panic!("{args:?}: {e}: {out}"))
    }

    /// A command that is done; what a person reads.
    fn reads(&self, args: &[&str]) -> String {
        let (code, out, err) = self.try_to(args);
        assert_eq!(code, Some(0), "{args:?}: {err}");
        out
    }

    /// A command that is not done: exit code and why.
    fn fails(&self, args: &[&str]) -> (i32, String) {
        let (code, _, err) = self.try_to(args);
        let code = code.expect("an exit code");
        assert_ne!(code, 0, "{args:?}");
        (code, err)
    }
}

fn text(value: &Value, path: &str) -> String {
    let found = value.pointer(path).and_then(Value::as_str);
    found
        .unwrap_or_else(|| panic!("{path} in {value}"))
        .to_owned()
}

#[tokio::test]
async fn a_day_at_the_terminal() {
    let world = World::live(&["sms", "visit", "email"], POLICY).await;
    let [ana, ben] = ["dev-ana", "dev-ben"].map(|token| Person {
        world: &world,
        token,
    });
    collectors(&ana);
    let loan = Loan::at_noon(1);
    let case = scenes::open(&world.ana, &loan).await.case_id;
    let visit = until("an appointment", async || {
        let all = scenes::contacts_of(&world.ana, &case).await;
        let made = |c: &v1::Contact| c.channel == "visit" && c.state() == ContactState::Accepted;
        all.into_iter().find(made)
    });
    let visit = visit.await;
    let mail = scenes::until_contact(&world.ana, &case, ContactState::Planned).await;

    approval(&ana, &ben, &mail.contact_id);
    talk(&ana, &ben, &visit.contact_id);
    money(&ana, &case);
    pauses(&ana, &ben);
    rights(&ana, &ben);
    policies(&ana);
    the_end(&ana, &case);
}

fn collectors(ana: &Person<'_>) {
    for name in ["li", "wang"] {
        let made = ana.says(&[
            "collector",
            "put",
            name,
            "--name",
            name,
            "--credential",
            "field_visit:7:2099-12-31",
        ]);
        assert_eq!(made["created"], true);
    }
    // What is not said stays.
    let again = ana.says(&["collector", "put", "li", "--name", "Li Lei"]);
    assert_eq!(text(&again, "/collector/credentials/0/kind"), "field_visit");
    assert!(ana.reads(&["collector", "list"]).contains("Li Lei"));
}

fn approval(ana: &Person<'_>, ben: &Person<'_>, mail: &str) {
    let waits = ana.says(&["report", "worklist", "--filter", "reason = approval"]);
    assert_eq!(text(&waits, "/items/0/contactId"), mail);
    let (code, why) = ana.fails(&["contact", "approve", mail]);
    assert!(code == 1 && why.contains("SAME_PERSON"), "{why}");
    ben.says(&["contact", "approve", mail]);
    assert!(
        ana.reads(&["contact", "get", mail])
            .contains("statement_mail")
    );
}

fn money(ana: &Person<'_>, case: &str) {
    let pay = [
        "case",
        "pay",
        "L1",
        "--amount",
        "100.50 CNY",
        "--payment",
        "P1",
        "--request-id",
        "pay-1",
    ];
    let paid = ana.says(&pay);
    assert_eq!(text(&paid, "/case/facts/overdue/units"), "499");
    assert_eq!(text(&paid, "/case/caseId"), case);
    let (_, why) = ana.fails(&["case", "pay", "L1", "--amount", "1 JPY", "--payment", "P2"]);
    assert!(why.contains("JPY"), "{why}");
    let (code, why) = ana.fails(&["case", "pay", "L1", "--amount", "lots", "--payment", "P2"]);
    assert!(code == 2 && why.contains("600.50 CNY"), "{why}");
    let back = ana.says(&[
        "case",
        "reverse-payment",
        "L1",
        "--payment",
        "P1",
        "--reason",
        "bounced",
    ]);
    assert_eq!(text(&back, "/case/facts/overdue/units"), "600");
    let now = ana.says(&[
        "case",
        "update",
        "L1",
        "--overdue",
        "CNY 700",
        "--willingness",
        "40",
    ]);
    assert_eq!(text(&now, "/case/facts/overdue/units"), "700");
    let papers = ana.says(&[
        "case",
        "document",
        "L1",
        "--kind",
        "identity",
        "--evidence",
        "Cargo.toml",
    ]);
    let last = papers["case"]["documents"]
        .as_array()
        .expect("papers")
        .len()
        - 1;
    assert_eq!(
        text(&papers, &format!("/case/documents/{last}/kind")),
        "DOCUMENT_KIND_IDENTITY"
    );
}

/// An appointment, and what came of it.
fn talk(ana: &Person<'_>, ben: &Person<'_>, visit: &str) {
    // Nothing came of the visit before its appointment: the server says so.
    let (code, why) = ana.fails(&[
        "contact",
        "resolve",
        visit,
        "--resolution",
        "accepted",
        "--evidence",
        "Cargo.toml",
        "--reason",
        "they rang",
    ]);
    assert!(code == 1 && why.contains("CONTACT_STATE"), "{why}");
    let (code, why) = ana.fails(&["contact", "report", visit, "--outcome", "happy"]);
    assert!(code == 2 && why.contains("nobody_contacted"), "{why}");
    let seen = ben.says(&[
        "contact",
        "report",
        visit,
        "--outcome",
        "visited",
        "--note",
        "paid half in cash",
    ]);
    assert_eq!(text(&seen, "/contact/outcome"), "OUTCOME_VISITED");
    let told = ana.reads(&["case", "timeline", "L1"]);
    assert!(told.contains("half in cash"), "{told}");
}

fn pauses(ana: &Person<'_>, ben: &Person<'_>) {
    let held = ana.says(&["case", "hold", "L1", "--reason", "asked"]);
    assert_eq!(text(&held, "/case/status"), "CASE_STATUS_PAUSED");
    ana.says(&["case", "release", "L1"]);
    let disputed = ana.says(&[
        "case",
        "dispute",
        "L1",
        "--statement",
        "not mine",
        "--written",
    ]);
    let dispute = text(&disputed, "/disputeId");
    ben.says(&[
        "case",
        "resolve-dispute",
        &dispute,
        "--verified",
        "--note",
        "signed",
    ]);
    let filed = ana.says(&["case", "complain", "L1", "--statement", "too loud"]);
    let complaint = text(&filed, "/complaintId");
    let done = ben.says(&[
        "case",
        "resolve-complaint",
        &complaint,
        "--note",
        "apologised",
    ]);
    assert_eq!(text(&done, "/case/status"), "CASE_STATUS_OPEN");
    let due = "2026-01-01";
    let (code, why) = ana.fails(&["case", "promise", "L1", "--amount", "50 CNY", "--due", due]);
    assert!(code == 1 && why.contains("due_date"), "{why}");
    let due = scenes::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let due = due
        .checked_add(jiff::Span::new().days(9))
        .expect("a day")
        .to_string();
    let promised = ana.reads(&["case", "promise", "L1", "--amount", "50 CNY", "--due", &due]);
    assert!(
        promised.contains(&due) && promised.contains("CNY 50.00"),
        "{promised}"
    );
}

fn rights(ana: &Person<'_>, ben: &Person<'_>) {
    let shown = ana.reads(&["borrower", "get", "B1"]);
    assert!(
        shown.contains("Borrower 1") && shown.contains("mobile"),
        "{shown}"
    );
    let out = ana.says(&[
        "borrower",
        "opt-out",
        "B1",
        "--channel",
        "sms",
        "--via",
        "letter",
    ]);
    let id = text(&out, "/optOutId");
    ben.says(&[
        "borrower",
        "withdraw-opt-out",
        &id,
        "--evidence",
        "Cargo.toml",
    ]);
    let given = ana.says(&[
        "borrower",
        "consent",
        "B1",
        "--kind",
        "off-hours",
        "--source",
        "letter",
        "--evidence",
        "Cargo.toml",
    ]);
    let shown = ana.reads(&["borrower", "get", "B1"]);
    let id = text(&given, "/consentId");
    for words in ["by letter (paper on file)", "without end", id.as_str()] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    ana.says(&["borrower", "withdraw-consent", &id]);
    ana.says(&["borrower", "attorney", "B1"]);
    let free = ana.says(&["borrower", "attorney", "B1", "--ended"]);
    assert!(free["party"]["circumstances"].is_null(), "{free}");
    let (code, _) = ana.fails(&["borrower", "circumstance", "B1"]);
    assert_eq!(code, 2);
    ana.says(&["borrower", "circumstance", "B1", "--employer-ban", "true"]);
    ana.says(&[
        "borrower",
        "circumstance",
        "B1",
        "--inconvenient-time",
        "6,7 09:00-12:00",
    ]);
    let poor = ana.says(&["borrower", "hardship", "B1", "--kind", "illness"]);
    assert_eq!(poor["caseIds"].as_array().map(Vec::len), Some(1), "{poor}");
    let ceased = ana.says(&[
        "borrower",
        "cease",
        "B1",
        "--written",
        "--evidence",
        "Cargo.toml",
    ]);
    assert_eq!(
        ceased["party"]["ceases"].as_array().map(Vec::len),
        Some(1),
        "{ceased}"
    );
}

fn policies(ana: &Person<'_>) {
    let all = ana.says(&["policy", "list"]);
    let id = text(&all, "/policies/0/policyId");
    assert!(ana.reads(&["policy", "get", "day"]).contains("visit_brief"));
    assert_eq!(
        text(&ana.says(&["policy", "get", &id]), "/policy/name"),
        "day"
    );
    assert!(ana.reads(&["policy", "templates"]).contains("reminder"));
    // The law they are judged by, and what of it is switched off.
    let law = ana.reads(&["law"]);
    assert!(law.contains("us-fed") && law.contains("house"), "{law}");
    let packs = ana.says(&["law", "us-nyc"]);
    assert_ne!(text(&packs, "/packs/0/offBecause"), "");
    assert!(ana.reads(&["law", "cn"]).contains("CN-GBT45251-TIME"));
    assert_eq!(ana.fails(&["law", "atlantis"]).0, 2);
}

/// The same words again are done once; what happened is followed from any cursor; the case ends.
fn the_end(ana: &Person<'_>, case: &str) {
    let wrong = ["case", "close", "L1", "--reason", "cured"];
    assert!(ana.fails(&wrong).1.contains("FIELD_INVALID"));
    let close = [
        "case",
        "close",
        "L1",
        "--reason",
        "written-off",
        "--request-id",
        "close-1",
    ];
    let closed = ana.says(&close);
    assert_eq!(closed, ana.says(&close));
    assert_eq!(
        text(&closed, "/case/closeReason"),
        "CLOSE_REASON_WRITTEN_OFF"
    );
    let all = ana.reads(&["events", "--case", case, "--json"]);
    let lines: Vec<Value> = all
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    let kinds = |lines: &[Value]| -> Vec<String> {
        let kind = |l: &Value| {
            l.pointer("/event/kind")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        lines.iter().filter_map(kind).collect()
    };
    assert!(
        kinds(&lines).contains(&"EVENT_KIND_CASE_CLOSED".to_owned()),
        "{all}"
    );
    let half = lines.len() / 2;
    let cursor = text(&lines[half - 1], "/cursor");
    let rest = ana.reads(&["events", "--case", case, "--cursor", &cursor, "--json"]);
    let rest: Vec<Value> = rest
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(kinds(&rest), kinds(&lines[half..]));
    let (code, _) = ana.fails(&["borrower", "get", "nobody-of-that-name"]);
    assert_eq!(code, 1);
}
