//! Which row of an earlier output the caller means.

use std::collections::BTreeSet;

use serde_json::Value;

use super::argument::Memory;
use super::toolbox::{Kind, Parameter};
use super::words::{stems, words};

const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];
const POINTING: [&str; 7] = ["it", "that", "this", "them", "those", "these", "one"];

/// The id of the row an utterance means: spelled out, by its name, by its place, or by pointing at it. `about` are
/// the words that could name it.
pub(super) fn identity(
    parameter: &Parameter,
    utterance: &str,
    about: &BTreeSet<String>,
    memory: Memory<'_>,
) -> Option<Value> {
    let plain: Vec<String> = words(utterance).into_iter().map(|word| word.text.to_lowercase()).collect();
    // what was found for this very utterance is what it means, however its name reads
    let found = memory.found.iter().rev().flat_map(|output| rows(output, &parameter.name));
    let found: Vec<Row> = found.collect();
    let lists = memory.earlier.iter().rev().map(|output| rows(output, &parameter.name));
    let lists: Vec<Vec<Row>> = lists.filter(|rows| !rows.is_empty()).collect();
    let all = || found.iter().chain(lists.iter().flatten());
    let literal = all().find(|row| plain.contains(&as_text(&row.id).to_lowercase()));
    let row = literal
        .or_else(|| most_alike(found.iter(), about).or(found.first()))
        .or_else(|| most_alike(lists.iter().flatten().filter(|row| row.is_named_by(about)), about))
        .or_else(|| pointed_at(lists.first()?, &plain));
    let id = row.map(|row| row.id.clone()).or_else(|| spelled_out(&plain))?;
    match parameter.kind {
        Kind::Integer | Kind::Number => as_text(&id).parse::<i64>().ok().map(Value::from),
        _ => Some(Value::from(as_text(&id))),
    }
}

/// The row that shares most words; of several the first, which is the one shown last.
fn most_alike<'a>(rows: impl Iterator<Item = &'a Row>, about: &BTreeSet<String>) -> Option<&'a Row> {
    let shared = |row: &Row| row.name.intersection(about).count();
    let mut best = None;
    for row in rows.filter(|row| shared(row) > 0) {
        if best.is_none_or(|best| shared(row) > shared(best)) {
            best = Some(row);
        }
    }
    best
}

/// "the second", "that one".
fn pointed_at<'a>(rows: &'a [Row], plain: &[String]) -> Option<&'a Row> {
    let says = |word: &str| plain.iter().any(|spoken| spoken == word);
    match ORDINALS.iter().position(|ordinal| says(ordinal)) {
        Some(nth) => rows.get(nth),
        None => rows.first().filter(|_| POINTING.iter().any(|word| says(word))),
    }
}

/// `item 7`, `number 12`, `item_7`: an id that no output has shown.
fn spelled_out(plain: &[String]) -> Option<Value> {
    let announced = plain.windows(2).find(|pair| ["item", "id", "number", "no"].contains(&pair[0].as_str()));
    let follows =
        announced.map(|pair| &pair[1]).filter(|word| word.chars().any(|letter| letter.is_ascii_digit()));
    let compound =
        || plain.iter().find(|word| word.contains('_') && word.chars().any(|letter| letter.is_ascii_digit()));
    follows.or_else(compound).map(|word| Value::from(word.as_str()))
}

struct Row {
    id: Value,
    name: BTreeSet<String>,
}

impl Row {
    /// Whether these words name it: most of its name, or all of them. "Grilled" alone does not name grilled tilapia
    /// when the caller spoke of grilled goat.
    fn is_named_by(&self, about: &BTreeSet<String>) -> bool {
        let shared = self.name.intersection(about).count();
        shared * 2 > self.name.len() || (shared > 0 && about.is_subset(&self.name))
    }
}

/// Every object in an output that has an id, with the words of its name.
fn rows(output: &Value, parameter: &str) -> Vec<Row> {
    match output {
        Value::Array(list) => list.iter().flat_map(|each| rows(each, parameter)).collect(),
        Value::Object(object) => {
            let id = object.get(parameter).or_else(|| object.get("id"));
            let id = id.filter(|id| id.is_string() || id.is_number());
            let name = ["name", "title", "label"]
                .into_iter()
                .find_map(|key| object.get(key))
                .and_then(Value::as_str);
            let own = id.map(|id| Row { id: id.clone(), name: stems(name.unwrap_or_default()) });
            let nested = object.values().filter(|value| value.is_array() || value.is_object());
            own.into_iter().chain(nested.flat_map(|value| rows(value, parameter))).collect()
        }
        _ => Vec::new(),
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rehearsal::samples::waiter_tools;

    #[test]
    fn an_id_comes_from_what_an_output_has_shown() {
        let tools = waiter_tools();
        let item_id = &tools[1].parameters[0];
        let menu = json!({"items": [
            {"id": "m-1", "name": "Grilled tilapia"}, {"id": "m-2", "name": "Beef brochette"}]});
        let found = |utterance: &str| {
            let memory = Memory { earlier: std::slice::from_ref(&menu), found: &[], said: &[] };
            let goes_with = stems("goes well pairing");
            let about = stems(utterance).difference(&goes_with).cloned().collect();
            identity(item_id, utterance, &about, memory)
        };
        for (utterance, id) in [
            ("What goes with the beef brochette?", Some("m-2")),
            ("What goes with that?", Some("m-1")),
            ("What goes with the second?", Some("m-2")),
            ("A pairing for m-2", Some("m-2")),
            ("A pairing for item 7", Some("7")),
            ("What goes with the grilled goat?", None),
            ("What goes with lobster?", None),
        ] {
            assert_eq!(found(utterance), id.map(Value::from), "{utterance}");
        }
    }

    #[test]
    fn a_whole_number_is_given_as_one() {
        let parameter = Parameter {
            name: "order_id".into(),
            description: String::new(),
            kind: Kind::Integer,
            required: true,
            hint: String::new(),
            max_length: None,
            min_length: 0,
        };
        let orders = json!([{"order_id": "41", "title": "Two beers"}]);
        let memory = Memory { earlier: &[], found: &[orders], said: &[] };
        assert_eq!(identity(&parameter, "cancel the beers", &stems("beers"), memory), Some(json!(41)));
    }
}
