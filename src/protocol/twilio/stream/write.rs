//! What we send: exactly the documented fields, since one too many makes Twilio drop the message.

use super::StreamSid;

/// Appends a frame of sound. `payload` is base64 of the standard alphabet and written as it is: it comes from our own
/// encoder, or has passed [`payload_bytes`](super::payload_bytes).
pub fn write_media(out: &mut String, stream_sid: &StreamSid, payload: &str) {
    const HEAD: &str = r#"{"event":"media","streamSid":""#;
    const MIDDLE: &str = r#"","media":{"payload":""#;
    const TAIL: &str = r#""}}"#;
    out.reserve(HEAD.len() + stream_sid.as_str().len() + MIDDLE.len() + payload.len() + TAIL.len());
    out.push_str(HEAD);
    out.push_str(stream_sid.as_str());
    out.push_str(MIDDLE);
    out.push_str(payload);
    out.push_str(TAIL);
}

/// Appends a mark: Twilio sends it back when all that was written before it has been played, or is cleared.
pub fn write_mark(out: &mut String, stream_sid: &StreamSid, name: &str) {
    out.push_str(r#"{"event":"mark","streamSid":""#);
    out.push_str(stream_sid.as_str());
    out.push_str(r#"","mark":{"name":"#);
    // A text always serialises.
    out.push_str(&serde_json::to_string(name).unwrap_or_default());
    out.push_str("}}");
}

/// Appends a clear: Twilio drops what it has not played, and sends all marks back.
pub fn write_clear(out: &mut String, stream_sid: &StreamSid) {
    out.push_str(r#"{"event":"clear","streamSid":""#);
    out.push_str(stream_sid.as_str());
    out.push_str(r#""}"#);
}
