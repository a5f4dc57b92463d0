//! Months, quarters, years, days and ranges in an utterance, as tools like to have them: `2026-03`, `2026-Q1`.

use super::words::{Word, words};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const ORDINALS: [&str; 4] = ["first", "second", "third", "fourth"];

/// A stretch of time that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    Day(u16, u8, u8),
    Month(u16, u8),
    Quarter(u16, u8),
    Year(u16),
}

/// What a parameter takes, read from its name, description and pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    day: bool,
    month: bool,
    quarter: bool,
    year: bool,
    range: bool,
}

impl Wanted {
    /// What a parameter with this name and description wants; nothing when it is not about time.
    pub(super) fn by(name: &str, description: &str, hint: &str) -> Option<Self> {
        let text = format!("{name} {description} {hint}").to_lowercase();
        let has = |any: &[&str]| any.iter().any(|one| text.contains(one));
        let day = has(&["date", "day", "yyyy-mm-dd"]);
        let month = has(&["month"]) || (has(&["yyyy-mm"]) && !has(&["yyyy-mm-dd"]));
        let quarter = has(&["quarter"]);
        let year = has(&["year"]);
        let any = Self { day: true, month: true, quarter: true, year: true, range: text.contains("..") };
        if day || month || quarter || year {
            Some(Self { day: day || any.range, month, quarter, year, range: any.range })
        } else if has(&["period", "\\d{4}"]) {
            Some(any)
        } else {
            None
        }
    }

    fn takes(self, span: Span) -> bool {
        match span {
            Span::Day(..) => self.day,
            Span::Month(..) => self.month,
            Span::Quarter(..) => self.quarter,
            Span::Year(_) => self.year,
        }
    }
}

/// The period an utterance names, as the parameter wants it, with the words that named it.
pub(super) fn find(utterance: &str, wanted: Wanted) -> Option<(String, Vec<String>)> {
    let all = words(utterance);
    let spans = spans(&all);
    let used = |spans: &[Found]| {
        let indices = spans.iter().flat_map(|found| found.from..=found.to);
        indices.filter_map(|at| all.get(at)).map(|word| word.text.clone()).collect()
    };
    if let [first, second, ..] = spans.as_slice()
        && wanted.range
        && is_range(&all[first.to..second.from])
    {
        let text = format!("{}..{}", first.span.first_day(), second.span.last_day());
        return Some((text, used(&spans[..2])));
    }
    let at = spans.iter().position(|found| wanted.takes(found.span))?;
    Some((spans[at].span.text(), used(&spans[at..=at])))
}

/// The utterance with "last month" and the like as the period they mean, if the instructions say which day it is.
pub(super) fn anchored(utterance: &str, instructions: &str) -> String {
    let Some(today) = today(instructions) else {
        return utterance.to_owned();
    };
    let mut anchored = utterance.to_owned();
    for (phrase, span) in today.neighbours() {
        if let Some(at) = anchored.to_lowercase().find(phrase)
            && anchored.is_char_boundary(at)
            && anchored.is_char_boundary(at + phrase.len())
        {
            anchored.replace_range(at..at + phrase.len(), &span.text());
        }
    }
    anchored
}

/// The first day named after "today", in the same line. Instructions are long: only such lines are taken apart.
fn today(instructions: &str) -> Option<Month> {
    let told = instructions.lines().filter(|line| line.to_ascii_lowercase().contains("today"));
    told.map(words).find_map(|line| {
        let from = line.iter().position(|word| word.text.eq_ignore_ascii_case("today"))?;
        line[from..].iter().find_map(|word| match compact(&word.text) {
            Some(Span::Day(year, month, _)) => Some(Month { year, month }),
            _ => None,
        })
    })
}

#[derive(Debug, Clone, Copy)]
struct Month {
    year: u16,
    month: u8,
}

impl Month {
    fn neighbours(self) -> [(&'static str, Span); 6] {
        let Self { year, month } = self;
        let quarter = month.div_ceil(3);
        let last_month = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
        let last_quarter = if quarter == 1 { (year - 1, 4) } else { (year, quarter - 1) };
        [
            ("last month", Span::Month(last_month.0, last_month.1)),
            ("this month", Span::Month(year, month)),
            ("last quarter", Span::Quarter(last_quarter.0, last_quarter.1)),
            ("this quarter", Span::Quarter(year, quarter)),
            ("last year", Span::Year(year - 1)),
            ("this year", Span::Year(year)),
        ]
    }
}

struct Found {
    span: Span,
    from: usize,
    to: usize,
}

/// "to", "until", "through" between two periods makes a range; "and" makes two questions.
fn is_range(between: &[Word]) -> bool {
    let joins = ["to", "until", "till", "through"];
    between.iter().any(|word| joins.contains(&word.text.to_lowercase().as_str()))
        || between.iter().any(|word| word.text.contains(".."))
}

fn spans(all: &[Word]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < all.len() {
        match span_at(all, at) {
            Some((span, taken)) => {
                found.push(Found { span, from: at, to: at + taken - 1 });
                at += taken;
            }
            None => at += 1,
        }
    }
    found
}

/// The span that begins at this word, and of how many words it is made.
fn span_at(all: &[Word], at: usize) -> Option<(Span, usize)> {
    let lower = |at: usize| all.get(at).map(|word| word.text.to_lowercase());
    let word = lower(at)?;
    let year_after = |skip: usize| lower(at + skip).as_deref().and_then(year);
    if let Some(span) = compact(&word) {
        if let Span::Year(year) = span
            && let Some(quarter) = lower(at + 1).as_deref().and_then(quarter)
        {
            return Some((Span::Quarter(year, quarter), 2));
        }
        return Some((span, 1));
    }
    if let Some(quarter) = quarter(&word) {
        return with_year(&year_after, 1).map(|(year, taken)| (Span::Quarter(year, quarter), taken));
    }
    if let Some(nth) = ORDINALS.iter().position(|one| *one == word)
        && lower(at + 1).as_deref() == Some("quarter")
    {
        let quarter = u8::try_from(nth + 1).ok()?;
        return with_year(&year_after, 2).map(|(year, taken)| (Span::Quarter(year, quarter), taken));
    }
    let month = month(&word)?;
    match with_year(&year_after, 1) {
        Some((year, taken)) => Some((Span::Month(year, month), taken)),
        // "January to March 2026": the year stands once, at the end
        None => (at + 1..all.len())
            .find_map(|later| lower(later).as_deref().and_then(year))
            .map(|year| (Span::Month(year, month), 1)),
    }
}

/// The year right after, or after one "of".
fn with_year(year_after: &impl Fn(usize) -> Option<u16>, skip: usize) -> Option<(u16, usize)> {
    (skip..=skip + 1).find_map(|skip| year_after(skip).map(|year| (year, skip + 1)))
}

/// `2026-03-07`, `2026-03`, `2026-Q1`, `2026Q1`, `2026`.
fn compact(word: &str) -> Option<Span> {
    let year_number = year(word.get(..4)?)?;
    let rest = &word[4..];
    if rest.is_empty() {
        return Some(Span::Year(year_number));
    }
    if let Some(quarter) = quarter(rest.trim_start_matches('-')) {
        return Some(Span::Quarter(year_number, quarter));
    }
    let rest = rest.strip_prefix('-')?;
    let number =
        |text: &str, max: u8| text.parse::<u8>().ok().filter(|n| text.len() == 2 && (1..=max).contains(n));
    match rest.split_once('-') {
        None => Some(Span::Month(year_number, number(rest, 12)?)),
        Some((month, day)) => Some(Span::Day(year_number, number(month, 12)?, number(day, 31)?)),
    }
}

fn year(word: &str) -> Option<u16> {
    let digits = word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten().filter(|year| (1900..=2199).contains(year))
}

fn quarter(word: &str) -> Option<u8> {
    match word {
        "q1" => Some(1),
        "q2" => Some(2),
        "q3" => Some(3),
        "q4" => Some(4),
        _ => None,
    }
}

fn month(word: &str) -> Option<u8> {
    let at =
        MONTHS.iter().position(|month| *month == word || (word.len() == 3 && month.starts_with(word)))?;
    u8::try_from(at + 1).ok()
}

impl Span {
    fn text(self) -> String {
        match self {
            Self::Day(year, month, day) => format!("{year}-{month:02}-{day:02}"),
            Self::Month(year, month) => format!("{year}-{month:02}"),
            Self::Quarter(year, quarter) => format!("{year}-Q{quarter}"),
            Self::Year(year) => year.to_string(),
        }
    }

    fn first_day(self) -> String {
        match self {
            Self::Day(..) => self.text(),
            Self::Month(year, month) => format!("{year}-{month:02}-01"),
            Self::Quarter(year, quarter) => format!("{year}-{:02}-01", quarter * 3 - 2),
            Self::Year(year) => format!("{year}-01-01"),
        }
    }

    fn last_day(self) -> String {
        let end = |year: u16, month: u8| format!("{year}-{month:02}-{:02}", days_in(year, month));
        match self {
            Self::Day(..) => self.text(),
            Self::Month(year, month) => end(year, month),
            Self::Quarter(year, quarter) => end(year, quarter * 3),
            Self::Year(year) => end(year, 12),
        }
    }
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(utterance: &str) -> Option<String> {
        let wanted = Wanted::by("period", "A month 2026-03, a quarter, a year, or a range a..b", "").unwrap();
        find(utterance, wanted).map(|(text, _)| text)
    }

    #[test]
    fn a_period_is_found_however_it_is_said() {
        for (utterance, expected) in [
            ("What was our EBITDA in 2026-03?", "2026-03"),
            ("EBITDA for March 2026", "2026-03"),
            ("EBITDA for Mar 2026", "2026-03"),
            ("the first quarter of 2026", "2026-Q1"),
            ("Q3 2025 please", "2025-Q3"),
            ("2025 Q3", "2025-Q3"),
            ("2025-Q3", "2025-Q3"),
            ("all of 2025", "2025"),
            ("from 2026-01-01 to 2026-03-31", "2026-01-01..2026-03-31"),
            ("January to February 2024", "2024-01-01..2024-02-29"),
            ("from Q1 2026 until Q2 2026", "2026-01-01..2026-06-30"),
            ("March 2026 and April 2026", "2026-03"),
        ] {
            assert_eq!(period(utterance).as_deref(), Some(expected), "{utterance}");
        }
        for none in ["What did we earn last month?", "room 2026-13", "call 5550 1234", "may I ask?"] {
            assert_eq!(period(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_near_is_counted_from_today() {
        for (today, utterance, expected) in [
            ("Today is Monday, 2026-01-05.", "EBITDA of last month", "EBITDA of 2025-12"),
            ("Today is 2026-01-05.", "and Last Quarter?", "and 2025-Q4?"),
            ("Today is 2026-05-31.", "this quarter, last year", "2026-Q2, 2025"),
            ("No date here.", "last month", "last month"),
        ] {
            assert_eq!(anchored(utterance, today), expected);
        }
    }

    #[test]
    fn a_parameter_says_which_kind_it_takes() {
        let find_for =
            |name: &str, text: &str| find(text, Wanted::by(name, "", "").unwrap()).map(|(text, _)| text);
        assert_eq!(find_for("date", "on 2026-03-07 in March 2026"), Some("2026-03-07".into()));
        assert_eq!(find_for("date", "in March 2026"), None);
        assert_eq!(find_for("month", "2025, or rather March 2026"), Some("2026-03".into()));
        assert!(Wanted::by("query", "Words of the dish", "").is_none());
    }
}
