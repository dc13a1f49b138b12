//! Libraries that were built once and stay as they are: what vendors have must load in every later core. How they were
//! made: `cargo xtask golden`; docs/channels/golden.md says by which compilers.
#![cfg(target_arch = "x86_64")] // as they are

#[path = "host/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::path::{Path, PathBuf};

use recoup_channel::DynChannel;
use recoup_channel_host::kit::{self, Verdict};
use recoup_channel_host::{Host, LoadSpec, Placement};
use sha2::{Digest, Sha256};

use support::{Gateway, Peer, Setup, TestClock, call, message};

/// See `support::placement`.
const ISOLATED: bool = true;

/// Each library and the SHA-256 that it had when it was made.
fn kept() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut kept = Vec::new();
    for abi in std::fs::read_dir(&root).expect("golden libraries") {
        let abi = abi.expect("an entry").path();
        let sums = std::fs::read_to_string(abi.join("SHA256SUMS")).expect("its sums");
        for line in sums.lines() {
            let (sum, name) = line.split_once("  ").expect("as sha256sum writes it");
            kept.push((abi.join(name), sum.to_owned()));
        }
    }
    kept
}

fn settings(endpoint: &str) -> String {
    serde_json::json!({
        "endpoint": endpoint, "username": "recoup", "from": "10690", "password_secret": "pass",
    })
    .to_string()
}

#[test]
fn they_are_what_they_were() {
    let kept = kept();
    assert!(kept.len() >= 3, "{kept:?}");
    for (path, sum) in kept {
        let bytes = std::fs::read(&path).expect("it is there");
        let is: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(is, sum, "{}", path.display());
    }
}

#[tokio::test]
async fn they_pass_the_kit_of_today() {
    for (path, sum) in kept() {
        let setup = Setup::new(&path, &settings(&format!("http://{}/x", kit::RECORDER)));
        let Placement::Isolated(isolation) = support::placement() else {
            panic!("the kit has each library in a process of its own");
        };
        let report = kit::check(kit::Trial {
            spec: setup.spec.clone(),
            isolation,
            sample: message("hello"),
            seed: 42,
            glibc: kit::Glibc::OLDEST,
            level: kit::LEVEL_MAX,
        })
        .await;
        assert!(report.passed(), "{}: {:#?}", path.display(), report.checks);
        assert_eq!(report.digest, sum);
        let passed = |check: &&kit::Check| check.verdict == Verdict::Pass;
        assert!(report.checks.iter().filter(passed).count() >= 19);
    }
}

async fn sends(path: &Path, placement: Placement) -> Result<(), String> {
    let peer = Peer::start(Gateway::Answer(202, "0: Accepted for delivery: 4711")).await;
    let setup = Setup::new(path, &settings(&peer.endpoint));
    let clock = TestClock::new();
    let spec = LoadSpec {
        placement,
        clock: clock.clone(),
        ..setup.spec.clone()
    };
    let channel = Host::load(spec).await.map_err(|e| e.to_string())?;
    let clock: std::sync::Arc<dyn recoup_channel::Clock> = clock;
    let (cx, _) = call(&clock, 5_000);
    let receipt = DynChannel::send(&channel, &cx, message("hello")).await;
    assert_eq!(receipt.expect("it is taken").provider_ref, "4711");
    let seen = peer.seen().await;
    assert!(seen.contains("text=hello"), "{seen}");
    Ok(())
}

#[tokio::test]
async fn they_send_in_either_place() {
    for (path, _) in kept() {
        let isolated = sends(&path, support::placement()).await;
        isolated.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        // Where its maker says that it may.
        match sends(&path, Placement::Inline).await {
            Ok(()) => {}
            Err(why) => assert!(
                path.ends_with("zig.so") && why.contains("isolated"),
                "{why}"
            ),
        }
    }
}
