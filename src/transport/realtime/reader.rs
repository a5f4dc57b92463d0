//! What hears a client: the caller's audio goes from the frame into the lane, and what the client wants goes to the call.
//! What it sent before is in the lane by then. What cannot be used is answered with an `error`.

use std::sync::Arc;

use tokio::time::Instant;

use super::RealtimeLimits;
use super::outgoing::RealtimeOutgoing;
use crate::audio::Lane;
use crate::id::CallId;
use crate::protocol::audio::audio_bytes;
use crate::protocol::openai::{CLEAR, COMMIT};
use crate::protocol::realtime::{
    Asked, ClientFrame, Dialect, ItemContent, Refusal, SessionWish, Wish, event_id_of, parse,
};
use crate::transport::LineEvent;
use crate::transport::socket::{Budget, Ear, Outgoing, Over, STARVED_AFTER, STARVED_MS};

/// Everything but audio.
const WISHES_A_SECOND: u64 = 10;
const WISHES_AT_ONCE: u64 = 200;

/// What hears one connection.
pub(super) struct Reader {
    call_id: CallId,
    lane: Arc<Lane>,
    out: Arc<RealtimeOutgoing>,
    limits: RealtimeLimits,
    opened: Instant,
    /// When anything came, and when audio did.
    asked_at: Instant,
    heard_at: Instant,
    budget: Budget,
    has_complained: bool,
}

impl Ear for Reader {
    fn may_come(&mut self) -> bool {
        self.budget.frame()
    }

    fn on_text(&mut self, text: &str) {
        self.asked_at = Instant::now();
        match parse(text, self.out.format()) {
            Ok(ClientFrame::Append(audio)) => self.on_audio(&audio, text),
            Ok(ClientFrame::Asked { asked, is_plainly_ga }) => self.on_asked(asked, is_plainly_ga),
            Err(refusal) => self.complain("unreadable", refusal),
        }
    }

    fn on_binary(&mut self) {
        self.complain("binary", refusal("invalid_event", None, "send text frames: JSON"));
    }

    fn on_pause(&mut self) {
        if self.opened.elapsed() >= self.limits.longest {
            return self.out.end(Over::Expired);
        }
        if self.asked_at.elapsed() >= self.limits.idle && self.out.quiet_for() >= self.limits.idle {
            return self.out.end(Over::Idle);
        }
        self.feed_if_starved();
    }
}

impl Reader {
    pub(super) fn new(
        call_id: CallId,
        lane: Arc<Lane>,
        out: Arc<RealtimeOutgoing>,
        limits: RealtimeLimits,
    ) -> Self {
        let now = Instant::now();
        let budget = Budget::new(WISHES_AT_ONCE, WISHES_A_SECOND);
        Self {
            call_id,
            lane,
            out,
            limits,
            opened: now,
            asked_at: now,
            heard_at: now,
            budget,
            has_complained: false,
        }
    }

    fn on_audio(&mut self, data: &str, frame: &str) {
        let format = self.out.format();
        let Some(bytes) = audio_bytes(data, format) else {
            let message = "`audio` must be padded base64 of whole samples in the session's format";
            let refusal = refusal("invalid_value", Some("audio"), message);
            return self.complain("audio", Refusal { event_id: event_id_of(frame), ..refusal });
        };
        if bytes == 0 {
            return;
        }
        if !self.budget.audio(format.ms(bytes as u64)) {
            return self.out.end(Over::Flood);
        }
        // Before the model can hear it: where it listens is counted from here.
        self.out.on_appended(bytes as u64);
        self.lane.push_caller(data);
        self.heard_at = Instant::now();
    }

    fn on_asked(&mut self, asked: Asked, is_plainly_ga: bool) {
        if !self.budget.wish() {
            let message = "wait a moment before the next event";
            let refusal =
                Refusal { event_id: asked.event_id, ..refusal("rate_limit_exceeded", None, message) };
            return self.complain("too_fast", refusal);
        }
        if is_plainly_ga {
            self.out.speak(Dialect::Ga);
        }
        let mut order = None;
        match &asked.wish {
            Wish::Session(SessionWish { format: Some(format), .. }) => self.out.expect(*format),
            Wish::Truncate { item_id, heard_ms } => self.out.on_truncated(item_id, *heard_ms),
            Wish::Delete(item_id) => self.out.on_named(item_id),
            Wish::Commit => order = Some(COMMIT),
            Wish::ClearInput => order = Some(CLEAR),
            Wish::AddItem { content: ItemContent::Audio(data), .. } => {
                let format = self.out.format();
                let bytes = audio_bytes(data, format).unwrap_or_default();
                if !self.budget.audio(format.ms(bytes as u64)) {
                    return self.out.end(Over::Flood);
                }
            }
            Wish::Session(_)
            | Wish::AddItem { .. }
            | Wish::Retrieve(_)
            | Wish::Respond(_)
            | Wish::Cancel(_)
            | Wish::Introduce(_)
            | Wish::Persona(_) => {}
        }
        self.out.report(LineEvent::Asked(asked));
        // Behind what was sent before it, and before what is sent next: only here is known where that is.
        order.into_iter().for_each(|order| self.lane.push_order(order));
    }

    /// What was not sent while the caller was heard to speak is silence: the model waits for it.
    fn feed_if_starved(&mut self) {
        if self.heard_at.elapsed() >= STARVED_AFTER && self.lane.is_caller_speaking() && !self.out.is_over() {
            metrics::counter!("ai_realtime_client_silence_ms_total").increment(STARVED_MS as u64);
            let silence = self.out.format().silence(STARVED_MS);
            self.out.on_fed(silence.len() as u64);
            self.lane.push_caller(&base64_simd::STANDARD.encode_to_string(silence));
        }
    }

    /// Counted and answered each time, logged once for each connection; too often, and the connection ends.
    #[cold]
    fn complain(&mut self, kind: &'static str, refusal: Refusal) {
        metrics::counter!("ai_realtime_client_bad_messages_total", "kind" => kind).increment(1);
        if !std::mem::replace(&mut self.has_complained, true) {
            tracing::warn!(call_id = %self.call_id, kind, "a client sent something we cannot use");
        }
        if self.budget.bad() {
            self.out.refuse(refusal);
        } else {
            self.out.end(Over::Garbage);
        }
    }
}

fn refusal(code: &'static str, param: Option<&str>, message: &str) -> Refusal {
    Refusal { event_id: None, code, param: param.map(str::to_owned), message: message.to_owned() }
}
