//! The tools that a phone call performs itself: ending the call, and putting the caller through to a human.

use serde_json::json;

use super::CallData;
use crate::call::conduct::Conduct;
use crate::call::event::{CallEvent, EndReason};
use crate::call::turn::json_or_text;
use crate::id::ToolCallId;
use crate::persona::PhoneRequest;
use crate::session::SessionMessage;
use crate::tool::{ToolOutcome, ToolStatus};

impl CallData {
    /// The model asks the call to do something on its line. What it asks for happens when it has said what it is
    /// about to say.
    pub(super) fn on_voice_tool(
        &mut self,
        id: &ToolCallId,
        name: String,
        arguments: &str,
        request: Result<PhoneRequest, String>,
    ) {
        let shown = json_or_text(arguments);
        if let Some((turn, _)) = &mut self.turn {
            turn.on_tool_started(id.clone(), name.clone(), shown.clone());
        }
        self.record(CallEvent::ToolStarted {
            name: name.clone(),
            arguments: shown,
            tool_call_id: id.clone(),
        });
        let (status, output) = match request.and_then(|request| self.perform_voice_tool(request)) {
            Ok(output) => (ToolStatus::Ok, output),
            Err(why) => (ToolStatus::Refused, json!({"error": why})),
        };
        let outcome = ToolOutcome { output: output.to_string(), status, duration_ms: 0 };
        if let Some((turn, _)) = &mut self.turn {
            turn.on_tool_done(id, &outcome, output.clone());
        }
        let tool_call_id = id.clone();
        self.record(CallEvent::ToolDone { name, output, status, duration_ms: 0, tool_call_id });
        self.for_session(SessionMessage::ToolOutput { id: id.clone(), output: outcome.output });
    }

    fn perform_voice_tool(&mut self, request: PhoneRequest) -> Result<serde_json::Value, String> {
        if self.voice.is_none() {
            return Err("this is no phone call: there is nothing to hang up or to put through".to_owned());
        }
        match request {
            PhoneRequest::EndCall { .. } => {
                self.conduct(|conduct: &mut Conduct| conduct.on_leave(EndReason::Assistant));
                Ok(json!({"ok": true, "next": "say goodbye in one short sentence; then the call ends"}))
            }
            PhoneRequest::TransferToHuman { reason: _, summary } => {
                self.transfer(None, Some(summary), false).map_err(|error| error.to_string())?;
                Ok(
                    json!({"ok": true, "next": "tell the caller in one short sentence that you are putting them through"}),
                )
            }
        }
    }
}
