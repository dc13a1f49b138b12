//! Money, dates and instants.

use jiff::Timestamp;
use jiff::civil::Date;
use recoup_domain::money::{Currency, Money};

use super::read::Bad;
use crate::api::google::r#type as google;
use crate::api::recoup::v1::ErrorReason;

/// Minor units in a major one, as a power of ten; none where the code is not in use.
#[must_use]
pub fn exponent(code: &str) -> Option<u32> {
    let currency = iso_currency::Currency::from_code(code)?;
    Some(u32::from(currency.exponent().unwrap_or(0)))
}

/// An amount that is not negative, in minor units; `None` was noted.
pub fn money(bad: &mut Bad, field: &str, given: &google::Money) -> Option<Money> {
    let Some(exponent) = exponent(&given.currency_code) else {
        let problem = format!("`{}` is not an ISO 4217 currency code", given.currency_code);
        bad.note(
            ErrorReason::CurrencyUnknown,
            &format!("{field}.currency_code"),
            problem,
        );
        return None;
    };
    let problem = match minor_units(given, exponent) {
        Ok(minor) => {
            return Currency::new(&given.currency_code)
                .ok()
                .map(|c| Money::new(minor, c));
        }
        Err(problem) => problem,
    };
    bad.note(ErrorReason::AmountInvalid, field, problem);
    None
}

fn minor_units(given: &google::Money, exponent: u32) -> Result<i64, String> {
    if given.units < 0 || given.nanos < 0 {
        return Err("is negative; amounts are 0 or more".to_owned());
    }
    if given.nanos > 999_999_999 {
        return Err("has nanos above 999999999".to_owned());
    }
    let nanos_a_minor = 10_i64.pow(9_u32.saturating_sub(exponent));
    let nanos = i64::from(given.nanos);
    if nanos % nanos_a_minor != 0 {
        return Err(format!(
            "is finer than the minor unit, which is 10^-{exponent}"
        ));
    }
    given
        .units
        .checked_mul(10_i64.pow(exponent))
        .and_then(|minor| minor.checked_add(nanos / nanos_a_minor))
        .ok_or_else(|| "is too large".to_owned())
}

/// An amount that must be given and be above 0.
pub fn positive(bad: &mut Bad, field: &str, given: Option<&google::Money>) -> Option<Money> {
    let Some(given) = given else {
        bad.missing(field);
        return None;
    };
    let amount = money(bad, field, given)?;
    if amount.minor == 0 {
        bad.note(ErrorReason::AmountInvalid, field, "must be above 0");
        return None;
    }
    Some(amount)
}

/// An amount on the wire.
#[must_use]
pub fn to_money(amount: Money) -> google::Money {
    let exponent = exponent(amount.currency.code()).unwrap_or(2);
    let one = 10_i64.pow(exponent);
    let nanos_a_minor = 10_i64.pow(9_u32.saturating_sub(exponent));
    google::Money {
        currency_code: amount.currency.code().to_owned(),
        units: amount.minor / one,
        // Below one major unit: fits an i32 for every exponent there is.
        nanos: i32::try_from(amount.minor % one * nanos_a_minor).unwrap_or(0),
    }
}

/// A calendar day; `None` was noted.
pub fn date(bad: &mut Bad, field: &str, given: &google::Date) -> Option<Date> {
    let day = || {
        // Year 0 would be a date without a year.
        let year = i16::try_from(given.year).ok().filter(|y| *y > 0)?;
        let (month, day) = (
            i8::try_from(given.month).ok()?,
            i8::try_from(given.day).ok()?,
        );
        Date::new(year, month, day).ok()
    };
    let found = day();
    if found.is_none() {
        let problem = format!(
            "{}-{}-{} is not a date of the calendar",
            given.year, given.month, given.day
        );
        bad.note(ErrorReason::DateInvalid, field, problem);
    }
    found
}

/// A calendar day on the wire.
#[must_use]
pub fn to_date(day: Date) -> google::Date {
    google::Date {
        year: i32::from(day.year()),
        month: i32::from(day.month()),
        day: i32::from(day.day()),
    }
}

/// An instant, to microseconds; `None` was noted.
pub fn instant(bad: &mut Bad, field: &str, given: &prost_types::Timestamp) -> Option<Timestamp> {
    let whole = (0..1_000_000_000).contains(&given.nanos);
    let at = Timestamp::new(given.seconds, given.nanos)
        .and_then(|at| Timestamp::from_microsecond(at.as_microsecond()))
        .ok()
        .filter(|_| whole);
    if at.is_none() {
        bad.note(
            ErrorReason::TimeInvalid,
            field,
            "is not an instant that can be told",
        );
    }
    at
}

/// An instant that may be absent. The outer none: it is there and cannot be read.
pub fn instant_or_none(
    bad: &mut Bad,
    field: &str,
    given: Option<&prost_types::Timestamp>,
) -> Option<Option<Timestamp>> {
    match given {
        None => Some(None),
        Some(given) => instant(bad, field, given).map(Some),
    }
}

/// An instant that must not lie ahead of `now`.
pub fn past(
    bad: &mut Bad,
    field: &str,
    given: Option<&prost_types::Timestamp>,
    now: Timestamp,
) -> Option<Option<Timestamp>> {
    let at = instant_or_none(bad, field, given)?;
    if at.is_some_and(|at| at > now) {
        bad.note(
            ErrorReason::TimeInvalid,
            field,
            format!("lies ahead of now, which is {now}"),
        );
        return None;
    }
    Some(at)
}

/// An instant on the wire.
#[must_use]
pub fn to_instant(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

/// An instant on the wire; the end of time is none.
#[must_use]
pub fn to_end(at: Timestamp) -> Option<prost_types::Timestamp> {
    (at < recoup_domain::time::NEVER).then(|| to_instant(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(code: &str, units: i64, nanos: i32) -> google::Money {
        google::Money {
            currency_code: code.into(),
            units,
            nanos,
        }
    }

    #[test]
    fn amounts_read_back() {
        for (code, units, nanos, minor) in [
            ("CNY", 12, 340_000_000, 1234),
            ("JPY", 12, 0, 12),
            ("BHD", 1, 5_000_000, 1005),
        ] {
            let mut bad = Bad::new();
            let amount = money(&mut bad, "amount", &given(code, units, nanos)).expect(code);
            assert_eq!((amount.minor, bad.count()), (minor, 0), "{code}");
            assert_eq!(to_money(amount), given(code, units, nanos));
        }
    }

    #[test]
    fn amounts_that_cannot_be_are_noted() {
        for (code, units, nanos) in [
            ("CNY", -1, 0),
            ("CNY", 0, -1),
            ("CNY", 0, 1),
            ("JPY", 0, 500_000_000),
            ("CNY", i64::MAX, 0),
            ("CNY", 0, 2_000_000_000),
            ("ZZZ", 1, 0),
            ("", 1, 0),
        ] {
            let mut bad = Bad::new();
            assert_eq!(money(&mut bad, "amount", &given(code, units, nanos)), None);
            assert_eq!(bad.count(), 1, "{code} {units} {nanos}");
        }
        let mut bad = Bad::new();
        assert_eq!(
            positive(&mut bad, "amount", Some(&given("CNY", 0, 0))),
            None
        );
    }

    #[test]
    fn days_and_instants_are_read_strictly() {
        let mut bad = Bad::new();
        let day = google::Date {
            year: 2026,
            month: 2,
            day: 29,
        };
        assert_eq!(date(&mut bad, "due_date", &day), None);
        let at = prost_types::Timestamp {
            seconds: i64::MAX,
            nanos: 0,
        };
        assert_eq!(instant(&mut bad, "time", &at), None);
        let now = Timestamp::from_second(1_000).expect("an instant");
        let ahead = prost_types::Timestamp {
            seconds: 1_001,
            nanos: 0,
        };
        assert_eq!(past(&mut bad, "time", Some(&ahead), now), None);
        assert_eq!(bad.count(), 3);
        assert_eq!(past(&mut bad, "time", None, now), Some(None));
    }
}
