//! What a Realtime client asks of the conversation: its own items, how much of a message was heard, answers.

use super::spoken::{INAUDIBLE, delete, first_part, share};
use super::{Action, Dialogue};
use crate::id::ItemId;
use crate::protocol::openai::{ContentPart, Modality, NewItem, Role};
use crate::protocol::realtime::ItemContent;
use crate::session::history::Content;
use crate::session::{ClientOrder, ClientReport, HeardPart, SessionEvent};

/// The model's word for a commit of less than 100 ms.
const COMMIT_EMPTY: &str = "input_audio_buffer_commit_empty";

/// What the conversation remembers of a client's wishes.
#[derive(Debug, Default)]
pub(super) struct ClientSide {
    /// How the turn under way is answered: aloud, or in writing; as the session says when absent.
    pub(super) is_spoken: Option<bool>,
}

impl ClientSide {
    /// What an answer says of it.
    pub(super) fn modalities(&self) -> Option<[Modality; 1]> {
        self.is_spoken.map(|is_spoken| [if is_spoken { Modality::Audio } else { Modality::Text }])
    }
}

impl Dialogue {
    /// Does what a client asks. `received_ms`: how much audio came of a message.
    pub fn on_client(
        &mut self,
        order: ClientOrder,
        received_ms: impl Fn(&ItemId) -> Option<u64>,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        match order {
            ClientOrder::AddItem { item_id, content } => self.add_client_item(item_id, content, &mut actions),
            ClientOrder::Truncate { item_id, heard_ms } => {
                let received_ms = received_ms(&item_id);
                self.truncate(item_id, heard_ms, received_ms, &mut actions);
            }
            ClientOrder::Delete(item_id) => self.delete_item(&item_id, &mut actions),
            ClientOrder::Respond { turn, is_spoken } => self.begin_turn(turn, is_spoken, &mut actions),
            ClientOrder::Stop => {
                self.finish_speech(&mut actions);
                actions.extend(self.abandon());
            }
        }
        actions
    }

    /// Whether the answer under way is spoken.
    pub(super) fn answers_aloud(&self) -> bool {
        let speech = self.desired.speech.as_ref();
        speech.is_some_and(|speech| self.client.is_spoken.unwrap_or(speech.is_spoken))
    }

    /// A recording is given to the present socket only: nobody has written it down.
    fn add_client_item(&mut self, name: ItemId, content: ItemContent, actions: &mut Vec<Action>) {
        let (remembered, part) = match content {
            ItemContent::Text(text) => (text.clone(), ContentPart::InputText { text }),
            ItemContent::Audio(audio) => (INAUDIBLE.to_owned(), ContentPart::InputAudio { audio }),
        };
        let id = self.history.add_as(name, Content::Caller(remembered));
        if self.up {
            self.send_item(NewItem::Message { id, role: Role::User, content: [part] }, actions);
        }
    }

    /// A client knows better than we what was heard: never more than came, and never more than it, or we, said before.
    fn truncate(
        &mut self,
        item_id: ItemId,
        heard_ms: u64,
        received_ms: Option<u64>,
        actions: &mut Vec<Action>,
    ) {
        let sent_ms = received_ms.unwrap_or(heard_ms);
        let played_ms = heard_ms.min(sent_ms);
        let part = HeardPart { item_id: item_id.clone(), played_ms, sent_ms };
        if self.spoken.is_saying(&item_id) {
            actions.extend(self.interrupted(&[part]));
            return;
        }
        match self.spoken.cut_ms(&item_id) {
            Some(before) if played_ms < before => self.cut_again(&item_id, played_ms, before, actions),
            Some(_) => {}
            None => self.on_part_heard(&part, actions),
        }
        if !actions.iter().any(|action| matches!(action, Action::Report(SessionEvent::Heard { .. }))) {
            let heard_ms = self.spoken.cut_ms(&item_id).unwrap_or(sent_ms);
            let report = ClientReport::Heard { item_id, heard_ms };
            actions.push(Action::Report(SessionEvent::Client(report)));
        }
    }

    /// A message that was cut by our estimate, and was heard even less.
    fn cut_again(&mut self, item_id: &ItemId, played_ms: u64, before_ms: u64, actions: &mut Vec<Action>) {
        let Some(words) = self.history.words(item_id).map(str::to_owned) else {
            return;
        };
        let heard = first_part(&words, share(&words, played_ms, before_ms));
        self.spoken.remember_cut(item_id.clone(), played_ms);
        self.history.reword(item_id, &heard);
        self.shorten(item_id, played_ms, &heard, actions);
        let item_id = item_id.clone();
        actions.push(Action::Report(SessionEvent::Heard { item_id, played_ms, heard }));
    }

    fn delete_item(&mut self, item_id: &ItemId, actions: &mut Vec<Action>) {
        if self.spoken.is_saying(item_id) {
            let part = HeardPart { item_id: item_id.clone(), played_ms: 0, sent_ms: 0 };
            actions.extend(self.interrupted(&[part]));
            return;
        }
        // Of what was summarised there are no words any more, and the summary bears the name of the last of it.
        let has_words = self.history.words(item_id).is_some();
        if let Some(present) = self.history.present_id(item_id).filter(|_| has_words) {
            self.history.retract(&present);
            if self.up {
                actions.push(delete(&present));
            }
        }
    }

    /// What an error says of a client's wish, if it is about one.
    pub(super) fn client_refused(&mut self, about: Option<&str>, code: &str) -> Option<ClientReport> {
        let item_id = match about {
            // A commit stands among the audio, and has no name.
            None if code == COMMIT_EMPTY => return Some(ClientReport::NotCommitted),
            about => ItemId::from(about?.strip_prefix("ic_")?),
        };
        let name = self.history.outside_name(&item_id)?.clone();
        // One that came about on an earlier socket, and so stands there.
        if code == "item_create_duplicate_item_id" || self.history.words(&item_id).is_none() {
            return None;
        }
        self.history.retract(&item_id);
        Some(ClientReport::NotAdded { item_id: name, code: code.to_owned() })
    }
}
