//! Voice activity detection on energy. Pure: samples come in, the beginnings and ends of speech go out.
//!
//! Time is counted in samples heard, never by a clock, as the real server does.

use serde_json::Value;

/// Energy is measured over so many milliseconds at a time.
const WINDOW_MS: usize = 10;
/// So many loud windows in a row begin speech; a click has fewer.
const BEGINNING: usize = 3;
/// The loudness that a threshold of 0 asks for, as root mean square; each eighth more asks for twice as much. At 0.5
/// tone speech is heard and light noise is not.
const QUIETEST: f64 = 32.0;

/// How speech is found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    /// 0 to 1.
    threshold: f64,
    /// Audio before the beginning of speech that belongs to it, in milliseconds.
    pub(super) prefix_padding_ms: usize,
    /// Silence that ends speech, in milliseconds.
    silence_duration_ms: usize,
}

impl Settings {
    /// The settings of a complete `turn_detection`; `None` when it is `null`.
    pub(super) fn read(turn_detection: &Value) -> Option<Self> {
        let vad = turn_detection.as_object()?;
        let ms = |name: &str, default: usize| {
            let given = vad.get(name).and_then(Value::as_u64);
            given.map_or(default, |ms| usize::try_from(ms).unwrap_or(default))
        };
        // tone speech leaves no doubt about its end: a fifth of the longest wait of the real server will do
        let patience_ms = match vad.get("eagerness").and_then(Value::as_str) {
            Some("low") => 1_600,
            Some("high") => 400,
            _ => 800,
        };
        Some(Self {
            threshold: vad.get("threshold").and_then(Value::as_f64).unwrap_or(0.5),
            prefix_padding_ms: ms("prefix_padding_ms", 300),
            silence_duration_ms: ms("silence_duration_ms", patience_ms),
        })
    }
}

/// Where speech begins or ends, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// The first sample of the first loud window.
    Started(u64),
    /// The end of the silence that ended it.
    Stopped(u64),
}

/// Listens for speech.
#[derive(Debug)]
pub(super) struct Vad {
    pub(super) settings: Settings,
    /// Samples in a window.
    window: usize,
    /// The sum of squares of a window that counts as loud.
    loud: u64,
    /// Silent windows that end speech.
    patience: usize,
    /// Samples heard.
    heard: u64,
    /// The window that is being filled: its samples so far, and their sum of squares.
    filled: usize,
    energy: u64,
    speaking: bool,
    /// Windows in a row that were loud, or in speech that were silent.
    run: usize,
}

impl Vad {
    /// Listens from sample `heard` on.
    pub(super) fn new(settings: Settings, samples_per_ms: usize, heard: u64) -> Self {
        let window = WINDOW_MS * samples_per_ms;
        let level = QUIETEST * (settings.threshold * 8.0).exp2();
        Self {
            window,
            loud: (level * level * window as f64) as u64,
            patience: settings.silence_duration_ms.div_ceil(WINDOW_MS).max(1),
            settings,
            heard,
            filled: 0,
            energy: 0,
            speaking: false,
            run: 0,
        }
    }

    /// Whether speech has begun and not ended.
    pub(super) fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Takes the speech that was going on for ended.
    pub(super) fn reset(&mut self) {
        self.speaking = false;
        self.run = 0;
    }

    /// The edges of speech in the next samples.
    pub(super) fn hear(&mut self, samples: &[i16]) -> Vec<Edge> {
        let mut edges = Vec::new();
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.window - self.filled));
            self.energy += now.iter().map(|one| u64::from(one.unsigned_abs()).pow(2)).sum::<u64>();
            self.filled += now.len();
            self.heard += now.len() as u64;
            if self.filled == self.window {
                edges.extend(self.judge());
                (self.filled, self.energy) = (0, 0);
            }
            rest = later;
        }
        edges
    }

    /// Judges the window that is full.
    fn judge(&mut self) -> Option<Edge> {
        let counts = (self.energy >= self.loud) != self.speaking;
        self.run = if counts { self.run + 1 } else { 0 };
        let needed = if self.speaking { self.patience } else { BEGINNING };
        if self.run < needed {
            return None;
        }
        self.run = 0;
        self.speaking = !self.speaking;
        Some(if self.speaking {
            Edge::Started(self.heard - (BEGINNING * self.window) as u64)
        } else {
            Edge::Stopped(self.heard)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::rehearsal::speech::speak;

    fn vad(turn_detection: &Value) -> Vad {
        Vad::new(Settings::read(turn_detection).unwrap(), 8, 0)
    }

    fn server_vad(silence_ms: u64) -> Vad {
        vad(
            &json!({"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": silence_ms}),
        )
    }

    fn silence(ms: usize) -> Vec<i16> {
        vec![0; ms * 8]
    }

    #[test]
    fn speech_begins_with_its_first_tone_and_ends_after_the_silence_asked_for() {
        let audio = [silence(1_000), speak("two beers"), silence(1_000)].concat();
        assert_eq!(
            server_vad(500).hear(&audio),
            [Edge::Started(8_000), Edge::Stopped((1_000 + 530 + 500) * 8)]
        );
    }

    #[test]
    fn a_pause_shorter_than_that_belongs_to_the_speech() {
        let audio = [speak("two"), silence(400), speak("beers"), silence(1_000)].concat();
        assert_eq!(server_vad(500).hear(&audio).len(), 2);
        assert_eq!(server_vad(300).hear(&audio).len(), 4);
    }

    #[test]
    fn neither_silence_nor_light_noise_nor_a_click_is_speech() {
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<i16> = (0..16_000).map(|_| random.i16(-400..400)).collect();
        let click = [silence(95), vec![20_000; 80], silence(500)].concat();
        // silence in A-law is not quite zero
        for audio in [silence(2_000), noise, click, vec![8; 8_000]] {
            assert_eq!(server_vad(500).hear(&audio), []);
        }
    }

    #[test]
    fn a_higher_threshold_hears_less() {
        let heard = |threshold: f64| {
            let mut vad = vad(&json!({"type": "server_vad", "threshold": threshold}));
            !vad.hear(&speak("hello")).is_empty()
        };
        assert!(heard(0.0) && heard(0.5) && heard(0.75) && !heard(1.0));
    }

    #[test]
    fn semantic_detection_waits_as_long_as_it_is_eager() {
        let waits = |eagerness: &str| {
            let audio = [speak("a b"), silence(3_000)].concat();
            match vad(&json!({"type": "semantic_vad", "eagerness": eagerness})).hear(&audio)[1] {
                Edge::Stopped(at) => at / 8 - 170,
                Edge::Started(_) => unreachable!(),
            }
        };
        assert_eq!(["low", "medium", "auto", "high"].map(waits), [1_600, 800, 800, 400]);
        assert_eq!(Settings::read(&Value::Null), None);
    }

    proptest! {
        #[test]
        fn speech_begins_and_ends_in_turn_however_the_audio_is_cut(
            stretches in prop::collection::vec((any::<bool>(), 1..900_usize), 1..12),
            frame in 1..700_usize,
            silence_ms in 0..800_u64,
        ) {
            let stretch = |&(loud, ms): &(bool, usize)| match loud {
                true => vec![3_000; ms * 8],
                false => silence(ms),
            };
            let audio: Vec<i16> = stretches.iter().flat_map(stretch).collect();
            let (mut whole, mut cut) = (server_vad(silence_ms), server_vad(silence_ms));
            let edges = whole.hear(&audio);
            let pieces: Vec<Edge> = audio.chunks(frame).flat_map(|frame| cut.hear(frame)).collect();
            prop_assert_eq!(&edges, &pieces);
            let mut last = 0;
            for (nth, edge) in edges.iter().enumerate() {
                let at = match edge {
                    Edge::Started(at) if nth % 2 == 0 => *at,
                    Edge::Stopped(at) if nth % 2 == 1 => *at,
                    other => return Err(TestCaseError::fail(format!("{other:?} out of turn"))),
                };
                prop_assert!(at >= last && at <= audio.len() as u64);
                last = at;
            }
        }
    }
}
