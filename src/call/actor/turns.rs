//! How a turn goes: the caller's words to the model, the model's words back, until nothing is owed.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::alarm::Alarm;
use super::record::Effect;
use super::{CallData, Due, Phase};
use crate::call::CallError;
use crate::call::conduct::Conduct;
use crate::call::event::CallEvent;
use crate::call::floor::{FloorFull, MAX_WAITING, Request};
use crate::call::turn::Turn;
use crate::id::ItemId;
use crate::session::{ClientOrder, Replacement, SessionError, SessionEvent, SessionMessage};
use crate::tool::ToolStatus;
use crate::transport::TextCommand;
use crate::usage::Usage;

/// What a turn left behind that was given up is stopped within this, or the socket is replaced.
const CLEARING_LIMIT: Duration = Duration::from_secs(5);

impl CallData {
    /// Something needs the floor.
    pub(super) fn ask(&mut self, request: Request) {
        if self.phase == Phase::Ended {
            self.refuse(&request, CallError::Ended);
            return;
        }
        if self.journal_is_stuck || self.journal.is_stalled() {
            self.refuse(&request, CallError::JournalUnavailable);
            return;
        }
        self.requests += 1;
        self.reload_if_due();
        match self.floor.ask(request) {
            Ok(Some(request)) => self.begin(request),
            Ok(None) => {}
            Err(FloorFull(request)) => {
                metrics::counter!("ai_realtime_turn_queue_full_total").increment(1);
                self.refuse(&request, CallError::TurnQueueFull { waiting: MAX_WAITING });
            }
        }
    }

    /// A request has the floor.
    pub(super) fn begin(&mut self, request: Request) {
        self.phase = Phase::Awake;
        match request {
            Request::Say { .. }
            | Request::Hear { .. }
            | Request::Respond { .. }
            | Request::Prompt { .. }
            | Request::Answer => {
                self.begin_turn(request);
            }
            Request::Swap { swap, persona } => self.begin_swap(swap, persona),
        }
    }

    /// Whoever had the floor is done.
    pub(super) fn next(&mut self) {
        self.floor.free();
        if self.reload_if_due() {
            return;
        }
        match self.floor.admit() {
            Some(request) => self.begin(request),
            None if self.floor.is_free() && self.voice.is_none() => {
                self.idle_alarm = self.later(Due::Idle(self.requests), self.dependencies.limits.idle);
            }
            None => {}
        }
    }

    fn begin_turn(&mut self, request: Request) {
        self.turns += 1;
        let number = self.turns;
        let first_seq = self.record(CallEvent::TurnStarted { turn: number });
        self.handoffs.on_turn();
        self.saying.on_begin();
        let mut turn = Turn::new(number, 0, first_seq);
        self.tell_turn(None, None);
        match request {
            Request::Say { saying, text } => {
                turn.saying = saying;
                self.record(CallEvent::CallerText { text: text.clone() });
                self.for_session(SessionMessage::Say { turn: number, text });
            }
            Request::Hear { item_id } => {
                turn.on_taken();
                if let Some(voice) = &mut self.voice {
                    voice.begins_turn(item_id, number);
                }
                self.for_session(SessionMessage::Answer { turn: number });
            }
            Request::Respond { is_spoken, metadata } => {
                turn.on_taken();
                self.tell_turn(is_spoken, Some(metadata));
                let order = ClientOrder::Respond { turn: number, is_spoken };
                self.for_session(SessionMessage::Client(order));
            }
            Request::Prompt { note } => {
                turn.on_taken();
                self.for_session(SessionMessage::Prompt { turn: number, note });
            }
            Request::Answer => {
                turn.on_taken();
                self.for_session(SessionMessage::Answer { turn: number });
            }
            // Not a turn.
            Request::Swap { .. } => return,
        }
        self.turn = Some((turn, Instant::now()));
        self.turn_alarm = self.later(Due::Turn(number), self.dependencies.limits.turn);
    }

    /// The caller has spoken, or done something, while a turn was under way: it is over, and theirs begins.
    pub(super) fn supersede(&mut self, request: Request) {
        match self.turn.take() {
            Some((mut turn, began)) if self.floor.is_open() && !self.journal.is_stalled() => {
                turn.supersede();
                self.close_turn(turn, began);
                self.requests += 1;
                self.begin(request);
            }
            turn => {
                self.turn = turn;
                self.ask(request);
            }
        }
    }

    pub(super) fn for_session(&mut self, message: SessionMessage) {
        let told = match &mut self.voice {
            Some(voice) => {
                if voice.cutting.is_full() {
                    metrics::counter!("ai_realtime_held_after_cut_full_total").increment(1);
                }
                voice.cutting.hold(message)
            }
            None => Some(message),
        };
        if let Some(message) = told {
            self.tell_session(message);
        }
    }

    pub(super) fn tell_session(&mut self, message: SessionMessage) {
        match &self.session {
            // A session that is gone is started again from the journal.
            Some(session) => drop(session.cast(message)),
            None => self.keep_for_session(message),
        }
    }

    pub(super) fn on_session(&mut self, event: SessionEvent) {
        if self.phase == Phase::Ended {
            return;
        }
        let shows = self.client_shows(&event);
        match event {
            SessionEvent::Connected(connection) => self.on_connected(connection),
            SessionEvent::Replaced(Replacement { model, why, connection, replayed_items }) => {
                self.connections = connection;
                self.model = model;
                self.record(CallEvent::ModelReplaced { reason: why, gap_ms: 0, replayed_items });
            }
            SessionEvent::Disconnected { reason } => {
                self.is_connected = false;
                self.record(CallEvent::ModelDisconnected { reason });
                self.on_answering(None);
                self.conduct(Conduct::on_model_lost);
            }
            SessionEvent::Unavailable(error) => self.on_unavailable(error),
            SessionEvent::Configured { revision, way } => self.on_configured(revision, way),
            SessionEvent::ConfigureRejected { revision, why } => self.on_configure_rejected(revision, why),
            SessionEvent::Taken { turn } => self.on_taken(turn),
            SessionEvent::NotTaken { turn, code } => self.on_not_taken(turn, code),
            SessionEvent::ResponseStarted { response } => self.on_answering(Some(response)),
            SessionEvent::Delta { item_id, text, .. } => self.on_delta(&item_id, text),
            SessionEvent::Message { item_id, text, .. } => self.on_message(item_id, text),
            SessionEvent::MessageCut => {
                self.saying.on_end();
                self.record(CallEvent::AssistantInterrupted { played_ms: 0, item_id: None, heard: None });
            }
            SessionEvent::Heard { item_id, played_ms, heard } => self.on_heard(item_id, played_ms, heard),
            SessionEvent::Aside { text } => {
                self.record(CallEvent::AssistantFiller { text });
            }
            SessionEvent::Summarised { through_turn, text, usage } => {
                self.on_summarised(through_turn, text, usage);
            }
            SessionEvent::CallerSpeaks(edge) => {
                self.conduct(Conduct::on_caller_speaks);
                self.show_speech(edge.item_id, true);
            }
            // Whether it counted is asked when the words stand in the conversation.
            SessionEvent::CallerSilent(edge) => self.show_speech(edge.item_id, false),
            SessionEvent::CallerSaid { item_id } => self.on_caller_said(item_id),
            SessionEvent::CallerTranscribed { item_id, text } => self.on_caller_transcribed(&item_id, text),
            SessionEvent::ToolCalled { response, id, name, arguments } => {
                self.on_tool_called(response, id, name, arguments);
            }
            SessionEvent::ResponseDone(end) => {
                self.on_answering(None);
                let error = self.turn.as_mut().and_then(|(turn, _)| turn.on_response(&end));
                error.into_iter().for_each(|error| self.record_error(&error));
            }
            SessionEvent::Settled { turn } => self.on_settled(turn),
            // What it is shown is all that comes of it.
            SessionEvent::Client(_) => {}
        }
        shows.into_iter().for_each(|show| self.show_client(show));
    }

    fn on_connected(&mut self, connection: crate::session::Connection) {
        self.is_connected = true;
        self.connections = connection.connection;
        self.model = connection.model;
        self.record(if connection.connection == 1 {
            CallEvent::ModelConnected { connection: 1 }
        } else {
            CallEvent::ModelReconnected {
                attempt: connection.attempt,
                gap_ms: connection.gap_ms,
                replayed_items: connection.replayed_items,
            }
        });
        self.on_client_ready();
    }

    fn on_summarised(&mut self, through_turn: u64, text: String, usage: Usage) {
        let model = Some(self.model.to_string());
        self.record(CallEvent::ConversationSummarised { through_turn, text, usage, model });
    }

    fn on_unavailable(&mut self, error: SessionError) {
        let error = match error {
            SessionError::Refused { code } => CallError::ModelRefused { code },
            SessionError::Unreachable { .. } => CallError::ModelUnavailable,
        };
        self.record_error(&error);
        self.fail_under_way(&error);
        self.conduct(Conduct::on_model_gone);
    }

    /// Nothing that is under way will come to a good end.
    pub(super) fn fail_under_way(&mut self, error: &CallError) {
        if let Some((mut turn, began)) = self.turn.take() {
            turn.fail(error.clone());
            // The session may have taken the turn up since it said so.
            self.for_session(SessionMessage::Abandon);
            self.close_turn(turn, began);
            self.fail_swap(error);
            self.next();
        } else if self.clearing.take().is_some() {
            self.next();
        } else {
            self.fail_swap(error);
        }
    }

    fn on_taken(&mut self, number: u64) {
        if let Some((turn, _)) = self.turn.as_mut().filter(|(turn, _)| turn.number == number) {
            turn.on_taken();
            let (saying, first_seq) = (turn.saying, turn.first_seq);
            self.hold(Effect::Line(TextCommand::Taken { saying, turn: number, first_seq }));
        }
    }

    fn on_not_taken(&mut self, number: u64, code: String) {
        let error = CallError::ModelFailed { code };
        if self.turn.as_ref().is_some_and(|(turn, _)| turn.number == number) {
            self.give_up_turn(error);
        }
    }

    fn on_delta(&mut self, item_id: &ItemId, text: String) {
        // Of a turn that was given up nobody wants to hear more.
        let Some((turn, began)) = &mut self.turn else {
            return;
        };
        turn.on_word(elapsed_ms(*began));
        self.saying.on_words(item_id, &text);
        self.record(CallEvent::AssistantDelta { text: text.clone() });
        if self.dependencies.replies.is_some() {
            self.hold(Effect::Words(text));
        }
    }

    fn on_message(&mut self, item_id: ItemId, text: String) {
        self.saying.on_end();
        let item_id = self.voice.is_some().then_some(item_id);
        self.record(CallEvent::AssistantText { text: text.clone(), item_id });
        if let Some((turn, began)) = &mut self.turn {
            turn.on_message(text, elapsed_ms(*began));
        }
        if self.dependencies.replies.is_some() {
            self.hold(Effect::Words("\n".to_owned()));
        }
    }

    /// The model owes nothing more for this turn. What is said of an older one says nothing of the present one.
    fn on_settled(&mut self, number: u64) {
        if let Some((turn, began)) = self.turn.take_if(|(turn, _)| turn.number == number) {
            self.restarts = 0;
            self.close_turn(turn, began);
            self.next();
        } else if self.clearing.take_if(|clearing| *clearing == number).is_some() {
            self.next();
        }
    }

    /// The turn's end is written; whoever waits for it is answered.
    pub(super) fn close_turn(&mut self, turn: Turn, began: Instant) {
        self.turn_alarm = Alarm::default();
        self.tell_turn_over(&turn);
        let saying = turn.saying;
        let duration_ms = elapsed_ms(began);
        metrics::histogram!("ai_realtime_turn_seconds").record(began.elapsed().as_secs_f64());
        let (event, outcome) = turn.finish(self.handoffs.active().clone(), &self.model, duration_ms);
        self.record(event);
        self.hold(Effect::Line(TextCommand::Done { saying, outcome }));
    }

    /// The turn is given up: the caller is told now, the floor is free when its leftovers are stopped.
    fn give_up_turn(&mut self, error: CallError) {
        let Some((mut turn, began)) = self.turn.take() else {
            return;
        };
        let number = turn.number;
        self.record_error(&error);
        self.fail_tools(ToolStatus::Timeout);
        self.undo_swap(&error);
        turn.fail(error);
        self.close_turn(turn, began);
        self.clearing = Some(number);
        self.for_session(SessionMessage::Abandon);
        self.conduct(Conduct::on_given_up);
        self.turn_alarm = self.later(Due::Clearing(number), CLEARING_LIMIT);
    }

    /// Whoever asked for the answer wants it no more: what they heard of it is what was said.
    pub(super) fn cancel_turn(&mut self) {
        let Some((mut turn, began)) = self.turn.take() else {
            return;
        };
        let number = turn.number;
        self.undo_swap(&CallError::Interrupted);
        turn.supersede();
        self.close_turn(turn, began);
        self.clearing = Some(number);
        self.for_session(SessionMessage::Client(ClientOrder::Stop));
        self.turn_alarm = self.later(Due::Clearing(number), CLEARING_LIMIT);
    }

    pub(super) fn record_error(&mut self, error: &CallError) {
        let code = error.code().to_owned();
        tracing::warn!(code, error = %error, "the caller may notice an error");
        self.record(CallEvent::Error { code, error: error.to_string() });
        self.refuse_wish(None, error.code(), error.to_string());
    }

    pub(super) fn on_due(&mut self, due: Due) {
        match due {
            Due::Turn(number) => {
                if self.turn.as_ref().is_some_and(|(turn, _)| turn.number == number) {
                    let limit_ms = self.dependencies.limits.turn.as_millis() as u64;
                    self.give_up_turn(CallError::ModelTimeout { limit_ms });
                }
            }
            Due::Clearing(number) => {
                if self.clearing.take_if(|clearing| *clearing == number).is_some() {
                    self.for_session(SessionMessage::Replace("an answer could not be stopped".to_owned()));
                    self.next();
                }
            }
            Due::Idle(requests) => {
                if self.requests == requests && self.floor.is_free() && self.phase == Phase::Awake {
                    self.phase = Phase::Asleep { since: Timestamp::now() };
                    self.for_session(SessionMessage::Sleep);
                }
            }
            Due::Held(journaled) => self.on_held_too_long(journaled),
            Due::Unsent => self.send_unsent(),
            Due::Voice(timer) => self.on_voice_timer(timer),
            Due::Keys(press) => self.on_keys_pause(press),
            Due::Filler(number) => self.on_filler_due(number),
            Due::LineRestarted => self.on_line_restarted(),
            Due::Tools => self.start_session_now(),
            Due::End => self.myself.stop(Some("the journal cannot be closed".to_owned())),
        }
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
