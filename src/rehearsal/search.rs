//! Tools that need nothing but words, and what to do when they find nothing.

use serde_json::Value;

use super::toolbox::{Kind, Tool};
use super::words::{stems, words};

const ASKS_FOR: [&str; 19] = [
    "do you have",
    "have you got",
    "is there",
    "are there",
    "how much",
    "price of",
    "i'd like",
    "i would like",
    "i'll have",
    "i will have",
    "can i get",
    "could i have",
    "do you serve",
    "do you sell",
    "looking for",
    "tell me about",
    "does the",
    "is the",
    "something",
];

/// A tool that needs words and nothing else.
pub(super) fn is_search(tool: &Tool) -> bool {
    let mut needed = tool.parameters.iter().filter(|parameter| parameter.required);
    let text = needed.next().is_some_and(|parameter| {
        parameter.kind == Kind::Text
            && !parameter.is_id()
            && !parameter.is_story()
            && parameter.hint.trim().is_empty()
            && !parameter.is_about_time()
    });
    text && needed.next().is_none() && !tool.is_handoff()
}

/// Whether an utterance asks for a thing by its name.
pub(super) fn asks_for_something(utterance: &str) -> bool {
    let lower = utterance.to_lowercase().replace('’', "'");
    ASKS_FOR.iter().any(|phrase| lower.contains(phrase)) && !stems(utterance).is_empty()
}

/// The utterance without the words that only name the tool it is for.
pub(super) fn without_asking(utterance: &str, tool: &Tool) -> String {
    let mut own = stems(&tool.description);
    own.extend(tool.name_stems());
    let left = words(utterance).into_iter().filter(|word| word.counts && !own.contains(&word.stem));
    left.map(|word| word.text).collect::<Vec<_>>().join(" ")
}

/// Whether an output is a list without rows.
pub(super) fn found_nothing(output: &str) -> bool {
    match serde_json::from_str::<Value>(output) {
        Ok(Value::Array(list)) => list.is_empty(),
        Ok(Value::Object(object)) => {
            let lists = || object.values().filter_map(Value::as_array);
            lists().any(Vec::is_empty) && !lists().flatten().any(Value::is_object)
        }
        _ => false,
    }
}

/// Searches for less: each word of several, the last first, since it names the thing; one word in the singular.
pub(super) fn narrower(text: &str) -> Vec<String> {
    let singular = |word: &str| word.strip_suffix('s').filter(|rest| rest.len() > 2).map(str::to_owned);
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [one] => singular(one).into_iter().collect(),
        several => {
            several.iter().rev().map(|word| singular(word).unwrap_or_else(|| (*word).to_owned())).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::samples::{cfo_tools, waiter_tools};

    #[test]
    fn a_search_needs_words_and_nothing_else() {
        let names = |tools: Vec<Tool>| -> Vec<String> {
            tools.into_iter().filter(is_search).map(|tool| tool.name).collect()
        };
        assert_eq!(names(waiter_tools()), ["lookup_menu"]);
        assert!(names(cfo_tools()).is_empty());
    }

    #[test]
    fn nothing_found_is_told_from_something() {
        for nothing in ["[]", r#"{"items":[]}"#, r#"{"rules":[],"known_topics":["VAT"],"count":0}"#] {
            assert!(found_nothing(nothing), "{nothing}");
        }
        for something in
            [r#"{"items":[{"name":"a"}]}"#, r#"{"ok":true}"#, "words", r#"{"a":[],"b":[{"c":1}]}"#]
        {
            assert!(!found_nothing(something), "{something}");
        }
    }

    #[test]
    fn a_search_is_narrowed_word_by_word() {
        assert_eq!(narrower("grilled tilapias"), ["tilapia", "grilled"]);
        assert_eq!(narrower("beers"), ["beer"]);
        assert!(narrower("beer").is_empty());
    }
}
