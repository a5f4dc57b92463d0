//! A caller asks and is answered aloud: what is heard is what the journal says was said.

use serde_json::json;

use super::line::{GREETING, Phone, aloud, assert_heard};
use crate::house::DEADLINE;

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_heard_looked_up_and_answered_aloud() {
    let phone = Phone::plain().await;
    let mut on = phone.greeted().await;
    let heard = on.asks("what drinks do you have?").await;
    let transcript = on.journaled("caller.transcript").await;
    assert_eq!(transcript["text"], "what drinks do you have?");
    if on.read("turn.done").len() < 2 {
        on.journaled_where("turn.done", |done| done["turn"] == 2).await;
    }
    let tool = on.read("tool.done")[0];
    assert_eq!((&tool["name"], &tool["status"]), (&json!("lookup_menu"), &json!("ok")));
    let said = on.texts("assistant.text");
    assert_eq!(said[0], GREETING);
    assert_heard(&heard, &said[1..].join(" "));
    assert!(on.read("assistant.interrupted").is_empty());

    let shown = on.transcript(&phone).await;
    let spoken: Vec<_> = shown.iter().filter(|entry| entry["role"] != "system").collect();
    let roles: Vec<_> = spoken.iter().map(|entry| entry["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["assistant", "caller", "tool", "assistant"], "{shown:#?}");
    assert_eq!(spoken[1]["text"], "what drinks do you have?");
    assert_eq!(spoken[3]["text"], said[1].as_str());
    let counters = on.line.counters();
    assert_eq!(on.clears(), 0, "{counters:?}");
    assert_eq!(on.hangs_up().await, "hung_up");
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_is_handed_to_the_cfo_who_answers_with_a_tool_of_theirs() {
    let phone = Phone::plain().await;
    let mut on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.say("i have a question about vat on restaurant meals in the european union").await;
    let activated = on.journaled_where("persona.activated", |event| event["by"] == "model").await;
    assert_eq!(activated["persona"], "cfo");
    let tool = on.journaled("tool.done").await;
    assert_eq!((&tool["name"], &tool["status"]), (&json!("check_tax_rule"), &json!("ok")));
    let answer = on.journaled("assistant.text").await;
    assert!(answer["text"].as_str().unwrap().contains("2006/112/EC"), "{answer}");
    let heard = on.hears("i found 3 rules").await.replace(' ', "");
    let said = on.texts("assistant.text")[1..].concat();
    assert!(aloud(&said).replace(' ', "").starts_with(&heard), "{heard} is no beginning of {said}");
    assert_eq!(phone.service.client.get("/ai/calls").await.1[0]["persona"], "cfo");
    on.hangs_up().await;
    phone.service.stop().await;
}
