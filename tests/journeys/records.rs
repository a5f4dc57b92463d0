//! The calls there were can be looked up: what was said, by whom, with which tools, and what it cost.

use serde_json::{Value, json};

use crate::house::{Client, Service, model, with_model};

fn names(page: &Value) -> Vec<&str> {
    page["calls"].as_array().unwrap().iter().map(|call| call["call_id"].as_str().unwrap()).collect()
}

async fn search(client: &Client, query: &str) -> Value {
    let (status, page) = client.get(&format!("/api/calls?{query}")).await;
    assert_eq!(status, 200, "{page}");
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_looked_up_while_the_call_lives_and_when_it_is_over() {
    let service = Service::start().await;
    let client = &service.client;
    let reply = client.say("t1", "What drinks do you have?").await;
    let (status, live) = client.get("/api/calls/t1").await;
    assert_eq!((status, &live["call"]["state"]), (200, &json!("live")), "{live}");
    client.say("t1", "I have a question about VAT on restaurant meals in the EU").await;
    client.delete("/ai/calls/t1").await;

    let (_, record) = client.get("/api/calls/t1").await;
    let call = &record["call"];
    assert_eq!(
        (&call["state"], &call["end_reason"], &call["turns"]),
        (&json!("ended"), &json!("hung_up"), &json!(2))
    );
    assert!(call["duration_ms"].is_u64() && call["ended_at"].is_string(), "{call}");
    assert_eq!(record["tools"][0]["name"], "lookup_menu");
    assert_eq!(record["tools"][0]["output"], reply["tools"][0]["output"]);
    assert_eq!(
        (&record["handoffs"][0]["from"], &record["handoffs"][0]["to"]),
        (&json!("waiter"), &json!("cfo"))
    );
    assert_eq!(
        (&record["cost"], &record["currency"], &record["truncated"]),
        (&json!("0"), &json!("USD"), &json!(false))
    );
    let used = &record["usage"]["models"]["rehearsal"];
    assert!(used["input_text"].as_u64().unwrap() > 0, "{used}");
    assert_eq!(used["input_tokens"], record["usage"]["input_tokens"]);
    let entries = record["transcript"].as_array().unwrap();
    let said = |role: &str, text: &str| {
        entries.iter().any(|entry| entry["role"] == role && entry["text"].as_str().unwrap().contains(text))
    };
    assert!(
        said("caller", "What drinks") && said("assistant", reply["text"].as_str().unwrap()),
        "{entries:?}"
    );
    assert!(said("tool", "lookup_menu") && said("system", "hung up"), "{entries:?}");
    assert_eq!(client.get("/api/calls/nobody").await.0, 404);
    assert_eq!(client.get("/api/calls/t1?first_seq=2").await.0, 404);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_found_by_what_was_said_and_come_in_pages() {
    let service = Service::start().await;
    let client = &service.client;
    client.say("first", "Do you have goat brochettes?").await;
    client.say("second", "What drinks do you have?").await;
    client.delete("/ai/calls/first").await;
    client.say("first", "Hello again").await;

    let page = search(client, "").await;
    assert_eq!((names(&page), &page["next_cursor"]), (vec!["first", "second", "first"], &Value::Null));
    assert_eq!(search(client, "limit=3").await["next_cursor"], Value::Null, "a full page may be the last");
    assert_eq!(names(&search(client, "q=GOAT+brochettes").await), ["first"]);
    assert_eq!(names(&search(client, "q=%22%20OR%20goat").await), [""; 0]);
    assert_eq!(names(&search(client, "transport=twilio").await), [""; 0]);
    assert_eq!(names(&search(client, "business_id=nobody").await), [""; 0]);
    assert_eq!(names(&search(client, "from=2020-01-01&to=2020-12-31").await), [""; 0]);

    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page = search(client, &format!("limit=1&cursor={cursor}")).await;
        seen.extend(page["calls"].as_array().unwrap().iter().map(|call| call["first_seq"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    let path = format!("/api/calls/first?first_seq={}", seen[2]);
    let (_, earlier) = client.get(&path).await;
    assert!(earlier["transcript"].to_string().contains("goat brochettes"), "{earlier}");
    assert!(!earlier["transcript"].to_string().contains("Hello again"), "{earlier}");

    for (query, code, field) in [
        ("limit=0", "invalid_value", "limit"),
        ("offset=1", "unknown_field", "offset"),
        ("business_id=", "invalid_value", "business_id"),
        ("business_id=%00", "invalid_value", "business_id"),
        ("from=x", "invalid_value", "from"),
    ] {
        let (status, refused) = client.get(&format!("/api/calls?{query}")).await;
        assert_eq!((status, &refused["code"]), (400, &json!(code)), "{refused}");
        assert!(refused["fields"][field].is_array(), "{refused}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_price_costs_nobody_knows_what() {
    let model = model(Default::default()).await;
    let home = tempfile::tempdir().unwrap();
    let prices = home.path().join("prices.toml");
    let kinds = [
        "input_text",
        "input_cached_text",
        "input_audio",
        "input_cached_audio",
        "output_text",
        "output_audio",
    ];
    let lines: Vec<_> = kinds.iter().map(|kind| format!("{kind} = \"1000\"")).collect();
    std::fs::write(&prices, format!("[models.dear]\n{}\n", lines.join("\n"))).unwrap();
    let mut settings = with_model(&model);
    settings.push(("PRICES_FILE", prices.display().to_string()));
    let service = Service::start_at(home, settings.clone()).await;
    service.client.say("t", "Hello").await;
    let call = search(&service.client, "").await["calls"][0].clone();
    assert_eq!((&call["cost"], call["cost_note"].is_string()), (&Value::Null, true), "{call}");
    let home = service.stop().await;

    settings.push(("OPENAI_REALTIME_MODEL", "dear".to_owned()));
    let service = Service::start_at(home, settings).await;
    service.client.say("u", "Hello").await;
    let call = search(&service.client, "").await["calls"][0].clone();
    let tokens =
        call["usage"]["input_tokens"].as_u64().unwrap() + call["usage"]["output_tokens"].as_u64().unwrap();
    let cost: f64 = call["cost"].as_str().unwrap().parse().unwrap();
    assert!((cost - tokens as f64 / 1_000.0).abs() < 1e-9, "{call}");
    service.stop().await;
    model.stop().await;
}
