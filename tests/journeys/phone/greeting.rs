//! The caller is greeted as soon as the line is up, in the words of the business that was called.

use serde_json::json;

use super::line::{GREETING, KIGALI, OUR_NUMBER, Phone, VALLETTA, assert_heard};
use crate::house::DEADLINE;

#[tokio::test(flavor = "multi_thread")]
async fn the_persona_greets_as_soon_as_the_line_is_up() {
    let phone = Phone::plain().await;
    let line = phone.caller().from("+35699123456").dial().await.unwrap();
    let mut on = phone.answered(line).await;
    let started = on.journaled("call.started").await;
    for (field, value) in
        [("transport", "twilio"), ("direction", "inbound"), ("from", "+35699123456"), ("to", OUR_NUMBER)]
    {
        assert_eq!(started[field], value, "{started}");
    }
    assert_heard(&on.hears("today?").await, GREETING);
    let text = on.journaled("assistant.text").await;
    assert_eq!(text["text"], GREETING);
    assert!(text["item_id"].is_string(), "{text}");

    let (_, calls) = phone.service.client.get("/ai/calls").await;
    assert_eq!(calls.as_array().unwrap().len(), 1);
    for (field, value) in [
        ("call_id", json!(on.line.call_sid())),
        ("transport", json!("twilio")),
        ("persona", json!("waiter")),
        ("from", json!("+35699123456")),
        ("to", json!(OUR_NUMBER)),
    ] {
        assert_eq!(calls[0][field], value, "{calls}");
    }
    assert_eq!(on.hangs_up().await, "hung_up");
    assert_eq!(phone.service.client.get("/ai/calls").await.1, json!([]));
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_business_greets_in_its_own_words() {
    let phone = Phone::plain().await;
    for (number, business, greeting) in [
        (VALLETTA, "bastion-valletta", "Merhba, this is Bastion Table in Valletta. What can I do for you?"),
        (KIGALI, "agaseke-kigali", GREETING),
    ] {
        let line = phone.caller().to(number).dial().await.unwrap();
        let mut on = phone.answered(line).await;
        on.line.until_speaks(DEADLINE).await.unwrap();
        on.line.until_quiet(600, DEADLINE).await.unwrap();
        assert_heard(&on.line.heard_text(), greeting);
        assert_eq!(on.journaled("call.started").await["business_id"], business);
        let (_, calls) = phone.service.client.get("/ai/calls").await;
        assert_eq!(calls[0]["business_id"], business, "{calls}");
        assert!(on.line.documents()[0].contains(business), "the stream is told whose caller it is");
        on.hangs_up().await;
    }
    phone.service.stop().await;
}
