//! What waits for the writer, and what of it is committed together. A call of few changes (somebody waits at the
//! other end) goes before those of many (a part of an import, a batch of the engine), which are taken in pieces as
//! long as there are such calls: each of their changes stands or falls by itself anyway.

use super::codec::Prepared;
use crate::{CommitError, Committed, Read};
use std::collections::VecDeque;
use std::vec;
use tokio::sync::oneshot;

/// What became of the changes of a call, in their order.
pub(crate) type Outcomes = Vec<Result<Committed, CommitError>>;

/// The changes of one call, and who waits for them.
pub(crate) struct Job {
    pub(crate) changes: Vec<Read<Prepared>>,
    pub(crate) reply: oneshot::Sender<Outcomes>,
}

/// A call of so many changes goes before others.
const FEW: usize = 8;
/// Changes of calls of many that every group has room for, so that they go on whatever else comes: each takes some
/// tenth of a millisecond, and who waits for few waits for these, too.
const PIECE_MIN: usize = 16;
/// Groups without a call of few after which pieces grow: while one comes now and then, it finds no long group before
/// it.
const GROUPS_ALONE: u32 = 32;
/// Calls of many that wait here; more wait in the queue, with whoever is behind them.
const LARGE_MAX: usize = 1_024;

/// A call of many changes, as far as it has come.
pub(crate) struct Large {
    changes: vec::IntoIter<Read<Prepared>>,
    outcomes: Outcomes,
    reply: oneshot::Sender<Outcomes>,
}

/// Whose changes stand in a group, in its order.
pub(crate) enum Share {
    /// All of a call.
    Whole(usize, oneshot::Sender<Outcomes>),
    /// A piece of one, which goes on where it stopped.
    Piece(usize, Large),
}

/// Changes that are committed together.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) changes: Vec<Read<Prepared>>,
    pub(crate) shares: Vec<Share>,
}

/// The calls that wait.
pub(crate) struct Waiting {
    small: VecDeque<Job>,
    large: VecDeque<Large>,
    /// Changes of the small ones.
    changes: usize,
    group_max: usize,
    /// Groups since the last one with a small call in it, and what those have of large ones.
    alone: u32,
    piece_max: usize,
}

impl Waiting {
    pub(crate) fn new(group_max: usize) -> Self {
        Self {
            small: VecDeque::new(),
            large: VecDeque::new(),
            changes: 0,
            group_max,
            alone: GROUPS_ALONE,
            piece_max: group_max,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.small.is_empty() && self.large.is_empty()
    }

    /// Whether who comes now would not be in the next group: small calls are seen however much else waits.
    pub(crate) fn is_full(&self) -> bool {
        self.changes >= self.group_max || self.large.len() >= LARGE_MAX
    }

    pub(crate) fn push(&mut self, job: Job) {
        if job.changes.len() <= FEW {
            self.changes += job.changes.len();
            return self.small.push_back(job);
        }
        self.large.push_back(Large {
            outcomes: Vec::with_capacity(job.changes.len()),
            changes: job.changes.into_iter(),
            reply: job.reply,
        });
    }

    /// What is committed next.
    pub(crate) fn group(&mut self) -> Group {
        let mut group = Group::default();
        let parts = if self.large.is_empty() { 1 } else { 2 };
        let room = (self.group_max / parts).max(1);
        while group.changes.len() < room
            && let Some(job) = self.small.pop_front()
        {
            group
                .shares
                .push(Share::Whole(job.changes.len(), job.reply));
            group.changes.extend(job.changes);
        }
        self.changes -= group.changes.len();
        self.size_piece(group.changes.len());
        let room = self.group_max.saturating_sub(group.changes.len());
        let mut left = room.max(1).min(self.piece_max);
        let mut is_first = true;
        while left > 0
            && let Some(mut call) = self.large.pop_front()
        {
            // One that is no longer than a piece is never cut: its outcomes are told together, and what the first of
            // them brings about is not held up by a second group.
            let count = call.changes.len();
            if !is_first && count > left && count <= PIECE_MIN {
                self.large.push_front(call);
                break;
            }
            is_first = false;
            let before = group.changes.len();
            group.changes.extend(call.changes.by_ref().take(left));
            let taken = group.changes.len() - before;
            left -= taken;
            group.shares.push(Share::Piece(taken, call));
        }
        group
    }

    /// How much of large calls goes into a group with so many changes of small ones: as much again where those come
    /// thick, little where one comes now and then, all there is room for while none do.
    fn size_piece(&mut self, small: usize) {
        if small > 0 {
            self.alone = 0;
            self.piece_max = small.max(PIECE_MIN).min(self.group_max);
            return;
        }
        self.alone = self.alone.saturating_add(1);
        self.piece_max = match self.alone {
            ..=GROUPS_ALONE => 2 * PIECE_MIN,
            _ => 2 * self.piece_max,
        }
        .min(self.group_max);
    }

    /// Answers whoever is through; `outcome` says of one change after another, in the order of the group, what
    /// became of it.
    pub(crate) fn settle(
        &mut self,
        shares: Vec<Share>,
        mut outcome: impl FnMut() -> Result<Committed, CommitError>,
    ) {
        let mut outcomes = |count: usize| (0..count).map(|_| outcome()).collect::<Outcomes>();
        for share in shares {
            // Where nobody waits any more, the change stands all the same.
            match share {
                Share::Whole(count, reply) => drop(reply.send(outcomes(count))),
                Share::Piece(count, mut call) => {
                    call.outcomes.extend(outcomes(count));
                    if call.changes.len() == 0 {
                        drop(call.reply.send(call.outcomes));
                    } else {
                        // The last one of its group: the others were taken whole.
                        self.large.push_front(call);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Change;
    use crate::codec::prepare;

    /// A call of so many changes, and where its outcomes come.
    fn call(count: usize) -> (Job, oneshot::Receiver<Outcomes>) {
        let (reply, outcomes) = oneshot::channel();
        let changes = (0..count).map(|_| prepare(Change::default())).collect();
        (Job { changes, reply }, outcomes)
    }

    fn waiting(group_max: usize, calls: &[usize]) -> (Waiting, Vec<oneshot::Receiver<Outcomes>>) {
        let mut waiting = Waiting::new(group_max);
        let ask = |count: &usize| {
            let (job, outcomes) = call(*count);
            waiting.push(job);
            outcomes
        };
        let asked = calls.iter().map(ask).collect();
        (waiting, asked)
    }

    /// Commits a group: each change is answered with its number since the beginning.
    fn commit(waiting: &mut Waiting, done: &mut u64) -> usize {
        let group = waiting.group();
        let count = group.changes.len();
        waiting.settle(group.shares, || {
            *done += 1;
            Ok(Committed { position: *done })
        });
        count
    }

    fn positions(outcomes: &mut oneshot::Receiver<Outcomes>) -> Option<Vec<u64>> {
        let all = outcomes.try_recv().ok()?;
        Some(all.into_iter().map(|o| o.unwrap().position).collect())
    }

    #[test]
    fn who_waits_for_few_changes_goes_before_who_waits_for_many() {
        let (mut waiting, mut asked) = waiting(1_024, &[100, 1]);
        let mut done = 0;
        assert_eq!(commit(&mut waiting, &mut done), 17);
        assert_eq!(positions(&mut asked[1]), Some(vec![1]));
        assert_eq!(positions(&mut asked[0]), None);
        // Nobody else came, and somebody may.
        assert_eq!(commit(&mut waiting, &mut done), 32);
        assert_eq!(commit(&mut waiting, &mut done), 32);
        assert_eq!(commit(&mut waiting, &mut done), 20);
        assert_eq!(positions(&mut asked[0]), Some((2..=101).collect()));
        assert!(waiting.is_empty());
    }

    #[test]
    fn pieces_grow_when_nobody_has_come_for_a_while() {
        let (mut waiting, _asked) = waiting(1_024, &[10_000, 1]);
        let mut done = 0;
        let sizes: Vec<_> = (0..38).map(|_| commit(&mut waiting, &mut done)).collect();
        assert_eq!(sizes[..2], [17, 32]);
        assert_eq!(sizes[32..], [32, 64, 128, 256, 512, 1_024]);
        // Many who wait for few have as many of the others beside them.
        for _ in 0..100 {
            waiting.push(call(1).0);
        }
        assert_eq!(commit(&mut waiting, &mut done), 200);
    }

    #[test]
    fn a_call_of_many_changes_alone_is_committed_whole() {
        let (mut waiting, mut asked) = waiting(1_024, &[512, 512, 512]);
        let mut done = 0;
        // Who comes behind them with one change would still be seen.
        assert!(!waiting.is_full());
        assert_eq!(commit(&mut waiting, &mut done), 1_024);
        assert_eq!(positions(&mut asked[1]), Some((513..=1_024).collect()));
        assert_eq!(commit(&mut waiting, &mut done), 512);
        assert_eq!(positions(&mut asked[2]), Some((1_025..=1_536).collect()));
    }

    #[test]
    fn calls_of_few_changes_never_keep_one_of_many_waiting_for_ever() {
        let (mut waiting, mut asked) = waiting(128, &[100]);
        let mut done = 0;
        for size in [64 + 64, 64 + 36] {
            assert!(positions(&mut asked[0]).is_none());
            for _ in 0..1_000 {
                waiting.push(call(1).0);
            }
            assert_eq!(commit(&mut waiting, &mut done), size);
        }
        assert!(positions(&mut asked[0]).is_some());
    }

    #[test]
    fn a_call_no_longer_than_a_piece_is_committed_whole() {
        let (mut waiting, mut asked) = waiting(1_024, &[10, 16, 16, 1]);
        let mut done = 0;
        assert_eq!(commit(&mut waiting, &mut done), 11);
        assert!(positions(&mut asked[0]).is_some());
        // As many whole ones as there is room for.
        waiting.push(call(1).0);
        assert_eq!(commit(&mut waiting, &mut done), 17);
        assert_eq!(positions(&mut asked[1]).map(|p| p.len()), Some(16));
        assert!(positions(&mut asked[2]).is_none());
        assert_eq!(commit(&mut waiting, &mut done), 16);
    }

    #[test]
    fn of_a_call_that_breaks_off_each_change_is_answered_as_it_is() {
        let (mut waiting, mut asked) = waiting(128, &[200, 1]);
        let mut done = 0;
        commit(&mut waiting, &mut done);
        while !waiting.is_empty() {
            let group = waiting.group();
            waiting.settle(group.shares, || Err(CommitError::OtherRequest));
        }
        assert_eq!(positions(&mut asked[1]), Some(vec![1]));
        let outcomes = asked[0].try_recv().expect("it is answered");
        let good = outcomes.iter().take_while(|o| o.is_ok()).count();
        assert_eq!((good, outcomes.len()), (16, 200));
        assert!(outcomes[good..].iter().all(Result::is_err));
    }

    #[test]
    fn any_size_of_group_comes_to_the_end() {
        for group_max in [1, 2, 15, 16, 17, 64] {
            let (mut waiting, mut asked) = waiting(group_max, &[1, 200, 3, 9, 8, 0]);
            let mut done = 0;
            while !waiting.is_empty() {
                commit(&mut waiting, &mut done);
            }
            assert_eq!(done, 221);
            let sizes: Vec<_> = asked
                .iter_mut()
                .map(|a| positions(a).map(|p| p.len()))
                .collect();
            assert_eq!(sizes, [1, 200, 3, 9, 8, 0].map(Some), "{group_max}");
        }
    }
}
