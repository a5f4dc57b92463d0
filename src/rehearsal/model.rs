//! What the rehearsal model does next: calls tools or says something. Deterministic, by words alone.

use serde_json::{Map, Value};

use super::desk::Desk;
use super::digest::digest;
use super::errand;
use super::period::anchored;
use super::phrase::{greeting, no_tool, prompted, quoted, unheard};
use super::toolbox::Tool;
use super::turn::Turn;

/// One entry of the conversation, as the model sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    /// Something the model was told by whoever runs the call.
    System { text: String },
    /// Something the caller said or wrote; `audio_ms` of it were audio.
    User { text: String, audio_ms: u64 },
    /// Something the model said.
    Assistant { text: String },
    /// A complete tool call, and the response it was made in; empty for one that was replayed.
    Call { call_id: String, name: String, arguments: Value, response: String },
    /// What a tool call returned.
    Output { call_id: String, output: String },
}

/// Which tools may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    Auto,
    None,
    Required,
    /// This one and no other.
    Only(String),
}

/// Everything a response is made from.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) instructions: &'a str,
    /// The instructions of this response alone.
    pub(super) asked: Option<&'a str>,
    pub(super) tools: &'a [Tool],
    pub(super) choice: Choice,
    pub(super) parallel: bool,
    pub(super) entries: &'a [Entry],
}

/// One thing the model does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    Say(String),
    Call { name: String, arguments: Map<String, Value> },
}

/// How a note begins that tells the model that its last message was broken off, and where.
const CUT_OFF: &str = "You were cut off";

/// What is left to be said of an answer of which so much was said.
fn rest(whole: &[Act], said: &str) -> String {
    let words = whole.iter().find_map(|act| match act {
        Act::Say(words) => Some(words.as_str()),
        Act::Call { .. } => None,
    });
    let left = words.and_then(|words| words.strip_prefix(said.trim_end())).map(str::trim).unwrap_or_default();
    if left.is_empty() { "That was all.".to_owned() } else { left.to_owned() }
}

/// What the model does next: at least one act.
pub(super) fn answer(scene: &Scene<'_>) -> Vec<Act> {
    if let Some(summary) = digest(scene) {
        return vec![Act::Say(summary)];
    }
    if let [before @ .., Entry::System { text: told }] = scene.entries
        && told.starts_with(CUT_OFF)
    {
        let before = match before {
            [before @ .., Entry::Assistant { .. }] => before,
            before => before,
        };
        let whole = answer(&Scene { entries: before, choice: scene.choice.clone(), ..*scene });
        let said =
            told.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"')).map_or("", |(said, _)| said);
        return vec![Act::Say(rest(&whole, said))];
    }
    if let Some(Entry::System { text }) = scene.entries.last()
        && let Some(words) = prompted(text)
    {
        return vec![Act::Say(words)];
    }
    let mut turn = Turn::of(scene.entries);
    turn.utterance =
        turn.utterance.map(|said| anchored(&errand::anchored(&said, scene.instructions), scene.instructions));
    let Some(utterance) = turn.utterance.clone() else {
        return vec![Act::Say(quoted(scene.asked).unwrap_or_else(|| greeting(scene)))];
    };
    if turn.fresh.is_empty() && turn.answered {
        return vec![Act::Say(
            quoted(scene.asked).unwrap_or_else(|| "What else can I do for you?".to_owned()),
        )];
    }
    let desk = Desk { scene, turn: &turn, utterance: &utterance };
    if !turn.fresh.is_empty() {
        return desk.after_outputs();
    }
    if turn.waiting {
        return vec![Act::Say("One moment, I am still waiting for an answer.".to_owned())];
    }
    if utterance.trim().is_empty() {
        return vec![Act::Say(unheard(turn.audio_ms))];
    }
    let acts = desk.choose();
    if acts.is_empty() { vec![Act::Say(no_tool(scene, &utterance))] } else { acts }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rehearsal::samples::{cfo_tools, waiter_tools};

    fn user(text: &str) -> Entry {
        Entry::User { text: text.into(), audio_ms: 0 }
    }

    fn call(name: &str, arguments: Value) -> Entry {
        Entry::Call {
            call_id: format!("call_{name}"),
            name: name.into(),
            arguments,
            response: format!("resp_{name}"),
        }
    }

    fn output(name: &str, output: &Value) -> Entry {
        Entry::Output { call_id: format!("call_{name}"), output: output.to_string() }
    }

    fn act(tools: &[Tool], entries: &[Entry]) -> Vec<Act> {
        let instructions = "You are AI Waiter for bars.";
        answer(&Scene { instructions, asked: None, tools, choice: Choice::Auto, parallel: true, entries })
    }

    fn calls(acts: &[Act]) -> Vec<(String, Value)> {
        let call = |act: &Act| match act {
            Act::Call { name, arguments } => Some((name.clone(), Value::Object(arguments.clone()))),
            Act::Say(_) => None,
        };
        acts.iter().filter_map(call).collect()
    }

    fn said(acts: &[Act]) -> String {
        let said = acts.iter().filter_map(|act| match act {
            Act::Say(text) => Some(text.as_str()),
            Act::Call { .. } => None,
        });
        said.collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn an_utterance_becomes_a_tool_call_and_its_output_a_sentence() {
        let tools = waiter_tools();
        let mut entries = vec![user("What drinks do you have?")];
        let query = json!({"query": "drinks"});
        assert_eq!(calls(&act(&tools, &entries)), [("lookup_menu".into(), query.clone())]);
        entries.push(call("lookup_menu", query));
        entries.push(output("lookup_menu", &json!({"items": [{"id": "1", "name": "Primus"}, {"id": "2", "name": "Cisk"}, {"id": "3", "name": "Kinnie"}]})));
        assert_eq!(act(&tools, &entries), [Act::Say("I found 3 items: Primus; Cisk; Kinnie.".into())]);
        entries.push(Entry::Assistant { text: "I found 3 items.".into() });
        assert_eq!(said(&act(&tools, &entries)), "What else can I do for you?");
    }

    #[test]
    fn a_handed_over_question_is_answered_in_the_same_turn() {
        let question = "I have a question about VAT on restaurant meals in the EU";
        let mut entries = vec![user(question)];
        let asked = calls(&act(&waiter_tools(), &entries));
        assert_eq!(asked[0].0, "handoff_to_cfo");
        assert!(asked[0].1["reason"].as_str().unwrap().contains("VAT"));
        entries.push(call("handoff_to_cfo", asked[0].1.clone()));
        entries.push(output(
            "handoff_to_cfo",
            &json!({"ok": true, "persona": "AI CFO", "greeting": "Hello, CFO here."}),
        ));
        let acts = act(&cfo_tools(), &entries);
        assert_eq!(said(&acts), "Hello, CFO here.");
        let rule = json!({"jurisdiction": "EU", "topic": "VAT restaurant meals"});
        assert_eq!(calls(&acts), [("check_tax_rule".into(), rule.clone())]);
        entries.extend([Entry::Assistant { text: "Hello, CFO here.".into() }, call("check_tax_rule", rule)]);
        entries.push(output("check_tax_rule", &json!({"rules": [{"rule": "A reduced rate may apply"}]})));
        assert_eq!(said(&act(&cfo_tools(), &entries)), "Rule: A reduced rate may apply.");
    }

    #[test]
    fn a_summary_is_enough_to_go_on_from() {
        let summary = "The caller asked: \"What was our EBITDA in 2026-03?\"";
        let entries = [
            call("handoff_to_cfo", json!({"reason": "figures", "summary": summary})),
            output("handoff_to_cfo", &json!({"ok": true})),
        ];
        let period = json!({"period": "2026-03"});
        assert_eq!(calls(&act(&cfo_tools(), &entries)), [("fetch_financials".into(), period)]);
    }

    #[test]
    fn a_handoff_leads_no_further_and_never_back() {
        let mut entries = vec![user("Can I talk to your accountant?")];
        entries.push(call("handoff_to_cfo", json!({})));
        entries.push(output("handoff_to_cfo", &json!({"ok": true, "greeting": "CFO here. Which figures?"})));
        assert_eq!(act(&cfo_tools(), &entries), [Act::Say("CFO here. Which figures?".into())]);
        entries[2] = output("handoff_to_cfo", &json!({"error": "visited too often"}));
        let refusal = said(&act(&waiter_tools(), &entries));
        assert_eq!(refusal, "I am sorry, that did not work: visited too often.");
    }

    #[test]
    fn a_missing_id_is_looked_up_first() {
        let tools = waiter_tools();
        let mut entries = vec![user("What goes well with the grilled tilapia?")];
        let lookup = calls(&act(&tools, &entries));
        assert_eq!(lookup, [("lookup_menu".into(), json!({"query": "grilled tilapia"}))]);
        entries.push(call("lookup_menu", lookup[0].1.clone()));
        entries.push(output("lookup_menu", &json!({"items": [{"id": "m-7", "name": "Grilled tilapia"}]})));
        let pairing = calls(&act(&tools, &entries));
        assert_eq!(pairing, [("recommend_pairing".into(), json!({"item_id": "m-7"}))]);
        entries.push(call("recommend_pairing", pairing[0].1.clone()));
        entries.push(output("recommend_pairing", &json!({"pairings": [{"name": "Sauvignon blanc"}]})));
        assert_eq!(act(&tools, &entries), [Act::Say("Pairing: Sauvignon blanc.".into())]);
    }

    #[test]
    fn two_clear_requests_are_two_calls() {
        let cfo = cfo_tools();
        let both = calls(&act(&cfo, &[user("What was our revenue in 2026-03 and what in 2026-04?")]));
        assert_eq!(
            both.iter().map(|(_, args)| args["period"].clone()).collect::<Vec<_>>(),
            ["2026-03", "2026-04"]
        );
        let both =
            calls(&act(&cfo, &[user("What is the EBITDA of 2025? And what is the VAT on books in the UK?")]));
        assert_eq!(
            both.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["fetch_financials", "check_tax_rule"]
        );
        let one = calls(&act(&waiter_tools(), &[user("Do you have fish and chips?")]));
        assert_eq!(one, [("lookup_menu".into(), json!({"query": "fish chips"}))]);
    }

    #[test]
    fn what_is_missing_is_asked_for_and_what_fits_no_tool_is_admitted() {
        assert!(
            said(&act(&cfo_tools(), &[user("What was our EBITDA?")]))
                .starts_with("Which period do you mean?")
        );
        let lost = said(&act(&waiter_tools(), &[user("Sing me a lullaby")]));
        assert!(lost.contains("AI Waiter") && lost.contains("not an AI") && lost.ends_with('?'), "{lost}");
        assert!(said(&act(&waiter_tools(), &[user("hello")])).starts_with("Hello!"));
        assert!(said(&act(&[], &[])).starts_with("Hello!"));
        let voice = Entry::User { text: String::new(), audio_ms: 2_400 };
        assert!(said(&act(&waiter_tools(), &[voice])).contains("rehearsal model"));
        let nothing = Entry::User { text: String::new(), audio_ms: 0 };
        assert_eq!(said(&act(&waiter_tools(), &[nothing])), "Are you still there?");
    }

    #[test]
    fn the_answer_to_a_question_completes_what_was_asked() {
        let tools = cfo_tools();
        let mut entries = vec![user("What about GST on restaurant meals?")];
        let text = said(&act(&tools, &entries));
        assert_eq!(text, "Which jurisdiction do you mean: US, CA, EU, UK?");
        entries.extend([Entry::Assistant { text }, user("Canada")]);
        let topic = json!({"jurisdiction": "CA", "topic": "GST restaurant meals"});
        assert_eq!(calls(&act(&tools, &entries)), [("check_tax_rule".into(), topic)]);
        let alone = calls(&act(&tools, &[user("How did we do in 2025?")]));
        assert_eq!(alone, [("fetch_financials".into(), json!({"period": "2025"}))]);
    }

    #[test]
    fn today_is_what_the_instructions_say() {
        let tools = cfo_tools();
        let entries = [user("What was our revenue last quarter?")];
        let instructions = "Today is Tuesday, 2026-02-03 (UTC).";
        let scene = Scene {
            instructions,
            asked: None,
            tools: &tools,
            choice: Choice::Auto,
            parallel: true,
            entries: &entries,
        };
        assert_eq!(calls(&answer(&scene)), [("fetch_financials".into(), json!({"period": "2025-Q4"}))]);
    }

    #[test]
    fn a_search_that_finds_nothing_is_tried_with_less() {
        let tools = waiter_tools();
        let mut entries = vec![user("I'd like grilled tilapias")];
        let mut asked = Vec::new();
        for _ in 0..3 {
            let [(name, arguments)] = calls(&act(&tools, &entries)).try_into().unwrap();
            asked.push(arguments["query"].clone());
            let call_id = format!("call_{}", asked.len());
            let response = format!("resp_{}", asked.len());
            entries.push(Entry::Call { call_id: call_id.clone(), name, arguments, response });
            entries.push(Entry::Output { call_id, output: r#"{"items":[]}"#.into() });
        }
        assert_eq!(asked, ["grilled tilapias", "tilapia", "grilled"]);
        assert_eq!(said(&act(&tools, &entries)), "I found nothing for that.");
    }

    /// The waiter's tools, and the one that looks into documents.
    fn tools_with_documents() -> Vec<Tool> {
        let documents = Tool::all(&json!([{"type": "function", "name": "query_knowledge_base",
            "description": "Searches the documents the business has written for its guests, for facts that no other \
                tool gives: opening hours, address, directions, parking, wifi, events, policies. Returns passages, \
                each with its title and text.",
            "parameters": {"type": "object", "required": ["query"], "properties": {
                "query": {"type": "string", "minLength": 1, "maxLength": 400,
                    "description": "What to look for, in a few words"}}}}]));
        [waiter_tools(), documents].concat()
    }

    #[test]
    fn what_is_not_on_the_menu_is_looked_for_in_the_documents() {
        let tools = tools_with_documents();
        for (utterance, tool, query) in [
            ("Do you have parking?", "query_knowledge_base", "parking"),
            ("What is the wifi password?", "query_knowledge_base", "wifi password"),
            ("When are your opening hours?", "query_knowledge_base", "opening hours"),
            ("What drinks do you have?", "lookup_menu", "drinks"),
            ("Do you have coffee?", "lookup_menu", "coffee"),
            ("I'd like grilled tilapia", "lookup_menu", "grilled tilapia"),
        ] {
            assert_eq!(
                calls(&act(&tools, &[user(utterance)])),
                [(tool.into(), json!({ "query": query }))],
                "{utterance}"
            );
        }
        let pets = json!({"query": "terrace"});
        let mut entries = vec![user("Do you have a terrace?"), call("lookup_menu", pets.clone())];
        entries.push(output("lookup_menu", &json!({"items": []})));
        assert_eq!(calls(&act(&tools, &entries)), [("query_knowledge_base".into(), pets.clone())]);
        entries.push(call("query_knowledge_base", pets));
        let passages = json!({"count": 1, "passages": [{"title": "House", "section": null,
            "text": "The terrace is on the roof."}], "note": "answer from these passages only"});
        entries.push(output("query_knowledge_base", &passages));
        assert_eq!(said(&act(&tools, &entries)), "Passage: House, The terrace is on the roof.");
    }

    #[test]
    fn the_choice_of_tools_is_obeyed() {
        let tools = waiter_tools();
        let entries = [user("What drinks do you have?")];
        let with = |choice: Choice| {
            let scene = Scene {
                instructions: "",
                asked: None,
                tools: &tools,
                choice,
                parallel: true,
                entries: &entries,
            };
            calls(&answer(&scene)).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert!(with(Choice::None).is_empty());
        assert_eq!(with(Choice::Only("recommend_pairing".into())), ["recommend_pairing"]);
        assert_eq!(with(Choice::Required), ["lookup_menu"]);
    }

    #[test]
    fn a_system_message_may_say_what_is_to_be_said_now() {
        let system = |text: &str| Entry::System { text: text.into() };
        let welcome = system("Say to the caller, in their language: \"Welcome! What can I get you today?\"");
        let tools = waiter_tools();
        let mut entries = vec![welcome.clone()];
        assert_eq!(said(&act(&tools, &entries)), "Welcome! What can I get you today?");
        entries.push(user("What drinks do you have?"));
        assert_eq!(calls(&act(&tools, &entries))[0].0, "lookup_menu");
        // also when the caller has spoken before
        entries.push(welcome);
        assert_eq!(said(&act(&tools, &entries)), "Welcome! What can I get you today?");
        for keys in ["5", "12#"] {
            entries.push(system(&format!("The caller pressed the key {keys} on their phone.")));
            assert_eq!(said(&act(&tools, &entries)), format!("You pressed {keys}."));
        }
    }

    #[test]
    fn an_answer_that_was_broken_off_goes_on_where_it_was() {
        let system = |text: &str| Entry::System { text: text.into() };
        let mut entries = vec![system("Say to the caller: \"Welcome! What can I get you today?\"")];
        for (heard, left) in [("Welcome!", "What can I get you today?"), ("What can", "I get you today?")] {
            entries.push(Entry::Assistant { text: String::new() });
            entries.push(system(&format!("You were cut off. The caller has heard: \"{heard}\"")));
            assert_eq!(said(&act(&[], &entries)), left);
        }
    }

    #[test]
    fn a_system_message_without_such_words_changes_nothing() {
        let note = Entry::System { text: "From here on you are the persona `cfo`.".into() };
        let tools = waiter_tools();
        let entries = [note.clone(), user("What drinks do you have?")];
        assert_eq!(calls(&act(&tools, &entries))[0].0, "lookup_menu");
        let entries = [user("What drinks do you have?"), note.clone()];
        assert_eq!(calls(&act(&tools, &entries))[0].0, "lookup_menu");
        assert!(said(&act(&tools, &[note])).starts_with("Hello!"));
    }

    #[test]
    fn a_response_may_be_told_what_to_say() {
        let asked = Some("Greet the caller with: \"Welcome back!\"");
        let scene =
            Scene { instructions: "", asked, tools: &[], choice: Choice::Auto, parallel: true, entries: &[] };
        assert_eq!(answer(&scene), [Act::Say("Welcome back!".into())]);
    }
}
