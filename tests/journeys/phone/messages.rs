//! Messages: what one sender writes is one conversation, answered in messages.

use std::fs;

use ai_realtime::caller::Webhooks;
use ai_realtime::caller::twiml::{self, Verb};
use serde_json::json;

use super::line::{Phone, TOKEN, message};
use crate::house::personas;

const GUEST: &str = "+35699123456";

/// The messages that answer a message.
async fn answer(phone: &Phone, sid: &str, text: &str) -> Vec<String> {
    let token = phone.exchange.as_ref().map(|_| TOKEN.into());
    let webhooks = Webhooks::new(token).unwrap();
    let answer = webhooks.post(&phone.url("message"), &message(sid, GUEST, text)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let verbs = twiml::parse(&answer.body).unwrap().into_iter();
    verbs
        .map(|verb| match verb {
            Verb::Message { body } => body,
            other => panic!("{other:?} in an answer to a message"),
        })
        .collect()
}

fn sid(number: u8) -> String {
    format!("SM{number:032x}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_by_the_persona_and_only_once() {
    let phone = Phone::plain().await;
    let first = answer(&phone, &sid(1), "What drinks do you have?").await;
    assert!(first.len() == 1 && first[0].contains("15 items"), "{first:?}");
    assert_eq!(answer(&phone, &sid(1), "What drinks do you have?").await, first, "the same message again");
    let (_, calls) = phone.service.client.get("/ai/calls").await;
    assert_eq!((calls.as_array().unwrap().len(), &calls[0]["turns"]), (1, &json!(1)), "{calls}");
    assert_eq!(calls[0]["transport"], "text");

    let second = answer(&phone, &sid(2), "I have a question about VAT on restaurant meals in the EU").await;
    assert!(second.concat().contains("2006/112/EC"), "{second:?}");
    let (_, calls) = phone.service.client.get("/ai/calls").await;
    assert_eq!(
        (&calls[0]["turns"], &calls[0]["persona"]),
        (&json!(2), &json!("cfo")),
        "one conversation: {calls}"
    );
    assert!(!calls.to_string().contains("99123456"), "the sender is shown nowhere: {calls}");
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_comes_in_several_messages() {
    let home = tempfile::tempdir().unwrap();
    let file = personas(home.path()).join("cfo.md");
    let text = fs::read_to_string(&file).unwrap();
    let long = "I have much to tell. ".repeat(45);
    fs::write(&file, text.replacen("Hello, this is your AI CFO. ", &long, 1)).unwrap();
    let phone = Phone::connected_at(home, Vec::new()).await;
    let pieces = answer(&phone, &sid(1), "I have a question about VAT on restaurant meals in the EU").await;
    assert!(pieces.len() > 1, "{pieces:?}");
    assert!(
        pieces.iter().all(|piece| !piece.is_empty() && piece.encode_utf16().count() <= 1_600),
        "{pieces:?}"
    );
    let (_, calls) = phone.service.client.get("/ai/calls").await;
    let (_, call) =
        phone.service.client.get(&format!("/ai/calls/{}", calls[0]["call_id"].as_str().unwrap())).await;
    let entries = call["transcript"].as_array().unwrap().iter();
    let said: Vec<&str> = entries
        .filter(|entry| entry["role"] == "assistant")
        .map(|entry| entry["text"].as_str().unwrap())
        .collect();
    let letters = |texts: &str| texts.split_whitespace().collect::<String>();
    assert_eq!(letters(&pieces.concat()), letters(&said.concat()), "nothing is lost between two messages");
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_sees_the_rows_of_the_business_they_write_to_and_of_no_other() {
    let phone = Phone::plain().await;
    let to_malta = |sid: &str, text: &str| {
        let mut form = message(sid, GUEST, text);
        form.iter_mut().filter(|(name, _)| name == "To").for_each(|(_, to)| "+35670000001".clone_into(to));
        form
    };
    let webhooks = Webhooks::new(None).unwrap();
    let ask = async |sid: String, text: &str| {
        webhooks.post(&phone.url("message"), &to_malta(&sid, text)).await.unwrap().body
    };
    let drinks = ask(sid(1), "What drinks do you have?").await;
    assert!(drinks.contains("EUR") && !drinks.contains("RWF"), "{drinks}");
    let (_, calls) = phone.service.client.get("/ai/calls").await;
    assert_eq!(calls[0]["business_id"], "bastion-valletta", "{calls}");
    let home = phone.service.stop().await;

    // After a restart the call is still of that business's caller.
    let service =
        crate::house::Service::start_at(home, vec![("TWILIO_ALLOW_UNSIGNED", "true".to_owned())]).await;
    let id = calls[0]["call_id"].as_str().unwrap();
    let body = json!({"call_id": id, "text": "What drinks do you have?", "wait": true});
    let (_, said) = service.client.post("/ai/say", body).await;
    let text = said["reply"]["text"].as_str().unwrap();
    assert!(text.contains("EUR") && !text.contains("RWF"), "{said}");
    service.stop().await;
}
