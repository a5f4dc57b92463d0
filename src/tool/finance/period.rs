//! Periods as people name them: a month, a quarter, a year, or a range of days.

use std::fmt;

use jiff::ToSpan;
use jiff::civil::Date;

/// How a period may be written, for the model.
pub(super) const FORMATS: &str = "a month such as 2026-03, a quarter such as 2026-Q1, a year such as 2026, or a range of \
                           days such as 2026-01-01..2026-03-31";

const EARLIEST_YEAR: i16 = 1900;
const LATEST_YEAR: i16 = 2200;

/// A run of days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    /// The first day.
    pub(super) from: Date,
    /// The last day, never before the first.
    pub(super) to: Date,
}

impl Period {
    /// Reads a period.
    ///
    /// # Errors
    /// What is wrong with it and how to write it, in words for the model.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let parsed = match text.split_once("..") {
            Some((from, to)) => day(from).zip(day(to)),
            None => named(text),
        };
        let shown: String = text.chars().take(40).collect();
        let (from, to) =
            parsed.ok_or_else(|| format!("the argument `period` must be {FORMATS}, got \"{shown}\""))?;
        if from > to {
            return Err(format!("the argument `period` must begin before it ends, got \"{shown}\""));
        }
        Ok(Self { from, to })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

/// The month a day is in, as `2026-03`.
pub(super) fn month_of(date: Date) -> String {
    date.strftime("%Y-%m").to_string()
}

/// The first day of the month after a day's.
pub(super) fn next_month(date: Date) -> Option<Date> {
    date.last_of_month().tomorrow().ok()
}

/// A day written as `2026-03-01`, and nothing else.
pub(super) fn day(text: &str) -> Option<Date> {
    let text = text.trim();
    let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date: Date = plain.then(|| text.parse().ok()).flatten()?;
    (EARLIEST_YEAR..=LATEST_YEAR).contains(&date.year()).then_some(date)
}

fn named(text: &str) -> Option<(Date, Date)> {
    let (year, rest) = match text.split_once('-') {
        Some((year, rest)) => (year, Some(rest)),
        None => (text, None),
    };
    let year = number(year, 4).filter(|year| (EARLIEST_YEAR..=LATEST_YEAR).contains(year))?;
    let (first_month, months) = match rest {
        None => (1, 12),
        Some(quarter) if quarter.starts_with(['Q', 'q']) => (number(&quarter[1..], 1)? * 3 - 2, 3),
        Some(month) => (number(month, 2)?, 1),
    };
    let from = Date::new(year, i8::try_from(first_month).ok()?, 1).ok()?;
    let to = from.checked_add(months.months()).ok()?.yesterday().ok()?;
    Some((from, to))
}

fn number(text: &str, digits: usize) -> Option<i16> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn days(text: &str) -> String {
        Period::parse(text).unwrap().to_string()
    }

    #[test]
    fn months_quarters_years_and_ranges_are_periods() {
        assert_eq!(days("2026-03"), "2026-03-01..2026-03-31");
        assert_eq!(days("2024-02"), "2024-02-01..2024-02-29");
        assert_eq!(days("2026-12"), "2026-12-01..2026-12-31");
        assert_eq!(days("2026-Q1"), "2026-01-01..2026-03-31");
        assert_eq!(days("2026-q4"), "2026-10-01..2026-12-31");
        assert_eq!(days(" 2026 "), "2026-01-01..2026-12-31");
        assert_eq!(days("2026-01-15..2026-03-31"), "2026-01-15..2026-03-31");
        assert_eq!(days("2026-01-15 .. 2026-01-15"), "2026-01-15..2026-01-15");
    }

    #[test]
    fn anything_else_is_refused_with_the_formats() {
        for bad in [
            "",
            "March 2026",
            "2026-3",
            "2026-13",
            "2026-00",
            "2026-Q0",
            "2026-Q5",
            "2026-Q",
            "26-03",
            "2026-02-30..2026-03-01",
            "2026-01-01",
            "2026-01-01..",
            "0001",
            "9999",
            "2026-01-01T00:00..2026-01-02",
            "2026-Ω",
        ] {
            let why = Period::parse(bad).unwrap_err();
            assert!(why.contains("a month such as 2026-03"), "{bad}: {why}");
        }
        assert!(Period::parse("2026-03-31..2026-01-01").unwrap_err().contains("begin before it ends"));
    }

    #[test]
    fn months_follow_each_other_over_the_year() {
        let december = day("2026-12-05").unwrap();
        assert_eq!(month_of(december), "2026-12");
        assert_eq!(next_month(december), day("2027-01-01"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,30}") {
            let _ = Period::parse(&text);
        }

        #[test]
        fn what_it_shows_it_reads_back(year in 1900i16..2200, month in 1i8..=12) {
            let period = Period::parse(&format!("{year}-{month:02}")).unwrap();
            prop_assert_eq!(Period::parse(&period.to_string()), Ok(period));
            prop_assert_eq!(month_of(period.from), month_of(period.to));
        }
    }
}
