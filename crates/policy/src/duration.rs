//! Lengths of time as policies write them: `15m`, `2h`, `3d`.

use jiff::SignedDuration;

/// The longest: ten years.
const SECONDS_MAX: i64 = 3_660 * 86_400;

/// What a length of time looks like, for hints.
pub(crate) const LOOKS: &str = "a length of time is a whole number and s, m, h or d: 15m, 2h, 3d";

/// Reads a length of time of at least a second.
pub(crate) fn parse(text: &str) -> Option<SignedDuration> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let count: i64 = digits.parse().ok().filter(|_| plain)?;
    let seconds = count.checked_mul(unit)?;
    (1..=SECONDS_MAX)
        .contains(&seconds)
        .then(|| SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_and_nonsense_does_not() {
        assert_eq!(parse("3d"), Some(SignedDuration::from_hours(72)));
        assert_eq!(parse("15m"), Some(SignedDuration::from_mins(15)));
        for bad in [
            "",
            "d",
            "3",
            "-3d",
            "+3d",
            "1.5h",
            "0d",
            "3 d",
            "3w",
            "99999999d",
            "９d",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
