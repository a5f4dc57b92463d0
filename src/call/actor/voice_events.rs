//! What happens to a call on the phone, as its line and its session tell it.

use std::time::Duration;

use super::voice::{LineOrder, Voice};
use super::{CallData, Due, Phase};
use crate::call::conduct::{Conduct, VoiceTimer};
use crate::call::digits::{PAUSE, Pressed};
use crate::call::event::{CallEvent, LineEnd};
use crate::call::floor::Request;
use crate::call::phone::PhoneStatus;
use crate::call::prompts;
use crate::id::{ItemId, ResponseId};
use crate::session::{HeardPart, SessionMessage};
use crate::transport::twilio::PhoneMessage;
use crate::transport::{Cut, EffectDone, LineCommand, LineEvent, StreamEnd};

/// How far back the caller's audio is looked at for words: what the server's detection needs to notice them.
const LOOK_BACK: Duration = Duration::from_millis(500);

impl CallData {
    pub(super) fn on_line_event(&mut self, event: LineEvent) {
        if self.phase == Phase::Ended {
            return;
        }
        match event {
            LineEvent::StreamUp => {
                self.record(CallEvent::LineUp {});
                self.show_persona();
                self.greet_client();
                self.conduct(Conduct::on_line_up);
                self.heed_who_answered();
            }
            LineEvent::StreamDown { how } => {
                let told = match how {
                    StreamEnd::Stopped => LineEnd::Stopped,
                    StreamEnd::Lost => LineEnd::Lost,
                    StreamEnd::Closed => LineEnd::Closed,
                };
                self.record(CallEvent::LineDown { how: told });
                self.conduct(|conduct| conduct.on_line_down(how));
            }
            LineEvent::Digit(key) => self.on_key(key),
            LineEvent::Wrote(text) => self.on_wrote(text),
            LineEvent::Wants(persona) => self.on_wants(persona),
            LineEvent::Asked(asked) => self.on_asked(asked),
            LineEvent::Playing => self.conduct(|conduct| conduct.on_audible(true)),
            LineEvent::Played => {
                let is_audible = self.is_sounding();
                self.conduct(|conduct| conduct.on_audible(is_audible));
            }
            LineEvent::Interrupted { asked, cuts } => self.on_interrupted(asked, cuts),
            LineEvent::Effect(done) => self.on_effect(done),
        }
    }

    /// The line tells what was left unheard: the session first of all.
    fn on_interrupted(&mut self, asked: bool, cuts: Vec<Cut>) {
        let unasked = !asked && !cuts.is_empty();
        let part =
            |Cut { item, played_ms, sent_ms, .. }: Cut| HeardPart { item_id: item, played_ms, sent_ms };
        let parts = cuts.into_iter().map(part).collect();
        self.tell_session(SessionMessage::Interrupted(parts));
        if asked {
            let held = self.voice.as_mut().map(|voice| voice.cutting.on_told());
            held.into_iter().flatten().for_each(|message| self.tell_session(message));
        }
        self.conduct(|conduct| conduct.on_cut(unasked));
    }

    fn on_effect(&mut self, done: EffectDone) {
        match done {
            EffectDone::HungUp(Ok(())) | EffectDone::Redirected(Ok(())) => {}
            EffectDone::HungUp(Err(why)) | EffectDone::Redirected(Err(why)) => {
                tracing::warn!(why, "Twilio's REST API did not take it: it will be told when it asks");
                self.for_voice(LineOrder::Phone(PhoneMessage::CloseStream));
                // It may be over already.
                self.for_voice(LineOrder::Any(LineCommand::AskStatus));
            }
            EffectDone::Status(Ok(goes_on)) => {
                let status = if goes_on { PhoneStatus::GoesOn } else { PhoneStatus::Completed };
                self.conduct(|conduct| conduct.on_status(status));
            }
            EffectDone::Status(Err(why)) => tracing::warn!(why, "what became of the call is not known yet"),
        }
    }

    fn on_key(&mut self, key: char) {
        self.record(CallEvent::Dtmf { digit: key.to_string() });
        let asks_for_human = key == '0'
            && self.rendition.as_ref().is_some_and(|rendition| rendition.persona.phone.zero_transfers)
            && self.voice.as_ref().is_some_and(|voice| voice.can_transfer(&self.dependencies.phone));
        self.conduct(Conduct::on_caller_acts);
        if asks_for_human {
            let summary = Some("The caller pressed 0 to speak with a person.".to_owned());
            // There is someone, as was just seen.
            let _ = self.transfer(None, summary, true);
            return;
        }
        match self.voice.as_mut().map(|voice| voice.digits.on_key(key)) {
            Some(Pressed::Whole(keys)) => self.on_keys(&keys),
            Some(Pressed::Wait(press)) => {
                let alarm = self.later(Due::Keys(press), PAUSE);
                if let Some(voice) = &mut self.voice {
                    voice.alarms.keys = alarm;
                }
            }
            None => {}
        }
    }

    pub(super) fn on_keys_pause(&mut self, press: u64) {
        if let Some(keys) = self.voice.as_mut().and_then(|voice| voice.digits.on_pause(press)) {
            self.on_keys(&keys);
        }
    }

    fn on_keys(&mut self, keys: &str) {
        self.supersede(Request::Prompt { note: prompts::pressed(keys) });
    }

    pub(super) fn on_voice_timer(&mut self, timer: VoiceTimer) {
        match timer {
            VoiceTimer::Speech(number) => {
                let Some(voice) = &self.voice else {
                    return;
                };
                let manners = self
                    .rendition
                    .as_ref()
                    .map_or(Duration::ZERO, |rendition| rendition.persona.phone.min_speech);
                let voiced = voice.lane.voiced(manners + LOOK_BACK);
                self.conduct(|conduct| conduct.on_speech_lasts(number, voiced));
            }
            other => self.conduct(|conduct| conduct.on_timer(other)),
        }
    }

    /// What the caller said stands in the conversation: it is answered, unless it was noise.
    pub(super) fn on_caller_said(&mut self, item_id: ItemId) {
        let counts = self.voice.as_mut().is_some_and(|voice| voice.conduct.on_caller_said());
        if counts && self.answers_sayings() {
            self.supersede(Request::Hear { item_id });
        } else if counts {
            // It belongs to the turn in which it will be answered.
            let next = self.turns + 1;
            self.voice.iter_mut().for_each(|voice| voice.begins_turn(item_id.clone(), next));
        } else {
            metrics::counter!("ai_realtime_noises_ignored_total").increment(1);
            self.for_session(SessionMessage::Ignore(item_id));
        }
    }

    pub(super) fn on_caller_transcribed(&mut self, item_id: &ItemId, text: String) {
        let turn = self.voice.as_mut().and_then(|voice| voice.said_in(item_id));
        if let Some(turn) = turn.filter(|_| !text.is_empty()) {
            self.record(CallEvent::CallerTranscript { text, turn });
        }
    }

    /// A message was not heard to its end.
    pub(super) fn on_heard(&mut self, item_id: ItemId, played_ms: u64, heard: String) {
        if let Some(voice) = &mut self.voice {
            // Of several messages, what was heard is of the first.
            voice.heard =
                voice.heard.take().filter(|before| !before.is_empty()).or_else(|| Some(heard.clone()));
        }
        self.saying.on_end();
        let (item_id, heard) = (Some(item_id), Some(heard));
        self.record(CallEvent::AssistantInterrupted { played_ms, item_id, heard });
    }

    /// Whether something the persona said is still to be heard, as the lane knows it: sooner than the line tells.
    fn is_sounding(&self) -> bool {
        let sounds = |voice: &Voice| voice.lane.is_sounding() && !voice.cutting.is_pending();
        self.voice.as_ref().is_some_and(sounds)
    }

    /// A response began, or ended (`None`).
    pub(super) fn on_answering(&mut self, response: Option<Option<ResponseId>>) {
        let is_answering = response.is_some();
        if let Some(voice) = &mut self.voice {
            voice.heard = voice.heard.take().filter(|_| !is_answering);
            voice.active = response.flatten();
        }
        if !is_answering && self.is_sounding() {
            // Else a farewell that was generated at once would be over before it is heard.
            self.conduct(|conduct| conduct.on_audible(true));
        }
        self.conduct(|conduct| conduct.on_answering(is_answering));
    }

    /// A tool is at work: the caller is told something if it takes long.
    pub(super) fn arm_filler(&mut self, tool: &str) {
        // A client would not know what to make of a response that it did not ask for.
        let is_silent = self.client().is_some();
        let filler = self.filler_of(tool).filter(|_| !is_silent).map(|(_, after)| after);
        let (Some(after), Some(voice)) = (filler, &mut self.voice) else {
            return;
        };
        voice.fillers += 1;
        let number = voice.fillers;
        let alarm = self.later(Due::Filler(number), after);
        if let Some(voice) = &mut self.voice {
            voice.alarms.filler = alarm;
        }
    }

    pub(super) fn on_filler_due(&mut self, number: u64) {
        let may_be_said = |voice: &Voice| voice.fillers == number && !voice.conduct.is_caller_speaking();
        if !self.voice.as_ref().is_some_and(may_be_said) {
            return;
        }
        let words =
            self.running.values().find_map(|running| self.filler_of(&running.name)).map(|(words, _)| words);
        if let Some(words) = words {
            self.for_session(SessionMessage::SayAside(words));
        }
    }

    fn filler_of(&self, tool: &str) -> Option<(String, Duration)> {
        let tools = &self.rendition.as_ref()?.tools;
        let filler = tools.iter().find(|spec| spec.name == tool)?.filler.as_ref()?;
        Some((filler.text.clone(), filler.after))
    }

    /// Whether anything keeps the persona from being silent, as the conduct is to know it.
    pub(super) fn sync_conduct(&mut self) {
        let is_busy = !self.floor.is_free();
        self.conduct(|conduct| conduct.on_busy(is_busy));
    }
}
