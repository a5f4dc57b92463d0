//! Cutting a long answer into messages a phone can take. Pure.

/// The longest body of one message, in UTF-16 code units, as Twilio counts them: never less than characters.
pub(super) const MAX_MESSAGE: usize = 1_600;

/// Cuts a text into pieces of at most `most` UTF-16 code units (at least 2): after a sentence where one ends in the
/// second half of a piece, else between words, else anywhere. White space between two pieces goes with neither;
/// everything else is in them, in order.
pub(super) fn split(text: &str, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let fitting = fitting(rest, most);
        let end = if fitting == rest.len() { fitting } else { best_end(rest, fitting) };
        let (piece, after) = rest.split_at(end);
        pieces.push(piece.trim_end().to_owned());
        rest = after.trim_start();
    }
    pieces
}

/// How many bytes of the text fit; at least one character.
fn fitting(text: &str, most: usize) -> usize {
    let mut units = 0;
    for (at, character) in text.char_indices() {
        units += character.len_utf16();
        if units > most && at > 0 {
            return at;
        }
    }
    text.len()
}

/// The best place to cut at or before `fitting`, in bytes.
fn best_end(text: &str, fitting: usize) -> usize {
    let mut sentence = None;
    let mut word = None;
    let mut before = None;
    for (at, character) in text.char_indices().take_while(|(at, _)| *at <= fitting) {
        if character.is_whitespace() && at > 0 {
            word = Some(at);
            if character == '\n' || before.is_some_and(ends_a_sentence) {
                sentence = Some(at);
            }
        }
        before = Some(character);
    }
    sentence.filter(|at| *at >= fitting / 2).or(word).unwrap_or(fitting)
}

fn ends_a_sentence(character: char) -> bool {
    matches!(character, '.' | '!' | '?' | '…' | '。' | '！' | '？' | ';' | ':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_text_is_one_message_and_nothing_is_none() {
        assert_eq!(split(" Two coffees. \n", MAX_MESSAGE), ["Two coffees."]);
        assert!(split("", MAX_MESSAGE).is_empty() && split(" \n ", MAX_MESSAGE).is_empty());
        assert_eq!(split(&"x".repeat(1_600), MAX_MESSAGE).len(), 1);
    }

    #[test]
    fn a_long_text_is_cut_after_a_sentence() {
        let text = "One two three. Four five six! Seven eight nine ten";
        assert_eq!(split(text, 30), ["One two three. Four five six!", "Seven eight nine ten"]);
        assert_eq!(split("Menu:\nBeer and wine\nTea", 20), ["Menu:\nBeer and wine", "Tea"]);
    }

    #[test]
    fn without_a_sentence_it_is_cut_between_words_and_a_word_without_end_anywhere() {
        assert_eq!(split("A. bcd efg hij klm", 12), ["A. bcd efg", "hij klm"]);
        assert_eq!(split("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(split("🦀🦀🦀", 4), ["🦀🦀", "🦀"], "a crab is two code units");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_piece_is_too_long(
            text in "([a-zé🦀]{0,9}[.!? \\n]{0,2}){0,60}", most in 2_usize..60,
        ) {
            let pieces = split(&text, most);
            for piece in &pieces {
                prop_assert!(!piece.is_empty() && piece.encode_utf16().count() <= most, "{piece:?}");
            }
            let words = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(words(&pieces.concat()), words(&text));
        }
    }
}
