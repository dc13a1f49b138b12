//! When a certificate ends. webpki checks it with every handshake and does not tell it; the few bytes before it
//! are walked here.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
/// The version, which may be left out.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` of a certificate in DER, in seconds since 1970, UTC. None where it is no certificate.
pub(super) fn not_after(der: &[u8]) -> Option<i64> {
    let mut certificate = Walk(Walk(der).enter(SEQUENCE)?);
    let mut fields = Walk(certificate.enter(SEQUENCE)?);
    if fields.0.first() == Some(&VERSION) {
        fields.next()?;
    }
    let (_serial, _algorithm, _issuer) = (fields.next()?, fields.next()?, fields.next()?);
    let mut validity = Walk(fields.enter(SEQUENCE)?);
    let (_not_before, (tag, text)) = (validity.next()?, validity.next()?);
    instant(tag, std::str::from_utf8(text).ok()?)
}

/// The two ways to write an instant (RFC 5280, 4.1.2.5), both in UTC and to the second.
fn instant(tag: u8, text: &str) -> Option<i64> {
    let full = match tag {
        GENERALIZED_TIME => text.to_owned(),
        // Two digits of a year, from 1950 to 2049.
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        _ => return None,
    };
    let parsed: DateTime = strtime::parse("%Y%m%d%H%M%SZ", full)
        .ok()?
        .to_datetime()
        .ok()?;
    Some(parsed.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

/// DER, value after value.
struct Walk<'a>(&'a [u8]);

impl<'a> Walk<'a> {
    /// The next value's tag and contents.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        let (length, rest) = match first {
            short @ 0..0x80 => (usize::from(short), rest),
            long => {
                let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                let grown = digits.iter().try_fold(0_usize, |n, digit| {
                    n.checked_mul(256)?.checked_add(usize::from(*digit))
                });
                (grown?, rest)
            }
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, contents))
    }

    /// What is in the next value, where its tag is this one.
    fn enter(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, contents) = self.next()?;
        (found == tag).then_some(contents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn ending(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["x.example".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(1990, 1, 1);
        params.not_after = date_time_ymd(year, 7, 4);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("signed").der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_ways_of_writing_it() {
        for (year, since_1970) in [
            (1999, "1999-07-04T00:00:00Z"),
            (2049, "2049-07-04T00:00:00Z"),
            (2050, "2050-07-04T00:00:00Z"),
        ] {
            let expected: jiff::Timestamp = since_1970.parse().expect("an instant");
            assert_eq!(not_after(&ending(year)), Some(expected.as_second()));
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end_and_does_no_harm() {
        let whole = ending(2030);
        for cut in 0..whole.len() / 2 {
            // Its own length is past its end.
            assert_eq!(not_after(&whole[..cut]), None, "{cut}");
        }
        for seed in 0..2_000_usize {
            let mut broken = whole.clone();
            broken[seed * 7919 % 200] ^= (seed % 255 + 1) as u8;
            let _ = not_after(&broken);
        }
        let endless = [0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1];
        assert_eq!(not_after(&endless), None);
    }
}
