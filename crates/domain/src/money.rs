//! Money: integer minor units with a currency. No floats, no operation that can wrap.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// An ISO 4217 alphabetic code, such as `CNY`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Currency([u8; 3]);

/// Why an amount or currency was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three capital letters.
    #[error("`{0}` is not a currency code of three capital letters")]
    Currency(String),
    /// Two currencies met in one operation.
    #[error("{0} and {1} are different currencies")]
    Mixed(Currency, Currency),
    /// The result does not fit into 64 bits.
    #[error("the amount is too large")]
    Overflow,
}

impl Currency {
    /// A currency by its code.
    ///
    /// # Errors
    /// Where the code is not three capital letters. Whether the code is in use is the edge's question.
    pub fn new(code: &str) -> Result<Self, MoneyError> {
        match code.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(MoneyError::Currency(code.to_owned())),
        }
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(code: String) -> Result<Self, MoneyError> {
        Self::new(&code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.code())
    }
}

/// An amount in minor units (fen, cents) of a currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units; negative where the lender owes.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// `minor` units of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// The sum.
    ///
    /// # Errors
    /// Where the currencies differ or the sum does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        let minor = self
            .minor
            .checked_add(other.minor)
            .ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The difference, but never below zero: what is still owed after `other` was paid.
    ///
    /// # Errors
    /// Where the currencies differ.
    pub fn owed_after(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        Ok(Self {
            minor: self.minor.saturating_sub(other.minor).max(0),
            ..self
        })
    }

    fn same(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::Mixed(self.currency, other.currency))
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cny(minor: i64) -> Money {
        Money::new(minor, Currency::new("CNY").unwrap())
    }

    #[test]
    fn sums_never_wrap_and_never_mix() {
        assert_eq!(cny(1).checked_add(cny(2)), Ok(cny(3)));
        assert_eq!(cny(i64::MAX).checked_add(cny(1)), Err(MoneyError::Overflow));
        let usd = Money::new(1, Currency::new("USD").unwrap());
        assert!(matches!(
            cny(1).checked_add(usd),
            Err(MoneyError::Mixed(..))
        ));
    }

    #[test]
    fn what_is_owed_never_falls_below_zero() {
        assert_eq!(cny(100).owed_after(cny(30)), Ok(cny(70)));
        assert_eq!(cny(100).owed_after(cny(130)), Ok(cny(0)));
    }

    #[test]
    fn codes_are_three_capitals() {
        for bad in ["", "cny", "CNYX", "C1Y"] {
            assert!(Currency::new(bad).is_err(), "{bad}");
        }
    }
}
