//! What a caller wants done: an order placed, a table booked. Read from their words, and told when it is done.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::toolbox::{Kind, Parameter, Tool};
use super::words::stems;

const NUMBERS: [&str; 12] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
/// What an order begins with.
const ORDERING: [&str; 9] = [
    "order",
    "i'll have",
    "i will have",
    "we'll have",
    "we will have",
    "i'll take",
    "we'll take",
    "bring me",
    "bring us",
];
/// What follows the dishes of an order.
const AFTERWARDS: [&str; 8] = [
    " for table",
    " to table",
    " at table",
    " under the",
    " in the name",
    " please",
    " once more",
    " for pickup",
];
const NAMING: [&str; 5] =
    ["in the name of ", "under the name of ", "under the name ", "my name is ", "the name is "];
/// An answer that is a name has no more words.
const NAME_MAX: usize = 3;
/// `repeat` of a tool that writes.
const REPEAT: &str = "repeat";

/// Whether the tool does something that the caller must have asked for in so many words.
pub(super) fn is_errand(tool: &Tool) -> bool {
    takes_lines(tool) || books(tool)
}

/// Whether these words ask for this tool, and not only about what it is for.
pub(super) fn asks_for(tool: &Tool, utterance: &str) -> bool {
    if takes_lines(tool) {
        return !lines(utterance).is_empty();
    }
    let spoken = stems(utterance);
    books(tool) && !spoken.is_disjoint(&stems("book reserve reservation booking"))
}

fn takes_lines(tool: &Tool) -> bool {
    tool.parameters.iter().any(|parameter| matches!(parameter.kind, Kind::Lines { .. }))
}

fn books(tool: &Tool) -> bool {
    tool.name_stems().contains("book") && tool.parameters.iter().any(is_clock)
}

/// Whether a parameter takes a time of day.
fn is_clock(parameter: &Parameter) -> bool {
    parameter.kind == Kind::Text && parameter.name.contains("time") && parameter.hint.contains("[0-5][0-9]")
}

/// The value of a parameter that only errands have.
pub(super) fn find(parameter: &Parameter, utterance: &str, said: &[&str]) -> Option<Value> {
    match &parameter.kind {
        Kind::Lines { item, quantity } => {
            let lines = lines(utterance);
            let line = |(name, count): &(String, u64)| json!({item.as_str(): name, quantity.as_str(): count});
            (!lines.is_empty()).then(|| lines.iter().map(line).collect())
        }
        Kind::Integer if parameter.name == REPEAT => once_more(utterance).then(|| Value::from(2)),
        Kind::Text if is_clock(parameter) => clock(utterance).map(Value::from),
        Kind::Text if parameter.name.ends_with("_name") => {
            named(utterance).or_else(|| answered(parameter, utterance, said)).map(Value::from)
        }
        Kind::Text if parameter.name == "table" => table(utterance).map(Value::from),
        Kind::Text
        | Kind::Integer
        | Kind::Number
        | Kind::Flag
        | Kind::Choice(_)
        | Kind::Texts
        | Kind::Other => None,
    }
}

/// Whether nothing else fills a parameter.
pub(super) fn owns(tool: &Tool, parameter: &Parameter) -> bool {
    let is_text = parameter.kind == Kind::Text;
    let is_own = parameter.name == REPEAT
        || is_clock(parameter)
        || matches!(parameter.kind, Kind::Lines { .. })
        || (is_text && (parameter.name.ends_with("_name") || parameter.name == "table"));
    is_own && is_errand(tool)
}

fn once_more(utterance: &str) -> bool {
    utterance.to_lowercase().contains("once more")
}

/// "two Mützig and one goat brochette": what is ordered, and how many of each. Nothing without an order in words.
fn lines(utterance: &str) -> Vec<(String, u64)> {
    let lower = utterance.to_lowercase().replace('’', "'");
    if lower.len() != utterance.len() {
        return Vec::new();
    }
    let begins = ORDERING.iter().filter_map(|phrase| lower.find(phrase).map(|at| at + phrase.len())).min();
    let Some(begins) = begins else {
        return Vec::new();
    };
    let begins = lower[begins..].rfind(':').map_or(begins, |colon| begins + colon + 1);
    let ends = AFTERWARDS.iter().filter_map(|phrase| lower[begins..].find(phrase)).min();
    let whole = &utterance[begins..ends.map_or(utterance.len(), |end| begins + end)];
    let whole = whole.replace(" and ", ",");
    let mut found: Vec<(String, u64)> = Vec::new();
    for clause in whole.split([',', ';', '?', '!']).map(|clause| clause.trim().trim_end_matches('.')) {
        match (quantity(clause), found.last_mut()) {
            (Some((count, item)), _) => found.push((item.to_owned(), count)),
            // "two fish and chips" is one dish
            (None, Some((item, _))) if !clause.is_empty() => *item = format!("{item} and {clause}"),
            (None, _) => {}
        }
    }
    found
}

/// A clause that begins with a number, and what follows it.
fn quantity(clause: &str) -> Option<(u64, &str)> {
    let (first, rest) = clause.split_once(' ')?;
    let spelled = || NUMBERS.iter().position(|one| first.eq_ignore_ascii_case(one)).map(|at| at as u64 + 1);
    let article = || ["a", "an"].iter().any(|one| first.eq_ignore_ascii_case(one)).then_some(1);
    let count = first.parse().ok().or_else(spelled).or_else(article)?;
    Some((count, rest.trim())).filter(|(_, item)| !item.is_empty())
}

fn table(utterance: &str) -> Option<String> {
    let (_, after) = utterance.split_once(" table ")?;
    let name: String = after.chars().take_while(|letter| letter.is_alphanumeric()).collect();
    name.chars().any(|letter| letter.is_ascii_digit()).then_some(name)
}

/// The first `19:30` in the words.
fn clock(utterance: &str) -> Option<String> {
    let pieces = utterance.split(|letter: char| !letter.is_ascii_digit() && letter != ':');
    pieces
        .filter_map(|piece| {
            let (hours, minutes) = piece.split_once(':')?;
            let fits = |text: &str, most: u32| text.parse().is_ok_and(|number: u32| number < most);
            let is_time = (1..=2).contains(&hours.len()) && minutes.len() == 2;
            (is_time && fits(hours, 24) && fits(minutes, 60)).then(|| format!("{hours:0>2}:{minutes}"))
        })
        .next()
}

/// The words without the time of day, whose digits count nothing.
pub(super) fn without_clock(utterance: &str) -> String {
    let is_time = |word: &&str| word.contains(':') && clock(word).is_some();
    utterance.split(' ').filter(|word| !is_time(word)).collect::<Vec<_>>().join(" ")
}

/// Who it is for, if the words say so.
fn named(utterance: &str) -> Option<String> {
    let lower = utterance.to_lowercase();
    if lower.len() != utterance.len() {
        return None;
    }
    let begins = NAMING.iter().filter_map(|phrase| lower.find(phrase).map(|at| at + phrase.len())).min()?;
    let name: Vec<_> = utterance[begins..]
        .split(' ')
        .take_while(|word| word.chars().next().is_some_and(char::is_uppercase))
        .map(|word| word.trim_matches(|letter: char| !letter.is_alphanumeric()))
        .collect();
    (!name.is_empty()).then(|| name.join(" "))
}

/// A short answer to the question for a name that must be given.
fn answered(parameter: &Parameter, utterance: &str, said: &[&str]) -> Option<String> {
    let [_, .., last] = said else {
        return None;
    };
    let name = last.trim().trim_end_matches('.');
    let is_answer = parameter.required
        && utterance.len() > last.len()
        && (1..=NAME_MAX).contains(&name.split_whitespace().count())
        && name.chars().all(|letter| letter.is_alphabetic() || " -'".contains(letter));
    is_answer.then(|| name.to_owned())
}

/// "Tomorrow" and "tonight" as the day they are, for whoever books; the instructions say which day it is.
pub(super) fn anchored(utterance: &str, instructions: &str) -> String {
    if stems(utterance).is_disjoint(&stems("book reserve reservation")) {
        return utterance.to_owned();
    }
    let lower = instructions.to_lowercase();
    let after = lower.split_once("today is").map(|(_, after)| after).unwrap_or_default();
    let days = after.split(|letter: char| !letter.is_ascii_digit() && letter != '-');
    let Some(today) = days.filter_map(|word| word.parse::<Date>().ok()).next() else {
        return utterance.to_owned();
    };
    let tomorrow = today.checked_add(1.day()).unwrap_or(today);
    [("tomorrow", tomorrow), ("tonight", today), ("today", today)]
        .iter()
        .fold(utterance.to_owned(), |text, (word, day)| text.replace(word, &day.to_string()))
}

/// An order placed or a table booked, as a waiter would say it.
pub(super) fn told(output: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let already = output["already_done"] == Value::Bool(true);
    if let (Some(lines), Some(number)) = (output["lines"].as_array(), text(&output["number"])) {
        let lines: Vec<_> = lines
            .iter()
            .filter_map(|line| {
                Some(format!(
                    "{} {} at {}",
                    line["quantity"],
                    text(&line["name"])?,
                    text(&line["unit_price"])?
                ))
            })
            .collect();
        let (total, currency) = (text(&output["total"])?, text(&output["currency"])?);
        let placed = if already { "was placed already" } else { "is placed" };
        let lines = lines.join("; ");
        return Some(format!("Order {number} {placed}: {lines}. The total is {total} {currency}."));
    }
    let booking = output["booking"].as_object()?;
    let of = |key: &str| booking.get(key).and_then(Value::as_str).unwrap_or_default();
    let booked = if already { "was booked already" } else { "is booked" };
    let guests = booking.get("party_size").map(ToString::to_string).unwrap_or_default();
    Some(format!(
        "The table {booked} in the name of {}, for {guests}, on {} at {}.",
        of("guest_name"),
        of("booking_date"),
        of("booking_time")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_what_follows_the_asking_with_its_numbers() {
        let line = |item: &str, count: u64| (item.to_owned(), count);
        for (utterance, expected) in [
            ("order two Mützig and one goat brochette", vec![line("Mützig", 2), line("goat brochette", 1)]),
            ("I'll have 3 Primus, please", vec![line("Primus", 3)]),
            (
                "Please order a Kinnie and two fish and chips for table 5",
                vec![line("Kinnie", 1), line("fish and chips", 2)],
            ),
            ("Order the same once more: two Mützig", vec![line("Mützig", 2)]),
            ("What can I order?", vec![]),
            ("What drinks do you have?", vec![]),
        ] {
            assert_eq!(lines(utterance), expected, "{utterance}");
        }
    }

    #[test]
    fn a_booking_says_when_and_for_whom() {
        assert_eq!(clock("tomorrow at 19:30 for two").as_deref(), Some("19:30"));
        assert_eq!(clock("at 9:05").as_deref(), Some("09:05"));
        assert_eq!(clock("at 25:00, ratio 1:2"), None);
        assert_eq!(named("a table in the name of Aline Uwase tomorrow").as_deref(), Some("Aline Uwase"));
        assert_eq!(table("order one Kinnie for table 5.").as_deref(), Some("5"));
        let instructions = "Today is Saturday, 2026-02-28 (UTC).";
        assert_eq!(anchored("book a table tomorrow", instructions), "book a table 2026-03-01");
        assert_eq!(anchored("what is there tomorrow", instructions), "what is there tomorrow");
    }
}
