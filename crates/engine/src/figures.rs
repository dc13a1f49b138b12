//! What the engine counts while it works, for whoever watches it: numbers alone, no ids and no lender's name.

use crate::engine::Engine;
use recoup_store::figures::{Counts, Figures, Histogram, SECONDS, Spread};
use std::collections::BTreeMap;
use std::time::Instant;

/// What is counted of a channel's calls since the process started.
pub(crate) struct Calls {
    /// Sends by how they ended: `accepted`, or the kind of the error.
    pub(crate) sends: Counts<&'static str>,
    pub(crate) send: Histogram,
    pub(crate) cancel: Histogram,
    pub(crate) callback: Histogram,
    pub(crate) status: Histogram,
}

impl Default for Calls {
    fn default() -> Self {
        let spread = || Histogram::new(SECONDS);
        Self {
            sends: Counts::default(),
            send: spread(),
            cancel: spread(),
            callback: spread(),
            status: spread(),
        }
    }
}

/// Which of a channel's calls.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    Send,
    Cancel,
    Callback,
    Status,
}

/// A channel in numbers.
#[derive(Clone, Debug)]
pub struct ChannelFigures {
    /// Its name.
    pub name: String,
    /// Contacts and call-backs under way.
    pub in_flight: u32,
    /// How many may be.
    pub in_flight_max: u32,
    /// Cases that wait for room in it.
    pub parked: usize,
    /// Sends in a row that it did not accept; 0 where the last one was.
    pub refused_in_a_row: u32,
    /// Sends since the process started, by how they ended: `accepted`, or the kind of the error.
    pub sends: BTreeMap<&'static str, u64>,
    /// How long its calls took, in seconds, by operation: `send`, `cancel`, `callback`, `status`.
    pub seconds: [(&'static str, Spread); 4],
}

impl Engine {
    /// The channels in numbers.
    #[must_use]
    pub fn channel_figures(&self) -> Vec<ChannelFigures> {
        let parked = self.0.parked.lengths();
        let figures = |info: crate::channels::ChannelInfo| {
            let calls = self.0.channels.calls(&info.handle.name)?;
            Some(ChannelFigures {
                parked: parked.get(&info.handle.name).copied().unwrap_or(0),
                in_flight: info.in_flight,
                in_flight_max: info.handle.in_flight_max(),
                refused_in_a_row: info.refusals.map_or(0, |r| r.count),
                sends: calls.sends.read(),
                seconds: [
                    ("send", calls.send.read()),
                    ("cancel", calls.cancel.read()),
                    ("callback", calls.callback.read()),
                    ("status", calls.status.read()),
                ],
                name: info.handle.name,
            })
        };
        self.channels().into_iter().filter_map(figures).collect()
    }

    /// Cases that wait for room in a channel.
    #[must_use]
    pub fn parked(&self, channel: &str) -> usize {
        self.0.parked.lengths().get(channel).copied().unwrap_or(0)
    }

    /// What the store has counted, over all lenders.
    #[must_use]
    pub fn store_figures(&self) -> Figures {
        self.0.store.figures()
    }

    /// Counts how long a call of a channel took.
    pub(crate) fn note_call(&self, channel: &str, operation: Operation, begun: Instant) {
        let Some(calls) = self.0.channels.calls(channel) else {
            return;
        };
        let spread = match operation {
            Operation::Send => &calls.send,
            Operation::Cancel => &calls.cancel,
            Operation::Callback => &calls.callback,
            Operation::Status => &calls.status,
        };
        spread.took(begun.elapsed());
    }
}
