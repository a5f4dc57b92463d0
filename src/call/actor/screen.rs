//! What a caller who has a screen reads on it, and what they ask for there.

use super::record::Effect;
use super::voice::LineOrder;
use super::{CallData, client};
use crate::call::CallError;
use crate::call::conduct::Conduct;
use crate::call::event::CallEvent;
use crate::call::floor::Request;
use crate::id::PersonaKey;
use crate::protocol::browser::ServerMessage;
use crate::transport::browser::BrowserMessage;
use crate::transport::realtime::RealtimeMessage;

const CALLER: &str = "caller";
const ASSISTANT: &str = "assistant";
/// No text of the line's own numbering: nobody waits for an answer to it there.
pub(super) const NOBODY_WAITS: u64 = 0;

impl CallData {
    /// Shows an event to a caller who has a screen, once it is written.
    pub(super) fn show_event(&mut self, event: Option<LineOrder>) {
        if let Some(order) = event {
            self.hold(Effect::Voice(order));
        }
    }

    /// What of an event is to be shown, if anyone can see it.
    pub(super) fn to_show(&self, event: &CallEvent) -> Option<LineOrder> {
        let voice = self.voice.as_ref().filter(|voice| voice.has_screen())?;
        if voice.client.is_some() {
            return client::shown(event).map(|show| LineOrder::Realtime(RealtimeMessage::Show(show)));
        }
        shown(event).map(|message| LineOrder::Browser(BrowserMessage::Show(message)))
    }

    /// Shows something that stands in no journal.
    pub(super) fn show_at_once(&self, message: ServerMessage) {
        if self.voice.as_ref().is_some_and(|voice| voice.has_screen() && voice.client.is_none()) {
            self.for_voice(LineOrder::Browser(BrowserMessage::Show(message)));
        }
    }

    /// A connection is up: who speaks is shown.
    pub(super) fn show_persona(&self) {
        self.show_at_once(ServerMessage::Persona { key: self.handoffs.active().to_string() });
    }

    /// The caller wrote something: a turn like a spoken one, for which the persona falls silent.
    pub(super) fn on_wrote(&mut self, text: String) {
        self.conduct(Conduct::on_caller_acts);
        self.supersede(Request::Say { saying: NOBODY_WAITS, text });
    }

    /// The caller wants to speak with another persona.
    pub(super) fn on_wants(&mut self, persona: PersonaKey) {
        if persona == *self.handoffs.active() {
            self.show_persona();
        }
        self.on_wants_as(persona, None);
    }

    /// Something the caller asked for on their screen could not be done.
    pub(super) fn show_refusal(&mut self, error: &CallError, event_id: Option<String>) {
        self.refuse_wish(event_id, error.code(), error.to_string());
        self.show_at_once(ServerMessage::error(error.code(), error.to_string()));
    }
}

fn shown(event: &CallEvent) -> Option<ServerMessage> {
    let said = |role, text: &str, is_final| ServerMessage::Transcript {
        role,
        text: text.to_owned(),
        is_final,
        item_id: None,
        interrupted: false,
    };
    match event {
        CallEvent::CallerText { text } | CallEvent::CallerTranscript { text, .. } => {
            Some(said(CALLER, text, true))
        }
        CallEvent::AssistantDelta { text } => Some(said(ASSISTANT, text, false)),
        CallEvent::AssistantFiller { text } => Some(said(ASSISTANT, text, true)),
        CallEvent::AssistantText { text, item_id } => Some(ServerMessage::Transcript {
            role: ASSISTANT,
            text: text.clone(),
            is_final: true,
            item_id: item_id.as_ref().map(ToString::to_string),
            interrupted: false,
        }),
        CallEvent::AssistantInterrupted { item_id, heard, .. } => Some(ServerMessage::Transcript {
            role: ASSISTANT,
            text: heard.clone().unwrap_or_default(),
            is_final: true,
            item_id: item_id.as_ref().map(ToString::to_string),
            interrupted: true,
        }),
        CallEvent::PersonaActivated { persona, .. } => {
            Some(ServerMessage::Persona { key: persona.to_string() })
        }
        CallEvent::ToolStarted { name, .. } => {
            Some(ServerMessage::Tool { name: name.clone(), status: "started" })
        }
        CallEvent::ToolDone { name, status, .. } => {
            Some(ServerMessage::Tool { name: name.clone(), status: status.as_str() })
        }
        CallEvent::Error { code, error } => Some(ServerMessage::error(code.clone(), error.clone())),
        CallEvent::CallStarted { .. }
        | CallEvent::CallResumed { .. }
        | CallEvent::CallEnded { .. }
        | CallEvent::HandoffRequested { .. }
        | CallEvent::HandoffRefused { .. }
        | CallEvent::TurnStarted { .. }
        | CallEvent::TurnDone { .. }
        | CallEvent::ConversationSummarised { .. }
        | CallEvent::ModelConnected { .. }
        | CallEvent::ModelDisconnected { .. }
        | CallEvent::ModelReconnected { .. }
        | CallEvent::ModelReplaced { .. }
        | CallEvent::Dtmf { .. }
        | CallEvent::TransferStarted { .. }
        | CallEvent::LineUp {}
        | CallEvent::LineDown { .. } => None,
    }
}
