//! The conformance kit over a good library and over bad ones.

#[path = "host/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::path::Path;

use recoup_channel_host::Placement;
use recoup_channel_host::kit::{self, Report, Verdict};

use support::{Setup, example, message, message_about, plugin, sms};

/// See `support::placement`.
const ISOLATED: bool = true;

async fn report(path: &Path, config: &str, body: &str, level: u8) -> Report {
    let setup = Setup::new(path, config);
    let Placement::Isolated(isolation) = support::placement() else {
        panic!("the kit has each library in a process of its own");
    };
    let trial = kit::Trial {
        spec: setup.spec.clone(),
        isolation,
        sample: message(body),
        seed: 42,
        glibc: kit::Glibc::OLDEST,
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

/// What the kit says of a library for servers with this C library.
async fn of_servers_with(glibc: &str, library: &Path) -> Verdict {
    let Placement::Isolated(isolation) = support::placement() else {
        panic!("the kit has each library in a process of its own");
    };
    let trial = kit::Trial {
        spec: Setup::new(library, "{}").spec.clone(),
        isolation,
        sample: message("x"),
        seed: 42,
        glibc: glibc.parse().expect("a version"),
        level: 1,
    };
    let told = kit::check(trial).await;
    verdict(&told, "it loads with the C library of its servers").clone()
}

/// A library that loads has no say in which C library it needs; the figure is what counts.
#[tokio::test]
async fn a_library_for_newer_servers_alone_is_told() {
    let library = example("loner");
    let Verdict::Fail(why) = of_servers_with("2.2", &library).await else {
        panic!("it is for newer ones");
    };
    assert!(why.contains("and is for servers with 2.2: build"), "{why}");
    assert_eq!(of_servers_with("3.0", &library).await, Verdict::Pass);
    assert!("2".parse::<kit::Glibc>().is_err());
}

/// Relocations that are packed need no function of the C library, but its loader.
#[tokio::test]
async fn packed_relocations_are_for_newer_servers() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, library) = (
        folder.path().join("packed.c"),
        folder.path().join("libpacked.so"),
    );
    let text = "static int there;\nstatic int *const table[] = {&there, &there};\n\
                const void *recoup_channel_entry_v1(unsigned minor) { return table[minor & 1]; }\n";
    std::fs::write(&source, text).expect("the source");
    let built = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-Wl,-z,pack-relative-relocs", "-o"])
        .args([&library, &source])
        .status()
        .expect("this test needs a C compiler named cc");
    assert!(built.success());
    let Verdict::Fail(why) = of_servers_with("2.35", &library).await else {
        panic!("the loader of 2.35 does not know them");
    };
    assert!(why.contains("needs glibc 2.36"), "{why}");
    assert_eq!(of_servers_with("2.36", &library).await, Verdict::Pass);
}

const DOUBT: &str = "an answer that says nothing leaves it in doubt";
const ONCE: &str = "one `send` is one request";

const CARRIER: [&str; 6] = [
    "nothing leaves before `began`, nor past not_after",
    "a connection that is cut leaves it in doubt",
    DOUBT,
    ONCE,
    "both requests of a contact carry its key",
    "killed amid a send, a new process takes the contact over",
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
    assert_eq!(good.checks.len(), 24);
    assert_eq!(good.level(), kit::LEVEL_MAX);
    for rule in CARRIER {
        assert_eq!(verdict(&good, rule), &Verdict::Pass, "{rule}");
    }
}

/// The others that come with the server, with what leads each to the recorder.
#[tokio::test]
async fn each_channel_of_the_server_passes() {
    use recoup_channel::wire::destination::To;
    use recoup_channel::wire::{Desk, Destination, PostalAddress};
    let address = PostalAddress {
        lines: vec!["1 Example Road".into(), "Shanghai".into()],
        ..PostalAddress::default()
    };
    let desk = Desk {
        id: "default".into(),
        ..Desk::default()
    };
    let channels = [
        (
            "visit",
            To::Postal(address),
            serde_json::json!({"collection_url": format!("http://{}/c/", kit::RECORDER), "domain": "a.example",
                "username": "u", "password_secret": "pass"}),
        ),
        (
            "legal",
            To::Desk(desk),
            serde_json::json!({"endpoint": format!("http://{}/x", kit::RECORDER), "token_secret": "pass"}),
        ),
        (
            "phone",
            To::E164("+8613800000001".into()),
            serde_json::json!({"base_url": format!("http://{}", kit::RECORDER), "account_sid": "AC1",
                "auth_token_secret": "pass", "from": "+12025550100"}),
        ),
    ];
    for (name, to, config) in channels {
        let setup = Setup::new(&plugin(name), &config.to_string());
        let Placement::Isolated(isolation) = support::placement() else {
            panic!("the kit has each library in a process of its own");
        };
        let mut sample = message_about("hello", "A trial");
        sample.effect_from_unix_ms = kit::NOW_UNIX_MS;
        sample.effect_to_unix_ms = kit::NOW_UNIX_MS + 3_600_000;
        sample.callback_url = "https://callbacks.example.com/trial".into();
        sample.destination = Some(Destination {
            to: Some(to),
            display_name: "Nobody".into(),
        });
        let trial = kit::Trial {
            spec: setup.spec.clone(),
            isolation,
            sample,
            seed: 42,
            glibc: kit::Glibc::OLDEST,
            level: kit::LEVEL_MAX,
        };
        let report = kit::check(trial).await;
        assert_eq!(failed(&report), [""; 0], "{name}: {:#?}", report.checks);
        assert_eq!(
            report.level(),
            kit::LEVEL_MAX,
            "{name}: {:#?}",
            report.checks
        );
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
    let Verdict::Untried(why) = verdict(&moody, CARRIER[0]) else {
        panic!("{:#?}", moody.checks)
    };
    assert!(why.contains("{recorder}"), "{why}");
    assert!(moody.passed());
    assert_eq!(moody.level(), 3, "what was not tried is not passed");
}

/// What is wrong about the papers of a library is found before it is run, and so is what is wrong about its settings.
#[tokio::test]
async fn what_a_server_would_refuse_is_told() {
    let config = serde_json::json!({
        "endpoint": "http://127.0.0.1:9/x", "username": "u", "password_secret": "nobody", "from": "1",
        "segments_max": "many", "sender": "x",
    });
    let wrong = report(&sms(), &config.to_string(), "hello", 1).await;
    let Verdict::Fail(why) = verdict(&wrong, "its settings are what its schema says") else {
        panic!("{:#?}", wrong.checks)
    };
    for word in [
        "/password_secret: names a secret",
        "/segments_max: ",
        "/sender: the library has no such setting",
    ] {
        assert!(why.contains(word), "{word} in {why}");
    }
    assert_eq!(wrong.level(), 0);
    let vague = report(&example("vague"), "{}", "x", 1).await;
    let Verdict::Fail(why) = verdict(&vague, "its descriptor is one to go by") else {
        panic!("{:#?}", vague.checks)
    };
    for word in [
        "its version `new-one` is none",
        "no JSON",
        "its egress `a:b:c` is no",
    ] {
        assert!(why.contains(word), "{word} in {why}");
    }
    assert_eq!(vague.digest.len(), 64);
}

/// What is made of an answer, the rule that it breaks, and after which answers.
const MISREAD: [(&str, &str, &[&str]); 6] = [
    (
        "trusts-5xx",
        DOUBT,
        &["a 500: ", "a proxy's 502: ", "a 503 that", "a 504: "],
    ),
    ("trusts-200", DOUBT, &["a page in HTML with 200: a receipt"]),
    ("trusts-silence", DOUBT, &["a 200 without a word: "]),
    (
        "trusts-halves",
        DOUBT,
        &["half a status line: ", "words that are no HTTP: "],
    ),
    ("repeats", ONCE, &["a 503 that names a time: 2 requests"]),
    ("follows", ONCE, &["a redirect: 2 requests"]),
];

#[tokio::test]
async fn an_answer_that_is_misread_is_found() {
    for (lie, rule, after) in MISREAD {
        let config = format!("{lie} {{recorder}}");
        let report = report(&example("liar"), &config, "x", kit::LEVEL_MAX).await;
        assert_eq!(failed(&report), [rule], "{lie}: {:#?}", report.checks);
        let Verdict::Fail(why) = verdict(&report, rule) else {
            panic!("it failed")
        };
        for answer in after {
            assert!(why.contains(answer), "{lie}: {answer} in {why}");
        }
        assert_eq!(
            why.matches("after ").count(),
            after.len(),
            "no other answer: {why}"
        );
        assert_eq!(report.level(), 3);
    }
}

const LATE: &str = "past not_after nothing is sent, and that is said";

/// Library, configuration, text; the rule that it breaks, and the level of that.
const BROKEN: [(&str, &str, &str, u8, &str); 27] = [
    // panic
    ("moody", "{}", "panic", 2, LATE),
    // abort
    ("rude", "abort", "x", 3, "hostile payloads are answered"),
    // segfault
    ("rude", "segfault", "x", 2, "calls at the same time all end"),
    ("rude", "exit", "x", 2, "unknown fields do no harm"),
    // hang
    ("moody", "{}", "block", 2, LATE),
    // sleep past its time
    ("rude", "late", "x", 2, LATE),
    // memory hog
    ("rude", "hog", "x", 2, "a call given up does no harm"),
    // leak
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
    // fork
    ("rude", "fork", "x", 3, "it starts no process"),
    // closes descriptors
    ("rude", "close descriptors", "x", 2, LATE),
    // garbage
    ("rude", "garbage", "x", 2, LATE),
    // oversized
    ("rude", "too large", "x", 2, LATE),
    // late
    ("rude", "after the end", "x", 2, LATE),
    // double
    (
        "rude",
        "double",
        "x",
        3,
        "no call is completed twice or late",
    ),
    // foreign
    (
        "rude",
        "foreign ids",
        "x",
        3,
        "no call is completed twice or late",
    ),
    // lies
    ("moody", "{}", "ok", 2, LATE),
    (
        "liar",
        "unannounced {recorder}",
        "x",
        4,
        "nothing leaves before `began`, nor past not_after",
    ),
    (
        "liar",
        "denies {recorder}",
        "x",
        4,
        "a connection that is cut leaves it in doubt",
    ),
    (
        "liar",
        "sure {recorder}",
        "x",
        4,
        "a connection that is cut leaves it in doubt",
    ),
    (
        "liar",
        "keyless {recorder}",
        "x",
        4,
        "both requests of a contact carry its key",
    ),
    (
        "liar",
        "forgets {recorder}",
        "x",
        4,
        "killed amid a send, a new process takes the contact over",
    ),
    // wrong ABI
    ("other_major", "", "x", 1, "it loads"),
    ("no_entry", "", "x", 1, "it exports the entry symbol alone"),
    ("no_entry", "", "x", 1, "it loads"),
    (
        "rude",
        "print",
        "x",
        3,
        "it prints nothing and tells no secret",
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
