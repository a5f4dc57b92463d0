//! What a Realtime client is shown. What the journal holds is shown once it is written.

use super::super::CallData;
use super::super::record::Effect;
use super::super::voice::LineOrder;
use crate::call::client::{Client, told_of_tool};
use crate::call::event::CallEvent;
use crate::call::turn::Turn;
use crate::id::ItemId;
use crate::protocol::realtime::{SessionView, Show};
use crate::session::{ClientReport, SessionEvent};
use crate::transport::realtime::RealtimeMessage;

impl CallData {
    pub(in crate::call::actor) fn view(&self) -> Option<SessionView> {
        let voice = self.voice.as_ref()?;
        let client = voice.client.as_ref()?;
        let catalog = self.dependencies.library.catalog();
        let of_persona = match &self.rendition {
            Some(rendition) => Some(rendition.persona.voice.clone()),
            None => catalog.persona(self.handoffs.active()).map(|persona| persona.voice.clone()),
        };
        let usual = voice.start.voice().map(str::to_owned).or(of_persona).unwrap_or_default();
        Some(client.choices.view(&usual))
    }

    pub(in crate::call::actor) fn show_view(&mut self) {
        if let Some(view) = self.view() {
            self.tell_client(Show::Session(view));
        }
    }

    /// A connection is up, and was told how the session is: who speaks comes next, and waits for nothing.
    pub(in crate::call::actor) fn greet_client(&self) {
        if self.voice.as_ref().is_some_and(|voice| voice.client.is_some()) {
            self.for_client_now(Show::Persona(self.handoffs.active().clone()));
        }
    }

    /// A turn begins; `asked` is what the client wants repeated, if it asked for it.
    pub(in crate::call::actor) fn tell_turn(
        &mut self,
        is_spoken: Option<bool>,
        asked: Option<Vec<(String, String)>>,
    ) {
        if let Some(client) = self.client() {
            let is_spoken = is_spoken.unwrap_or(client.choices.is_spoken);
            client.telling.begin_turn(is_spoken, asked);
        }
    }

    /// A turn is over.
    pub(in crate::call::actor) fn tell_turn_over(&mut self, turn: &Turn) {
        let shows = self.client().map(|client| client.telling.end_turn(turn.is_cancelled()));
        shows.into_iter().flatten().for_each(|show| self.tell_client(show));
    }

    /// The session is gone with all that it was saying: what its client waits for ends.
    pub(in crate::call::actor) fn show_lost(&mut self) {
        let shows = self.client().map(|client| client.telling.on_lost(false));
        shows.into_iter().flatten().for_each(|show| self.tell_client(show));
    }

    /// What a client is to be shown of what the session tells.
    pub(in crate::call::actor) fn client_shows(&mut self, event: &SessionEvent) -> Vec<Show> {
        let is_in_turn = self.turn.is_some();
        let Some(client) = self.client() else {
            return Vec::new();
        };
        match event {
            SessionEvent::Disconnected { .. } => {
                client.answers_next = is_in_turn && !client.choices.turns.answers();
                client.telling.on_lost(is_in_turn)
            }
            SessionEvent::ResponseStarted { response } => {
                client.answers_next = false;
                client.locks.format = true;
                client.locks.voice |= client.telling.is_spoken();
                client.telling.on_started(response.as_ref())
            }
            SessionEvent::Delta { response, item_id, text } if is_in_turn => {
                client.items.add_words(item_id, client.telling.is_spoken(), text);
                client.telling.on_words(response, item_id, text)
            }
            SessionEvent::Message { response, item_id, text } => {
                client.items.add_words(item_id, client.telling.is_spoken(), "");
                client.items.set_text(item_id, text);
                client.telling.on_message(response.as_ref(), item_id, text)
            }
            SessionEvent::Heard { item_id, played_ms, heard } => {
                client.items.set_text(item_id, heard);
                client.telling.on_heard(item_id, *played_ms, heard)
            }
            SessionEvent::ToolCalled { response, .. } => {
                client.telling.on_tool(response);
                Vec::new()
            }
            SessionEvent::ResponseDone(end) => client.telling.on_done(end),
            SessionEvent::CallerSaid { item_id } => {
                client.locks.format = true;
                client.committed();
                client.items.add_callers(item_id.clone(), true, String::new());
                vec![Show::Said { item_id: item_id.clone() }]
            }
            SessionEvent::CallerTranscribed { item_id, text } => {
                client.items.set_text(item_id, text);
                let shown = Show::Transcribed { item_id: item_id.clone(), text: text.clone() };
                Some(shown).filter(|_| client.choices.is_transcribed).into_iter().collect()
            }
            SessionEvent::Client(report) => client_told(client, report).into_iter().collect(),
            SessionEvent::Connected(_)
            | SessionEvent::Replaced(_)
            | SessionEvent::Unavailable(_)
            | SessionEvent::Configured { .. }
            | SessionEvent::ConfigureRejected { .. }
            | SessionEvent::Taken { .. }
            | SessionEvent::NotTaken { .. }
            | SessionEvent::CallerSpeaks(_)
            | SessionEvent::CallerSilent(_)
            | SessionEvent::Delta { .. }
            | SessionEvent::MessageCut
            | SessionEvent::Aside { .. }
            | SessionEvent::Summarised { .. }
            | SessionEvent::Settled { .. } => Vec::new(),
        }
    }

    /// The caller began to speak, or fell silent: a client that plays must know at once.
    pub(in crate::call::actor) fn show_speech(&mut self, item_id: Option<ItemId>, is_beginning: bool) {
        let Some(client) = self.client() else {
            return;
        };
        client.locks.format = true;
        if let Some(item_id) = item_id {
            self.for_client_now(if is_beginning {
                Show::SpeechStarted { item_id }
            } else {
                Show::SpeechStopped { item_id }
            });
        }
    }

    /// Shows a client what the session told: what is on its way at once, since sound may be ahead of it; what is whole
    /// once it is written.
    pub(in crate::call::actor) fn show_client(&mut self, show: Show) {
        if matches!(show, Show::Responding { .. } | Show::Words { .. }) {
            self.for_client_now(show);
        } else {
            self.tell_client(show);
        }
    }

    /// Shows a client something, once everything that was recorded before is written.
    pub(in crate::call::actor) fn tell_client(&mut self, show: Show) {
        if self.client().is_some() {
            self.hold(Effect::Voice(LineOrder::Realtime(RealtimeMessage::Show(show))));
        }
    }

    fn for_client_now(&self, show: Show) {
        self.for_voice(LineOrder::Realtime(RealtimeMessage::Show(show)));
    }
}

/// What of an event a client is to be shown.
pub(in crate::call::actor) fn shown(event: &CallEvent) -> Option<Show> {
    match event {
        CallEvent::PersonaActivated { persona, .. } => Some(Show::Persona(persona.clone())),
        CallEvent::ToolDone { name, output, status, .. } => Some(told_of_tool(name, output, *status)),
        CallEvent::CallStarted { .. }
        | CallEvent::CallResumed { .. }
        | CallEvent::CallEnded { .. }
        | CallEvent::HandoffRequested { .. }
        | CallEvent::HandoffRefused { .. }
        | CallEvent::TurnStarted { .. }
        | CallEvent::TurnDone { .. }
        | CallEvent::CallerText { .. }
        | CallEvent::CallerTranscript { .. }
        | CallEvent::AssistantDelta { .. }
        | CallEvent::AssistantText { .. }
        | CallEvent::AssistantInterrupted { .. }
        | CallEvent::AssistantFiller { .. }
        | CallEvent::ConversationSummarised { .. }
        | CallEvent::ToolStarted { .. }
        | CallEvent::ModelConnected { .. }
        | CallEvent::ModelDisconnected { .. }
        | CallEvent::ModelReconnected { .. }
        | CallEvent::ModelReplaced { .. }
        | CallEvent::Dtmf { .. }
        | CallEvent::TransferStarted { .. }
        | CallEvent::LineUp {}
        | CallEvent::LineDown { .. }
        | CallEvent::Error { .. } => None,
    }
}

fn client_told(client: &mut Client, report: &ClientReport) -> Option<Show> {
    match report {
        ClientReport::Heard { item_id, heard_ms } => {
            Some(Show::Heard { item_id: item_id.clone(), heard_ms: *heard_ms })
        }
        ClientReport::NotCommitted => Some(Show::Refused {
            event_id: client.committed(),
            code: "input_audio_buffer_commit_empty",
            message: "The audio sent is too short: send at least 100 ms, then commit.".to_owned(),
        }),
        ClientReport::NotAdded { item_id, code: _ } => {
            client.items.remove(item_id);
            let message = format!("The model did not take the item `{item_id}`: check its content.");
            Some(Show::Refused { event_id: None, code: "invalid_value", message })
        }
    }
}
