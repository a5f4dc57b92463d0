//! Tokens of the model: how many, of which kind, and what they cost.

pub mod prices;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Tokens used. What the model did not tell apart is in the totals only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens the model read.
    pub input_tokens: u64,
    /// Tokens the model wrote.
    pub output_tokens: u64,
    /// Text among what it read, the cached share included.
    #[serde(default, skip_serializing_if = "is_none")]
    pub input_text: u64,
    /// Audio among what it read, the cached share included.
    #[serde(default, skip_serializing_if = "is_none")]
    pub input_audio: u64,
    /// Text it had read before.
    #[serde(default, skip_serializing_if = "is_none")]
    pub input_cached_text: u64,
    /// Audio it had read before.
    #[serde(default, skip_serializing_if = "is_none")]
    pub input_cached_audio: u64,
    /// Text among what it wrote.
    #[serde(default, skip_serializing_if = "is_none")]
    pub output_text: u64,
    /// Audio among what it wrote.
    #[serde(default, skip_serializing_if = "is_none")]
    pub output_audio: u64,
}

/// Tokens by the model that used them. What was used by a model whose name is not known is under [`UNKNOWN_MODEL`].
pub type ModelUsage = BTreeMap<String, Usage>;

/// Stands for the name of a model that is not known.
pub const UNKNOWN_MODEL: &str = "unknown";

// serde gives a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_none(tokens: &u64) -> bool {
    *tokens == 0
}

impl Usage {
    /// Both added up.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            input_text: self.input_text.saturating_add(other.input_text),
            input_audio: self.input_audio.saturating_add(other.input_audio),
            input_cached_text: self.input_cached_text.saturating_add(other.input_cached_text),
            input_cached_audio: self.input_cached_audio.saturating_add(other.input_cached_audio),
            output_text: self.output_text.saturating_add(other.output_text),
            output_audio: self.output_audio.saturating_add(other.output_audio),
        }
    }
}

/// All of it, whichever model used it.
pub fn total(usage: &ModelUsage) -> Usage {
    usage.values().copied().fold(Usage::default(), Usage::plus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_apart_is_not_written() {
        let usage = Usage { input_tokens: 3, output_tokens: 1, input_text: 3, ..Usage::default() };
        let text = serde_json::to_string(&usage).unwrap();
        assert_eq!(text, r#"{"input_tokens":3,"output_tokens":1,"input_text":3}"#);
        assert_eq!(serde_json::from_str::<Usage>(&text).unwrap(), usage);
    }

    #[test]
    fn usage_adds_up_over_models_and_never_overflows() {
        let one = Usage { input_tokens: u64::MAX, output_text: 2, ..Usage::default() };
        let usage = ModelUsage::from([("a".to_owned(), one), ("b".to_owned(), one)]);
        assert_eq!((total(&usage).input_tokens, total(&usage).output_text), (u64::MAX, 4));
    }
}
