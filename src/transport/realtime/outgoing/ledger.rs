//! What is kept of one connection: what is to be told, in which words, what was heard of it, and what came.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::super::ended::Ended;
use super::super::narrator::Narrator;
use crate::audio::{Lane, Speech, Spoken};
use crate::id::ItemId;
use crate::protocol::audio::audio_bytes;
use crate::protocol::realtime::{Complaint, Event, Show, Wording};
use crate::sound::AudioFormat;
use crate::transport::socket::Played;

/// So many frames are written with one flush. More would keep an interruption waiting.
pub(super) const MAX_TOGETHER: usize = 8;
/// Audio goes out in pieces of at most so long: some clients choke on more.
const PIECE_MS: usize = 250;
/// So many words of the client's about what was heard are remembered.
const MAX_HEARD: usize = 16;

pub(super) struct Ledger {
    pub(super) narrator: Narrator,
    pub(super) wording: Wording,
    pub(super) format: AudioFormat,
    pub(super) played: Played,
    /// Whether any sound was told.
    pub(super) has_sounded: bool,
    /// What is to be written before anything else.
    pub(super) shown: VecDeque<String>,
    /// Sound of a response of which nobody has shown that it began.
    pub(super) held: Option<Speech>,
    /// So many pieces waited when the connection came: nobody will show anything of them.
    pub(super) left_over: usize,
    /// What the client said of what was heard, oldest first.
    heard: VecDeque<(ItemId, u64)>,
    /// Bytes of the caller's audio: before this connection, on it, and in its place.
    before: u64,
    pub(super) appended: u64,
    pub(super) fed: u64,
    pub(super) told_at: Instant,
}

impl Ledger {
    pub(super) fn new(wording: Wording, lane: &Lane, ended: &Ended) -> Self {
        let format = wording.view().format;
        Self {
            narrator: Narrator::new(wording.view(), ended.clone()),
            wording,
            format,
            played: Played::new(format),
            has_sounded: false,
            shown: VecDeque::new(),
            held: None,
            left_over: lane.persona_waiting(),
            heard: VecDeque::new(),
            before: lane.caller_came(),
            appended: 0,
            fed: 0,
            told_at: Instant::now(),
        }
    }

    pub(super) fn show(&mut self, show: Show, lane: &Lane) {
        if let Show::Session(view) = &show {
            self.set_format(view.format);
        }
        let heard_ms = self.heard_ms(lane);
        self.narrator.on_show(show, heard_ms);
        self.tell();
    }

    /// Puts into words what there is to be told.
    pub(super) fn tell(&mut self) {
        for event in self.narrator.take() {
            self.put(&event);
        }
    }

    pub(super) fn put(&mut self, event: &Event) {
        self.shown.extend(self.wording.put(event));
    }

    pub(super) fn complain(&mut self, complaint: Complaint) {
        self.put(&Event::Error(complaint));
    }

    /// Tells sound, in pieces. Gives how many bytes of it; `None` for what is no sound.
    pub(super) fn say(&mut self, of: &Spoken, payload: &str) -> Option<u64> {
        let bytes = audio_bytes(payload, self.format)?;
        if bytes == 0 {
            return Some(0);
        }
        let place = self.narrator.on_audio(of);
        self.tell();
        let Some(place) = place else {
            return Some(0);
        };
        self.has_sounded = true;
        let piece_chars = self.format.base64_chars(PIECE_MS) / 4 * 4;
        let mut rest = payload;
        while !rest.is_empty() {
            let (piece, more) = rest.split_at_checked(piece_chars).unwrap_or((rest, ""));
            self.shown.push_back(self.wording.audio(&place, piece));
            rest = more;
        }
        Some(bytes as u64)
    }

    /// Whether the sound that is held may be told.
    pub(super) fn may_go_on(&self) -> bool {
        self.held.as_ref().is_some_and(|speech| self.narrator.knows(&speech.of().response))
    }

    pub(super) fn say_end(&mut self, of: &Spoken) {
        self.played.on_item_end(&of.item);
        self.narrator.on_audio_end(of);
        self.tell();
    }

    pub(super) fn on_truncated(&mut self, item_id: &ItemId, heard_ms: u64) {
        self.narrator.on_named(item_id);
        self.heard.retain(|(item, _)| item != item_id);
        if self.heard.len() == MAX_HEARD {
            self.heard.pop_front();
        }
        self.heard.push_back((item_id.clone(), heard_ms));
    }

    /// What the client said of what was heard of a message.
    pub(super) fn heard_by_word(&self, item_id: &ItemId) -> Option<u64> {
        self.heard.iter().find(|(item, _)| item == item_id).map(|(_, heard_ms)| *heard_ms)
    }

    /// Sound of another format is counted otherwise; what is under way is counted as it began.
    pub(super) fn set_format(&mut self, format: AudioFormat) {
        if format != self.format && !self.played.is_audible() {
            self.format = format;
            self.played = Played::new(format);
        }
    }

    /// Where in the client's audio the model listens.
    fn heard_ms(&self, lane: &Lane) -> u64 {
        let reached = lane.caller_reached().saturating_sub(self.before).saturating_sub(self.fed);
        self.format.ms(reached.min(self.appended))
    }
}
