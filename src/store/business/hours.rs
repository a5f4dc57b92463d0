//! When a business is open: a week of times in its own time zone. Pure.

use std::fmt;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Map, Value};

/// The days as the JSON names them, from Monday.
const DAYS: [(&str, &str); 7] = [
    ("mon", "Monday"),
    ("tue", "Tuesday"),
    ("wed", "Wednesday"),
    ("thu", "Thursday"),
    ("fri", "Friday"),
    ("sat", "Saturday"),
    ("sun", "Sunday"),
];
const TIME_ZONE: &str = "timezone";
const CLOSED: &str = "closed";
const DAY_MINUTES: u16 = 24 * 60;
/// At most so many times a day.
const MAX_SPANS: usize = 4;

/// A week of opening hours. Written as JSON: `{"timezone": "Africa/Kigali", "mon": "08:00-22:00", "sat":
/// "10:00-14:00, 18:00-02:00", "sun": "closed"}`. A day that is not named is closed, an end at or before its beginning
/// is on the next day, and `00:00-24:00` is the whole day.
#[derive(Debug, Clone, PartialEq)]
pub struct OpeningHours {
    zone: TimeZone,
    name: String,
    /// By day, from Monday.
    week: [Vec<Span>; 7],
}

/// From when to when, in minutes since midnight. An end that is not after the beginning is on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    from: u16,
    to: u16,
}

/// Why a text tells no opening hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HoursError(String);

impl OpeningHours {
    /// Reads them from JSON.
    ///
    /// # Errors
    /// [`HoursError`], which says what to write instead.
    pub fn parse(text: &str) -> Result<Self, HoursError> {
        let week: Map<String, Value> = serde_json::from_str(text).map_err(|_| {
            HoursError(
                "must be a JSON object such as {\"timezone\": \"Africa/Kigali\", \"mon\": \"08:00-22:00\"}"
                    .to_owned(),
            )
        })?;
        Self::read(&week)
    }

    fn read(object: &Map<String, Value>) -> Result<Self, HoursError> {
        let known = |name: &str| name == TIME_ZONE || DAYS.iter().any(|(day, _)| *day == name);
        if object.keys().any(|name| !known(name)) {
            return Err(HoursError(
                "may hold timezone, mon, tue, wed, thu, fri, sat and sun only".to_owned(),
            ));
        }
        let name = object.get(TIME_ZONE).and_then(Value::as_str).unwrap_or_default();
        let zone = TimeZone::get(name).map_err(|_| {
            HoursError("timezone must be the name of a time zone, such as Africa/Kigali".to_owned())
        })?;
        let mut week: [Vec<Span>; 7] = Default::default();
        for ((day, _), spans) in DAYS.iter().zip(&mut week) {
            if let Some(times) = object.get(*day) {
                *spans = times.as_str().and_then(read_day).ok_or_else(|| wrong_day(day))?;
            }
        }
        Ok(Self { zone, name: name.to_owned(), week })
    }

    /// Whether it is open at that time.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let local = at.to_zoned(self.zone.clone());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        let today = day_of(&local);
        let yesterday = (today + 6) % 7;
        let on = |day: usize| self.week.get(day).into_iter().flatten();
        on(today).any(|span| span.from <= minute && (span.goes_over() || minute < span.to))
            || on(yesterday).any(|span| span.goes_over() && minute < span.to)
    }

    /// The day and the time of day there, such as `Saturday 18:05`.
    pub fn local_time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%A %H:%M").to_string()
    }
}

impl Span {
    fn goes_over(self) -> bool {
        self.to <= self.from
    }
}

/// The hours in words: `Monday to Friday 08:00 to 22:00; Saturday and Sunday closed (time zone Africa/Kigali)`.
impl fmt::Display for OpeningHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut from = 0;
        while let Some(spans) = self.week.get(from) {
            let same = self.week.iter().skip(from).take_while(|other| *other == spans).count();
            let name = |day: usize| DAYS.get(day).map_or("", |(_, name)| *name);
            let last = from + same - 1;
            match same {
                1 => f.write_str(name(from))?,
                2 => write!(f, "{} and {}", name(from), name(last))?,
                _ => write!(f, "{} to {}", name(from), name(last))?,
            }
            write!(f, " {}", DayWords(spans))?;
            from = last + 1;
            if from < self.week.len() {
                f.write_str("; ")?;
            }
        }
        write!(f, " (time zone {})", self.name)
    }
}

struct DayWords<'a>(&'a [Span]);

impl fmt::Display for DayWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        if self.0.is_empty() {
            return f.write_str(CLOSED);
        }
        if self.0 == [Span { from: 0, to: DAY_MINUTES }] {
            return f.write_str("all day");
        }
        let spans: Vec<_> =
            self.0.iter().map(|span| format!("{} to {}", clock(span.from), clock(span.to))).collect();
        f.write_str(&spans.join(" and "))
    }
}

fn day_of(local: &Zoned) -> usize {
    let days_since = local.weekday().since(Weekday::Monday);
    usize::try_from(days_since).unwrap_or_default()
}

fn read_day(times: &str) -> Option<Vec<Span>> {
    if times.trim().eq_ignore_ascii_case(CLOSED) {
        return Some(Vec::new());
    }
    let spans: Option<Vec<_>> = times.split(',').map(|span| read_span(span.trim())).collect();
    spans.filter(|spans| spans.len() <= MAX_SPANS)
}

fn read_span(span: &str) -> Option<Span> {
    let (from, to) = span.split_once('-')?;
    let (from, to) = (read_time(from.trim())?, read_time(to.trim())?);
    (from < DAY_MINUTES && from != to).then_some(Span { from, to })
}

fn read_time(time: &str) -> Option<u16> {
    let (hours, minutes) = time.split_once(':')?;
    let two = |digits: &str| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !two(hours) || !two(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let time = hours * 60 + minutes;
    (minutes < 60 && time <= DAY_MINUTES).then_some(time)
}

fn wrong_day(day: &str) -> HoursError {
    HoursError(format!(
        "{day} must be times such as \"08:00-22:00\" or \"08:00-12:00, 14:00-18:00\", or \"closed\""
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: &str = r#"{"timezone": "Africa/Kigali", "mon": "08:00-22:00", "tue": "08:00-22:00",
        "wed": "08:00-22:00", "thu": "closed", "fri": "10:00-14:00, 18:00-02:00", "sat": "00:00-24:00"}"#;

    fn is_open(hours: &OpeningHours, at: &str) -> bool {
        hours.is_open(at.parse().unwrap())
    }

    #[test]
    fn it_is_open_by_the_clock_of_its_own_time_zone() {
        let hours = OpeningHours::parse(WEEK).unwrap();
        // Kigali is two hours ahead of UTC; 2026-03-02 is a Monday.
        for (at, open) in [
            ("2026-03-02T05:59:00Z", false),
            ("2026-03-02T06:00:00Z", true),
            ("2026-03-02T19:59:59Z", true),
            ("2026-03-02T20:00:00Z", false),
            ("2026-03-05T10:00:00Z", false),
            ("2026-03-06T13:00:00Z", false),
            ("2026-03-06T23:59:00Z", true),
            ("2026-03-07T12:00:00Z", true),
            ("2026-03-08T10:00:00Z", false),
        ] {
            assert_eq!(is_open(&hours, at), open, "{at}");
        }
        assert_eq!(hours.local_time("2026-03-02T23:30:00Z".parse().unwrap()), "Tuesday 01:30");
    }

    #[test]
    fn an_evening_ends_after_midnight() {
        let bar = OpeningHours::parse(r#"{"timezone": "UTC", "sun": "18:00-02:00"}"#).unwrap();
        assert!(is_open(&bar, "2026-03-08T23:00:00Z") && is_open(&bar, "2026-03-09T01:59:00Z"));
        assert!(!is_open(&bar, "2026-03-09T02:00:00Z") && !is_open(&bar, "2026-03-08T01:00:00Z"));
    }

    #[test]
    fn the_hours_are_told_in_words() {
        assert_eq!(
            OpeningHours::parse(WEEK).unwrap().to_string(),
            "Monday to Wednesday 08:00 to 22:00; Thursday closed; Friday 10:00 to 14:00 and 18:00 to 02:00; \
             Saturday all day; Sunday closed (time zone Africa/Kigali)"
        );
        let never = OpeningHours::parse(r#"{"timezone": "UTC"}"#).unwrap();
        assert_eq!(never.to_string(), "Monday to Sunday closed (time zone UTC)");
        let weekend = r#"{"timezone": "UTC", "sat": "10:00-12:00", "sun": "10:00-12:00"}"#;
        let weekend = OpeningHours::parse(weekend).unwrap().to_string();
        assert!(weekend.contains("Saturday and Sunday 10:00 to 12:00"), "{weekend}");
    }

    #[test]
    fn what_tells_no_hours_is_refused_with_what_to_write() {
        for (wrong, told) in [
            ("08:00-22:00", "must be a JSON object"),
            ("[]", "must be a JSON object"),
            ("{}", "timezone must be"),
            (r#"{"timezone": "Kigali/Nowhere"}"#, "timezone must be"),
            (r#"{"timezone": "UTC", "monday": "08:00-22:00"}"#, "may hold timezone, mon"),
            (r#"{"timezone": "UTC", "mon": "8-22"}"#, "mon must be times such as"),
            (r#"{"timezone": "UTC", "mon": "08:00-25:00"}"#, "mon must be"),
            (r#"{"timezone": "UTC", "mon": "24:00-08:00"}"#, "mon must be"),
            (r#"{"timezone": "UTC", "mon": "08:00-08:00"}"#, "mon must be"),
            (r#"{"timezone": "UTC", "tue": 8}"#, "tue must be"),
            (r#"{"timezone": "UTC", "tue": ""}"#, "tue must be"),
        ] {
            let error = OpeningHours::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
