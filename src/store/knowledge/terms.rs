//! The words of a question that a passage is looked for by. Pure.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Most words of one question that are looked for.
const MOST: usize = 32;
/// The longest word, in characters; what is longer is no word.
const LONGEST: usize = 64;

/// Words of English and French that stand in every text, so that a passage with one of them is no answer.
const STOP: &str = "a about above after again all also am an and any are as at be because been before being below \
    between both but by can cannot could did do does doing don down during each few for from further get give got had has \
    have having he her here hers him his how i if in into is it its just know let ll like may me might more most must my \
    need no nor not now of off on once only or other our ours out over own please re s same say shall she should so some \
    such t tell than thank thanks that the their theirs them then there these they this those through to too under until \
    up us ve very want was we were what when where which while who whom whose why will with would yes you your yours \
    ai au aux avec avez avoir avons c ce ces cet cette chez comment d dans de des du elle elles en est et eu fait il ils \
    j je l la le les leur leurs lui m ma mais mes moi mon n ne nos notre nous on ont ou où par pas peut plus pour pouvez \
    puis qu quand que quel quelle quelles quels qui quoi s sa sans se ses si son sont sur t ta te tes toi ton tu un une \
    va vos votre vous y à été être";

static STOP_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| STOP.split_whitespace().collect());

/// The words of a question, each once, in lower case, without those that say nothing. They consist of letters and
/// digits only, so nothing in them has a meaning to a search.
pub fn terms(question: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let words = question.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.map(str::to_lowercase).filter(|word| word.chars().count() <= LONGEST);
    // Lower case of one letter may be several, of which not all are letters.
    let words = words.filter(|word| word.chars().all(char::is_alphanumeric));
    words.filter(|word| !STOP_WORDS.contains(word.as_str()) && seen.insert(word.clone())).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_says_nothing_is_left_out() {
        assert_eq!(terms("Do you have parking?"), ["parking"]);
        assert_eq!(terms("Est-ce que vous avez un parking à l'hôtel ?"), ["parking", "hôtel"]);
        assert_eq!(terms("What's the Wi-Fi password, the PASSWORD?"), ["wi", "fi", "password"]);
        assert!(terms("could you tell me what that is").is_empty());
        assert!(terms("").is_empty());
    }

    #[test]
    fn nothing_in_a_term_has_a_meaning_to_a_search() {
        assert_eq!(
            terms("\"a\" NEAR(b) OR* -c:d ^e {f} 'g' \0 h|i&j!k<->l"),
            ["near", "b", "e", "f", "g", "h", "k",]
        );
        assert_eq!(terms(&"x ".repeat(1_000_000)), ["x"]);
        assert!(terms(&"x".repeat(1_000_000)).is_empty());
    }

    proptest! {
        #[test]
        fn terms_are_few_and_of_letters_and_digits(question in "\\PC{0,400}") {
            let terms = terms(&question);
            prop_assert!(terms.len() <= MOST);
            prop_assert!(terms.iter().all(|term| !term.is_empty() && term.chars().all(char::is_alphanumeric)));
        }
    }
}
