//! What only a spoken conversation knows: the caller's turns as the server's voice detection finds them, and what was
//! heard of the persona's.

use std::collections::{BTreeMap, VecDeque};

use super::{Action, Dialogue};
use crate::id::ItemId;
use crate::protocol::openai::ClientEvent;
use crate::session::history::{Content, History, go_on_note};
use crate::session::{HeardPart, SessionEvent, SpeechEdge};

/// So many cut messages are remembered, so that what still comes of them is passed over.
const REMEMBERED: usize = 64;
/// Less than this unheard at the end of a message is heard, as far as anyone can tell.
const TAIL_MS: u64 = 50;
/// How fast speech is at most, in milliseconds a character: words run ahead of their audio by an unknown distance.
const MS_PER_CHARACTER: u64 = 60;
/// Stands for words of the caller that were answered and never written down.
pub(super) const INAUDIBLE: &str = "(inaudible)";

/// What a spoken conversation remembers.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    /// The model has spoken on this socket.
    pub(super) voice_is_locked: bool,
    /// Messages under way, as far as their words have come.
    saying: BTreeMap<ItemId, String>,
    /// Messages that were cut, and where, in milliseconds.
    cut: VecDeque<(ItemId, u64)>,
    /// How much audio has come of the newest message, told by whoever counts it.
    received: Option<(ItemId, u64)>,
    /// What was being said when the socket broke was noted as such.
    broken_off: bool,
    /// The newest saying of the caller's, and the newest that is being answered.
    said: Option<ItemId>,
    answering: Option<ItemId>,
    /// The caller speaks, as the model hears it.
    is_caller_speaking: bool,
    /// What the caller said stands in the conversation, and nobody has said yet whether it is answered.
    undecided: Option<ItemId>,
}

impl Spoken {
    pub(super) fn was_cut(&self, item_id: &ItemId) -> bool {
        self.cut_ms(item_id).is_some()
    }

    /// Where a message was cut, in milliseconds; the last time counts.
    pub(super) fn cut_ms(&self, item_id: &ItemId) -> Option<u64> {
        self.cut.iter().rev().find(|(cut, _)| cut == item_id).map(|(_, ms)| *ms)
    }

    pub(super) fn is_saying(&self, item_id: &ItemId) -> bool {
        self.saying.contains_key(item_id)
    }

    /// How much audio has come of a message under way, as far as was told.
    fn received_ms(&self, item_id: &ItemId) -> u64 {
        self.received.as_ref().filter(|(received, _)| received == item_id).map_or(0, |(_, ms)| *ms)
    }

    /// The next socket may speak with another voice.
    pub(super) fn on_socket_lost(&mut self) {
        self.voice_is_locked = false;
        self.is_caller_speaking = false;
        self.undecided = None;
    }

    /// Nothing is half said, or half heard.
    pub(super) fn is_calm(&self) -> bool {
        self.saying.is_empty() && !self.is_caller_speaking && self.undecided.is_none()
    }

    pub(super) fn finished(&mut self, item_id: &ItemId) {
        self.saying.remove(item_id);
    }

    pub(super) fn remember_cut(&mut self, item_id: ItemId, ms: u64) {
        if self.cut.len() == REMEMBERED {
            self.cut.pop_front();
        }
        self.cut.push_back((item_id, ms));
    }
}

impl Dialogue {
    /// The caller's words are to be answered. Tools still at work for earlier words hold up nothing any more.
    pub fn answer(&mut self, turn: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(said) = self.spoken.said.clone() {
            self.history.begins_turn(turn, said);
        }
        self.begin_turn(turn, None, &mut actions);
        actions
    }

    /// The service has something that the persona shall act on at once.
    pub fn prompt(&mut self, turn: u64, note: String) -> Vec<Action> {
        let mut actions = Vec::new();
        self.add(&Content::Note(note), &mut actions);
        self.begin_turn(turn, None, &mut actions);
        actions
    }

    /// `is_spoken`: whether it is answered aloud, where that is not as the session says.
    pub(super) fn begin_turn(&mut self, turn: u64, is_spoken: Option<bool>, actions: &mut Vec<Action>) {
        self.client.is_spoken = is_spoken;
        self.retries = 0;
        self.turn = turn;
        self.unsettled = true;
        // While who speaks is being changed, the output that says so is about to come.
        if self.update.is_none() && !self.is_moving() {
            self.passed_over.clone_from(&self.open);
        }
        self.spoken.answering.clone_from(&self.spoken.said);
        self.spoken.undecided = None;
        self.sequencer.want();
        self.advance(actions);
    }

    /// Something was really said in answer to the caller: their words need not be heard again.
    pub(super) fn answered(&mut self, actions: &mut Vec<Action>) {
        actions.extend(self.spoken.answering.take().map(Action::Understood));
    }

    /// What the model took for words was none.
    pub fn ignore(&mut self, item_id: &ItemId) -> Vec<Action> {
        let present = self.history.present_id(item_id);
        self.history.retract(item_id);
        self.spoken.undecided.take_if(|undecided| undecided == item_id);
        let mut actions = vec![Action::Understood(item_id.clone())];
        actions.extend(present.filter(|_| self.up).map(|present| delete(&present)));
        self.advance(&mut actions);
        actions
    }

    /// The caller spoke, and this is what was not heard to its end. Whatever is under way is stopped.
    pub fn interrupted(&mut self, parts: &[HeardPart]) -> Vec<Action> {
        let mut actions = Vec::new();
        self.stop_aside(&mut actions);
        let step = self.sequencer.cancel();
        self.perform(step, &mut actions);
        for part in parts {
            self.on_part_heard(part, &mut actions);
        }
        // Words whose audio never came to the line.
        for (item_id, _) in std::mem::take(&mut self.spoken.saying) {
            self.unheard(item_id, &mut actions);
        }
        self.owes_answer = false;
        self.retry_is_due = false;
        self.advance(&mut actions);
        actions
    }

    pub(super) fn on_part_heard(&mut self, part: &HeardPart, actions: &mut Vec<Action>) {
        let HeardPart { item_id, played_ms, sent_ms } = part;
        let under_way = self.spoken.saying.remove(item_id);
        let Some(text) = under_way.clone().or_else(|| self.history.words(item_id).map(str::to_owned)) else {
            // It was said beside the conversation, or belongs to an earlier socket.
            return;
        };
        if self.spoken.was_cut(item_id) {
            return;
        }
        if *played_ms == 0 {
            self.unheard(item_id.clone(), actions);
            return;
        }
        let is_whole = under_way.is_none();
        if is_whole && played_ms + TAIL_MS >= *sent_ms {
            return;
        }
        let heard = if is_whole {
            first_part(&text, share(&text, *played_ms, *sent_ms))
        } else {
            first_part(&text, characters_in(*played_ms).min(share(&text, *played_ms, *sent_ms)))
        };
        if is_whole {
            self.history.reword(item_id, &heard);
        } else if !heard.is_empty() {
            self.history.push(item_id.clone(), Content::Persona(heard.clone()));
        }
        self.spoken.remember_cut(item_id.clone(), *played_ms);
        self.shorten(item_id, *played_ms, &heard, actions);
        let (item_id, played_ms) = (item_id.clone(), *played_ms);
        actions.push(Action::Report(SessionEvent::Heard { item_id, played_ms, heard }));
    }

    /// Takes what was not heard out of the model's conversation. A message that was replayed to this socket is text
    /// there, which cannot be truncated: a shorter one takes its place.
    pub(super) fn shorten(
        &mut self,
        item_id: &ItemId,
        played_ms: u64,
        heard: &str,
        actions: &mut Vec<Action>,
    ) {
        let present = self.history.present_id(item_id).unwrap_or_else(|| item_id.clone());
        if !self.up {
            return;
        }
        if present == *item_id && self.capability.truncate {
            actions.push(Action::Send(ClientEvent::ItemTruncate {
                event_id: format!("it_{item_id}"),
                item_id: item_id.clone(),
                content_index: 0,
                audio_end_ms: played_ms,
            }));
            return;
        }
        actions.push(delete(&present));
        self.history.retract(&present);
        if !heard.is_empty() {
            let content = Content::Persona(heard.to_owned());
            let shorter = self.history.add_as(item_id.clone(), content.clone());
            self.send_item(History::item(shorter, &content), actions);
        }
    }

    /// Nothing was heard of a message: the model shall not believe that it said it.
    pub(super) fn unheard(&mut self, item_id: ItemId, actions: &mut Vec<Action>) {
        if self.spoken.was_cut(&item_id) {
            return;
        }
        let present = self.history.present_id(&item_id).unwrap_or_else(|| item_id.clone());
        self.history.retract(&item_id);
        if self.up {
            actions.push(delete(&present));
        }
        self.spoken.remember_cut(item_id.clone(), 0);
        actions.push(Action::Report(SessionEvent::Heard { item_id, played_ms: 0, heard: String::new() }));
    }

    /// How much audio of the newest message has come, in characters of base64; said before a loss or a deadline is.
    pub fn note_received(&mut self, item_id: ItemId, base64: u64) {
        self.watchdog.on_received(base64);
        if let Some(speech) = &self.desired.speech {
            self.spoken.received = Some((item_id, speech.format.ms_of_base64(base64)));
        }
    }

    /// The words of a message as they come.
    pub(super) fn on_words(&mut self, item_id: &ItemId, words: &str) {
        if !self.answers_aloud() {
            self.speaking = true;
            return;
        }
        self.spoken.saying.entry(item_id.clone()).or_default().push_str(words);
    }

    pub(super) fn on_speech_started(&mut self, edge: SpeechEdge, actions: &mut Vec<Action>) {
        if self.desired.speech.as_ref().is_some_and(|speech| speech.stops_for_speech) {
            self.sequencer.on_stopped_by_server();
        }
        self.spoken.is_caller_speaking = true;
        actions.push(Action::Report(SessionEvent::CallerSpeaks(edge)));
    }

    pub(super) fn on_committed(&mut self, item_id: ItemId, actions: &mut Vec<Action>) {
        self.history.push(item_id.clone(), Content::Caller(String::new()));
        self.spoken.is_caller_speaking = false;
        self.spoken.undecided = Some(item_id.clone());
        self.spoken.said = Some(item_id.clone());
        actions.push(Action::Report(SessionEvent::CallerSaid { item_id }));
    }

    pub(super) fn on_transcribed(&mut self, item_id: ItemId, text: &str, actions: &mut Vec<Action>) {
        let text = text.trim().to_owned();
        self.history.reword(&item_id, if text.is_empty() { INAUDIBLE } else { &text });
        actions.push(Action::Understood(item_id.clone()));
        actions.push(Action::Report(SessionEvent::CallerTranscribed { item_id, text }));
        self.advance(actions);
    }

    /// A response has ended, and not because someone stopped it: what it was saying is all there will be of it.
    pub(super) fn finish_speech(&mut self, actions: &mut Vec<Action>) {
        for (item_id, text) in std::mem::take(&mut self.spoken.saying) {
            self.told.insert(item_id.clone());
            self.answered(actions);
            self.history.push(item_id.clone(), Content::Persona(text.clone()));
            actions.push(Action::Report(SessionEvent::Message { response: None, item_id, text }));
        }
    }

    /// No more comes of what is being said, and all that has come of it is heard: the words of each message that are.
    pub(super) fn cut_short(&mut self, actions: &mut Vec<Action>) -> Vec<String> {
        let mut all_heard = Vec::new();
        for (item_id, text) in self.spoken.saying.clone() {
            let sent_ms = self.spoken.received_ms(&item_id);
            let heard = said_within(&text, sent_ms);
            // Less than a word is nothing: an empty message would look like an answer.
            let played_ms = if heard.is_empty() { 0 } else { sent_ms };
            self.told.insert(item_id.clone());
            self.on_part_heard(&HeardPart { item_id, played_ms, sent_ms }, actions);
            if !heard.is_empty() {
                self.answered(actions);
                all_heard.push(heard);
            }
        }
        all_heard
    }

    /// An answer ends in the middle of words and is asked for again, here or of another socket: it goes on from there.
    pub(super) fn break_off_speech(&mut self, actions: &mut Vec<Action>) {
        let all_heard = self.cut_short(actions);
        // Of a socket that is gone nobody needs to be told once more.
        self.spoken.broken_off = !self.up && !all_heard.is_empty();
        all_heard.iter().for_each(|heard| self.add(&Content::Note(go_on_note(heard)), actions));
    }

    /// The socket is gone. Whether an answer is still owed to what the caller said: what was not understood is heard
    /// again by the next socket, which will say so, and what was answered in part is gone on with.
    pub(super) fn still_owes(&mut self, owed: bool, was_answering: bool) -> bool {
        if self.desired.speech.is_none() {
            return owed;
        }
        let is_noted = std::mem::take(&mut self.spoken.broken_off);
        let mut is_heard_again = false;
        for (item_id, is_answered) in self.history.unwritten() {
            if is_answered {
                self.history.reword(&item_id, INAUDIBLE);
            } else {
                self.history.retract(&item_id);
                is_heard_again = true;
            }
        }
        if is_heard_again {
            return false;
        }
        // Without the model's word for it nobody knows that it had said everything.
        if was_answering && !is_noted && !self.told.is_empty() && self.open.is_empty() {
            let note = go_on_note(self.history.last_words().unwrap_or_default());
            self.history.add(Content::Note(note));
        }
        owed
    }
}

pub(super) fn delete(item_id: &ItemId) -> Action {
    Action::Send(ClientEvent::ItemDelete { event_id: format!("id_{item_id}"), item_id: item_id.clone() })
}

/// How many characters of a text were heard, by the share of its audio that was played.
pub(super) fn share(text: &str, played_ms: u64, sent_ms: u64) -> usize {
    let characters = text.chars().count() as u64;
    usize::try_from(characters * played_ms.min(sent_ms) / sent_ms.max(1)).unwrap_or(usize::MAX)
}

/// The words of a message that are said for sure in so much of its audio.
pub fn said_within(text: &str, ms: u64) -> String {
    first_part(text, characters_in(ms))
}

fn characters_in(ms: u64) -> usize {
    usize::try_from(ms / MS_PER_CHARACTER).unwrap_or(usize::MAX)
}

/// The whole words among the first so many characters of a text.
pub(super) fn first_part(text: &str, characters: usize) -> String {
    let Some((end, next)) = text.char_indices().nth(characters) else {
        return text.to_owned();
    };
    let part = &text[..end];
    let cut = if next.is_whitespace() { end } else { part.rfind(char::is_whitespace).unwrap_or(0) };
    part[..cut].trim_end().to_owned()
}
