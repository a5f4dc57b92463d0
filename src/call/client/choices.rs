//! What a client chose of its session. It outlives personas, sockets and sessions.

use crate::persona::check_voice_name;
use crate::protocol::realtime::{SessionView, SessionWish, Turns};
use crate::session::SpeechConfig;
use crate::sound::AudioFormat;

/// The longest silence that ends a turn, and the longest audio before a speech, in milliseconds.
const LONGEST_MS: u32 = 10_000;

/// What a client chose.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// How audio is written, both ways.
    pub format: AudioFormat,
    /// Who finds the ends of turns.
    pub turns: Turns,
    /// With which voice it is spoken to; the business's or the persona's when absent.
    pub voice: Option<String>,
    /// Whether it is spoken to; else it is written to.
    pub is_spoken: bool,
    /// Whether it is shown in writing what the caller says.
    pub is_transcribed: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            format: AudioFormat::Pcm24k,
            turns: Turns::default(),
            voice: None,
            is_spoken: true,
            is_transcribed: false,
        }
    }
}

/// What may not be changed any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Locks {
    /// Something was said, by either side: the format stays.
    pub format: bool,
    /// The persona has spoken: the voice stays.
    pub voice: bool,
}

/// Why a wish is not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// As the protocol names it.
    pub code: &'static str,
    /// What to do about it.
    pub message: String,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl Choices {
    /// What is chosen when this wish is granted: all of it or nothing. `voice` is the present one.
    ///
    /// # Errors
    /// [`Refusal`], which says what stands against it.
    pub fn with(&self, wish: &SessionWish, locks: Locks, voice: &str) -> Result<Self, Refusal> {
        let mut next = self.clone();
        if let Some(format) = wish.format.filter(|format| *format != self.format) {
            if locks.format {
                let why = "The audio format cannot be changed once something was said: choose it in the first \
                    session.update.";
                return Err(Refusal::new("invalid_value", why));
            }
            next.format = format;
        }
        if let Some(wanted) = wish.voice.as_deref().filter(|wanted| *wanted != voice) {
            check_voice_name(wanted).map_err(|known| {
                Refusal::new("invalid_value", format!("Choose one of these voices: {known}."))
            })?;
            if locks.voice {
                let why = "Cannot update a conversation's voice if assistant audio is present.";
                return Err(Refusal::new("cannot_update_voice", why));
            }
            next.voice = Some(wanted.to_owned());
        }
        if let Some(turns) = wish.turns {
            check_turns(turns)?;
            next.turns = turns;
        }
        next.is_spoken = wish.is_spoken.unwrap_or(self.is_spoken);
        next.is_transcribed = wish.is_transcribed.unwrap_or(self.is_transcribed);
        Ok(next)
    }

    /// How a session hears and speaks, where the client's choices take the place of what is usual.
    pub fn over(&self, usual: SpeechConfig) -> SpeechConfig {
        SpeechConfig {
            format: self.format,
            voice: self.voice.clone().unwrap_or(usual.voice),
            turns: self.turns,
            is_spoken: self.is_spoken,
            stops_for_speech: self.turns.stops(),
            transcription_model: usual.transcription_model,
        }
    }

    /// The session as the client may know it; `usual` is the voice without a choice.
    pub fn view(&self, usual: &str) -> SessionView {
        SessionView {
            format: self.format,
            turns: self.turns,
            voice: self.voice.clone().unwrap_or_else(|| usual.to_owned()),
            is_spoken: self.is_spoken,
            is_transcribed: self.is_transcribed,
        }
    }
}

fn check_turns(turns: Turns) -> Result<(), Refusal> {
    match turns {
        Turns::Client | Turns::ByMeaning { .. } => Ok(()),
        Turns::ByVolume { threshold, prefix_ms, silence_ms, .. } => {
            let is_sane =
                (0.0..=1.0).contains(&threshold) && prefix_ms <= LONGEST_MS && silence_ms <= LONGEST_MS;
            is_sane.then_some(()).ok_or_else(|| {
                Refusal::new(
                    "invalid_value",
                    format!(
                        "turn_detection needs a threshold from 0 to 1, and a prefix_padding_ms and \
                         silence_duration_ms of at most {LONGEST_MS}."
                    ),
                )
            })
        }
    }
}
