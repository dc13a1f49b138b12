//! Worlds that differ in names alone: which process is which, and how large numbers are of which only whether they are
//! equal is ever asked. Each such family is looked at once.

use crate::world::{CASES, REPLICAS, SEQS, Task, World};

impl World {
    /// The same world under the names that stand for all of its family.
    #[must_use]
    pub fn representative(&self) -> Self {
        let mut world = self.clone();
        for c in 0..CASES {
            world.name_leases(c);
        }
        world.name_versions();
        world.name_processes()
    }

    /// Leases of a case by their rank: nobody asks more of them than whether two are one.
    fn name_leases(&mut self, c: usize) {
        let mut all: Vec<u8> = vec![self.cases[c].fence];
        self.each_lease(c, &mut |fence| all.push(*fence));
        all.sort_unstable();
        all.dedup();
        let rank = |fence: u8| all.iter().position(|f| *f == fence).map_or(0, |n| n as u8);
        self.cases[c].fence = rank(self.cases[c].fence);
        self.each_lease(c, &mut |fence| *fence = rank(*fence));
    }

    fn each_lease(&mut self, c: usize, see: &mut dyn FnMut(&mut u8)) {
        for replica in &mut self.replicas {
            match &mut replica.tasks[c] {
                Task::Idle => {}
                Task::Claimed { fence }
                | Task::Decided { fence, .. }
                | Task::Sending { fence, .. }
                | Task::Answered { fence, .. } => see(fence),
            }
        }
        for contact in self.contacts[c * SEQS..(c + 1) * SEQS].iter_mut().flatten() {
            see(&mut contact.fence);
        }
    }

    /// A version that was read is the present one, or it is not.
    fn name_versions(&mut self) {
        for replica in &mut self.replicas {
            for (task, stored) in replica.tasks.iter_mut().zip(&self.cases) {
                if let Task::Decided { case, person, .. } = task {
                    *case = u8::from(*case == stored.version);
                    *person = u8::from(*person == self.person);
                }
            }
        }
        self.cases.iter_mut().for_each(|case| case.version = 1);
        self.person = 1;
    }

    /// Processes in the order of what they are at.
    fn name_processes(&self) -> Self {
        let at = |r: usize| {
            let is_its = |name: Option<u8>| name == Some(r as u8);
            let leases = self.cases.map(|c| is_its(c.holder));
            let contacts = self.contacts.map(|c| c.is_some_and(|c| is_its(c.owner)));
            (self.replicas[r], leases, contacts)
        };
        let mut order: [usize; REPLICAS] = std::array::from_fn(|r| r);
        order.sort_by_key(|r| at(*r));
        let mut names = [0; REPLICAS];
        for (new, old) in (0..).zip(order) {
            names[old] = new;
        }
        let rename = |name: Option<u8>| name.map(|old| names[usize::from(old)]);
        let mut world = self.clone();
        world.replicas = order.map(|old| self.replicas[old]);
        for case in &mut world.cases {
            case.holder = rename(case.holder);
        }
        for contact in world.contacts.iter_mut().flatten() {
            contact.owner = rename(contact.owner);
        }
        world
    }
}
