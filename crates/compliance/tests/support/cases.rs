//! How many cases a property is asked, which the environment may say otherwise.

use proptest::prelude::ProptestConfig;

/// So many cases; `PROPTEST_CASES`, which a number set in code would overrule, has the last word.
pub(crate) fn cases(usual: u32) -> ProptestConfig {
    let told = std::env::var("PROPTEST_CASES");
    let told = told.ok().and_then(|text| text.parse().ok());
    ProptestConfig::with_cases(told.unwrap_or(usual))
}
