//! Small sets of names as bits, read from lists in a pack.

use crate::proposal::{Audience, Purpose};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::{ContactClass, Reader};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::Relation;
use serde::de::{Deserialize, Deserializer, Error};
use std::marker::PhantomData;

/// A member of a small closed enum.
pub(crate) trait Member: Copy {
    /// Its number, below 32: members are counted in the order of their enum.
    fn bit(self) -> u32;

    /// The same, to look up by.
    fn index(self) -> usize;
}

macro_rules! members {
    ($($kind:ty),*) => {$(impl Member for $kind {
        fn bit(self) -> u32 { self as u32 }
        fn index(self) -> usize { self as usize }
    })*};
}
members!(
    ContactClass,
    Outcome,
    Audience,
    Purpose,
    LenderKind,
    Reader,
    Relation
);

/// A set of members of a small enum. An empty list in a pack is refused: it would bind nothing.
pub(crate) struct Set<T> {
    bits: u32,
    of: PhantomData<T>,
}

/// Kinds of contact.
pub(crate) type Classes = Set<ContactClass>;
/// Outcomes.
pub(crate) type Outcomes = Set<Outcome>;

impl<T: Member> Set<T> {
    /// Every member.
    pub(crate) const ALL: Self = Self {
        bits: u32::MAX,
        of: PhantomData,
    };

    /// No member.
    pub(crate) const NONE: Self = Self {
        bits: 0,
        of: PhantomData,
    };

    /// The set of one member.
    pub(crate) fn one(member: T) -> Self {
        Self {
            bits: 1 << member.bit(),
            of: PhantomData,
        }
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self {
            bits: self.bits | other.bits,
            of: PhantomData,
        }
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            bits: self.bits & other.bits,
            of: PhantomData,
        }
    }

    pub(crate) fn has(self, member: T) -> bool {
        self.bits & (1 << member.bit()) != 0
    }
}

impl<T> Clone for Set<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Set<T> {}

impl<T> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}

impl<T> Eq for Set<T> {}

impl<T> std::fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Set({:b})", self.bits)
    }
}

impl<'de, T: Member + Deserialize<'de>> Deserialize<'de> for Set<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let members = Vec::<T>::deserialize(d)?;
        if members.is_empty() {
            return Err(D::Error::custom(
                "an empty list; leave the key out to mean all",
            ));
        }
        let members = members.into_iter().map(Self::one);
        Ok(members.fold(Self::NONE, Self::or))
    }
}
