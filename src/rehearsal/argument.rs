//! Fills a tool's arguments from what the caller said and what earlier tool outputs have shown.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::errand;
use super::identity::identity;
use super::period::{self, Wanted};
use super::toolbox::{Kind, Parameter, Tool};
use super::words::{Word, kin, stems, words};

/// Longest free text we make up, in characters, where the schema names no limit.
const TEXT_MAX: usize = 300;
/// Words that are about the asking, not about what is asked for.
const ASKING: &str = "find show look list lookup search check recommend suggest order fetch see hear explain describe \
    available menu card serve sell offer right way calculate";
const NUMBERS: [&str; 12] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
/// What stands before the most that something may be.
const LIMITING: [&str; 6] = ["under", "below", "most", "than", "to", "maximum"];
/// How countries and the like are called beside their codes.
const ALIASES: &[(&str, &[&str])] = &[
    ("EU", &["european union", "europe", "european"]),
    ("US", &["united states", "usa", "america", "american", "u.s"]),
    ("UK", &["united kingdom", "britain", "british", "england", "u.k"]),
    ("CA", &["canada", "canadian"]),
];

/// What the model may draw on besides the utterance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory<'a> {
    /// Outputs of tool calls before the utterance, oldest first.
    pub(super) earlier: &'a [Value],
    /// Outputs of tool calls made for the utterance.
    pub(super) found: &'a [Value],
    /// What the caller has said, oldest first; the utterance is the last.
    pub(super) said: &'a [&'a str],
}

/// The arguments of a call, or the index of the first required parameter that nothing was found for.
pub(super) fn fill(tool: &Tool, utterance: &str, memory: Memory<'_>) -> Result<Map<String, Value>, usize> {
    let mut used = BTreeSet::new();
    let mut arguments = structured(tool, utterance, memory, &mut used);
    for (at, parameter) in tool.parameters.iter().enumerate() {
        if !parameter.required || arguments.contains_key(&parameter.name) {
            continue;
        }
        let value = match parameter.kind {
            _ if errand::owns(tool, parameter)
                || parameter.is_id()
                || Wanted::by_parameter(parameter).is_some() =>
            {
                None
            }
            Kind::Text if parameter.is_story() => Some(Value::from(story(parameter, memory))),
            Kind::Text => free_text(tool, parameter, utterance, &used).map(Value::from),
            Kind::Texts => free_text(tool, parameter, utterance, &used).map(|text| Value::from(vec![text])),
            Kind::Flag => Some(Value::Bool(false)),
            Kind::Integer | Kind::Number | Kind::Choice(_) | Kind::Lines { .. } | Kind::Other => None,
        };
        arguments.insert(parameter.name.clone(), value.ok_or(at)?);
    }
    Ok(arguments)
}

/// The arguments an utterance names beyond doubt: one of a set, a period, a number, an id, a quotation.
pub(super) fn structured(
    tool: &Tool,
    utterance: &str,
    memory: Memory<'_>,
    used: &mut BTreeSet<String>,
) -> Map<String, Value> {
    let mut arguments = Map::new();
    for parameter in &tool.parameters {
        if let Some((value, by)) = find(tool, parameter, utterance, memory, used) {
            used.extend(by);
            arguments.insert(parameter.name.clone(), value);
        }
    }
    arguments
}

/// The value for one parameter, with the words that gave it.
fn find(
    tool: &Tool,
    parameter: &Parameter,
    utterance: &str,
    memory: Memory<'_>,
    used: &BTreeSet<String>,
) -> Option<(Value, Vec<String>)> {
    if let Kind::Choice(values) = &parameter.kind {
        return choice(values, utterance).map(|(value, by)| (Value::from(value), by));
    }
    if errand::owns(tool, parameter) {
        return errand::find(parameter, utterance, memory.said).map(|value| (value, Vec::new()));
    }
    if parameter.is_id() {
        let about = subject(tool, utterance);
        let id = identity(parameter, utterance, &about, memory);
        return id.map(|value| (value, Vec::new()));
    }
    if let Some(wanted) = Wanted::by_parameter(parameter) {
        let (text, by) = period::find(utterance, wanted)?;
        let value = match parameter.kind {
            Kind::Integer => Value::from(text.parse::<i64>().ok()?),
            _ => Value::from(text),
        };
        return Some((value, by));
    }
    match parameter.kind {
        Kind::Integer | Kind::Number => number(parameter, utterance, used),
        Kind::Flag => named(parameter, utterance).then(|| (Value::Bool(true), Vec::new())),
        Kind::Text if parameter.required && !parameter.is_story() => {
            quotation(utterance).map(|text| (Value::from(clip(&text, parameter)), words_of(&text)))
        }
        _ => None,
    }
}

impl Wanted {
    /// What a text or whole number about time wants.
    fn by_parameter(parameter: &Parameter) -> Option<Self> {
        let about_time = matches!(parameter.kind, Kind::Text | Kind::Integer) && !parameter.is_story();
        let wanted = Self::by(&parameter.name, &parameter.description, &parameter.hint);
        wanted.filter(|_| about_time)
    }
}

fn words_of(text: &str) -> Vec<String> {
    words(text).into_iter().map(|word| word.text).collect()
}

/// The value of a set that the utterance names, by itself or by an alias.
fn choice(values: &[String], utterance: &str) -> Option<(String, Vec<String>)> {
    let all = words(utterance);
    let spoken = format!(" {} ", words_of(utterance).join(" ").to_lowercase());
    let literal = |value: &String| {
        let is_code = value.len() <= 3 && value.chars().all(char::is_uppercase);
        if is_code {
            // "us" is a pronoun, "US" is not
            return all.iter().find(|word| word.text == *value).map(|word| vec![word.text.clone()]);
        }
        let plain = super::words::identifier_words(value).to_lowercase();
        let wanted = words(&plain).into_iter().map(|word| word.stem).collect::<Vec<_>>();
        let window =
            all.windows(wanted.len().max(1)).find(|window| window.iter().map(|word| &word.stem).eq(&wanted));
        window.map(|window| window.iter().map(|word| word.text.clone()).collect())
    };
    let alias = |value: &String| {
        let (_, names) = ALIASES.iter().find(|(code, _)| code.eq_ignore_ascii_case(value))?;
        let name = names.iter().find(|name| spoken.contains(&format!(" {name} ")))?;
        let parts: Vec<&str> = name.split(' ').collect();
        let by = all.iter().filter(|word| parts.contains(&word.text.to_lowercase().as_str()));
        Some(by.map(|word| word.text.clone()).collect())
    };
    let by_words = values.iter().find_map(|value| literal(value).map(|by| (value.clone(), by)));
    by_words.or_else(|| values.iter().find_map(|value| alias(value).map(|by| (value.clone(), by))))
}

/// The first number that is not part of something else already taken.
fn number(parameter: &Parameter, utterance: &str, used: &BTreeSet<String>) -> Option<(Value, Vec<String>)> {
    let all = words(&errand::without_clock(utterance));
    let value = |word: &Word| {
        let spelled =
            NUMBERS.iter().position(|one| word.text.eq_ignore_ascii_case(one)).map(|at| at as i64 + 1);
        let whole = word.text.parse::<i64>().ok().or(spelled);
        match parameter.kind {
            Kind::Integer => whole.map(Value::from),
            _ => whole.map(Value::from).or_else(|| word.text.parse::<f64>().ok().map(Value::from)),
        }
    };
    let about =
        stems(&format!("{} {}", super::words::identifier_words(&parameter.name), parameter.description));
    let is_limit = parameter.name.contains("max");
    let at = (0..all.len()).find(|&at| {
        let limited = is_limit && at > 0 && LIMITING.contains(&all[at - 1].text.to_lowercase().as_str());
        let next_fits = all.get(at + 1).is_some_and(|next| about.contains(&next.stem));
        let before_fits = at > 0 && about.contains(&all[at - 1].stem);
        // an optional number is filled only where the words around it name it
        let fits = parameter.required || next_fits || before_fits || limited;
        fits && !used.contains(&all[at].text) && value(&all[at]).is_some()
    })?;
    value(&all[at]).map(|number| (number, vec![all[at].text.clone()]))
}

fn named(parameter: &Parameter, utterance: &str) -> bool {
    let name = stems(&super::words::identifier_words(&parameter.name));
    let spoken = stems(utterance);
    !name.is_empty() && name.is_subset(&spoken)
}

/// What stands between quotation marks.
fn quotation(utterance: &str) -> Option<String> {
    [('"', '"'), ('“', '”'), ('«', '»')].into_iter().find_map(|(open, close)| {
        let (_, rest) = utterance.split_once(open)?;
        let (inside, _) = rest.split_once(close)?;
        let inside = inside.trim();
        (!inside.is_empty()).then(|| inside.to_owned())
    })
}

/// The content words that are left when the asking and everything already used is taken away.
fn free_text(tool: &Tool, parameter: &Parameter, utterance: &str, used: &BTreeSet<String>) -> Option<String> {
    let left: Vec<Word> =
        content(tool, utterance).into_iter().filter(|word| !used.contains(&word.text)).collect();
    // "vegetarian dishes" is a search for "vegetarian", but "dishes" alone is one for "dishes"
    let kind_of_thing = stems(general_part(&parameter.description));
    let special: Vec<&Word> = left.iter().filter(|word| !kind_of_thing.contains(&word.stem)).collect();
    let chosen = if special.is_empty() { left.iter().collect() } else { special };
    let text = chosen.into_iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    let text = clip(&text, parameter);
    (!text.is_empty() && text.chars().count() >= parameter.min_length).then_some(text)
}

/// A description up to its examples.
fn general_part(description: &str) -> &str {
    let ends = ["such as", "e.g.", "for example", ":", "."].iter().filter_map(|mark| description.find(mark));
    &description[..ends.min().unwrap_or(description.len())]
}

/// The words of an utterance that are about the thing, not about the asking for it.
fn content(tool: &Tool, utterance: &str) -> Vec<Word> {
    let own = tool.name_stems();
    let asking = stems(ASKING);
    let pairs = stems("pair");
    let is_pairing = |stem: &String| pairs.contains(stem) || kin(stem).iter().any(|one| pairs.contains(*one));
    let says_pairing = own.iter().any(is_pairing);
    let about = |word: &Word| {
        let of_asking = own.contains(&word.stem) || asking.contains(&word.stem);
        word.counts && !of_asking && !(says_pairing && is_pairing(&word.stem))
    };
    words(utterance).into_iter().filter(about).collect()
}

/// What an utterance is about, as stems: its content without the words the tool itself is described by.
fn subject(tool: &Tool, utterance: &str) -> BTreeSet<String> {
    let described = stems(&tool.description);
    let content = content(tool, utterance).into_iter().map(|word| word.stem);
    content.filter(|stem| !described.contains(stem)).collect()
}

/// A sentence or two for `reason` and `summary`.
fn story(parameter: &Parameter, memory: Memory<'_>) -> String {
    let last = memory.said.last().copied().unwrap_or_default();
    let text = match memory.said {
        [.., before, _] if parameter.name != "reason" => {
            format!("The caller asked: \"{last}\" Before that: \"{before}\"")
        }
        _ => format!("The caller asked: \"{last}\""),
    };
    clip(&text, parameter)
}

fn clip(text: &str, parameter: &Parameter) -> String {
    let max = parameter.max_length.unwrap_or(TEXT_MAX).min(TEXT_MAX);
    text.chars().take(max).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rehearsal::samples::{cfo_tools, waiter_tools};

    fn arguments(tools: &[Tool], name: &str, utterance: &str, outputs: &[Value]) -> Result<Value, String> {
        let tool = tools.iter().find(|tool| tool.name == name).unwrap();
        let memory = Memory { earlier: outputs, found: &[], said: &[utterance] };
        fill(tool, utterance, memory).map(Value::Object).map_err(|at| tool.parameters[at].name.clone())
    }

    #[test]
    fn a_query_is_what_remains_of_the_utterance() {
        for (utterance, query) in [
            ("What drinks do you have?", "drinks"),
            ("Could you show me your vegetarian dishes, please?", "vegetarian"),
            ("Which dishes do you serve?", "dishes"),
            ("Do you have \"Ftira tal-Għawdex\" today?", "Ftira tal-Għawdex"),
        ] {
            assert_eq!(
                arguments(&waiter_tools(), "lookup_menu", utterance, &[]),
                Ok(json!({"query": query}))
            );
        }
        assert_eq!(
            arguments(&waiter_tools(), "lookup_menu", "Which beers are under 4000?", &[]),
            Ok(json!({"query": "beers", "max_price": 4_000}))
        );
        assert_eq!(arguments(&waiter_tools(), "lookup_menu", "Show me the menu", &[]), Err("query".into()));
    }

    #[test]
    fn one_of_a_set_is_taken_out_and_the_rest_is_the_topic() {
        let ask = |utterance: &str| arguments(&cfo_tools(), "check_tax_rule", utterance, &[]);
        assert_eq!(
            ask("I have a question about VAT on restaurant meals in the EU"),
            Ok(json!({"jurisdiction": "EU", "topic": "VAT restaurant meals"}))
        );
        assert_eq!(
            ask("What is the tax rule for hotel stays in the United Kingdom?"),
            Ok(json!({"jurisdiction": "UK", "topic": "hotel stays"}))
        );
        assert_eq!(ask("Tell us the rule on meals"), Err("jurisdiction".into()));
    }

    #[test]
    fn a_period_is_filled_or_missed() {
        let ask = |utterance: &str| arguments(&cfo_tools(), "fetch_financials", utterance, &[]);
        assert_eq!(ask("What was our EBITDA in 2026-03?"), Ok(json!({"period": "2026-03"})));
        assert_eq!(
            ask("revenue from January to March 2026"),
            Ok(json!({"period": "2026-01-01..2026-03-31"}))
        );
        assert_eq!(ask("What was our EBITDA?"), Err("period".into()));
    }

    #[test]
    fn numbers_and_flags_are_filled_where_they_are_named() {
        let tools =
            Tool::all(&json!([{"type": "function", "name": "book_table", "description": "Book a table",
            "parameters": {"type": "object", "required": ["guests"], "properties": {
                "guests": {"type": "integer"}, "limit": {"type": "integer", "description": "Most rows"},
                "outdoor": {"type": "boolean"}, "date": {"type": "string", "format": "date"}}}}]));
        let ask = |utterance: &str| arguments(&tools, "book_table", utterance, &[]);
        assert_eq!(
            ask("An outdoor table for four on 2026-04-05"),
            Ok(json!({"guests": 4, "outdoor": true, "date": "2026-04-05"}))
        );
        assert_eq!(ask("6 guests, at most 3 rows"), Ok(json!({"guests": 6, "limit": 3})));
        assert_eq!(ask("a table please"), Err("guests".into()));
    }

    #[test]
    fn a_handoff_is_told_what_the_caller_said() {
        let tools = waiter_tools();
        let tool = tools.iter().find(|tool| tool.name == "handoff_to_cfo").unwrap();
        let memory = Memory { earlier: &[], found: &[], said: &["Two beers", "And the VAT?"] };
        let filled = fill(tool, "And the VAT?", memory).unwrap();
        assert_eq!(filled["reason"], "The caller asked: \"And the VAT?\"");
        assert_eq!(filled["summary"], "The caller asked: \"And the VAT?\" Before that: \"Two beers\"");
    }
}
