//! Of a long text, what the caller asked about.

use std::collections::BTreeSet;

use super::words::stems;

/// A text up to so many characters is said as it is.
const LONG: usize = 240;
/// Sentences said of a long one.
const SENTENCES: usize = 3;

/// A text, or of a long one the sentences that have most of the words in common with what was asked.
pub(super) fn pertinent(text: &str, about: &BTreeSet<String>) -> String {
    if text.chars().count() <= LONG {
        return text.to_owned();
    }
    let shared = |sentence: &&str| stems(sentence).intersection(about).count();
    let sentences: Vec<&str> = sentences(text);
    let most = sentences.iter().map(shared).max().unwrap_or(0);
    if most == 0 {
        return text.to_owned();
    }
    let said = sentences.iter().filter(|sentence| shared(sentence) == most).take(SENTENCES);
    said.copied().collect::<Vec<_>>().join(" ")
}

/// Parted where a sentence or a line ends; `3.50` is no end.
fn sentences(text: &str) -> Vec<&str> {
    let lines = text.lines().flat_map(|line| line.split_inclusive(". "));
    lines
        .flat_map(|part| part.split_inclusive(['!', '?']))
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_text_only_what_was_asked_about_is_said() {
        let text = format!(
            "{} The password is mango42. {}",
            "Guests are welcome. ".repeat(9),
            "We close at ten. ".repeat(9)
        );
        assert_eq!(pertinent(&text, &stems("What is the wifi password?")), "The password is mango42.");
        assert_eq!(pertinent(&text, &stems("Do you have goats?")), text);
        assert_eq!(pertinent("Short. Text.", &stems("text")), "Short. Text.");
    }
}
