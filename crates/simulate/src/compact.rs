//! A portfolio held in few bytes a case: what many cases have in common is kept once, and a person is made whole again
//! when the replay asks.

use crate::chance::key_of;
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
    rows: Vec<Row>,
    people: Vec<Somebody>,
    labels: String,
    /// Where the label of each case ends, in the order of adding.
    ends: Vec<u64>,
    cases: Shapes<Case>,
    parties: Shapes<Party>,
    by_ref: HashMap<u64, u32>,
    /// First row of each person, once sorted.
    first: Vec<u32>,
}

/// What a case has for itself.
#[derive(Clone, Copy, Debug)]
struct Row {
    key: u64,
    overdue: i64,
    principal: i64,
    due: Option<Date>,
    /// Its number in the order of adding.
    number: u32,
    person: u32,
    shape: u32,
    ability: Option<u8>,
    willingness: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Somebody {
    key: u64,
    shape: u32,
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
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(shape);
        self.known.insert(text, number);
        number
    }
}

impl Compact {
    /// Adds a case. The borrower's rights and history are taken as they are told; the past contacts are none.
    pub fn add(&mut self, told: CaseToAdd) {
        let borrower_key = key_of(told.borrower_ref.as_bytes());
        let shape = self.parties.number_of(party_shape(told.borrower));
        let next = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        let person = *self.by_ref.entry(borrower_key).or_insert(next);
        match self.people.get_mut(person as usize) {
            Some(known) => known.shape = shape,
            None => self.people.push(Somebody {
                key: borrower_key,
                shape,
            }),
        }
        let case = &told.case;
        self.rows.push(Row {
            key: key_of(told.lender_ref.as_bytes()),
            overdue: case.amounts.overdue,
            principal: case.amounts.principal,
            due: case.oldest_unpaid_due,
            number: u32::try_from(self.rows.len()).unwrap_or(u32::MAX),
            person,
            shape: 0,
            ability: case.scores.ability,
            willingness: case.scores.willingness,
        });
        let shape = self.cases.number_of(case_shape(told.case));
        if let Some(row) = self.rows.last_mut() {
            row.shape = shape;
        }
        self.labels.push_str(&told.lender_ref);
        self.ends.push(self.labels.len() as u64);
        self.first.clear();
    }

    /// Brings the cases of each person together, after the last was added.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.rows.sort_by_key(|row| (row.person, row.number));
        self.first = vec![0; self.people.len() + 1];
        for row in &self.rows {
            self.first[row.person as usize + 1] += 1;
        }
        for i in 1..self.first.len() {
            self.first[i] += self.first[i - 1];
        }
        self.by_ref = HashMap::new();
        self.cases.known = HashMap::new();
        self.parties.known = HashMap::new();
        self.rows.shrink_to_fit();
        self.people.shrink_to_fit();
        self.labels.shrink_to_fit();
        self.ends.shrink_to_fit();
        self
    }

    /// How many cases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lender's reference of a case, by its place in the replay.
    #[must_use]
    pub fn label(&self, case: usize) -> &str {
        let number = self.rows.get(case).map_or(0, |row| row.number as usize);
        let end = |n: usize| self.ends.get(n).copied().unwrap_or(0) as usize;
        let from = number.checked_sub(1).map_or(0, end);
        self.labels.get(from..end(number)).unwrap_or_default()
    }
}

impl Portfolio for Compact {
    fn people(&self) -> usize {
        self.people.len()
    }

    fn cases_before(&self, person: usize) -> usize {
        self.first.get(person).map_or(0, |n| *n as usize)
    }

    fn person(&self, person: usize) -> Person {
        let somebody = self.people[person];
        let mut borrower = self.parties.all[somebody.shape as usize].clone();
        borrower.id = PartyId::from_bytes(id(somebody.key, person));
        let rows = &self.rows[self.cases_before(person)..self.cases_before(person + 1)];
        let loan = |row: &Row| {
            let mut case = self.cases.all[row.shape as usize].clone();
            case.id = CaseId::from_bytes(id(row.key, row.number as usize));
            case.borrower = borrower.id;
            case.amounts.overdue = row.overdue;
            case.amounts.principal = row.principal;
            case.oldest_unpaid_due = row.due;
            case.scores = Scores {
                ability: row.ability,
                willingness: row.willingness,
            };
            LoanCase {
                case,
                waiting: Vec::new(),
                lifts: Vec::new(),
                visitors: None,
                key: row.key,
            }
        };
        Person {
            cases: rows.iter().map(loan).collect(),
            contacts: Vec::new(),
            key: somebody.key,
            borrower,
        }
    }
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
