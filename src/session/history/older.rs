//! The older turns of a history: where they end, and what is left of them once they are summarised.

use std::collections::{BTreeSet, VecDeque};

use super::{Content, Entry, History, MAX_ENTRIES};
use crate::id::{ItemId, ToolCallId};
use crate::protocol::openai::NewItem;
use crate::session::summary::{
    KEPT_ITEMS, KEPT_TOKENS, is_long, replayed_output, summary_note, tokens, transcript,
};

/// A thing of the conversation, and in which turn it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The turn; 0 when that is not known.
    pub turn: u64,
    /// What.
    pub content: Content,
}

impl From<Content> for Told {
    fn from(content: Content) -> Self {
        Self { turn: 0, content }
    }
}

/// What a history remembers of its turns.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// With which words of the caller's turns begin, oldest first.
    begins: VecDeque<(u64, ItemId)>,
    /// What was summarised, and is on the present socket still.
    folded: Vec<ItemId>,
}

/// The turns that are old enough to be summarised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Older {
    /// The newest of them.
    pub through_turn: u64,
    /// What follows them.
    pub until: ItemId,
    /// What was said in them.
    pub transcript: String,
}

impl History {
    /// A turn begins with these words of the caller's, unless an earlier one did.
    pub fn begins_turn(&mut self, turn: u64, item_id: ItemId) {
        if self.turns.begins.back().is_some_and(|(_, newest)| *newest == item_id) {
            return;
        }
        if self.turns.begins.len() == MAX_ENTRIES {
            self.turns.begins.pop_front();
        }
        self.turns.begins.push_back((turn, item_id));
    }

    /// What is worth a summary, if the history has become long.
    pub fn older(&self) -> Option<Older> {
        if !is_long(self.entries.len(), tokens(self.bytes)) {
            return None;
        }
        let begin = |(turn, item_id): &(u64, ItemId)| {
            let at = self.entries.iter().position(|entry| entry.is(item_id))?;
            (at > 1 && *turn > 0).then(|| (at, *turn, item_id.clone()))
        };
        let cuts: Vec<_> =
            self.turns.begins.iter().filter_map(begin).filter(|(at, ..)| self.is_whole(*at)).collect();
        let is_short = |(at, ..): &&(usize, u64, ItemId)| {
            let bytes: usize = self.entries.range(*at..).map(|entry| entry.content.len()).sum();
            self.entries.len() - at <= KEPT_ITEMS && tokens(bytes) <= KEPT_TOKENS
        };
        let (at, turn, until) = cuts.iter().find(is_short).or(cuts.last())?.clone();
        let transcript = transcript(self.entries.range(..at).map(|entry| &entry.content));
        Some(Older { through_turn: turn - 1, until, transcript })
    }

    /// Whether every tool call before this has its output before it, too.
    fn is_whole(&self, at: usize) -> bool {
        let mut open = BTreeSet::<&ToolCallId>::new();
        for entry in self.entries.range(..at) {
            match &entry.content {
                Content::ToolCall { id, .. } => drop(open.insert(id)),
                Content::ToolOutput { id, .. } => drop(open.remove(id)),
                Content::Caller(_) | Content::Persona(_) | Content::Note(_) => {}
            }
        }
        open.is_empty()
    }

    /// A summary takes the place of everything before this. Whether there was anything still: a handoff may have
    /// taken it out of sight meanwhile.
    pub fn fold(&mut self, until: &ItemId, summary: &str) -> bool {
        let Some(at) = self.entries.iter().position(|entry| entry.is(until)).filter(|at| *at > 0) else {
            return false;
        };
        let mut folded: Vec<Entry> = (0..at).filter_map(|_| self.remove(0)).collect();
        let Some(mut last) = folded.pop() else {
            return false;
        };
        // It goes by the name of the last of them: that is what the present socket has in this place.
        last.content = Content::Note(summary_note(summary));
        last.version += 1;
        self.bytes += last.content.len();
        self.entries.push_front(last);
        self.turns.folded.extend(folded.into_iter().map(|entry| entry.item_id));
        let excess = self.turns.folded.len().saturating_sub(2 * MAX_ENTRIES);
        self.turns.folded.drain(..excess);
        self.forget_begins();
        true
    }

    /// The item that gives another socket this thing. Long outputs of turns that are over are cut.
    pub(super) fn replayed(&self, at: usize, item_id: ItemId) -> NewItem {
        let is_over = || {
            let is_caller = |entry: &Entry| matches!(entry.content, Content::Caller(_));
            self.entries.iter().rposition(is_caller).is_some_and(|newest| at < newest)
        };
        match &self.entries[at].content {
            Content::ToolOutput { id, output } if is_over() => {
                let output = replayed_output(output).into_owned();
                NewItem::FunctionCallOutput { id: item_id, call_id: id.clone(), output }
            }
            content => Self::item(item_id, content),
        }
    }

    /// Turns that begin with nothing that is kept.
    pub(super) fn forget_begins(&mut self) {
        let entries = &self.entries;
        let is_kept = |item_id: &ItemId| entries.iter().any(|entry| entry.is(item_id));
        while self.turns.begins.front().is_some_and(|(_, item_id)| !is_kept(item_id)) {
            self.turns.begins.pop_front();
        }
    }

    /// What was summarised and the present socket has still: it must not be left there when what came before is to be
    /// forgotten.
    pub(super) fn take_folded(&mut self) -> Vec<ItemId> {
        std::mem::take(&mut self.turns.folded)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turn(history: &mut History, turn: u64, words: &str) -> ItemId {
        let item_id = history.add(Content::Caller(words.to_owned()));
        history.begins_turn(turn, item_id.clone());
        history.push(format!("a{turn}").as_str().into(), Content::Persona("Yes.".into()));
        item_id
    }

    fn long() -> History {
        let mut history = History::default();
        (1..=40).for_each(|number| drop(turn(&mut history, number, &format!("question {number}"))));
        history
    }

    #[test]
    fn a_short_conversation_needs_no_summary() {
        let mut history = History::default();
        (1..=30).for_each(|number| drop(turn(&mut history, number, "tea?")));
        assert_eq!(history.older(), None);
    }

    #[test]
    fn of_a_long_one_the_newest_turns_stay_word_by_word() {
        let mut history = long();
        let older = history.older().unwrap();
        assert_eq!(older.through_turn, 20);
        assert!(older.transcript.ends_with("Caller: question 20\nAssistant: Yes."), "{}", older.transcript);
        assert!(history.fold(&older.until, "Twenty questions, all answered."));
        assert_eq!(history.len(), KEPT_ITEMS + 1);
        let first = history.entries[0].content.clone();
        assert_eq!(first, Content::Note(summary_note("Twenty questions, all answered.")));
        assert_eq!(history.older(), None);
        // The next one is made of this one and of what is old by then.
        (41..=61).for_each(|number| drop(turn(&mut history, number, "more?")));
        let older = history.older().unwrap();
        assert!(older.transcript.contains("Twenty questions") && older.through_turn > 20);
    }

    #[test]
    fn one_enormous_turn_is_kept_and_what_came_before_it_is_summarised() {
        let mut history = History::default();
        turn(&mut history, 1, "tea?");
        let second = turn(&mut history, 2, &"word ".repeat(20_000));
        let older = history.older().unwrap();
        assert_eq!((older.through_turn, older.until), (1, second));
    }

    #[test]
    fn a_tool_call_is_never_parted_from_its_output() {
        let mut history = long();
        let mut older = history.older().unwrap();
        let at = history.entries.iter().position(|entry| entry.is(&older.until)).unwrap();
        let call = Content::ToolCall { id: "c".into(), name: "lookup".into(), arguments: "{}".into() };
        history.entries[at - 1].content = call;
        history.entries[at + 1].content = Content::ToolOutput { id: "c".into(), output: "{}".into() };
        let later = history.older().unwrap();
        older.through_turn += 1;
        assert_eq!(later.through_turn, older.through_turn);
    }

    #[test]
    fn what_was_summarised_is_forgotten_with_the_rest() {
        let mut history = long();
        let before: BTreeSet<_> = history.entries.iter().map(|entry| entry.item_id.clone()).collect();
        let older = history.older().unwrap();
        history.fold(&older.until, "Much.");
        let forgotten: BTreeSet<_> = history.forget_before_turn().into_iter().collect();
        assert_eq!((forgotten.len(), history.len()), (78, 2));
        assert!(forgotten.is_subset(&before), "all of it is on the socket by these names");
        assert!(!history.fold(&older.until, "Too late."), "there is nothing left of it");
    }

    proptest! {
        #[test]
        fn a_history_that_is_summarised_stays_short(lengths in proptest::collection::vec(1_usize..4_000, 1..120)) {
            let mut history = History::default();
            for (at, length) in lengths.iter().enumerate() {
                turn(&mut history, at as u64 + 1, &"x".repeat(*length));
                if let Some(older) = history.older() {
                    prop_assert!(older.through_turn <= at as u64);
                    prop_assert!(history.fold(&older.until, "So far."));
                }
                let words: usize = history.entries.iter().map(|entry| entry.content.len()).sum();
                prop_assert_eq!(history.bytes, words);
                prop_assert!(!is_long(history.len(), tokens(history.bytes)));
            }
        }
    }
}
