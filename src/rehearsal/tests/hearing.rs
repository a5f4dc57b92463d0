//! What a caller says, found and understood; and what the model says, as a caller hears it.

use serde_json::{Value, json};

use super::{Client, kinds, last, waiter_json};
use crate::rehearsal::speech::{speak, understand};
use crate::rehearsal::voice::Encoding;

/// A client on the phone: µ-law both ways, the waiter's tools, transcription on.
fn phone(vad: &Value) -> Client {
    let mut client = Client::new();
    let format = json!({"type": "audio/pcmu"});
    let mut vad = vad.clone();
    vad["type"] = json!("server_vad");
    let input =
        json!({"format": format, "turn_detection": vad, "transcription": {"model": "gpt-live-transcribe"}});
    let session = json!({"type": "realtime", "tools": waiter_json(), "instructions": "You are AI Waiter.",
        "audio": {"input": input, "output": {"format": format}}});
    let answer = client.send(&json!({"type": "session.update", "session": session}));
    assert_eq!(kinds(&answer), ["session.updated"]);
    client
}

fn mu_law(samples: &[i16]) -> Vec<u8> {
    samples.iter().map(|sample| audio_codec_algorithms::encode_ulaw(*sample)).collect()
}

impl Client {
    pub(super) fn append(&mut self, audio: &[u8]) -> Vec<Value> {
        let audio = base64_simd::STANDARD.encode_to_string(audio);
        self.send(&json!({"type": "input_audio_buffer.append", "audio": audio}))
    }

    /// Says something in frames of 20 ms, and is silent after it.
    pub(super) fn say(&mut self, text: &str, silence_ms: usize) -> Vec<Value> {
        let audio = [mu_law(&speak(text)), vec![0xFF; silence_ms * 8]].concat();
        audio.chunks(160).flat_map(|frame| self.append(frame)).collect()
    }
}

/// Everything that is heard of these events, in µ-law.
fn heard(events: &[Value]) -> Vec<u8> {
    let audio = events.iter().filter(|event| event["type"] == "response.output_audio.delta");
    let bytes =
        |event: &Value| base64_simd::STANDARD.decode_to_vec(event["delta"].as_str().unwrap()).unwrap();
    audio.flat_map(bytes).collect()
}

#[test]
fn a_spoken_turn_comes_in_the_order_of_the_real_server() {
    let mut client = phone(&json!({"silence_duration_ms": 500}));
    assert!(client.append(&vec![0xFF; 8_000]).is_empty());
    let events = client.say("what drinks do you have?", 500);
    let mut order = kinds(&events);
    order.dedup();
    assert_eq!(
        order,
        [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "rate_limits.updated",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.completed",
        ]
    );
    let id = &events[0]["item_id"];
    assert_eq!((&events[0]["audio_start_ms"], &events[1]["audio_end_ms"]), (&json!(700), &json!(2_930)));
    assert!(events[..3].iter().all(|event| event["item_id"] == *id));
    let item = &last(&events, "conversation.item.done")["item"];
    assert_eq!((&item["id"], &item["content"]), (id, &json!([{"type": "input_audio"}])));
    let transcript = last(&events, "conversation.item.input_audio_transcription.completed");
    assert_eq!((&transcript["item_id"], &transcript["transcript"]), (id, &json!("what drinks do you have?")));
    assert_eq!(transcript["usage"]["input_token_details"]["audio_tokens"], 23);
    let call = last(&client.finish(), "response.function_call_arguments.done").clone();
    assert_eq!(call["arguments"], r#"{"query":"drinks"}"#);
}

#[test]
fn an_answer_can_be_heard_word_for_word() {
    for (format, encoding) in
        [("audio/pcmu", Encoding::MuLaw), ("audio/pcma", Encoding::ALaw), ("audio/pcm", Encoding::Pcm)]
    {
        let mut client = Client::new();
        let mut output = json!({"format": {"type": format}, "voice": "marin"});
        if encoding == Encoding::Pcm {
            output["format"]["rate"] = json!(24_000);
        }
        client.send(
            &json!({"type": "session.update", "session": {"type": "realtime", "audio": {"output": output}}}),
        );
        let events = client.respond("hello");
        let said = last(&events, "response.output_audio_transcript.done")["transcript"].as_str().unwrap();
        let samples = encoding.samples(&heard(&events));
        assert_eq!(samples.len(), said.chars().count() * 60 * encoding.samples_per_ms());
        let at_8_khz: Vec<i16> = samples.into_iter().step_by(encoding.samples_per_ms() / 8).collect();
        assert_eq!(understand(&at_8_khz), crate::rehearsal::speech::normal_form(said));
        let deltas = kinds(&events).into_iter().filter(|kind| *kind == "response.output_audio.delta").count();
        assert!(deltas > 3, "{deltas}");
    }
}

#[test]
fn a_caller_who_speaks_interrupts_the_answer() {
    let mut client = phone(&json!({"silence_duration_ms": 200}));
    client.say("hello", 300);
    client.step();
    client.step();
    let events = client.say("what drinks", 100);
    assert_eq!(kinds(&events)[..2], ["input_audio_buffer.speech_started", "response.output_audio.done"]);
    let done = last(&events, "response.done");
    let reason = json!({"type": "cancelled", "reason": "turn_detected"});
    assert_eq!(done["response"]["status_details"], reason);
    assert_eq!(done["response"]["output"][0]["status"], "incomplete");
    // what was not sent before is never sent
    let rest = client.finish();
    assert!(rest.is_empty(), "{rest:?}");
    let item = &done["response"]["output"][0]["id"];
    let sent_ms = heard(&client.events).len() as u64 / 8;
    let cut = |end: u64| json!({"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": end});
    let error = client.refused(&cut(sent_ms + 1));
    assert_eq!(error["code"], "invalid_value");
    let why = format!("Audio content of {sent_ms}ms is already shorter than {}ms", sent_ms + 1);
    assert_eq!(error["message"], json!(why));
    assert_eq!(kinds(&client.send(&cut(sent_ms))), ["conversation.item.truncated"]);
}

#[test]
fn an_answer_goes_on_where_interruptions_are_not_wanted() {
    let mut client = phone(&json!({"silence_duration_ms": 200, "interrupt_response": false}));
    client.say("hello", 300);
    let events = client.say("what drinks", 300);
    // the response the turn would have made is refused, and the one under way is not touched
    assert_eq!(last(&events, "error")["error"]["code"], "conversation_already_has_active_response");
    assert_eq!(last(&events, "input_audio_buffer.committed")["type"], "input_audio_buffer.committed");
    assert_eq!(last(&client.finish(), "response.done")["response"]["status"], "completed");
}

#[test]
fn a_response_is_left_to_the_client_where_it_wants_that() {
    let mut client = phone(&json!({"silence_duration_ms": 200, "create_response": false}));
    let events = client.say("what drinks do you have?", 300);
    assert!(!kinds(&events).contains(&"response.created"));
    assert_eq!(
        last(&events, "conversation.item.input_audio_transcription.completed")["transcript"],
        "what drinks do you have?"
    );
    client.send(&json!({"type": "response.create"}));
    assert_eq!(last(&client.finish(), "response.function_call_arguments.done")["name"], "lookup_menu");
}

#[test]
fn an_answer_is_cut_while_it_is_still_spoken() {
    let mut client = phone(&json!({}));
    client.user("hello");
    client.send(&json!({"type": "response.create"}));
    let first = client.step();
    client.step();
    let id = last(&first, "response.output_item.added")["item"]["id"].clone();
    let sent_ms = heard(&client.events).len() as u64 / 8;
    let cut = |end: u64| json!({"type": "conversation.item.truncate", "item_id": id, "content_index": 0, "audio_end_ms": end});
    assert_eq!(client.refused(&cut(sent_ms + 1))["code"], "invalid_value");
    assert_eq!(client.send(&cut(10))[0]["audio_end_ms"], 10);
    client.finish();
    assert_eq!(client.refused(&cut(11))["message"], "Audio content of 10ms is already shorter than 11ms");
    let shown = client.send(&json!({"type": "conversation.item.retrieve", "item_id": id}));
    let content = &shown[0]["item"]["content"][0];
    let kept = base64_simd::STANDARD.decode_to_vec(content["audio"].as_str().unwrap()).unwrap();
    assert_eq!((&content["transcript"], kept.len()), (&json!(""), 80));
}

#[test]
fn a_voice_that_is_no_tone_speech_is_answered_honestly() {
    let mut client = phone(&json!({"silence_duration_ms": 200}));
    let mut random = fastrand::Rng::with_seed(1);
    let voice: Vec<i16> = (0..8_000).map(|_| random.i16(-9_000..9_000)).collect();
    client.append(&mu_law(&voice));
    let events = client.append(&vec![0xFF; 4_000]);
    let transcript = last(&events, "conversation.item.input_audio_transcription.completed");
    assert_eq!(transcript["transcript"], "");
    let events = client.finish();
    let said = last(&events, "response.output_audio_transcript.done")["transcript"].as_str().unwrap();
    assert!(said.contains("rehearsal model") && said.contains("call --say"), "{said}");
}

#[test]
fn a_caller_who_stays_silent_after_an_answer_is_asked() {
    let mut client = phone(&json!({"idle_timeout_ms": 6_000}));
    client.append(&vec![0xFF; 800]);
    let answer = client.respond("hello");
    let playback_ms = heard(&answer).len() as u64 / 8;
    let (watch, after_ms) = client.watch.unwrap();
    assert_eq!(after_ms, playback_ms + 6_000);
    client.append(&vec![0xFF; 8_000]);
    let actions = client.conversation.on_watch(watch);
    let events = client.perform(actions);
    assert_eq!(
        kinds(&events)[..5],
        [
            "input_audio_buffer.timeout_triggered",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
        ]
    );
    assert_eq!((&events[0]["audio_start_ms"], &events[0]["audio_end_ms"]), (&json!(100), &json!(1_100)));
    let said = last(&client.finish(), "response.output_audio_transcript.done")["transcript"].clone();
    assert_eq!(said, "Are you still there?");
    // a watch that speech has overtaken says nothing
    let (watch, _) = client.watch.unwrap();
    client.say("two", 0);
    assert!(client.conversation.on_watch(watch).is_empty());
}

#[test]
fn audio_given_by_hand_is_understood_too() {
    let mut client = phone(&json!({}));
    client.send(&json!({"type": "session.update", "session": {"type": "realtime",
        "audio": {"input": {"turn_detection": null, "transcription": null}}}}));
    assert!(client.say("what drinks do you have?", 2_000).is_empty());
    let events = client.send(&json!({"type": "input_audio_buffer.commit"}));
    assert_eq!(
        kinds(&events),
        ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    );
    client.send(&json!({"type": "response.create"}));
    assert_eq!(last(&client.finish(), "response.function_call_arguments.done")["name"], "lookup_menu");
}

#[test]
fn what_is_said_is_dropped_when_the_buffer_is_cleared() {
    let mut client = phone(&json!({"silence_duration_ms": 200}));
    assert_eq!(kinds(&client.say("two beers", 0)), ["input_audio_buffer.speech_started"]);
    client.send(&json!({"type": "input_audio_buffer.clear"}));
    let error = client.refused(&json!({"type": "input_audio_buffer.commit"}));
    assert_eq!(error["code"], "input_audio_buffer_commit_empty");
    assert!(client.append(&vec![0xFF; 16_000]).is_empty());
}
