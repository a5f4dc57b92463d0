//! Items that clients put into the conversation: always the caller's, and always at its end.

use serde::Deserialize;

use super::{Refusal, read};
use crate::id::ItemId;
use crate::protocol::audio::audio_bytes;
use crate::protocol::browser::MAX_TEXT_CHARS;
use crate::protocol::realtime::model::{ItemContent, Wish};
use crate::sound::AudioFormat;

/// Longest id of an item that the model takes.
const MAX_ITEM_ID: usize = 32;
const LETTERS: usize = 21;

#[derive(Deserialize)]
struct Create {
    item: Fields,
    #[serde(default)]
    previous_item_id: Option<String>,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    content: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    audio: Option<String>,
}

/// An id for an item that nobody named.
pub fn fresh_item_id() -> ItemId {
    let letters: String = (0..LETTERS).map(|_| fastrand::alphanumeric()).collect();
    ItemId::from(format!("item_{letters}"))
}

pub(super) fn create(frame: &str, format: AudioFormat) -> Result<Wish, Refusal> {
    let Create { item, previous_item_id } = read(frame)?;
    if previous_item_id.is_some() {
        let message = "items are added at the end of the conversation: leave it out";
        return Err(Refusal::value("previous_item_id", message));
    }
    if item.kind != "message" {
        return Err(Refusal::value("item.type", "only items of type `message` can be added"));
    }
    if item.role.as_deref() != Some("user") {
        return Err(Refusal::value("item.role", "only messages of role `user` can be added"));
    }
    let item_id = match item.id {
        None => fresh_item_id(),
        Some(id) if is_fit(&id) => ItemId::from(id),
        Some(_) => {
            let message =
                format!("an id has 1 to {MAX_ITEM_ID} characters, none of them a control character");
            return Err(Refusal::value("item.id", message));
        }
    };
    Ok(Wish::AddItem { item_id, content: content(item.content, format)? })
}

fn is_fit(id: &str) -> bool {
    (1..=MAX_ITEM_ID).contains(&id.chars().count()) && !id.chars().any(char::is_control)
}

/// Texts are one text, line by line; sound is alone.
fn content(parts: Vec<Part>, format: AudioFormat) -> Result<ItemContent, Refusal> {
    let count = parts.len();
    let mut texts: Vec<String> = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        match part.kind.as_str() {
            "input_text" => texts.push(part.text.unwrap_or_default()),
            "input_audio" if count == 1 => return audio(part.audio.unwrap_or_default(), format),
            "input_audio" => {
                return Err(Refusal::value("item.content", "send audio as the only part of its item"));
            }
            _ => {
                let param = format!("item.content[{at}].type");
                let message = "a part must be of type `input_text` or `input_audio`";
                return Err(Refusal::new("unsupported_content_type", &param, message));
            }
        }
    }
    let text = texts.join("\n").trim().to_owned();
    if text.is_empty() || text.chars().count() > MAX_TEXT_CHARS {
        let message = format!("the text of an item must be 1 to {MAX_TEXT_CHARS} characters");
        return Err(Refusal::value("item.content", message));
    }
    Ok(ItemContent::Text(text))
}

fn audio(data: String, format: AudioFormat) -> Result<ItemContent, Refusal> {
    match audio_bytes(&data, format) {
        Some(bytes) if bytes > 0 => Ok(ItemContent::Audio(data)),
        Some(_) | None => {
            let message = "`audio` must be padded base64 of whole samples in the session's format";
            Err(Refusal::value("item.content[0].audio", message))
        }
    }
}
