//! Reading what Twilio sends: one pass, nothing copied from a frame of sound.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, de};

use super::{Inbound, Media, Start, Track};

/// How much of an unknown event's name is kept, in characters.
const MAX_NAME: usize = 64;

/// Why a frame cannot be used. Says where, never what it held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// It is no JSON object with an `event`.
    #[error("the frame is no JSON object with an `event` (line {line}, column {column})")]
    NotAnEvent {
        /// The line where reading stopped, from 1.
        line: usize,
        /// The column there.
        column: usize,
    },
    /// An event we know, without a part it must have or with one of the wrong type.
    #[error("the `{event}` event has a part that is missing or cannot be read")]
    Malformed {
        /// Which.
        event: &'static str,
    },
}

/// All events at once: an enum tagged by `event` would buffer the whole frame first.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    event: Text<'a>,
    #[serde(default, rename = "sequenceNumber")]
    sequence: Count,
    #[serde(borrow, default)]
    media: Option<MediaPart<'a>>,
    #[serde(default)]
    start: Option<Box<Start>>,
    #[serde(borrow, default)]
    dtmf: Option<DtmfPart<'a>>,
    #[serde(borrow, default)]
    mark: Option<MarkPart<'a>>,
}

#[derive(Deserialize)]
struct MediaPart<'a> {
    #[serde(borrow, default)]
    track: Option<Text<'a>>,
    #[serde(default)]
    chunk: Count,
    #[serde(default)]
    timestamp: Count,
    #[serde(borrow)]
    payload: Text<'a>,
}

#[derive(Deserialize)]
struct DtmfPart<'a> {
    #[serde(borrow)]
    digit: Text<'a>,
}

#[derive(Deserialize)]
struct MarkPart<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

/// What is left to go by when a frame does not read as a whole.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    event: Text<'a>,
}

/// A text that stays where it is unless it has escapes. (`Option<Cow<str>>` itself never borrows.)
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A count, written as digits in a string or as a number; anything else is none.
#[derive(Clone, Copy, Default)]
struct Count(Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count, as a string or a number")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Count, E> {
                Ok(Count(text.parse().ok()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Count, E> {
                Ok(Count(Some(number)))
            }
            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Count, E> {
                Ok(Count(None))
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Count, E> {
                Ok(Count(None))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Count, E> {
                Ok(Count(None))
            }
        }
        deserializer.deserialize_any(Digits)
    }
}

/// `null` is as good as absent.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads one text frame. Fields that are not known are skipped.
///
/// # Errors
/// [`StreamError`]: the frame is to be counted and dropped; it is no reason to end a stream.
pub fn parse(frame: &str) -> Result<Inbound<'_>, StreamError> {
    let Ok(read) = serde_json::from_str::<Frame<'_>>(frame) else { return salvage(frame) };
    let Frame { event, sequence, media, start, dtmf, mark } = read;
    let missing = |event| StreamError::Malformed { event };
    match event.0.as_ref() {
        "media" => media.map(|part| sound(sequence, part)).ok_or(missing("media")),
        "connected" => Ok(Inbound::Connected),
        "start" => start.map(Inbound::Start).ok_or(missing("start")),
        "dtmf" => dtmf.as_ref().and_then(key).ok_or(missing("dtmf")),
        "mark" => mark.map(|part| Inbound::Mark { name: part.name.0 }).ok_or(missing("mark")),
        "stop" => Ok(Inbound::Stop),
        other => Ok(unknown(other)),
    }
}

/// A frame that does not read as a whole may still be an event that is new to us, or one that needs no other part.
fn salvage(frame: &str) -> Result<Inbound<'static>, StreamError> {
    let named: Named<'_> = serde_json::from_str(frame)
        .map_err(|error| StreamError::NotAnEvent { line: error.line(), column: error.column() })?;
    match named.event.0.as_ref() {
        "connected" => Ok(Inbound::Connected),
        "stop" => Ok(Inbound::Stop),
        other => match ["media", "start", "dtmf", "mark"].into_iter().find(|known| *known == other) {
            Some(event) => Err(StreamError::Malformed { event }),
            None => Ok(unknown(other)),
        },
    }
}

fn sound<'a>(sequence: Count, part: MediaPart<'a>) -> Inbound<'a> {
    let track = match part.track {
        None => Track::Inbound,
        Some(name) if name.0 == "inbound" => Track::Inbound,
        Some(_) => Track::Other,
    };
    Inbound::Media(Media {
        sequence: sequence.0,
        chunk: part.chunk.0,
        timestamp_ms: part.timestamp.0,
        track,
        payload: part.payload.0,
    })
}

fn key(part: &DtmfPart<'_>) -> Option<Inbound<'static>> {
    let mut characters = part.digit.0.chars();
    match (characters.next()?, characters.next()) {
        (digit @ ('0'..='9' | '*' | '#' | 'A'..='D'), None) => Some(Inbound::Dtmf { digit }),
        _ => None,
    }
}

fn unknown(event: &str) -> Inbound<'static> {
    Inbound::Unknown(event.chars().take(MAX_NAME).collect())
}
