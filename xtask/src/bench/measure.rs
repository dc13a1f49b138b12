//! Time and processor time of a piece of work, and medians over rounds.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What one arm did in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Operations done.
    pub(crate) ops: u64,
    /// How long they took.
    pub(crate) wall: Duration,
    /// Processor time of the whole process meanwhile, user and system: client and server where both
    /// are in it.
    pub(crate) cpu: Duration,
}

impl Sample {
    /// Operations a second.
    pub(crate) fn rate(&self) -> f64 {
        self.ops as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    /// Microseconds an operation.
    pub(crate) fn us(&self) -> f64 {
        self.wall.as_secs_f64() * 1e6 / self.ops.max(1) as f64
    }

    /// Microseconds of processor time an operation.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.ops.max(1) as f64
    }
}

/// Runs from its making to [`stop`](Self::stop).
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            cpu: cpu_now(),
            wall: Instant::now(),
        }
    }

    pub(crate) fn stop(&self, ops: usize) -> Sample {
        Sample {
            wall: self.wall.elapsed(),
            cpu: cpu_now().saturating_sub(self.cpu),
            ops: ops as u64,
        }
    }
}

fn cpu_now() -> Duration {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(t).unwrap_or_default()
}

/// The samples of two arms, measured in turn.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) ours: Vec<Sample>,
    pub(crate) raw: Vec<Sample>,
}

impl Pairs {
    /// Measures both arms `rounds` times; who begins alternates.
    pub(crate) fn measure<E>(
        rounds: usize,
        mut arm: impl FnMut(Arm) -> Result<Sample, E>,
    ) -> Result<Self, E> {
        let mut pairs = Self::default();
        for round in 0..rounds {
            let order = if round % 2 == 0 {
                [Arm::Ours, Arm::Raw]
            } else {
                [Arm::Raw, Arm::Ours]
            };
            for which in order {
                let sample = arm(which)?;
                match which {
                    Arm::Ours => pairs.ours.push(sample),
                    Arm::Raw => pairs.raw.push(sample),
                }
            }
        }
        Ok(pairs)
    }

    /// The median over the rounds of our rate over the raw one.
    pub(crate) fn ratio(&self) -> f64 {
        let both = self.ours.iter().zip(&self.raw);
        median(both.map(|(ours, raw)| ours.rate() / raw.rate()).collect())
    }
}

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arm {
    Ours,
    Raw,
}

/// The median of what `of` says of each sample.
pub(crate) fn median_of(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    median(samples.iter().map(of).collect())
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => values[n / 2],
        _ => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(vec![]).is_nan());
    }

    #[test]
    fn arms_take_turns_in_beginning() {
        let mut order = Vec::new();
        let sample = Sample {
            ops: 1,
            wall: Duration::from_millis(1),
            cpu: Duration::ZERO,
        };
        let pairs = Pairs::measure(3, |arm| {
            order.push(arm);
            Ok::<_, ()>(sample)
        });
        use Arm::{Ours, Raw};
        assert_eq!(order, [Ours, Raw, Raw, Ours, Ours, Raw]);
        assert_eq!(pairs.map(|p| p.ratio()), Ok(1.0));
    }
}
