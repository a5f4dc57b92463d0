use std::collections::VecDeque;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use super::*;

const CALL: &str = "CA0123456789abcdef0123456789abcdef";
const PLACED: &str = r#"{"sid":"CA0123456789abcdef0123456789abcdef","status":"queued"}"#;

/// What Twilio does with the next request.
#[derive(Clone, Copy)]
enum Does {
    Answers(u16, &'static str),
    /// Lists one call, placed just now.
    Lists,
    Hangs,
}

/// What was asked: method, path and query, body.
type Asked = (String, String, String);

#[derive(Default)]
struct Script {
    does: VecDeque<Does>,
    asked: Vec<Asked>,
}

/// A Twilio that does as it is told, and then nothing but hang.
struct Twilio {
    script: Arc<Mutex<Script>>,
    api: TwilioApi,
}

impl Twilio {
    async fn that(does: &[Does]) -> Self {
        let script = Script { does: does.iter().copied().collect(), asked: Vec::new() };
        let script = Arc::new(Mutex::new(script));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { script, api: api(&base, PATIENCE) }
    }

    fn impatient(mut self) -> Self {
        self.api.patience = Duration::from_secs(1);
        self
    }

    fn asked(&self) -> Vec<Asked> {
        self.script.lock().unwrap().asked.clone()
    }
}

fn api(base: &Url, patience: Duration) -> TwilioApi {
    let api = TwilioApi::new(base, "AC0123", "the-auth-token".into()).unwrap();
    TwilioApi { patience, ..api }
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    headers: HeaderMap,
    method: axum::http::Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    // AC0123:the-auth-token
    assert_eq!(headers["authorization"], "Basic QUMwMTIzOnRoZS1hdXRoLXRva2Vu");
    let does = {
        let mut script = script.lock().unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        script.asked.push((method.to_string(), uri.to_string(), body));
        script.does.pop_front().unwrap_or(Does::Hangs)
    };
    match does {
        Does::Answers(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Does::Lists => list().into_response(),
        Does::Hangs => std::future::pending().await,
    }
}

fn list() -> String {
    let now = jiff::fmt::rfc2822::to_string(&Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
    let call = |last: char, direction: &str, created: &str| {
        let sid = format!("{}{last}", &CALL[..33]);
        serde_json::json!({"sid": sid, "direction": direction, "date_created": created, "start_time": null})
    };
    let calls = [
        call('1', "inbound", &now),
        call('2', "outbound-api", "Tue, 10 Aug 2010 08:02:17 +0000"),
        call('3', "outbound-api", &now),
    ];
    serde_json::json!({ "calls": calls }).to_string()
}

fn sid() -> CallSid {
    CALL.parse().unwrap()
}

fn call() -> CreateCall {
    CreateCall {
        to: "+14158675309".into(),
        from: "+18005551212".into(),
        url: "https://voice.example.com/api/twilio/voice?call=1&x=2".into(),
        status_callback: Some("https://voice.example.com/api/twilio/status".into()),
        machine_detection: Some("https://voice.example.com/api/twilio/amd".into()),
        timeout_s: 30,
    }
}

#[tokio::test]
async fn a_call_is_placed_as_documented() {
    let twilio = Twilio::that(&[Does::Answers(201, PLACED)]).await;
    assert_eq!(twilio.api.create_call(&call()).await.unwrap(), sid());
    let asked = twilio.asked();
    let (method, path, body) = &asked[0];
    assert_eq!((method.as_str(), path.as_str()), ("POST", "/2010-04-01/Accounts/AC0123/Calls.json"));
    assert_eq!(
        body,
        "To=%2B14158675309&From=%2B18005551212\
         &Url=https%3A%2F%2Fvoice.example.com%2Fapi%2Ftwilio%2Fvoice%3Fcall%3D1%26x%3D2&Timeout=30\
         &StatusCallback=https%3A%2F%2Fvoice.example.com%2Fapi%2Ftwilio%2Fstatus\
         &StatusCallbackEvent=initiated&StatusCallbackEvent=ringing&StatusCallbackEvent=answered\
         &StatusCallbackEvent=completed&MachineDetection=DetectMessageEnd&AsyncAmd=true\
         &AsyncAmdStatusCallback=https%3A%2F%2Fvoice.example.com%2Fapi%2Ftwilio%2Famd"
    );
}

#[tokio::test]
async fn a_call_that_was_not_taken_is_asked_for_again() {
    let busy = Does::Answers(429, r#"{"code":20429,"status":429}"#);
    let twilio = Twilio::that(&[busy, busy, Does::Answers(201, PLACED)]).await;
    assert_eq!(twilio.api.create_call(&call()).await.unwrap(), sid());
    let twilio = Twilio::that(&[busy; 4]).await;
    let error = twilio.api.create_call(&call()).await.unwrap_err();
    assert!(matches!(error, TwilioError::Busy) && error.is_retryable());
    assert_eq!(twilio.asked().len(), 3);
}

#[tokio::test]
async fn a_call_that_may_have_been_taken_is_looked_for_and_never_repeated() {
    for trouble in [Does::Answers(503, ""), Does::Answers(201, "no JSON"), Does::Hangs] {
        let twilio = Twilio::that(&[trouble, Does::Lists]).await.impatient();
        let found = twilio.api.create_call(&call()).await.unwrap();
        assert_eq!(found.as_str(), "CA0123456789abcdef0123456789abcde3");
        let asked = twilio.asked();
        assert_eq!(asked.len(), 2);
        assert_eq!(
            asked[1].1,
            "/2010-04-01/Accounts/AC0123/Calls.json?To=%2B14158675309&From=%2B18005551212&PageSize=20"
        );
    }
    let twilio = Twilio::that(&[Does::Answers(500, ""), Does::Answers(200, r#"{"calls":[]}"#)]).await;
    let error = twilio.api.create_call(&call()).await.unwrap_err();
    assert!(matches!(error, TwilioError::Uncertain) && !error.is_retryable());
    assert_eq!(twilio.asked().len(), 2);
}

#[tokio::test]
async fn a_call_is_ended_and_sent_elsewhere() {
    let twilio = Twilio::that(&[Does::Answers(200, PLACED), Does::Answers(200, PLACED)]).await;
    assert_eq!(twilio.api.update_call(&sid(), &Update::Completed).await.unwrap(), Updated::Done);
    let twiml = Update::Twiml("<Response/>".into());
    assert_eq!(twilio.api.update_call(&sid(), &twiml).await.unwrap(), Updated::Done);
    let asked = twilio.asked();
    let path = format!("/2010-04-01/Accounts/AC0123/Calls/{CALL}.json");
    assert_eq!(asked[0], ("POST".into(), path.clone(), "Status=completed".into()));
    assert_eq!(asked[1], ("POST".into(), path, "Twiml=%3CResponse%2F%3E".into()));
}

#[tokio::test]
async fn a_call_that_is_over_needs_no_end() {
    for code in [r#"{"code":20404,"status":404}"#, r#"{"code":21220,"status":400}"#] {
        let twilio = Twilio::that(&[Does::Answers(404, code), Does::Answers(404, code)]).await;
        let updated = twilio.api.update_call(&sid(), &Update::Completed).await.unwrap();
        assert_eq!(updated, Updated::AlreadyOver);
        assert_eq!(twilio.api.call_status(&sid()).await.unwrap(), None);
    }
    // A 404 that is not Twilio's says nothing of the call.
    let elsewhere = Twilio::that(&[Does::Answers(404, "<html>")]).await;
    let error = elsewhere.api.update_call(&sid(), &Update::Completed).await.unwrap_err();
    assert!(matches!(error, TwilioError::Rejected { status: 404, code: None }), "{error:?}");
}

#[tokio::test]
async fn an_update_is_safely_repeated() {
    let twilio =
        Twilio::that(&[Does::Answers(500, ""), Does::Answers(502, ""), Does::Answers(200, PLACED)]).await;
    assert_eq!(twilio.api.update_call(&sid(), &Update::Completed).await.unwrap(), Updated::Done);
    assert_eq!(twilio.asked().len(), 3);
    let twilio = Twilio::that(&[Does::Answers(500, ""); 4]).await;
    let error = twilio.api.update_call(&sid(), &Update::Completed).await.unwrap_err();
    assert!(matches!(error, TwilioError::Failing { status: 500 }), "{error:?}");
    assert_eq!(twilio.asked().len(), 3);
}

#[tokio::test]
async fn twiml_that_may_have_been_taken_is_not_repeated() {
    let dial = Update::Twiml("<Response><Dial>+14158675309</Dial></Response>".into());
    for trouble in [Does::Answers(503, ""), Does::Hangs] {
        let twilio = Twilio::that(&[trouble, Does::Answers(200, PLACED)]).await.impatient();
        assert!(twilio.api.update_call(&sid(), &dial).await.unwrap_err().is_retryable());
        assert_eq!(twilio.asked().len(), 1);
    }
    let busy = Does::Answers(429, r#"{"code":20429,"status":429}"#);
    let twilio = Twilio::that(&[busy, Does::Answers(200, PLACED)]).await;
    assert_eq!(twilio.api.update_call(&sid(), &dial).await.unwrap(), Updated::Done);
}

#[tokio::test]
async fn a_call_this_process_was_given_is_not_taken_for_another() {
    let twilio =
        Twilio::that(&[Does::Hangs, Does::Lists, Does::Answers(503, ""), Does::Lists]).await.impatient();
    let found = twilio.api.create_call(&call()).await.unwrap();
    assert_eq!(found.as_str(), "CA0123456789abcdef0123456789abcde3");
    let error = twilio.api.clone().create_call(&call()).await.unwrap_err();
    assert!(matches!(error, TwilioError::Uncertain), "{error:?}");
}

#[tokio::test]
async fn patience_ends_though_twilio_never_answers() {
    let twilio = Twilio::that(&[]).await.impatient();
    let begun = Instant::now();
    let error = twilio.api.call_status(&sid()).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(matches!(error, TwilioError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn nobody_there_is_told_without_numbers_or_secrets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let api = api(&base, Duration::from_millis(800));
    let error = api.find_recent_call("+14158675309", "+18005551212", Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, TwilioError::Unreachable(_)));
    let told = format!("{error} {error:?} {api:?}");
    for kept in ["4158675309", "8005551212", "the-auth-token", "AC0123"] {
        assert!(!told.contains(kept), "{told}");
    }
    let error = api.create_call(&call()).await.unwrap_err();
    assert!(matches!(error, TwilioError::Unreachable(_)), "it was certainly not taken: {error:?}");
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let unauthorized = Does::Answers(401, r#"{"code":20003,"message":"Authenticate","status":401}"#);
    let invalid = Does::Answers(400, r#"{"code":21211,"message":"+14158675309 is not valid","status":400}"#);
    let twilio = Twilio::that(&[unauthorized, invalid, Does::Answers(200, "no JSON")]).await;
    let error = twilio.api.create_call(&call()).await.unwrap_err().to_string();
    assert!(error.contains("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"), "{error}");
    let error = twilio.api.create_call(&call()).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "Twilio refused the request with status 400: see https://www.twilio.com/docs/api/errors/21211"
    );
    let error = twilio.api.call_status(&sid()).await.unwrap_err();
    assert!(matches!(error, TwilioError::Unreadable));
    assert_eq!(twilio.asked().len(), 3, "none of these is tried again");
}

#[tokio::test]
async fn twiml_that_does_not_fit_is_not_sent() {
    let twilio = Twilio::that(&[Does::Answers(200, PLACED)]).await;
    let fits = Update::Twiml("é".repeat(MAX_TWIML_CHARS));
    assert_eq!(twilio.api.update_call(&sid(), &fits).await.unwrap(), Updated::Done);
    let long = Update::Twiml("x".repeat(MAX_TWIML_CHARS + 1));
    let error = twilio.api.update_call(&sid(), &long).await.unwrap_err();
    assert!(matches!(error, TwilioError::TwimlTooLong(4001)));
    assert_eq!(twilio.asked().len(), 1);
}

#[tokio::test]
async fn a_status_is_asked_for() {
    let twilio = Twilio::that(&[Does::Answers(200, PLACED)]).await;
    assert_eq!(twilio.api.call_status(&sid()).await.unwrap(), Some(CallStatus::Queued));
    assert_eq!(twilio.asked()[0].0, "GET");
}

#[test]
fn waits_double_and_never_line_up() {
    assert_eq!(wait_after(1, 1.0), FIRST_WAIT);
    assert_eq!(wait_after(2, 1.0), FIRST_WAIT * 2);
    assert_eq!(wait_after(2, 0.0), FIRST_WAIT);
}

#[test]
fn an_api_is_reached_by_http() {
    for url in ["mailto:desk@example.com", "ftp://api.twilio.com"] {
        let url = Url::parse(url).unwrap();
        assert!(matches!(TwilioApi::new(&url, "AC0123", "the-auth-token".into()), Err(ApiSetupError::Url)));
    }
}
