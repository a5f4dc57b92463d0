//! A part of the call has failed: it begins again, and what it was doing is taken up where it stopped.

use std::sync::Arc;
use std::time::Duration;

use ractor::{ActorCell, ActorProcessingErr};

use super::children::{caller_facts, spawn_line, spawn_persona};
use super::recall::{Asked, Lost, recall};
use super::tools::Running;
use super::voice::{LineOrder, Voice};
use super::{CallData, Due, Phase};
use crate::call::conduct::Conduct;
use crate::call::event::{CallEvent, EndReason, LineEnd};
use crate::call::floor::Request;
use crate::call::saying::Owed;
use crate::call::{CallError, Part};
use crate::id::{ItemId, ToolCallId};
use crate::persona::actor::PersonaMessage;
use crate::session::{
    Content, SessionArguments, SessionConfig, SessionMessage, Told, go_on_note, said_within,
};
use crate::transport::browser::BrowserMessage;
use crate::transport::twilio::PhoneMessage;
use crate::transport::{LineCommand, StreamEnd, TextMessage};

/// Children that fail may be started again so often without a turn in between that ends well; then the call ends.
const MAX_RESTARTS: u32 = 3;
/// Tools that were under way when the session failed are waited for so long, so that the next one knows what they gave.
const TOOLS_LIMIT: Duration = Duration::from_secs(5);
/// What is kept of a caller's words while there is no model lasts so long.
const SPOKEN_PATIENCE: Duration = Duration::from_secs(10);
/// Whoever writes waits as long as a turn may take, and it is the turn that ends first.
const WRITTEN_GRACE: Duration = Duration::from_secs(1);
/// Outputs that are kept for a session that is about to begin.
const MAX_LATE_OUTPUTS: usize = 64;

impl CallData {
    /// A child is gone though nobody stopped it.
    pub(super) async fn on_child_gone(
        &mut self,
        child: &ActorCell,
        why: &str,
    ) -> Result<(), ActorProcessingErr> {
        let Some(part) = self.part(child) else {
            return Ok(());
        };
        self.restarts += 1;
        metrics::counter!("ai_realtime_child_restarts_total", "part" => part.as_str()).increment(1);
        // What a panic says may quote what was said: it is no line for everybody.
        tracing::debug!(call_id = %self.call_id, why, "a part of the call failed");
        tracing::error!(call_id = %self.call_id, restarts = self.restarts, part = part.as_str(),
            "a part of the call failed");
        if self.restarts > MAX_RESTARTS {
            self.end(EndReason::Failed, None);
            return Ok(());
        }
        match part {
            Part::Session => self.on_session_failed(),
            Part::Persona => {
                let facts = caller_facts(self.voice.as_ref(), self.business.as_ref(), &self.dependencies);
                self.persona = spawn_persona(&self.myself, &self.call_id, &self.dependencies, facts).await?;
                self.on_persona_lost();
            }
            Part::Line if child.get_id() == self.line.get_id() => {
                // Whoever waited for an answer on it is told to try again.
                self.lines_failed += 1;
                self.line = spawn_line(&self.myself, self.lines_failed).await?;
            }
            Part::Line => self.restart_voice_line().await?,
            // These are no children.
            Part::Call | Part::Tool => {}
        }
        Ok(())
    }

    fn part(&self, child: &ActorCell) -> Option<Part> {
        let id = child.get_id();
        if id == self.line.get_id() || self.voice.as_ref().is_some_and(|voice| voice.is_line(id)) {
            Some(Part::Line)
        } else if self.session.as_ref().is_some_and(|session| session.get_id() == id) {
            Some(Part::Session)
        } else if id == self.persona.get_id() {
            Some(Part::Persona)
        } else {
            None
        }
    }

    fn on_session_failed(&mut self) {
        self.floor.close();
        self.session = None;
        if std::mem::take(&mut self.is_connected) {
            self.record(CallEvent::ModelDisconnected { reason: "session_failed".to_owned() });
        }
        if let Some(client) = self.client() {
            client.is_ready = false;
            client.must_introduce = true;
        }
        self.show_lost();
        let owed = self.break_off();
        self.on_answering(None);
        self.conduct(Conduct::on_model_lost);
        self.fail_under_way(&CallError::ModelFailed { code: "session_failed".to_owned() });
        recall(&self.myself, &self.dependencies, &self.call_id, Asked::default(), Lost::Session);
        owed.into_iter().for_each(|request| self.ask(request));
    }

    /// What was being said ends where its audio does. Answers what is to be asked for once there is a session again; who
    /// writes is told that it failed, and asks again.
    fn break_off(&mut self) -> Option<Request> {
        let turn = self.turn.as_ref().map(|(turn, _)| turn.number);
        let is_heard_again =
            turn.zip(self.voice.as_ref()).is_some_and(|(turn, voice)| voice.is_unwritten(turn));
        match (self.saying.on_lost(turn.is_some(), is_heard_again), &self.voice) {
            (Owed::Rest { item_id, text }, Some(voice)) => {
                let played_ms = received_ms(voice, &item_id);
                let heard = said_within(&text, played_ms);
                voice.lane.end_persona();
                let (item_id, words) = (Some(item_id), Some(heard.clone()));
                self.record(CallEvent::AssistantInterrupted { played_ms, item_id, heard: words });
                match heard.is_empty() {
                    false => Some(Request::Prompt { note: go_on_note(&heard) }),
                    true => turn.filter(|_| !is_heard_again).map(|_| Request::Answer),
                }
            }
            (Owed::Rest { .. }, None) => {
                self.record(CallEvent::AssistantInterrupted { played_ms: 0, item_id: None, heard: None });
                None
            }
            (owed, Some(voice)) => {
                voice.lane.end_persona();
                (owed == Owed::Answer).then_some(Request::Answer)
            }
            (Owed::Answer | Owed::Nothing, None) => None,
        }
    }

    /// The line begins anew on the same lane. The caller's stream is gone with the one before, and comes back by itself.
    async fn restart_voice_line(&mut self) -> Result<(), ActorProcessingErr> {
        let Some(voice) = &mut self.voice else {
            return Ok(());
        };
        voice.restart_line(&self.myself, &self.call_id, &self.dependencies).await?;
        if voice.conduct.is_line_up() {
            self.record(CallEvent::LineDown { how: LineEnd::Lost });
            self.conduct(|conduct| conduct.on_line_down(StreamEnd::Lost));
        }
        // The line before took with it how the session is.
        self.show_view();
        // Behind everything that the line before told.
        let _ = self.myself.cast(super::CallMessage::Due(Due::LineRestarted));
        Ok(())
    }

    /// Interruptions that the line before was asked for and did not perform are performed by this one.
    pub(super) fn on_line_restarted(&self) {
        let Some(voice) = &self.voice else {
            return;
        };
        for _ in 0..voice.cutting.pending() {
            let active = voice.active.clone();
            self.for_voice(LineOrder::Any(LineCommand::Interrupt { active }));
        }
    }

    /// The session can begin. What tools give that outlived the one before is part of what it is to know.
    pub(super) fn begin_session(&mut self, config: SessionConfig) {
        self.starting = Some(config);
        if self.running.is_empty() {
            return self.start_session_now();
        }
        self.tools_alarm = self.later(Due::Tools, TOOLS_LIMIT);
    }

    pub(super) fn begin_session_if_quiet(&mut self) {
        if self.running.is_empty() && self.starting.is_some() {
            self.start_session_now();
        }
    }

    pub(super) fn start_session_now(&mut self) {
        let Some(config) = self.starting.take() else {
            return;
        };
        self.tools_alarm = super::Alarm::default();
        let mut history: Vec<_> =
            self.recalled.take().map(|conversation| conversation.told()).unwrap_or_default();
        for (id, output) in self.late_outputs.drain(..) {
            add_output(&mut history, id, output);
        }
        self.wanted_session = Some(SessionArguments {
            call_id: self.call_id.clone(),
            provider: self.dependencies.provider.clone(),
            patience: self.patience(),
            config,
            history,
            limits: self.dependencies.limits.session,
            lane: self.voice.as_ref().map(|voice| Arc::clone(&voice.lane)),
            connections: self.connections,
            owner: self.myself.get_derived(),
        });
    }

    /// How long the caller may be without the model: whoever speaks hears nothing meanwhile.
    fn patience(&self) -> Duration {
        if self.voice.is_some() { SPOKEN_PATIENCE } else { self.dependencies.limits.turn + WRITTEN_GRACE }
    }

    /// There is no session to be told this: what a tool gave is kept for the next.
    pub(super) fn keep_for_session(&mut self, message: SessionMessage) {
        if let SessionMessage::ToolOutput { id, output } = message
            && self.phase != Phase::Ended
            && self.late_outputs.len() < MAX_LATE_OUTPUTS
        {
            self.late_outputs.push((id, output));
        }
    }

    /// Tools that only look are simply run again by the next persona.
    pub(super) fn run_reads_again(&mut self) {
        let again: Vec<_> = self.running.iter().filter_map(|(id, running)| running.again(id)).collect();
        for (id, arguments, allowed) in again {
            let Some(Running { name, .. }) = self.running.get(&id) else {
                continue;
            };
            let (name, began) = (name.clone(), self.first_seq);
            self.run_tool(PersonaMessage::RunTool { id, name, arguments, allowed, began });
        }
    }

    /// Has a part of the call panic.
    pub(super) fn crash(&self, part: Part) {
        // One that is gone has failed already.
        match (part, &self.voice) {
            (Part::Call, _) => panic!("as asked"),
            (Part::Session, _) => {
                if let Some(session) = &self.session {
                    let _ = session.cast(SessionMessage::Crash);
                }
            }
            (Part::Persona, _) => drop(self.persona.cast(PersonaMessage::Crash)),
            (Part::Tool, _) => drop(self.persona.cast(PersonaMessage::CrashNextTool)),
            (Part::Line, None) => drop(self.line.cast(TextMessage::Crash)),
            (Part::Line, Some(voice)) if voice.has_screen() => {
                self.for_voice(LineOrder::Browser(BrowserMessage::Crash));
            }
            (Part::Line, Some(_)) => self.for_voice(LineOrder::Phone(PhoneMessage::Crash)),
        }
    }
}

/// How much audio has come of a message.
fn received_ms(voice: &Voice, item_id: &ItemId) -> u64 {
    let received = voice.lane.received().filter(|(received, _)| received == item_id);
    received.map_or(0, |(_, base64)| voice.lane.format().ms_of_base64(base64))
}

/// An output that the journal may have told already.
fn add_output(history: &mut Vec<Told>, id: ToolCallId, output: String) {
    let asks = |told: &&Told| matches!(&told.content, Content::ToolCall { id: of, .. } if *of == id);
    let answers = |told: &Told| matches!(&told.content, Content::ToolOutput { id: of, .. } if *of == id);
    if let Some(turn) = history.iter().find(asks).map(|told| told.turn)
        && !history.iter().any(answers)
    {
        history.push(Told { turn, content: Content::ToolOutput { id, output } });
    }
}
