//! The summary of a transcript, as the rehearsal model writes one: the words that carry meaning, in their order.

use std::collections::HashSet;

use super::model::{Entry, Scene};
use super::words::words;

/// So many words at most.
const MAX_WORDS: usize = 60;

/// The summary, if this is what the response was asked for.
pub(super) fn digest(scene: &Scene<'_>) -> Option<String> {
    scene.asked.filter(|asked| asked.starts_with("Summarise "))?;
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for entry in scene.entries {
        let Entry::User { text, .. } = entry else { continue };
        let new = words(text).into_iter().filter(|word| word.counts && seen.insert(word.stem.clone()));
        found.extend(new.map(|word| word.text));
    }
    // The newest words, which an older summary has not.
    let newest = found.split_off(found.len().saturating_sub(MAX_WORDS));
    Some(format!("Spoken of: {}.", newest.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::model::Choice;
    use super::*;

    #[test]
    fn a_summary_is_made_of_the_words_that_count_each_once() {
        let entries = [Entry::User {
            text: "Caller: Do you have leek soup?\nAssistant: Leek soup!".into(),
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
        assert!(summary.starts_with("Spoken of: ") && summary.matches("soup").count() == 1, "{summary}");
        assert_eq!(digest(&scene(Some("Greet the caller."))), None);
        assert_eq!(digest(&scene(None)), None);
    }
}
