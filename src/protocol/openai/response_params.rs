//! What a `response.create` asks for.

use serde::Serialize;

use super::client::{FunctionTool, Modality, NewItem};

/// What a response shall do differently from the session.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ResponseParams {
    /// Echoed in `response.created` and `response.done`: how a response is told from one we did not ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ResponseMetadata>,
    /// `none` for a response beside the conversation, which leaves nothing in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<&'static str>,
    /// In the place of the session's instructions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Text where the session speaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_modalities: Option<[Modality; 1]>,
    /// Where it is cut off, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// In the place of the conversation: nothing, or one message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Vec<NewItem>>,
    /// In the place of the session's tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<FunctionTool>>,
}

/// What we mark our responses with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResponseMetadata {
    /// The `event_id` of the `response.create`.
    pub token: String,
}

impl ResponseParams {
    /// A response marked with the `event_id` that asks for it.
    pub fn marked(token: &str) -> Self {
        Self { metadata: Some(ResponseMetadata { token: token.to_owned() }), ..Self::default() }
    }

    /// A response beside the conversation: it follows these instructions, knows nothing of what was said, has no
    /// tools, and leaves nothing behind.
    pub fn aside(token: &str, instructions: String) -> Self {
        Self {
            conversation: Some("none"),
            instructions: Some(instructions),
            input: Some(Vec::new()),
            tools: Some(Vec::new()),
            ..Self::marked(token)
        }
    }

    /// A text beside the conversation, made of this message alone.
    pub fn written_aside(
        token: &str,
        instructions: String,
        message: NewItem,
        max_output_tokens: u32,
    ) -> Self {
        Self {
            output_modalities: Some([Modality::Text]),
            max_output_tokens: Some(max_output_tokens),
            input: Some(vec![message]),
            ..Self::aside(token, instructions)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::client::{ContentPart, Role};
    use super::*;

    #[test]
    fn a_text_beside_the_conversation_has_the_shape_of_the_reference() {
        let content = [ContentPart::InputText { text: "Caller: tea?".into() }];
        let message = NewItem::Message { id: "i_1".into(), role: Role::User, content };
        assert_eq!(
            serde_json::to_value(ResponseParams::written_aside("t_1", "Be brief.".into(), message, 99))
                .unwrap(),
            json!({"metadata": {"token": "t_1"}, "conversation": "none", "instructions": "Be brief.",
                   "output_modalities": ["text"], "max_output_tokens": 99, "tools": [],
                   "input": [{"type": "message", "id": "i_1", "role": "user",
                              "content": [{"type": "input_text", "text": "Caller: tea?"}]}]})
        );
    }
}
