//! One object of a tool's output as a phrase: its name, its price, and what else is worth saying.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::pertinent::pertinent;
use super::words::{identifier_words, stems};

const NAMES: [&str; 4] = ["name", "title", "label", "topic"];
const AMOUNTS: [&str; 4] = ["price", "amount", "total", "cost"];
/// What nobody wants to hear.
const SILENT: [&str; 5] = ["ok", "id", "currency", "url", "embedding"];
/// What is said first, and by itself: the key would only disturb.
const PROSE: [&str; 7] = ["rule", "answer", "text", "summary", "description", "reason", "note"];
/// Words that are written in capitals.
const ACRONYMS: [&str; 4] = ["ebitda", "vat", "gst", "p&l"];
/// How many details of one row are said, by how many rows there are.
const DETAILS_OF_ONE: usize = 6;
const DETAILS_OF_FEW: usize = 2;
const FEW: usize = 3;
/// A list of so many words is a detail.
const LIST_MAX: usize = 6;

/// One row of `rows`: the fewer there are, the more is said of each.
pub(super) fn phrase(row: &Value, about: &BTreeSet<String>, rows: usize) -> String {
    let Some(object) = row.as_object() else {
        return scalar(row);
    };
    let amount = amount_key(object);
    let Some(name) = name_key(object, amount) else {
        let wanted = wanted_details(object, about);
        let all = || details(object, about, &[], DETAILS_OF_ONE);
        return (if wanted.is_empty() { all() } else { wanted }).join(", ");
    };
    let mut parts = vec![object.get(name).map(scalar).unwrap_or_default()];
    parts.extend(amount.map(|amount| money(object, amount)));
    let count = match rows {
        1 => DETAILS_OF_ONE,
        2..=FEW => DETAILS_OF_FEW,
        // many named rows without a price: something must be said of them
        _ if amount.is_none() => 1,
        _ => 0,
    };
    let said: Vec<&str> = amount.into_iter().chain([name]).collect();
    let other_names = |key: &&String| key.ends_with("_name");
    let said: Vec<&str> =
        said.into_iter().chain(object.keys().filter(other_names).map(String::as_str)).collect();
    parts.extend(details(object, about, &said, count));
    parts.join(", ")
}

/// The scalars of an object as "key value": those the caller asked for first, then prose, then the rest.
pub(super) fn details(
    object: &Map<String, Value>,
    about: &BTreeSet<String>,
    said: &[&str],
    count: usize,
) -> Vec<String> {
    let mut found: Vec<(usize, String)> = tellable(object, said)
        .map(|(key, value)| {
            let prose = PROSE.iter().position(|prose| prose == key);
            let rank = match prose {
                _ if is_wanted(key, about) => 0,
                Some(0) => 1,
                None if key == "topic" => 1,
                // A rule is worth what stands behind it.
                None if key == "authority" => 2,
                Some(at) => 2 + at,
                None => 3 + PROSE.len(),
            };
            (rank, detail(object, key, value, about))
        })
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, text)| text).take(count).collect()
}

/// Only what the caller asked for by name.
fn wanted_details(object: &Map<String, Value>, about: &BTreeSet<String>) -> Vec<String> {
    let wanted = tellable(object, &[]).filter(|(key, _)| is_wanted(key, about));
    wanted.map(|(key, value)| detail(object, key, value, about)).take(DETAILS_OF_ONE).collect()
}

fn is_wanted(key: &str, about: &BTreeSet<String>) -> bool {
    !stems(&identifier_words(key)).is_disjoint(about)
}

fn tellable<'a>(
    object: &'a Map<String, Value>,
    said: &'a [&str],
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let silent = |key: &str| {
        said.contains(&key) || SILENT.contains(&key) || key.ends_with("_id") || key.ends_with("_url")
    };
    let plain = |value: &Value| match value {
        Value::Null | Value::Object(_) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => {
            let is_word = |each: &Value| each.is_string() || each.is_number();
            !list.is_empty() && list.len() <= LIST_MAX && list.iter().all(is_word)
        }
        Value::Bool(_) | Value::Number(_) => true,
    };
    object.iter().filter(move |(key, value)| !silent(key) && plain(value))
}

fn detail(object: &Map<String, Value>, key: &str, value: &Value, about: &BTreeSet<String>) -> String {
    if PROSE.contains(&key)
        && let Some(text) = value.as_str()
    {
        return pertinent(text, about).trim_end_matches('.').to_owned();
    }
    if let Some(of) = key.strip_suffix("_percent") {
        return format!("{} {} percent", spoken_key(of), scalar(value));
    }
    let key_words = spoken_key(key);
    match value {
        Value::Array(list) => {
            format!("{key_words} {}", list.iter().map(scalar).collect::<Vec<_>>().join(" and "))
        }
        _ if is_amount(value) => format!("{key_words} {}", money(object, key)),
        other => format!("{key_words} {}", scalar(other)),
    }
}

fn amount_key(object: &Map<String, Value>) -> Option<&str> {
    let is_amount = |key: &&String| {
        AMOUNTS.iter().any(|amount| *key == amount || key.ends_with(&format!("_{amount}")))
            && object.get(*key).is_some_and(|value| !value.is_null() && !value.is_object())
    };
    object.keys().find(is_amount).map(String::as_str)
}

/// The key of the name: beside `paired_price` it is `paired_name`.
fn name_key<'a>(object: &'a Map<String, Value>, amount: Option<&str>) -> Option<&'a str> {
    let has_text = |key: &str| object.get(key).is_some_and(Value::is_string);
    let beside_amount =
        amount.and_then(|amount| amount.rsplit_once('_')).map(|(prefix, _)| format!("{prefix}_name"));
    let keys = || object.keys().map(String::as_str);
    let exact = NAMES.iter().find_map(|name| keys().find(|key| key == name && has_text(key)));
    let beside = || beside_amount.and_then(|name| keys().find(|key| *key == name && has_text(key)));
    let any = || keys().find(|key| key.ends_with("_name") && has_text(key));
    exact.or_else(beside).or_else(any)
}

/// A number written as a string: money, as services that never round write it.
fn is_amount(value: &Value) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    value.as_str().is_some_and(|text| {
        let text = text.trim_start_matches('-');
        text.split_once('.').map_or_else(|| digits(text), |(whole, part)| digits(whole) && digits(part))
    })
}

/// An amount with the currency that stands beside it; the digits are never touched.
fn money(object: &Map<String, Value>, key: &str) -> String {
    let amount = object.get(key).map(scalar).unwrap_or_default();
    match object.get("currency").and_then(Value::as_str) {
        Some(currency) => format!("{amount} {currency}"),
        None => amount,
    }
}

/// A value in words.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim_end_matches('.').to_owned(),
        Value::Bool(flag) => (if *flag { "yes" } else { "no" }).to_owned(),
        other => other.to_string(),
    }
}

/// A key in words: `ebitda_margin` is "EBITDA margin".
pub(super) fn spoken_key(key: &str) -> String {
    let words = identifier_words(key).to_lowercase();
    let spoken = words
        .split(' ')
        .map(|word| if ACRONYMS.contains(&word) { word.to_uppercase() } else { word.to_owned() });
    spoken.collect::<Vec<_>>().join(" ")
}
