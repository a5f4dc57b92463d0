//! Says what a tool returned: any JSON, as sentences a caller can listen to.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::words::{identifier_words, stems};

/// Longest answer, in characters: half a minute of speech.
const LONGEST: usize = 700;
/// How many rows of a list are said.
const ROWS: usize = 6;
/// How many details of one row are said.
const DETAILS: usize = 6;

const NAMES: [&str; 3] = ["name", "title", "label"];
const AMOUNTS: [&str; 4] = ["price", "amount", "total", "cost"];
/// What nobody wants to hear.
const SILENT: [&str; 6] = ["ok", "id", "currency", "image_url", "url", "embedding"];

/// A tool's output in sentences; `about` are the caller's words, whose figures come first.
pub(super) fn say(output: &str, about: &str) -> String {
    let spoken = match serde_json::from_str::<Value>(output) {
        Ok(value) => value_sentence(&value, &stems(about)),
        Err(_) if output.trim().is_empty() => "That is done.".to_owned(),
        Err(_) => output.trim().to_owned(),
    };
    shorten(&spoken)
}

/// What went wrong, when an output says that something did.
pub(super) fn error_of(output: &Value) -> Option<String> {
    let object = output.as_object()?;
    let text = match object.get("error")? {
        Value::String(text) => text.clone(),
        Value::Object(error) => {
            error.get("message").and_then(Value::as_str).unwrap_or("it failed").to_owned()
        }
        Value::Null | Value::Bool(false) => return None,
        _ => "it failed".to_owned(),
    };
    Some(text)
}

fn value_sentence(value: &Value, about: &BTreeSet<String>) -> String {
    if let Some(error) = error_of(value) {
        return format!("I am sorry, that did not work: {}.", error.trim_end_matches('.'));
    }
    match value {
        Value::Null => "I found nothing for that.".to_owned(),
        Value::Array(list) => list_sentence("", list, about),
        Value::Object(object) => object_sentence(object, about),
        other => format!("The answer is {}.", scalar(other)),
    }
}

/// An object's figures, then its lists.
fn object_sentence(object: &Map<String, Value>, about: &BTreeSet<String>) -> String {
    let mut sentences = Vec::new();
    let figures = details(object, about, &[]);
    if !figures.is_empty() {
        sentences.push(format!("{}.", capital(&figures.join(", "))));
    }
    let nested = object.iter().filter_map(|(key, value)| value.as_object().map(|nested| (key, nested)));
    for (key, nested) in nested {
        let figures = details(nested, about, &[]);
        if !figures.is_empty() {
            sentences.push(format!("{}: {}.", capital(&spoken_key(key)), figures.join(", ")));
        }
    }
    let mut lists: Vec<_> =
        object.iter().filter_map(|(key, value)| value.as_array().map(|list| (key, list))).collect();
    // the shortest list is the summary, the longest the evidence behind it
    lists.sort_by_key(|(_, list)| list.len());
    let only = lists.len() == 1;
    sentences.extend(
        lists
            .into_iter()
            .filter(|(_, list)| only || !list.is_empty())
            .map(|(key, list)| list_sentence(&spoken_key(key), list, about)),
    );
    if sentences.is_empty() { "That is done.".to_owned() } else { sentences.join(" ") }
}

fn list_sentence(what: &str, list: &[Value], about: &BTreeSet<String>) -> String {
    if list.is_empty() {
        return "I found nothing for that.".to_owned();
    }
    let wordy = list.len() <= 2;
    let rows: Vec<String> = list.iter().take(ROWS).map(|row| row_phrase(row, about, wordy)).collect();
    let rest = list.len().saturating_sub(ROWS);
    let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
    let lead = match (what, list.len()) {
        ("", _) | (_, 1) => "I found ".to_owned(),
        (what, count) => format!("I found {count} {what}: "),
    };
    format!("{lead}{}{more}.", rows.join("; ").trim_end_matches('.'))
}

/// One row: its name, its price, and, where there are few rows, the rest.
fn row_phrase(row: &Value, about: &BTreeSet<String>, wordy: bool) -> String {
    let Some(object) = row.as_object() else {
        return scalar(row);
    };
    let name = NAMES.iter().find_map(|key| object.get(*key)).and_then(Value::as_str);
    let Some(name) = name else {
        return details(object, about, &[]).join(", ");
    };
    let mut phrase = name.to_owned();
    let amount = AMOUNTS.iter().find(|key| object.get(**key).is_some_and(|value| !value.is_null()));
    if let Some(amount) = amount {
        phrase.push_str(", ");
        phrase.push_str(&money(object, amount));
    }
    if wordy {
        let said: Vec<&str> = NAMES.iter().chain(amount).copied().collect();
        for detail in details(object, about, &said) {
            phrase.push_str(", ");
            phrase.push_str(&detail);
        }
    }
    phrase
}

/// The scalars of an object as "key value", those the caller asked for first.
fn details(object: &Map<String, Value>, about: &BTreeSet<String>, said: &[&str]) -> Vec<String> {
    let silent = |key: &str| {
        said.contains(&key) || SILENT.contains(&key) || key.ends_with("_id") || key.ends_with("_url")
    };
    let mut found: Vec<(bool, String)> = object
        .iter()
        .filter(|(key, value)| !silent(key) && !value.is_null() && !value.is_object() && *value != "")
        .filter(|(_, value)| value.as_array().is_none_or(|list| is_plain(list)))
        .map(|(key, value)| {
            let wanted = !stems(&identifier_words(key)).is_disjoint(about);
            (!wanted, detail(object, key, value))
        })
        .collect();
    found.sort_by_key(|(later, _)| *later);
    found.into_iter().map(|(_, text)| text).take(DETAILS).collect()
}

fn detail(object: &Map<String, Value>, key: &str, value: &Value) -> String {
    let key_words = spoken_key(key);
    match value {
        Value::Bool(flag) => format!("{key_words} {}", if *flag { "yes" } else { "no" }),
        Value::Array(list) => {
            format!("{key_words} {}", list.iter().map(scalar).collect::<Vec<_>>().join(" and "))
        }
        _ if is_amount(value) => format!("{key_words} {}", money(object, key)),
        // a sentence speaks for itself
        Value::String(text) if text.chars().count() > 40 => text.trim_end_matches('.').to_owned(),
        other => format!("{key_words} {}", scalar(other)),
    }
}

/// A short list of words, such as allergens: a detail, not a table.
fn is_plain(list: &[Value]) -> bool {
    !list.is_empty() && list.len() <= DETAILS && list.iter().all(|each| each.is_string() || each.is_number())
}

/// A decimal written as a string: money, as this kind of service writes it.
fn is_amount(value: &Value) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    value.as_str().is_some_and(|text| {
        text.trim_start_matches('-')
            .split_once('.')
            .is_some_and(|(whole, part)| digits(whole) && digits(part))
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

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => (if *flag { "yes" } else { "no" }).to_owned(),
        other => other.to_string(),
    }
}

fn spoken_key(key: &str) -> String {
    let words = identifier_words(key).to_lowercase();
    if words == "ebitda" || words == "vat" { words.to_uppercase() } else { words }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Cuts at the last end of a word that fits.
fn shorten(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let cut: String = text.chars().take(LONGEST).collect();
    let end = cut.rfind(' ').unwrap_or(cut.len());
    format!("{} …", cut[..end].trim_end_matches([',', ';', ':', '.']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(output: &Value, about: &str) -> String {
        say(&output.to_string(), about)
    }

    #[test]
    fn a_list_of_rows_is_told_by_name_and_price() {
        let menu = json!({"items": [
            {"id": "1", "name": "Primus", "price": "2500.00", "currency": "RWF", "image_url": "http://x"},
            {"id": "2", "name": "Cisk", "price": "3.50", "currency": "EUR"},
            {"id": "3", "name": "Kinnie", "price": null}]});
        assert_eq!(said(&menu, "drinks"), "I found 3 items: Primus, 2500.00 RWF; Cisk, 3.50 EUR; Kinnie.");
    }

    #[test]
    fn a_single_row_is_told_in_full() {
        let rule = json!({"items": [{"name": "Ftira", "price": "9.50", "currency": "EUR",
            "allergens": ["gluten", "fish"], "description": "Maltese bread"}]});
        assert_eq!(
            said(&rule, ""),
            "I found Ftira, 9.50 EUR, allergens gluten and fish, description Maltese bread."
        );
    }

    #[test]
    fn figures_keep_their_digits_and_those_asked_for_come_first() {
        let figures = json!({"period": "2026-03", "totals": [
            {"currency": "EUR", "revenue": "1200.10", "ebitda": "300.05"}], "lines": []});
        assert_eq!(
            said(&figures, "What was our EBITDA?"),
            "Period 2026-03. I found EBITDA 300.05 EUR, revenue 1200.10 EUR."
        );
    }

    #[test]
    fn nothing_found_and_failures_are_said_as_such() {
        assert_eq!(said(&json!({"items": []}), ""), "I found nothing for that.");
        assert_eq!(said(&json!([]), ""), "I found nothing for that.");
        assert_eq!(
            said(&json!({"error": "the kitchen is closed."}), ""),
            "I am sorry, that did not work: the kitchen is closed."
        );
        assert_eq!(said(&json!({"ok": true}), ""), "That is done.");
        assert_eq!(say("Just words", ""), "Just words");
    }

    #[test]
    fn a_long_answer_is_cut_at_a_word() {
        let words = say(&"word ".repeat(400), "");
        assert!(words.chars().count() <= LONGEST + 2 && words.ends_with("word …"));
        let rows: Vec<Value> = (0..40).map(|n| json!({"name": format!("dish{n}")})).collect();
        assert!(said(&json!({ "items": rows }), "").contains("and 34 more"));
    }
}
