//! Every metric: its name, kind, unit and labels, what it means, and when somebody should be woken.

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; begins at 0 with the process. Its samples end in `_total`.
    Counter,
    /// How things stand.
    Gauge,
    /// How values spread: samples end in `_bucket`, `_sum` and `_count`.
    Histogram,
}

impl Kind {
    /// As a scrape writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name, without the `_total` of a counter.
    pub name: &'static str,
    /// What kind of number.
    pub kind: Kind,
    /// What is counted or measured.
    pub unit: &'static str,
    /// Names of the labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
    /// When to alert; empty for never.
    pub alert: &'static str,
}

macro_rules! metrics {
    ($($id:ident = $kind:ident $name:literal ($unit:literal) [$($label:literal),*]: $help:literal, $alert:literal;)*) => {
        $(
            #[doc = $help]
            pub static $id: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                unit: $unit,
                labels: &[$($label),*],
                help: $help,
                alert: $alert,
            };
        )*
        /// All metrics, in the order of docs/metrics.md.
        pub static ALL: &[&Metric] = &[$(&$id),*];
    };
}

metrics! {
    BUILD = Gauge "recoup_build_info" ("1") ["version", "decision_version"]:
        "Always 1; the labels say which version runs.", "";
    STARTED = Gauge "recoup_start_time_seconds" ("seconds since 1970, UTC") []:
        "When the process started.",
        "It changes and nobody deployed: the process was restarted; read the log's end before.";
    HALTED = Gauge "recoup_halted" ("0 or 1") []:
        "1 where the process sends nothing any more: it is going down.", "1 for 5 minutes.";

    CLOCK_TRUSTED = Gauge "recoup_clock_trusted" ("0 or 1") []:
        "0 where the clock leapt, is behind what is on record, or is not the database's: no contact leaves; `recoup \
         status` says why.",
        "0 for 1 minute.";
    CLOCK_SKEW = Gauge "recoup_clock_skew_seconds" ("seconds") []:
        "How far this server's clock is ahead of the database's, below 0 behind it; nothing on SQLite. Beyond 2 s no \
         contact leaves from this server.",
        "Above 0.5 or below -0.5 for 5 minutes: which of the two does its time server not reach?";

    CALLS = Counter "recoup_calls" ("calls") ["method", "code"]:
        "Calls of the API by method and gRPC code of the (first) answer. ABANDONED: the caller went away, or the \
         call overran limits.request_timeout_ms. Calls over limits.connection_calls_max on one connection are \
         refused before they are counted.",
        "INTERNAL or UNAVAILABLE at all; RESOURCE_EXHAUSTED above 1% for 10 minutes: callers are shed; UNAUTHENTICATED \
         or PERMISSION_DENIED in a burst: somebody tries keys.";
    CALL_SECONDS = Histogram "recoup_call_seconds" ("seconds") ["method"]:
        "How long calls took to their (first) answer, by method.",
        "The 99th percentile of writes (OpenCase, RecordPayment) above 1 s for 10 minutes.";
    CALLS_UNDER_WAY = Gauge "recoup_calls_under_way" ("calls") []:
        "Calls that have no answer yet.", "Near limits.calls_max for 5 minutes.";
    STREAM_ENDS = Counter "recoup_stream_ends" ("streams") ["method", "code"]:
        "Streams that began, by method and by the gRPC code they ended with: WatchEvents, ImportCases, ExportLedger. \
         ABANDONED: the caller went away, or its connection did.",
        "INTERNAL at all; UNAVAILABLE while the server is not being stopped: watchers read too slowly, or an import \
         found the store away; ABANDONED of ImportCases: a lender's import breaks off.";
    CONNECTIONS = Counter "recoup_connections" ("connections") ["result"]:
        "Connections to the API by what became of them: served, refused (over limits.connections_max or \
         address_connections_max), handshake_failed, handshake_timeout.",
        "refused at all; handshake_failed in a burst: a certificate has expired, here or at the callers.";
    CONNECTIONS_OPEN = Gauge "recoup_connections_open" ("connections") []:
        "Connections to the API that are open.", "Near limits.connections_max.";
    CERTIFICATES = Counter "recoup_certificate_reloads" ("reloads") ["result"]:
        "Changed files of [tls]: taken, or unusable (the old ones stay).", "unusable at all.";

    CERTIFICATE_SECONDS = Gauge "recoup_certificate_expires_seconds" ("seconds") ["certificate"]:
        "Seconds until the certificates in use end, negative afterwards: server (the first to end of tls.cert_file), \
         client_ca (the first to end of tls.client_ca_file). Not there without [tls]. Callers' own certificates are \
         not known here.",
        "server below 1209600 (14 days), client_ca below 2592000 (30 days): put new files in place.";

    CASES = Gauge "recoup_cases" ("cases") ["status"]:
        "Cases as they stand: open, paused (a hold, dispute or promise stops them), legal, closed.",
        "paused grows without an end: nobody settles what stops them.";
    CASES_OPENED = Counter "recoup_cases_opened" ("cases") []:
        "Cases opened, one by one or by import.", "";
    DUE = Gauge "recoup_due_cases" ("cases") []:
        "Cases whose time has come and that were not decided yet.", "Grows for 15 minutes; see the lag.";
    LAG = Gauge "recoup_lag_seconds" ("seconds") []:
        "Now minus the instant at which the longest waiting case fell due; 0 where none is due.",
        "Above 300 for 10 minutes: contacts go late, and some miss the hours in which they are permitted.";
    PAUSES = Gauge "recoup_dispatch_pauses" ("pauses") ["scope"]:
        "Stops of dispatch in force, laid by a person: all, lender, channel; restored: by a store that was a copy.",
        "all or channel for longer than the incident it was laid for; restored at all.";

    HELD = Gauge "recoup_dispatch_held_cases" ("cases") []:
        "Cases whose contact was due and was held back by a stop of dispatch in this slot of 15 minutes; they are asked \
         again in the next one, and counted anew. A case that a fact wakes in between is counted again.",
        "Grows from slot to slot: what was held goes all at once when the stop ends.";

    CONTACTS = Gauge "recoup_contacts" ("contacts") ["class", "state"]:
        "Contacts as they stand, by kind and state. PLANNED wait for a person's approval, DISPATCHING are on their \
         way to the carrier, UNKNOWN may have been sent and wait for a person.",
        "UNKNOWN grows; DISPATCHING does not fall for 5 minutes; CANCEL_UNKNOWN at all; PLANNED older than a day's work.";
    ENTERED = Counter "recoup_contact_states" ("contacts") ["channel", "state"]:
        "Contacts that came into a state, durably, by channel. DISPATCHING counts the intents.",
        "UNKNOWN or FAILED above their usual share of DISPATCHING for an hour; no DISPATCHING in working hours while \
         cases are due.";
    OUTCOMES = Counter "recoup_contact_outcomes" ("contacts") ["channel", "outcome"]:
        "What came of contacts, by channel: delivered, no_answer, invalid_address and so on.",
        "invalid_address or wrong_number above their usual share: the lender's numbers have gone bad.";
    DENIALS = Counter "recoup_gate_denials" ("denials") ["rule"]:
        "Contacts that a policy asked for and the gate refused, by the primary rule; said once for each stretch that \
         a case is refused.",
        "A rule that never refused begins to: a pack, a calendar year or a policy changed.";
    SKIPS = Counter "recoup_steps_skipped" ("steps") ["reason"]:
        "Steps of policies that were passed over for good: no_target, denied_forever, no_channel, retries_used_up, \
         called_off, by_outcome.",
        "no_channel at all: a policy names a channel that is not loaded; retries_used_up: a carrier was away for hours.";

    CHANNEL_LOADED = Gauge "recoup_channel_loaded" ("0 or 1") ["channel"]:
        "1 where the library of a configured channel is loaded, 0 where it was refused.", "0.";
    CHANNEL_HEALTHY = Gauge "recoup_channel_healthy" ("0 or 1") ["channel"]:
        "0 where the circuit of a channel is open (calls overran in a row), where it could not be made anew, or where \
         it is not loaded.",
        "0 for 5 minutes.";
    CHANNEL_IN_FLIGHT = Gauge "recoup_channel_in_flight" ("calls") ["channel"]:
        "Contacts and call-backs that a channel has under way.", "At its maximum for 15 minutes.";
    CHANNEL_IN_FLIGHT_MAX = Gauge "recoup_channel_in_flight_max" ("calls") ["channel"]:
        "How many a channel may have under way.", "";
    CHANNEL_PARKED = Gauge "recoup_channel_parked" ("cases") ["channel"]:
        "Cases that wait for room in a channel.", "Grows for 15 minutes: the carrier is slower than the portfolio.";
    CHANNEL_REFUSED = Gauge "recoup_channel_refused_in_a_row" ("sends") ["channel"]:
        "Sends in a row that a channel did not accept; 0 where the last one was.", "5 or more.";
    SENDS = Counter "recoup_channel_sends" ("sends") ["channel", "result"]:
        "Sends by how they ended: accepted, or the kind of the error (auth, permanent, rate_limited, rejected, \
         retryable, unknown, panic, unsupported).",
        "auth at all: the account's secret is wrong; unknown above 1% for an hour; panic at all.";
    CHANNEL_SECONDS = Histogram "recoup_channel_call_seconds" ("seconds") ["channel", "operation"]:
        "How long calls of a channel took: send, cancel, callback, status.",
        "The 99th percentile of send near engine.call_timeout_ms: what overruns is UNKNOWN.";
    CALLBACKS = Counter "recoup_callbacks" ("call-backs") ["answer"]:
        "Call-backs of providers by the class of the answer: 2xx, 4xx, 5xx.",
        "5xx at all: providers call again, and outcomes come late; 4xx in a burst: a wrong address or signature.";

    POSITION = Gauge "recoup_journal_position" ("entries") []:
        "The newest position of the journal, which is also the cursor of the newest event.",
        "It stands still in working hours while calls are answered OK.";
    WATCHERS = Gauge "recoup_event_watchers" ("watchers") []:
        "Streams of WatchEvents that are open.", "0 where the lender's system should watch.";
    WATCHERS_SLOW = Counter "recoup_event_watchers_slow" ("watchers") []:
        "Watchers whose stream was ended because they left their buffer full; they go on from their cursor.",
        "More than a few an hour.";
    IMPORT_ROWS = Counter "recoup_import_rows" ("rows") ["result"]:
        "Rows of ImportCases: opened, already_open, refused (the row is wrong), failed (the import ended with it).",
        "failed at all; refused above the lender's usual share.";

    GROUP_SECONDS = Histogram "recoup_store_group_seconds" ("seconds") []:
        "How long a group of changes took from its first statement until it was durable.",
        "The 99th percentile above 0.25 s for 10 minutes: the disk is slow.";
    GROUP_CHANGES = Histogram "recoup_store_group_changes" ("changes") []:
        "How many changes were made durable together.", "";
    FREE_BYTES = Gauge "recoup_store_free_bytes" ("bytes") []:
        "Free space of the disk that holds the store, as an ordinary user has it. -1 where the system does not say.",
        "Below 5 GiB, or below what a week writes. Below `least_free_mib` no contact goes; a full disk stops the process.";
}

/// docs/metrics.md, from the table.
#[must_use]
pub fn page() -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "# Metrics
Written from [`crates/server/metrics/table.rs`](../crates/server/metrics/table.rs) by `RECOUP_BLESS=1 cargo test -p recoup --lib metrics`; a test holds this page to the code, and another one holds a scrape to this page.

Switched on by `[metrics]` in the [configuration](configuration.md); without it nothing listens. The text is OpenMetrics, which Prometheus reads by default:

```yaml
scrape_configs:
  - job_name: recoup
    static_configs: [{targets: [\"127.0.0.1:7702\"]}]
```

- Counters and histograms begin at 0 with each start of the process. A counter's samples end in `_total`.
- No label names a person, a case or a lender. A `channel` that the configuration does not name (any more) is `other`.
- All figures are over all lenders. `recoup status` shows those of one.
- What was written is counted when it is durable: `recoup_contact_states`, `recoup_contact_outcomes`, `recoup_gate_denials`, `recoup_steps_skipped`, `recoup_cases_opened`.
- [The runbook](runbook.md) says what to do when one of them alerts.

| metric | kind | unit | labels | meaning | alert |
|---|---|---|---|---|---|
",
    );
    for m in ALL {
        let labels: Vec<String> = m.labels.iter().map(|l| format!("`{l}`")).collect();
        let suffix = if m.kind == Kind::Counter {
            "_total"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "| `{}{suffix}` | {} | {} | {} | {} | {} |",
            m.name,
            m.kind.name(),
            m.unit,
            labels.join(", "),
            m.help,
            m.alert
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_format() {
        let fits = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        for (i, m) in ALL.iter().enumerate() {
            assert!(m.name.starts_with("recoup_") && fits(m.name), "{}", m.name);
            assert!(
                !m.name.ends_with("_total"),
                "{}: the scrape adds it",
                m.name
            );
            assert!(m.labels.iter().all(|l| fits(l)), "{}", m.name);
            assert!(m.help.ends_with('.'), "{}", m.name);
            assert!(ALL[..i].iter().all(|o| o.name != m.name), "{}", m.name);
        }
    }

    #[test]
    fn the_page_is_that_of_the_table() {
        crate::pages::hold("docs/metrics.md", &page());
    }
}
