//! The conformance kit over a good library and over bad ones.

#[path = "host/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use recoup_channel_host::Placement;
use recoup_channel_host::kit::{self, Report, Verdict};

use support::{Setup, example, message, sms};

/// See `support::placement`.
const ISOLATED: bool = true;

async fn report(path: &std::path::Path, config: &str, body: &str, level: u8) -> Report {
    let setup = Setup::new(path, config);
    let Placement::Isolated(isolation) = support::placement() else {
        panic!("the kit has each library in a process of its own");
    };
    let trial = kit::Trial {
        spec: setup.spec.clone(),
        isolation,
        sample: message(body),
        seed: 42,
        level,
    };
    kit::check(trial).await
}

fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report
        .checks
        .iter()
        .filter(|check| matches!(check.verdict, Verdict::Fail(_)));
    failed.map(|check| check.rule).collect()
}

const CARRIER: [&str; 3] = [
    "nothing leaves before `began`, nor past not_after",
    "a connection that is cut leaves it in doubt",
    "both requests of a contact carry its key",
];

fn verdict<'a>(report: &'a Report, rule: &str) -> &'a Verdict {
    let check = report.checks.iter().find(|check| check.rule == rule);
    &check
        .unwrap_or_else(|| panic!("`{rule}` was not tried"))
        .verdict
}

#[tokio::test]
async fn a_good_library_passes_all_of_it() {
    let config = serde_json::json!({
        "endpoint": format!("http://{}/x", kit::RECORDER), "username": "u", "password_secret": "pass",
        "from": "1", "dlr": true,
    });
    let good = report(&sms(), &config.to_string(), "hello", kit::LEVEL_MAX).await;
    assert_eq!(failed(&good), [""; 0], "{:#?}", good.checks);
    assert_eq!(good.checks.len(), 17);
    for rule in CARRIER {
        assert_eq!(verdict(&good, rule), &Verdict::Pass, "{rule}");
    }
}

#[tokio::test]
async fn what_does_not_lead_to_the_recorder_says_how_it_would() {
    let moody = report(
        &example("moody"),
        "{}",
        "nothing of this kind",
        kit::LEVEL_MAX,
    )
    .await;
    let Verdict::Skip(why) = verdict(&moody, CARRIER[0]) else {
        panic!("{:#?}", moody.checks)
    };
    assert!(why.contains("{recorder}"), "{why}");
}

/// Library, configuration, text; the rule that it breaks, and the level of that.
const BROKEN: [(&str, &str, &str, u8, &str); 15] = [
    ("no_entry", "", "x", 1, "it exports the entry symbol alone"),
    ("no_entry", "", "x", 1, "it loads"),
    ("other_major", "", "x", 1, "it loads"),
    (
        "moody",
        "{}",
        "ok",
        2,
        "past not_after nothing is sent, and that is said",
    ),
    (
        "moody",
        "{}",
        "panic",
        2,
        "past not_after nothing is sent, and that is said",
    ),
    (
        "moody",
        "{}",
        "block",
        2,
        "past not_after nothing is sent, and that is said",
    ),
    ("rude", "segfault", "x", 2, "calls at the same time all end"),
    ("rude", "exit", "x", 2, "unknown fields do no harm"),
    ("rude", "hog", "x", 2, "a call given up does no harm"),
    ("rude", "abort", "x", 3, "hostile payloads are answered"),
    (
        "rude",
        "double",
        "x",
        3,
        "no call is completed twice or late",
    ),
    (
        "rude",
        "print",
        "x",
        3,
        "it prints nothing and tells no secret",
    ),
    (
        "rude",
        "leak",
        "x",
        3,
        "1,000 instances leave no thread and no memory",
    ),
    (
        "rude",
        "thread",
        "x",
        3,
        "1,000 instances leave no thread and no memory",
    ),
    ("rude", "signal", "x", 3, "it takes over no signal"),
];

#[test]
fn each_rule_that_is_broken_is_found() {
    std::thread::scope(|scope| {
        for (name, config, body, level, rule) in BROKEN {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                let report = runtime.block_on(report(&example(name), config, body, level));
                assert!(
                    failed(&report).contains(&rule),
                    "{name} {config}: {:#?}",
                    report.checks
                );
            });
        }
    });
}
