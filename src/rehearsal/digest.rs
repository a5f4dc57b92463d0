//! The summary of a transcript, as the rehearsal model writes one: the caller's words that carry meaning, in their
//! order, behind those of an older summary.

use std::collections::HashSet;

use super::model::{Entry, Scene};
use super::words::words;

/// How a summary begins.
const SPOKEN_OF: &str = "Spoken of: ";
/// So many words at most.
const MAX_WORDS: usize = 60;

/// The summary, if this is what the response was asked for.
pub(super) fn digest(scene: &Scene<'_>) -> Option<String> {
    scene.asked.filter(|asked| asked.starts_with("Summarise "))?;
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for entry in scene.entries {
        let Entry::User { text, .. } = entry else { continue };
        for line in text.lines() {
            let said = line.strip_prefix("Caller: ").or_else(|| Some(line.split_once(SPOKEN_OF)?.1));
            let new = words(said.unwrap_or_default()).into_iter();
            let new = new.filter(|word| word.counts && seen.insert(word.stem.clone()));
            found.extend(new.map(|word| word.text));
        }
    }
    found.truncate(MAX_WORDS);
    Some(format!("{SPOKEN_OF}{}.", found.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::model::Choice;
    use super::*;

    #[test]
    fn a_summary_is_made_of_the_words_that_count_each_once() {
        let entries = [Entry::User {
            text: "Note: “Spoken of: wine.”\nCaller: Do you have leek soup?\nAssistant: No soup!".into(),
            audio_ms: 0,
        }];
        let scene = |asked| Scene {
            instructions: "",
            asked,
            tools: &[],
            choice: Choice::Auto,
            parallel: true,
            entries: &entries,
        };
        let summary = digest(&scene(Some("Summarise the part of a conversation."))).unwrap();
        assert_eq!(summary, "Spoken of: wine, leek, soup.");
        assert_eq!(digest(&scene(Some("Greet the caller."))), None);
        assert_eq!(digest(&scene(None)), None);
    }
}
