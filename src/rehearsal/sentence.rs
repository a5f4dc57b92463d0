//! Says what a tool returned: any JSON, as sentences a caller can listen to.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::row::{details, phrase, scalar, spoken_key};
use super::words::stems;

/// Longest answer, in characters: half a minute of speech.
const LONGEST: usize = 700;
/// How many rows of a list are said.
const ROWS: usize = 6;

/// A tool's output in sentences; `about` are the caller's words, whose figures come first.
pub(super) fn say(output: &str, about: &str) -> String {
    let spoken = match serde_json::from_str::<Value>(output) {
        Ok(value) => value_sentence(&value, &stems(about)),
        Err(_) if output.trim().is_empty() => DONE.to_owned(),
        Err(_) => output.trim().to_owned(),
    };
    shorten(&spoken)
}

const DONE: &str = "That is done.";
const NOTHING: &str = "I found nothing for that.";

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
        Value::Null => NOTHING.to_owned(),
        Value::Array(list) => list_sentence("results", list, about),
        Value::Object(object) => object_sentence(object, about),
        other => format!("The answer is {}.", scalar(other)),
    }
}

/// An object's figures, then what is nested in it, then its lists.
fn object_sentence(object: &Map<String, Value>, about: &BTreeSet<String>) -> String {
    let lists: Vec<(&String, &Vec<Value>)> =
        object.iter().filter_map(|(key, value)| value.as_array().map(|list| (key, list))).collect();
    let has_rows = lists.iter().any(|(_, list)| list.iter().any(Value::is_object));
    let mut sentences = Vec::new();
    if !has_rows && lists.iter().any(|(_, list)| list.is_empty()) {
        sentences.push(NOTHING.to_owned());
    } else {
        // beside rows, a note is for the model and a count says what the rows show
        let beside_rows: &[&str] = if has_rows { &["note", "count", "from", "to"] } else { &[] };
        sentences.extend(figures("", object, about, beside_rows));
    }
    for (key, nested) in
        object.iter().filter_map(|(key, value)| value.as_object().map(|nested| (key, nested)))
    {
        sentences.extend(figures(&format!("{}: ", spoken_key(key)), nested, about, &[]));
    }
    let told = lists
        .into_iter()
        .filter(|(_, list)| list.iter().any(Value::is_object) || (!has_rows && list.len() > ROWS));
    sentences.extend(told.map(|(key, list)| list_sentence(&spoken_key(key), list, about)));
    if sentences.is_empty() { DONE.to_owned() } else { sentences.join(" ") }
}

fn figures(
    lead: &str,
    object: &Map<String, Value>,
    about: &BTreeSet<String>,
    without: &[&str],
) -> Option<String> {
    let figures = details(object, about, without, ROWS);
    let sentence = format!("{lead}{}", figures.join(", "));
    (!figures.is_empty()).then(|| format!("{}.", capital(sentence.trim_end_matches('.'))))
}

fn list_sentence(what: &str, list: &[Value], about: &BTreeSet<String>) -> String {
    if list.is_empty() {
        return NOTHING.to_owned();
    }
    let rows: Vec<String> = list.iter().take(ROWS).map(|row| phrase(row, about, list.len())).collect();
    let rest = list.len().saturating_sub(ROWS);
    let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
    let lead = match list.len() {
        1 => format!("{}: ", capital(what.strip_suffix('s').unwrap_or(what))),
        count => format!("I found {count} {what}: "),
    };
    format!("{lead}{}{more}.", rows.join("; ").trim_end_matches('.'))
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
            {"id": "1", "name": "Primus", "price": "2500", "currency": "RWF", "image_url": "http://x"},
            {"id": "2", "name": "Cisk", "price": "3.50", "currency": "EUR"},
            {"id": "3", "name": "Kinnie", "price": null},
            {"id": "4", "name": "Ikivuguto"}]});
        assert_eq!(
            said(&menu, "drinks"),
            "I found 4 items: Primus, 2500 RWF; Cisk, 3.50 EUR; Kinnie; Ikivuguto."
        );
    }

    #[test]
    fn a_single_row_is_told_in_full() {
        let menu = json!({"items": [{"name": "Ftira", "price": "9.50", "currency": "EUR",
            "allergens": ["gluten", "fish"], "description": "Maltese bread"}]});
        assert_eq!(said(&menu, ""), "Item: Ftira, 9.50 EUR, Maltese bread, allergens gluten and fish.");
    }

    #[test]
    fn figures_keep_their_digits_and_only_those_asked_for_are_said() {
        let statement = json!({"currency": "EUR", "revenue": "1200.10", "ebitda": "300.05",
            "ebitda_margin_percent": "25.0", "line_count": 12, "accounts": [{"account": "4000"}]});
        let figures = json!({"period": "2026-03", "from": "2026-03-01", "to": "2026-03-31",
            "statements": [statement], "note": "EBITDA is revenue less …"});
        assert_eq!(
            said(&figures, "What was our EBITDA in 2026-03?"),
            "Period 2026-03. Statement: EBITDA 300.05 EUR, EBITDA margin 25.0 percent."
        );
        assert!(said(&figures, "How did we do?").contains("revenue 1200.10 EUR"));
    }

    #[test]
    fn a_rule_is_said_with_its_authority() {
        let rules = json!({"jurisdiction": "EU", "topic": "VAT meals", "count": 1, "note": "cite the authority",
            "rules": [{"topic": "VAT on restaurant meals", "rule": "Member states may tax them at a reduced rate.",
                "authority": "Directive 2006/112/EC, Annex III", "rate": null}]});
        assert_eq!(
            said(&rules, "VAT on meals"),
            "Topic VAT meals, jurisdiction EU. Rule: VAT on restaurant meals, Member states may tax them at a reduced \
             rate, authority Directive 2006/112/EC, Annex III."
        );
    }

    #[test]
    fn pairings_are_named_by_what_goes_with_the_dish() {
        let pairings = json!({"pairings": [{"item_name": "Grilled tilapia", "paired_item_id": "w-1",
            "paired_name": "Sauvignon blanc", "paired_price": "6.50", "currency": "EUR", "reason": "Crisp enough"}]});
        assert_eq!(said(&pairings, ""), "Pairing: Sauvignon blanc, 6.50 EUR, Crisp enough.");
    }

    #[test]
    fn nothing_found_and_failures_are_said_as_such() {
        assert_eq!(said(&json!({"items": []}), ""), NOTHING);
        assert_eq!(said(&json!([]), ""), NOTHING);
        let topics =
            json!({"rules": [], "count": 0, "known_topics": ["VAT", "GST"], "note": "try one of these"});
        assert_eq!(said(&topics, ""), NOTHING);
        assert_eq!(
            said(&json!({"error": "the kitchen is closed."}), ""),
            "I am sorry, that did not work: the kitchen is closed."
        );
        assert_eq!(said(&json!({"ok": true}), ""), DONE);
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
