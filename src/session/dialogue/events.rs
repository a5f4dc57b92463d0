//! How the conversation takes what the model's side says.

use super::update::refuses_update;
use super::{Action, Dialogue, Failed, Notice, REMEMBERED_CALLS};
use crate::id::{ItemId, ResponseId};
use crate::protocol::openai::{ApiError, ClientEvent, Item, Response, ServerEvent};
use crate::session::fault::{Remedy, remedy};
use crate::session::history::{Content, INTERRUPTED};
use crate::session::sequencer::Refused;
use crate::session::{ResponseEnd, ResponseStatus, SessionEvent, SpeechEdge};
use crate::usage::Usage;

impl Dialogue {
    /// Takes one event of the model's side.
    pub fn on_event(&mut self, event: ServerEvent) -> Vec<Action> {
        let mut actions = Vec::new();
        self.watch(&event, &mut actions);
        match event {
            ServerEvent::SessionCreated(_) | ServerEvent::Unused => {}
            ServerEvent::SessionUpdated(echo) => self.on_updated(&echo, &mut actions),
            ServerEvent::Error(error) => self.on_error(&error, &mut actions),
            ServerEvent::ItemAdded { item_id } => self.on_item_added(&item_id, &mut actions),
            ServerEvent::ResponseCreated(response) => self.on_created(&response, &mut actions),
            ServerEvent::TextDelta { response_id, item_id, delta } => {
                self.spoken.voice_is_locked |= self.answers_aloud();
                if !self.sequencer.is_dropped(&response_id) && !self.is_aside_response(&response_id) {
                    self.on_words(&item_id, &delta);
                    let told = SessionEvent::Delta { response: response_id, item_id, text: delta };
                    actions.push(Action::Report(told));
                }
            }
            ServerEvent::SpeechStarted { item_id, at_ms } => {
                self.on_speech_started(SpeechEdge { item_id, at_ms }, &mut actions);
            }
            ServerEvent::SpeechStopped { item_id, at_ms } => {
                actions.push(Action::Report(SessionEvent::CallerSilent(SpeechEdge { item_id, at_ms })));
            }
            ServerEvent::Committed { item_id } => self.on_committed(item_id, &mut actions),
            ServerEvent::Transcribed { item_id, transcript } => {
                self.on_transcribed(item_id, &transcript, &mut actions);
            }
            ServerEvent::NotTranscribed { item_id, error } => {
                actions.push(Action::Notice(Notice::Error(error.word().to_owned())));
                let text = String::new();
                actions.push(Action::Report(SessionEvent::CallerTranscribed { item_id, text }));
            }
            ServerEvent::OutputItemDone { response_id, item } => {
                self.on_item_done(&response_id, item, &mut actions);
                self.advance(&mut actions);
            }
            ServerEvent::ResponseDone(response) => self.on_done(response, &mut actions),
            ServerEvent::Unknown(kind) => actions.push(Action::Notice(Notice::UnknownEvent(kind))),
        }
        actions
    }

    fn on_error(&mut self, error: &ApiError, actions: &mut Vec<Action>) {
        let about = error.event_id.as_deref();
        let code = error.word();
        // Whatever it is about: the session, or our standing with the provider, is at its end.
        match remedy(error) {
            Remedy::Replace => return actions.push(Action::Replace(code.to_owned())),
            Remedy::EndPolitely => return actions.push(Action::GiveUp { code: code.to_owned() }),
            Remedy::Ignore | Remedy::Retry | Remedy::Resync => {}
        }
        if self.update.as_ref().is_some_and(|update| refuses_update(error, &update.event_id)) {
            self.on_update_refused(error, actions);
            return;
        }
        if let Some(report) = self.client_refused(about, code) {
            return actions.push(Action::Report(SessionEvent::Client(report)));
        }
        if about.is_some_and(|about| self.aside_is_over(about)) {
            self.advance(actions);
            return;
        }
        let already_active = code == "conversation_already_has_active_response";
        if already_active || about.is_some_and(|about| about.starts_with("rc_")) {
            if self.sequencer.on_refused(about, already_active) == Refused::Lost {
                self.response_failed(Failed::unheard_of(code), actions);
            }
            self.advance(actions);
            return;
        }
        if let Some(item_id) = about.and_then(|about| about.strip_prefix("ic_")) {
            self.on_item_refused(item_id, code, actions);
            return;
        }
        if code == "response_cancel_not_active" {
            self.sequencer.on_nothing_to_cancel();
            self.advance(actions);
            return;
        }
        // Trouble that belongs to no request of ours: the answers themselves will tell.
        actions.push(Action::Notice(Notice::Error(code.to_owned())));
    }

    fn on_item_added(&mut self, item_id: &ItemId, actions: &mut Vec<Action>) {
        if self.untaken.iter().any(|untaken| untaken.item_id == *item_id) {
            self.on_item_taken(item_id, actions);
            self.advance(actions);
        }
    }

    pub(super) fn on_item_taken(&mut self, item_id: &ItemId, actions: &mut Vec<Action>) {
        if let Some(at) = self.untaken.iter().position(|untaken| untaken.item_id == *item_id) {
            let turn = self.untaken.remove(at).turn;
            actions.push(Action::Report(SessionEvent::Taken { turn }));
        }
    }

    fn on_item_refused(&mut self, item_id: &str, code: &str, actions: &mut Vec<Action>) {
        let item_id = ItemId::from(item_id);
        if code == "item_create_duplicate_item_id" {
            self.on_item_added(&item_id, actions);
            return;
        }
        actions.push(Action::Notice(Notice::Error(code.to_owned())));
        self.on_item_lost(&item_id, code, actions);
        self.advance(actions);
    }

    pub(super) fn on_item_lost(&mut self, item_id: &ItemId, code: &str, actions: &mut Vec<Action>) {
        if let Some(at) = self.untaken.iter().position(|untaken| untaken.item_id == *item_id) {
            let turn = self.untaken.remove(at).turn;
            self.history.retract(item_id);
            actions.push(Action::Report(SessionEvent::NotTaken { turn, code: code.to_owned() }));
        }
    }

    fn on_created(&mut self, response: &Response, actions: &mut Vec<Action>) {
        if self.on_aside_created(response, actions) {
            return;
        }
        let step = self.sequencer.on_created(response.id.clone(), response.token());
        let cancelled = step.is_some();
        self.perform(step, actions);
        if !cancelled {
            self.unsettled = true;
            self.finish_speech(actions);
            self.told.clear();
            actions.push(Action::Report(SessionEvent::ResponseStarted { response: response.id.clone() }));
        }
    }

    fn on_item_done(&mut self, response_id: &ResponseId, item: Item, actions: &mut Vec<Action>) {
        if self.is_aside_response(response_id) {
            return;
        }
        match item.kind.as_str() {
            "message" => self.on_message(response_id, &item, actions),
            "function_call" => self.on_tool_call(response_id, item, actions),
            _ => {}
        }
    }

    fn on_message(&mut self, response_id: &ResponseId, item: &Item, actions: &mut Vec<Action>) {
        let Some(item_id) = item.id.clone() else {
            return;
        };
        if self.spoken.was_cut(&item_id) || !self.told.insert(item_id.clone()) {
            return;
        }
        let is_dropped = self.sequencer.is_dropped(response_id);
        if !item.is_whole() && !is_dropped && self.spoken.is_saying(&item_id) {
            // Its words ran ahead of its audio when it was stopped: the line says how much of them was heard.
            return;
        }
        self.spoken.finished(&item_id);
        if is_dropped {
            // Nobody heard it, so the model shall not believe it said it.
            let event_id = format!("id_{item_id}");
            actions.push(Action::Send(ClientEvent::ItemDelete { event_id, item_id }));
            return;
        }
        let text = item.text();
        if text.is_empty() {
            self.cut_message(actions);
            return;
        }
        self.speaking = false;
        self.answered(actions);
        self.history.push(item_id.clone(), Content::Persona(text.clone()));
        let response = Some(response_id.clone());
        actions.push(Action::Report(SessionEvent::Message { response, item_id, text }));
    }

    fn on_tool_call(&mut self, response_id: &ResponseId, item: Item, actions: &mut Vec<Action>) {
        let whole = item.is_whole() && !self.sequencer.is_dropped(response_id);
        let (Some(id), Some(name)) = (item.call_id, item.name) else {
            return;
        };
        if self.seen.contains(&id) {
            return;
        }
        if self.seen.len() == REMEMBERED_CALLS {
            self.seen.pop_front();
        }
        self.seen.push_back(id.clone());
        let arguments = item.arguments.unwrap_or_default();
        let call = Content::ToolCall { id: id.clone(), name: name.clone(), arguments: arguments.clone() };
        match item.id {
            Some(item_id) => self.history.push(item_id, call),
            None => drop(self.history.add(call)),
        }
        if whole {
            self.unsettled = true;
            self.open.insert(id.clone());
            let response = response_id.clone();
            actions.push(Action::Report(SessionEvent::ToolCalled { response, id, name, arguments }));
        } else {
            self.add(&Content::ToolOutput { id, output: INTERRUPTED.to_owned() }, actions);
        }
    }

    fn on_done(&mut self, response: Response, actions: &mut Vec<Action>) {
        if self.on_aside_done(&response, actions) {
            self.advance(actions);
            return;
        }
        // The safety net: whatever no event of its own announced.
        let response_id = response.id.clone().unwrap_or_else(|| ResponseId::from(""));
        for item in response.output {
            self.on_item_done(&response_id, item, actions);
        }
        let heard = self.sequencer.on_done(response.id.as_ref(), response.metadata.token());
        let usage = response.usage.unwrap_or_default().into();
        let error = response.status_details.error.unwrap_or_default();
        if !heard {
            // Nobody listened to it to its end; it is over all the same, and was paid for.
            let end = ResponseEnd { response: response.id, status: ResponseStatus::Cancelled, usage };
            actions.push(Action::Report(SessionEvent::ResponseDone(end)));
            self.advance(actions);
            return;
        }
        let status = match response.status.as_deref() {
            Some("failed") => {
                self.on_failed(response.id, &error, usage, actions);
                return;
            }
            Some("cancelled") => ResponseStatus::Cancelled,
            Some("incomplete") => {
                let reason = response.status_details.reason.unwrap_or_else(|| "unknown".to_owned());
                ResponseStatus::Incomplete { reason }
            }
            _ => ResponseStatus::Completed,
        };
        self.cut_message(actions);
        // Of what was stopped, the line will say how much was heard.
        if status != ResponseStatus::Cancelled {
            self.finish_speech(actions);
        }
        self.retries = 0;
        let end = ResponseEnd { response: response.id, status, usage };
        actions.push(Action::Report(SessionEvent::ResponseDone(end)));
        self.advance(actions);
    }

    fn on_failed(
        &mut self,
        response: Option<ResponseId>,
        error: &ApiError,
        usage: Usage,
        actions: &mut Vec<Action>,
    ) {
        let what = remedy(error);
        let tried_before = self.retries > 0;
        let fatal = what == Remedy::EndPolitely;
        self.response_failed(Failed { response, code: error.word(), fatal, usage }, actions);
        // A session whose answers fail one after the other will not recover: the next one shall have another. Said
        // before a switch, which leaves it anyway.
        if what == Remedy::Replace || (tried_before && error.word() == "server_error") {
            actions.push(Action::Replace(error.word().to_owned()));
        }
        self.advance(actions);
    }
}
