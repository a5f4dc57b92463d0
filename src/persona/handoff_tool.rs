//! Handoffs as the model sees them: one tool per rule, and one to go back.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Persona;
use crate::id::PersonaKey;
use crate::tool::{HANDOFF_PREFIX, ToolSpec};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;
/// The longest summary, in characters.
const LONGEST_SUMMARY: usize = 2_000;
/// The longest arguments that are looked at, in bytes.
const MAX_ARGUMENTS: usize = 16 << 10;
const BACK: &str = "back";
const TO: &str = "to_";

/// Where a handoff is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To a persona. Whether there is such a one, and whether it may be reached, is for the call to say.
    Persona(PersonaKey),
    /// To whoever handed over to the one who speaks.
    Back,
}

/// A handoff as the model asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoffRequest {
    /// Where to.
    pub target: Target,
    /// Why, 1 to 500 characters.
    pub reason: String,
    /// What the next persona should know, at most 2,000 characters.
    pub summary: String,
}

/// The tools a persona's rules make, in the order of its file.
pub fn handoff_tools(persona: &Persona) -> Vec<ToolSpec> {
    let tool = |rule: &super::HandoffRule| ToolSpec {
        name: format!("{HANDOFF_PREFIX}{TO}{}", rule.to),
        description: rule.when.clone(),
        parameters: parameters(),
        filler: None,
    };
    persona.handoffs.iter().map(tool).collect()
}

/// The tool that gives the caller back; offered only to a persona that was handed a caller.
pub fn handoff_back_tool() -> ToolSpec {
    ToolSpec {
        name: format!("{HANDOFF_PREFIX}{BACK}"),
        description:
            "Gives the caller back to the assistant they spoke with before, once what they came for is done \
                      or they ask to go back."
                .to_owned(),
        parameters: parameters(),
        filler: None,
    }
}

/// Reads a tool call as a handoff: `None` when the tool is no handoff, else the request, or words for the model
/// about what is wrong with its arguments.
pub fn parse_handoff(tool_name: &str, arguments: &str) -> Option<Result<HandoffRequest, String>> {
    let which = tool_name.strip_prefix(HANDOFF_PREFIX)?;
    let target = match which.strip_prefix(TO) {
        Some(key) if !key.is_empty() => Target::Persona(PersonaKey::from(key)),
        None if which == BACK => Target::Back,
        Some(_) | None => return None,
    };
    Some(read(arguments).map(|Arguments { reason, summary }| HandoffRequest { target, reason, summary }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    reason: String,
    #[serde(default)]
    summary: String,
}

fn read(arguments: &str) -> Result<Arguments, String> {
    if arguments.len() > MAX_ARGUMENTS {
        return Err(format!("the arguments have {} bytes, they may have {MAX_ARGUMENTS}", arguments.len()));
    }
    let arguments: Arguments = serde_json::from_str(arguments)
        .map_err(|error| format!("the arguments must be {{\"reason\": text, \"summary\": text}}: {error}"))?;
    let reason = arguments.reason.chars().count();
    if arguments.reason.trim().is_empty() || reason > LONGEST_REASON {
        return Err(format!(
            "the argument `reason` must have 1 to {LONGEST_REASON} characters, got {reason}"
        ));
    }
    let summary = arguments.summary.chars().count();
    if summary > LONGEST_SUMMARY {
        return Err(format!(
            "the argument `summary` must have at most {LONGEST_SUMMARY} characters, got {summary}"
        ));
    }
    Ok(arguments)
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "reason": {
                "type": "string",
                "description": "Why the caller is handed over, in one sentence",
                "minLength": 1,
                "maxLength": LONGEST_REASON,
            },
            "summary": {
                "type": "string",
                "description": "What the next assistant needs to know of the conversation: what the caller wants, \
                                what was settled, names and figures",
                "maxLength": LONGEST_SUMMARY,
            },
        },
        "required": ["reason", "summary"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_handoff_names_its_target() {
        let asked = parse_handoff("handoff_to_cfo", r#"{"reason": "tax", "summary": "asks about VAT"}"#);
        let expected = HandoffRequest {
            target: Target::Persona("cfo".into()),
            reason: "tax".to_owned(),
            summary: "asks about VAT".to_owned(),
        };
        assert_eq!(asked, Some(Ok(expected)));
        let back = parse_handoff("handoff_back", r#"{"reason": "done"}"#).unwrap().unwrap();
        assert_eq!((back.target, back.summary.as_str()), (Target::Back, ""));
    }

    #[test]
    fn other_tools_are_no_handoffs() {
        for name in ["lookup_menu", "handoff", "handoff_", "handoff_to_", "handoff_over", "to_cfo", ""] {
            assert_eq!(parse_handoff(name, "{}"), None, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_arguments_is_said() {
        let said = |arguments: &str| parse_handoff("handoff_to_cfo", arguments).unwrap().unwrap_err();
        assert!(said("{}").contains("missing field `reason`"));
        assert!(said("not json").starts_with("the arguments must be {\"reason\": text"));
        assert_eq!(said(r#"{"reason": " "}"#), "the argument `reason` must have 1 to 500 characters, got 1");
        let long = json!({"reason": "x", "summary": "é".repeat(2_001)}).to_string();
        assert_eq!(said(&long), "the argument `summary` must have at most 2000 characters, got 2001");
    }

    #[test]
    fn the_tools_the_model_is_shown_read_back_as_handoffs() {
        assert!(parse_handoff(&handoff_back_tool().name, r#"{"reason": "x"}"#).unwrap().is_ok());
        assert!(jsonschema::validator_for(&handoff_back_tool().parameters).is_ok());
    }

    proptest! {
        #[test]
        fn no_tool_call_makes_it_panic(name in "(handoff_(to_)?)?.{0,10}", arguments in ".{0,60}") {
            let _ = parse_handoff(&name, &arguments);
        }
    }
}
