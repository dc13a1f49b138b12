//! What the server tells a monitor: numbers, at `/metrics`, in the OpenMetrics text that Prometheus reads.
//!
//! [`table`] names every metric and says what it means; docs/metrics.md is written from it, and a test scrapes a
//! server and compares. No label names a person, a case or a lender: how many series there are hangs on the
//! contract, the configuration's channels and the rules, never on the portfolio.

pub mod listener;
pub mod meters;
mod scrape;
pub(crate) mod streams;
pub mod table;

pub use meters::Meters;
pub use scrape::scrape;
