//! What clients may say of the answer they want. Instructions, tools and the like are ours: they are passed over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::session::{Modality, is_spoken};
use super::{Refusal, read};
use crate::protocol::realtime::model::ResponseWish;

const MAX_PAIRS: usize = 16;
const MAX_KEY: usize = 64;
const MAX_VALUE: usize = 512;

#[derive(Deserialize)]
struct Create {
    #[serde(default)]
    response: Option<Fields>,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    output_modalities: Option<Vec<Modality>>,
    #[serde(default)]
    modalities: Option<Vec<Modality>>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    conversation: Option<String>,
    #[serde(default)]
    input: Option<IgnoredAny>,
}

pub(super) fn create(frame: &str) -> Result<ResponseWish, Refusal> {
    let Create { response: Some(fields) } = read(frame)? else {
        return Ok(ResponseWish::default());
    };
    let Fields { output_modalities, modalities, metadata, conversation, input } = fields;
    if conversation.is_some_and(|which| which != "auto") {
        let message = "every response belongs to the conversation: leave it out";
        return Err(Refusal::value("response.conversation", message));
    }
    if input.is_some() {
        let message = "a response answers the conversation: add items to that, and leave this out";
        return Err(Refusal::value("response.input", message));
    }
    let metadata = metadata.unwrap_or_default();
    let fits = |(key, value): (&String, &String)| {
        key.chars().count() <= MAX_KEY && value.chars().count() <= MAX_VALUE
    };
    if metadata.len() > MAX_PAIRS || !metadata.iter().all(fits) {
        let message = format!(
            "at most {MAX_PAIRS} pairs, keys of at most {MAX_KEY} characters, values of at most {MAX_VALUE}"
        );
        return Err(Refusal::value("response.metadata", message));
    }
    let is_spoken = match (output_modalities, modalities) {
        (Some(modalities), _) => Some(is_spoken("response.output_modalities", &modalities)?),
        (None, Some(modalities)) => Some(is_spoken("response.modalities", &modalities)?),
        (None, None) => None,
    };
    Ok(ResponseWish { is_spoken, metadata: metadata.into_iter().collect() })
}
