use serde_json::{Value, json};

use super::*;
use crate::protocol::realtime::model::Turns;
use crate::protocol::realtime::{Dialect, ExtensionNames};
use crate::sound::AudioFormat;

fn view() -> SessionView {
    let (format, turns, voice) = (AudioFormat::Pcm24k, Turns::default(), "marin".to_owned());
    SessionView { format, turns, voice, is_spoken: true, is_transcribed: true }
}

fn wording(dialect: Dialect) -> Wording {
    let facts = SessionFacts {
        session_id: "sess_1".into(),
        conversation_id: "conv_1".into(),
        model: "gpt-realtime".into(),
        expires_at: 1_800_000_000,
    };
    Wording::new(dialect, ExtensionNames::Underscored, facts, view())
}

fn place() -> Place {
    Place { response: "resp_1".into(), item_id: "item_1".into(), index: 0 }
}

fn said(status: ItemStatus, content: Option<Content>) -> Item {
    Item { id: "item_1".into(), status, is_callers: false, content }
}

fn spoken(text: &str) -> Option<Content> {
    Some(Content { is_spoken: true, text: Some(text.into()) })
}

fn response(end: Option<(ResponseOutcome, Usage)>) -> Response {
    let output = end.map(|_| said(ItemStatus::Completed, spoken("hello"))).into_iter().collect();
    Response { id: "resp_1".into(), is_spoken: true, metadata: Vec::new(), output, end }
}

/// One of every kind, and of what differs within a kind.
fn every_event() -> Vec<Event> {
    let usage = Usage {
        input_tokens: 30,
        output_tokens: 20,
        input_text: 10,
        input_audio: 20,
        input_cached_text: 5,
        output_text: 8,
        output_audio: 12,
        ..Usage::default()
    };
    let by_meaning =
        Turns::ByMeaning { eagerness: super::super::model::Eagerness::Low, answers: false, stops: true };
    let written = Content { is_spoken: false, text: Some("hi".into()) };
    let complaint = Complaint {
        event_id: Some("mine".into()),
        code: "invalid_value".into(),
        param: Some("session.voice".into()),
        message: "the voice must be one of …".into(),
    };
    let of_ours =
        Complaint { event_id: None, code: "server_error".into(), param: None, message: "sorry".into() };
    let outcomes = [
        ResponseOutcome::Completed,
        ResponseOutcome::Interrupted,
        ResponseOutcome::Cancelled,
        ResponseOutcome::OutOfTokens,
        ResponseOutcome::Filtered,
        ResponseOutcome::Failed,
    ];
    let mut events = vec![
        Event::SessionCreated(view()),
        Event::SessionUpdated(SessionView {
            turns: Turns::Client,
            format: AudioFormat::Pcmu,
            is_spoken: false,
            is_transcribed: false,
            ..view()
        }),
        Event::SessionUpdated(SessionView { turns: by_meaning, ..view() }),
        Event::Error(complaint),
        Event::Error(of_ours),
        Event::SpeechStarted { item_id: "item_0".into(), at_ms: 200 },
        Event::SpeechStopped { item_id: "item_0".into(), at_ms: 1_500 },
        Event::Committed { item_id: "item_0".into(), previous: None },
        Event::Cleared,
        Event::ItemAdded { item: Item::said("item_0".into()), previous: None },
        Event::ItemDone { item: Item::said("item_0".into()), previous: None },
        Event::ItemAdded {
            item: Item::added("item_a".into(), &ItemContent::Text("tea".into())),
            previous: Some("item_0".into()),
        },
        Event::ItemRetrieved(Item::added("item_a".into(), &ItemContent::Text("tea".into()))),
        Event::ItemRetrieved(said(ItemStatus::Completed, Some(written.clone()))),
        Event::ItemTruncated { item_id: "item_1".into(), heard_ms: 400 },
        Event::ItemDeleted("item_1".into()),
        Event::Transcribed { item_id: "item_0".into(), text: "tea".into(), ms: 1_300 },
        Event::NotTranscribed("item_0".into()),
        Event::ResponseCreated(Response { metadata: vec![("k".into(), "v".into())], ..response(None) }),
        Event::OutputAdded { place: place(), item: said(ItemStatus::InProgress, None) },
        Event::ItemAdded { item: said(ItemStatus::InProgress, None), previous: Some("item_0".into()) },
        Event::AudioDone { place: place() },
        Event::ItemDone { item: said(ItemStatus::Incomplete, spoken("hel")), previous: None },
        Event::OutputDone { place: place(), item: said(ItemStatus::Completed, Some(written)) },
        Event::ToolDone { previous: Some("item_1".into()), name: "find".into(), result: "{}".into() },
        Event::Persona("cfo".into()),
        Event::Introduced,
    ];
    for is_spoken in [true, false] {
        let text = || "hi".to_owned();
        events.extend([
            Event::PartAdded { place: place(), is_spoken },
            Event::Words { place: place(), is_spoken, delta: text() },
            Event::WordsDone { place: place(), is_spoken, text: text() },
            Event::PartDone { place: place(), is_spoken, text: text() },
        ]);
    }
    events.extend(outcomes.map(|outcome| Event::ResponseDone(response(Some((outcome, usage))))));
    events
}

#[test]
fn every_event_has_a_name_and_an_id_of_its_own() {
    for dialect in [Dialect::Ga, Dialect::Beta] {
        let mut wording = wording(dialect);
        let mut ids = std::collections::BTreeSet::new();
        for event in every_event() {
            let Some(frame) = wording.put(&event) else {
                assert!(dialect == Dialect::Beta && matches!(event, Event::ItemDone { .. }));
                continue;
            };
            let told: Value = serde_json::from_str(&frame).unwrap();
            assert!(told["type"].is_string() && ids.insert(told["event_id"].to_string()), "{frame}");
        }
        let frame = wording.audio(&place(), "AAAA");
        assert!(ids.insert(serde_json::from_str::<Value>(&frame).unwrap()["event_id"].to_string()));
    }
}

#[test]
fn the_dialects_word_the_same_events() {
    let told = |dialect: Dialect| {
        let mut wording = wording(dialect);
        let item = said(ItemStatus::InProgress, None);
        let delta = Event::Words { place: place(), is_spoken: true, delta: "hé".into() };
        let added = Event::ItemAdded { item, previous: None };
        [wording.put(&added).unwrap(), wording.put(&delta).unwrap(), wording.audio(&place(), "AAAA")]
    };
    let place = r#""response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0"#;
    let item = r#""previous_item_id":null,"item":{"id":"item_1","object":"realtime.item","type":"message","status":"in_progress","role":"assistant","content":[]}"#;
    assert_eq!(
        told(Dialect::Ga),
        [
            format!(r#"{{"type":"conversation.item.added","event_id":"event_1",{item}}}"#),
            format!(
                r#"{{"type":"response.output_audio_transcript.delta","event_id":"event_2",{place},"delta":"hé"}}"#
            ),
            format!(
                r#"{{"type":"response.output_audio.delta","event_id":"event_3",{place},"delta":"AAAA"}}"#
            ),
        ]
    );
    assert_eq!(
        told(Dialect::Beta),
        [
            format!(r#"{{"type":"conversation.item.created","event_id":"event_1",{item}}}"#),
            format!(
                r#"{{"type":"response.audio_transcript.delta","event_id":"event_2",{place},"delta":"hé"}}"#
            ),
            format!(r#"{{"type":"response.audio.delta","event_id":"event_3",{place},"delta":"AAAA"}}"#),
        ]
    );
}

#[test]
fn a_session_is_told_whole_and_without_what_is_ours() {
    let told = |dialect| {
        let frame = wording(dialect).put(&Event::SessionCreated(view())).unwrap();
        serde_json::from_str::<Value>(&frame).unwrap()["session"].clone()
    };
    let vad = json!({"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
                     "create_response": true, "interrupt_response": true});
    let pcm = json!({"type": "audio/pcm", "rate": 24000});
    assert_eq!(
        told(Dialect::Ga),
        json!({"type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime",
            "output_modalities": ["audio"], "instructions": "", "tools": [], "tool_choice": "auto",
            "max_output_tokens": "inf", "tracing": null, "truncation": "auto", "expires_at": 1_800_000_000,
            "audio": {"input": {"format": pcm, "transcription": {}, "noise_reduction": null, "turn_detection": vad},
                      "output": {"format": pcm, "voice": "marin", "speed": 1.0}}})
    );
    let beta = told(Dialect::Beta);
    assert_eq!((beta["instructions"].as_str(), &beta["tools"]), (Some(""), &json!([])));
    assert_eq!((&beta["modalities"], &beta["turn_detection"]), (&json!(["text", "audio"]), &vad));
    assert_eq!((beta["input_audio_format"].as_str(), beta["type"].as_str()), (Some("pcm16"), None));
}

#[test]
fn a_tool_is_told_of_under_the_name_that_was_chosen() {
    let event = Event::ToolDone { previous: None, name: "find".into(), result: "{}".into() };
    let mut wording = wording(Dialect::Ga);
    assert_eq!(
        wording.put(&event).unwrap(),
        r#"{"type":"extension.middle_tier_tool_response","event_id":"event_1","previous_item_id":null,"tool_name":"find","tool_result":"{}"}"#
    );
    wording.extensions = ExtensionNames::Dotted;
    assert!(wording.put(&event).unwrap().contains("extension.middle_tier_tool.response"));
}
