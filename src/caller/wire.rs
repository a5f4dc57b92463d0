//! The messages of Media Streams, seen from Twilio's side: what it sends, and what it takes.
//!
//! Numbers are decimal strings, and what comes back must have exactly the documented fields.
//! Source: <https://www.twilio.com/docs/voice/media-streams/websocket-messages>

use std::borrow::Cow;
use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::mouth::FRAME;

/// Milliseconds of one frame.
const FRAME_MS: u64 = 20;

/// What Twilio says on one stream, numbered.
#[derive(Debug)]
pub(super) struct Wire {
    stream_sid: String,
    sequence: u64,
    chunk: u64,
}

impl Wire {
    pub(super) fn new(stream_sid: String) -> Self {
        Self { stream_sid, sequence: 0, chunk: 0 }
    }

    pub(super) fn stream_sid(&self) -> &str {
        &self.stream_sid
    }

    pub(super) fn connected() -> String {
        json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}).to_string()
    }

    pub(super) fn start(
        &mut self,
        account_sid: &str,
        call_sid: &str,
        parameters: &[(String, String)],
    ) -> String {
        let parameters: Map<String, Value> =
            parameters.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let start = json!({
            "streamSid": self.stream_sid,
            "accountSid": account_sid,
            "callSid": call_sid,
            "tracks": ["inbound"],
            "customParameters": parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        });
        self.numbered("start", &start)
    }

    /// One frame. Written by hand: there are fifty a second, and base64 needs no escaping.
    pub(super) fn media(&mut self, audio: &[u8; FRAME]) -> String {
        let (sequence, stream_sid) = (self.next_sequence(), &self.stream_sid);
        self.chunk += 1;
        let (chunk, timestamp) = (self.chunk, (self.chunk - 1) * FRAME_MS);
        let payload = base64_simd::STANDARD.encode_to_string(audio);
        let mut text = String::with_capacity(400);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            r#"{{"event":"media","sequenceNumber":"{sequence}","streamSid":"{stream_sid}","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{timestamp}","payload":"{payload}"}}}}"#
        );
        text
    }

    /// Counts a frame that is lost on its way.
    pub(super) fn lose_media(&mut self) {
        self.sequence += 1;
        self.chunk += 1;
    }

    pub(super) fn dtmf(&mut self, digit: char) -> String {
        self.numbered("dtmf", &json!({"track": "inbound_track", "digit": digit.to_string()}))
    }

    pub(super) fn mark(&mut self, name: &str) -> String {
        self.numbered("mark", &json!({"name": name}))
    }

    pub(super) fn stop(&mut self, account_sid: &str, call_sid: &str) -> String {
        self.numbered("stop", &json!({"accountSid": account_sid, "callSid": call_sid}))
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn numbered(&mut self, event: &str, content: &Value) -> String {
        let sequence = self.next_sequence().to_string();
        json!({"event": event, "sequenceNumber": sequence, "streamSid": self.stream_sid, event: content})
            .to_string()
    }

    /// Reads what the service sent; the reason when Twilio would warn of it with 31951 and drop it.
    pub(super) fn read(&self, text: &str) -> Result<FromService, String> {
        let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if frame.stream_sid != self.stream_sid {
            return Err("streamSid is not this stream's".to_owned());
        }
        match (frame.event.as_ref(), frame.media, frame.mark) {
            ("media", Some(media), None) => base64_simd::STANDARD
                .decode_to_vec(media.payload.as_bytes())
                .map(FromService::Media)
                .map_err(|_| "the payload is no base64".to_owned()),
            ("mark", None, Some(mark)) => Ok(FromService::Mark(mark.name)),
            ("clear", None, None) => Ok(FromService::Clear),
            ("media" | "mark" | "clear", ..) => Err(format!("{} has missing or extra fields", frame.event)),
            (other, ..) => Err(format!("the event `{other}` is unknown")),
        }
    }
}

/// What the service may send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FromService {
    Media(Vec<u8>),
    Mark(String),
    Clear,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Frame<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    stream_sid: Cow<'a, str>,
    #[serde(borrow)]
    media: Option<Media<'a>>,
    mark: Option<Mark>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Media<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_stream_is_told_as_documented() {
        let mut wire = Wire::new("MZ1".into());
        assert_eq!(
            value(&Wire::connected()),
            json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        );
        let start = wire.start("AC1", "CA1", &[("call_token".into(), "t\"1".into())]);
        assert_eq!(
            value(&start),
            json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
                "streamSid": "MZ1", "accountSid": "AC1", "callSid": "CA1", "tracks": ["inbound"],
                "customParameters": {"call_token": "t\"1"},
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}})
        );
        assert_eq!(
            value(&wire.mark("r7:i2")),
            json!({"event": "mark", "sequenceNumber": "2", "streamSid": "MZ1", "mark": {"name": "r7:i2"}})
        );
        assert_eq!(
            value(&wire.dtmf('5')),
            json!({"event": "dtmf", "sequenceNumber": "3", "streamSid": "MZ1",
                "dtmf": {"track": "inbound_track", "digit": "5"}})
        );
        assert_eq!(
            value(&wire.stop("AC1", "CA1")),
            json!({"event": "stop", "sequenceNumber": "4", "streamSid": "MZ1",
                "stop": {"accountSid": "AC1", "callSid": "CA1"}})
        );
    }

    #[test]
    fn frames_are_numbered_and_a_lost_one_leaves_a_gap() {
        let mut wire = Wire::new("MZ1".into());
        let first = value(&wire.media(&[0xFF; FRAME]));
        assert_eq!(first["media"]["payload"].as_str().unwrap().len(), 216);
        wire.lose_media();
        let third = value(&wire.media(&[0xFF; FRAME]));
        assert_eq!(first["media"]["timestamp"], "0");
        assert_eq!(
            (third["sequenceNumber"].as_str(), &third["media"]["chunk"], &third["media"]["timestamp"]),
            (Some("3"), &json!("3"), &json!("40"))
        );
        assert_eq!((&third["event"], &third["media"]["track"]), (&json!("media"), &json!("inbound")));
    }

    #[test]
    fn what_the_service_may_send_is_read() {
        let wire = Wire::new("MZ1".into());
        let media = r#"{"event":"media","streamSid":"MZ1","media":{"payload":"/38="}}"#;
        assert_eq!(wire.read(media), Ok(FromService::Media(vec![0xFF, 0x7F])));
        let mark = r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"a\"b"}}"#;
        assert_eq!(wire.read(mark), Ok(FromService::Mark("a\"b".into())));
        assert_eq!(wire.read(r#"{"streamSid":"MZ1","event":"clear"}"#), Ok(FromService::Clear));
    }

    #[test]
    fn missing_or_extra_fields_and_other_streams_are_refused() {
        let wire = Wire::new("MZ1".into());
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"event":"clear"}"#,
            r#"{"event":"clear","streamSid":"MZ2"}"#,
            r#"{"event":"clear","streamSid":"MZ1","extra":1}"#,
            r#"{"event":"clear","streamSid":"MZ1","mark":{"name":"m"}}"#,
            r#"{"event":"media","streamSid":"MZ1"}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"%%%"}}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"/38=","track":"outbound"}}"#,
            r#"{"event":"mark","streamSid":"MZ1","mark":{}}"#,
            r#"{"event":"dtmf","streamSid":"MZ1"}"#,
        ] {
            assert!(wire.read(bad).is_err(), "{bad}");
        }
    }
}
