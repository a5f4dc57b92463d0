//! The provider has trouble: an outage under hundreds of calls, a fallback that takes over, a refusal in the call.

mod gate;

use ai_realtime::caller::{Human, TimelineEvent};
use ai_realtime::rehearsal::{Rehearsal, RehearsalOptions};
use futures_util::future::join_all;
use serde_json::{Value, json};

use self::gate::{Gate, most_in_a_second};
use crate::house::{Client, DEADLINE, MODEL_KEY, Service, kinds, model, soon};
use crate::phone::line::{HUMAN, OnThePhone, Phone};

const CALLS: usize = 200;
const SPOKEN: usize = 4;
/// Sockets replaced in a second, and how many are counted at most where timers run late on a busy machine.
const PER_SECOND: usize = 80;
const MOST: usize = PER_SECOND + PER_SECOND / 2;
const SORRY: &str = "sorry";

fn behind(gate: &Gate) -> Vec<(&'static str, String)> {
    vec![("OPENAI_API_KEY", MODEL_KEY.to_owned()), ("OPENAI_REALTIME_ENDPOINT", gate.url())]
}

/// A primary behind a gate, and a spare model that takes over.
async fn with_spare(options: RehearsalOptions) -> (Rehearsal, Gate, Rehearsal, Service) {
    let (first, spare) = (model(options.clone()).await, model(options).await);
    let gate = Gate::before(&first).await;
    let mut settings = behind(&gate);
    settings.extend([
        ("OPENAI_REALTIME_FALLBACK_ENDPOINT", spare.url()),
        ("OPENAI_REALTIME_FALLBACK_MODEL", "spare".to_owned()),
        ("OPENAI_REALTIME_FALLBACK_API_KEY", "sk-spare".to_owned()),
    ]);
    let service = Service::start_with(settings).await;
    (first, gate, spare, service)
}

/// The model of each turn of a call, in order.
async fn models(client: &Client, call: &str) -> Vec<String> {
    assert_eq!(client.delete(&format!("/ai/calls/{call}")).await.0, 200);
    let events = client.follow(call, None).await.all().await;
    let turns = events.iter().filter(|event| event["type"] == "turn.done");
    turns.map(|turn| turn["model"].as_str().unwrap().to_owned()).collect()
}

async fn until_ready(client: &Client, wanted: u16) -> Value {
    soon(async {
        loop {
            let (status, body) = client.get("/readyz").await;
            if status == wanted {
                return body;
            }
        }
    })
    .await
}

async fn until_busy(client: &Client, calls: usize) {
    soon(async {
        loop {
            let (_, all) = client.get("/ai/calls").await;
            let is_busy = |call: &&Value| call["state"] != "listening";
            if all.as_array().unwrap().iter().filter(is_busy).count() >= calls {
                return;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_that_lose_their_model_at_once_all_come_back_without_a_stampede() {
    let first = model(RehearsalOptions { delay_ms: 2_000, ..RehearsalOptions::default() }).await;
    let gate = Gate::before(&first).await;
    let mut settings = behind(&gate);
    settings.push(("MODEL_RECONNECTS_PER_SECOND", PER_SECOND.to_string()));
    let phone = Phone::plain_at(tempfile::tempdir().unwrap(), settings).await;
    let client = phone.service.client.clone();
    let mut spoken: Vec<OnThePhone> = join_all((0..SPOKEN).map(|_| phone.call())).await;
    for on in &mut spoken {
        on.journaled("model.connected").await;
    }

    let talk = |call: usize| {
        let said = json!({"text": "Hello there", "call_id": format!("out-{call}"), "wait": true});
        let request = client.http.post(format!("{}/ai/say", client.base)).json(&said);
        tokio::spawn(async move { request.send().await.unwrap().error_for_status().unwrap() })
    };
    let talks: Vec<_> = (0..CALLS).map(talk).collect();
    until_busy(&client, CALLS).await;
    gate.until_knocked(CALLS + SPOKEN).await;
    let before = gate.knocks().len();
    gate.shut(503);
    let away = until_ready(&client, 503).await;
    assert_eq!((away["code"].as_str(), away["model"].as_str()), (Some("model_unavailable"), Some("away")));
    let during = gate.knocks().len();
    // Of two hundred, one at a time finds out whether it is over.
    gate.until_knocked(during + 1).await;
    gate.open();

    for talk in talks {
        // On a busy machine two hundred answers take longer than anything else here.
        tokio::time::timeout(3 * DEADLINE, talk).await.unwrap().unwrap();
    }
    for on in &mut spoken {
        on.journaled("model.reconnected").await;
    }
    let knocks = gate.knocks().split_off(before);
    let most = most_in_a_second(&knocks);
    assert!(most <= MOST, "{most} sockets in a second, of {}", knocks.len());
    let in_vain = knocks.len().saturating_sub(CALLS + SPOKEN);
    assert!(in_vain < CALLS / 2, "{in_vain} attempts were made during the outage");
    until_ready(&client, 200).await;
    for on in &mut spoken {
        assert_eq!(on.hangs_up().await, "hung_up");
    }
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fallback_takes_over_in_the_middle_of_an_answer_with_the_history() {
    let options = RehearsalOptions { delta_delay_ms: 20, ..RehearsalOptions::default() };
    let (_first, gate, spare, service) = with_spare(options).await;
    let client = &service.client;
    client.say("f", "What coffee do you have?").await;
    let request = client
        .http
        .post(format!("{}/ai/say", client.base))
        .header("accept", "text/event-stream")
        .json(&json!({"text": "What beers do you have?", "call_id": "f"}));
    let mut events = client.events(request).await;
    events.until("assistant.delta").await;
    gate.shut(503);
    let seen = events.until("turn.done").await;
    let done = seen.last().unwrap();
    assert_eq!((done["status"].as_str(), done["model"].as_str()), (Some("completed"), Some("spare")));
    let back = seen.iter().find(|event| event["type"] == "model.reconnected");
    let back = back.unwrap_or_else(|| panic!("{:?}", kinds(&seen)));
    assert!(back["replayed_items"].as_u64().unwrap() >= 5, "the whole conversation: {back}");
    assert_eq!(client.get("/readyz").await.0, 200);
    assert_eq!(spare.connections(), 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_stay_on_the_fallback_and_new_ones_come_back_to_the_primary() {
    let (first, gate, spare, service) = with_spare(RehearsalOptions::default()).await;
    let client = &service.client;
    gate.shut(503);
    for call in 0..8 {
        client.say(&format!("during-{call}"), "Hello").await;
    }
    let knocks = gate.knocks().len();
    assert!((5..8).contains(&knocks), "the breaker spares the later ones the attempt: {knocks}");
    gate.open();
    soon(async {
        for call in 0.. {
            let call = format!("after-{call}");
            client.say(&call, "Hello").await;
            if models(client, &call).await != ["spare"] {
                break;
            }
        }
    })
    .await;
    assert_eq!(first.connections(), 1);
    client.say("during-0", "Hello again").await;
    assert_eq!(models(client, "during-0").await, ["spare", "spare"]);
    assert!(spare.connections() >= 8);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_refuses_us_is_asked_once_and_the_fallback_answers() {
    let (_first, gate, _spare, service) = with_spare(RehearsalOptions::default()).await;
    gate.shut(401);
    for call in ["a", "b", "c"] {
        service.client.say(call, "Hello").await;
        assert_eq!(models(&service.client, call).await, ["spare"]);
    }
    assert_eq!(gate.knocks().len(), 1);
    service.stop().await;
}

/// A caller who was greeted, and whose model refuses us from then on.
async fn refused_in_the_call(phone: &Phone, gate: &Gate) -> OnThePhone {
    let line = phone.caller().human(Human::Answers { talks_ms: 1_000 }).dial().await.unwrap();
    let on = phone.answered(line).await;
    on.hears("today?").await;
    gate.shut(401);
    on.notices(
        "an apology",
        |event| matches!(event, TimelineEvent::Said { text } if text.to_lowercase().contains(SORRY)),
    )
    .await;
    on
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_model_refuses_us_is_put_through_or_let_go_with_an_apology() {
    let first = model(RehearsalOptions::default()).await;
    let gate = Gate::before(&first).await;
    let phone = Phone::connected_at(tempfile::tempdir().unwrap(), behind(&gate)).await;
    let mut on = refused_in_the_call(&phone, &gate).await;
    on.notices("a human", |event| {
        matches!(event, TimelineEvent::Dialled { number, outcome } if number == HUMAN && outcome == "completed")
    })
    .await;
    assert_eq!(on.ended().await, "model_unavailable");
    assert_eq!(on.read("error").last().unwrap()["code"], "model_refused");
    phone.service.stop().await;

    gate.open();
    let mut settings = behind(&gate);
    settings.push(("TRANSFER_NUMBER", String::new()));
    let phone = Phone::connected_at(tempfile::tempdir().unwrap(), settings).await;
    let mut on = refused_in_the_call(&phone, &gate).await;
    assert_eq!(on.ended().await, "model_unavailable");
    let is_dialled = |event: &TimelineEvent| matches!(event, TimelineEvent::Dialled { .. });
    assert!(on.noticed(is_dialled).is_empty(), "there is nobody to be put through to");
    phone.service.stop().await;
}
