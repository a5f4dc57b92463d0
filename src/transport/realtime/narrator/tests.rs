//! Whatever comes in which order, every client can follow.

mod client;

use proptest::prelude::*;

use self::client::StrictClient;
use super::*;
use crate::protocol::realtime::Turns;
use crate::sound::AudioFormat;
use crate::usage::Usage;

fn view(is_spoken: bool) -> SessionView {
    let (format, turns, voice) = (AudioFormat::Pcm24k, Turns::default(), "marin".to_owned());
    SessionView { format, turns, voice, is_spoken, is_transcribed: true }
}

fn narrator() -> Narrator {
    Narrator::new(&view(true), Ended::default())
}

fn responding(response: &str) -> Show {
    let metadata = vec![("k".to_owned(), response.to_owned())];
    Show::Responding { response: response.into(), is_spoken: true, metadata }
}

fn responded(response: &str, end: ResponseOutcome) -> Show {
    Show::Responded { response: response.into(), end, usage: Usage::default() }
}

fn words(response: &str, item: &str, text: &str) -> Show {
    Show::Words { response: response.into(), item_id: item.into(), text: text.into() }
}

fn message(response: &str, item: &str, text: &str) -> Show {
    Show::Message { response: response.into(), item_id: item.into(), text: text.into() }
}

fn of(response: &str, item: &str) -> Spoken {
    Spoken { response: response.into(), item: item.into() }
}

/// The events, in short.
fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(client::name).collect()
}

#[test]
fn a_spoken_response_is_told_from_its_beginning_to_its_end() {
    let mut narrator = narrator();
    narrator.on_show(responding("r"), 0);
    narrator.on_show(words("r", "a", "hel"), 0);
    assert!(narrator.on_audio(&of("r", "a")).is_some());
    narrator.on_show(message("r", "a", "hello"), 0);
    narrator.on_show(responded("r", ResponseOutcome::Completed), 0);
    assert_eq!(
        names(&narrator.take()),
        ["created", "output added", "item added", "part added", "words", "words"]
    );
    narrator.on_audio_end(&of("r", "a"));
    narrator.on_quiet();
    assert_eq!(
        names(&narrator.take()),
        ["audio done", "words done", "part done", "item done", "output done", "done"]
    );
}

#[test]
fn the_end_waits_for_the_sound_and_the_next_beginning_for_the_end() {
    let mut narrator = narrator();
    narrator.on_show(responding("r"), 0);
    assert!(narrator.on_audio(&of("r", "a")).is_some());
    narrator.on_show(responded("r", ResponseOutcome::Completed), 0);
    narrator.on_show(responding("s"), 0);
    narrator.on_show(words("s", "b", "more"), 0);
    assert!(!narrator.knows(&"s".into()), "its sound waits, too");
    assert!(narrator.on_audio(&of("r", "a")).is_some());
    assert!(!names(&narrator.take()).contains(&"done"));
    assert!(narrator.on_audio(&of("s", "b")).is_some());
    let told = names(&narrator.take());
    assert_eq!(told[5..], ["done", "created", "output added", "item added", "part added", "words"]);
}

#[test]
fn a_response_does_not_begin_before_the_one_under_way_is_known_to_have_ended() {
    let mut narrator = narrator();
    narrator.on_show(responding("r"), 0);
    narrator.on_show(responding("s"), 0);
    narrator.on_show(words("s", "b", "more"), 0);
    assert_eq!(names(&narrator.take()), ["created"]);
    narrator.on_show(responded("r", ResponseOutcome::Completed), 0);
    narrator.on_quiet();
    assert_eq!(
        names(&narrator.take()),
        ["done", "created", "output added", "item added", "part added", "words"]
    );
    // Sound that can wait no longer: nobody told how the one before ended.
    assert!(narrator.on_audio(&of("t", "c")).is_some());
    let told = names(&narrator.take());
    assert_eq!(told.iter().filter(|name| **name == "done").count(), 1);
    assert!(told.iter().position(|name| *name == "done") < told.iter().position(|name| *name == "created"));
}

#[test]
fn nothing_is_told_of_an_interrupted_response_but_its_end() {
    let mut narrator = narrator();
    narrator.on_show(responding("r"), 0);
    assert!(narrator.on_audio(&of("r", "a")).is_some());
    narrator.on_silenced(&"r".into());
    narrator.take();
    assert_eq!(narrator.on_audio(&of("r", "a")), None);
    narrator.on_show(words("r", "a", "late"), 0);
    narrator.on_show(Show::Heard { item_id: "a".into(), heard_ms: 40 }, 0);
    narrator.on_show(responded("r", ResponseOutcome::Interrupted), 0);
    narrator.on_quiet();
    assert_eq!(
        names(&narrator.take()),
        ["truncated", "audio done", "words done", "part done", "item done", "output done", "done"]
    );
}

#[test]
fn a_response_of_nothing_but_calls_of_tools_begins_and_ends() {
    let mut narrator = narrator();
    narrator.on_show(responding("r"), 0);
    narrator.on_show(responded("r", ResponseOutcome::Completed), 0);
    narrator.on_quiet();
    let told = narrator.take();
    assert_eq!(names(&told), ["created", "done"]);
    assert!(matches!(&told[1], Event::ResponseDone(response)
        if response.output.is_empty() && response.metadata.len() == 1));
}

#[test]
fn what_the_caller_says_is_told_where_the_client_has_it() {
    let mut narrator = narrator();
    let item_id = || ItemId::from("u");
    narrator.on_show(Show::Transcribed { item_id: item_id(), text: "tea".into() }, 0);
    narrator.on_show(Show::SpeechStarted { item_id: item_id() }, 1_200);
    narrator.on_show(Show::SpeechStopped { item_id: item_id() }, 2_700);
    narrator.on_show(Show::Said { item_id: item_id() }, 2_700);
    let told = narrator.take();
    assert_eq!(names(&told), ["started", "stopped", "committed", "item added", "item done", "transcribed"]);
    assert!(matches!(told[0], Event::SpeechStarted { at_ms: 700, .. }));
    assert!(matches!(told[1], Event::SpeechStopped { at_ms: 2_700, .. }));
    assert!(matches!(told[5], Event::Transcribed { ms: 2_000, .. }));
}

#[test]
fn an_item_that_the_client_does_not_know_is_not_named_unless_it_did() {
    let mut narrator = narrator();
    let heard = || Show::Heard { item_id: "x".into(), heard_ms: 7 };
    narrator.on_show(heard(), 0);
    narrator.on_show(Show::ItemDeleted("y".into()), 0);
    assert!(narrator.take().is_empty());
    narrator.on_named(&"x".into());
    narrator.on_show(heard(), 0);
    assert_eq!(names(&narrator.take()), ["truncated"]);
}

#[test]
fn whoever_comes_back_is_told_the_end_of_what_still_sounds() {
    let mut ended = Ended::default();
    ended.on_show(&responded("r", ResponseOutcome::Completed));
    let mut narrator = Narrator::new(&view(true), ended);
    assert!(narrator.on_audio(&of("r", "a")).is_some());
    narrator.on_audio_end(&of("r", "a"));
    narrator.on_quiet();
    assert_eq!(names(&narrator.take()).last(), Some(&"done"));
}

/// Something that happens to a narrator.
#[derive(Debug, Clone)]
enum Happening {
    Show(Show),
    Audio(&'static str, &'static str),
    AudioEnd(&'static str, &'static str),
    Silence(&'static str),
    Quiet,
}

fn happening() -> impl Strategy<Value = Happening> {
    let response = prop::sample::select(vec!["r1", "r2", "r3"]);
    let item = prop::sample::select(vec!["a", "b", "c", "u1", "u2"]);
    let text = prop::sample::select(vec!["", "x", "xy", "xyz"]);
    let end = prop::sample::select(vec![
        ResponseOutcome::Completed,
        ResponseOutcome::Interrupted,
        ResponseOutcome::Failed,
    ]);
    (0_u8..16, response, item, text, end, any::<bool>()).prop_map(
        |(kind, response, item, text, end, is_spoken)| {
            let item_id = ItemId::from(item);
            let show = match kind {
                0 => return Happening::Audio(response, item),
                1 => return Happening::AudioEnd(response, item),
                2 => return Happening::Silence(response),
                3 => return Happening::Quiet,
                4 => Show::Responding { response: response.into(), is_spoken, metadata: Vec::new() },
                5 => words(response, item, text),
                6 => message(response, item, text),
                7 => responded(response, end),
                8 => Show::Heard { item_id, heard_ms: 3 },
                9 => Show::SpeechStarted { item_id },
                10 => Show::SpeechStopped { item_id },
                11 => Show::Said { item_id },
                12 => Show::Transcribed { item_id, text: text.into() },
                13 => Show::ItemAdded { item_id, content: ItemContent::Text("hi".into()) },
                14 => Show::ItemDeleted(item_id),
                _ => Show::ToolDone { name: "t".into(), result: "{}".into() },
            };
            Happening::Show(show)
        },
    )
}

proptest! {
    #[test]
    fn every_client_can_follow_whatever_happens(happenings in prop::collection::vec(happening(), 0..120)) {
        let (mut narrator, mut client) = (narrator(), StrictClient::default());
        for (at, happening) in happenings.into_iter().enumerate() {
            match happening {
                Happening::Show(show) => narrator.on_show(show, at as u64 * 40),
                Happening::Audio(response, item) => {
                    let place = narrator.on_audio(&of(response, item));
                    client.hear(narrator.take());
                    if let Some(place) = place {
                        client.hear_audio(&place);
                    }
                }
                Happening::AudioEnd(response, item) => narrator.on_audio_end(&of(response, item)),
                Happening::Silence(response) => narrator.on_silenced(&response.into()),
                Happening::Quiet => narrator.on_quiet(),
            }
            client.hear(narrator.take());
        }
        for response in ["r1", "r2", "r3"] {
            narrator.on_show(responded(response, ResponseOutcome::Completed), 0);
            narrator.on_quiet();
        }
        client.hear(narrator.take());
        client.is_content();
    }
}
