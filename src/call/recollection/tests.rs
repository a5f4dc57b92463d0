//! What a journal is recalled as.

use serde_json::json;

use super::*;
use crate::call::event::{EndReason, TurnStatus};
use crate::tool::ToolStatus;
use crate::usage::Usage;

fn recalled(events: Vec<CallEvent>) -> Recollection {
    let mut recollection = Recollection::default();
    for (at, event) in events.into_iter().enumerate() {
        let call_id = "t1".parse().unwrap();
        recollection.take(Logged { seq: at as u64 + 1, at: Timestamp::UNIX_EPOCH, call_id, event });
    }
    recollection
}

fn started() -> Vec<CallEvent> {
    vec![
        CallEvent::CallStarted { transport: "text".into(), business_id: None, nobodys: false, phone: None },
        activated("waiter", PersonaCause::Start, None),
    ]
}

fn activated(persona: &str, by: PersonaCause, carry: Option<Carry>) -> CallEvent {
    CallEvent::PersonaActivated { persona: persona.into(), by, carry, back: false, way: None }
}

fn said(turn: u64, text: &str) -> Vec<CallEvent> {
    vec![CallEvent::TurnStarted { turn }, CallEvent::CallerText { text: text.into() }]
}

fn done(turn: u64, status: TurnStatus) -> CallEvent {
    let usage = Usage::default();
    let taken = status == TurnStatus::Completed;
    CallEvent::TurnDone { turn, status, taken, usage, model: None, first_token_ms: None, duration_ms: 1 }
}

#[test]
fn what_was_summarised_is_not_recalled_word_by_word() {
    let mut events = started();
    for turn in 1..=5 {
        events.extend(said(turn, &format!("question {turn}")));
        events.push(CallEvent::AssistantText { text: "Yes.".into(), item_id: None });
        events.push(done(turn, TurnStatus::Completed));
    }
    let summary = |through_turn, text: &str| CallEvent::ConversationSummarised {
        through_turn,
        text: text.into(),
        usage: Usage::default(),
        model: None,
    };
    events.push(summary(2, "Two questions."));
    events.extend(said(6, "question 6"));
    events.push(summary(3, "Three questions."));
    let told = recalled(events).conversation.unwrap().told();
    let words = |content: &Content| match content {
        Content::Caller(text) | Content::Persona(text) | Content::Note(text) => text.clone(),
        Content::ToolCall { .. } | Content::ToolOutput { .. } => String::new(),
    };
    let told: Vec<_> = told.iter().map(|told| (told.turn, words(&told.content))).collect();
    let note = summary_note("Three questions.");
    let expected = [
        (0, note.as_str()),
        (4, "question 4"),
        (4, "Yes."),
        (5, "question 5"),
        (5, "Yes."),
        (6, "question 6"),
    ];
    assert_eq!(told, expected.map(|(turn, text)| (turn, text.to_owned())));
}

#[test]
fn a_conversation_goes_on_where_it_stopped() {
    let mut events = started();
    events.extend(said(1, "drinks?"));
    events.push(CallEvent::ToolStarted {
        name: "lookup_menu".into(),
        arguments: json!({"query": "drinks"}),
        tool_call_id: "c1".into(),
    });
    events.push(CallEvent::ToolDone {
        name: "lookup_menu".into(),
        output: json!({"items": []}),
        status: ToolStatus::Ok,
        duration_ms: 3,
        tool_call_id: "c1".into(),
    });
    events.push(CallEvent::AssistantText { text: "None.".into(), item_id: None });
    events.push(done(1, TurnStatus::Completed));
    events.push(activated("cfo", PersonaCause::Api, None));
    let recollection = recalled(events);
    assert_eq!(recollection.last_seq, 9);
    let conversation = recollection.conversation.unwrap();
    assert_eq!(conversation.handoffs.unwrap().active(), &"cfo".into());
    assert_eq!((conversation.turns, conversation.cut_turn, conversation.first_seq), (1, None, 1));
    assert_eq!(
        Vec::from(conversation.contents),
        [
            Content::Caller("drinks?".into()),
            Content::ToolCall {
                id: "c1".into(),
                name: "lookup_menu".into(),
                arguments: r#"{"query":"drinks"}"#.into()
            },
            Content::ToolOutput { id: "c1".into(), output: r#"{"items":[]}"#.into() },
            Content::Persona("None.".into()),
            Content::Note(swap_note(&"cfo".into())),
        ]
    );
}

#[test]
fn a_call_that_ended_begins_anew_with_the_next_number() {
    let mut events = started();
    events.push(CallEvent::CallEnded { reason: EndReason::HungUp });
    let recollection = recalled(events);
    assert_eq!(recollection.last_seq, 3);
    assert!(recollection.conversation.is_none());
}

#[test]
fn a_turn_cut_off_keeps_the_callers_words_and_one_the_model_never_took_does_not() {
    let mut events = started();
    events.extend(said(1, "lost"));
    events.push(done(1, TurnStatus::Failed));
    events.extend(said(2, "kept"));
    let conversation = recalled(events).conversation.unwrap();
    assert_eq!(conversation.cut_turn, Some(2));
    assert_eq!(Vec::from(conversation.contents), [Content::Caller("kept".into())]);
}

#[test]
fn the_oldest_turns_go_as_a_whole() {
    let mut events = started();
    for turn in 1..=200 {
        events.extend(said(turn, "drinks?"));
        events.push(CallEvent::AssistantText { text: "None.".into(), item_id: None });
        events.push(CallEvent::AssistantText { text: "Really.".into(), item_id: None });
        events.push(done(turn, TurnStatus::Completed));
    }
    let contents = recalled(events).conversation.unwrap().contents;
    assert!(contents.len() <= MAX_CONTENTS && contents.len() > MAX_CONTENTS - 6);
    assert_eq!(contents[0], Content::Caller("drinks?".into()));
}

#[test]
fn what_a_handoff_left_behind_stays_behind() {
    let mut events = started();
    events.extend(said(1, "beer"));
    events.push(done(1, TurnStatus::Completed));
    events.extend(said(2, "VAT?"));
    events.push(CallEvent::HandoffRequested {
        from: "waiter".into(),
        to: "cfo".into(),
        reason: "tax".into(),
        summary: "They like beer.".into(),
    });
    events.push(activated("cfo", PersonaCause::Model, Some(Carry::Summary)));
    let conversation = recalled(events).conversation.unwrap();
    assert!(conversation.handoffs.unwrap().can_go_back());
    assert_eq!(
        Vec::from(conversation.contents),
        [Content::Note("What was said before: They like beer.".into()), Content::Caller("VAT?".into())]
    );
}

#[test]
fn of_what_was_spoken_the_heard_part_is_recalled_behind_the_words_it_answered() {
    let mut events = started();
    events.push(CallEvent::TurnStarted { turn: 1 });
    for (item, text) in [("m1", "We have coffee, tea and juice."), ("m2", "And beer.")] {
        events.push(CallEvent::AssistantText { text: text.into(), item_id: Some(item.into()) });
    }
    events.push(CallEvent::CallerTranscript { text: "drinks?".into(), turn: 1 });
    for (item, heard) in [("m1", "We have coffee,"), ("m2", "")] {
        events.push(CallEvent::AssistantInterrupted {
            played_ms: 1,
            item_id: Some(item.into()),
            heard: Some(heard.into()),
        });
    }
    let conversation = recalled(events).conversation.unwrap();
    assert_eq!(
        conversation.contents,
        [Content::Caller("drinks?".into()), Content::Persona("We have coffee,".into())]
    );
}

#[test]
fn words_written_down_late_stand_where_their_turn_began() {
    let mut events = started();
    events.push(CallEvent::TurnStarted { turn: 1 });
    events.push(CallEvent::AssistantText { text: "Coffee it is.".into(), item_id: Some("m1".into()) });
    events.push(CallEvent::TurnStarted { turn: 2 });
    events.push(CallEvent::CallerTranscript { text: "coffee".into(), turn: 1 });
    events.push(CallEvent::CallerTranscript { text: "no, tea".into(), turn: 2 });
    let conversation = recalled(events).conversation.unwrap();
    assert_eq!(
        conversation.contents,
        [
            Content::Caller("coffee".into()),
            Content::Persona("Coffee it is.".into()),
            Content::Caller("no, tea".into())
        ]
    );
}

#[test]
fn what_a_client_put_into_the_conversation_belongs_to_the_turn_it_asks_for() {
    let realtime = |transport: &str| {
        let begun = CallEvent::CallStarted {
            transport: transport.into(),
            business_id: None,
            nobodys: false,
            phone: None,
        };
        let mut events = vec![begun, activated("waiter", PersonaCause::Start, None)];
        events.push(CallEvent::CallerText { text: "my budget?".into() });
        events.push(CallEvent::TurnStarted { turn: 1 });
        events.push(activated("cfo", PersonaCause::Model, Some(Carry::Summary)));
        events.push(done(1, TurnStatus::Completed));
        events.push(CallEvent::CallerTranscript { text: "and now?".into(), turn: 2 });
        recalled(events).conversation.unwrap().contents
    };
    let said = |text: &str| Content::Caller(text.into());
    assert_eq!(realtime("realtime"), [said("my budget?"), said("and now?")]);
    assert_eq!(realtime("twilio"), [said("and now?")]);
}
