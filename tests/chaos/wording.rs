//! Whether what a caller heard is what the persona is written down to have said.

use ai_realtime::rehearsal::speech::normal_form;
use serde_json::Value;

/// Where a socket was lost or the model failed in the middle of an answer, so many letters may be lost or muddled: nobody
/// says where in a letter it was.
pub const SEAM: usize = 2;
/// There the word that was being said may be begun again.
const WORD: usize = 14;

/// What the journal says that the caller heard of the persona, as it is spoken, without blanks.
pub fn told(journal: &[Value]) -> String {
    let mut said: Vec<(Option<&str>, &str)> = Vec::new();
    for event in journal {
        let text = match event["type"].as_str() {
            // A tone is no word.
            Some("assistant.filler") => event["text"].as_str().filter(|text| !text.starts_with('(')),
            Some("assistant.text") => event["text"].as_str(),
            Some("assistant.interrupted") => event["heard"].as_str(),
            _ => None,
        };
        let (item, Some(text)) = (event["item_id"].as_str(), text) else { continue };
        // What is told of a message last is how it was.
        match said.iter_mut().find(|(before, _)| item.is_some() && *before == item) {
            Some((_, before)) => *before = text,
            None => said.push((item, text)),
        }
    }
    bare(&normal_form(&said.into_iter().map(|(_, text)| text).collect::<String>()))
}

/// In how many places the persona was broken off.
pub fn seams(journal: &[Value]) -> usize {
    let is_whole = |text: &str| text.trim_end().ends_with(['.', '!', '?']);
    let is_seam = |event: &&Value| match event["type"].as_str() {
        Some("assistant.interrupted") => true,
        Some("assistant.text") => !event["text"].as_str().is_some_and(is_whole),
        _ => false,
    };
    journal.iter().filter(is_seam).count()
}

/// How many letters were on their way when a turn was given up: what of them was heard is not always written down.
pub fn given_up(journal: &[Value]) -> usize {
    let (mut open, mut given_up) = (0, 0);
    for event in journal {
        let letters = event["text"].as_str().map_or(0, |text| bare(&normal_form(text)).chars().count());
        match event["type"].as_str() {
            Some("assistant.delta") => open += letters,
            Some("assistant.text" | "assistant.interrupted") => open = 0,
            Some("turn.started" | "call.ended") => given_up += std::mem::take(&mut open),
            _ => {}
        }
    }
    given_up
}

/// Whether a text is something else than the whole of another, up to `lost` letters in which they may differ, and
/// what `seams` places may have had said again.
pub fn is_told_twice_or_lost(heard: &str, whole: &str, seams: usize, lost: usize) -> bool {
    let again = heard.chars().count().saturating_sub(whole.chars().count());
    again > WORD * seams + lost || distance(heard, whole) > again + lost
}

/// A text without its blanks: pauses between messages are no part of what was said.
pub fn bare(text: &str) -> String {
    text.chars().filter(|letter| *letter != ' ').collect()
}

/// In how many letters two texts differ.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, wanted) in other.iter().enumerate() {
            let changed = corner + usize::from(letter != *wanted);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}

#[test]
fn what_was_broken_off_and_what_was_given_up_is_counted() {
    let journal = [
        serde_json::json!({"type": "assistant.delta", "text": "Welcome! What"}),
        serde_json::json!({"type": "assistant.text", "text": "Welcome! What"}),
        serde_json::json!({"type": "assistant.delta", "text": "We have"}),
        serde_json::json!({"type": "turn.started", "turn": 2}),
        serde_json::json!({"type": "assistant.text", "text": "We have tea."}),
    ];
    assert_eq!((seams(&journal), given_up(&journal)), (1, 6));
}

#[test]
fn a_sentence_that_is_heard_twice_or_not_at_all_is_found() {
    let whole = bare("welcome! what can i get you today? i found fanta citron.");
    assert!(!is_told_twice_or_lost(&whole, &whole, 1, SEAM));
    let twice = bare("welcome! what can i get you today? i found fanta citron. i found fanta citron.");
    assert!(is_told_twice_or_lost(&twice, &whole, 1, SEAM));
    assert!(is_told_twice_or_lost(&bare("welcome! what can i get you today?"), &whole, 1, SEAM));
    assert!(!is_told_twice_or_lost(
        &bare("welcome! what can i get you to day? i fond fanta citron."),
        &whole,
        1,
        SEAM
    ));
}
