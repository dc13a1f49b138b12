//! Calendars against a second source: what governments published, written down by hand from the text of the
//! notice or a press report of it, beside files that were generated from packages.

mod support;

use jiff::civil::{Date, Weekday};
use recoup_compliance::calendar::Day;
use recoup_compliance::{Calendar, MissingYear, NoTrace, Packs, Why, gate};
use recoup_domain::contact::ContactClass::Phone;

/// Ranges of days off, weekends included, and days of the weekend that are worked.
struct Notice {
    file: &'static str,
    year: i16,
    off: &'static [(&'static str, &'static str)],
    worked: &'static [&'static str],
}

const NOTICES: [Notice; 6] = [
    // 国务院办公厅关于2025年部分节假日安排的通知, Xinhua 2024-11-12.
    Notice {
        file: "cn.yaml",
        year: 2025,
        off: &[
            ("01-01", "01-01"),
            ("01-28", "02-04"),
            ("04-04", "04-06"),
            ("05-01", "05-05"),
            ("05-31", "06-02"),
            ("10-01", "10-08"),
        ],
        worked: &["01-26", "02-08", "04-27", "09-28", "10-11"],
    },
    // 国务院办公厅关于2026年部分节假日安排的通知, Xinhua 2025-11-04.
    Notice {
        file: "cn.yaml",
        year: 2026,
        off: &[
            ("01-01", "01-03"),
            ("02-15", "02-23"),
            ("04-04", "04-06"),
            ("05-01", "05-05"),
            ("06-19", "06-21"),
            ("09-25", "09-27"),
            ("10-01", "10-07"),
        ],
        worked: &["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"],
    },
    // Decree 1335 of 2024-10-04, as the Government summed it up.
    Notice {
        file: "ru.yaml",
        year: 2025,
        off: &[
            ("01-01", "01-08"),
            ("02-22", "02-23"),
            ("03-08", "03-09"),
            ("05-01", "05-04"),
            ("05-08", "05-11"),
            ("06-12", "06-15"),
            ("11-02", "11-04"),
            ("12-31", "12-31"),
        ],
        worked: &["11-01"],
    },
    // Decree 1466 of 2025-09-24, as the Government summed it up.
    Notice {
        file: "ru.yaml",
        year: 2026,
        off: &[
            ("01-01", "01-11"),
            ("02-21", "02-23"),
            ("03-07", "03-09"),
            ("05-01", "05-03"),
            ("05-09", "05-11"),
            ("06-12", "06-14"),
            ("11-04", "11-04"),
            ("12-31", "12-31"),
        ],
        worked: &[],
    },
    // Office calendar of 114: stockq.org, and the Liberty Times of 2025-06-13 on its revision.
    Notice {
        file: "tw.yaml",
        year: 2025,
        off: &[
            ("01-01", "01-01"),
            ("01-25", "02-02"),
            ("02-28", "03-02"),
            ("04-03", "04-06"),
            ("05-30", "06-01"),
            ("09-27", "09-29"),
            ("10-04", "10-06"),
            ("10-10", "10-12"),
            ("10-24", "10-26"),
            ("12-25", "12-25"),
        ],
        worked: &["02-08"],
    },
    // Letter 院授人培字第11430248312號 of 2025-06-13.
    Notice {
        file: "tw.yaml",
        year: 2026,
        off: &[
            ("01-01", "01-01"),
            ("02-14", "02-22"),
            ("02-27", "03-01"),
            ("04-03", "04-06"),
            ("05-01", "05-03"),
            ("06-19", "06-21"),
            ("09-25", "09-28"),
            ("10-09", "10-11"),
            ("10-24", "10-26"),
            ("12-25", "12-27"),
        ],
        worked: &[],
    },
];

fn calendar(file: &str) -> &'static Calendar {
    let found = Calendar::builtin().iter().find(|c| c.file() == file);
    found.unwrap_or_else(|| panic!("no calendar {file}"))
}

fn date(year: i16, day: &str) -> Date {
    format!("{year}-{day}").parse().unwrap()
}

fn days_of(year: i16) -> impl Iterator<Item = Date> {
    let first = date(year, "01-01");
    std::iter::successors(Some(first), |d| d.tomorrow().ok()).take_while(move |d| d.year() == year)
}

fn is_weekend(day: Date) -> bool {
    matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

#[test]
fn every_day_is_worked_or_free_as_the_government_published() {
    for Notice {
        file,
        year,
        off,
        worked,
    } in NOTICES
    {
        let span = |(from, to): &(&str, &str)| (date(year, from), date(year, to));
        let worked: Vec<Date> = worked.iter().map(|d| date(year, d)).collect();
        for day in days_of(year) {
            let named = off
                .iter()
                .map(span)
                .any(|(from, to)| from <= day && day <= to);
            let free = named || (is_weekend(day) && !worked.contains(&day));
            assert_eq!(calendar(file).is_working(day), Ok(!free), "{file}: {day}");
        }
        let all = calendar(file).years().iter().find(|y| y.year() == year);
        assert_eq!(all.unwrap().working(), worked, "{file} {year}");
    }
}

/// Holidays as printed lists have them, weekends included.
fn same_holidays(file: &str, year: i16, listed: &[&str]) {
    let listed: Vec<Date> = listed.iter().map(|d| date(year, d)).collect();
    let all = calendar(file).years().iter().find(|y| y.year() == year);
    assert_eq!(all.unwrap().holidays(), listed, "{file} {year}");
}

#[test]
fn indonesia_has_the_holidays_of_the_joint_decree() {
    // SKB 1497/2025, as printed by a school's page; 17 days.
    let listed = [
        "01-01", "01-16", "02-17", "03-19", "03-21", "03-22", "04-03", "04-05", "05-01", "05-14",
        "05-27", "05-31", "06-01", "06-16", "08-17", "08-25", "12-25",
    ];
    assert_eq!(listed.len(), 17);
    same_holidays("id.yaml", 2026, &listed);
    // Of 2025 only the number and the first days were found (Koran Jakarta, 2024-10-14).
    let year = calendar("id.yaml")
        .years()
        .iter()
        .find(|y| y.year() == 2025);
    let days = year.unwrap().holidays();
    assert_eq!(days.len(), 17);
    let first = ["01-01", "01-27", "01-29", "03-29", "03-31", "04-01"].map(|d| date(2025, d));
    assert_eq!(days[..6], first);
}

#[test]
fn sao_paulo_has_the_ten_national_holidays_and_its_own() {
    // Portaria of 2025-12-30: ten, one of them on a Sunday (November 15); July 9 is the state's.
    let listed = [
        "01-01", "04-03", "04-21", "05-01", "07-09", "09-07", "10-12", "11-02", "11-15", "11-20",
        "12-25",
    ];
    same_holidays("br-sp.yaml", 2026, &listed);
    let sundays = listed.iter().filter(|d| is_weekend(date(2026, d)));
    assert_eq!(sundays.collect::<Vec<_>>(), [&"11-15"]);
}

#[test]
fn a_year_that_nobody_told_is_not_known() {
    for calendar in Calendar::builtin() {
        let years: Vec<i16> = calendar.years().iter().map(|y| y.year()).collect();
        assert_eq!(years, [2025, 2026], "{}", calendar.file());
        let missing = MissingYear {
            calendar: calendar.file().to_owned(),
            year: 2027,
        };
        assert_eq!(calendar.day(date(2027, "05-01")), Err(missing.clone()));
        let text = missing.to_string();
        assert!(
            text.contains(calendar.file()) && text.contains("2027"),
            "{text}"
        );
        assert!(
            calendar
                .years()
                .iter()
                .all(|y| y.source().contains("holidays 0.109"))
        );
    }
    assert_eq!(
        calendar("cn.yaml").day(date(2026, "02-14")),
        Ok(Day::MadeUp)
    );
    assert_eq!(
        calendar("cn.yaml").day(date(2026, "02-15")),
        Ok(Day::Ordinary)
    );
}

/// What is changed in a good calendar, and a part of what is told.
const FAULTS: [(&str, &str, &str); 8] = [
    ("2026-05-01", "2025-05-01", "does not lie in the year 2026"),
    ("2026-05-09", "2026-05-01", "a holiday and a working day"),
    ("2026-05-09", "2026-05-08", "is worked anyway"),
    ("source: the decree", "source: ''", "names no source"),
    ("working:", "worked:", "worked"),
    ("2026-05-09", "2026-05-33", "day"),
    ("- year: 2026", "- year: next", "invalid i16"),
    ("title: Test", "titel: Test", "titel"),
];

#[test]
fn a_faulty_calendar_is_refused_with_its_file() {
    let good = "calendar: t\ntitle: Test\nyears:\n  - year: 2026\n    source: the decree\n    \
                holidays: [2026-05-01]\n    working: [2026-05-09]\n";
    assert!(Calendar::parse("t.yaml", good).is_ok());
    for (from, to, problem) in FAULTS {
        let text = good.replacen(from, to, 1);
        let error = Calendar::parse("t.yaml", &text).unwrap_err();
        assert_eq!(error.file, "t.yaml");
        assert!(error.problem.contains(problem), "{error}");
    }
    let twice = format!("{good}  - year: 2026\n    source: again\n    holidays: []\n");
    let error = Calendar::parse("t.yaml", &twice).unwrap_err();
    assert!(error.problem.contains("stands twice"), "{error}");
}

#[test]
fn the_rules_that_need_holidays_name_a_calendar() {
    let text = [
        include_str!("../packs/id.yaml"),
        include_str!("../packs/br-sp.yaml"),
        include_str!("../packs/ru.yaml"),
    ];
    for (text, name) in text.iter().zip(["id", "br-sp", "ru"]) {
        assert!(text.contains(&format!("calendar: {name}")), "{name}");
    }
    let unknown = text[0].replace("calendar: id", "calendar: atlantis");
    let error = Packs::parse(&[("id.yaml", &unknown)]).unwrap_err();
    assert!(
        error
            .problem
            .contains("no calendar `atlantis`; there are br-sp, cn"),
        "{error}"
    );
    assert_eq!(error.rule.as_deref(), Some("ID-POJK22-62-HOURS"));
}

/// The earliest instant and the year that lacks, as the gate answers for a call to somebody in Shanghai.
fn denied_in_shanghai(
    rules: &[&str],
    when: &str,
) -> (Option<jiff::Timestamp>, Option<MissingYear>) {
    let packs = Packs::builtin();
    let who = support::party(&["Asia/Shanghai"]);
    let p = support::proposal(&who, Phone, support::at(when));
    let binding = packs.only(rules).unwrap();
    let verdict = gate(&binding, &p, &[], p.effect.from, &mut NoTrace);
    let denial = verdict.denial().expect("a year that nobody told is closed");
    (denial.earliest, denial.lacks.clone())
}

#[test]
fn what_hangs_on_a_year_that_nobody_told_is_not_denied_for_good() {
    let lacks = MissingYear {
        calendar: "cn.yaml".to_owned(),
        year: 2027,
    };
    let both = ["CN-HOUSE-HOLIDAYS", "CN-GBT45251-TIME"];
    for (rules, when) in [
        // A working Monday of the year, and the night before the year, when another rule denies.
        (&both[..1], "2027-01-04T11:00:00+08:00"),
        (&both[..], "2026-12-31T23:30:00+08:00"),
    ] {
        let answer = denied_in_shanghai(rules, when);
        assert_eq!(answer, (None, Some(lacks.clone())), "{when}");
    }
}

#[test]
fn what_no_calendar_would_cure_hangs_on_none() {
    // No hour is common to these zones, whatever the holidays are.
    let packs = Packs::builtin();
    let who = support::party(&["Asia/Jakarta", "America/New_York", "Pacific/Honolulu"]);
    let when = support::at("2027-03-03T10:00:00+07:00");
    let p = support::proposal(&who, Phone, when);
    let binding = packs.only(&["ID-POJK22-62-HOURS"]).unwrap();
    let verdict = gate(&binding, &p, &[], when, &mut NoTrace);
    let denial = verdict.denial().unwrap();
    assert_eq!((denial.earliest, &denial.lacks), (None, &None));
    assert_eq!(denial.all[0].why, Some(Why::NoCommonWindow));
    // A fact of the person stands in the way, too: no year cures that.
    let mut dead = support::party(&["Asia/Jakarta"]);
    dead.deceased = true;
    let p = support::proposal(&dead, Phone, when);
    let binding = packs
        .only(&["ID-POJK22-62-HOURS", "HOUSE-DECEASED"])
        .unwrap();
    let verdict = gate(&binding, &p, &[], when, &mut NoTrace);
    let denial = verdict.denial().unwrap();
    assert_eq!(
        (denial.reason.id(), &denial.lacks),
        ("HOUSE-DECEASED", &None)
    );
}

#[test]
fn a_wait_that_ends_in_a_year_that_nobody_told_hangs_on_it() {
    // The moratorium ends in 2027; that the hours of then are not known is no reason of its own today.
    let mut who = support::party(&["Asia/Jakarta"]);
    who.moratorium_until = Some("2027-02-10".parse().unwrap());
    let p = support::proposal(&who, Phone, support::at("2026-12-15T10:00:00+07:00"));
    let binding = Packs::builtin().only(&["ID-POJK22-62-HOURS", "HOUSE-MORATORIUM"]);
    let verdict = gate(&binding.unwrap(), &p, &[], p.effect.from, &mut NoTrace);
    let denial = verdict.denial().unwrap();
    assert!(denial.all.iter().all(|r| r.earliest.is_some()));
    let lacks = denial.lacks.as_ref().map(|m| (m.calendar.as_str(), m.year));
    assert_eq!((denial.earliest, lacks), (None, Some(("id.yaml", 2027))));
}
