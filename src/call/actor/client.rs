//! What a Realtime client asks of its call.

mod shows;

use super::voice::LineOrder;
use super::{CallData, CallMessage};
use crate::call::client::{Change, Client};
use crate::call::conduct::Conduct;
use crate::call::event::CallEvent;
use crate::call::floor::Request;
use crate::call::prompts;
use crate::id::{ItemId, PersonaKey, ResponseId};
use crate::protocol::realtime::{
    Asked, Introduction, ItemContent, ItemView, ResponseWish, SessionWish, Show, Turns, Wish,
};
use crate::session::{ClientOrder, SessionMessage};
use crate::transport::realtime::RealtimeMessage;

pub(super) use shows::shown;

/// Items of ours are named like this; a client's must not be.
const OURS: &str = "h_";

impl CallData {
    pub(super) fn client(&mut self) -> Option<&mut Client> {
        self.voice.as_mut()?.client.as_deref_mut()
    }

    /// A client asks for something. What needs a session waits until there is one.
    pub(super) fn on_asked(&mut self, asked: Asked) {
        let Some(client) = self.client() else {
            return;
        };
        let waits_for_nothing = matches!(asked.wish, Wish::Session(_) | Wish::Commit | Wish::ClearInput);
        if client.is_ready || waits_for_nothing {
            return self.grant(asked);
        }
        if let Err(Asked { event_id, .. }) = client.keep(asked) {
            let message =
                "Too much waits for the conversation to begin: wait for session.created, then try again.";
            self.refuse_wish(event_id, "too_many_waiting", message);
        }
    }

    /// There is a session: what waited for it is done.
    pub(super) fn on_client_ready(&mut self) {
        let Some(client) = self.client() else {
            return;
        };
        let early = client.ready();
        let untold = client.introduction.clone().filter(|_| std::mem::take(&mut client.must_introduce));
        if let Some(introduction) = untold {
            self.for_session(SessionMessage::Note(prompts::introduced(&introduction)));
        }
        early.into_iter().for_each(|asked| self.grant(asked));
    }

    fn grant(&mut self, Asked { event_id, wish }: Asked) {
        match wish {
            Wish::Session(wish) => self.on_session_wish(event_id, &wish),
            // The line has put both among the audio.
            Wish::Commit => self.client().into_iter().for_each(|client| client.commits(event_id.clone())),
            Wish::ClearInput => {
                self.conduct(Conduct::on_speech_forgotten);
                self.tell_client(Show::InputCleared);
            }
            Wish::AddItem { item_id, content } => self.on_add_item(event_id, item_id, content),
            Wish::Retrieve(item_id) => match self.known_item(&item_id) {
                Some(item) => self.tell_client(Show::Item(item)),
                None => self.refuse_item(event_id, "item_retrieve_invalid_item_id", &item_id),
            },
            Wish::Truncate { item_id, heard_ms } => self.on_truncate(event_id, item_id, heard_ms),
            Wish::Delete(item_id) => {
                if !self.client().is_some_and(|client| client.items.remove(&item_id)) {
                    return self.refuse_item(event_id, "item_delete_invalid_item_id", &item_id);
                }
                self.for_session(SessionMessage::Client(ClientOrder::Delete(item_id.clone())));
                self.tell_client(Show::ItemDeleted(item_id));
            }
            Wish::Respond(wish) => self.on_respond(event_id, wish),
            Wish::Cancel(response) => self.on_cancel(event_id, response.as_ref()),
            Wish::Introduce(introduction) => self.on_introduce(&introduction),
            Wish::Persona(persona) => {
                if persona == *self.handoffs.active() {
                    self.tell_client(Show::Persona(persona.clone()));
                }
                self.on_wants_as(persona, event_id);
            }
        }
    }

    fn on_session_wish(&mut self, event_id: Option<String>, wish: &SessionWish) {
        let voice = self.view().map(|view| view.voice).unwrap_or_default();
        let Some(client) = self.client() else {
            return;
        };
        let next = match client.choices.with(wish, client.locks, &voice) {
            Ok(next) => next,
            Err(refusal) => {
                self.keep_format();
                return self.refuse_wish(event_id, refusal.code, refusal.message);
            }
        };
        let before = std::mem::replace(&mut client.choices, next);
        self.heed_choices();
        let swapping = self.swapping.as_ref().and_then(|swapping| swapping.rendition());
        let config = swapping.or(self.rendition.as_ref()).map(|rendition| self.session_config(rendition));
        let Some(config) = config.filter(|_| self.session.is_some()) else {
            // It is what the session will begin with.
            return self.show_view();
        };
        self.revisions += 1;
        let revision = self.revisions;
        if let Some(client) = self.client() {
            client.changing.push_back(Change { revision, event_id, before });
        }
        self.for_session(SessionMessage::Configure { config: Box::new(config), revision });
    }

    /// The line took the client at its word for how audio is written, and it is not so.
    fn keep_format(&mut self) {
        if let Some(format) = self.client().map(|client| client.choices.format) {
            self.for_voice(LineOrder::Realtime(RealtimeMessage::Format(format)));
        }
    }

    /// The line and the conduct follow what the client chose.
    fn heed_choices(&mut self) {
        let Some(voice) = &mut self.voice else {
            return;
        };
        let Some(choices) = voice.client.as_ref().map(|client| &client.choices) else {
            return;
        };
        voice.lane.set_format(choices.format);
        voice.lane.keep_all(choices.turns == Turns::Client);
        voice.conduct.stop_for_speech(choices.turns.stops());
    }

    /// The model has confirmed a configuration. Answers whether it was the client's.
    pub(super) fn client_configured(&mut self, revision: u64) -> bool {
        let is_clients = self.client().is_some_and(|client| client.confirmed(revision));
        if is_clients {
            self.show_view();
        }
        is_clients
    }

    /// The model has refused a configuration. Answers whether it was the client's.
    pub(super) fn client_rejected(&mut self, revision: u64, why: &str) -> bool {
        let undone = self.client().map(|client| client.rejected(revision)).unwrap_or_default();
        if undone.is_empty() {
            return false;
        }
        self.heed_choices();
        self.keep_format();
        for Change { event_id, .. } in undone {
            let message = format!("The model did not accept the session ({why}); it is as it was before.");
            self.refuse_wish(event_id, "invalid_value", message);
        }
        true
    }

    fn on_add_item(&mut self, event_id: Option<String>, item_id: ItemId, content: ItemContent) {
        if item_id.as_str().starts_with(OURS) || self.known_item(&item_id).is_some() {
            let message = format!("There is an item `{item_id}` already: choose another id, or none.");
            return self.refuse_wish(event_id, "item_create_duplicate_item_id", message);
        }
        let words = match &content {
            ItemContent::Text(text) => Some(text.clone()),
            ItemContent::Audio(_) => None,
        };
        if let Some(client) = self.client() {
            client.locks.format |= words.is_none();
            client.items.add_callers(item_id.clone(), words.is_none(), words.clone().unwrap_or_default());
        }
        if let Some(text) = words {
            self.record(CallEvent::CallerText { text });
        }
        let order = ClientOrder::AddItem { item_id: item_id.clone(), content: content.clone() };
        self.for_session(SessionMessage::Client(order));
        self.tell_client(Show::ItemAdded { item_id, content });
    }

    fn on_truncate(&mut self, event_id: Option<String>, item_id: ItemId, heard_ms: u64) {
        match self.known_item(&item_id) {
            Some(item) if !item.is_callers && item.is_spoken => {
                self.for_session(SessionMessage::Client(ClientOrder::Truncate { item_id, heard_ms }));
            }
            Some(_) => {
                let message = "Only model output audio messages can be truncated";
                self.refuse_wish(event_id, "unsupported_content_type", message);
            }
            None => self.refuse_item(event_id, "item_truncate_invalid_item_id", &item_id),
        }
    }

    /// The client asks for an answer. While tools are at work for an older one, this one takes its place.
    fn on_respond(&mut self, event_id: Option<String>, wish: ResponseWish) {
        let is_answering = self.turn.is_some() && self.running.is_empty();
        if is_answering {
            let message = "Conversation already has an active response in progress. Wait until the response is \
                finished before creating a new one.";
            return self.refuse_wish(event_id, "conversation_already_has_active_response", message);
        }
        let ResponseWish { is_spoken, metadata } = wish;
        self.supersede(Request::Respond { is_spoken, metadata });
    }

    fn on_cancel(&mut self, event_id: Option<String>, response: Option<&ResponseId>) {
        let is_it = |client: &Client| response.is_none_or(|response| client.telling.is_current(response));
        if self.turn.is_none() || !self.client().is_some_and(|client| is_it(client)) {
            let message = "Cancellation failed: no active response found";
            return self.refuse_wish(event_id, "response_cancel_not_active", message);
        }
        self.client().into_iter().for_each(|client| client.telling.on_cancel());
        self.cancel_turn();
    }

    /// The first introduction is the conversation's opening, unless it has begun; later ones are notes.
    fn on_introduce(&mut self, introduction: &Introduction) {
        let is_opening = self.turns == 0 && self.turn.is_none();
        let Some(client) = self.client() else {
            return;
        };
        let is_first = client.introduction.replace(introduction.clone()).is_none();
        self.tell_client(Show::Introduced);
        self.show_view();
        if is_first && is_opening {
            self.ask(Request::Prompt { note: prompts::opening(introduction) });
        } else {
            self.for_session(SessionMessage::Note(prompts::introduced(introduction)));
        }
    }

    fn known_item(&mut self, item_id: &ItemId) -> Option<ItemView> {
        self.client()?.items.get(item_id).cloned()
    }

    /// Whether what the caller said is answered without being asked for.
    pub(super) fn answers_sayings(&mut self) -> bool {
        let Some(client) = self.client() else {
            return true;
        };
        std::mem::take(&mut client.answers_next) || client.choices.turns.answers()
    }

    fn refuse_item(&mut self, event_id: Option<String>, code: &'static str, item_id: &ItemId) {
        self.refuse_wish(event_id, code, format!("There is no item `{item_id}` in the conversation."));
    }

    /// Something a client asked for cannot be done.
    pub(super) fn refuse_wish(
        &mut self,
        event_id: Option<String>,
        code: &'static str,
        message: impl Into<String>,
    ) {
        self.tell_client(Show::Refused { event_id, code, message: message.into() });
    }

    /// Another persona is wanted, by whoever has a screen; what came of it is shown as an event, unless it went wrong.
    pub(super) fn on_wants_as(&mut self, persona: PersonaKey, event_id: Option<String>) {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.on_activate(persona, reply);
        let myself = self.myself.clone();
        tokio::spawn(async move {
            if let Ok(Err(error)) = answer.await {
                let _ = myself.cast(CallMessage::Refused { error, event_id });
            }
        });
    }
}
