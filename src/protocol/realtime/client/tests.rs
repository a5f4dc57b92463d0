use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::protocol::realtime::model::{
    Eagerness, Introduction, ItemContent, ResponseWish, SessionWish, Turns,
};

const PCM: AudioFormat = AudioFormat::Pcm24k;

fn wish_of(frame: &Value) -> Wish {
    match parse(&frame.to_string(), PCM) {
        Ok(ClientFrame::Asked { asked, .. }) => asked.wish,
        other => panic!("{other:?}"),
    }
}

fn refused(frame: &Value) -> (&'static str, Option<String>) {
    let refusal = parse(&frame.to_string(), PCM).unwrap_err();
    assert!(!refusal.message.is_empty());
    assert_eq!(refusal.event_id.as_deref(), frame["event_id"].as_str());
    (refusal.code, refusal.param)
}

#[test]
fn sound_is_borrowed_from_its_frame() {
    let frame = r#"{"event_id":"e1","type":"input_audio_buffer.append","audio":"AAAA"}"#;
    assert!(matches!(parse(frame, PCM), Ok(ClientFrame::Append(Cow::Borrowed("AAAA")))));
    let frame = r#"{"audio":"\/\/8=","type":"input_audio_buffer.append"}"#;
    assert_eq!(parse(frame, PCM), Ok(ClientFrame::Append("//8=".into())));
    let frame = json!({"type": "input_audio_buffer.append", "event_id": "e", "audio": 7});
    assert_eq!(refused(&frame), ("invalid_value", Some("audio".into())));
}

#[test]
fn a_whole_session_of_the_agents_sdk_is_taken() {
    let frame = json!({"type": "session.update", "event_id": "u1", "session": {
        "type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Be mine.", "tools": [{"type": "function"}],
        "tool_choice": "auto", "output_modalities": ["audio"], "prompt": null, "tracing": "auto",
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}, "noise_reduction": null,
                            "transcription": {"model": "gpt-4o-mini-transcribe"},
                            "turn_detection": {"type": "semantic_vad", "eagerness": "high"}},
                  "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "cedar", "speed": 1}}}});
    let wish = SessionWish {
        format: None,
        turns: Some(Turns::ByMeaning { eagerness: Eagerness::High, answers: true, stops: true }),
        voice: Some("cedar".into()),
        is_spoken: Some(true),
        is_transcribed: Some(true),
    };
    let frame = frame.to_string();
    let Ok(ClientFrame::Asked { asked, is_plainly_ga }) = parse(&frame, PCM) else { panic!() };
    assert_eq!(
        (asked.event_id.as_deref(), asked.wish, is_plainly_ga),
        (Some("u1"), Wish::Session(wish), true)
    );
}

#[test]
fn a_whole_session_of_the_betas_client_is_taken() {
    let frame = json!({"event_id": "evt_1", "type": "session.update", "session": {
        "modalities": ["text", "audio"], "instructions": "", "voice": "verse", "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw", "input_audio_transcription": null, "turn_detection": null, "tools": [],
        "tool_choice": "auto", "temperature": 0.8, "max_response_output_tokens": 4096}});
    let wish = SessionWish {
        format: Some(AudioFormat::Pcmu),
        turns: Some(Turns::Client),
        voice: Some("verse".into()),
        is_spoken: Some(true),
        is_transcribed: Some(false),
    };
    assert_eq!(wish_of(&frame), Wish::Session(wish));
}

#[test]
fn what_a_session_cannot_be_is_refused_with_the_place_of_it() {
    for (session, code, param) in [
        (json!({"type": "transcription"}), "invalid_value", "session.type"),
        (json!({"voice": "nobody"}), "invalid_value", "session.voice"),
        (
            json!({"input_audio_format": "pcm16", "output_audio_format": "g711_ulaw"}),
            "invalid_value",
            "session.output_audio_format",
        ),
        (
            json!({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}}),
            "invalid_value",
            "session.audio.input.format",
        ),
        (
            json!({"turn_detection": {"type": "server_vad", "threshold": 2}}),
            "invalid_value",
            "session.turn_detection.threshold",
        ),
        (
            json!({"turn_detection": {"type": "server_vad", "threshold": "loud"}}),
            "invalid_type",
            "session.turn_detection.threshold",
        ),
        (
            json!({"audio": {"input": {"turn_detection": {}}}}),
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
        (json!({"modalities": []}), "invalid_value", "session.modalities"),
    ] {
        let frame = json!({"type": "session.update", "event_id": "x", "session": session});
        assert_eq!(refused(&frame), (code, Some(param.to_owned())), "{frame}");
    }
    let frame = json!({"type": "session.update", "event_id": "x"});
    assert_eq!(refused(&frame), ("missing_required_parameter", Some("session".into())));
}

#[test]
fn only_the_caller_can_be_spoken_for() {
    let create = |item: Value| json!({"type": "conversation.item.create", "event_id": "c", "item": item});
    let text = json!([{"type": "input_text", "text": "tea"}, {"type": "input_text", "text": "please"}]);
    let wish = wish_of(&create(json!({"id": "mine", "type": "message", "role": "user", "content": text})));
    let content = ItemContent::Text("tea\nplease".into());
    assert_eq!(wish, Wish::AddItem { item_id: "mine".into(), content });
    let audio = json!([{"type": "input_audio", "audio": "AAAAAAAA"}]);
    let wish = wish_of(&create(json!({"type": "message", "role": "user", "content": audio})));
    assert!(matches!(wish, Wish::AddItem { item_id, content: ItemContent::Audio(_) }
        if item_id.as_str().len() == 26));
    for (item, param) in [
        (json!({"type": "message", "role": "system", "content": text}), "item.role"),
        (json!({"type": "function_call_output", "call_id": "c", "output": "{}"}), "item.type"),
        (json!({"type": "message", "role": "user", "content": []}), "item.content"),
        (
            json!({"type": "message", "role": "user", "content": [{"type": "input_image"}]}),
            "item.content[0].type",
        ),
        (
            json!({"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "A"}]}),
            "item.content[0].audio",
        ),
        (json!({"id": "x".repeat(33), "type": "message", "role": "user", "content": text}), "item.id"),
    ] {
        assert_eq!(refused(&create(item)).1.as_deref(), Some(param));
    }
}

#[test]
fn everything_else_a_client_may_want_is_read() {
    let wish = |frame| wish_of(&frame);
    assert_eq!(wish(json!({"type": "input_audio_buffer.commit"})), Wish::Commit);
    assert_eq!(wish(json!({"type": "input_audio_buffer.clear"})), Wish::ClearInput);
    let item = |kind: &str| json!({"type": kind, "item_id": "i"});
    assert_eq!(wish(item("conversation.item.retrieve")), Wish::Retrieve("i".into()));
    assert_eq!(wish(item("conversation.item.delete")), Wish::Delete("i".into()));
    let truncate = json!({"type": "conversation.item.truncate", "item_id": "i", "content_index": 0,
                          "audio_end_ms": 1200});
    assert_eq!(wish(truncate), Wish::Truncate { item_id: "i".into(), heard_ms: 1_200 });
    assert_eq!(wish(json!({"type": "response.create"})), Wish::Respond(ResponseWish::default()));
    let response =
        json!({"instructions": "no", "tools": [], "output_modalities": ["text"], "metadata": {"k": "v"}});
    let metadata = vec![("k".to_owned(), "v".to_owned())];
    let asked = ResponseWish { is_spoken: Some(false), metadata };
    assert_eq!(wish(json!({"type": "response.create", "response": response})), Wish::Respond(asked));
    assert_eq!(wish(json!({"type": "response.cancel"})), Wish::Cancel(None));
    let cancel = json!({"type": "response.cancel", "response_id": "r"});
    assert_eq!(wish(cancel), Wish::Cancel(Some("r".into())));
    let getting =
        json!({"type": "session.getting", "intent": "change of address", "user_info": {"name": "Ana"}});
    let user_info = vec![("name".to_owned(), "Ana".to_owned())];
    let introduction = Introduction { intent: Some("change of address".into()), user_info };
    assert_eq!(wish(getting), Wish::Introduce(introduction));
    let activate = json!({"type": "extension.persona.activate", "persona": "cfo"});
    assert_eq!(wish(activate), Wish::Persona("cfo".into()));
}

#[test]
fn what_cannot_be_done_is_refused_by_the_name_the_client_gave_it() {
    for (frame, code, param) in [
        (json!({"type": "output_audio_buffer.clear"}), "invalid_event", Some("type")),
        (json!({"no": "type"}), "missing_required_parameter", Some("type")),
        (
            json!({"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1.5}),
            "invalid_type",
            Some("audio_end_ms"),
        ),
        (
            json!({"type": "conversation.item.truncate", "item_id": "i", "content_index": 1, "audio_end_ms": 1}),
            "invalid_value",
            Some("content_index"),
        ),
        (json!({"type": "conversation.item.delete"}), "missing_required_parameter", Some("item_id")),
        (
            json!({"type": "response.create", "response": {"conversation": "none"}}),
            "invalid_value",
            Some("response.conversation"),
        ),
        (
            json!({"type": "response.create", "response": {"metadata": {"k": "v".repeat(513)}}}),
            "invalid_value",
            Some("response.metadata"),
        ),
        (
            json!({"type": "session.getting", "intent": "x".repeat(501)}),
            "string_above_max_length",
            Some("intent"),
        ),
        (json!({"type": "session.getting", "intent": "a\nb"}), "invalid_value", Some("intent")),
        (
            json!({"type": "session.getting", "user_info": {"a": {"b": 1}}}),
            "invalid_type",
            Some("user_info.a"),
        ),
        (
            json!({"type": "session.getting", "user_info": {"a": "x".repeat(4097)}}),
            "string_above_max_length",
            Some("user_info"),
        ),
    ] {
        let mut frame = frame;
        frame["event_id"] = json!("mine");
        assert_eq!(refused(&frame), (code, param.map(str::to_owned)), "{frame}");
    }
    let echoes =
        json!({"type": "session.update", "session": {"modalities": ["x".repeat(10_000)]}}).to_string();
    assert!(parse(&echoes, PCM).unwrap_err().message.len() < 1_000, "little of what came is repeated");
    let long = json!({"type": "response.cancel", "event_id": "x".repeat(513)}).to_string();
    assert_eq!(parse(&long, PCM).unwrap_err().param.as_deref(), Some("event_id"));
    for frame in ["", "[]", "7", "{\"type\":"] {
        assert_eq!(parse(frame, PCM).unwrap_err().code, "invalid_event", "{frame}");
    }
}

proptest! {
    #[test]
    fn any_frame_is_survived(frame in "\\PC{0,80}") {
        let _ = parse(&frame, PCM);
    }

    #[test]
    fn any_text_comes_through(text in "[a-z\"\\\\\u{e9}]{1,40}") {
        let content = json!([{"type": "input_text", "text": text}]);
        let frame = json!({"type": "conversation.item.create",
                           "item": {"type": "message", "role": "user", "content": content}});
        let wish = wish_of(&frame);
        let is_it = matches!(&wish, Wish::AddItem { content: ItemContent::Text(read), .. } if *read == text);
        prop_assert!(is_it, "{wish:?}");
    }
}
