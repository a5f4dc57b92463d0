//! What a session is told to be, and the update that makes it so. Pure.

use crate::protocol::openai::{
    AudioInputPatch, AudioOutputPatch, AudioPatch, EchoedSession, FunctionTool, MeaningDetection, Modality,
    SessionPatch, Transcription, TurnDetection, VolumeDetection,
};
use crate::protocol::realtime::{Eagerness, Turns};
use crate::sound::AudioFormat;

/// What a session is told to be.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionConfig {
    /// The system prompt.
    pub instructions: String,
    /// The tools on offer.
    pub tools: Vec<FunctionTool>,
    /// How it hears and speaks; `None` when it reads and writes.
    pub speech: Option<SpeechConfig>,
}

/// How a session hears and speaks.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeechConfig {
    /// How audio is written, both ways.
    pub format: AudioFormat,
    /// The voice it speaks with.
    pub voice: String,
    /// The model that writes down the caller's words.
    pub transcription_model: String,
    /// Whether the model's side stops an answer as soon as the caller speaks. Otherwise that is for the call to
    /// decide.
    pub stops_for_speech: bool,
    /// Who finds the ends of the caller's turns.
    pub turns: Turns,
    /// Whether it answers aloud; else it hears, and writes.
    pub is_spoken: bool,
}

impl SpeechConfig {
    /// Answers are asked for by us: a response that the server began by itself could slip in between an update and
    /// its confirmation, and be the old persona's.
    fn turn_detection(&self) -> TurnDetection {
        let interrupt_response = self.stops_for_speech;
        match self.turns {
            Turns::Client => TurnDetection::Off,
            Turns::ByVolume { threshold, prefix_ms, silence_ms, .. } => {
                TurnDetection::ByVolume(VolumeDetection {
                    kind: "server_vad",
                    threshold,
                    prefix_padding_ms: prefix_ms,
                    silence_duration_ms: silence_ms,
                    create_response: false,
                    interrupt_response,
                })
            }
            Turns::ByMeaning { eagerness, .. } => TurnDetection::ByMeaning(MeaningDetection {
                kind: "semantic_vad",
                eagerness: match eagerness {
                    Eagerness::Low => "low",
                    Eagerness::Medium => "medium",
                    Eagerness::High => "high",
                },
                create_response: false,
                interrupt_response,
            }),
        }
    }

    fn patch_from(&self, from: Option<&Self>) -> Option<AudioPatch> {
        let transcription = Transcription { model: self.transcription_model.clone() };
        let Some(old) = from else {
            let input = AudioInputPatch {
                format: Some(self.format),
                transcription: Some(transcription),
                turn_detection: Some(self.turn_detection()),
            };
            let output = AudioOutputPatch { format: Some(self.format), voice: Some(self.voice.clone()) };
            return Some(AudioPatch { input: Some(input), output: Some(output) });
        };
        let format = (old.format != self.format).then_some(self.format);
        let turn_detection = Some(self.turn_detection()).filter(|now| *now != old.turn_detection());
        let input = (format.is_some() || turn_detection.is_some()).then_some(AudioInputPatch {
            format,
            transcription: None,
            turn_detection,
        });
        let voice = (old.voice != self.voice).then(|| self.voice.clone());
        let output = (format.is_some() || voice.is_some()).then_some(AudioOutputPatch { format, voice });
        (input.is_some() || output.is_some()).then_some(AudioPatch { input, output })
    }
}

impl SessionConfig {
    /// The update that leads from `from` (or from the server's defaults) to this, or `None` when nothing differs.
    pub fn patch_from(&self, from: Option<&Self>) -> Option<SessionPatch> {
        let mut patch = SessionPatch::empty();
        if from.map(|old| &old.instructions) != Some(&self.instructions) {
            patch.instructions = Some(self.instructions.clone());
        }
        if from.map(|old| &old.tools) != Some(&self.tools) {
            patch.tools = Some(self.tools.clone());
        }
        if from.map(Self::modality) != Some(self.modality()) {
            patch.output_modalities = Some([self.modality()]);
        }
        if let Some(speech) = &self.speech {
            patch.audio = speech.patch_from(from.and_then(|old| old.speech.as_ref()));
        }
        if from.is_none() {
            patch.tool_choice = Some("auto");
        }
        (!patch.is_empty()).then_some(patch)
    }

    /// The least that puts this persona in force: what is tried when the whole update was refused. On a socket that
    /// was told nothing yet it must say how audio is written, too.
    pub fn minimal_patch(&self, is_first: bool) -> SessionPatch {
        let audio = self.speech.as_ref().filter(|_| is_first).and_then(|speech| {
            let mut audio = speech.patch_from(None)?;
            audio.output.as_mut()?.voice = None;
            audio.input.as_mut()?.transcription = None;
            Some(audio)
        });
        SessionPatch {
            kind: SessionPatch::empty().kind,
            output_modalities: Some([self.modality()]),
            instructions: Some(self.instructions.clone()),
            tools: Some(self.tools.clone()),
            tool_choice: Some("auto"),
            audio,
        }
    }

    /// The same, with the voice of another: what comes into force by an update that leaves the voice out.
    #[must_use]
    pub fn with_voice_of(mut self, other: Option<&Self>) -> Self {
        let voice = other.and_then(|other| other.speech.as_ref()).map(|speech| speech.voice.clone());
        if let (Some(speech), Some(voice)) = (&mut self.speech, voice) {
            speech.voice = voice;
        }
        self
    }

    fn modality(&self) -> Modality {
        let is_spoken = self.speech.as_ref().is_some_and(|speech| speech.is_spoken);
        if is_spoken { Modality::Audio } else { Modality::Text }
    }

    /// What of an echoed session differs from what was asked, if anything that was echoed does.
    pub fn mismatch(&self, echo: &EchoedSession) -> Option<&'static str> {
        let asked: Vec<_> = self.tools.iter().map(|tool| Some(tool.name.as_str())).collect();
        let differs = |tools: &Vec<_>| {
            let echoed: Vec<_> =
                tools.iter().map(|tool: &crate::protocol::openai::EchoedTool| tool.name.as_deref()).collect();
            echoed != asked
        };
        if echo.tools.as_ref().is_some_and(differs) {
            Some("tools")
        } else if echo.instructions.as_ref().is_some_and(|echoed| echoed.trim() != self.instructions.trim()) {
            Some("instructions")
        } else {
            None
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in crate::session) fn config(instructions: &str) -> SessionConfig {
        SessionConfig {
            instructions: instructions.into(),
            tools: vec![FunctionTool::new("lookup".into(), "Looks.".into(), json!({"type": "object"}))],
            speech: None,
        }
    }

    #[test]
    fn the_first_update_says_everything_and_a_later_one_only_what_differs() {
        let waiter = config("waiter");
        let first = waiter.patch_from(None).unwrap();
        assert!(first.instructions.is_some() && first.tools.is_some() && first.output_modalities.is_some());
        assert_eq!(first.tool_choice, Some("auto"));
        assert_eq!(waiter.patch_from(Some(&waiter)), None);
        let swap = config("cfo").patch_from(Some(&waiter)).unwrap();
        assert_eq!(swap, SessionPatch { instructions: Some("cfo".into()), ..SessionPatch::empty() });
    }

    pub(in crate::session) fn spoken(instructions: &str, voice: &str) -> SessionConfig {
        let speech = SpeechConfig {
            format: AudioFormat::Pcmu,
            voice: voice.into(),
            transcription_model: "gpt-transcribe".into(),
            stops_for_speech: true,
            turns: Turns::default(),
            is_spoken: true,
        };
        SessionConfig { speech: Some(speech), ..config(instructions) }
    }

    #[test]
    fn how_audio_is_written_is_said_once_and_a_voice_when_it_differs() {
        let waiter = spoken("waiter", "marin");
        let first = waiter.patch_from(None).unwrap().audio.unwrap();
        let input = first.input.unwrap();
        assert!(input.format.is_some() && input.transcription.is_some());
        let Some(TurnDetection::ByVolume(vad)) = input.turn_detection else {
            panic!("{:?}", input.turn_detection);
        };
        assert!(!vad.create_response && vad.interrupt_response);
        let cfo = spoken("cfo", "cedar");
        let swap = cfo.patch_from(Some(&waiter)).unwrap().audio.unwrap();
        assert_eq!(swap.input, None);
        assert_eq!(swap.output, Some(AudioOutputPatch { format: None, voice: Some("cedar".into()) }));
        assert!(cfo.minimal_patch(false).audio.is_none());
        assert!(cfo.minimal_patch(true).audio.unwrap().output.unwrap().format.is_some());
        assert_eq!(cfo.with_voice_of(Some(&waiter)).speech, waiter.speech);
    }

    #[test]
    fn what_a_client_chooses_is_said_sparsely() {
        let before = spoken("waiter", "marin");
        let mut after = before.clone();
        let speech = after.speech.as_mut().unwrap();
        (speech.turns, speech.is_spoken) = (Turns::Client, false);
        let patch = after.patch_from(Some(&before)).unwrap();
        assert_eq!((&patch.instructions, &patch.tools), (&None, &None));
        assert_eq!(patch.output_modalities, Some([Modality::Text]));
        let audio = serde_json::to_value(patch.audio.unwrap()).unwrap();
        assert_eq!(audio, json!({"input": {"turn_detection": null}}));
        let speech = after.speech.as_mut().unwrap();
        speech.format = AudioFormat::Pcm24k;
        let audio = after.patch_from(Some(&before)).unwrap().audio.unwrap();
        assert_eq!(
            audio.output.unwrap(),
            AudioOutputPatch { format: Some(AudioFormat::Pcm24k), voice: None }
        );
    }

    #[test]
    fn an_echo_is_compared_where_it_says_anything() {
        let waiter = config("waiter");
        assert_eq!(waiter.mismatch(&EchoedSession::default()), None);
        let other = EchoedSession { instructions: Some("default".into()), ..EchoedSession::default() };
        assert_eq!(waiter.mismatch(&other), Some("instructions"));
        let bare = EchoedSession { tools: Some(Vec::new()), ..EchoedSession::default() };
        assert_eq!(waiter.mismatch(&bare), Some("tools"));
    }
}
