//! What the service does.

use crate::action::{Action, Line, Reply, can_be_called_off, is_in};
use crate::protocol::{Flaw, Protocol};
use crate::walk::Seen;
use crate::world::{
    Answer, CASES, CancelAnswer, Contact, Goods, Replica, SEQS, SLOTS, Task, World, case_of, slot,
};
use recoup_domain::contact::ContactState as S;

impl World {
    /// The world after a step.
    #[must_use]
    pub fn after(&self, action: Action, protocol: &Protocol) -> Self {
        self.step(action, protocol).0
    }

    /// The world after a step, and what somebody who reads the journal and the carriers' logs sees of it.
    pub(crate) fn step(&self, action: Action, p: &Protocol) -> (Self, Vec<Seen>) {
        let mut step = Step {
            w: self.clone(),
            seen: Vec::new(),
            p,
        };
        step.take(action);
        (step.w, step.seen)
    }
}

struct Step<'a> {
    w: World,
    seen: Vec<Seen>,
    p: &'a Protocol,
}

impl Step<'_> {
    fn take(&mut self, action: Action) {
        match action {
            Action::Claim(r, c) => self.claim(r, c),
            Action::Decide(r, c) => self.decide(r, c),
            Action::Intend(r, c) => self.intend(r, c),
            Action::Send(r, c, reply) => self.send(r, c, reply),
            Action::Record(r, c) => self.record(r, c),
            Action::Doubt(slot) => self.doubt(slot),
            Action::AskCancel(r, slot, line) => self.ask_cancel(r, slot, line),
            Action::RecordCancel(r) => self.record_cancel(r),
            Action::Effect(slot) => self.w.carried[slot].goods = Goods::Effected,
            Action::Pass(slot) => {
                self.w.carried[slot].goods = Goods::Over;
                self.seen.push(Seen::Passed(slot));
            }
            Action::Receipt(slot) => self.receipt(slot),
            Action::Stop => self.stop(),
            Action::Kill(r) => self.kill(r),
            Action::Start(r) => self.w.replicas[r].dead = false,
            Action::Lapse(r) => {
                self.w.lapses -= 1;
                self.forget(r);
            }
        }
    }

    fn claim(&mut self, r: usize, c: usize) {
        let case = &mut self.w.cases[c];
        case.fence += 1;
        case.holder = Some(r as u8);
        self.w.replicas[r].tasks[c] = Task::Claimed { fence: case.fence };
    }

    /// A contact is due where nothing forbids it and none was made: each case wants one, and what nobody can tell
    /// counts as made.
    fn decide(&mut self, r: usize, c: usize) {
        let Task::Claimed { fence } = self.w.replicas[r].tasks[c] else {
            return;
        };
        let made = self.w.contacts_of(c).any(|k| k.state != S::RejectedProven);
        let case = self.w.cases[c];
        let may_go = !self.w.stopped && !made && usize::from(case.next_seq) < SEQS;
        self.w.replicas[r].tasks[c] = if may_go {
            Task::Decided {
                fence,
                case: case.version,
                person: self.w.person,
                seq: case.next_seq,
            }
        } else {
            if self.w.cases[c].fence == fence {
                self.w.cases[c].due = false;
            }
            self.release(c, fence);
            Task::Idle
        };
    }

    fn intend(&mut self, r: usize, c: usize) {
        let Task::Decided {
            fence,
            case,
            person,
            seq,
        } = self.w.replicas[r].tasks[c]
        else {
            return;
        };
        let slot = slot(c, seq);
        let stored = self.w.cases[c];
        let unmoved =
            stored.version == case && self.w.person == person && self.w.contacts[slot].is_none();
        let holds = stored.fence == fence && unmoved;
        let has_left = self.p.lacks(Flaw::SentBeforeIntent);
        if has_left {
            self.submit(slot);
        }
        if !holds && !self.p.lacks(Flaw::VersionsUnchecked) {
            self.release(c, fence);
            self.w.replicas[r].tasks[c] = Task::Idle;
            return;
        }
        self.w.broken.late_intent |= self.w.stopped;
        self.w.contacts[slot] = Some(Contact {
            state: S::Dispatching,
            fence,
            owner: Some(r as u8),
        });
        self.seen.push(Seen::Moved(slot, S::Dispatching));
        self.w.cases[c].next_seq = self.w.cases[c].next_seq.max(seq + 1);
        self.w.cases[c].due = false;
        self.moved(c);
        self.release(c, fence);
        self.w.replicas[r].tasks[c] = if has_left {
            let says = Answer::Accepted;
            Task::Answered { seq, fence, says }
        } else {
            Task::Sending { seq, fence }
        };
    }

    fn send(&mut self, r: usize, c: usize, reply: Reply) {
        let Task::Sending { seq, fence } = self.w.replicas[r].tasks[c] else {
            return;
        };
        if matches!(reply, Reply::Taken | Reply::Reached | Reply::TakenUnheard) {
            self.submit(slot(c, seq));
        }
        if reply == Reply::Reached {
            self.w.carried[slot(c, seq)].goods = Goods::Effected;
        }
        let says = match reply.says() {
            Answer::Unknown if self.p.lacks(Flaw::SilenceIsProof) => Answer::Refused,
            says => says,
        };
        self.w.replicas[r].tasks[c] = Task::Answered { seq, fence, says };
    }

    fn submit(&mut self, slot: usize) {
        self.w.carried[slot].submitted += 1;
        self.seen.push(Seen::Submitted(slot));
    }

    fn record(&mut self, r: usize, c: usize) {
        let Task::Answered { seq, fence, says } = self.w.replicas[r].tasks[c] else {
            return;
        };
        self.w.replicas[r].tasks[c] = Task::Idle;
        let slot = slot(c, seq);
        let Some(contact) = self.w.contacts[slot] else {
            return;
        };
        // Somebody else has said what became of it.
        let is_ours = contact.state == S::Dispatching && contact.fence == fence;
        if !is_ours && !self.p.lacks(Flaw::LateAnswer) {
            return;
        }
        self.go(slot, says.state());
        if says == Answer::Effected {
            self.go(slot, S::Effected);
        }
        let overtaken = self.w.stopped && says == Answer::Accepted && is_ahead(&self.w, slot);
        if overtaken && !self.p.lacks(Flaw::OvertakenForgotten) {
            self.go(slot, S::Cancelling);
        }
        self.w.cases[c].due = true;
        self.moved(c);
    }

    fn doubt(&mut self, slot: usize) {
        if self.p.lacks(Flaw::NobodyRecovers) {
            return;
        }
        if self.p.lacks(Flaw::SentAgain) {
            let free = self
                .w
                .replicas
                .iter()
                .position(|r| !r.dead && r.tasks[case_of(slot)] == Task::Idle);
            if let (Some(r), Some(contact)) = (free, &mut self.w.contacts[slot]) {
                contact.owner = Some(r as u8);
                let seq = (slot % SEQS) as u8;
                let fence = contact.fence;
                self.w.replicas[r].tasks[case_of(slot)] = Task::Sending { seq, fence };
            }
            return;
        }
        self.go(slot, S::Unknown);
        self.w.cases[case_of(slot)].due = true;
        self.moved(case_of(slot));
    }

    /// A carrier may be asked again: it calls off what waits, and says so of what is called off already.
    fn ask_cancel(&mut self, r: usize, slot: usize, line: Line) {
        let goods = &mut self.w.carried[slot].goods;
        if *goods == Goods::Waits && line != Line::Cut {
            *goods = Goods::CalledOff;
        }
        let answer = match goods {
            _ if line != Line::Holds => CancelAnswer::Lost,
            Goods::Effected => CancelAnswer::TooLate,
            Goods::CalledOff | Goods::Waits => CancelAnswer::Done,
            // What is over is nothing that it knows of.
            Goods::Over => CancelAnswer::Lost,
        };
        self.w.replicas[r].cancel = Some((slot as u8, answer));
    }

    fn record_cancel(&mut self, r: usize) {
        let Some((slot, answer)) = self.w.replicas[r].cancel.take() else {
            return;
        };
        let slot = usize::from(slot);
        let state = self.w.contacts[slot].map(|c| c.state);
        let to = match answer {
            CancelAnswer::Done => S::Cancelled,
            CancelAnswer::TooLate => S::Effected,
            CancelAnswer::Lost if self.p.lacks(Flaw::CancelIsBelieved) => S::Cancelled,
            CancelAnswer::Lost => S::CancelUnknown,
        };
        let moves = match to {
            S::CancelUnknown => state == Some(S::Cancelling),
            _ => matches!(state, Some(S::Cancelling | S::CancelUnknown)),
        };
        if moves {
            self.go(slot, to);
            self.w.cases[case_of(slot)].due = true;
            self.moved(case_of(slot));
        }
    }

    /// A receipt that beats the answer to the send waits for it.
    fn receipt(&mut self, slot: usize) {
        let Some(contact) = self.w.contacts[slot] else {
            return;
        };
        match contact.state {
            S::Unknown => {
                self.go(slot, S::Accepted);
                self.go(slot, S::Effected);
            }
            S::Accepted | S::Cancelling | S::CancelUnknown => self.go(slot, S::Effected),
            _ => return,
        }
        self.w.cases[case_of(slot)].due = true;
        self.moved(case_of(slot));
    }

    /// In one transaction: the fact, and the cancel intent of each contact that a carrier has and can call off.
    fn stop(&mut self) {
        self.w.stopped = true;
        self.seen.push(Seen::Stopped);
        if !self.p.lacks(Flaw::NothingCalledOff) {
            for slot in 0..SLOTS {
                if is_in(&self.w, slot, S::Accepted) && is_ahead(&self.w, slot) {
                    self.go(slot, S::Cancelling);
                }
            }
        }
        for c in 0..CASES {
            self.w.cases[c].due = true;
            if !self.p.lacks(Flaw::StopUncounted) {
                self.moved(c);
            }
        }
    }

    fn kill(&mut self, r: usize) {
        self.w.kills -= 1;
        self.forget(r);
        self.w.replicas[r] = Replica {
            dead: true,
            ..Replica::default()
        };
    }

    /// What a process had is nobody's.
    fn forget(&mut self, r: usize) {
        let gone = Some(r as u8);
        for case in self.w.cases.iter_mut().filter(|c| c.holder == gone) {
            case.holder = None;
        }
        for contact in self
            .w
            .contacts
            .iter_mut()
            .flatten()
            .filter(|c| c.owner == gone)
        {
            contact.owner = None;
        }
    }

    fn release(&mut self, c: usize, fence: u8) {
        if self.w.cases[c].fence == fence {
            self.w.cases[c].holder = None;
        }
    }

    /// The case and its borrower are not what they were.
    fn moved(&mut self, c: usize) {
        self.w.cases[c].version += 1;
        self.w.person += 1;
    }

    fn go(&mut self, slot: usize, to: S) {
        if let Some(contact) = &mut self.w.contacts[slot] {
            self.w.broken.edge |= !contact.state.may_become(to);
            contact.state = to;
            self.seen.push(Seen::Moved(slot, to));
            // Where it ended nobody has it in hand, and states that are alike count once.
            if to != S::Dispatching {
                contact.owner = None;
            }
        }
    }
}

/// Whether a carrier can still be asked to call it off.
fn is_ahead(w: &World, slot: usize) -> bool {
    can_be_called_off(slot) && w.carried[slot].goods != Goods::Over
}
