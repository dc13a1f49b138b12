//! The numbers of a rule that are in force, told to people. The sentence of a rule may say others, or no longer true
//! ones: a pack's numbers can be changed without its words.

use jiff::civil::{Date, Time};
use std::fmt;

/// What a rule allows, or forbids, in numbers. Its text is a part of a sentence, in English; see
/// [`in_chinese`](Self::in_chinese).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Only in these hours.
    Open {
        /// Days of the week with the same hours together, from the first to the last of them, Monday 1.
        week: Vec<((i8, i8), Option<Span>)>,
        /// The hours of a holiday, where holidays have their own.
        holidays: Option<Option<Span>>,
    },
    /// Not at these times of the day; each with whether it is on some days of the week alone.
    NotAt(Vec<(Span, bool)>),
    /// Not on these days, first and last.
    NotOn(Vec<(Date, Date)>),
    /// At most so many, in each of these.
    AtMost(Vec<(u32, Within)>),
    /// None for so many days after something, its day the first.
    Apart(u8),
}

/// From a time of the day to another; none is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Time, pub Option<Time>);

/// What contacts are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// Ever.
    Ever,
    /// A day of the calendar.
    Day,
    /// Days in a row.
    Days(u8),
    /// Hours by the clock.
    Hours(u16),
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let hours = |span: &Option<Span>| span.map_or("closed".to_owned(), |s| s.said(" to "));
        let said = match self {
            Self::Open { week, holidays } => {
                let day = |of: i8| named(&DAYS, of);
                let days = week.iter().map(|(days, open)| match days {
                    (1, 7) => hours(open),
                    (first, last) if first == last => format!("{} {}", day(*first), hours(open)),
                    (first, last) => format!("{}-{} {}", day(*first), day(*last), hours(open)),
                });
                let holidays = holidays
                    .iter()
                    .map(|open| format!("holidays {}", hours(open)));
                joined(days.chain(holidays), ", ")
            }
            Self::NotAt(times) => {
                let some = |some: &bool| if *some { " on some days" } else { "" };
                let each = times.iter();
                let each = each.map(|(span, on_some)| span.said(" to ") + some(on_some));
                format!("none from {}", joined(each, ", "))
            }
            Self::NotOn(days) => {
                let each = days.iter().map(|(from, to)| format!("{from} to {to}"));
                format!("none from {}", joined(each, ", "))
            }
            Self::AtMost(each) => {
                let each = each.iter().map(|(max, within)| match within {
                    Within::Ever => format!("{max} ever"),
                    Within::Day => format!("{max} on one day"),
                    Within::Days(days) => format!("{max} in {days} days"),
                    Within::Hours(hours) => format!("{max} in {hours} hours"),
                });
                format!("at most {}", joined(each, ", "))
            }
            Self::Apart(days) => format!("none for {days} days after it, its day the first"),
        };
        f.write_str(&said)
    }
}

impl Numbers {
    /// The same in simplified Chinese.
    #[must_use]
    pub fn in_chinese(&self) -> String {
        const DAYS: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
        let hours = |span: &Option<Span>| span.map_or("不开放".to_owned(), |s| s.said("至"));
        match self {
            Self::Open { week, holidays } => {
                let day = |of: i8| named(&DAYS, of);
                let days = week.iter().map(|(days, open)| match days {
                    (1, 7) => format!("每日{}", hours(open)),
                    (first, last) if first == last => format!("{}{}", day(*first), hours(open)),
                    (first, last) => format!("{}至{}{}", day(*first), day(*last), hours(open)),
                });
                let holidays = holidays.iter();
                let holidays = holidays.map(|open| format!("节假日{}", hours(open)));
                joined(days.chain(holidays), "，")
            }
            Self::NotAt(times) => {
                let some = |some: &bool| {
                    if *some {
                        "（仅限部分日子）"
                    } else {
                        ""
                    }
                };
                let each = times.iter();
                let each = each.map(|(span, on_some)| span.said("至") + some(on_some));
                format!("不得在{}联系", joined(each, "、"))
            }
            Self::NotOn(days) => {
                let each = days.iter().map(|(from, to)| format!("{from} 至 {to}"));
                format!("不得在 {} 期间联系", joined(each, "、"))
            }
            Self::AtMost(each) => {
                let each = each.iter().map(|(max, within)| match within {
                    Within::Ever => format!("总共最多 {max} 次"),
                    Within::Day => format!("每日最多 {max} 次"),
                    Within::Days(days) => format!("{days} 天内最多 {max} 次"),
                    Within::Hours(hours) => format!("{hours} 小时内最多 {max} 次"),
                });
                joined(each, "，")
            }
            Self::Apart(days) => format!("其后 {days} 天内不得联系，当天计为第一天"),
        }
    }
}

impl Span {
    fn said(self, to: &str) -> String {
        format!("{}{to}{}", hour(Some(self.0)), hour(self.1))
    }
}

/// A time of day as people write it; none is the end of the day.
fn hour(time: Option<Time>) -> String {
    match time {
        None => "24:00".to_owned(),
        Some(time) if time.second() == 0 => format!("{:02}:{:02}", time.hour(), time.minute()),
        Some(time) => time.to_string(),
    }
}

/// The name of a day of the week, Monday 1.
fn named(names: &[&'static str; 7], day: i8) -> &'static str {
    let at = usize::try_from(day).unwrap_or_default().saturating_sub(1);
    names[at.min(6)]
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> String {
    parts.collect::<Vec<_>>().join(between)
}
