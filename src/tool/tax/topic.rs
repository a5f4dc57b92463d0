//! Which tax rules a question is about: by the words they share, whatever their endings.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rust_stemmers::{Algorithm, Stemmer};
use serde_json::Value;

use crate::store::Row;

/// What a shared word counts, by the column it is in: what a rule is about tells more than what it mentions.
const WEIGHTS: [(&str, u32); 5] = [("topic", 6), ("region", 4), ("rule", 2), ("note", 1), ("authority", 1)];

/// What a rule of one region loses when the question names no region of that name: the general rule comes first.
const FOREIGN_REGION: u32 = 4;

/// Words that are in every question.
const COMMON: [&str; 36] = [
    "a", "about", "an", "and", "any", "are", "at", "be", "can", "do", "does", "eu", "for", "from", "how",
    "i", "in", "is", "it", "me", "my", "of", "on", "or", "our", "rule", "rules", "tax", "taxes", "the", "to",
    "uk", "we", "what", "when", "with",
];

/// The rules that share the most words with a question, best first, without their keys.
pub(super) fn best(rows: &[Row], question: &str, most: usize) -> Vec<Row> {
    let stemmer = Stemmer::create(Algorithm::English);
    let wanted = question_stems(&stemmer, question);
    let mut scored: Vec<_> =
        rows.iter().map(|row| (score(&stemmer, row, &wanted), row)).filter(|(score, _)| *score > 0).collect();
    scored.sort_by_key(|(score, row)| (Reverse(*score), text(row, "id").to_owned()));
    scored.truncate(most);
    scored.into_iter().map(|(_, row)| without_key(row)).collect()
}

/// The topics there are, each once.
pub(super) fn topics(rows: &[Row], most: usize) -> Vec<&str> {
    let topics: BTreeSet<_> =
        rows.iter().map(|row| text(row, "topic")).filter(|topic| !topic.is_empty()).collect();
    topics.into_iter().take(most).collect()
}

fn score(stemmer: &Stemmer, row: &Row, wanted: &BTreeSet<String>) -> u32 {
    let shared = |column: &str| {
        let there = stems(stemmer, text(row, column));
        u32::try_from(wanted.intersection(&there).count()).unwrap_or(u32::MAX)
    };
    let points = WEIGHTS.iter().map(|(column, weight)| weight.saturating_mul(shared(column)));
    let points = points.fold(0, u32::saturating_add);
    let is_foreign = !text(row, "region").is_empty() && shared("region") == 0;
    if is_foreign { points.saturating_sub(FOREIGN_REGION).max(points.min(1)) } else { points }
}

/// The words that tell something; all of them when none does.
fn question_stems(stemmer: &Stemmer, question: &str) -> BTreeSet<String> {
    let telling: Vec<_> = words(question).filter(|word| !COMMON.contains(&word.as_str())).collect();
    if telling.is_empty() {
        stems(stemmer, question)
    } else {
        telling.iter().map(|word| stem(stemmer, word)).collect()
    }
}

fn stems(stemmer: &Stemmer, text: &str) -> BTreeSet<String> {
    words(text).map(|word| stem(stemmer, &word)).collect()
}

fn stem(stemmer: &Stemmer, word: &str) -> String {
    stemmer.stem(word).into_owned()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

fn text<'r>(row: &'r Row, column: &str) -> &'r str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

fn without_key(row: &Row) -> Row {
    row.iter()
        .filter(|(name, value)| *name != "id" && !value.is_null())
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rows() -> Vec<Row> {
        [
            ("1", "VAT on restaurant meals", "A reduced rate may apply to restaurant services", "Malta"),
            ("2", "VAT invoices", "An invoice must be issued by the fifteenth day", ""),
            ("3", "Withholding on dividends", "No withholding between parent and subsidiary", ""),
        ]
        .into_iter()
        .map(|(id, topic, rule, region)| {
            json!({"id": id, "topic": topic, "rule": rule, "region": region}).as_object().unwrap().clone()
        })
        .collect()
    }

    fn found(question: &str) -> Vec<String> {
        best(&rows(), question, 3).iter().map(|row| text(row, "topic").to_owned()).collect()
    }

    #[test]
    fn words_match_whatever_their_endings() {
        assert_eq!(
            found("What is the VAT for a meal in restaurants?").first().unwrap(),
            "VAT on restaurant meals"
        );
        assert_eq!(found("invoicing").first().unwrap(), "VAT invoices");
        assert_eq!(found("dividend"), ["Withholding on dividends"]);
        assert_eq!(found("Malta"), ["VAT on restaurant meals"]);
    }

    #[test]
    fn a_rule_of_a_region_comes_first_only_when_the_region_is_named() {
        let mut rules = rows();
        let general = json!({"id": "9", "topic": "VAT on restaurant meals", "rule": "General"});
        rules.push(general.as_object().unwrap().clone());
        let first = |question: &str| text(&best(&rules, question, 1)[0], "region").to_owned();
        assert_eq!(first("VAT on restaurant meals"), "");
        assert_eq!(first("VAT on restaurant meals in Malta"), "Malta");
    }

    #[test]
    fn common_words_find_nothing() {
        assert!(found("what about my submarine tax").is_empty());
    }

    #[test]
    fn topics_are_named_once_and_sorted() {
        let mut doubled = rows();
        doubled.extend(rows());
        assert_eq!(topics(&doubled, 2), ["VAT invoices", "VAT on restaurant meals"]);
    }

    proptest! {
        #[test]
        fn no_question_makes_it_panic(question in ".{0,100}") {
            prop_assert!(best(&rows(), &question, 2).len() <= 2);
        }
    }
}
