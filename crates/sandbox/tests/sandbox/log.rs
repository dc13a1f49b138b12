//! The log as a whole.

use std::os::unix::fs::PermissionsExt;

use recoup_sandbox::{Error, Options};
use serde_json::Value;

use crate::support::{get, http, sms_url, start, start_stepped};

#[tokio::test]
async fn many_at_once_are_numbered_without_gaps_in_order() {
    let world = start(|_| {}).await;
    let mut sends = tokio::task::JoinSet::new();
    for i in 0..200 {
        let url = sms_url(&world.at, &format!("+86{}", i % 20), &format!("k{i}"), "");
        sends.spawn(async move { get(&url).await.0 });
    }
    assert!(sends.join_all().await.iter().all(|status| *status == 202));
    let lines = world.lines();
    assert_eq!(
        lines[0],
        serde_json::json!({"type":"open","format":1,"seed":42,"clock":"live"})
    );
    let receipts = world.of_type("receipt");
    for (i, receipt) in receipts.iter().enumerate() {
        assert_eq!(receipt["n"].as_u64(), Some(i as u64 + 1));
    }
    for i in 0..20 {
        let to = format!("+86{i}");
        let ordinals: Vec<_> = receipts
            .iter()
            .filter(|r| r["dest"] == to)
            .map(|r| r["ordinal"].as_u64())
            .collect();
        assert_eq!(ordinals, (0..10).map(Some).collect::<Vec<_>>());
    }
    let mode = std::fs::metadata(world.log_path())
        .expect("the log")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let (_, stats) = get(&format!("{}/control/stats", world.at.control)).await;
    let stats: Value = serde_json::from_str(&stats).expect("JSON");
    assert_eq!(stats["counts"]["receipt.sms.202"], 200);
}

/// What a run of one seed leaves, without what real time leaves.
async fn run(seed: u64) -> Vec<Value> {
    let (world, mut clock) = start_stepped(|o| o.seed = seed).await;
    for i in 0..60 {
        get(&sms_url(
            &world.at,
            &format!("+86{}", i % 40),
            &format!("k{i}"),
            "",
        ))
        .await;
    }
    let url = format!("{}/crews/k1.ics", world.at.caldav);
    let event = b"BEGIN:VEVENT\nUID:k1@x\nDTSTART:20261125T020000Z\nDURATION:PT1H\nEND:VEVENT\n";
    assert_eq!(
        http(&url, "PUT", &[], event).await.expect("an answer").0,
        201
    );
    while let Some(next) = clock.quiet().await {
        clock.now(next).await;
    }
    let mut lines = world.lines();
    for line in &mut lines {
        for real in ["wall_us", "mono_us"] {
            line.as_object_mut().expect("an object").remove(real);
        }
    }
    // Those of one instant are written by tasks of their own, in any order.
    lines.sort_by_key(|line| (line["n"].as_u64(), line["at_us"].as_i64(), line.to_string()));
    lines
}

#[tokio::test]
async fn equal_seeds_leave_equal_logs() {
    let first = run(7).await;
    assert_eq!(first, run(7).await);
    assert_ne!(first, run(8).await);
}

#[tokio::test]
async fn a_log_is_one_run() {
    let world = start(|_| {}).await;
    let path = world.log_path();
    world.running.shutdown().await;
    let again = recoup_sandbox::start(Options::new(&path)).await;
    assert!(matches!(again, Err(Error::LogNotEmpty { .. })));
    let nowhere = recoup_sandbox::start(Options::new("/nonexistent/x.log")).await;
    assert!(matches!(nowhere, Err(Error::Log { .. })));
}
