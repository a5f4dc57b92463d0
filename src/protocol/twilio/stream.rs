//! Media Streams: one JSON object in each text frame. A frame of sound comes fifty times a second, so it is read
//! without copying and written without a serialiser.
//!
//! Source: <https://www.twilio.com/docs/voice/media-streams/websocket-messages>

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::{CallSid, StreamSid};

pub use read::{StreamError, parse};
pub use write::{write_clear, write_mark, write_media};

/// What Twilio sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound<'a> {
    /// The socket is open; nothing is known of the call yet.
    Connected,
    /// The stream begins.
    Start(Box<Start>),
    /// Sound.
    Media(Media<'a>),
    /// The caller pressed a key.
    Dtmf {
        /// `0`–`9`, `*`, `#` or `A`–`D`.
        digit: char,
    },
    /// A mark of ours: all that was queued before it has been played, or was cleared.
    Mark {
        /// Its name.
        name: Cow<'a, str>,
    },
    /// The stream has ended; the call may go on.
    Stop,
    /// An event that is new to us, by its name (at most 64 characters of it). It must never end a call.
    Unknown(String),
}

/// The first thing a stream says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// The stream: everything we send names it.
    pub stream_sid: StreamSid,
    /// The call it belongs to.
    pub call_sid: CallSid,
    /// The account that owns the call.
    pub account_sid: String,
    /// Which directions are streamed: `inbound`, and for a stream that only listens also `outbound`.
    #[serde(default)]
    pub tracks: Vec<String>,
    /// What the TwiML's `<Parameter>`s said.
    #[serde(default, deserialize_with = "read::or_default")]
    pub custom_parameters: BTreeMap<String, String>,
    /// How the sound is coded.
    #[serde(default)]
    pub media_format: Option<MediaFormat>,
}

impl Start {
    /// Whether the sound is G.711 µ-law, 8000 Hz, one channel: the only format that is documented, and so the one that
    /// is meant when none is named.
    pub fn is_mulaw_8k_mono(&self) -> bool {
        self.media_format.as_ref().is_none_or(|format| {
            format.encoding == "audio/x-mulaw" && format.sample_rate == 8000 && format.channels == 1
        })
    }
}

/// How the sound of a stream is coded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaFormat {
    /// `audio/x-mulaw`.
    pub encoding: String,
    /// In Hz.
    pub sample_rate: u32,
    /// 1.
    pub channels: u32,
}

/// One frame of sound. A count that is missing or no number is `None`: the sound is still good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media<'a> {
    /// Counts all messages of the stream from 1; a gap means that some were lost.
    pub sequence: Option<u64>,
    /// Counts the frames of this track from 1.
    pub chunk: Option<u64>,
    /// Since the stream began: what gaps are measured by.
    pub timestamp_ms: Option<u64>,
    /// Whose sound.
    pub track: Track,
    /// The sound in base64, as it came and not checked: see [`payload_bytes`]. Owned only if it came with JSON escapes.
    pub payload: Cow<'a, str>,
}

/// Whose sound a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Track {
    /// The caller's. A frame that names no track is the caller's too.
    Inbound,
    /// What the caller hears, or something new: not for the model.
    Other,
}

/// How many bytes a payload holds; `None` for what is not padded base64 of the standard alphabet, and must go no
/// further.
pub fn payload_bytes(payload: &str) -> Option<usize> {
    let text = payload.as_bytes();
    base64_simd::STANDARD.check(text).ok()?;
    base64_simd::STANDARD.decoded_length(text).ok()
}
