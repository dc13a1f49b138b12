//! Where a life is killed: on entering the n-th call of a kind on one of its threads.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::chance;

/// The calls that a contact is made of: what reaches the disk, what reaches the provider, and what comes back.
pub(super) const CALLS: [&str; 9] = [
    "pwrite64",
    "fdatasync",
    "fsync",
    "write",
    "writev",
    "sendto",
    "connect",
    "recvfrom",
    "epoll_wait",
];

/// A point in a life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Point {
    /// The kind of call.
    pub(super) call: &'static str,
    /// Which of them on a thread, from 1. Whichever thread comes there first ends the life.
    pub(super) number: u64,
}

/// The points of a life: by call, the numbers behind the start.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Range(Vec<(&'static str, u64, u64)>);

impl Range {
    /// Reads what was traced of a life that was not killed. The start ends where the file of that name is opened.
    pub(super) fn read(trace: &Path, ready: &str) -> Result<Self, String> {
        let text =
            std::fs::read_to_string(trace).map_err(|e| format!("{}: {e}", trace.display()))?;
        let range = Self::of(&text, ready);
        match range.0.is_empty() {
            true => Err(format!(
                "strace wrote no call of a contact to {}",
                trace.display()
            )),
            false => Ok(range),
        }
    }

    fn of(trace: &str, ready: &str) -> Self {
        let mut by_thread: HashMap<(&str, &str), u64> = HashMap::new();
        let mut start: BTreeMap<&str, u64> = BTreeMap::new();
        let mut whole: BTreeMap<&str, u64> = BTreeMap::new();
        let mut is_ready = false;
        for line in trace.lines() {
            let Some((thread, rest)) = line.split_once(' ') else {
                continue;
            };
            // Of a call that is resumed the beginning was counted.
            let Some((call, _)) = rest.trim_start().split_once('(') else {
                continue;
            };
            is_ready |= call == "openat" && rest.contains(ready);
            let count = by_thread.entry((thread, call)).or_default();
            *count += 1;
            let most = if is_ready { &mut whole } else { &mut start };
            let most = most.entry(call).or_default();
            *most = (*most).max(*count);
        }
        let bounds = |call: &'static str| {
            let first = start.get(call).copied().unwrap_or(0) + 1;
            let last = whole.get(call).copied().unwrap_or(0);
            (first <= last).then_some((call, first, last))
        };
        Self(CALLS.into_iter().filter_map(bounds).collect())
    }

    /// The `n`-th point of a seed.
    pub(super) fn draw(&self, seed: u64, n: usize) -> Point {
        let n = n.to_string();
        let (call, first, last) = *chance::pick(seed, &["call", &n], &self.0);
        let number = chance::between(seed, &["number", &n], first as i64, last as i64);
        Point {
            call,
            number: number as u64,
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let one = |(call, first, last): &(&str, u64, u64)| format!("{call} {first}-{last}");
        f.write_str(&self.0.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
11 write(3, \"a\", 1) = 1
11 write(3, \"b\", 1 <unfinished ...>
12 write(4, \"c\", 1) = 1
11 <... write resumed>) = 1
11 openat(AT_FDCWD, \"/x/ready.part\", O_WRONLY) = 5
12 write(4, \"d\", 1) = 1
12 write(4, \"e\", 1) = 1
12 write(4, \"f\", 1) = 1
13 connect(5, {sa_family=AF_INET}) = 0
13 +++ exited with 0 +++
";

    #[test]
    fn points_lie_behind_the_start() {
        let range = Range::of(TRACE, "ready.part");
        assert_eq!(range, Range(vec![("write", 3, 4), ("connect", 1, 1)]));
        let drawn: Vec<Point> = (0..40).map(|n| range.draw(7, n)).collect();
        assert_eq!(drawn, (0..40).map(|n| range.draw(7, n)).collect::<Vec<_>>());
        let has = |call, number| drawn.contains(&Point { call, number });
        assert!(
            has("write", 3) && has("write", 4) && has("connect", 1),
            "{drawn:?}"
        );
        assert!(drawn.iter().all(|p| p.call != "write" || p.number > 2));
    }
}
