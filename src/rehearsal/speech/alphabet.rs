//! Which characters can be spoken, and what the others become.

/// The characters that have a tone, in the order of their tones.
const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz0123456789 .,?!':;-()/&%+=\"€$#@*_£<>[]";
/// How many there are.
pub(super) const TONES: usize = 64;

/// What is spoken in place of characters that have no tone.
const FOLDED: &[(char, &str)] = &[
    ('a', "àáâãäåāăąǎæ"),
    ('c', "çćĉċč"),
    ('d', "ďđð"),
    ('e', "èéêëēĕėęě"),
    ('g', "ĝğġģ"),
    ('h', "ĥħ"),
    ('i', "ìíîïĩīĭįı"),
    ('j', "ĵ"),
    ('k', "ķ"),
    ('l', "ĺļľŀł"),
    ('n', "ñńņňŋ"),
    ('o', "òóôõöøōŏőœ"),
    ('r', "ŕŗř"),
    ('s', "śŝşšșß"),
    ('t', "ţťŧțþ"),
    ('u', "ùúûüũūŭůűų"),
    ('w', "ŵ"),
    ('y', "ýÿŷ"),
    ('z', "źżž"),
    ('\'', "‘’‚`´′"),
    ('"', "“”„«»″"),
    ('-', "‐‑‒–—−"),
    ('.', "…·•"),
    ('/', "\\|"),
    ('(', "{"),
    (')', "}"),
    ('*', "×"),
    ('!', "¡"),
    ('?', "¿"),
];

/// A text as it is spoken and understood, character for character: in lower case, accents folded to their letter,
/// white space as a blank, typographic marks as plain ones, and `?` for whatever else has no tone.
pub fn normal_form(text: &str) -> String {
    text.chars().map(|letter| at(tone(letter))).collect()
}

/// The number of the tone that a character is spoken with.
pub(super) fn tone(letter: char) -> usize {
    let lower = letter.to_lowercase().next().unwrap_or(letter);
    let own = |letter: char| ALPHABET.chars().position(|known| known == letter);
    let folded = || FOLDED.iter().find(|(_, letters)| letters.contains(lower)).map(|(plain, _)| *plain);
    let blank = lower.is_whitespace().then_some(' ');
    own(lower).or_else(|| own(blank.or_else(folded).unwrap_or('?'))).unwrap_or(0)
}

/// The character of a tone.
pub(super) fn at(tone: usize) -> char {
    ALPHABET.chars().nth(tone).unwrap_or('?')
}

/// The frequency of a tone, in hertz.
pub(super) fn pitch_hz(tone: usize) -> f64 {
    500.0 + 37.5 * tone as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_its_own_tone() {
        let letters: Vec<char> = ALPHABET.chars().collect();
        assert_eq!(letters.len(), TONES);
        for (number, letter) in letters.into_iter().enumerate() {
            assert_eq!((tone(letter), at(number)), (number, letter));
        }
        assert_eq!((pitch_hz(0), pitch_hz(TONES - 1)), (500.0, 2_862.5));
    }

    #[test]
    fn a_text_is_spoken_character_for_character() {
        assert_eq!(normal_form("ÇA  va – “Żebbuġ”\n№ 5…"), "ca  va - \"zebbug\" ? 5.");
        assert_eq!(normal_form("İzmir 日本 🙂"), "izmir ?? ?");
    }
}
