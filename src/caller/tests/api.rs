use serde_json::Value;

use super::super::{Callee, Ending, Exchange, ExchangeOptions, Fault, Human, TimelineEvent};
use super::service::{SOON, Service, TOKEN};

const ACCOUNT: &str = "AC11111111111111111111111111111111";

async fn exchange() -> Exchange {
    let mut options = ExchangeOptions::new(ACCOUNT, TOKEN.into());
    options.pace = 4.0;
    Exchange::start(options).await.unwrap()
}

fn calls(exchange: &Exchange, rest: &str) -> String {
    format!("{}/2010-04-01/Accounts/{ACCOUNT}/Calls{rest}", exchange.url())
}

fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .tls_backend_preconfigured(super::super::webhook::tls().as_ref().clone())
        .timeout(SOON)
        .build()
        .unwrap()
}

async fn post(url: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let request = http().post(url).basic_auth(ACCOUNT, Some(TOKEN)).form(form);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_transfer_ends_the_stream_and_comes_back_with_how_it_went() {
    let mut service = Service::start().await;
    let exchange = exchange().await;
    service.answer("/whisper", "<Response><Say>A guest wants wine.</Say></Response>");
    service.answer("/dialled", "<Response><Hangup/></Response>");
    let line =
        service.caller().exchange(&exchange).human(Human::Answers { talks_ms: 1_500 }).dial().await.unwrap();
    let mut peer = service.stream_opened().await;
    peer.started().await;
    let twiml = "<Response><Dial action=\"/dialled\" timeout=\"20\"><Number url=\"/whisper\">+15005550006</Number></Dial></Response>";
    let (status, call) =
        post(&calls(&exchange, &format!("/{}.json", line.call_sid())), &[("Twiml", twiml)]).await;
    assert_eq!((status, &call["status"]), (200, &Value::from("in-progress")));
    peer.next_of("stop").await;
    let whisper = service.post_to("/whisper").await;
    assert_eq!(
        (&whisper.form["To"], &whisper.form["ParentCallSid"]),
        (&"+15005550006".to_owned(), &line.call_sid().to_owned())
    );
    let dialled = service.post_to("/dialled").await;
    assert!(dialled.is_signed);
    assert_eq!(
        (dialled.form["DialCallStatus"].as_str(), dialled.form["DialCallDuration"].as_str()),
        ("completed", "1")
    );
    assert_eq!(line.until_ended(SOON).await.unwrap(), Ending::Hangup);
    let whispered = TimelineEvent::Whispered { text: "A guest wants wine.".to_owned() };
    assert!(line.events().iter().any(|moment| moment.event == whispered));
}

#[tokio::test]
async fn nobody_at_the_other_end_is_told() {
    let mut service = Service::start().await;
    service.answer("/voice", "<Response><Dial action=\"/dialled\">+15005550006</Dial></Response>");
    service.answer("/dialled", "<Response/>");
    let _line = service.caller().human(Human::NoAnswer).dial().await.unwrap();
    let dialled = service.post_to("/dialled").await;
    assert_eq!(
        (dialled.form["DialCallStatus"].as_str(), dialled.form["DialBridged"].as_str()),
        ("no-answer", "false")
    );
}

#[tokio::test]
async fn hanging_up_twice_is_told_as_twilio_tells_it() {
    let mut service = Service::start().await;
    let exchange = exchange().await;
    let line = service.caller().exchange(&exchange).dial().await.unwrap();
    let mut peer = service.stream_opened().await;
    let url = calls(&exchange, &format!("/{}.json", line.call_sid()));
    assert_eq!(post(&url, &[("Status", "completed")]).await.0, 200);
    peer.next_of("stop").await;
    assert_eq!(line.until_ended(SOON).await.unwrap(), Ending::ByApi);
    let (status, error) = post(&url, &[("Status", "completed")]).await;
    assert_eq!((status, &error["code"]), (400, &Value::from(21_220)));
    let (status, error) = post(&calls(&exchange, "/CAunknown.json"), &[("Status", "completed")]).await;
    assert_eq!((status, &error["code"]), (404, &Value::from(20_404)));
    let call: Value =
        http().get(&url).basic_auth(ACCOUNT, Some(TOKEN)).send().await.unwrap().json().await.unwrap();
    assert_eq!(call["status"], "completed");
}

#[tokio::test]
async fn faults_happen_in_order_and_strangers_are_refused() {
    let exchange = exchange().await;
    exchange.fail_next([Fault::Status(500), Fault::Status(429)]);
    let url = calls(&exchange, "/CA1.json");
    assert_eq!(post(&url, &[("Status", "completed")]).await.0, 500);
    assert_eq!(post(&url, &[("Status", "completed")]).await.0, 429);
    assert_eq!(post(&url, &[("Status", "completed")]).await.0, 404);
    let stranger = http().get(calls(&exchange, ".json")).basic_auth(ACCOUNT, Some("wrong")).send();
    assert_eq!(stranger.await.unwrap().status(), 401);
    let seen: Vec<_> = exchange.requests().iter().map(|request| request.status).collect();
    assert_eq!(seen, [Some(500), Some(429), Some(404), Some(401)]);
    assert_eq!(exchange.requests()[0].field("Status"), Some("completed"));
}

#[tokio::test]
async fn an_answer_may_be_lost_after_its_effect() {
    let mut service = Service::start().await;
    let exchange = exchange().await;
    let line = service.caller().exchange(&exchange).dial().await.unwrap();
    let _peer = service.stream_opened().await;
    exchange.fail_next([Fault::LostAnswer]);
    let url = calls(&exchange, &format!("/{}.json", line.call_sid()));
    let request = http().post(&url).basic_auth(ACCOUNT, Some(TOKEN)).form(&[("Status", "completed")]);
    let unanswered = tokio::spawn(request.send());
    assert_eq!(line.until_ended(SOON).await.unwrap(), Ending::ByApi);
    let lost = exchange.until_request(SOON, |request| request.status.is_none()).await;
    assert_eq!(lost.unwrap().field("Status"), Some("completed"));
    assert!(!unanswered.is_finished());
    unanswered.abort();
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_is_found_and_messages_are_taken() {
    use crate::transport::twilio::rest::{CreateCall, TwilioApi};

    let service = Service::start().await;
    let exchange = exchange().await;
    let api = TwilioApi::new(&exchange.url().parse().unwrap(), ACCOUNT, TOKEN.into()).unwrap();
    exchange.fail_next([Fault::LostAnswer]);
    let call = CreateCall {
        to: "+15005550006".to_owned(),
        from: "+18005551212".to_owned(),
        url: format!("{}/voice", service.base),
        status_callback: None,
        machine_detection: None,
        timeout_s: 20,
    };
    let placed = api.create_call(&call).await.unwrap();
    let line = exchange.until_answered(SOON).await.unwrap();
    assert_eq!(placed.as_str(), line.call_sid());

    api.send_message("+18005551212", "+15005550006", "One moment.").await.unwrap();
    let sent =
        exchange.until_request(SOON, |request| request.path.ends_with("/Messages.json")).await.unwrap();
    assert_eq!((sent.field("Body"), sent.status), (Some("One moment."), Some(201)));
    let error = api.send_message("+18005551212", "+15005550006", &"x".repeat(1_601)).await.unwrap_err();
    assert!(error.to_string().contains("21617"), "{error}");
}

#[tokio::test]
async fn an_outbound_call_is_answered_and_its_progress_told() {
    let mut service = Service::start().await;
    let exchange = exchange().await;
    exchange.set_callee(Callee::Answers { answered_by: "machine_end_beep".to_owned() });
    let at = |path: &str| format!("{}{path}", service.base);
    let (url, status, detected) = (at("/voice?n=1"), at("/status"), at("/detected"));
    let form = [
        ("To", "+15005550006"),
        ("From", "+18005551212"),
        ("Url", url.as_str()),
        ("StatusCallback", &status),
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "answered"),
        ("StatusCallbackEvent", "completed"),
        ("MachineDetection", "DetectMessageEnd"),
        ("AsyncAmd", "true"),
        ("AsyncAmdStatusCallback", &detected),
    ];
    let (created, call) = post(&calls(&exchange, ".json"), &form).await;
    assert_eq!((created, &call["direction"]), (201, &Value::from("outbound-api")));
    let line = exchange.until_answered(SOON).await.unwrap();
    assert_eq!(call["sid"], line.call_sid());
    let mut peer = service.stream_opened().await;
    peer.started().await;
    peer.say("leave a message").await;
    line.until_heard("leave a message", SOON).await.unwrap();
    let listed: Value = http()
        .get(calls(&exchange, ".json?To=%2B15005550006"))
        .basic_auth(ACCOUNT, Some(TOKEN))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(listed["calls"][0]["status"], "in-progress");
    let created = jiff::fmt::rfc2822::parse(listed["calls"][0]["date_created"].as_str().unwrap()).unwrap();
    assert!(jiff::Timestamp::now().duration_since(created.timestamp()).as_secs() < 60, "{created}");
    line.hang_up().await;
    line.until_over(SOON).await.unwrap();

    let mut posts = Vec::new();
    while posts.len() < 3 {
        posts.push(service.post_to("/status").await);
    }
    posts.sort_by_key(|post| post.form["SequenceNumber"].clone());
    let told: Vec<_> = posts
        .iter()
        .map(|post| (post.form["SequenceNumber"].as_str(), post.form["CallStatus"].as_str()))
        .collect();
    assert_eq!(told, [("0", "queued"), ("2", "in-progress"), ("3", "completed")]);
}

#[tokio::test]
async fn a_machine_is_detected_beside_the_call_and_a_busy_callee_ends_it() {
    let mut service = Service::start().await;
    let exchange = exchange().await;
    exchange.set_callee(Callee::Answers { answered_by: "machine_start".to_owned() });
    let (url, detected, status) = (
        format!("{}/voice", service.base),
        format!("{}/detected", service.base),
        format!("{}/status", service.base),
    );
    let form = [
        ("To", "+1"),
        ("From", "+2"),
        ("Url", url.as_str()),
        ("MachineDetection", "Enable"),
        ("AsyncAmd", "true"),
        ("AsyncAmdStatusCallback", &detected),
    ];
    assert_eq!(post(&calls(&exchange, ".json"), &form).await.0, 201);
    let told = service.post_to("/detected").await;
    assert_eq!(told.form["AnsweredBy"], "machine_start");
    let mut names: Vec<_> = told.form.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["AccountSid", "AnsweredBy", "CallSid", "MachineDetectionDuration"]);
    exchange.set_callee(Callee::Busy);
    let form = [("To", "+1"), ("From", "+2"), ("Url", url.as_str()), ("StatusCallback", &status)];
    assert_eq!(post(&calls(&exchange, ".json"), &form).await.0, 201);
    assert_eq!(service.post_to("/status").await.form["CallStatus"], "busy");
    let (refused, error) = post(&calls(&exchange, ".json"), &[("To", "+1")]).await;
    assert_eq!((refused, &error["code"]), (400, &Value::from(21_213)));
}
