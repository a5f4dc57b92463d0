//! Cuts what is generated into deltas.

use std::collections::VecDeque;

/// A delta of text is at least so many characters: a word or two.
const CHUNK: usize = 12;

/// A text in deltas of a word or two, each with the blank after it.
pub(super) fn words(text: &str) -> VecDeque<String> {
    let mut chunks = VecDeque::new();
    let mut chunk = String::new();
    for word in text.split_inclusive(' ') {
        chunk.push_str(word);
        if chunk.len() >= CHUNK {
            chunks.push_back(std::mem::take(&mut chunk));
        }
    }
    if !chunk.is_empty() {
        chunks.push_back(chunk);
    }
    chunks
}

/// The arguments of a call in pieces that fall anywhere, as the real server cuts them.
pub(super) fn evenly(text: &str) -> VecDeque<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(CHUNK).map(|chunk| chunk.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_two_deltas() {
        for text in ["", "one", "The soup of the day is  leek, with toasted brød.", &"x".repeat(50)] {
            assert_eq!(words(text).into_iter().collect::<String>(), text);
            assert_eq!(evenly(text).into_iter().collect::<String>(), text);
        }
        assert_eq!(words("What drinks do you have?"), ["What drinks ", "do you have?"]);
    }
}
