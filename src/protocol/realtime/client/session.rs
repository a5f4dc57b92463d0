//! What clients may say of their session: whole sessions of either dialect are taken, and of them what may be changed.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::{Refusal, given, read};
use crate::protocol::realtime::model::{Eagerness, Introduction, SessionWish, Turns, Wish};
use crate::sound::AudioFormat;

/// The voices that the model has, besides those that were made for one customer.
const VOICES: &[&str] =
    &["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"];
const OWN_VOICE: &str = "voice_";
const MAX_VOICE: usize = 64;
/// Longest padding before speech, and longest silence that ends a turn.
const MAX_TURN_MS: u32 = 10_000;
const MAX_INTENT: usize = 500;
/// Of all that is told of a caller, names included.
const MAX_USER_INFO_BYTES: usize = 4 << 10;

#[derive(Deserialize)]
struct Update {
    session: Fields,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    output_modalities: Option<Vec<Modality>>,
    #[serde(default)]
    audio: Option<Audio>,
    // What follows is of the beta.
    #[serde(default)]
    modalities: Option<Vec<Modality>>,
    #[serde(default)]
    voice: Option<Voice>,
    #[serde(default)]
    input_audio_format: Option<Format>,
    #[serde(default)]
    output_audio_format: Option<Format>,
    #[serde(default, deserialize_with = "given")]
    input_audio_transcription: Option<Option<IgnoredAny>>,
    #[serde(default, deserialize_with = "given")]
    turn_detection: Option<Option<Detection>>,
}

#[derive(Deserialize, Default)]
struct Audio {
    #[serde(default)]
    input: Option<Input>,
    #[serde(default)]
    output: Option<Output>,
}

#[derive(Deserialize, Default)]
struct Input {
    #[serde(default)]
    format: Option<Format>,
    #[serde(default, deserialize_with = "given")]
    transcription: Option<Option<IgnoredAny>>,
    #[serde(default, deserialize_with = "given")]
    turn_detection: Option<Option<Detection>>,
}

#[derive(Deserialize, Default)]
struct Output {
    #[serde(default)]
    format: Option<Format>,
    #[serde(default)]
    voice: Option<Voice>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Modality {
    Audio,
    Text,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Voice {
    Name(String),
    Own { id: String },
}

/// A beta's word for it, or an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Format {
    Name(String),
    Object {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        rate: Option<u32>,
    },
}

#[derive(Deserialize)]
struct Detection {
    #[serde(rename = "type")]
    kind: DetectionKind,
    #[serde(default)]
    threshold: Option<f64>,
    #[serde(default)]
    prefix_padding_ms: Option<u32>,
    #[serde(default)]
    silence_duration_ms: Option<u32>,
    #[serde(default)]
    eagerness: Option<EagernessName>,
    #[serde(default)]
    create_response: Option<bool>,
    #[serde(default)]
    interrupt_response: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum DetectionKind {
    ServerVad,
    SemanticVad,
    None,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EagernessName {
    Low,
    Medium,
    High,
    Auto,
}

#[derive(Deserialize)]
struct Getting {
    #[serde(default)]
    intent: Option<String>,
    #[serde(default)]
    user_info: Option<Map<String, Value>>,
}

/// What a `session.update` wants, and whether it is plainly of the API as it is.
pub(super) fn update(frame: &str, now: AudioFormat) -> Result<(Wish, bool), Refusal> {
    let Update { session } = read(frame)?;
    let is_plainly_ga = match session.kind.as_deref() {
        None => false,
        Some("realtime") => true,
        Some(_) => return Err(Refusal::value("session.type", "only sessions of type `realtime` are held")),
    };
    let audio = session.audio.unwrap_or_default();
    let (input, output) = (audio.input.unwrap_or_default(), audio.output.unwrap_or_default());
    let format = one_format(
        now,
        first(
            "session.audio.input.format",
            input.format,
            "session.input_audio_format",
            session.input_audio_format,
        ),
        first(
            "session.audio.output.format",
            output.format,
            "session.output_audio_format",
            session.output_audio_format,
        ),
    )?;
    let voice = first("session.audio.output.voice", output.voice, "session.voice", session.voice);
    let turns = first(
        "session.audio.input.turn_detection",
        input.turn_detection,
        "session.turn_detection",
        session.turn_detection,
    );
    let modalities = first(
        "session.output_modalities",
        session.output_modalities,
        "session.modalities",
        session.modalities,
    );
    let wish = SessionWish {
        format,
        turns: turns.map(|(param, detection)| turns_of(param, detection)).transpose()?,
        voice: voice.map(|(param, voice)| voice_of(param, voice)).transpose()?,
        is_spoken: modalities.map(|(param, modalities)| is_spoken(param, &modalities)).transpose()?,
        is_transcribed: input
            .transcription
            .or(session.input_audio_transcription)
            .map(|model| model.is_some()),
    };
    Ok((Wish::Session(wish), is_plainly_ga))
}

/// The one that is there, with its name: that of the API as it is before that of its beta.
fn first<'a, T>(ga: &'a str, of_ga: Option<T>, beta: &'a str, of_beta: Option<T>) -> Option<(&'a str, T)> {
    of_ga.map(|value| (ga, value)).or_else(|| of_beta.map(|value| (beta, value)))
}

/// Audio is written the same both ways; what is not given stays as it is.
fn one_format(
    now: AudioFormat,
    input: Option<(&str, Format)>,
    output: Option<(&str, Format)>,
) -> Result<Option<AudioFormat>, Refusal> {
    let last = output.as_ref().or(input.as_ref()).map_or("", |(param, _)| *param).to_owned();
    let format_of = |given: Option<(&str, Format)>| match given {
        Some((param, format)) => format_of(param, format),
        None => Ok(now),
    };
    let (input, output) = (format_of(input)?, format_of(output)?);
    if input != output {
        return Err(Refusal::value(&last, "audio is written the same both ways: give both formats alike"));
    }
    Ok((input != now).then_some(input))
}

fn format_of(param: &str, format: Format) -> Result<AudioFormat, Refusal> {
    match format {
        Format::Name(name) if name == "pcm16" => Ok(AudioFormat::Pcm24k),
        Format::Name(name) if name == "g711_ulaw" => Ok(AudioFormat::Pcmu),
        Format::Object { kind, rate: None | Some(24_000) } if kind == "audio/pcm" => Ok(AudioFormat::Pcm24k),
        Format::Object { kind, rate: None | Some(8_000) } if kind == "audio/pcmu" => Ok(AudioFormat::Pcmu),
        Format::Name(_) | Format::Object { .. } => {
            let message = "audio is 16-bit PCM at 24000 Hz (`audio/pcm`, of the beta `pcm16`) or G.711 µ-law \
                           (`audio/pcmu`, of the beta `g711_ulaw`)";
            Err(Refusal::value(param, message))
        }
    }
}

fn voice_of(param: &str, voice: Voice) -> Result<String, Refusal> {
    let (Voice::Name(name) | Voice::Own { id: name }) = voice;
    let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_own = name.starts_with(OWN_VOICE) && name.len() <= MAX_VOICE && is_plain(&name);
    if is_own || VOICES.contains(&name.as_str()) {
        Ok(name)
    } else {
        Err(Refusal::value(param, format!("the voice must be one of {}", VOICES.join(", "))))
    }
}

/// Whoever wants audio gets its words with it; whoever does not gets them written.
pub(super) fn is_spoken(param: &str, modalities: &[Modality]) -> Result<bool, Refusal> {
    if modalities.is_empty() {
        return Err(Refusal::value(param, "name `audio` or `text`"));
    }
    Ok(modalities.contains(&Modality::Audio))
}

fn turns_of(param: &str, detection: Option<Detection>) -> Result<Turns, Refusal> {
    let Some(detection) = detection else {
        return Ok(Turns::Client);
    };
    let answers = detection.create_response.unwrap_or(true);
    let stops = detection.interrupt_response.unwrap_or(true);
    match detection.kind {
        DetectionKind::None => Ok(Turns::Client),
        DetectionKind::SemanticVad => {
            let eagerness = match detection.eagerness {
                Some(EagernessName::Low) => Eagerness::Low,
                Some(EagernessName::High) => Eagerness::High,
                Some(EagernessName::Medium | EagernessName::Auto) | None => Eagerness::Medium,
            };
            Ok(Turns::ByMeaning { eagerness, answers, stops })
        }
        DetectionKind::ServerVad => {
            let threshold = detection.threshold.unwrap_or(0.5);
            if !(0.0..=1.0).contains(&threshold) {
                return Err(Refusal::value(&format!("{param}.threshold"), "a threshold is 0 to 1"));
            }
            let prefix_ms = short(param, "prefix_padding_ms", detection.prefix_padding_ms.unwrap_or(300))?;
            let silence_ms =
                short(param, "silence_duration_ms", detection.silence_duration_ms.unwrap_or(500))?;
            Ok(Turns::ByVolume { threshold, prefix_ms, silence_ms, answers, stops })
        }
    }
}

fn short(param: &str, field: &str, ms: u32) -> Result<u32, Refusal> {
    if ms <= MAX_TURN_MS {
        return Ok(ms);
    }
    Err(Refusal::value(&format!("{param}.{field}"), format!("at most {MAX_TURN_MS} milliseconds")))
}

/// What a client says of who calls: a few plain texts, so that nothing in them can pass for more than that.
pub(super) fn getting(frame: &str) -> Result<Introduction, Refusal> {
    let Getting { intent, user_info } = read(frame)?;
    if let Some(intent) = &intent {
        if intent.chars().count() > MAX_INTENT {
            let message = format!("an intent has at most {MAX_INTENT} characters");
            return Err(Refusal::new("string_above_max_length", "intent", message));
        }
        plain("intent", intent)?;
    }
    let (mut known, mut bytes) = (Vec::new(), 0);
    for (name, value) in user_info.unwrap_or_default() {
        let Value::String(value) = value else {
            let message = "`user_info` holds texts only, and no objects";
            return Err(Refusal::new("invalid_type", &format!("user_info.{name}"), message));
        };
        bytes += name.len() + value.len();
        if bytes > MAX_USER_INFO_BYTES {
            let message = format!("`user_info` holds at most {MAX_USER_INFO_BYTES} bytes");
            return Err(Refusal::new("string_above_max_length", "user_info", message));
        }
        plain("user_info", &name)?;
        plain("user_info", &value)?;
        known.push((name, value));
    }
    Ok(Introduction { intent, user_info: known })
}

fn plain(param: &str, text: &str) -> Result<(), Refusal> {
    if text.chars().any(char::is_control) {
        return Err(Refusal::value(param, "no control characters, please"));
    }
    Ok(())
}
