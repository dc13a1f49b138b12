//! Whatever happens to a case: its journal folds to its rows.

use proptest::prelude::*;
use recoup_store::conformance::fold::play;
use recoup_store::sqlite::{ClockStamp, Options, SqliteStore};

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
