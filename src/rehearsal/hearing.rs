//! What a conversation makes of the caller's audio: turns, their transcripts, and answers to them.

use serde_json::{Value, json};

use super::chunk::words;
use super::conversation::Conversation;
use super::event::ServerEvent;
use super::input::Heard;
use super::item::{Body, Item, Role, Status};
use super::part::{Part, Recording, decode_audio};
use super::refusal::Refusal;
use super::usage::transcription_usage;

impl Conversation {
    /// `input_audio_buffer.append`.
    pub(super) fn hear(&mut self, base64: &str) -> Result<(), Refusal> {
        let audio = decode_audio(base64, self.session.input_encoding(), "audio")?;
        for heard in self.input.append(&audio)? {
            match heard {
                Heard::Started { at_ms } => self.on_speech(at_ms),
                Heard::Stopped { at_ms, audio } => self.on_silence(at_ms, audio),
            }
        }
        Ok(())
    }

    /// `input_audio_buffer.commit`: what was said so far is an item, and no response is made of it.
    pub(super) fn commit(&mut self) -> Result<(), Refusal> {
        let audio = self.input.commit()?;
        let id = self.spoken_item.take().unwrap_or_else(|| self.new_item_id());
        self.keep(&id, audio)?;
        self.transcribe(&id);
        Ok(())
    }

    /// `input_audio_buffer.clear`.
    pub(super) fn clear_input(&mut self) {
        self.input.clear();
        self.spoken_item = None;
        self.send(ServerEvent::new("input_audio_buffer.cleared", json!({})));
    }

    /// Listens as the session now says.
    pub(super) fn retune(&mut self) {
        self.input.tune(self.session.input_encoding(), self.session.vad());
        if !self.input.is_speaking() {
            self.spoken_item = None;
        }
    }

    fn on_speech(&mut self, at_ms: u64) {
        self.idle.stop();
        let id = self.new_item_id();
        let started = json!({"audio_start_ms": at_ms, "item_id": id});
        self.send(ServerEvent::new("input_audio_buffer.speech_started", started));
        self.spoken_item = Some(id);
        if self.session.on_turn("interrupt_response") {
            self.interrupt();
        }
    }

    fn on_silence(&mut self, at_ms: u64, audio: Vec<u8>) {
        let id = self.spoken_item.take().unwrap_or_else(|| self.new_item_id());
        let stopped = json!({"audio_end_ms": at_ms, "item_id": id});
        self.send(ServerEvent::new("input_audio_buffer.speech_stopped", stopped));
        self.end_turn(&id, audio);
    }

    /// A turn of the caller is over: it becomes an item, and is answered if the session says so. The transcript comes
    /// after the response has begun, as it often does with the real server.
    pub(super) fn end_turn(&mut self, id: &str, audio: Vec<u8>) {
        if let Err(refusal) = self.keep(id, audio) {
            self.send(refusal.event(None));
            return;
        }
        if self.session.on_turn("create_response")
            && let Err(refusal) = self.create_response(&Value::Null)
        {
            self.send(refusal.event(None));
        }
        self.transcribe(id);
    }

    fn keep(&mut self, id: &str, audio: Vec<u8>) -> Result<(), Refusal> {
        let recording = Recording::new(audio, self.session.input_encoding());
        let parts = vec![Part::InputAudio(recording)];
        let item = Item {
            id: id.to_owned(),
            status: Status::Completed,
            body: Body::Message { role: Role::User, parts },
            response: String::new(),
        };
        let shown = item.to_wire(false);
        let previous = self.items.insert(item, None)?;
        let committed = json!({"item_id": id, "previous_item_id": previous});
        self.send(ServerEvent::new("input_audio_buffer.committed", committed));
        self.show_item(&shown, previous.as_deref());
        Ok(())
    }

    /// Tells what was understood of an item, if the session asks for it.
    fn transcribe(&mut self, id: &str) {
        if self.session.get("/audio/input/transcription").is_null() {
            return;
        }
        let Some(item) = self.items.get_mut(id) else {
            return;
        };
        let audio_ms = item.audio_ms();
        let Some(recording) = item.recording_mut() else {
            return;
        };
        let transcript = recording.understood.clone();
        recording.transcript = Some(transcript.clone());
        for delta in words(&transcript) {
            let fields = json!({"item_id": id, "content_index": 0, "delta": delta});
            self.send(ServerEvent::new("conversation.item.input_audio_transcription.delta", fields));
        }
        let usage = transcription_usage(audio_ms, &transcript);
        let fields = json!({"item_id": id, "content_index": 0, "transcript": transcript, "usage": usage});
        self.send(ServerEvent::new("conversation.item.input_audio_transcription.completed", fields));
    }
}
