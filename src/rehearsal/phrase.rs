//! What the model says of itself.

use serde_json::Value;

use super::model::Scene;
use super::toolbox::{Kind, Parameter, Tool};
use super::words::{identifier_words, stems};

/// How many tools an offer names.
const OFFERED: usize = 4;
/// How much of a tool's description an offer says, in characters.
const OFFER_MAX: usize = 90;

/// Opens a conversation.
pub(super) fn greeting(scene: &Scene<'_>) -> String {
    format!("Hello! {} {}", introduction(scene), offer(scene))
}

fn introduction(scene: &Scene<'_>) -> String {
    match persona_name(scene.instructions) {
        Some(name) => {
            format!("This is the rehearsal of {name}: I am not an AI, I go by your words and my tools.")
        }
        None => "This is the rehearsal model: I am not an AI, I go by your words and my tools.".to_owned(),
    }
}

/// Whether something the model said was [`question`].
pub(super) fn is_question(said: &str) -> bool {
    said.contains(" do you mean")
}

/// Asks for what a tool still needs.
pub(super) fn question(parameter: &Parameter) -> String {
    let name = identifier_words(&parameter.name);
    let described = parameter.description.trim_end_matches('.');
    // "The period: a month …" already begins with the name
    let described = described.split_once(": ").filter(|(before, _)| before.to_lowercase().contains(&name));
    match &parameter.kind {
        Kind::Choice(values) => format!("Which {name} do you mean: {}?", values.join(", ")),
        _ if parameter.is_id() => "Which one do you mean?".to_owned(),
        _ => match described.map_or(parameter.description.trim_end_matches('.'), |(_, after)| after) {
            "" => format!("Which {name} do you mean?"),
            described if !parameter.is_about_time() => {
                format!("What exactly do you mean? I need {}.", uncapital(described))
            }
            described => format!("Which {name} do you mean? I need {}.", uncapital(described)),
        },
    }
}

fn uncapital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next();
    let is_word = letters.clone().next().is_some_and(char::is_lowercase);
    match first {
        Some(first) if is_word => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

/// After a handoff that came without a greeting.
pub(super) fn arrived(instructions: &str) -> String {
    match persona_name(instructions) {
        Some(name) => format!("You are with {name} now. How can I help you?"),
        None => "How can I help you?".to_owned(),
    }
}

/// A greeting is greeted, thanks are taken, anything else is met with what could be asked.
pub(super) fn no_tool(scene: &Scene<'_>, utterance: &str) -> String {
    let is_any = |of: &[&str]| {
        let lower = utterance.to_lowercase();
        let mut spoken = lower.split(|letter: char| !letter.is_alphanumeric());
        spoken.any(|word| of.contains(&word)) && stems(utterance).len() <= 2
    };
    if is_any(&["hello", "hi", "hey", "morning", "evening", "afternoon", "bonjour"]) {
        return greeting(scene);
    }
    if is_any(&["thanks", "thank", "bye", "goodbye"]) {
        return "You are welcome. Is there anything else?".to_owned();
    }
    format!("{} {}", introduction(scene), offer(scene))
}

/// What the tools could do, and a question back.
fn offer(scene: &Scene<'_>) -> String {
    let can = |tool: &Tool| {
        let first = tool.description.split(['.', ';', ':', '(']).next().unwrap_or_default();
        first.trim().chars().take(OFFER_MAX).collect::<String>()
    };
    let own = scene.tools.iter().filter(|tool| !tool.is_handoff()).map(can).filter(|text| !text.is_empty());
    let own: Vec<String> = own.take(OFFERED).collect();
    if own.is_empty() {
        return "What would you like to know?".to_owned();
    }
    format!("I can help with this: {}. What would you like to know?", own.join("; "))
}

/// Answers audio that no words were understood in, or a caller who says nothing at all.
pub(super) fn unheard(audio_ms: u64) -> String {
    if audio_ms == 0 {
        return "Are you still there?".to_owned();
    }
    "I hear you, but I am a rehearsal model: I understand text, and the tone speech of ai-realtime call --say."
        .to_owned()
}

/// What a system message that came last wants said: what stands in it between straight quotation marks, or which
/// keys the caller has pressed.
pub(super) fn prompted(told: &str) -> Option<String> {
    if told.starts_with(CLAIMS) {
        return introduced(told);
    }
    let quoted = told.split('"').nth(1).filter(|_| told.matches('"').count() > 1);
    if let Some(words) = quoted.map(str::trim).filter(|words| !words.is_empty()) {
        return Some(words.to_owned());
    }
    let (_, after) = told.split_once("pressed the key ")?;
    let is_key = |key: &char| key.is_ascii_digit() || "*#ABCD".contains(*key);
    let keys: String = after.chars().take_while(is_key).collect();
    (!keys.is_empty()).then(|| format!("You pressed {keys}."))
}

/// How a system message begins that repeats what a program says of the caller.
const CLAIMS: &str = "The caller's program says this";

/// Greets a caller of whom something is said, if that is wanted, as what it says is read: as data.
fn introduced(told: &str) -> Option<String> {
    told.contains("Greet them").then_some(())?;
    let claims: Value = told.lines().find_map(|line| serde_json::from_str(line).ok())?;
    let name = claims["user_info"]["name"].as_str().map_or_else(String::new, |name| format!(" {name}"));
    let about = claims["intent"].as_str().map_or_else(String::new, |intent| format!(" You want: {intent}."));
    Some(format!("Hello{name}!{about} How can I help you?"))
}

/// "You are Mara, …", "You are the AI Waiter for …": the name in it.
fn persona_name(instructions: &str) -> Option<String> {
    instructions.match_indices("You are ").find_map(|(at, begin)| {
        let rest = &instructions[at + begin.len()..];
        let rest = rest.strip_prefix("the ").unwrap_or(rest);
        let capital = |word: &&str| word.chars().next().is_some_and(char::is_uppercase);
        let mut name: Vec<&str> = Vec::new();
        for word in rest.split_whitespace().take_while(capital) {
            name.push(word.trim_end_matches([',', '.', ':', ';', '!']));
            if word.ends_with([',', '.', ':', ';', '!']) {
                break;
            }
        }
        (!name.is_empty()).then(|| name.join(" "))
    })
}

/// `Say: "…"` in the instructions of one response: what it is to say.
pub(super) fn quoted(asked: Option<&str>) -> Option<String> {
    let asked = asked?;
    let (before, rest) = asked.split_once(['"', '“'])?;
    let (inside, _) = rest.split_once(['"', '”'])?;
    let lower = before.to_lowercase();
    let told =
        ["say", "greet", "open with", "begin with", "start with"].iter().any(|verb| lower.contains(verb));
    (told && !inside.trim().is_empty()).then(|| inside.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_read_from_the_instructions() {
        for (instructions, name) in [
            ("Rules.\nYou are AI Waiter for bars and restaurants in Rwanda.", Some("AI Waiter")),
            ("You are speaking to a caller. You are Mara, a calm receptionist.", Some("Mara")),
            ("You are a helpful assistant.", None),
            ("", None),
        ] {
            assert_eq!(persona_name(instructions).as_deref(), name);
        }
    }

    #[test]
    fn a_caller_of_whom_something_is_said_is_greeted_by_it_when_that_is_wanted() {
        let claims = r#"The caller's program says this of them:
{"intent":"a \"quiet\" table","user_info":{"name":"Ana Diaz"}}"#;
        assert_eq!(prompted(claims), None, "it is only to be known");
        let opening = format!("{claims}\nThe caller is on the line. Greet them now.");
        let words = "Hello Ana Diaz! You want: a \"quiet\" table. How can I help you?";
        assert_eq!(prompted(&opening).as_deref(), Some(words));
    }

    #[test]
    fn what_is_to_be_said_is_said_only_when_told() {
        assert_eq!(quoted(Some("Say exactly: \"Welcome!\"")), Some("Welcome!".into()));
        assert_eq!(quoted(Some("The word \"menu\" is French")), None);
        assert_eq!(quoted(None), None);
    }
}
