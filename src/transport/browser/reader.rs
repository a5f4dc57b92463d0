//! What hears a browser: the caller's audio goes from the frame into the lane, and everything else to whom it concerns.
//! What cannot be used is answered with an error.

use std::sync::Arc;

use tokio::time::Instant;

use super::outgoing::BrowserOutgoing;
use crate::audio::Lane;
use crate::id::{CallId, PersonaKey};
use crate::protocol::browser::{ClientMessage, MAX_TEXT_CHARS, ServerMessage, parse, pcm_bytes};
use crate::sound::AudioFormat;
use crate::transport::LineEvent;
use crate::transport::socket::{Budget, Ear, Outgoing, Over, STARVED_AFTER, STARVED_MS};

const FORMAT: AudioFormat = AudioFormat::Pcm24k;
/// Texts and wishes for a persona.
const WORDS_A_SECOND: u64 = 2;
const WORDS_AT_ONCE: u64 = 20;

/// What hears one connection.
pub(super) struct Reader {
    call_id: CallId,
    lane: Arc<Lane>,
    out: Arc<BrowserOutgoing>,
    heard_at: Instant,
    budget: Budget,
    has_complained: bool,
}

impl Ear for Reader {
    fn may_come(&mut self) -> bool {
        self.budget.frame()
    }

    fn on_text(&mut self, text: &str) {
        match parse(text) {
            Ok(ClientMessage::Audio { data }) => self.on_audio(&data),
            Ok(ClientMessage::Played { ms, clear }) => self.out.on_played(ms, clear),
            Ok(ClientMessage::Text { text }) => self.on_words(&text),
            Ok(ClientMessage::Persona { key }) => {
                if self.may_speak() {
                    self.out.report(LineEvent::Wants(PersonaKey::from(key.as_ref())));
                }
            }
            Err(error) => self.complain("unreadable", "invalid_message", &error.to_string()),
        }
    }

    fn on_binary(&mut self) {
        self.complain("binary", "invalid_message", "send text frames: JSON");
    }

    /// What was not sent while the caller was heard to speak is silence: the model waits for it.
    fn on_pause(&mut self) {
        if self.heard_at.elapsed() >= STARVED_AFTER && self.lane.is_caller_speaking() && !self.out.is_over() {
            metrics::counter!("ai_realtime_browser_silence_ms_total").increment(STARVED_MS as u64);
            self.lane.push_caller(&base64_simd::STANDARD.encode_to_string(FORMAT.silence(STARVED_MS)));
        }
    }
}

impl Reader {
    pub(super) fn new(call_id: CallId, lane: Arc<Lane>, out: Arc<BrowserOutgoing>) -> Self {
        let budget = Budget::new(WORDS_AT_ONCE, WORDS_A_SECOND);
        Self { call_id, lane, out, heard_at: Instant::now(), budget, has_complained: false }
    }

    fn on_audio(&mut self, data: &str) {
        let Some(bytes) = pcm_bytes(data) else {
            let sentence = "`data` must be padded base64 of whole 16-bit samples";
            return self.complain("payload", "invalid_audio", sentence);
        };
        if bytes == 0 {
            return;
        }
        if !self.budget.audio(FORMAT.ms(bytes as u64)) {
            return self.out.end(Over::Flood);
        }
        self.lane.push_caller(data);
        self.heard_at = Instant::now();
    }

    fn on_words(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MAX_TEXT_CHARS {
            return self.complain("text", "invalid_value", "text must be 1 to 5000 characters");
        }
        if self.may_speak() {
            self.out.report(LineEvent::Wrote(text.to_owned()));
        }
    }

    fn may_speak(&mut self) -> bool {
        let may = self.budget.wish();
        if !may {
            self.complain("too_fast", "rate_limited", "wait a moment before the next text or persona");
        }
        may
    }

    /// Counted and answered each time, logged once for each connection; too often, and the connection ends.
    #[cold]
    fn complain(&mut self, kind: &'static str, code: &'static str, sentence: &str) {
        metrics::counter!("ai_realtime_browser_bad_messages_total", "kind" => kind).increment(1);
        if !std::mem::replace(&mut self.has_complained, true) {
            tracing::warn!(call_id = %self.call_id, kind, "a browser sent something we cannot use");
        }
        if self.budget.bad() {
            self.out.show(&ServerMessage::error(code, sentence));
        } else {
            self.out.end(Over::Garbage);
        }
    }
}
