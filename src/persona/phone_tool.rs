//! The tools of a phone call, as the model sees them: what it asks for with them, the call does on its line.

use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{CallerFacts, Persona, Transport};
use crate::tool::typed::{parse_arguments, schema_of};
use crate::tool::{END_CALL, TRANSFER_TO_HUMAN, ToolSpec};

/// The names a persona may list among its tools besides those of the toolbox.
pub(super) const PHONE_TOOLS: [&str; 2] = [END_CALL, TRANSFER_TO_HUMAN];

/// What the model asks the call to do with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneRequest {
    /// Hang up.
    EndCall {
        /// Why, at most 500 characters.
        reason: Option<String>,
    },
    /// Connect the caller with a human.
    TransferToHuman {
        /// Why, 1 to 500 characters.
        reason: String,
        /// What the human should know before they speak, 1 to 1,000 characters.
        summary: String,
    },
}

/// Why the call ends.
#[derive(Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
struct EndCall {
    /// Why it ends, in a few words.
    #[serde(default)]
    #[schemars(with = "String")]
    #[validate(length(max = 500))]
    reason: Option<String>,
}

/// What the human is told.
#[derive(Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
struct TransferToHuman {
    /// Why a human is needed, in one sentence.
    #[validate(length(min = 1, max = 500))]
    reason: String,
    /// What the human is told first, in one or two sentences: who calls, what they want, what was settled.
    #[validate(length(min = 1, max = 1_000))]
    summary: String,
}

/// Those of a persona's phone tools that can be performed for this caller, in the order of its file.
pub fn phone_tools(persona: &Persona, caller: &CallerFacts) -> Vec<ToolSpec> {
    match caller.transport {
        Transport::Text => Vec::new(),
        Transport::Phone | Transport::Browser => {
            persona.tools.iter().filter_map(|name| spec(name, caller.can_transfer)).collect()
        }
    }
}

/// Reads a tool call as a request to the call: `None` when the tool is no phone tool, else the request, or words for
/// the model about what is wrong with its arguments.
pub fn parse_phone_tool(name: &str, arguments: &str) -> Option<Result<PhoneRequest, String>> {
    match name {
        END_CALL => Some(parse_arguments(arguments).map(|EndCall { reason }| PhoneRequest::EndCall {
            reason: reason.filter(|reason| !reason.trim().is_empty()),
        })),
        TRANSFER_TO_HUMAN => Some(
            parse_arguments(arguments)
                .map(|TransferToHuman { reason, summary }| PhoneRequest::TransferToHuman { reason, summary }),
        ),
        _ => None,
    }
}

fn spec(name: &str, can_transfer: bool) -> Option<ToolSpec> {
    let (description, parameters) = match name {
        END_CALL => (
            "Hangs up. Use it when the caller says goodbye or bye, says that this is all or that they are done, or \
             asks you to hang up. Say goodbye before.",
            schema_of::<EndCall>(),
        ),
        TRANSFER_TO_HUMAN if can_transfer => (
            "Transfers the caller to a human. Use it when they ask to speak to a human, a person, a manager, an \
             agent, an operator or a member of staff, want to complain, or need what you cannot do. Say before that \
             you are connecting them.",
            schema_of::<TransferToHuman>(),
        ),
        _ => return None,
    };
    Some(ToolSpec { name: name.to_owned(), description: description.to_owned(), parameters, filler: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn tool(name: &str) -> ToolSpec {
        spec(name, true).unwrap()
    }

    #[test]
    fn the_call_is_asked_to_hang_up() {
        let asked = |arguments: &str| parse_phone_tool("end_call", arguments).unwrap().unwrap();
        for nothing in ["", "{}", r#"{"reason": null}"#, r#"{"reason": " "}"#] {
            assert_eq!(asked(nothing), PhoneRequest::EndCall { reason: None }, "{nothing}");
        }
        let reason = Some("all was said".to_owned());
        assert_eq!(asked(r#"{"reason": "all was said"}"#), PhoneRequest::EndCall { reason });
    }

    #[test]
    fn the_call_is_asked_for_a_human() {
        let arguments = json!({"reason": "a complaint", "summary": "Cold soup at table 4."}).to_string();
        let expected = PhoneRequest::TransferToHuman {
            reason: "a complaint".to_owned(),
            summary: "Cold soup at table 4.".to_owned(),
        };
        assert_eq!(parse_phone_tool("transfer_to_human", &arguments), Some(Ok(expected)));
    }

    #[test]
    fn other_tools_are_not_for_the_call() {
        for name in ["lookup_menu", "handoff_to_cfo", "end_call_", "END_CALL", ""] {
            assert_eq!(parse_phone_tool(name, "{}"), None, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_arguments_is_said() {
        let said = |name: &str, arguments: &str| parse_phone_tool(name, arguments).unwrap().unwrap_err();
        assert_eq!(
            said("transfer_to_human", "{}"),
            "the argument `reason` is missing\nthe argument `summary` is missing"
        );
        assert!(said("transfer_to_human", "not json").starts_with("the arguments are not valid JSON"));
        assert_eq!(said("end_call", r#"{"why": "x"}"#), "there is no argument `why`");
        let long = json!({"reason": "é".repeat(501)}).to_string();
        assert_eq!(
            said("end_call", &long),
            "the argument `reason` must have at most 500 characters, got 501"
        );
    }

    #[test]
    fn the_model_is_shown_plain_schemas() {
        let text = |description: &str| json!({"type": "string", "description": description});
        let end = json!({
            "type": "object",
            "properties": {"reason": {"type": "string", "description": "Why it ends, in a few words.", "maxLength": 500}},
            "additionalProperties": false,
        });
        assert_eq!(tool("end_call").parameters, end);
        let parameters = tool("transfer_to_human").parameters;
        assert_eq!(parameters["required"], json!(["reason", "summary"]));
        let mut reason = text("Why a human is needed, in one sentence.");
        reason["minLength"] = json!(1);
        reason["maxLength"] = json!(500);
        assert_eq!(parameters["properties"]["reason"], reason);
    }

    #[test]
    fn every_phone_tool_is_one_the_toolbox_leaves_alone() {
        for name in PHONE_TOOLS {
            assert!(crate::tool::is_phone_tool(name) && crate::tool::is_tool_name(name));
            assert!(tool(name).description.chars().count() <= crate::tool::LONGEST_DESCRIPTION);
            assert!(parse_phone_tool(name, "{}").is_some());
        }
    }

    proptest! {
        #[test]
        fn no_tool_call_makes_it_panic(name in "end_call|transfer_to_human|.{0,10}", arguments in ".{0,60}") {
            let _ = parse_phone_tool(&name, &arguments);
        }
    }
}
