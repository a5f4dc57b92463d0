//! What the persona has said in the turn under way, as far as the call was told: what is left of an answer when the
//! session it came from fails. Pure.

use crate::id::ItemId;

/// What was said last in a turn.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Saying {
    /// Nothing since the caller's words, or since the model asked for a tool.
    #[default]
    Nothing,
    /// A message whose end has not come.
    Partly {
        /// Which.
        item_id: ItemId,
        /// Its words so far.
        text: String,
    },
    /// A message to its end, or all there will be of it.
    Whole,
}

/// What is owed to the caller of an answer whose session failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owed {
    /// Nothing: it was said, or what they said is heard again.
    Nothing,
    /// The whole answer.
    Answer,
    /// The rest of it.
    Rest {
        /// Of which message.
        item_id: ItemId,
        /// Its words so far; more than the caller can have heard.
        text: String,
    },
}

impl Saying {
    /// Another piece of a message.
    pub fn on_words(&mut self, of: &ItemId, words: &str) {
        match self {
            Self::Partly { item_id, text } if item_id == of => text.push_str(words),
            Self::Nothing | Self::Partly { .. } | Self::Whole => {
                *self = Self::Partly { item_id: of.clone(), text: words.to_owned() };
            }
        }
    }

    /// A message is whole, or was cut where the caller stopped hearing it.
    pub fn on_end(&mut self) {
        *self = Self::Whole;
    }

    /// A turn begins, or the model asked for a tool: what was said before is no answer to it.
    pub fn on_begin(&mut self) {
        *self = Self::Nothing;
    }

    /// The session is gone. `in_turn`: an answer was under way; `is_heard_again`: what it answers was not written down,
    /// and will be heard by the next session.
    pub fn on_lost(&mut self, in_turn: bool, is_heard_again: bool) -> Owed {
        match std::mem::take(self) {
            Self::Partly { item_id, text } => Owed::Rest { item_id, text },
            Self::Nothing if in_turn && !is_heard_again => Owed::Answer,
            Self::Nothing | Self::Whole => Owed::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partly(words: &[(&str, &str)]) -> Saying {
        let mut saying = Saying::default();
        words.iter().for_each(|(item_id, words)| saying.on_words(&(*item_id).into(), words));
        saying
    }

    #[test]
    fn half_a_message_is_gone_on_with_and_a_whole_one_is_not_said_again() {
        let mut saying = partly(&[("m1", "We have "), ("m1", "15 items")]);
        let rest = Owed::Rest { item_id: "m1".into(), text: "We have 15 items".to_owned() };
        assert_eq!((saying.on_lost(true, false), saying), (rest, Saying::Nothing));
        let mut saying = partly(&[("m1", "We have 15 items")]);
        saying.on_end();
        assert_eq!(saying.on_lost(true, false), Owed::Nothing);
    }

    #[test]
    fn an_answer_that_was_not_begun_is_owed_unless_the_question_is_heard_again() {
        let mut saying = partly(&[("m1", "One moment.")]);
        saying.on_end();
        saying.on_begin();
        assert_eq!(saying.clone().on_lost(true, false), Owed::Answer);
        assert_eq!(saying.clone().on_lost(true, true), Owed::Nothing);
        assert_eq!(saying.on_lost(false, false), Owed::Nothing);
    }

    #[test]
    fn the_words_of_two_messages_are_kept_apart() {
        let mut saying = partly(&[("m1", "One. "), ("m2", "Two.")]);
        let rest = Owed::Rest { item_id: "m2".into(), text: "Two.".to_owned() };
        assert_eq!(saying.on_lost(false, true), rest);
    }
}
