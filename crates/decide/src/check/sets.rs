//! Sets of states as decision diagrams: a state is a cell for each fact, a set says fact by fact which cells lead
//! on. Equal sets are the same number, so asking whether two are equal costs nothing.

use std::collections::BTreeMap;

/// Nodes of one exploration; what does not fit is told, never left out in silence.
const NODES_MAX: usize = 400_000;
/// Cells of all nodes that are put together, those that were there already included: what an exploration may take of
/// a processor and of memory, whatever the policy (a second or two, and some hundred megabytes).
const WORK_MAX: usize = 60_000_000;

/// A set; valid for the [`Sets`] it came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Set(u32);

/// No state.
pub(super) const NONE: Set = Set(0);
/// All states.
pub(super) const ALL: Set = Set(1);

/// The sets of an exploration have grown past their bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooLarge;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Op {
    And,
    Or,
    AndNot,
}

/// All sets of one exploration.
pub(super) struct Sets {
    /// How many cells each fact has.
    sizes: Vec<usize>,
    /// The fact that a node asks, and where each of its cells leads.
    nodes: Vec<(usize, Box<[Set]>)>,
    known: BTreeMap<(usize, Box<[Set]>), Set>,
    done: BTreeMap<(Op, Set, Set), Set>,
    nodes_max: usize,
    work: usize,
}

impl Sets {
    pub(super) fn new(sizes: Vec<usize>) -> Self {
        let end = (sizes.len(), Box::default());
        Self {
            sizes,
            nodes: vec![end.clone(), end],
            known: BTreeMap::new(),
            done: BTreeMap::new(),
            nodes_max: NODES_MAX,
            work: 0,
        }
    }

    fn node(&mut self, fact: usize, to: Vec<Set>) -> Result<Set, TooLarge> {
        self.work += to.len();
        if self.work > WORK_MAX {
            return Err(TooLarge);
        }
        if to.iter().all(|s| *s == to[0]) {
            return Ok(to[0]);
        }
        let key = (fact, to.into_boxed_slice());
        if let Some(found) = self.known.get(&key) {
            return Ok(*found);
        }
        if self.nodes.len() >= self.nodes_max {
            return Err(TooLarge);
        }
        let set = Set(u32::try_from(self.nodes.len()).map_err(|_| TooLarge)?);
        self.nodes.push(key.clone());
        self.known.insert(key, set);
        Ok(set)
    }

    fn fact(&self, set: Set) -> usize {
        self.nodes[set.0 as usize].0
    }

    /// Where cell `cell` of `fact` leads from a set that asks this fact or a later one.
    fn follow(&self, set: Set, fact: usize, cell: usize) -> Set {
        let (own, to) = &self.nodes[set.0 as usize];
        if *own == fact { to[cell] } else { set }
    }

    fn apply(&mut self, op: Op, a: Set, b: Set) -> Result<Set, TooLarge> {
        let settled = match op {
            Op::And if a == NONE || b == NONE => Some(NONE),
            Op::And if a == ALL || a == b => Some(b),
            Op::And if b == ALL => Some(a),
            Op::Or if a == ALL || b == ALL => Some(ALL),
            Op::Or if a == NONE || a == b => Some(b),
            Op::Or if b == NONE => Some(a),
            Op::AndNot if a == NONE || b == ALL || a == b => Some(NONE),
            Op::AndNot if b == NONE => Some(a),
            _ => None,
        };
        if let Some(set) = settled {
            return Ok(set);
        }
        let key = match op {
            Op::AndNot => (op, a, b),
            _ => (op, a.min(b), a.max(b)),
        };
        if let Some(found) = self.done.get(&key) {
            return Ok(*found);
        }
        if self.done.len() >= 4 * self.nodes_max {
            return Err(TooLarge);
        }
        let fact = self.fact(a).min(self.fact(b));
        let mut to = Vec::with_capacity(self.sizes[fact]);
        for cell in 0..self.sizes[fact] {
            let (a, b) = (self.follow(a, fact, cell), self.follow(b, fact, cell));
            to.push(self.apply(op, a, b)?);
        }
        let set = self.node(fact, to)?;
        self.done.insert(key, set);
        Ok(set)
    }

    /// States in both.
    pub(super) fn and(&mut self, a: Set, b: Set) -> Result<Set, TooLarge> {
        self.apply(Op::And, a, b)
    }

    /// States in one of them.
    pub(super) fn or(&mut self, a: Set, b: Set) -> Result<Set, TooLarge> {
        self.apply(Op::Or, a, b)
    }

    /// States in the first and not in the second.
    pub(super) fn and_not(&mut self, a: Set, b: Set) -> Result<Set, TooLarge> {
        self.apply(Op::AndNot, a, b)
    }

    /// States whose cells of `facts` fit; `facts` must be sorted, each there once.
    pub(super) fn fitting(
        &mut self,
        facts: &[usize],
        fits: &mut dyn FnMut(&[usize]) -> bool,
    ) -> Result<Set, TooLarge> {
        let mut cells = Vec::with_capacity(facts.len());
        self.fitting_from(facts, &mut cells, fits)
    }

    fn fitting_from(
        &mut self,
        facts: &[usize],
        cells: &mut Vec<usize>,
        fits: &mut dyn FnMut(&[usize]) -> bool,
    ) -> Result<Set, TooLarge> {
        let Some(fact) = facts.get(cells.len()) else {
            return Ok(if fits(cells) { ALL } else { NONE });
        };
        let mut to = Vec::with_capacity(self.sizes[*fact]);
        for cell in 0..self.sizes[*fact] {
            cells.push(cell);
            to.push(self.fitting_from(facts, cells, fits)?);
            cells.pop();
        }
        self.node(*fact, to)
    }

    /// The states of a set whose cell of one fact fits.
    pub(super) fn within(
        &mut self,
        set: Set,
        fact: usize,
        fits: impl Fn(usize) -> bool,
    ) -> Result<Set, TooLarge> {
        let fitting = self.fitting(&[fact], &mut |cells| fits(cells[0]))?;
        self.and(set, fitting)
    }

    /// The states that are in a set for some cell of `fact`.
    pub(super) fn whatever(&mut self, set: Set, fact: usize) -> Result<Set, TooLarge> {
        let mut known = BTreeMap::new();
        self.whatever_from(set, fact, &mut known)
    }

    fn whatever_from(
        &mut self,
        set: Set,
        fact: usize,
        known: &mut BTreeMap<Set, Set>,
    ) -> Result<Set, TooLarge> {
        let own = self.fact(set);
        if own > fact {
            return Ok(set);
        }
        if let Some(found) = known.get(&set) {
            return Ok(*found);
        }
        let to = self.nodes[set.0 as usize].1.clone();
        let found = if own == fact {
            let mut any = NONE;
            for next in to {
                any = self.or(any, next)?;
            }
            any
        } else {
            let mut kept = Vec::with_capacity(to.len());
            for next in to {
                kept.push(self.whatever_from(next, fact, known)?);
            }
            self.node(own, kept)?
        };
        known.insert(set, found);
        Ok(found)
    }

    /// The cells of one fact that occur in a set.
    pub(super) fn cells_in(&mut self, set: Set, fact: usize) -> Result<Vec<usize>, TooLarge> {
        let mut found = Vec::new();
        for cell in 0..self.sizes[fact] {
            if self.within(set, fact, |c| c == cell)? != NONE {
                found.push(cell);
            }
        }
        Ok(found)
    }

    /// A state of a set: for each fact the first cell of `order` that leads to one; none of an empty set.
    pub(super) fn state(&self, set: Set, order: &[Vec<usize>]) -> Option<Vec<usize>> {
        let mut at = set;
        if at == NONE {
            return None;
        }
        let mut cells = Vec::with_capacity(self.sizes.len());
        for (fact, order) in order.iter().enumerate() {
            // Each set but the empty one has a state: no way but into it leads nowhere.
            let leads_on = |cell: &&usize| self.follow(at, fact, **cell) != NONE;
            let cell = *order.iter().find(leads_on)?;
            at = self.follow(at, fact, cell);
            cells.push(cell);
        }
        Some(cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All states of three facts.
    fn states() -> impl Iterator<Item = Vec<usize>> {
        (0..2).flat_map(|a| (0..3).flat_map(move |b| (0..2).map(move |c| vec![a, b, c])))
    }

    fn has(sets: &Sets, set: Set, state: &[usize]) -> bool {
        let at = |at, (fact, cell): (usize, &usize)| sets.follow(at, fact, *cell);
        state.iter().enumerate().fold(set, at) == ALL
    }

    #[test]
    fn sets_hold_what_their_questions_say() {
        let mut sets = Sets::new(vec![2, 3, 2]);
        let a = sets.fitting(&[0, 1], &mut |c| c[0] + c[1] >= 2).unwrap();
        let b = sets.fitting(&[1, 2], &mut |c| c[0] != c[1]).unwrap();
        let in_a = |s: &[usize]| s[0] + s[1] >= 2;
        let in_b = |s: &[usize]| s[1] != s[2];
        let and = sets.and(a, b).unwrap();
        let or = sets.or(a, b).unwrap();
        let and_not = sets.and_not(a, b).unwrap();
        let whatever = sets.whatever(and, 1).unwrap();
        let fixed = sets.within(b, 1, |cell| cell == 1).unwrap();
        for s in states() {
            assert_eq!(has(&sets, and, &s), in_a(&s) && in_b(&s), "{s:?}");
            assert_eq!(has(&sets, or, &s), in_a(&s) || in_b(&s), "{s:?}");
            assert_eq!(has(&sets, and_not, &s), in_a(&s) && !in_b(&s), "{s:?}");
            let some = (0..3).any(|cell| in_a(&[s[0], cell, s[2]]) && in_b(&[s[0], cell, s[2]]));
            assert_eq!(has(&sets, whatever, &s), some, "{s:?}");
            assert_eq!(has(&sets, fixed, &s), in_b(&s) && s[1] == 1, "{s:?}");
        }
        assert_eq!(sets.cells_in(a, 1).unwrap(), [1, 2]);
        let order: Vec<Vec<usize>> = vec![vec![0, 1], vec![2, 1, 0], vec![1, 0]];
        assert_eq!(sets.state(a, &order), Some(vec![0, 2, 1]));
        assert_eq!(sets.state(NONE, &order), None);
    }

    #[test]
    fn equal_sets_are_the_same_and_too_many_are_refused() {
        let mut sets = Sets::new(vec![2, 2]);
        let a = sets.fitting(&[0], &mut |c| c[0] == 1).unwrap();
        let not = sets.and_not(ALL, a).unwrap();
        assert_eq!(sets.or(a, not), Ok(ALL));
        assert_eq!(sets.and_not(ALL, not), Ok(a));
        // Random sets share next to nothing.
        let mut sets = Sets::new(vec![2; 10]);
        sets.nodes_max = 100;
        let facts: Vec<usize> = (0..10).collect();
        let mut dice = 1_u64;
        let random = sets.fitting(&facts, &mut |_| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            dice >> 63 == 1
        });
        assert_eq!(random, Err(TooLarge));
    }
}
