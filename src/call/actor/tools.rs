//! How the model's tools are run: written down, begun, and answered exactly once.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::record::Effect;
use super::{CallData, Phase};
use crate::call::event::CallEvent;
use crate::call::handoff;
use crate::call::turn::json_or_text;
use crate::id::{CallId, ResponseId, ToolCallId};
use crate::persona::actor::PersonaMessage;
use crate::persona::{Persona, parse_handoff, parse_phone_tool};
use crate::session::SessionMessage;
use crate::store::EffectKey;
use crate::tool::write::unknown_output;
use crate::tool::{Effect as ToolEffect, ToolOutcome, ToolStatus};

/// A tool under way.
#[derive(Debug)]
pub(super) struct Running {
    /// The tool.
    pub(super) name: String,
    /// JSON text.
    arguments: String,
    /// What the persona that asked for it may use.
    allowed: Arc<Persona>,
    /// What it is known by in the ledger, if it changes something.
    effect: Option<EffectKey>,
}

impl Running {
    /// With what it is run once more, if that does no harm.
    pub(super) fn again(&self, id: &ToolCallId) -> Option<(ToolCallId, String, Arc<Persona>)> {
        self.effect.is_none().then(|| (id.clone(), self.arguments.clone(), Arc::clone(&self.allowed)))
    }
}

/// What a tool call is known by in the ledger of effects.
pub(super) fn effect_key(call_id: &CallId, began: u64, name: &str, arguments: &Value) -> EffectKey {
    let none = Map::new();
    EffectKey::of(call_id, began, name, arguments.as_object().unwrap_or(&none))
}

impl CallData {
    pub(super) fn on_tool_called(
        &mut self,
        response: ResponseId,
        id: ToolCallId,
        name: String,
        arguments: String,
    ) {
        let speaking = self.rendition.as_ref().filter(|_| self.turn.is_some());
        let Some(allowed) = speaking.map(|rendition| Arc::clone(&rendition.persona)) else {
            // Nobody waits for it any more; it is answered all the same.
            let output = handoff::refused_output("the caller no longer waits for this");
            self.for_session(SessionMessage::ToolOutput { id, output });
            return;
        };
        if let Some(request) = parse_handoff(&name, &arguments) {
            self.on_handoff_asked(response, id, request);
            return;
        }
        if let Some(request) = parse_phone_tool(&name, &arguments) {
            self.on_voice_tool(&id, name, &arguments, request);
            return;
        }
        let shown = json_or_text(&arguments);
        if let Some((turn, _)) = &mut self.turn {
            turn.on_tool_started(id.clone(), name.clone(), shown.clone());
        }
        let effect = self.effect_key(&name, &shown);
        let running = Running {
            name: name.clone(),
            arguments: arguments.clone(),
            allowed: Arc::clone(&allowed),
            effect: effect.clone(),
        };
        self.running.insert(id.clone(), running);
        self.saying.on_begin();
        self.arm_filler(&name);
        self.record(CallEvent::ToolStarted {
            name: name.clone(),
            arguments: shown,
            tool_call_id: id.clone(),
        });
        let began = self.first_seq;
        let tool_call = id.clone();
        let run = PersonaMessage::RunTool { id, name, arguments, allowed, began };
        if effect.is_some() {
            // What changes something is not begun before the journal says so.
            self.hold(Effect::Run { tool_call, run: Box::new(run) });
        } else {
            self.run_tool(run);
        }
    }

    /// What a tool call is known by in the ledger, if it changes something.
    fn effect_key(&self, name: &str, arguments: &Value) -> Option<EffectKey> {
        let catalog = self.dependencies.library.catalog();
        let writes = catalog.toolbox().effect(name) == Some(ToolEffect::Write);
        writes.then(|| effect_key(&self.call_id, self.first_seq, name, arguments))
    }

    pub(super) fn run_tool(&self, run: PersonaMessage) {
        // A persona that is gone is started again, and its tools are answered then.
        let _ = self.persona.cast(run);
    }

    pub(super) fn on_tool_done(&mut self, id: &ToolCallId, outcome: &ToolOutcome) {
        let Some(Running { name, effect, .. }) = self.running.remove(id) else {
            return;
        };
        if self.phase == Phase::Ended {
            return;
        }
        let output = json_or_text(&outcome.output);
        if let Some((turn, _)) = &mut self.turn {
            turn.on_tool_done(id, outcome, output.clone());
        }
        self.record(CallEvent::ToolDone {
            name,
            output,
            status: outcome.status,
            duration_ms: outcome.duration_ms,
            tool_call_id: id.clone(),
        });
        self.for_session(SessionMessage::ToolOutput { id: id.clone(), output: outcome.output.clone() });
        effect.into_iter().for_each(|key| self.hold(Effect::Delivered(key)));
        self.begin_session_if_quiet();
    }

    /// The tools under way will bring nothing: the model is told so. Of one that changes something nobody knows yet
    /// whether it was done.
    pub(super) fn fail_tools(&mut self, status: ToolStatus) {
        self.fail_running(status, |_| true);
    }

    /// The same, of the tools alone that change something.
    pub(super) fn fail_writes(&mut self) {
        self.fail_running(ToolStatus::Error, |running| running.effect.is_some());
    }

    fn fail_running(&mut self, status: ToolStatus, fails: impl Fn(&Running) -> bool) {
        let output = |Running { name, effect, .. }: &Running| match effect {
            Some(_) => unknown_output(name),
            None => r#"{"error":"the tool failed"}"#.to_owned(),
        };
        let failed = self.running.iter().filter(|(_, running)| fails(running));
        let failed: Vec<_> = failed.map(|(id, running)| (id.clone(), output(running))).collect();
        for (id, output) in failed {
            self.on_tool_done(&id, &ToolOutcome { output, status, duration_ms: 0 });
        }
    }
}
