//! What a session is told to be, and the update that makes it so. Pure.

use crate::protocol::openai::{
    AudioOutputPatch, AudioPatch, EchoedSession, FunctionTool, Modality, SessionPatch,
};

/// What a session is told to be.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionConfig {
    /// The system prompt.
    pub instructions: String,
    /// The tools on offer.
    pub tools: Vec<FunctionTool>,
    /// How the model answers.
    pub modality: Modality,
    /// The voice it speaks with; `None` when it only writes.
    pub voice: Option<String>,
}

impl SessionConfig {
    /// The update that leads from `from` (or from the server's defaults) to this, or `None` when nothing differs.
    pub fn patch_from(&self, from: Option<&Self>) -> Option<SessionPatch> {
        let mut patch = SessionPatch::empty();
        if from.map(|old| &old.instructions) != Some(&self.instructions) {
            patch.instructions = Some(self.instructions.clone());
        }
        if from.map(|old| &old.tools) != Some(&self.tools) {
            patch.tools = Some(self.tools.clone());
        }
        if from.map(|old| old.modality) != Some(self.modality) {
            patch.output_modalities = Some([self.modality]);
        }
        if from.is_none_or(|old| old.voice != self.voice) {
            patch.audio = self.voice.clone().map(|voice| AudioPatch { output: AudioOutputPatch { voice } });
        }
        if from.is_none() {
            patch.tool_choice = Some("auto");
        }
        (!patch.is_empty()).then_some(patch)
    }

    /// The least that puts this persona in force: what is tried when the whole update was refused.
    pub fn minimal_patch(&self) -> SessionPatch {
        SessionPatch {
            kind: SessionPatch::empty().kind,
            output_modalities: Some([self.modality]),
            instructions: Some(self.instructions.clone()),
            tools: Some(self.tools.clone()),
            tool_choice: Some("auto"),
            audio: None,
        }
    }

    /// What of an echoed session differs from what was asked, if anything that was echoed does.
    pub fn mismatch(&self, echo: &EchoedSession) -> Option<&'static str> {
        let asked: Vec<_> = self.tools.iter().map(|tool| Some(tool.name.as_str())).collect();
        let differs = |tools: &Vec<_>| {
            let echoed: Vec<_> =
                tools.iter().map(|tool: &crate::protocol::openai::EchoedTool| tool.name.as_deref()).collect();
            echoed != asked
        };
        if echo.tools.as_ref().is_some_and(differs) {
            Some("tools")
        } else if echo.instructions.as_ref().is_some_and(|echoed| echoed.trim() != self.instructions.trim()) {
            Some("instructions")
        } else {
            None
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in crate::session) fn config(instructions: &str) -> SessionConfig {
        SessionConfig {
            instructions: instructions.into(),
            tools: vec![FunctionTool::new("lookup".into(), "Looks.".into(), json!({"type": "object"}))],
            modality: Modality::Text,
            voice: None,
        }
    }

    #[test]
    fn the_first_update_says_everything_and_a_later_one_only_what_differs() {
        let waiter = config("waiter");
        let first = waiter.patch_from(None).unwrap();
        assert!(first.instructions.is_some() && first.tools.is_some() && first.output_modalities.is_some());
        assert_eq!(first.tool_choice, Some("auto"));
        assert_eq!(waiter.patch_from(Some(&waiter)), None);
        let swap = config("cfo").patch_from(Some(&waiter)).unwrap();
        assert_eq!(swap, SessionPatch { instructions: Some("cfo".into()), ..SessionPatch::empty() });
    }

    #[test]
    fn an_echo_is_compared_where_it_says_anything() {
        let waiter = config("waiter");
        assert_eq!(waiter.mismatch(&EchoedSession::default()), None);
        let other = EchoedSession { instructions: Some("default".into()), ..EchoedSession::default() };
        assert_eq!(waiter.mismatch(&other), Some("instructions"));
        let bare = EchoedSession { tools: Some(Vec::new()), ..EchoedSession::default() };
        assert_eq!(waiter.mismatch(&bare), Some("tools"));
    }
}
