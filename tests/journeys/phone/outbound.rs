//! The service calls someone: whoever takes the call is greeted, a machine is left a message, and nobody is called twice.

use ai_realtime::caller::{Callee, Ending, Line};
use serde_json::{Value, json};

use super::line::{ACCOUNT, GREETING, OUR_NUMBER, Phone, assert_heard};
use crate::house::{DEADLINE, soon};

const GUEST: &str = "+35699123456";
const VOICEMAIL: &str =
    "Hello, this is the AI Waiter, returning your call. Please call us back whenever it suits you. Goodbye!";

async fn place(phone: &Phone, key: &str, body: Value) -> (u16, Value) {
    let client = &phone.service.client;
    let request =
        client.http.post(format!("{}/ai/calls", client.base)).header("idempotency-key", key).json(&body);
    let response = soon(request.send()).await.unwrap();
    (response.status().as_u16(), soon(response.json()).await.unwrap())
}

async fn answered(phone: &Phone) -> Line {
    phone.exchange().until_answered(DEADLINE).await.expect("nobody took the call")
}

fn creations(phone: &Phone) -> usize {
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    phone.exchange().requests().iter().filter(|asked| asked.method == "POST" && asked.path == path).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn someone_is_called_once_and_greeted() {
    let phone = Phone::connected().await;
    let body =
        json!({"transport": "twilio", "to": GUEST, "persona": "waiter", "business_id": "agaseke-kigali"});
    let (status, placed) = place(&phone, "k1", body.clone()).await;
    assert_eq!((status, &placed["to"]), (202, &json!(GUEST)), "{placed}");
    assert_eq!(place(&phone, "k1", body.clone()).await, (202, placed.clone()), "the same key, the same call");
    let (status, refused) = place(&phone, "k1", json!({"transport": "twilio", "to": "+35699000000"})).await;
    assert_eq!((status, refused["code"].as_str()), (409, Some("idempotency_conflict")), "{refused}");
    assert_eq!(creations(&phone), 1);

    let mut on = phone.answered(answered(&phone).await).await;
    assert_eq!(placed["call_id"], on.line.call_sid());
    assert_heard(&on.hears("today?").await, GREETING);
    let started = on.journaled("call.started").await;
    for (field, value) in
        [("direction", "outbound"), ("from", OUR_NUMBER), ("to", GUEST), ("business_id", "agaseke-kigali")]
    {
        assert_eq!(started[field], value, "{started}");
    }
    let (_, calls) = phone.service.client.get("/ai/calls").await;
    assert_eq!(
        (&calls[0]["to"], &calls[0]["business_id"]),
        (&json!(GUEST), &json!("agaseke-kigali")),
        "{calls}"
    );
    let answer = on.asks("how much is the african tea?").await;
    assert!(answer.contains("african tea"), "{answer}");
    assert_eq!(on.hangs_up().await, "hung_up");
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_engaged_or_not_there_leaves_nothing_behind() {
    let phone = Phone::connected().await;
    for (key, callee, status) in [("k1", Callee::Busy, "busy"), ("k2", Callee::NoAnswer, "no-answer")] {
        phone.exchange().set_callee(callee);
        let (taken, placed) = place(&phone, key, json!({"transport": "twilio", "to": GUEST})).await;
        assert_eq!(taken, 202, "{placed}");
        let call = placed["call_id"].as_str().unwrap();
        let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{call}.json");
        let url = format!("{}{path}", phone.exchange().url());
        let client = &phone.service.client.http;
        soon(async {
            loop {
                let shown =
                    client.get(&url).basic_auth(ACCOUNT, Some(super::line::TOKEN)).send().await.unwrap();
                if shown.json::<Value>().await.unwrap()["status"] == status {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(phone.service.client.get("/ai/calls").await.1, json!([]));
    }
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_left_a_message() {
    let phone = Phone::connected().await;
    phone.exchange().set_callee(Callee::Answers { answered_by: "machine_end_beep".to_owned() });
    let (status, placed) = place(&phone, "k1", json!({"transport": "twilio", "to": GUEST})).await;
    assert_eq!(status, 202, "{placed}");
    let mut on = phone.answered(answered(&phone).await).await;
    assert_eq!(on.line.until_ended(DEADLINE).await.unwrap(), Ending::ByApi);
    let heard = on.line.heard_text();
    assert!(super::line::aloud(&heard).ends_with(&super::line::aloud(VOICEMAIL)), "{heard}");
    assert_eq!(on.ended().await, "voicemail");
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fax_is_hung_up_on() {
    let phone = Phone::connected().await;
    phone.exchange().set_callee(Callee::Answers { answered_by: "fax".to_owned() });
    place(&phone, "k1", json!({"transport": "twilio", "to": GUEST})).await;
    let mut on = phone.answered(answered(&phone).await).await;
    assert_eq!(on.line.until_ended(DEADLINE).await.unwrap(), Ending::ByApi);
    assert_eq!(on.ended().await, "voicemail");
    assert!(!on.line.heard_text().contains("returning"), "{}", on.line.heard_text());
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_account_nobody_can_be_called() {
    let phone = Phone::plain().await;
    let (status, body) = place(&phone, "k1", json!({"transport": "twilio", "to": GUEST})).await;
    assert_eq!((status, body["code"].as_str()), (503, Some("twilio_not_configured")), "{body}");
    phone.service.stop().await;
}
