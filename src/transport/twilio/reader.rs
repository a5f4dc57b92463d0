//! The reading half of a stream: the caller's audio goes from the frame into the lane, and everything else to whom it
//! concerns. Never waits for anyone but Twilio, and nothing Twilio sends ends it but the end of the stream.

use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite;

use super::PhoneLimits;
use super::continuity::{Continuity, Counts};
use super::outgoing::{Outgoing, Over};
use crate::audio::Lane;
use crate::id::CallId;
use crate::protocol::twilio::stream::{Inbound, Media, Track, parse, payload_bytes};
use crate::sound::AudioFormat;
use crate::transport::LineEvent;

/// Most sound in one message, in bytes: one second.
const MAX_PAYLOAD: usize = AudioFormat::Pcmu.bytes(1_000);
/// Nothing of the caller's for so long while they speak: the model would wait for the end of their turn.
const STARVED_AFTER: Duration = Duration::from_millis(750);
/// Keys a caller can press in a second.
const MAX_KEYS: u32 = 32;
const SECOND: Duration = Duration::from_secs(1);
/// µ-law silence in base64: 20 ms, and a second.
static SILENT_FRAME: LazyLock<String> = LazyLock::new(|| silence(20));
static SILENT_SECOND: LazyLock<String> = LazyLock::new(|| silence(1_000));
const FRAMES_IN_A_SECOND: u64 = 50;

fn silence(ms: usize) -> String {
    base64_simd::STANDARD.encode_to_string(AudioFormat::Pcmu.silence(ms))
}

/// What cannot be used of what Twilio sends. The number is its place among the complaints already made.
#[derive(Debug, Clone, Copy)]
enum Bad {
    Unreadable,
    Unknown,
    Binary,
    Payload,
    TooLong,
    Track,
    OutOfPlace,
    TooManyKeys,
}

impl Bad {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Unknown => "unknown",
            Self::Binary => "binary",
            Self::Payload => "payload",
            Self::TooLong => "too_long",
            Self::Track => "track",
            Self::OutOfPlace => "out_of_place",
            Self::TooManyKeys => "too_many_keys",
        }
    }
}

/// What hears one stream.
pub(super) struct Reader {
    call_id: CallId,
    lane: Arc<Lane>,
    out: Arc<Outgoing>,
    continuity: Continuity,
    complained: u16,
    keys: u32,
    keys_since: Instant,
    heard_at: Instant,
}

impl Reader {
    pub(super) fn new(call_id: CallId, lane: Arc<Lane>, out: Arc<Outgoing>) -> Self {
        let now = Instant::now();
        Self {
            call_id,
            lane,
            out,
            continuity: Continuity::default(),
            complained: 0,
            keys: 0,
            keys_since: now,
            heard_at: now,
        }
    }

    /// Reads until the socket ends; a stream that is over is still read, so that it can close politely.
    pub(super) async fn run(mut self, mut source: SplitStream<WebSocket>, limits: PhoneLimits) {
        // Whatever ends this ends the stream.
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
                    // No frame touches the timer: when it goes off it is set anew.
                    let now = Instant::now();
                    let starved_at = self.heard_at + STARVED_AFTER;
                    let next = if starved_at > now { starved_at } else { now + STARVED_AFTER };
                    watch.as_mut().reset(next.min(last_at + limits.silence));
                    continue;
                }
            };
            match message {
                Some(Ok(message)) if !self.out.is_over() => {
                    last_at = Instant::now();
                    self.on_message(&message, last_at);
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

    fn on_message(&mut self, message: &Message, now: Instant) {
        match message {
            Message::Text(text) => self.on_text(text.as_str(), now),
            Message::Binary(_) => self.complain(Bad::Binary),
            Message::Close(_) => self.out.end(Over::Lost),
            // Answered below us.
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }

    fn on_text(&mut self, text: &str, now: Instant) {
        match parse(text) {
            Ok(Inbound::Media(media)) => return self.on_media(&media, now),
            Ok(Inbound::Mark { name }) => self.out.on_mark(&name),
            Ok(Inbound::Dtmf { digit }) => self.on_key(digit, now),
            Ok(Inbound::Stop) => self.out.end(Over::Stopped),
            Ok(Inbound::Connected | Inbound::Start(_)) => self.complain(Bad::OutOfPlace),
            Ok(Inbound::Unknown(_)) => self.complain(Bad::Unknown),
            Err(_) => self.complain(Bad::Unreadable),
        }
        self.continuity.on_other();
    }

    fn on_media(&mut self, media: &Media<'_>, now: Instant) {
        let bytes = match (media.track, payload_bytes(&media.payload)) {
            (Track::Other, _) => Err(Bad::Track),
            (Track::Inbound, None | Some(0)) => Err(Bad::Payload),
            (Track::Inbound, Some(bytes)) if bytes > MAX_PAYLOAD => Err(Bad::TooLong),
            (Track::Inbound, Some(bytes)) => Ok(bytes),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(bad) => {
                self.continuity.on_other();
                return self.complain(bad);
            }
        };
        let &Media { sequence, chunk, timestamp_ms, .. } = media;
        let verdict = self.continuity.on_media(Counts { sequence, chunk, timestamp_ms, bytes });
        if verdict.missing > 0 {
            metrics::counter!("ai_realtime_twilio_frames_missing_total").increment(verdict.missing);
        }
        if !verdict.take {
            metrics::counter!("ai_realtime_twilio_frames_out_of_order_total").increment(1);
            return;
        }
        self.pad(verdict.pad_frames);
        self.lane.push_caller(&media.payload);
        self.heard_at = now;
    }

    fn on_key(&mut self, digit: char, now: Instant) {
        if now.duration_since(self.keys_since) >= SECOND {
            (self.keys, self.keys_since) = (0, now);
        }
        if self.keys == MAX_KEYS {
            return self.complain(Bad::TooManyKeys);
        }
        self.keys += 1;
        self.out.report(LineEvent::Digit(digit));
    }

    fn feed_if_starved(&mut self) {
        if self.heard_at.elapsed() >= STARVED_AFTER && self.lane.is_caller_speaking() && !self.out.is_over() {
            let frames = self.continuity.on_starved();
            self.pad(frames);
        }
    }

    /// Gives the model silence: whole seconds in one, so that a long hole does not push out what was said.
    fn pad(&self, frames: u64) {
        if frames == 0 {
            return;
        }
        metrics::counter!("ai_realtime_twilio_silent_frames_total").increment(frames);
        for _ in 0..frames / FRAMES_IN_A_SECOND {
            self.lane.push_caller(&SILENT_SECOND);
        }
        for _ in 0..frames % FRAMES_IN_A_SECOND {
            self.lane.push_caller(&SILENT_FRAME);
        }
    }

    /// Counted each time, logged once for each stream and kind.
    #[cold]
    fn complain(&mut self, bad: Bad) {
        let kind = bad.as_str();
        metrics::counter!("ai_realtime_twilio_bad_frames_total", "kind" => kind).increment(1);
        let bit = 1 << (bad as u16);
        if self.complained & bit == 0 {
            self.complained |= bit;
            tracing::warn!(call_id = %self.call_id, kind, "Twilio sent something we cannot use");
        }
    }
}

/// Ends the stream when it goes, also by a panic.
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
