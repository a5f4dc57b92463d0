//! A pattern as a regular expression of Postgres that finds what the embedded store finds. Pure.
//!
//! PostgREST's `like` and `ilike` cannot say a `*`: it becomes a wildcard. And what is one letter but for its case
//! would be up to the locale of the database. So the expression names the letters one by one, and is compared with case.
//! A letter that folds to several, such as `ß`, is found as a whole: `ss` and `ß` find each other, a single `s` does
//! not find half a `ß`.
//!
//! Source: <https://www.postgresql.org/docs/current/functions-matching.html#FUNCTIONS-POSIX-REGEXP>

use crate::store::bounds::merged;
use crate::store::fold::{LONGEST_FOLD, fold, letters_folding_to};
use crate::store::{Pattern, PatternPart};

/// What a regular expression would not take for itself.
const SPECIAL: &[char] = &['.', '[', ']', '{', '}', '(', ')', '*', '+', '?', '^', '$', '|', '\\'];
/// Neighbouring letters that could come of one are told apart in runs of at most so many: the ways double with each.
const LONGEST_RUN: usize = 4;

/// The expression for a whole text that matches.
pub(super) fn expression(pattern: &Pattern) -> String {
    let parts = merged(pattern);
    let mut expression = String::new();
    // Open ends need no `.*`: an expression matches wherever it is found.
    if parts.first() != Some(&PatternPart::Any) {
        expression.push('^');
    }
    for (place, part) in parts.iter().enumerate() {
        match part {
            PatternPart::Any if place == 0 || place + 1 == parts.len() => {}
            PatternPart::Any => expression.push_str(".*"),
            PatternPart::Text(text) => push_text(&fold(text), &mut expression),
        }
    }
    if parts.last() != Some(&PatternPart::Any) {
        expression.push('$');
    }
    expression
}

fn push_text(folded: &str, expression: &mut String) {
    let letters: Vec<char> = folded.chars().collect();
    let mut rest = letters.as_slice();
    while !rest.is_empty() {
        let (run, after) = rest.split_at(run_length(rest));
        let mut ways = Vec::new();
        find_ways(run, String::new(), &mut ways);
        match ways.as_slice() {
            [way] => expression.push_str(way),
            ways => expression.push_str(&format!("(?:{})", ways.join("|"))),
        }
        rest = after;
    }
}

/// How many letters from the first on hang together, since two or three of them could come of one.
fn run_length(letters: &[char]) -> usize {
    let mut length = 1;
    let mut from = 0;
    while from < length {
        let reach = (2..=LONGEST_FOLD.min(letters.len() - from)).rev();
        let longest = reach.into_iter().find(|&many| !came_of(&letters[from..from + many]).is_empty());
        length = length.max(from + longest.unwrap_or(1));
        from += 1;
    }
    length.min(LONGEST_RUN)
}

/// Every way to write the run, as letters that each fold to a piece of it.
fn find_ways(run: &[char], before: String, ways: &mut Vec<String>) {
    if run.is_empty() {
        ways.push(before);
        return;
    }
    for many in 1..=LONGEST_FOLD.min(run.len()) {
        let letters = came_of(&run[..many]);
        if !letters.is_empty() {
            find_ways(&run[many..], before.clone() + &one_of(&letters), ways);
        }
    }
}

fn came_of(folded: &[char]) -> Vec<char> {
    letters_folding_to(&folded.iter().collect::<String>())
}

fn one_of(letters: &[char]) -> String {
    match letters {
        [letter] if SPECIAL.contains(letter) => format!("\\{letter}"),
        [letter] => letter.to_string(),
        letters => format!("[{}]", letters.iter().collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> PatternPart {
        PatternPart::Text(text.into())
    }

    #[test]
    fn only_our_own_wildcards_are_wild() {
        use PatternPart::Any;
        for (parts, wanted) in [
            (vec![text("%_*")], r"^%_\*$"),
            (vec![text("a.b"), Any], r"^[aA]\.[bB]"),
            (vec![Any, text("9"), Any, text("$")], r"9.*\$$"),
            (vec![Any, text("\\d\n{2}"), Any], "\\\\[dD]\n\\{2\\}"),
            (vec![Any, Any], ""),
            (vec![Any, text("")], "$"),
            (vec![], "^$"),
            (vec![text("***:x")], r"^\*\*\*:[xX]$"),
        ] {
            assert_eq!(expression(&Pattern(parts.clone())), wanted, "{parts:?}");
        }
    }

    #[test]
    fn letters_are_found_in_every_case_they_have() {
        for (searched, wanted) in [
            ("kO", "^[kK\u{212a}][oO]$"),
            ("Δ\u{38c}Σ", "^[δΔ][\u{3cc}\u{38c}][σΣς]$"),
            ("店", "^店$"),
            ("Ruß", "^[rR][uU](?:[sSſ][sSſ]|ß)$"),
        ] {
            assert_eq!(expression(&Pattern(vec![text(searched)])), wanted, "{searched}");
        }
    }

    #[test]
    fn a_hostile_text_makes_no_expression_beyond_measure() {
        let long = expression(&Pattern(vec![text(&"sS".repeat(1000))]));
        assert!(long.len() < 100 * 2000, "{}", long.len());
    }
}
