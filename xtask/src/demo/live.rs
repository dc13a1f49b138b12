//! The line that lives while the demo runs; silent where nobody watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use recoup::cli::import::values;

use super::behaviour::DAY_US;
use super::cases::Cases;

/// The line: a bar of virtual days, and what happened.
pub(crate) struct LiveLine {
    bar: ProgressBar,
    start_us: i64,
    shown_us: i64,
}

impl LiveLine {
    /// A line for a run from one instant to another.
    pub(crate) fn new(start_us: i64, end_us: i64) -> Self {
        let days = ((end_us - start_us) / DAY_US).max(0) as u64;
        let bar = ProgressBar::with_draw_target(Some(days), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:20} day {pos}/{len}  {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            bar,
            start_us,
            shown_us: i64::MIN,
        }
    }

    /// Shows an instant, at most once an hour of virtual time.
    pub(crate) fn show(&mut self, now_us: i64, cases: &Cases) {
        let hour_us = DAY_US / 24;
        if now_us - hour_us < self.shown_us {
            return;
        }
        self.shown_us = now_us;
        self.bar
            .set_position(((now_us - self.start_us) / DAY_US).max(0) as u64);
        self.bar.set_message(message(now_us, cases));
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn message(now_us: i64, cases: &Cases) -> String {
    let now = Timestamp::from_microsecond(now_us).unwrap_or(Timestamp::UNIX_EPOCH);
    let contacts: Vec<String> = ["sms", "phone", "email", "visit", "legal"]
        .iter()
        .map(|channel| format!("{channel} {}", cases.accepted.get(*channel).unwrap_or(&0)))
        .collect();
    let money: Vec<String> = cases
        .collected_minor
        .iter()
        .map(|(currency, minor)| {
            let digits = values::minor_digits(currency).unwrap_or(2);
            format!("{currency} {}", values::decimal(*minor, digits))
        })
        .collect();
    format!(
        "{}  {} open, {} cured  {}  {}",
        now.strftime("%Y-%m-%d %H:%M"),
        cases.open_count(),
        cases.cured,
        contacts.join(" "),
        money.join(" ")
    )
}
