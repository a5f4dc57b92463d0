//! The reading half of a connection: the caller's audio goes from the frame into the lane, and everything else to whom
//! it concerns. Never waits for anyone but the browser, and what cannot be used is answered with an error.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite;

use super::BrowserLimits;
use super::allowance::Allowance;
use super::outgoing::Outgoing;
use super::over::Over;
use crate::audio::Lane;
use crate::id::{CallId, PersonaKey};
use crate::protocol::browser::{ClientMessage, MAX_TEXT_CHARS, ServerMessage, parse, pcm_bytes};
use crate::sound::AudioFormat;
use crate::transport::LineEvent;

const FORMAT: AudioFormat = AudioFormat::Pcm24k;
/// Nothing of the caller's for so long while they speak: the model would wait for the end of their turn.
const STARVED_AFTER: Duration = Duration::from_millis(750);
const STARVED_MS: usize = 750;
/// Audio may come so much faster than it is spoken, and half a minute of it at once.
const TIMES_REAL_TIME: u64 = 4;
const AUDIO_AT_ONCE_MS: u64 = 30_000;
/// Messages of all kinds.
const FRAMES_A_SECOND: u64 = 400;
const FRAMES_AT_ONCE: u64 = 4_000;
/// Texts and wishes for a persona.
const WORDS_A_SECOND: u64 = 2;
const WORDS_AT_ONCE: u64 = 20;
/// What cannot be used.
const BAD_A_SECOND: u64 = 1;
const BAD_AT_ONCE: u64 = 50;
/// Policy codes by which a browser says that the caller is done.
const DONE: u16 = 1000;

/// What hears one connection.
pub(super) struct Reader {
    call_id: CallId,
    lane: Arc<Lane>,
    out: Arc<Outgoing>,
    opened: Instant,
    heard_at: Instant,
    audio: Allowance,
    frames: Allowance,
    words: Allowance,
    bad: Allowance,
    has_complained: bool,
}

impl Reader {
    pub(super) fn new(call_id: CallId, lane: Arc<Lane>, out: Arc<Outgoing>) -> Self {
        let now = Instant::now();
        Self {
            call_id,
            lane,
            out,
            opened: now,
            heard_at: now,
            audio: Allowance::new(AUDIO_AT_ONCE_MS, TIMES_REAL_TIME * 1_000),
            frames: Allowance::new(FRAMES_AT_ONCE, FRAMES_A_SECOND),
            words: Allowance::new(WORDS_AT_ONCE, WORDS_A_SECOND),
            bad: Allowance::new(BAD_AT_ONCE, BAD_A_SECOND),
            has_complained: false,
        }
    }

    /// Reads until the socket ends; a connection that is over is still read, so that it can close politely.
    pub(super) async fn run(mut self, mut source: SplitStream<WebSocket>, limits: BrowserLimits) {
        // Whatever ends this ends the connection.
        let _guard = EndsWith(Arc::clone(&self.out));
        let mut last_at = Instant::now();
        let mut watch = pin!(sleep(STARVED_AFTER.min(limits.silence)));
        loop {
            let message = tokio::select! {
                biased;
                message = source.next() => message,
                () = &mut watch => {
                    if last_at.elapsed() >= limits.silence {
                        return;
                    }
                    self.feed_if_starved();
                    watch.as_mut().reset((Instant::now() + STARVED_AFTER).min(last_at + limits.silence));
                    continue;
                }
            };
            match message {
                Some(Ok(message)) if !self.out.is_over() => {
                    last_at = Instant::now();
                    self.on_message(&message);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.out.end(why(error));
                    return;
                }
                None => return,
            }
        }
    }

    fn on_message(&mut self, message: &Message) {
        if !self.frames.take(1, self.now_ms()) {
            return self.out.end(Over::Flood);
        }
        match message {
            Message::Text(text) => self.on_text(text.as_str()),
            Message::Binary(_) => self.complain("binary", "invalid_message", "send text frames: JSON"),
            Message::Close(frame) => {
                let is_done = frame.as_ref().is_none_or(|frame| frame.code == DONE);
                self.out.end(if is_done { Over::HungUp } else { Over::Lost });
            }
            // Answered below us.
            Message::Ping(_) | Message::Pong(_) => {}
        }
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

    fn on_audio(&mut self, data: &str) {
        let Some(bytes) = pcm_bytes(data) else {
            let sentence = "`data` must be padded base64 of whole 16-bit samples";
            return self.complain("payload", "invalid_audio", sentence);
        };
        if bytes == 0 {
            return;
        }
        let ms = FORMAT.ms(bytes as u64).max(1);
        if !self.audio.take(ms, self.now_ms()) {
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
        let may = self.words.take(1, self.now_ms());
        if !may {
            self.complain("too_fast", "rate_limited", "wait a moment before the next text or persona");
        }
        may
    }

    /// What was not sent while the caller was heard to speak is silence: the model waits for it.
    fn feed_if_starved(&mut self) {
        if self.heard_at.elapsed() >= STARVED_AFTER && self.lane.is_caller_speaking() && !self.out.is_over() {
            metrics::counter!("ai_realtime_browser_silence_ms_total").increment(STARVED_MS as u64);
            self.lane.push_caller(&base64_simd::STANDARD.encode_to_string(FORMAT.silence(STARVED_MS)));
        }
    }

    /// Counted and answered each time, logged once for each connection; too often, and the connection ends.
    #[cold]
    fn complain(&mut self, kind: &'static str, code: &'static str, sentence: &str) {
        metrics::counter!("ai_realtime_browser_bad_messages_total", "kind" => kind).increment(1);
        if !std::mem::replace(&mut self.has_complained, true) {
            tracing::warn!(call_id = %self.call_id, kind, "a browser sent something we cannot use");
        }
        if self.bad.take(1, self.now_ms()) {
            self.out.show(&ServerMessage::error(code, sentence));
        } else {
            self.out.end(Over::Garbage);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Ends the connection when it goes, also by a panic.
pub(super) struct EndsWith(pub(super) Arc<Outgoing>);

impl Drop for EndsWith {
    fn drop(&mut self) {
        self.0.end(Over::Lost);
    }
}

fn why(error: axum::Error) -> Over {
    match error.into_inner().downcast_ref() {
        Some(tungstenite::Error::Capacity(_)) => Over::TooLarge,
        _ => Over::Lost,
    }
}
