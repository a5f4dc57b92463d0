//! Text with the differences of case taken out, and the way back. Pure.

use std::collections::HashMap;
use std::sync::LazyLock;

/// No letter beyond it has a case (Adlam is the last script that has).
const LAST_CASED: char = '\u{1e9ff}';
/// A letter folds to at most so many.
pub(super) const LONGEST_FOLD: usize = 3;

/// Text with the differences of case taken out, so that `MÜTZIG` is `mützig` and `ß` is `ss`.
///
/// Folds letter by letter, so folding the parts of a text gives the parts of the folded text (`to_lowercase` on a
/// whole word does not: a sigma at its end has a form of its own).
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(folded).collect()
}

/// The letters that fold to exactly this text, itself among them where it is one letter.
pub(super) fn letters_folding_to(folded_text: &str) -> Vec<char> {
    static OTHERS: LazyLock<HashMap<String, Vec<char>>> = LazyLock::new(others);
    let mut letters = OTHERS.get(folded_text).cloned().unwrap_or_default();
    let mut chars = folded_text.chars();
    if let (Some(letter), None) = (chars.next(), chars.next())
        && folds_to_itself(letter)
    {
        letters.insert(0, letter);
    }
    letters
}

/// The letters that fold to something else, by what they fold to.
fn others() -> HashMap<String, Vec<char>> {
    let mut others: HashMap<String, Vec<char>> = HashMap::new();
    for letter in ('\0'..=LAST_CASED).filter(|letter| !folds_to_itself(*letter)) {
        others.entry(folded(letter).collect()).or_default().push(letter);
    }
    others
}

fn folded(letter: char) -> impl Iterator<Item = char> {
    letter.to_uppercase().flat_map(char::to_lowercase)
}

fn folds_to_itself(letter: char) -> bool {
    folded(letter).eq([letter])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_does_not_matter_in_any_script() {
        for (left, right) in [
            ("PASTIZZI", "pastizzi"),
            ("Mützig", "MÜTZIG"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("ĦOBŻ", "ħobż"),
            ("ИСОМБЕ", "исомбе"),
        ] {
            assert_eq!(fold(left), fold(right), "{left}");
        }
        assert_ne!(fold("é"), fold("e"));
    }

    #[test]
    fn the_letters_that_fold_to_a_text_are_found() {
        for (folded, letters) in [
            ("a", "aA"),
            ("s", "sSſ"),
            ("ss", "ß"),
            ("σ", "σΣς"),
            ("%", "%"),
            ("店", "店"),
            ("ab", ""),
            ("", ""),
        ] {
            assert_eq!(letters_folding_to(folded).into_iter().collect::<String>(), letters, "{folded}");
        }
    }

    #[test]
    fn no_letter_is_forgotten() {
        for letter in '\0'..=char::MAX {
            assert!(folded(letter).count() <= LONGEST_FOLD, "{letter:?}");
            assert!(letter <= LAST_CASED || folds_to_itself(letter), "{letter:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_the_parts_folds_the_whole(left in "\\PC{0,12}", right in "\\PC{0,12}") {
            prop_assert_eq!(fold(&format!("{left}{right}")), fold(&left) + &fold(&right));
        }

        #[test]
        fn every_letter_is_among_those_that_fold_as_it_does(letter in any::<char>()) {
            prop_assert!(letters_folding_to(&fold(&letter.to_string())).contains(&letter));
        }
    }
}
