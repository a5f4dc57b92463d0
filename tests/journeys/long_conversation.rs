//! A conversation that has become long: what is past is summed up, and another socket is given that.

use ai_realtime::rehearsal::RehearsalOptions;

use crate::house::{Service, model, with_model};

#[tokio::test(flavor = "multi_thread")]
async fn another_socket_is_given_a_summary_of_what_is_long_past_and_the_rest_word_by_word() {
    let model = model(RehearsalOptions::default()).await;
    let service = Service::start_with(with_model(&model)).await;
    let client = &service.client;
    client.say("long", "Do you have leek soup?").await;
    let mut events = client.follow("long", None).await;
    for _ in 0..32 {
        client.say("long", "Hello").await;
    }
    let seen = events.until("conversation.summarised").await;
    let summary = seen.last().unwrap();
    assert!(summary["text"].as_str().unwrap().contains("leek"), "{summary}");
    assert!(summary["through_turn"].as_u64().is_some_and(|turn| (1..32).contains(&turn)), "{summary}");
    model.drop_all();
    client.say("long", "Hello again").await;
    let seen = events.until("model.reconnected").await;
    let items = seen.last().unwrap()["replayed_items"].as_u64().unwrap();
    assert!((20..=60).contains(&items), "{items} items");
    service.stop().await;
}
