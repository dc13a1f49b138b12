//! A portfolio held in few bytes a case: what many cases have in common is kept once, and a person is made whole again
//! when the replay asks.

use crate::chance::key_of;
use crate::labels::Labels;
use crate::person::{LoanCase, Person};
use crate::run::Portfolio;
use jiff::civil::Date;
use recoup_domain::case::{Amounts, Scores};
use recoup_domain::ids::KeyedHash;
use recoup_domain::sealed::Sealed;
use recoup_domain::{Case, CaseId, Party, PartyId};
use std::collections::HashMap;

/// A case to add, with its borrower as it is told.
#[derive(Clone, Debug)]
pub struct CaseToAdd {
    /// The lender's reference of the loan; it makes the case's luck, and names it in what comes out.
    pub lender_ref: String,
    /// The lender's reference of the borrower. Cases of one are replayed together.
    pub borrower_ref: String,
    /// The case.
    pub case: Case,
    /// The borrower. What is told last holds.
    pub borrower: Party,
}

/// A portfolio in memory.
#[derive(Debug, Default)]
pub struct Compact {
    /// What was added since the last sorting.
    told: Told,
    // A column each: nothing lies between the values of a case to keep them apart.
    overdue: Vec<i64>,
    principal: Vec<i64>,
    /// [`Date::MIN`] where none is known.
    due: Vec<Date>,
    ability: Vec<u8>,
    willingness: Vec<u8>,
    case_shape: Vec<u32>,
    labels: Labels,
    person_key: Vec<u64>,
    person_shape: Vec<u32>,
    /// The first case of each person, and behind the last one how many there are.
    first: Vec<u32>,
    cases: Shapes<Case>,
    parties: Shapes<Party>,
}

/// Stands for a score that nobody gave.
const NO_SCORE: u8 = u8::MAX;

/// Cases in the order in which they are told.
#[derive(Debug, Default)]
struct Told {
    rows: Vec<Row>,
    labels: Labels,
    /// Key and shape.
    people: Vec<(u64, u32)>,
    by_ref: HashMap<u64, u32>,
}

/// What a case has for itself.
#[derive(Clone, Copy, Debug)]
struct Row {
    overdue: i64,
    principal: i64,
    due: Option<Date>,
    /// Its number in the order of telling.
    number: u32,
    person: u32,
    shape: u32,
    scores: Scores,
}

/// Things that many have in common, each once.
#[derive(Debug)]
struct Shapes<T> {
    all: Vec<T>,
    known: HashMap<String, u32>,
}

impl<T> Default for Shapes<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl<T: std::fmt::Debug> Shapes<T> {
    fn number_of(&mut self, shape: T) -> u32 {
        let text = format!("{shape:?}");
        if let Some(known) = self.known.get(&text) {
            return *known;
        }
        let next = number(self.all.len());
        self.all.push(shape);
        self.known.insert(text, next);
        next
    }
}

impl Compact {
    /// Adds a case. The borrower's rights and history are taken as they are told; the past contacts are none. It is
    /// there once [`sorted`](Self::sorted).
    pub fn add(&mut self, told: CaseToAdd) {
        let key = key_of(told.borrower_ref.as_bytes());
        let shape = self.parties.number_of(party_shape(told.borrower));
        let all = &mut self.told;
        let next = number(all.people.len());
        let person = *all.by_ref.entry(key).or_insert(next);
        match all.people.get_mut(person as usize) {
            Some(known) => known.1 = shape,
            None => all.people.push((key, shape)),
        }
        all.rows.push(Row {
            overdue: told.case.amounts.overdue,
            principal: told.case.amounts.principal,
            due: told.case.oldest_unpaid_due,
            number: number(all.rows.len()),
            person,
            scores: told.case.scores,
            shape: self.cases.number_of(case_shape(told.case)),
        });
        all.labels.push(&told.lender_ref);
    }

    /// Brings the cases of each person together, after the last was added; what is added behind that begins another
    /// portfolio.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        let mut told = std::mem::take(&mut self.told);
        told.by_ref = HashMap::new();
        told.rows.sort_by_key(|row| (row.person, row.number));
        let n = told.rows.len();
        let mut all = Self {
            overdue: Vec::with_capacity(n),
            principal: Vec::with_capacity(n),
            due: Vec::with_capacity(n),
            ability: Vec::with_capacity(n),
            willingness: Vec::with_capacity(n),
            case_shape: Vec::with_capacity(n),
            labels: Labels::with_capacity(n, told.labels.bytes()),
            person_key: told.people.iter().map(|p| p.0).collect(),
            person_shape: told.people.iter().map(|p| p.1).collect(),
            first: Vec::with_capacity(told.people.len() + 1),
            ..self
        };
        for (place, row) in told.rows.iter().enumerate() {
            // Everybody has a case: the next person begins where the person's number is new.
            if all.first.len() == row.person as usize {
                all.first.push(number(place));
            }
            all.overdue.push(row.overdue);
            all.principal.push(row.principal);
            all.due.push(row.due.unwrap_or(Date::MIN));
            all.ability.push(row.scores.ability.unwrap_or(NO_SCORE));
            all.willingness
                .push(row.scores.willingness.unwrap_or(NO_SCORE));
            all.case_shape.push(row.shape);
            all.labels.push(told.labels.get(row.number as usize));
        }
        all.first.push(number(n));
        all.cases.known = HashMap::new();
        all.parties.known = HashMap::new();
        all
    }

    /// How many cases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.overdue.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.overdue.is_empty()
    }

    /// The lender's reference of a case, by its place in the replay.
    #[must_use]
    pub fn label(&self, case: usize) -> &str {
        self.labels.get(case)
    }

    fn loan(&self, place: usize, borrower: PartyId) -> LoanCase {
        let mut case = self.cases.all[self.case_shape[place] as usize].clone();
        let key = key_of(self.label(place).as_bytes());
        case.id = CaseId::from_bytes(id(key, place));
        case.borrower = borrower;
        case.amounts.overdue = self.overdue[place];
        case.amounts.principal = self.principal[place];
        case.oldest_unpaid_due = Some(self.due[place]).filter(|day| *day != Date::MIN);
        let score = |score: u8| Some(score).filter(|s| *s != NO_SCORE);
        case.scores = Scores {
            ability: score(self.ability[place]),
            willingness: score(self.willingness[place]),
        };
        LoanCase {
            case,
            waiting: Vec::new(),
            lifts: Vec::new(),
            visitors: None,
            key,
        }
    }
}

impl Portfolio for Compact {
    fn people(&self) -> usize {
        self.person_key.len()
    }

    fn cases_before(&self, person: usize) -> usize {
        self.first.get(person).map_or(0, |n| *n as usize)
    }

    fn person(&self, person: usize) -> Person {
        let key = self.person_key[person];
        let mut borrower = self.parties.all[self.person_shape[person] as usize].clone();
        borrower.id = PartyId::from_bytes(id(key, person));
        let places = self.cases_before(person)..self.cases_before(person + 1);
        Person {
            cases: places.map(|place| self.loan(place, borrower.id)).collect(),
            contacts: Vec::new(),
            key,
            borrower,
        }
    }
}

/// Cases and people are fewer than 2^32.
fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn id(key: u64, number: usize) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&key.to_be_bytes());
    id[8..].copy_from_slice(&(number as u64).to_be_bytes());
    id
}

/// The party without what tells it from others that are like it. Its numbers are told apart by their order.
fn party_shape(mut party: Party) -> Party {
    party.id = PartyId::from_bytes([0; 16]);
    party.lender_ref = KeyedHash([0; 16]);
    party.sealed = Sealed::default();
    for (nth, point) in (1_u8..).zip(&mut party.points) {
        point.key = KeyedHash([nth; 16]);
    }
    party
}

fn case_shape(mut case: Case) -> Case {
    case.id = CaseId::from_bytes([0; 16]);
    case.borrower = PartyId::from_bytes([0; 16]);
    case.lender_ref = KeyedHash([0; 16]);
    case.sealed = Sealed::default();
    case.amounts = Amounts::default();
    case.oldest_unpaid_due = None;
    case.scores = Scores::default();
    for document in &mut case.documents {
        document.sha256 = String::new();
        document.reference = String::new();
    }
    case
}
