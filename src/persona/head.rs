//! Reads the head of a persona's file: everything about it but its prompt.

use toml::Spanned;

use super::{Carry, HandoffRule, PhoneManners};
use crate::id::PersonaKey;
use crate::tool::LONGEST_DESCRIPTION;
use crate::tool::document::{Document, Mistake, Section};

const LONGEST_NAME: usize = 80;
const LONGEST_GREETING: usize = 1_000;
const DEFAULT_VOICE: &str = "marin";
const DEFAULT_LANGUAGE: &str = "en";
const DEFAULT_MAX_VISITS: i64 = 3;
const HIGHEST_MAX_VISITS: i64 = 100;

/// The voices of the Realtime API. An account's own voices are `voice_…` ids.
const VOICES: [&str; 10] =
    ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"];

/// A persona's head, not yet checked against the other files.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) voice: String,
    pub(super) languages: Vec<String>,
    pub(super) greeting: Option<String>,
    pub(super) return_greeting: Option<String>,
    pub(super) voicemail: Option<String>,
    pub(super) phone: PhoneManners,
    /// With the line each is named on.
    pub(super) tools: Vec<(usize, String)>,
    /// With the line each is named on.
    pub(super) handoffs: Vec<(usize, HandoffRule)>,
}

impl Head {
    /// Reads a head that begins at a line of its file.
    ///
    /// # Errors
    /// Every mistake in it, by line.
    pub(super) fn parse(text: &str, first_line: usize) -> Result<Self, Vec<Mistake>> {
        let document = Document::new(text, first_line);
        let head = document.parse().and_then(|root| read(&document, Section::root(&document, &root)));
        match head {
            Some(head) if document.is_clean() => Ok(head),
            Some(_) | None => Err(document.into_mistakes()),
        }
    }
}

/// Whether a text may be a persona's key: 1 to 40 of `a-z0-9_-`.
pub(super) fn is_persona_key(key: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    (1..=40).contains(&key.len()) && key.bytes().all(known)
}

fn read(document: &Document<'_>, mut root: Section<'_, '_>) -> Option<Head> {
    let name = root.required_text("name", LONGEST_NAME);
    let voice = root.text("voice", 100).inspect(|voice| check_voice(&root, voice));
    let languages = read_languages(&mut root);
    let greeting = root.text("greeting", LONGEST_GREETING);
    let return_greeting = root.text("return_greeting", LONGEST_GREETING);
    let voicemail = root.text("voicemail", LONGEST_GREETING);
    let tools = read_tools(document, &mut root);
    let phone = root.section("phone").map(PhoneManners::read).unwrap_or_default();
    let handoffs =
        root.sections("handoffs").into_iter().filter_map(|rule| read_handoff(document, rule)).collect();
    root.finish();
    Some(Head {
        name: name?.into_inner(),
        voice: voice.map_or_else(|| DEFAULT_VOICE.to_owned(), Spanned::into_inner),
        languages,
        greeting: greeting.map(Spanned::into_inner),
        return_greeting: return_greeting.map(Spanned::into_inner),
        voicemail: voicemail.map(Spanned::into_inner),
        phone,
        tools,
        handoffs,
    })
}

fn check_voice(root: &Section<'_, '_>, voice: &Spanned<String>) {
    let name = voice.get_ref();
    if let Err(known) = check_voice_name(name) {
        root.mistake(&voice.span(), format!("unknown voice `{name}`, known voices are {known}"));
    }
}

/// Whether the model has a voice of this name.
///
/// # Errors
/// The voices there are, in words.
pub fn check_voice_name(name: &str) -> Result<(), String> {
    let is_custom = name.strip_prefix("voice_").is_some_and(|id| {
        !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    });
    if is_custom || VOICES.contains(&name) {
        return Ok(());
    }
    Err(format!("{}, or a `voice_…` id", VOICES.join(", ")))
}

fn read_languages(root: &mut Section<'_, '_>) -> Vec<String> {
    let languages = root.texts("languages");
    for language in &languages {
        let tag = language.get_ref();
        if !is_language_tag(tag) {
            root.mistake(
                &language.span(),
                format!("`{tag}` is no language tag: use BCP 47, such as en, fr or pt-BR"),
            );
        }
    }
    if languages.is_empty() {
        return vec![DEFAULT_LANGUAGE.to_owned()];
    }
    languages.into_iter().map(Spanned::into_inner).collect()
}

/// Whether a text has the form of a BCP 47 language tag, such as `fr` or `pt-BR`.
pub fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    let is_language =
        (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_lowercase());
    is_language
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn read_tools(document: &Document<'_>, root: &mut Section<'_, '_>) -> Vec<(usize, String)> {
    let mut tools: Vec<(usize, String)> = Vec::new();
    for tool in root.texts("tools") {
        if tools.iter().any(|(_, name)| name == tool.get_ref()) {
            root.mistake(&tool.span(), format!("the tool `{}` is named twice", tool.get_ref()));
        } else {
            tools.push((document.line_of(&tool.span()), tool.into_inner()));
        }
    }
    tools
}

fn read_handoff(document: &Document<'_>, mut rule: Section<'_, '_>) -> Option<(usize, HandoffRule)> {
    let to = rule.required_text("to", 40);
    let when = rule.required_text("when", LONGEST_DESCRIPTION);
    let carry = rule.text("carry", 20).map(|word| read_carry(&rule, &word));
    let max_visits = rule.integer("max_visits", 0..=HIGHEST_MAX_VISITS).unwrap_or(DEFAULT_MAX_VISITS);
    rule.finish();
    let to = to?;
    let line = document.line_of(&to.span());
    let max_visits = u32::try_from(max_visits).ok()?;
    let carry = carry.unwrap_or_default();
    Some((
        line,
        HandoffRule { to: PersonaKey::from(to.into_inner()), when: when?.into_inner(), carry, max_visits },
    ))
}

fn read_carry(rule: &Section<'_, '_>, word: &Spanned<String>) -> Carry {
    match word.get_ref().as_str() {
        "all" => Carry::All,
        "summary" => Carry::Summary,
        "nothing" => Carry::Nothing,
        other => {
            rule.mistake(&word.span(), format!("unknown carry `{other}`, known are all, summary, nothing"));
            Carry::default()
        }
    }
}
