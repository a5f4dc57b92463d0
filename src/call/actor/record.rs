//! What the call writes down, and what waits until it is written.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::oneshot;

use super::alarm::Alarm;
use super::screen::NOBODY_WAITS;
use super::voice::{LineOrder, Voice};
use super::{CallData, Due, END_LIMIT, Phase, TextLineMessage};
use crate::call::event::{CallEvent, EndReason};
use crate::call::floor::Request;
use crate::call::journal::to_the_millisecond;
use crate::call::{CallError, CallState, Reply};
use crate::id::{PersonaKey, ToolCallId};
use crate::persona::actor::PersonaMessage;
use crate::store::EffectKey;
use crate::tool::{ToolOutcome, ToolStatus};
use crate::transport::{TextCommand, TextMessage};

/// What waits for the journal is given up after this long without anything written.
const HELD_LIMIT: Duration = Duration::from_secs(5);
/// When the writer had no room, it is asked again after this.
const UNSENT_WAIT: Duration = Duration::from_millis(50);

/// Something visible outside, that must not be seen before what it shows is written.
#[derive(Debug)]
pub(super) enum Effect {
    Line(TextCommand<Reply, CallError>),
    Activated(oneshot::Sender<Result<PersonaKey, CallError>>, Result<PersonaKey, CallError>),
    Words(String),
    Voice(LineOrder),
    /// A tool that changes something.
    Run {
        tool_call: ToolCallId,
        run: Box<PersonaMessage>,
    },
    /// The output of such a tool.
    Delivered(EffectKey),
    Quiet(oneshot::Sender<()>),
    Ended(Option<oneshot::Sender<Result<(), CallError>>>),
}

fn not_begun() -> ToolOutcome {
    let output = json!({"error": "nothing was done: the service cannot write its journal now"}).to_string();
    ToolOutcome { output, status: ToolStatus::Error, duration_ms: 0 }
}

impl CallData {
    /// Numbers an event and hands it to the writer.
    pub(super) fn record(&mut self, event: CallEvent) -> u64 {
        let shown = self.to_show(&event);
        let seq = self.journal.record(event, to_the_millisecond(Timestamp::now()));
        self.send_unsent();
        self.show_event(shown);
        seq
    }

    /// Does something visible once everything recorded so far is written.
    pub(super) fn hold(&mut self, effect: Effect) {
        let is_first = !self.journal.holds_anything();
        match self.journal.hold(effect) {
            Some(effect) => self.perform(effect),
            None if is_first => {
                self.held_alarm = self.later(Due::Held(self.journal.journaled()), HELD_LIMIT);
            }
            None => {}
        }
    }

    /// What waits for the journal is not kept waiting for ever: whoever asked is told that nothing is promised.
    pub(super) fn on_held_too_long(&mut self, journaled: u64) {
        if !self.journal.holds_anything() {
            return;
        }
        if self.journal.journaled() > journaled {
            self.held_alarm = self.later(Due::Held(self.journal.journaled()), HELD_LIMIT);
            return;
        }
        self.journal_is_stuck = true;
        for request in self.floor.clear() {
            self.refuse(&request, CallError::JournalUnavailable);
        }
        let unwritten = CallError::JournalUnavailable;
        for effect in self.journal.give_up_held() {
            match effect {
                Effect::Line(TextCommand::Taken { saying, .. } | TextCommand::Done { saying, .. }) => {
                    self.for_line(TextMessage::Command(TextCommand::Done {
                        saying,
                        outcome: Err(unwritten.clone()),
                    }));
                }
                Effect::Activated(reply, _) => drop(reply.send(Err(unwritten.clone()))),
                Effect::Ended(Some(reply)) => drop(reply.send(Err(unwritten.clone()))),
                Effect::Run { tool_call, .. } => self.on_tool_done(&tool_call, &not_begun()),
                // Dropping it says as much. The ledger is not told, and finds out when it is asked.
                Effect::Quiet(_) | Effect::Words(_) | Effect::Ended(None) | Effect::Delivered(_) => {}
                // The caller is on the line: what was decided is done, written or not.
                Effect::Voice(order) => self.for_voice(order),
            }
        }
    }

    pub(super) fn send_unsent(&mut self) {
        let owner = self.myself.get_derived();
        while let Some(record) = self.journal.next_unsent() {
            if let Err(record) = self.dependencies.journal.write(record, &owner) {
                self.journal.not_sent(record);
                metrics::counter!("ai_realtime_journal_waits_total").increment(1);
                self.unsent_alarm = self.later(Due::Unsent, UNSENT_WAIT);
                return;
            }
        }
    }

    pub(super) fn on_written(&mut self, through: u64) {
        self.journal_is_stuck = false;
        let effects = self.journal.on_written(through);
        if !self.journal.holds_anything() {
            self.held_alarm = Alarm::default();
        }
        // Whoever is answered now may look at the call next: it shows itself first.
        self.show();
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Line(command) => self.for_line(TextMessage::Command(command)),
            // Whoever asked may have gone.
            Effect::Activated(reply, result) => drop(reply.send(result)),
            Effect::Words(words) => {
                if let Some(replies) = &self.dependencies.replies {
                    replies(&words);
                }
            }
            Effect::Voice(order) => self.for_voice(order),
            // One that was given up meanwhile was answered: it must not be begun any more.
            Effect::Run { tool_call, run } => {
                if self.running.contains_key(&tool_call) && self.phase != Phase::Ended {
                    self.run_tool(*run);
                }
            }
            Effect::Delivered(key) => self.remember_delivery(key),
            Effect::Quiet(quiet) => drop(quiet.send(())),
            Effect::Ended(reply) => {
                if let Some(reply) = reply {
                    let _ = reply.send(Ok(()));
                }
                self.myself.stop(Some("ended".to_owned()));
            }
        }
    }

    /// The ledger is told aside; it may forget nothing by not being told.
    fn remember_delivery(&self, key: EffectKey) {
        let store = self.dependencies.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.delivered(&key).await {
                tracing::warn!(%error, "the ledger was not told of a delivery");
            }
        });
    }

    pub(super) fn for_line(&mut self, message: TextLineMessage) {
        // A line that is gone begins again by itself.
        let _ = self.line.cast(message);
    }

    /// Ends the call: whoever waits is told, the journal is closed, then the actor stops.
    pub(super) fn end(&mut self, reason: EndReason, reply: Option<oneshot::Sender<Result<(), CallError>>>) {
        if self.phase == Phase::Ended {
            self.hold(Effect::Ended(reply));
            return;
        }
        if let Some((mut turn, began)) = self.turn.take() {
            turn.cancel();
            self.close_turn(turn, began);
        }
        self.floor.close();
        self.refuse_everyone(&CallError::Ended);
        if !self.knows_itself() {
            // What it was is not known yet: its end is written when it is.
            let (_, replies) = self.early_end.get_or_insert_with(|| (reason, Vec::new()));
            replies.extend(reply);
            return;
        }
        self.phase = Phase::Ended;
        self.record(CallEvent::CallEnded { reason });
        tracing::info!(?reason, "the call ends");
        self.hold(Effect::Ended(reply));
        self.end_alarm = self.later(Due::End, END_LIMIT);
    }

    /// Whether the journal was read: what is recorded before that would be numbered as if there were nothing in it.
    pub(super) fn knows_itself(&self) -> bool {
        self.phase != Phase::Starting || self.journal.last() > 0
    }

    /// Whoever wants to stop the call is told when that costs nobody an answer.
    pub(super) fn drain(&mut self) {
        let is_spoken_to = self.voice.as_ref().is_some_and(Voice::needs_us) && self.phase != Phase::Ended;
        if self.floor.is_quiet()
            && !is_spoken_to
            && let Some(quiet) = self.draining.take()
        {
            self.hold(Effect::Quiet(quiet));
        }
    }

    /// Everyone who waits for the floor is told that they will not have it.
    pub(super) fn refuse_everyone(&mut self, error: &CallError) {
        for request in self.floor.clear() {
            self.refuse(&request, error.clone());
        }
        for (_, reply) in std::mem::take(&mut self.swap_replies) {
            let _ = reply.send(Err(error.clone()));
        }
    }

    /// Nothing of a refused request was recorded: its answer waits for nothing.
    pub(super) fn refuse(&mut self, request: &Request, error: CallError) {
        match *request {
            Request::Say { saying, .. } => {
                if saying == NOBODY_WAITS {
                    self.show_refusal(&error, None);
                }
                self.for_line(TextMessage::Command(TextCommand::Done { saying, outcome: Err(error) }));
            }
            // Nobody waits for an answer to it.
            Request::Hear { .. } | Request::Prompt { .. } | Request::Answer => {}
            Request::Respond { .. } => self.refuse_wish(None, error.code(), error.to_string()),
            Request::Swap { swap, .. } => {
                if let Some(reply) = self.swap_replies.remove(&swap) {
                    let _ = reply.send(Err(error));
                }
            }
        }
    }

    pub(super) fn answer_swap(&mut self, swap: u64, result: Result<PersonaKey, CallError>) {
        if let Some(reply) = self.swap_replies.remove(&swap) {
            self.hold(Effect::Activated(reply, result));
        }
    }

    /// Shows the call as it stands: its events as far as they are written, the rest once all are.
    pub(super) fn show(&mut self) {
        let journaled = self.journal.journaled();
        let settled = journaled == self.journal.last();
        let state = self.state();
        self.snapshot.send_if_modified(|shown| {
            let mut next = shown.clone();
            next.journaled = journaled;
            next.first_seq = self.first_seq;
            next.asleep_since = match self.phase {
                Phase::Asleep { since } => Some(since),
                Phase::Starting | Phase::Awake | Phase::Ended => None,
            };
            if settled {
                next.persona = self.handoffs.active().clone();
                next.state = state;
                next.started_at = self.started_at;
                next.turns = self.turns;
            }
            let changed = next != *shown;
            *shown = next;
            changed
        });
    }

    fn state(&self) -> CallState {
        let busy = self.turn.is_some() || self.clearing.is_some() || self.swapping.is_some();
        match self.phase {
            Phase::Ended => CallState::Ended,
            Phase::Starting => CallState::Starting,
            Phase::Awake | Phase::Asleep { .. } if busy => CallState::Answering,
            Phase::Awake => CallState::Listening,
            Phase::Asleep { .. } => CallState::Asleep,
        }
    }
}
