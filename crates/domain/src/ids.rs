//! Typed identifiers in TypeID form: a prefix and a UUIDv7 in Crockford base 32, so that ids of
//! different things cannot be mixed up and sort by the time they were made.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// An id that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not an id of the form {expected}")]
pub struct IdError {
    /// What was given.
    pub given: String,
    /// What an id of this kind looks like.
    pub expected: &'static str,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 16 bytes as 26 characters of lower-case Crockford base 32, the order of the bytes kept.
fn encode(bytes: [u8; 16]) -> [u8; 26] {
    let mut n = u128::from_be_bytes(bytes);
    let mut out = [b'0'; 26];
    for place in out.iter_mut().rev() {
        *place = ALPHABET[(n & 31) as usize];
        n >>= 5;
    }
    out
}

/// What was made of ASCII letters and digits, as text.
fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

fn decode(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    // 26 characters hold 130 bits: the first may only carry the top three of 128.
    if text.len() != 26 || text[0] > b'7' {
        return None;
    }
    let mut n: u128 = 0;
    for c in text {
        let digit = ALPHABET.iter().position(|a| a == c)?;
        n = (n << 5) | digit as u128;
    }
    Some(n.to_be_bytes())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The prefix of the text form.
            pub const PREFIX: &'static str = $prefix;

            /// From the 16 bytes of a UUID.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes of the UUID.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0
            }

            /// The text form. Ids are written by the dozen for each case: whole, and without the heap.
            fn text(self) -> [u8; concat!($prefix, "_").len() + 26] {
                const HEAD: &[u8] = concat!($prefix, "_").as_bytes();
                let mut text = [0; HEAD.len() + 26];
                text[..HEAD.len()].copy_from_slice(HEAD);
                text[HEAD.len()..].copy_from_slice(&encode(self.0));
                text
            }
        }

        impl From<uuid::Uuid> for $name {
            fn from(id: uuid::Uuid) -> Self {
                Self(id.into_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(ascii(&self.text()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                s.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or_else(|| IdError {
                        given: s.to_owned(),
                        expected: concat!($prefix, "_ and 26 characters of base 32"),
                    })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(ascii(&self.text()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A collection case: one delinquent loan.
    CaseId = "case";
    /// A party: borrower, guarantor or third party.
    PartyId = "party";
    /// A person who works cases for the lender.
    CollectorId = "collector";
    /// A pause of a case (hold, promise, plan …).
    PauseId = "pause";
    /// A wish not to be contacted by a medium, or at one number or address.
    OptOutId = "optout";
    /// A consent.
    ConsentId = "consent";
    /// An override of a presumption of law.
    OverrideId = "override";
}

/// A contact: the slot `(case, plan_seq)` it was planned in. The id is the slot, so one slot can never
/// have two contacts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId {
    /// The case.
    pub case: CaseId,
    /// Number of the plan within the case, from 1.
    pub seq: u32,
}

impl fmt::Display for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("contact_")?;
        f.write_str(ascii(&encode(self.case.to_bytes())))?;
        write!(f, "-{}", self.seq)
    }
}

impl fmt::Debug for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContactId {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        let parse = || {
            let (id, seq) = s.strip_prefix("contact_")?.split_once('-')?;
            let canonical = seq.bytes().all(|b| b.is_ascii_digit()) && !seq.starts_with('0');
            let seq = seq.parse().ok().filter(|_| canonical)?;
            Some(Self {
                case: CaseId::from_bytes(decode(id)?),
                seq,
            })
        };
        parse().ok_or_else(|| IdError {
            given: s.to_owned(),
            expected: "contact_, 26 characters of base 32, - and a number from 1",
        })
    }
}

impl Serialize for ContactId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContactId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A dispute or a complaint of a case: the case, and the pause that stands for it. Its text form begins with
/// `dispute_` or `complaint_`, so that whoever holds the id alone can name it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectionId {
    /// The case.
    pub case: CaseId,
    /// The pause.
    pub pause: PauseId,
}

impl ObjectionId {
    /// The text form with its prefix, such as `dispute`.
    #[must_use]
    pub fn text(self, prefix: &str) -> String {
        let mut out = format!("{prefix}_");
        out.extend(encode(self.case.to_bytes()).map(char::from));
        out.push('-');
        out.extend(encode(self.pause.to_bytes()).map(char::from));
        out
    }

    /// Reads the text form; none where it is none of `prefix`.
    #[must_use]
    pub fn parse(prefix: &str, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(prefix)?.strip_prefix('_')?;
        let (case, pause) = rest.split_once('-')?;
        Some(Self {
            case: CaseId::from_bytes(decode(case)?),
            pause: PauseId::from_bytes(decode(pause)?),
        })
    }
}

/// A lender. Tenants are walls: an id of another tenant does not exist.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Debug)]
#[serde(try_from = "String")]
pub struct TenantId(String);

impl TenantId {
    /// A tenant's name: 1 to 64 of `a-z`, `0-9` and `-`.
    ///
    /// # Errors
    /// Where the text is anything else.
    pub fn new(name: impl Into<String>) -> Result<Self, IdError> {
        let name = name.into();
        let fits = (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(name))
        } else {
            Err(IdError {
                given: name,
                expected: "1 to 64 characters of a-z, 0-9 and -",
            })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TenantId {
    type Error = IdError;
    fn try_from(name: String) -> Result<Self, IdError> {
        Self::new(name)
    }
}

impl Serialize for TenantId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

/// A keyed hash of something that identifies a person (a number, an address, a lender's reference):
/// equal inputs of one tenant give equal keys, and nobody without the tenant's key can try inputs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyedHash(pub [u8; 16]);

impl KeyedHash {
    /// The text form: 32 lower-case hexadecimal digits.
    fn text(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }
}

impl fmt::Display for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ascii(&self.text()))
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyedHash {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        let mut out = [0; 16];
        let fits = s.len() == 32
            && s.is_ascii()
            && out.iter_mut().enumerate().all(|(i, b)| {
                u8::from_str_radix(&s[2 * i..2 * i + 2], 16)
                    .map(|v| *b = v)
                    .is_ok()
            });
        if fits {
            Ok(Self(out))
        } else {
            Err(IdError {
                given: s.to_owned(),
                expected: "32 hexadecimal digits",
            })
        }
    }
}

impl Serialize for KeyedHash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(ascii(&self.text()))
    }
}

impl<'de> Deserialize<'de> for KeyedHash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_keep_their_order() {
        let low = CaseId::from_bytes([0; 16]);
        let high = CaseId::from_bytes([0xff; 16]);
        for id in [low, high, CaseId::from_bytes(*b"0123456789abcdef")] {
            assert_eq!(id.to_string().parse::<CaseId>(), Ok(id));
        }
        assert_eq!(low.to_string(), "case_00000000000000000000000000");
        assert_eq!(high.to_string(), "case_7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert!(low.to_string() < high.to_string());
    }

    #[test]
    fn ids_of_another_kind_or_form_are_refused() {
        for bad in [
            "",
            "case_",
            "party_00000000000000000000000000",
            "case_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "case_0000000000000000000000000u",
            "case_000000000000000000000000000",
        ] {
            assert!(bad.parse::<CaseId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_contact_id_is_its_slot() {
        let id = ContactId {
            case: CaseId::from_bytes([7; 16]),
            seq: 12,
        };
        assert_eq!(id.to_string().parse::<ContactId>(), Ok(id));
        for bad in [
            "contact_-1",
            "contact_00000000000000000000000000-0",
            "contact_00000000000000000000000000-01",
            "contact_00000000000000000000000000-+1",
        ] {
            assert!(bad.parse::<ContactId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn keyed_hashes_read_back() {
        let hash = KeyedHash(*b"\x00\x01\x0f\x10\x5a\x7f\x80\xa5\xf0\xfe\xff45678");
        assert_eq!(hash.to_string(), "00010f105a7f80a5f0feff3435363738");
        assert_eq!(hash.to_string().parse::<KeyedHash>(), Ok(hash));
        assert!("é".repeat(16).parse::<KeyedHash>().is_err());
    }
}
