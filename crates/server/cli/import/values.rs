//! Texts of a file as exact values: amounts in minor units, dates, whole numbers. No float is used anywhere.

use iso_currency::Currency;
use jiff::civil::Date;
use jiff::fmt::strtime::BrokenDownTime;

use crate::api::google::r#type as gtype;

/// An amount whose power of ten is beyond this is refused; no money is written so.
const EXPONENT_MAX: i32 = 30;

/// Minor digits of a currency by ISO 4217; none where the code names no currency.
#[must_use]
pub fn minor_digits(currency: &str) -> Option<u32> {
    let found = Currency::from_code(currency)?;
    Some(u32::from(found.exponent().unwrap_or(0)))
}

/// Minor units of a decimal text such as `1234.5`, `-3` or `5.00E+05`, exactly.
///
/// # Errors
/// Why the text is no amount of a currency with that many minor digits.
pub fn minor_units(text: &str, digits: u32) -> Result<i64, String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        None => (text, 0),
        Some((mantissa, exponent)) => {
            let exponent: i32 = exponent.parse().map_err(|_| not_decimal())?;
            (mantissa, exponent)
        }
    };
    let (negative, unsigned) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > 18 {
        return Err(not_decimal());
    }
    if exponent.abs() > EXPONENT_MAX {
        return Err(too_large());
    }
    let number: i128 = format!("{whole}{fraction}")
        .parse()
        .map_err(|_| too_large())?;
    // Minor units = number * 10^shift.
    let shift = exponent - fraction.len() as i32 + digits as i32;
    let scale = 10_i128
        .checked_pow(shift.unsigned_abs())
        .ok_or_else(too_large)?;
    let minor = if shift >= 0 {
        number.checked_mul(scale).ok_or_else(too_large)?
    } else if number % scale == 0 {
        number / scale
    } else {
        return Err(format!(
            "has more than the {digits} decimal places that its currency has"
        ));
    };
    let minor = i64::try_from(minor).map_err(|_| too_large())?;
    Ok(if negative { -minor } else { minor })
}

fn not_decimal() -> String {
    "is not an amount; right would be digits with a point, such as 1234.50".to_owned()
}

fn too_large() -> String {
    "is larger than any amount can be".to_owned()
}

/// Minor units as decimal text, the inverse of [`minor_units`].
#[must_use]
pub fn decimal(minor: i64, digits: u32) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let scale = 10_u64.pow(digits);
    let (units, rest) = (minor.unsigned_abs() / scale, minor.unsigned_abs() % scale);
    match digits {
        0 => format!("{sign}{units}"),
        _ => format!("{sign}{units}.{rest:0width$}", width = digits as usize),
    }
}

/// `google.type.Money` of minor units.
#[must_use]
pub fn money(minor: i64, currency: &str, digits: u32) -> gtype::Money {
    let scale = 10_i64.pow(digits);
    let nanos_a_minor = 10_i64.pow(9_u32.saturating_sub(digits));
    gtype::Money {
        currency_code: currency.to_owned(),
        units: minor / scale,
        nanos: ((minor % scale) * nanos_a_minor) as i32,
    }
}

/// Minor units of a `google.type.Money`, parts below a minor unit cut off.
#[must_use]
pub fn minor_of(money: &gtype::Money) -> i64 {
    let digits = minor_digits(&money.currency_code).unwrap_or(2);
    let nanos_a_minor = 10_i64.pow(9_u32.saturating_sub(digits));
    money.units * 10_i64.pow(digits) + i64::from(money.nanos) / nanos_a_minor
}

/// `google.type.Date` of a day.
#[must_use]
pub fn date(day: Date) -> gtype::Date {
    gtype::Date {
        year: i32::from(day.year()),
        month: i32::from(day.month()),
        day: i32::from(day.day()),
    }
}

/// A day by a format of `strptime` such as `%Y-%m-%d` or `%y-%b`; one without a day is the first of its month.
///
/// # Errors
/// Why the text is no such day.
pub fn day(text: &str, format: &str) -> Result<Date, String> {
    let wrong = || format!("is not a date of the form {format}; {}", example(format));
    let mut read = BrokenDownTime::parse(format, text).map_err(|_| wrong())?;
    if read.day().is_none() {
        read.set_day(Some(1)).map_err(|_| wrong())?;
    }
    read.to_date().map_err(|_| wrong())
}

fn example(format: &str) -> String {
    let shown = jiff::fmt::strtime::format(format, Date::constant(2026, 3, 31));
    shown.map_or_else(
        |_| "see the mapping".to_owned(),
        |shown| format!("right would be for example {shown}"),
    )
}

/// The same day in another year, the 29th of February becoming the 28th where the year has none.
///
/// # Errors
/// Where the year lies outside the calendar.
pub fn shift_years(day: Date, years: i16) -> Result<Date, String> {
    let span = jiff::Span::new().try_years(years);
    span.and_then(|span| day.checked_add(span))
        .map_err(|_| format!("cannot be moved by {years} years"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let table: [(&str, u32, Result<i64, &str>); 16] = [
            ("0", 2, Ok(0)),
            ("1234.5", 2, Ok(123_450)),
            ("1234.50", 2, Ok(123_450)),
            ("-3", 2, Ok(-300)),
            ("5.00E+05", 2, Ok(50_000_000)),
            ("5.00E+05", 0, Ok(500_000)),
            ("1e3", 2, Ok(100_000)),
            ("12345E-2", 2, Ok(12_345)),
            ("0.010", 2, Ok(1)),
            ("0.001", 2, Err("more than the 2 decimal places")),
            ("1.5", 0, Err("more than the 0 decimal places")),
            ("1,000", 2, Err("not an amount")),
            ("", 2, Err("not an amount")),
            ("NaN", 2, Err("not an amount")),
            ("1E+31", 2, Err("larger than")),
            ("99999999999999999999", 2, Err("larger than")),
        ];
        for (text, digits, want) in table {
            match (minor_units(text, digits), want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want, "{text}"),
                (Err(got), Err(want)) => assert!(got.contains(want), "{text}: {got}"),
                (got, want) => panic!("{text}: got {got:?}, want {want:?}"),
            }
        }
    }

    #[test]
    fn currencies_have_the_minor_digits_of_iso_4217() {
        for (code, digits) in [("CNY", 2), ("TWD", 2), ("USD", 2), ("JPY", 0), ("KWD", 3)] {
            assert_eq!(minor_digits(code), Some(digits), "{code}");
        }
        assert_eq!(minor_digits("ZZZ"), None);
    }

    #[test]
    fn money_goes_out_and_back() {
        for (minor, code) in [
            (0, "CNY"),
            (1, "CNY"),
            (-123_456, "USD"),
            (7, "JPY"),
            (1_001, "KWD"),
        ] {
            let digits = minor_digits(code).unwrap();
            assert_eq!(
                minor_of(&money(minor, code, digits)),
                minor,
                "{minor} {code}"
            );
            assert_eq!(minor_units(&decimal(minor, digits), digits), Ok(minor));
        }
    }

    #[test]
    fn days_are_read_and_moved() {
        let iso = |day: Result<Date, String>| day.map(|d| d.to_string());
        assert_eq!(
            iso(day("2026-02-28", "%Y-%m-%d")).as_deref(),
            Ok("2026-02-28")
        );
        assert_eq!(iso(day("18-Mar", "%y-%b")).as_deref(), Ok("2018-03-01"));
        let wrong = day("2026-13-01", "%Y-%m-%d").unwrap_err();
        assert!(wrong.contains("2026-03-31"), "{wrong}");
        assert!(day("2026-02-30", "%Y-%m-%d").is_err());
        let leap = Date::constant(2024, 2, 29);
        assert_eq!(iso(shift_years(leap, 2)).as_deref(), Ok("2026-02-28"));
        assert!(shift_years(leap, 30_000).is_err());
    }
}
