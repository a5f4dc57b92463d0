//! Counts tokens: a quarter of a token a character, a token for 100 ms heard and for 50 ms spoken.

use serde_json::{Value, json};

use super::item::{Body, Item};
use super::part::Part;

const IMAGE_TOKENS: u64 = 85;

/// Tokens by what they stand for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) text: u64,
    pub(super) audio: u64,
    pub(super) image: u64,
}

impl Tokens {
    pub(super) fn total(self) -> u64 {
        self.text + self.audio + self.image
    }

    pub(super) fn add(&mut self, other: Self) {
        self.text += other.text;
        self.audio += other.audio;
        self.image += other.image;
    }

    fn within(self, other: Self) -> Self {
        Self {
            text: self.text.min(other.text),
            audio: self.audio.min(other.audio),
            image: self.image.min(other.image),
        }
    }
}

/// The tokens of a text.
pub(super) fn text_tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

/// The tokens of audio the model speaks.
pub(super) fn spoken_tokens(audio_ms: u64) -> u64 {
    audio_ms.div_ceil(50)
}

fn item_tokens(item: &Item) -> Tokens {
    let mut tokens = Tokens::default();
    match &item.body {
        Body::Message { parts, .. } => parts.iter().for_each(|part| tokens.add(part_tokens(part))),
        Body::Call { name, arguments, .. } => tokens.text = text_tokens(name) + text_tokens(arguments),
        Body::Output { output, .. } => tokens.text = text_tokens(output),
        Body::Approval(_) => {}
    }
    tokens
}

fn part_tokens(part: &Part) -> Tokens {
    match part {
        Part::InputText(text) | Part::OutputText(text) => {
            Tokens { text: text_tokens(text), ..Tokens::default() }
        }
        Part::InputAudio(_) => Tokens { audio: part.audio_ms().div_ceil(100), ..Tokens::default() },
        Part::InputImage { .. } => Tokens { image: IMAGE_TOKENS, ..Tokens::default() },
        Part::OutputAudio(speech) => Tokens { audio: spoken_tokens(speech.audio_ms()), ..Tokens::default() },
    }
}

/// Remembers the last context: its share of the next is cached, as long as instructions and tools stay.
#[derive(Debug, Default)]
pub(super) struct Meter {
    last: Option<(String, Tokens)>,
}

/// What a response has to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) read: Tokens,
    /// The share of it that was cached.
    pub(super) cached: Tokens,
}

impl Meter {
    /// Counts the context of a response: `head` is what stands before the items.
    pub(super) fn read<'a>(&mut self, head: &str, items: impl Iterator<Item = &'a Item>) -> Input {
        let mut read = Tokens { text: text_tokens(head), ..Tokens::default() };
        items.for_each(|item| read.add(item_tokens(item)));
        let cached = match &self.last {
            Some((before, tokens)) if before == head => tokens.within(read),
            _ => Tokens::default(),
        };
        self.last = Some((head.to_owned(), read));
        Input { read, cached }
    }
}

/// `usage` of a transcription.
pub(super) fn transcription_usage(audio_ms: u64, transcript: &str) -> Value {
    let (heard, written) = (audio_ms.div_ceil(100), text_tokens(transcript));
    json!({
        "type": "tokens", "total_tokens": heard + written, "input_tokens": heard, "output_tokens": written,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
    })
}

/// `usage` of a response.
pub(super) fn usage(input: Input, output: Tokens) -> Value {
    let Input { read, cached } = input;
    json!({
        "total_tokens": read.total() + output.total(),
        "input_tokens": read.total(),
        "output_tokens": output.total(),
        "input_token_details": {
            "text_tokens": read.text, "audio_tokens": read.audio, "image_tokens": read.image,
            "cached_tokens": cached.total(),
            "cached_tokens_details": {
                "text_tokens": cached.text, "audio_tokens": cached.audio, "image_tokens": cached.image,
            },
        },
        "output_token_details": {"text_tokens": output.text, "audio_tokens": output.audio},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::voice::Encoding;

    fn user(text: &str) -> Item {
        let item =
            json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
        Item::read(&item, "i".into(), "c".into(), Encoding::Pcm, "item").unwrap()
    }

    #[test]
    fn the_sums_of_usage_agree() {
        let mut meter = Meter::default();
        let items = [user("twelve chars")];
        meter.read("instructions", items.iter());
        let input = meter.read("instructions", items.iter().chain(&[user("more")]));
        let usage = usage(input, Tokens { text: 5, audio: 7, image: 0 });
        assert_eq!(usage["input_tokens"], 7);
        assert_eq!(usage["input_token_details"]["cached_tokens"], 6);
        assert_eq!((usage["output_tokens"].clone(), usage["total_tokens"].clone()), (json!(12), json!(19)));
    }

    #[test]
    fn a_new_prompt_busts_the_cache() {
        let mut meter = Meter::default();
        meter.read("waiter", [user("hello")].iter());
        assert_eq!(meter.read("cfo", [user("hello")].iter()).cached, Tokens::default());
    }
}
