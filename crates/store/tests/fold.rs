//! Whatever happens to a case: its journal folds to its rows, on every backend.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use recoup_store::conformance::fold::play;
use recoup_store::sqlite::{Options, SqliteStore};
use recoup_store::{ClockStamp, postgres};
use recoup_testkit::cluster::Cluster;
use std::cell::Cell;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_history_folds_to_its_rows(history in recoup_testkit::arb::history(40)) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = SqliteStore::open(Options::new(dir.path(), ClockStamp::Stepped)).unwrap();
        runtime.block_on(play(&store, &history));
    }
}

#[test]
fn every_history_folds_to_its_rows_on_postgres() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let count = Cell::new(0);
    let config = ProptestConfig {
        cases: 24,
        ..ProptestConfig::default()
    };
    let histories = recoup_testkit::arb::history(40);
    let done = TestRunner::new(config).run(&histories, |history| {
        count.set(count.get() + 1);
        let url = cluster.database(&format!("fold-{}", count.get()));
        runtime.block_on(async {
            let options = postgres::Options::new(url, ClockStamp::Stepped);
            let store = postgres::PostgresStore::open(options).await.unwrap();
            play(&store, &history).await;
        });
        Ok(())
    });
    done.unwrap();
}
