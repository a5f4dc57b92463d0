//! The units a text is cut between: its sentences; of a sentence that is too long for a chunk, its words; of a word
//! that is, its letters.

use unicode_segmentation::UnicodeSegmentation;

/// A stretch of a text, with the white space after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) words: usize,
}

impl Unit {
    pub(super) fn bytes(self) -> usize {
        self.end - self.start
    }
}

/// The units of a text, which together are the text. None has more words or bytes than it may, white space at its end
/// left aside.
pub(super) fn units(text: &str, max_words: usize, max_bytes: usize) -> Vec<Unit> {
    let mut units = split_all(text, max_words, max_bytes);
    // White space alone is no unit: it belongs to the one before.
    units.dedup_by(|unit, before| {
        let is_blank = text[unit.start..unit.end].trim().is_empty();
        if is_blank {
            before.end = unit.end;
        }
        is_blank
    });
    units
}

fn split_all(text: &str, max_words: usize, max_bytes: usize) -> Vec<Unit> {
    let mut units = Vec::new();
    for (start, sentence) in text.split_sentence_bound_indices() {
        let words = count(sentence);
        if words <= max_words && sentence.len() <= max_bytes {
            units.push(Unit { start, end: start + sentence.len(), words });
        } else {
            split(start, sentence, max_words, max_bytes, &mut units);
        }
    }
    units
}

fn count(text: &str) -> usize {
    text.unicode_words().count()
}

/// Splits a sentence between words into as few units as can be.
fn split(start: usize, sentence: &str, max_words: usize, max_bytes: usize, units: &mut Vec<Unit>) {
    let mut open = Unit { start, end: start, words: 0 };
    for (at, piece) in sentence.split_word_bound_indices().flat_map(|(at, word)| letters(at, word, max_bytes))
    {
        let words = count(piece);
        if open.words + words > max_words || open.bytes() + piece.len() > max_bytes {
            units.push(open);
            open = Unit { start: start + at, end: start + at, words: 0 };
        }
        open.end = start + at + piece.len();
        open.words += words;
    }
    units.push(open);
}

/// A word, or the stretches of one that is too long.
fn letters(at: usize, word: &str, max_bytes: usize) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while word.len() - from > max_bytes {
        let to =
            (from + 1..=from + max_bytes).rev().find(|to| word.is_char_boundary(*to)).unwrap_or(word.len());
        pieces.push((at + from, &word[from..to]));
        from = to;
    }
    pieces.push((at + from, &word[from..]));
    pieces
}
