//! What an event changes in the log of calls. Pure, and cheap: pieces of what a persona says change nothing.

use super::event::{CallEvent, PhoneFacts};
use super::phone::Direction;
use crate::id::BusinessId;
use crate::store::LogChange;
use crate::usage::{UNKNOWN_MODEL, Usage};

impl CallEvent {
    /// What the event changes in the log of its call.
    pub(super) fn log_change(&self) -> Option<LogChange> {
        match self {
            Self::CallStarted { transport, business_id, phone, .. } => {
                Some(started(transport, business_id.as_ref().map(BusinessId::as_str), phone.as_ref()))
            }
            Self::PersonaActivated { persona, .. } => Some(LogChange::Persona(persona.to_string())),
            Self::TurnStarted { turn } => Some(LogChange::Turn(*turn)),
            Self::TurnDone { usage, model, .. } | Self::ConversationSummarised { usage, model, .. } => {
                let model = model.clone().unwrap_or_else(|| UNKNOWN_MODEL.to_owned());
                (*usage != Usage::default()).then_some(LogChange::Used { model, usage: *usage })
            }
            Self::CallerText { text }
            | Self::CallerTranscript { text, .. }
            | Self::AssistantText { text, .. } => Some(LogChange::Said(text.clone())),
            Self::CallEnded { reason } => Some(LogChange::Ended(reason.as_str())),
            Self::CallResumed { business_id, .. } => {
                business_id.as_ref().map(|business| LogChange::Business(business.to_string()))
            }
            Self::HandoffRequested { .. }
            | Self::HandoffRefused { .. }
            | Self::AssistantDelta { .. }
            | Self::AssistantInterrupted { .. }
            | Self::AssistantFiller { .. }
            | Self::ToolStarted { .. }
            | Self::ToolDone { .. }
            | Self::ModelConnected { .. }
            | Self::ModelDisconnected { .. }
            | Self::ModelReconnected { .. }
            | Self::ModelReplaced { .. }
            | Self::Dtmf { .. }
            | Self::TransferStarted { .. }
            | Self::LineUp {}
            | Self::LineDown { .. }
            | Self::Error { .. } => None,
        }
    }
}

fn started(transport: &str, business_id: Option<&str>, phone: Option<&PhoneFacts>) -> LogChange {
    LogChange::Started {
        transport: transport.to_owned(),
        business_id: business_id.map(str::to_owned),
        direction: phone.map(|phone| match phone.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        }),
        from: phone.and_then(|phone| phone.from.clone()),
        to: phone.and_then(|phone| phone.to.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_writes_directions_as_the_journal_does() {
        for direction in [Direction::Inbound, Direction::Outbound] {
            let facts = PhoneFacts { direction, from: Some("+1".into()), to: None };
            let LogChange::Started { direction: Some(written), from, to, .. } =
                started("twilio", None, Some(&facts))
            else {
                panic!("it began")
            };
            assert_eq!(serde_json::to_value(direction).unwrap(), written);
            assert_eq!((from.as_deref(), to), (Some("+1"), None));
        }
    }

    #[test]
    fn pieces_of_an_answer_change_nothing() {
        assert_eq!(CallEvent::AssistantDelta { text: "We".into() }.log_change(), None);
    }
}
