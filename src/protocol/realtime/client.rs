//! What clients send, of either dialect. What may not be changed is passed over; what cannot be read, or done, is
//! refused with a sentence that says what to send instead.

mod item;
mod response;
mod session;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use super::model::{Asked, Wish};
use crate::id::{ItemId, PersonaKey, ResponseId};
use crate::sound::AudioFormat;

pub use item::fresh_item_id;

/// Longest name of a client's for an event.
const MAX_EVENT_ID: usize = 512;
/// Longest id of an item, or name of anything else.
const MAX_ID: usize = 128;
/// How it begins when none of several forms fits, and what to say then.
const UNREADABLE: &str = "data did not match any variant";
const NO_FORM: &str = "this has none of the forms that the API's reference gives";
/// Longest sentence about something that cannot be used, and longest name of a field.
const MAX_TOLD: usize = 300;
const APPEND: &str = "input_audio_buffer.append";

/// What a client sent.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientFrame<'a> {
    /// Sound of the caller: base64, not checked. It is never answered.
    Append(Cow<'a, str>),
    /// Something it wants.
    Asked {
        /// What.
        asked: Asked,
        /// Whether it is written in a form that only the API as it is has.
        is_plainly_ga: bool,
    },
}

/// Why something cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The client's own name for the event.
    pub event_id: Option<String>,
    /// What is wrong, for programs.
    pub code: &'static str,
    /// Which field it is about.
    pub param: Option<String>,
    /// A sentence that says what to do.
    pub message: String,
}

impl Refusal {
    fn new(code: &'static str, param: &str, message: impl Into<String>) -> Self {
        let param = Some(param.to_owned()).filter(|param| !param.is_empty());
        Self { event_id: None, code, param, message: message.into() }
    }

    fn value(param: &str, message: impl Into<String>) -> Self {
        Self::new("invalid_value", param, message)
    }

    /// What is repeated of a client's own words is short.
    fn of(self, event_id: Option<String>) -> Self {
        let Self { event_id: _, code, param, message } = self;
        Self { event_id, code, param: param.map(shortened), message: shortened(message) }
    }
}

/// Borrowed, unless there are escapes in it.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Append<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    audio: Text<'a>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    event_id: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct OfItem {
    item_id: String,
}

#[derive(Deserialize)]
struct Truncate {
    item_id: String,
    content_index: u32,
    audio_end_ms: u64,
}

#[derive(Deserialize)]
struct Cancel {
    #[serde(default)]
    response_id: Option<String>,
}

#[derive(Deserialize)]
struct Activate {
    persona: String,
}

/// Reads a text frame. `format` is how audio is written at the moment.
///
/// # Errors
/// [`Refusal`], which says what to send instead.
pub fn parse(frame: &str, format: AudioFormat) -> Result<ClientFrame<'_>, Refusal> {
    // Whatever the order of the fields, a frame of audio holds this; few others do.
    if frame.contains(APPEND)
        && let Ok(Append { kind, audio }) = serde_json::from_str(frame)
        && kind.0 == APPEND
    {
        return Ok(ClientFrame::Append(audio.0));
    }
    let no_object = || Refusal::new("invalid_event", "", "send JSON objects with a `type`");
    // An array would pass for an object whose fields have no names.
    if !frame.trim_start().starts_with('{') {
        return Err(no_object());
    }
    let head: Head = serde_json::from_str(frame).map_err(|_| no_object())?;
    let event_id = match head.event_id {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::String(id)) if id.chars().count() <= MAX_EVENT_ID => Some(id),
        Some(_) => {
            let message = format!("`event_id` must be text of at most {MAX_EVENT_ID} characters");
            return Err(Refusal::value("event_id", message));
        }
    };
    let Some(kind) = head.kind else {
        let refusal = Refusal::new("missing_required_parameter", "type", "every event needs a `type`");
        return Err(refusal.of(event_id));
    };
    match wish(&kind, frame, format) {
        Ok((wish, is_plainly_ga)) => {
            Ok(ClientFrame::Asked { asked: Asked { event_id, wish }, is_plainly_ga })
        }
        Err(refusal) => Err(refusal.of(event_id)),
    }
}

/// How a client named an event, if it did so well.
pub fn event_id_of(frame: &str) -> Option<String> {
    let Head { event_id, .. } = serde_json::from_str(frame).ok()?;
    let event_id = event_id?.as_str()?.to_owned();
    (event_id.chars().count() <= MAX_EVENT_ID).then_some(event_id)
}

fn shortened(text: String) -> String {
    if text.chars().count() <= MAX_TOLD {
        return text;
    }
    let start: String = text.chars().take(MAX_TOLD).collect();
    format!("{start}…")
}

fn wish(kind: &str, frame: &str, format: AudioFormat) -> Result<(Wish, bool), Refusal> {
    let wish = match kind {
        "session.update" => return session::update(frame, format),
        "input_audio_buffer.commit" => Wish::Commit,
        "input_audio_buffer.clear" => Wish::ClearInput,
        "conversation.item.create" => item::create(frame, format)?,
        "conversation.item.retrieve" => Wish::Retrieve(item_id(read::<OfItem>(frame)?.item_id)?),
        "conversation.item.delete" => Wish::Delete(item_id(read::<OfItem>(frame)?.item_id)?),
        "conversation.item.truncate" => {
            let Truncate { item_id: id, content_index, audio_end_ms } = read(frame)?;
            if content_index != 0 {
                return Err(Refusal::value("content_index", "a message has one content part: send 0"));
            }
            Wish::Truncate { item_id: item_id(id)?, heard_ms: audio_end_ms }
        }
        "response.create" => Wish::Respond(response::create(frame)?),
        "response.cancel" => {
            let Cancel { response_id } = read(frame)?;
            Wish::Cancel(response_id.map(|id| named("response_id", id)).transpose()?.map(ResponseId::from))
        }
        "session.getting" => Wish::Introduce(session::getting(frame)?),
        "extension.persona.activate" => {
            let Activate { persona } = read(frame)?;
            Wish::Persona(PersonaKey::from(named("persona", persona)?))
        }
        // Whatever is right of it has been seen: it has no `audio`, or that is no text.
        APPEND => return Err(Refusal::value("audio", "`audio` must be text: base64")),
        _ => return Err(Refusal::new("invalid_event", "type", "this `type` is not supported here")),
    };
    Ok((wish, false))
}

fn item_id(id: String) -> Result<ItemId, Refusal> {
    named("item_id", id).map(ItemId::from)
}

fn named(param: &str, name: String) -> Result<String, Refusal> {
    if (1..=MAX_ID).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        Ok(name)
    } else {
        let message = format!("`{param}` must be 1 to {MAX_ID} characters, none of them a control character");
        Err(Refusal::value(param, message))
    }
}

fn read<'a, T: Deserialize<'a>>(frame: &'a str) -> Result<T, Refusal> {
    let mut json = serde_json::Deserializer::from_str(frame);
    serde_path_to_error::deserialize(&mut json).map_err(|error| about_shape(&error))
}

fn about_shape(error: &serde_path_to_error::Error<serde_json::Error>) -> Refusal {
    let told = error.inner().to_string();
    let message = told.split(" at line ").next().unwrap_or_default().to_owned();
    let message = if message.starts_with(UNREADABLE) { NO_FORM.to_owned() } else { message };
    let path = error.path().to_string();
    let path = if path == "." { "" } else { &path };
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    match missing {
        Some(field) => {
            let param = if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
            Refusal::new("missing_required_parameter", &param, format!("`{param}` is missing"))
        }
        None if message.starts_with("invalid type") => Refusal::new("invalid_type", path, message),
        None => Refusal::value(path, message),
    }
}

/// Tells `null` from absent.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(field).map(Some)
}
