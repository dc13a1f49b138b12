//! Holidays as their governments published them. A year that is not here is not known.

use jiff::civil::Date;

/// Whose holidays.
#[derive(Debug, Clone, Copy)]
pub(super) enum Calendar {
    China,
    Indonesia,
    Russia,
    SaoPaulo,
}

impl Calendar {
    /// Whether it is one; none where the year is not known.
    pub(super) fn is_holiday(self, day: Date) -> Option<bool> {
        let (last_year, this_year) = match self {
            Self::China => CHINA,
            Self::Indonesia => INDONESIA,
            Self::Russia => RUSSIA,
            Self::SaoPaulo => SAO_PAULO,
        };
        let list = match day.year() {
            2025 => last_year,
            2026 => this_year,
            _ => return None,
        };
        Some(list.contains(&(day.month(), day.day())))
    }
}

/// Month and day of the holidays of 2025 and of 2026.
type Years = (&'static [(i8, i8)], &'static [(i8, i8)]);

const CHINA: Years = (
    &[
        (1, 1),
        (1, 28),
        (1, 29),
        (1, 30),
        (1, 31),
        (2, 3),
        (2, 4),
        (4, 4),
        (5, 1),
        (5, 2),
        (5, 5),
        (5, 31),
        (6, 2),
        (10, 1),
        (10, 2),
        (10, 3),
        (10, 6),
        (10, 7),
        (10, 8),
    ],
    &[
        (1, 1),
        (1, 2),
        (2, 16),
        (2, 17),
        (2, 18),
        (2, 19),
        (2, 20),
        (2, 23),
        (4, 5),
        (4, 6),
        (5, 1),
        (5, 2),
        (5, 4),
        (5, 5),
        (6, 19),
        (9, 25),
        (10, 1),
        (10, 2),
        (10, 3),
        (10, 5),
        (10, 6),
        (10, 7),
    ],
);

const INDONESIA: Years = (
    &[
        (1, 1),
        (1, 27),
        (1, 29),
        (3, 29),
        (3, 31),
        (4, 1),
        (4, 18),
        (4, 20),
        (5, 1),
        (5, 12),
        (5, 29),
        (6, 1),
        (6, 6),
        (6, 27),
        (8, 17),
        (9, 5),
        (12, 25),
    ],
    &[
        (1, 1),
        (1, 16),
        (2, 17),
        (3, 19),
        (3, 21),
        (3, 22),
        (4, 3),
        (4, 5),
        (5, 1),
        (5, 14),
        (5, 27),
        (5, 31),
        (6, 1),
        (6, 16),
        (8, 17),
        (8, 25),
        (12, 25),
    ],
);

const RUSSIA: Years = (
    &[
        (1, 1),
        (1, 2),
        (1, 3),
        (1, 4),
        (1, 5),
        (1, 6),
        (1, 7),
        (1, 8),
        (2, 23),
        (3, 8),
        (5, 1),
        (5, 2),
        (5, 8),
        (5, 9),
        (6, 12),
        (6, 13),
        (11, 3),
        (11, 4),
        (12, 31),
    ],
    &[
        (1, 1),
        (1, 2),
        (1, 3),
        (1, 4),
        (1, 5),
        (1, 6),
        (1, 7),
        (1, 8),
        (1, 9),
        (2, 23),
        (3, 8),
        (3, 9),
        (5, 1),
        (5, 9),
        (5, 11),
        (6, 12),
        (11, 4),
        (12, 31),
    ],
);

const SAO_PAULO: Years = (
    &[
        (1, 1),
        (4, 18),
        (4, 21),
        (5, 1),
        (7, 9),
        (9, 7),
        (10, 12),
        (11, 2),
        (11, 15),
        (11, 20),
        (12, 25),
    ],
    &[
        (1, 1),
        (4, 3),
        (4, 21),
        (5, 1),
        (7, 9),
        (9, 7),
        (10, 12),
        (11, 2),
        (11, 15),
        (11, 20),
        (12, 25),
    ],
);
