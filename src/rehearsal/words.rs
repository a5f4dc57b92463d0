//! Words as the rehearsal model compares them: lower case, stemmed, without the words that say nothing.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};

/// One word of an utterance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// As it was written.
    pub(super) text: String,
    /// As it is compared.
    pub(super) stem: String,
    /// Whether it carries meaning: no article, pronoun, auxiliary or politeness.
    pub(super) counts: bool,
}

/// Words that say nothing about what is wanted.
const STOP: &str = "a about above afternoon again all also am an and another any anybody anyone anything are as ask \
    asking asks at be been before being but by caller can could day did do does doing don evening few \
    for from get give go going good got great had has have having he hello help her here hers hey hi him \
    his how however i if in into is it its just know let like ll looking may me might mine more morning \
    most much must my name names need nice night no not now of off ok okay on one or other our ours out \
    over per please question questions re really return returns say she should since so some something \
    such talk tell than thank thanks that the their them then there these they thing things this those \
    three to today told tomorrow tonight too two under until up us use using ve very want was we well \
    were what whats when where which while who whom whose why will with word words would yes you your \
    yours";

/// Words that mean much the same, or of which one is a kind of the other. They count less than the word itself.
const KIN: &[&str] = &[
    "tax vat gst levy duty taxable deductible exempt withholding",
    "financial finance figure ebitda profit revenue turnover earnings margin income loss expense cogs opex sales result",
    "accounting accountant bookkeeping ledger financial invoice audit cfo",
    "drink beverage wine beer cocktail juice soda coffee tea water whisky gin rum",
    "dish food meal eat starter main dessert snack vegetarian vegan gluten allergen fish chicken beef pizza salad",
    "menu dish drink order serve",
    "pair pairing accompany goes match suit",
    "waiter menu dish drink",
    "book booking reserve reservation appointment slot",
    "find search lookup look show list",
    "price cost charge",
    "person human agent operator",
];

static STOP_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| STOP.split_whitespace().collect());
static FAMILIES: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let stemmer = Stemmer::create(Algorithm::English);
    let family = |group: &&str| group.split_whitespace().map(|one| stemmer.stem(one).into_owned()).collect();
    KIN.iter().map(family).collect()
});

/// The words of a text, in order. `2026-03`, `5.50` and `item_7` are one word each.
pub(super) fn words(text: &str) -> Vec<Word> {
    let stemmer = Stemmer::create(Algorithm::English);
    pieces(text).into_iter().map(|piece| word(&stemmer, piece)).collect()
}

/// The stems in a text that carry meaning.
pub(super) fn stems(text: &str) -> BTreeSet<String> {
    words(text).into_iter().filter(|word| word.counts).map(|word| word.stem).collect()
}

/// The stems that are close to this one, without itself.
pub(super) fn kin(stem: &str) -> BTreeSet<&'static str> {
    let families = FAMILIES.iter().filter(|family| family.iter().any(|one| one == stem));
    families.flatten().map(String::as_str).filter(|one| *one != stem).collect()
}

/// `lookup_menu` and `lookupMenu` as words.
pub(super) fn identifier_words(name: &str) -> String {
    let mut spaced = String::with_capacity(name.len() + 8);
    let mut before = ' ';
    for letter in name.chars() {
        if letter.is_uppercase() && before.is_lowercase() {
            spaced.push(' ');
        }
        spaced.push(if letter == '_' || letter == '-' || letter == '.' { ' ' } else { letter });
        before = letter;
    }
    spaced
}

fn pieces(text: &str) -> Vec<&str> {
    let in_word = |letter: char| letter.is_alphanumeric() || "'’-_.@+".contains(letter);
    text.split(|letter: char| !in_word(letter))
        .map(|piece| piece.trim_matches(|letter: char| !letter.is_alphanumeric()))
        .filter(|piece| !piece.is_empty())
        .flat_map(split_compound)
        .collect()
}

/// `gluten-free` is two words; `2026-03` and `item-7` are one, since their parts mean nothing alone.
fn split_compound(piece: &str) -> Vec<&str> {
    let has_digit = piece.chars().any(|letter| letter.is_ascii_digit());
    if has_digit || piece.contains('@') || piece.contains('_') {
        vec![piece]
    } else {
        piece.split(['-', '.', '+']).filter(|part| !part.is_empty()).collect()
    }
}

fn word(stemmer: &Stemmer, text: &str) -> Word {
    let lower = text.to_lowercase().replace('’', "'");
    let bare = lower.split('\'').next().unwrap_or_default();
    let bare = if bare.is_empty() { lower.as_str() } else { bare };
    // "US" is a country, "us" a pronoun; "IT" and "it" likewise
    let shouted = text.len() > 1 && text.chars().all(char::is_uppercase);
    let counts = shouted || !STOP_WORDS.contains(bare);
    Word { text: text.to_owned(), stem: stemmer.stem(bare).into_owned(), counts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_fall_away_and_the_rest_is_stemmed() {
        let found: Vec<String> = stems("What drinks do you have?").into_iter().collect();
        assert_eq!(found, ["drink"]);
        assert_eq!(stems("accounting"), stems("Accountant's account"));
        assert!(stems("could you please tell me").is_empty());
    }

    #[test]
    fn numbers_dates_and_ids_stay_whole_and_compounds_do_not() {
        let texts = |text: &str| words(text).into_iter().map(|word| word.text).collect::<Vec<_>>();
        assert_eq!(texts("EBITDA in 2026-03, please."), ["EBITDA", "in", "2026-03", "please"]);
        assert_eq!(
            texts("gluten-free for item_7 at 5.50"),
            ["gluten", "free", "for", "item_7", "at", "5.50"]
        );
    }

    #[test]
    fn a_country_is_not_a_pronoun() {
        assert!(stems("tell us").is_empty());
        assert_eq!(stems("in the US").len(), 1);
    }

    #[test]
    fn kin_is_found_from_either_side() {
        assert!(kin("vat").contains("tax") && kin("tax").contains("vat"));
        assert!(kin("zebra").is_empty());
    }

    #[test]
    fn an_identifier_reads_as_words() {
        assert_eq!(identifier_words("lookup_menu"), "lookup menu");
        assert_eq!(identifier_words("lookupMenu"), "lookup Menu");
    }
}
