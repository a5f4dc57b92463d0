//! How a persona comes into force: at the start, by request, by a changed file, by a handoff of the model.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{CallData, Phase};
use crate::call::HandoffDone;
use crate::call::event::{CallEvent, EndReason, PersonaCause};
use crate::call::floor::Request;
use crate::call::handoff::{self, Asked, Handoffs};
use crate::call::recollection::swap_note;
use crate::call::{CallError, known_persona};
use crate::id::{PersonaKey, ResponseId, ToolCallId};
use crate::persona::actor::{PersonaEvent, PersonaMessage, Rendition, Unprepared};
use crate::persona::{HandoffRequest, Target};
use crate::protocol::openai::FunctionTool;
use crate::session::{SessionArguments, SessionConfig, SessionMessage, SpeechConfig, Way};
use crate::tool::ToolStatus;

/// A persona on its way into force.
#[derive(Debug)]
pub(super) struct Swapping {
    revision: u64,
    why: Why,
    rendition: Option<Rendition>,
}

#[derive(Debug, Clone)]
enum Why {
    Start,
    Request { swap: u64 },
    Reload,
    Handoff,
}

impl CallData {
    /// The call's first persona is rendered; then the session can begin.
    pub(super) fn begin_start(&mut self) {
        let active = self.handoffs.active().clone();
        self.prepare(Why::Start, active, self.handoffs.can_go_back());
    }

    pub(super) fn on_activate(
        &mut self,
        persona: PersonaKey,
        reply: oneshot::Sender<Result<PersonaKey, CallError>>,
    ) {
        if let Err(error) = known_persona(&persona, &self.dependencies.library.catalog()) {
            let _ = reply.send(Err(error));
            return;
        }
        self.revisions += 1;
        let swap = self.revisions;
        self.swap_replies.insert(swap, reply);
        self.ask(Request::Swap { swap, persona });
    }

    /// A swap has the floor.
    pub(super) fn begin_swap(&mut self, swap: u64, persona: PersonaKey) {
        if persona == *self.handoffs.active() {
            self.answer_swap(swap, Ok(persona));
            self.next();
            return;
        }
        self.prepare(Why::Request { swap }, persona, false);
    }

    /// The files changed: who speaks is rendered anew, before whoever waits for the floor. A call that sleeps does
    /// it when it is spoken to.
    pub(super) fn reload_if_due(&mut self) -> bool {
        if !self.reload_is_due || !self.floor.claim() {
            return false;
        }
        self.reload_is_due = false;
        let active = self.handoffs.active().clone();
        self.prepare(Why::Reload, active, self.handoffs.can_go_back());
        true
    }

    fn prepare(&mut self, why: Why, key: PersonaKey, can_go_back: bool) {
        debug_assert!(self.swapping.is_none(), "one persona at a time comes into force");
        self.revisions += 1;
        let revision = self.revisions;
        let started_at = self.started_at;
        self.swapping = Some(Swapping { revision, why, rendition: None });
        // A persona that is gone is started again, and the swap fails with it.
        let _ = self.persona.cast(PersonaMessage::Prepare { revision, key, can_go_back, started_at });
    }

    pub(super) fn on_persona(&mut self, event: PersonaEvent) {
        if self.phase == Phase::Ended {
            return;
        }
        match event {
            PersonaEvent::Prepared { revision, rendition } => self.on_prepared(revision, *rendition),
            PersonaEvent::Unprepared { revision, why } => self.on_unprepared(revision, &why),
            PersonaEvent::ToolDone { id, outcome } => self.on_tool_done(&id, &outcome),
            PersonaEvent::Changed => {
                self.reload_is_due = true;
                if self.phase == Phase::Awake {
                    self.reload_if_due();
                }
            }
        }
    }

    fn on_prepared(&mut self, revision: u64, rendition: Rendition) {
        if self.swapping.as_ref().is_none_or(|swapping| swapping.revision != revision) {
            return;
        }
        let config = self.session_config(&rendition);
        let unchanged = self.rendition.as_ref().is_some_and(|old| self.session_config(old) == config);
        let Some(swapping) = &mut self.swapping else {
            return;
        };
        match swapping.why {
            Why::Start => self.start_session(rendition, config),
            Why::Reload if unchanged => {
                self.rendition = Some(rendition);
                self.swapping = None;
                self.next();
            }
            Why::Request { .. } | Why::Reload | Why::Handoff => {
                swapping.rendition = Some(rendition);
                self.for_session(SessionMessage::Configure { config: Box::new(config), revision });
            }
        }
    }

    fn start_session(&mut self, rendition: Rendition, config: SessionConfig) {
        self.swapping = None;
        let goes_on = self.recalled.take();
        let has_met = goes_on.as_ref().is_some_and(|conversation| conversation.turns > 0);
        if goes_on.is_none() {
            self.activated(rendition.persona.key.clone(), PersonaCause::Start, None);
        }
        let manners = rendition.persona.phone.clone();
        self.rendition = Some(rendition);
        self.conduct(|conduct| conduct.on_ready(manners, has_met));
        self.heed_who_answered();
        self.wanted_session = Some(SessionArguments {
            call_id: self.call_id.clone(),
            endpoint: self.dependencies.endpoint.clone(),
            config,
            history: goes_on.map(|conversation| conversation.told()).unwrap_or_default(),
            limits: self.dependencies.limits.session,
            lane: self.voice.as_ref().map(|voice| Arc::clone(&voice.lane)),
            connections: self.connections,
            owner: self.myself.get_derived(),
        });
    }

    pub(super) fn activated(&mut self, persona: PersonaKey, by: PersonaCause, way: Option<Way>) {
        tracing::info!(persona = %persona, by = by.as_str(), "persona activated");
        self.record(CallEvent::PersonaActivated { persona, by, carry: None, back: false, way });
    }

    fn on_unprepared(&mut self, revision: u64, why: &Unprepared) {
        let Some(swapping) = self.swapping.take_if(|swapping| swapping.revision == revision) else {
            return;
        };
        tracing::error!(?why, "a persona cannot be rendered");
        match swapping.why {
            Why::Start if self.handoffs.active() != &self.dependencies.default_persona => {
                // The persona the call had is no more: the default one takes over.
                let persona = self.dependencies.default_persona.clone();
                self.handoffs = Handoffs::new(persona.clone());
                self.activated(persona, PersonaCause::Config, None);
                self.begin_start();
            }
            Why::Start => self.end(EndReason::Failed, None),
            Why::Request { swap } => self.reject_swap(swap, "its files cannot be used".to_owned()),
            // Its file is gone: it goes on as it was.
            Why::Reload => self.next(),
            Why::Handoff => self.refuse_handoff("that persona cannot take over now: go on yourself"),
        }
    }

    /// The model has confirmed a persona.
    pub(super) fn on_configured(&mut self, revision: u64, way: Way) {
        let Some(swapping) = self.swapping.take_if(|swapping| swapping.revision == revision) else {
            return;
        };
        let Some(rendition) = swapping.rendition else {
            return;
        };
        let persona = rendition.persona.key.clone();
        match swapping.why {
            // The first persona is what the session begins with, and is not confirmed by itself.
            Why::Start => {}
            Why::Request { swap } => {
                self.put_in_force(rendition);
                self.handoffs.activate(persona.clone());
                self.activated(persona.clone(), PersonaCause::Api, Some(way));
                self.for_session(SessionMessage::Note(swap_note(&persona)));
                self.answer_swap(swap, Ok(persona));
                self.next();
            }
            Why::Reload => {
                self.put_in_force(rendition);
                self.activated(persona, PersonaCause::Config, Some(way));
                self.next();
            }
            Why::Handoff => self.complete_handoff(rendition, way),
        }
    }

    /// The model has refused a persona.
    pub(super) fn on_configure_rejected(&mut self, revision: u64, why: String) {
        let Some(swapping) = self.swapping.take_if(|swapping| swapping.revision == revision) else {
            return;
        };
        tracing::error!(why, "the model refused a persona, the old one goes on");
        match swapping.why {
            Why::Start => {}
            Why::Request { swap } => self.reject_swap(swap, why),
            Why::Reload => self.next(),
            Why::Handoff => self.refuse_handoff("the handoff failed: go on yourself"),
        }
    }

    fn reject_swap(&mut self, swap: u64, why: String) {
        let active = self.handoffs.active().clone();
        self.answer_swap(swap, Err(CallError::PersonaRejected { why, active }));
        self.next();
    }

    /// Whatever persona is on its way will not come into force.
    pub(super) fn fail_swap(&mut self, error: &CallError) {
        match self.swapping.take().map(|swapping| swapping.why) {
            Some(Why::Request { swap }) => {
                self.answer_swap(swap, Err(error.clone()));
                self.next();
            }
            Some(Why::Reload) => {
                self.next();
                // It is tried again when the call is spoken to.
                self.reload_is_due = true;
            }
            Some(Why::Handoff) => self.refuse_handoff("the handoff failed: go on yourself"),
            Some(Why::Start) => self.begin_start(),
            None => {}
        }
    }

    /// A handoff whose turn was given up does not come into force, and what the model was told of it is taken back.
    pub(super) fn undo_swap(&mut self, error: &CallError) {
        if self.swapping.is_none() {
            return;
        }
        self.fail_swap(error);
        if let Some(config) = self.rendition.as_ref().map(|rendition| self.session_config(rendition)) {
            let revision = 0; // of which nobody waits for the answer
            self.for_session(SessionMessage::Configure { config: Box::new(config), revision });
        }
    }

    /// The persona's actor was started again: what it was doing is lost.
    pub(super) fn on_persona_lost(&mut self) {
        // One that is rendered needs no persona any more: the model's answer decides.
        if self.swapping.as_ref().is_some_and(|swapping| swapping.rendition.is_none()) {
            self.fail_swap(&CallError::ModelFailed { code: "persona_failed".to_owned() });
        }
        self.fail_tools(ToolStatus::Error);
        // A change of the files may have gone unseen meanwhile.
        self.reload_is_due = true;
    }

    /// The model asks for a handoff.
    pub(super) fn on_handoff_asked(
        &mut self,
        response: ResponseId,
        tool_call: ToolCallId,
        request: Result<HandoffRequest, String>,
    ) {
        let HandoffRequest { target, reason, summary } = match request {
            Ok(request) => request,
            Err(words) => {
                let output = handoff::refused_output(&words);
                self.for_session(SessionMessage::ToolOutput { id: tool_call, output });
                return;
            }
        };
        let to = match target {
            Target::Persona(key) => Some(key),
            Target::Back => None,
        };
        let named = to.clone().unwrap_or_else(|| PersonaKey::from("back"));
        let asked = Asked { response, tool_call: tool_call.clone(), to, reason, summary };
        let catalog = self.dependencies.library.catalog();
        let rules = self.rendition.as_ref().map_or(&[][..], |rendition| &rendition.persona.handoffs);
        match self.handoffs.ask(asked, rules, |key| catalog.persona(key).is_some()) {
            Ok(handoff) => {
                let event = CallEvent::HandoffRequested {
                    from: handoff.from.clone(),
                    to: handoff.to.clone(),
                    reason: handoff.reason.clone(),
                    summary: handoff.summary.clone(),
                };
                let to = handoff.to.clone();
                self.record(event);
                self.prepare(Why::Handoff, to, self.handoffs.could_go_back_after());
            }
            Err(why) => {
                let output = handoff::refused_output(&why);
                self.record(CallEvent::HandoffRefused { to: named, why });
                self.for_session(SessionMessage::ToolOutput { id: tool_call, output });
            }
        }
    }

    fn complete_handoff(&mut self, rendition: Rendition, way: Way) {
        let Some((handoff, first_meeting)) = self.handoffs.confirm() else {
            return;
        };
        let persona = &rendition.persona;
        let greeting = if first_meeting { &persona.greeting } else { &persona.return_greeting };
        let output = handoff::accepted_output(&handoff, &persona.name, greeting.as_deref());
        tracing::info!(persona = %handoff.to, by = PersonaCause::Model.as_str(), "persona activated");
        let carry = Some(handoff.carry);
        self.record(CallEvent::PersonaActivated {
            back: handoff.back,
            persona: handoff.to.clone(),
            by: PersonaCause::Model,
            carry,
            way: Some(way),
        });
        if handoff.carry != crate::persona::Carry::All {
            self.for_session(SessionMessage::ForgetBeforeTurn);
        }
        self.for_session(SessionMessage::ToolOutput { id: handoff.tool_call, output });
        if let Some((turn, _)) = &mut self.turn {
            turn.on_handoff(HandoffDone { from: handoff.from, to: handoff.to, reason: handoff.reason });
        }
        self.put_in_force(rendition);
    }

    fn refuse_handoff(&mut self, why: &str) {
        if let Some(handoff) = self.handoffs.reject() {
            let output = handoff::refused_output(why);
            self.record(CallEvent::HandoffRefused { to: handoff.to, why: why.to_owned() });
            self.for_session(SessionMessage::ToolOutput { id: handoff.tool_call, output });
        }
    }

    /// The session knows who to be: requests may come.
    pub(super) fn open_floor(&mut self) {
        // Whoever is on the phone holds a place from the first ring; a text call holds one while it talks.
        self.phase = match self.voice {
            Some(_) => Phase::Awake,
            None => Phase::Asleep { since: Timestamp::now() },
        };
        self.floor.open();
        if let Some(request) = self.floor.admit() {
            self.begin(request);
        }
    }

    /// Who the model is told to be.
    fn session_config(&self, rendition: &Rendition) -> SessionConfig {
        let tool = |spec: &crate::tool::ToolSpec| {
            FunctionTool::new(spec.name.clone(), spec.description.clone(), spec.parameters.clone())
        };
        let speech = self.voice.as_ref().map(|voice| SpeechConfig {
            format: voice.lane.format(),
            voice: voice.start.voice().unwrap_or(&rendition.persona.voice).to_owned(),
            transcription_model: self.dependencies.phone.transcription_model.clone(),
            // Otherwise a cough would stop it.
            stops_for_speech: rendition.persona.phone.min_speech.is_zero(),
        });
        SessionConfig {
            instructions: rendition.instructions.clone(),
            tools: rendition.tools.iter().map(tool).collect(),
            speech,
        }
    }

    /// Another persona speaks.
    fn put_in_force(&mut self, rendition: Rendition) {
        let manners = rendition.persona.phone.clone();
        self.rendition = Some(rendition);
        self.conduct(|conduct| conduct.on_ready(manners, true));
    }
}
