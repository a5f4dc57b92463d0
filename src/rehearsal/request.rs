//! What a `response.create` asks for, and what the model makes of it.

use serde_json::{Value, json};

use super::conversation::Conversation;
use super::item::Item;
use super::items::entries;
use super::manner::Manner;
use super::model::{Act, Scene, answer};
use super::refusal::{Refusal, invalid};
use super::session::{check_choice, check_for_model, check_tools, choice, voice_locked};
use super::toolbox::Tool;
use super::usage::Input;

/// A response, decided before its first event is sent.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) manner: Manner,
    pub(super) acts: Vec<Act>,
    pub(super) input: Input,
}

/// Decides a response. What the request leaves out is the session's; `conversation` is `None` out of band.
///
/// # Errors
/// What its table cannot say: an unknown reference, a locked voice, a tool choice without its tool.
pub(super) fn plan(
    state: &mut Conversation,
    asked: &Value,
    conversation: Option<String>,
) -> Result<Plan, Refusal> {
    let session = &state.session;
    check_tools(&asked["tools"], "response.tools")?;
    check_for_model(session.model(), asked, "response")?;
    let or_session = |pointer: &str| asked.pointer(pointer).unwrap_or_else(|| session.get(pointer)).clone();
    let tools = or_session("/tools");
    let tool_choice = or_session("/tool_choice");
    check_choice(&asked["tool_choice"], &tools, "response.tool_choice")?;
    let (voice, format) = (or_session("/audio/output/voice"), or_session("/audio/output/format"));
    if state.has_spoken && voice != *session.get("/audio/output/voice") && conversation.is_some() {
        return Err(voice_locked("response.audio.output.voice"));
    }
    let manner = Manner {
        spoken: or_session("/output_modalities") == json!(["audio"]),
        tone: session.tone(&voice, &format),
        voice,
        format,
        max_output_tokens: or_session("/max_output_tokens"),
        metadata: asked["metadata"].clone(),
        conversation,
    };
    let instructions = or_session("/instructions");
    let parallel = or_session("/parallel_tool_calls") != Value::Bool(false);
    let own = own_context(state, &asked["input"])?;
    let context: Vec<&Item> = match &own {
        Some(own) => own.iter().collect(),
        None => state.items.iter().collect(),
    };
    let acts = answer(&Scene {
        instructions: instructions.as_str().unwrap_or_default(),
        asked: asked["instructions"].as_str(),
        tools: &Tool::all(&tools),
        choice: choice(&tool_choice),
        parallel,
        entries: &entries(context.iter().copied()),
    });
    let input = state.meter.read(&format!("{instructions}{tools}"), context.into_iter());
    Ok(Plan { manner, acts, input })
}

/// The items of `response.input`, references resolved; `None` when the response reads the conversation.
fn own_context(state: &mut Conversation, input: &Value) -> Result<Option<Vec<Item>>, Refusal> {
    let Some(list) = input.as_array() else {
        return Ok(None);
    };
    let encoding = state.session.input_encoding();
    let mut own = Vec::with_capacity(list.len());
    for (at, item) in list.iter().enumerate() {
        let path = format!("response.input[{at}]");
        let id = item["id"].as_str().unwrap_or_default();
        if item["type"] == "item_reference" {
            let found = state.items.get(id).cloned();
            own.push(found.ok_or_else(|| {
                invalid(&format!("{path}.id"), "no item of that id is in the conversation")
            })?);
        } else {
            own.push(Item::read(item, id.to_owned(), state.ids.next("call"), encoding, &path)?);
        }
    }
    Ok(Some(own))
}
