//! How a caller leaves: they hang up, or want a person. The tools for it have names that every service knows.

use super::words::stems;

const END_CALL: &str = "end_call";
const TRANSFER: &str = "transfer_to_human";

/// A goodbye said in passing has no more words that count beside it.
const BESIDE_MAX: usize = 2;

/// The name of the tool that an utterance plainly asks for, whatever else is offered.
pub(super) fn wanted(utterance: &str) -> Option<&'static str> {
    let lower = utterance.to_lowercase().replace('’', "'");
    let pieces = lower.split(|letter: char| !letter.is_alphanumeric() && letter != '\'');
    let words: Vec<&str> = pieces.filter(|piece| !piece.is_empty()).collect();
    if wants_a_person(&words) {
        Some(TRANSFER)
    } else if says_goodbye(&words, utterance) {
        Some(END_CALL)
    } else {
        None
    }
}

/// What is said once such a tool has done its work.
pub(super) fn farewell(tool: &str) -> Option<&'static str> {
    match tool {
        END_CALL => Some("Thank you for calling. Goodbye!"),
        TRANSFER => Some("One moment please, I am putting you through."),
        _ => None,
    }
}

fn says(words: &[&str], phrase: &[&str]) -> bool {
    words.windows(phrase.len()).any(|window| window == phrase)
}

fn says_one_of(words: &[&str], of: &[&str]) -> bool {
    words.iter().any(|word| of.contains(word))
}

fn wants_a_person(words: &[&str]) -> bool {
    let asks = ["speak", "talk", "transfer", "connect", "through", "reach"];
    let who = ["person", "manager", "supervisor", "operator", "agent", "representative", "staff"];
    let real = ["person", "someone", "somebody", "people"].iter().any(|one| {
        says(words, &["real", one]) || says(words, &[one, "real"]) || says(words, &["actual", one])
    });
    real || says_one_of(words, &["human", "humans"])
        || (says_one_of(words, &asks) && says_one_of(words, &who))
        || (says_one_of(words, &["want", "need", "get"]) && says_one_of(words, &["manager", "supervisor"]))
}

fn says_goodbye(words: &[&str], utterance: &str) -> bool {
    let stays = says_one_of(words, &["don't", "not", "never"]);
    let plain = says_one_of(words, &["goodbye", "bye"])
        || [["hang", "up"], ["good", "bye"]].iter().any(|phrase| says(words, phrase));
    let done = says(words, &["that's", "all"])
        || [["that", "is", "all"], ["that", "was", "all"]].iter().any(|phrase| says(words, phrase))
        || says(words, &["that", "will", "be", "all"]);
    !stays && (plain || done) && stems(utterance).len() <= BESIDE_MAX
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rehearsal::model::{Act, Choice, Entry, Scene, answer};
    use crate::rehearsal::samples::waiter_json;
    use crate::rehearsal::toolbox::Tool;

    #[test]
    fn leaving_is_heard_in_the_words() {
        for (utterance, tool) in [
            ("Goodbye!", Some(END_CALL)),
            ("no thanks, bye bye", Some(END_CALL)),
            ("That’s all, thank you.", Some(END_CALL)),
            ("ok, that is all", Some(END_CALL)),
            ("you can hang up now", Some(END_CALL)),
            ("Please don't hang up", None),
            ("That is all the beer and wine you have on the menu?", None),
            ("Can I speak to a human?", Some(TRANSFER)),
            ("let me talk to your manager please", Some(TRANSFER)),
            ("I want somebody real", Some(TRANSFER)),
            ("put me through to a real person", Some(TRANSFER)),
            ("a table for one person", None),
            ("What drinks do you have?", None),
        ] {
            assert_eq!(wanted(utterance), tool, "{utterance}");
        }
    }

    #[test]
    fn the_call_is_ended_or_given_to_a_person_with_the_arguments_of_the_tool() {
        let mut tools = waiter_json();
        let story = json!({"type": "string"});
        let leave = [
            json!({"type": "function", "name": END_CALL, "description": "Ends the call.",
                "parameters": {"type": "object", "properties": {"reason": story}, "required": ["reason"]}}),
            json!({"type": "function", "name": TRANSFER, "description": "Gives the call to a person.",
                "parameters": {"type": "object", "properties": {"reason": story, "summary": story},
                    "required": ["reason", "summary"]}}),
        ];
        tools.as_array_mut().unwrap().extend(leave);
        let tools = Tool::all(&tools);
        let act = |entries: &[Entry]| {
            let (asked, choice) = (None, Choice::Auto);
            answer(&Scene { instructions: "", asked, tools: &tools, choice, parallel: true, entries })
        };
        for (utterance, tool, said) in [
            ("thanks, goodbye", END_CALL, "Goodbye!"),
            ("can i speak to a human", TRANSFER, "putting you through"),
        ] {
            let mut entries = vec![Entry::User { text: utterance.into(), audio_ms: 900 }];
            let Some(Act::Call { name, arguments }) = act(&entries).pop() else {
                panic!("no call for {utterance}");
            };
            assert_eq!(name, tool);
            assert!(arguments["reason"].as_str().unwrap().contains(utterance));
            let (call_id, response) = ("call_1".to_owned(), "resp_1".to_owned());
            let arguments = arguments.into();
            entries.push(Entry::Call { call_id: call_id.clone(), name, arguments, response });
            entries.push(Entry::Output { call_id, output: r#"{"ok":true,"status":"ending"}"#.into() });
            let Some(Act::Say(sentence)) = act(&entries).pop() else {
                panic!("nothing said after {tool}");
            };
            assert!(sentence.contains(said), "{sentence}");
            entries.pop();
            let output = r#"{"error":"nobody answers"}"#.into();
            entries.push(Entry::Output { call_id: "call_1".into(), output });
            let refused = act(&entries);
            assert!(
                matches!(&refused[..], [Act::Say(text)] if text.contains("nobody answers")),
                "{refused:?}"
            );
        }
    }
}
