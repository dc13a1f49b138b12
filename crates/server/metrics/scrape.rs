//! Gathers every figure from where it is counted, and writes the text.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use recoup_engine::CommandError;
use recoup_engine::figures::ChannelFigures;
use recoup_store::Scope;
use recoup_store::figures::{Fact, Figures, Spread};
use tokio_rustls::rustls::pki_types::UnixTime;

use super::table::{self, Kind, Metric};
use crate::disk::free_bytes;
use crate::services::Edge;

/// Stands for a channel that the configuration does not name.
const OTHER: &str = "other";

/// Why there is nothing to tell.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// The store does not answer.
    #[error("the store does not answer")]
    Store(#[from] CommandError),
    /// The text could not be written.
    #[error("the text could not be written")]
    Text(#[from] fmt::Error),
}

/// The text of a scrape.
///
/// # Errors
/// Where the store does not answer.
pub async fn scrape(edge: &Edge) -> Result<String, ScrapeError> {
    let mut page = Page::default();
    process(&mut page, edge);
    api(&mut page, edge);
    work(&mut page, edge).await?;
    store(&mut page, edge, &edge.engine.store_figures());
    channels(&mut page, edge).await;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(page));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
enum Value {
    Count(u64),
    Level(f64),
    Spread(Spread),
}

impl From<u64> for Value {
    fn from(n: u64) -> Self {
        Self::Count(n)
    }
}

impl From<Spread> for Value {
    fn from(spread: Spread) -> Self {
        Self::Spread(spread)
    }
}

/// A level; counts of things are far below where it loses digits.
#[expect(
    clippy::cast_precision_loss,
    reason = "53 bits are enough for counts and bytes"
)]
fn level(n: impl TryInto<i64>) -> Value {
    Value::Level(n.try_into().unwrap_or(i64::MAX) as f64)
}

fn flag(is: bool) -> Value {
    level(i64::from(is))
}

type Sample = (Vec<(&'static str, String)>, Value);

/// What is told, by metric.
#[derive(Debug, Default)]
struct Page(BTreeMap<&'static str, Vec<Sample>>);

impl Page {
    fn put(&mut self, metric: &'static Metric, labels: &[&str], value: impl Into<Value>) {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
        let values = labels.iter().map(|l| (*l).to_owned());
        let labels = metric.labels.iter().copied().zip(values).collect();
        self.0
            .entry(metric.name)
            .or_default()
            .push((labels, value.into()));
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in table::ALL {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for (labels, value) in self.0.get(metric.name).into_iter().flatten() {
                if labels.is_empty() {
                    write(&mut family, value)?;
                } else {
                    write(&mut family.encode_family(labels)?, value)?;
                }
            }
        }
        Ok(())
    }
}

fn write(metric: &mut MetricEncoder<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Count(n) => metric.encode_counter::<NoLabelSet, _, f64>(n, None),
        Value::Level(n) => metric.encode_gauge(n),
        Value::Spread(spread) => {
            let bounds = spread.bounds.iter().copied().chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(spread.counts.iter().copied()).collect();
            metric.encode_histogram::<NoLabelSet>(spread.sum, spread.count(), &buckets, None)
        }
    }
}

fn process(page: &mut Page, edge: &Edge) {
    let decision = recoup_decide::DECISION_VERSION.to_string();
    page.put(
        &table::BUILD,
        &[env!("CARGO_PKG_VERSION"), &decision],
        flag(true),
    );
    page.put(&table::STARTED, &[], level(edge.started.as_second()));
    page.put(&table::HALTED, &[], flag(edge.engine.is_halted()));
    let is_trusted = edge.engine.clock_trouble().is_none();
    page.put(&table::CLOCK_TRUSTED, &[], flag(is_trusted));
    let skew = edge.engine.clock_guard().and_then(|guard| guard.skew());
    if let Some(skew) = skew {
        page.put(&table::CLOCK_SKEW, &[], Value::Level(skew.as_secs_f64()));
    }
    page.put(
        &table::FREE_BYTES,
        &[],
        free_bytes(&edge.store_dir).map_or(level(-1_i64), level),
    );
}

fn api(page: &mut Page, edge: &Edge) {
    let meters = &edge.meters;
    for ((method, code), n) in meters.calls() {
        page.put(&table::CALLS, &[&method, code], n);
    }
    for (method, spread) in meters.call_seconds() {
        page.put(&table::CALL_SECONDS, &[&method], spread);
    }
    page.put(
        &table::CALLS_UNDER_WAY,
        &[],
        level(meters.calls_under_way()),
    );
    let counts = [
        (&table::CONNECTIONS, &meters.connections),
        (&table::CERTIFICATES, &meters.certificates),
        (&table::CALLBACKS, &meters.callbacks),
        (&table::IMPORT_ROWS, &meters.import_rows),
    ];
    for (metric, counts) in counts {
        for (label, n) in counts.read() {
            page.put(metric, &[label], n);
        }
    }
    for ((method, code), n) in meters.stream_ends.read() {
        page.put(&table::STREAM_ENDS, &[&method, code], n);
    }
    // By the clock that handshakes go by, whatever the clock of policies says.
    let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
    for (whose, at) in meters.certificate_ends() {
        page.put(&table::CERTIFICATE_SECONDS, &[whose], level(at - now));
    }
    let open = meters.connections_open.load(Ordering::Relaxed);
    page.put(&table::CONNECTIONS_OPEN, &[], level(open));
    let watchers = meters.watchers.load(Ordering::Relaxed);
    page.put(&table::WATCHERS, &[], level(watchers));
    let slow = meters.watchers_slow.load(Ordering::Relaxed);
    page.put(
        &table::WATCHERS_SLOW,
        &[],
        u64::try_from(slow).unwrap_or(u64::MAX),
    );
}

/// What is due and what is stopped, over all lenders.
async fn work(page: &mut Page, edge: &Edge) -> Result<(), ScrapeError> {
    let (mut due, mut oldest) = (0_u64, None::<Timestamp>);
    let mut now = edge.engine.wall().now();
    for tenant in edge.engine.tenants() {
        let status = edge.engine.status(&tenant.id).await?;
        now = status.clock.now;
        due += status.store.due;
        oldest = [oldest, status.store.next_due].into_iter().flatten().min();
    }
    let lag = oldest.map_or(0, |at| now.duration_since(at).as_secs().max(0));
    page.put(&table::DUE, &[], level(due));
    page.put(&table::LAG, &[], level(lag));
    let switches = edge.engine.store().switches().await;
    let switches = switches.map_err(CommandError::from)?;
    for (scope, is) in [
        ("all", (|s| matches!(s, Scope::All)) as fn(&Scope) -> bool),
        ("lender", |s| matches!(s, Scope::Tenant { .. })),
        ("channel", |s| matches!(s, Scope::Channel { .. })),
        ("restored", |s| matches!(s, Scope::Restored)),
    ] {
        let laid = switches.iter().filter(|s| s.paused && is(&s.scope)).count();
        page.put(&table::PAUSES, &[scope], level(laid));
    }
    page.put(&table::HELD, &[], level(edge.engine.held_back()));
    let position = *edge.engine.newest().borrow();
    page.put(&table::POSITION, &[], level(position));
    Ok(())
}

/// What the store counted.
fn store(page: &mut Page, edge: &Edge, figures: &Figures) {
    for status in ["open", "paused", "legal", "closed"] {
        let n = figures.cases.get(status).copied().unwrap_or(0);
        page.put(&table::CASES, &[status], level(n));
    }
    for ((class, state), n) in &figures.contacts {
        page.put(&table::CONTACTS, &[class, state], level(*n));
    }
    let mut opened = 0;
    // Several channels may be `other`: a series must be there once.
    let mut by_channel: BTreeMap<(&str, &str, bool), u64> = BTreeMap::new();
    for (fact, n) in &figures.facts {
        match fact {
            Fact::Opened => opened = *n,
            Fact::Entered(channel, state) => {
                *by_channel
                    .entry((known(edge, channel), state, true))
                    .or_default() += n;
            }
            Fact::Outcome(channel, outcome) => {
                *by_channel
                    .entry((known(edge, channel), outcome, false))
                    .or_default() += n;
            }
            Fact::Denied(rule) => page.put(&table::DENIALS, &[rule], *n),
            Fact::Skipped(reason) => page.put(&table::SKIPS, &[reason], *n),
        }
    }
    for ((channel, what, is_state), n) in by_channel {
        let metric = if is_state {
            &table::ENTERED
        } else {
            &table::OUTCOMES
        };
        page.put(metric, &[channel, what], n);
    }
    page.put(&table::CASES_OPENED, &[], opened);
    page.put(&table::GROUP_SECONDS, &[], figures.group_seconds.clone());
    page.put(&table::GROUP_CHANGES, &[], figures.group_changes.clone());
}

fn known<'a>(edge: &'a Edge, channel: &str) -> &'a str {
    let mut names = edge.channels.iter().map(|c| c.config.name.as_str());
    names.find(|name| *name == channel).unwrap_or(OTHER)
}

async fn channels(page: &mut Page, edge: &Edge) {
    for own in edge.channels.iter() {
        let name = own.config.name.as_str();
        let live = own.live();
        page.put(&table::CHANNEL_LOADED, &[name], flag(live.is_some()));
        let is_healthy = match live {
            Some(live) => {
                let state = live.channel.state().await;
                state.circuit_open_after.is_none() && state.remaking_failed.is_none()
            }
            None => false,
        };
        page.put(&table::CHANNEL_HEALTHY, &[name], flag(is_healthy));
    }
    for figures in edge.engine.channel_figures() {
        channel(page, figures);
    }
}

fn channel(page: &mut Page, c: ChannelFigures) {
    let name = c.name.as_str();
    page.put(&table::CHANNEL_IN_FLIGHT, &[name], level(c.in_flight));
    page.put(
        &table::CHANNEL_IN_FLIGHT_MAX,
        &[name],
        level(c.in_flight_max),
    );
    page.put(&table::CHANNEL_PARKED, &[name], level(c.parked));
    page.put(&table::CHANNEL_REFUSED, &[name], level(c.refused_in_a_row));
    for (result, n) in c.sends {
        page.put(&table::SENDS, &[name, result], n);
    }
    for (operation, spread) in c.seconds {
        page.put(&table::CHANNEL_SECONDS, &[name, operation], spread);
    }
}
