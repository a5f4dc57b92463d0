//! The conversation with the model, as one state machine: what was asked, what was answered, what is owed. Pure:
//! intents, server events and deadlines come in, actions go out.

mod action;
mod beside;
mod client;
mod events;
mod remember;
mod spoken;
mod stuck;
mod succession;
#[cfg(test)]
mod tests;
mod update;

use std::collections::{BTreeSet, VecDeque};

use self::beside::Beside;
use self::client::ClientSide;
use self::remember::Summaries;
use self::spoken::Spoken;
use self::update::Update;
use super::capability::Capability;
use super::config::SessionConfig;
use super::history::{Content, History, INTERRUPTED};
use super::limits::SessionLimits;
use super::restore::{Age, Restore};
use super::sequencer::{Sequencer, Step};
use super::watchdog::Watchdog;
use super::{ResponseEnd, ResponseStatus, SessionEvent};
use crate::id::{ItemId, ResponseId, ToolCallId};
use crate::protocol::openai::{ClientEvent, NewItem, ResponseParams};
use crate::usage::Usage;

pub(super) use self::action::create_item;
pub use self::action::{Action, Deadline, Notice, RETRY_WAIT};
pub use self::spoken::said_within;
pub(super) use self::update::refuses_update;

/// A failed response is tried so often again.
const MAX_RETRIES: u32 = 1;
/// So many tool calls are remembered as answered, to tell a repeated announcement from a new one.
const REMEMBERED_CALLS: usize = 256;

/// What the caller said, as long as the model has not taken it.
#[derive(Debug)]
struct Untaken {
    turn: u64,
    item_id: ItemId,
}

/// A response that is not coming, or not to its end.
struct Failed<'a> {
    response: Option<ResponseId>,
    code: &'a str,
    fatal: bool,
    usage: Usage,
}

impl<'a> Failed<'a> {
    /// It never began.
    fn unheard_of(code: &'a str) -> Self {
        Self { response: None, code, fatal: false, usage: Usage::default() }
    }
}

/// The conversation with the model.
#[derive(Debug)]
pub struct Dialogue {
    up: bool,
    sequencer: Sequencer,
    history: History,
    /// What was asked for last.
    desired: SessionConfig,
    /// What the model confirmed last, on this socket or an earlier one.
    confirmed: SessionConfig,
    in_force: Option<SessionConfig>,
    update: Option<Update>,
    /// Numbers updates and cancels.
    event_ids: u64,
    /// Revisions that wait for a socket, or for the update in flight to be answered.
    waiting_revisions: Vec<u64>,
    /// Items that wait for the update in flight to be answered.
    held: Vec<NewItem>,
    untaken: Vec<Untaken>,
    /// Tool calls the model waits for.
    open: BTreeSet<ToolCallId>,
    /// Those of them that the caller has talked past: they hold up no answer any more.
    passed_over: BTreeSet<ToolCallId>,
    seen: VecDeque<ToolCallId>,
    /// Messages of the response under way that were told already.
    told: BTreeSet<ItemId>,
    owes_answer: bool,
    retry_is_due: bool,
    retries: u32,
    speaking: bool,
    unsettled: bool,
    turn: u64,
    spoken: Spoken,
    /// What the model of the present socket can do, and how far its session has come.
    capability: Capability,
    age: Age,
    /// The socket that is to take the place of the present one, or of the one that was lost.
    next: Option<Restore>,
    client: ClientSide,
    beside: Beside,
    summaries: Summaries,
    watchdog: Watchdog,
    limits: SessionLimits,
}

impl Dialogue {
    /// A conversation that begins, or goes on, with this configuration.
    pub fn new(config: SessionConfig, history: History, capability: Capability) -> Self {
        Self {
            up: false,
            sequencer: Sequencer::default(),
            history,
            desired: config.clone(),
            confirmed: config,
            in_force: None,
            update: None,
            event_ids: 0,
            waiting_revisions: Vec::new(),
            held: Vec::new(),
            untaken: Vec::new(),
            open: BTreeSet::new(),
            passed_over: BTreeSet::new(),
            seen: VecDeque::new(),
            told: BTreeSet::new(),
            owes_answer: false,
            retry_is_due: false,
            retries: 0,
            speaking: false,
            unsettled: false,
            turn: 0,
            spoken: Spoken::default(),
            capability,
            age: Age::default(),
            next: None,
            client: ClientSide::default(),
            beside: Beside::default(),
            summaries: Summaries::default(),
            watchdog: Watchdog::default(),
            limits: SessionLimits::default(),
        }
    }

    /// The same, with other limits.
    pub fn within(self, limits: SessionLimits) -> Self {
        Self { limits, ..self }
    }

    /// Whether anything is owed: a socket that is lost now must be replaced at once.
    pub fn is_unsettled(&self) -> bool {
        self.unsettled || !self.waiting_revisions.is_empty() || self.update.is_some()
    }

    /// How many things the limits of the history have cost so far.
    pub fn forgotten(&self) -> u64 {
        self.history.forgotten()
    }

    /// The caller says something, and wants an answer.
    pub fn say(&mut self, turn: u64, text: String) -> Vec<Action> {
        let mut actions = Vec::new();
        self.retries = 0;
        self.turn = turn;
        self.unsettled = true;
        let content = Content::Caller(text);
        let item_id = self.history.add(content.clone());
        self.history.begins_turn(turn, item_id.clone());
        self.untaken.push(Untaken { turn, item_id: item_id.clone() });
        if self.up {
            self.send_item(History::item(item_id.clone(), &content), &mut actions);
            actions.push(Action::Arm(Deadline::Item(item_id), self.limits.item));
        }
        self.sequencer.want();
        self.advance(&mut actions);
        actions
    }

    /// The service has something to note, to which nobody need answer.
    pub fn note(&mut self, text: String) -> Vec<Action> {
        let mut actions = Vec::new();
        self.add(&Content::Note(text), &mut actions);
        actions
    }

    /// A tool gave its output. Only the first output of an open tool call counts.
    pub fn tool_output(&mut self, id: &ToolCallId, output: String) -> Vec<Action> {
        if !self.open.remove(id) {
            return vec![Action::Notice(Notice::StrayOutput)];
        }
        self.passed_over.remove(id);
        let mut actions = Vec::new();
        self.add(&Content::ToolOutput { id: id.clone(), output }, &mut actions);
        self.owes_answer = true;
        self.advance(&mut actions);
        actions
    }

    /// Takes everything before the caller's last words out of the model's sight.
    pub fn forget_before_turn(&mut self) -> Vec<Action> {
        let forgotten = self.history.forget_before_turn();
        if !self.up {
            return Vec::new();
        }
        let delete = |item_id: ItemId| {
            Action::Send(ClientEvent::ItemDelete { event_id: format!("id_{item_id}"), item_id })
        };
        forgotten.into_iter().map(delete).collect()
    }

    /// Nobody waits for an answer any more: whatever is under way is stopped, and open tool calls are answered.
    pub fn abandon(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        let step = self.sequencer.cancel();
        self.perform(step, &mut actions);
        self.cut_message(&mut actions);
        self.answer_open_calls(&mut actions);
        self.owes_answer = false;
        self.retry_is_due = false;
        if !self.up {
            self.retract_untaken();
        }
        self.advance(&mut actions);
        actions
    }

    fn answer_open_calls(&mut self, actions: &mut Vec<Action>) {
        self.passed_over.clear();
        for id in std::mem::take(&mut self.open) {
            self.add(&Content::ToolOutput { id, output: INTERRUPTED.to_owned() }, actions);
        }
    }

    /// What the model never took was never said.
    pub fn retract_untaken(&mut self) {
        for untaken in self.untaken.drain(..) {
            self.history.retract(&untaken.item_id);
        }
    }

    /// A deadline has come.
    pub fn on_deadline(&mut self, deadline: &Deadline) -> Vec<Action> {
        let mut actions = Vec::new();
        match deadline {
            Deadline::Update(event_id) => {
                if self.update.as_ref().is_some_and(|update| update.event_id == *event_id) {
                    actions.push(Action::Replace("session.update was not answered".to_owned()));
                }
            }
            Deadline::Item(item_id) => {
                if self.up && self.untaken.iter().any(|untaken| untaken.item_id == *item_id) {
                    actions.push(Action::Replace("conversation.item.create was not answered".to_owned()));
                }
            }
            Deadline::Created(token) => {
                if self.sequencer.on_overdue(token) {
                    self.on_stuck("response_overdue", &mut actions);
                }
                self.advance(&mut actions);
            }
            Deadline::Progress(number) => self.look(*number, &mut actions),
            Deadline::Aside(token) | Deadline::Summary(token) => {
                self.aside_is_over(token);
                self.advance(&mut actions);
            }
            Deadline::Age(stage) => self.on_age(*stage, &mut actions),
            Deadline::Again => self.on_again(&mut actions),
            // Of a socket that is the present one by now.
            Deadline::Primed(_) | Deadline::Patience => {}
            Deadline::Retry => {
                if std::mem::take(&mut self.retry_is_due) {
                    self.owes_answer = true;
                    self.advance(&mut actions);
                }
            }
        }
        actions
    }

    /// Asks for what may be asked for now, and says so when nothing more is owed.
    fn advance(&mut self, actions: &mut Vec<Action>) {
        self.move_on(actions);
        // What is said beside the conversation would be mixed with an answer's audio.
        if self.update.is_some() || self.is_aside() || self.is_moving() {
            return;
        }
        // An output may come while its response still asks for more tools: an answer now would not know theirs.
        if self.open.is_subset(&self.passed_over) {
            if std::mem::take(&mut self.owes_answer) {
                self.sequencer.want();
            }
            if self.up
                && let Some(create) = self.sequencer.release()
            {
                // Whatever was owed comes with this one.
                self.retry_is_due = false;
                self.perform(Some(create), actions);
            }
        }
        let nothing_owed = self.sequencer.is_quiet()
            && self.open.is_empty()
            && self.untaken.is_empty()
            && !self.retry_is_due;
        if self.unsettled && nothing_owed {
            self.unsettled = false;
            actions.push(Action::Report(SessionEvent::Settled { turn: self.turn }));
            self.summarise_older(actions);
        }
    }

    fn perform(&mut self, step: Option<Step>, actions: &mut Vec<Action>) {
        match step {
            Some(Step::Create { token }) => {
                let output_modalities = self.client.modalities();
                let response = ResponseParams { output_modalities, ..ResponseParams::marked(&token) };
                actions.push(Action::Arm(Deadline::Created(token.clone()), self.limits.created));
                actions.push(Action::Send(ClientEvent::ResponseCreate { event_id: token, response }));
            }
            Some(Step::Cancel { response_id }) if self.up => {
                actions.extend(response_id.clone().map(Action::Refuse));
                self.event_ids += 1;
                let event_id = format!("cancel_{}", self.event_ids);
                actions.push(Action::Send(ClientEvent::ResponseCancel { event_id, response_id }));
            }
            Some(Step::Cancel { .. }) | None => {}
        }
    }

    fn add(&mut self, content: &Content, actions: &mut Vec<Action>) {
        let item_id = self.history.add(content.clone());
        if self.up {
            self.send_item(History::item(item_id, content), actions);
        }
    }

    /// Nothing is created between an update and its answer.
    fn send_item(&mut self, item: NewItem, actions: &mut Vec<Action>) {
        if self.update.is_none() {
            actions.push(Action::Send(create_item(item)));
        } else {
            self.held.push(item);
        }
    }

    fn cut_message(&mut self, actions: &mut Vec<Action>) {
        if std::mem::take(&mut self.speaking) {
            actions.push(Action::Report(SessionEvent::MessageCut));
        }
    }

    /// A response is not coming: once more, or the owner is told.
    fn response_failed(&mut self, failed: Failed<'_>, actions: &mut Vec<Action>) {
        let Failed { response, code, fatal, usage } = failed;
        self.cut_message(actions);
        actions.extend(response.clone().map(Action::Refuse));
        let status = if !fatal && self.retries < MAX_RETRIES {
            self.break_off_speech(actions);
            self.retries += 1;
            self.retry_is_due = true;
            actions.push(Action::Arm(Deadline::Retry, RETRY_WAIT));
            ResponseStatus::Retrying
        } else {
            // Its words may be ahead of its voice, of which no more comes.
            self.cut_short(actions);
            ResponseStatus::Failed { code: code.to_owned(), fatal }
        };
        let end = ResponseEnd { response, status, usage };
        actions.push(Action::Report(SessionEvent::ResponseDone(end)));
    }
}
