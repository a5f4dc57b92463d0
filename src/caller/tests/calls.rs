use std::io;
use std::sync::{Arc, Mutex};

use clap::Parser;

use super::super::command::{CallArgs, Teller, call};
use super::super::{CallError, Ending, TimelineEvent};
use super::service::{SOON, Service, TOKEN};

#[tokio::test]
async fn a_service_that_refuses_is_repeated_in_its_own_words() {
    let service = Service::start().await;
    service.answer_with("/voice", 503, "{\"error\":\"set TWILIO_AUTH_TOKEN\",\"code\":\"twilio_off\"}");
    let refused = service.caller().dial().await.err().unwrap();
    assert_eq!(refused.to_string(), "the service answered 503: set TWILIO_AUTH_TOKEN");
    service.answer_with("/voice", 403, "");
    let refused = service.caller().dial().await.err().unwrap();
    assert!(matches!(refused, CallError::Signature { .. }), "{refused}");
    service.answer("/voice", "<Response><Dance/></Response>");
    let refused = service.caller().dial().await.err().unwrap();
    assert!(refused.to_string().contains("<Dance>"), "{refused}");
}

#[tokio::test]
async fn a_call_without_a_stream_ends_and_its_end_is_told_in_full() {
    let mut service = Service::start().await;
    service.answer("/voice", "<Response><Say>We are closed.</Say><Pause length=\"1\"/><Hangup/></Response>");
    let status = format!("{}/status", service.base);
    let line = service.caller().status_callback(Some(&status)).dial().await.unwrap();
    assert_eq!(line.until_ended(SOON).await.unwrap(), Ending::Hangup);
    let post = service.post_to("/status").await;
    assert!(post.is_signed);
    for (name, value) in [("CallStatus", "completed"), ("SequenceNumber", "0"), ("CallDuration", "1")] {
        assert_eq!(post.form[name], value, "{name}");
    }
    assert_eq!(line.documents().len(), 1);
    line.until_over(SOON).await.unwrap();
    let late = line.until_speaks(SOON).await.unwrap_err().to_string();
    assert!(late.contains("the call is over") && late.contains("We are closed."), "{late}");
}

#[tokio::test]
async fn a_rejected_call_is_never_answered() {
    let service = Service::start().await;
    service.answer("/voice", "<Response><Reject reason=\"busy\"/></Response>");
    let line = service.caller().dial().await.unwrap();
    assert_eq!(line.until_ended(SOON).await.unwrap(), Ending::Rejected { reason: "busy".to_owned() });
}

#[tokio::test]
async fn twiml_that_goes_in_circles_is_left() {
    let service = Service::start().await;
    service.answer("/voice", "<Response><Redirect>/voice</Redirect></Response>");
    let line = service.caller().dial().await.unwrap();
    let Ending::Failed { why } = line.until_ended(SOON).await.unwrap() else { panic!("it did not fail") };
    assert!(why.contains("circles"), "{why}");
}

#[tokio::test]
async fn a_recovery_that_fails_ends_the_call() {
    let service = Service::start().await;
    service.answer("/voice", "<Response><Redirect method=\"GET\">/gone?a=1</Redirect></Response>");
    service.answer_with("/gone", 500, "broken");
    let line = service.caller().dial().await.unwrap();
    let Ending::Failed { why } = line.until_ended(SOON).await.unwrap() else { panic!("it did not fail") };
    assert_eq!(why, "the service answered 500: broken");
}

#[tokio::test]
async fn letting_go_of_the_line_hangs_up() {
    let mut service = Service::start().await;
    let line = service.caller().dial().await.unwrap();
    let mut peer = service.stream_opened().await;
    drop(line);
    peer.next_of("stop").await;
}

#[tokio::test]
async fn a_caller_may_hang_up_while_he_waits() {
    let service = Service::start().await;
    service.answer("/voice", "<Response><Pause length=\"3600\"/></Response>");
    let line = service.caller().dial().await.unwrap();
    line.until_event("a pause", SOON, |event| matches!(event, TimelineEvent::Paused { .. })).await.unwrap();
    line.hang_up().await;
    assert_eq!(line.until_ended(SOON).await.unwrap(), Ending::CallerHungUp);
}

#[tokio::test]
async fn requests_of_a_public_address_are_signed_for_it_and_reach_this_machine() {
    let mut service = Service::start().await;
    let public = "https://voice.example.com";
    service.answer(
        "/voice",
        &service.connect("").replace(&service.base.replace("http", "ws"), "wss://voice.example.com"),
    );
    let line = service.caller().public_url(public).dial().await.unwrap();
    let post = service.post_to("/voice").await;
    assert!(!post.is_signed, "it is signed for the public address");
    let signature = line.webhooks().signature("https://voice.example.com/voice", &line.params("ringing"));
    assert!(signature.is_some());
    let refused = line
        .until_event("the upgrade", SOON, |event| matches!(event, TimelineEvent::StreamRefused { .. }))
        .await
        .unwrap();
    assert!(refused.to_string().contains("403"), "it reached the machine: {refused}");
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Told {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: CallArgs,
}

fn args(service: &Service, words: &[&str]) -> CallArgs {
    let to = format!("{}/voice", service.base);
    let fixed = ["call", "--to", &to, "--token", TOKEN, "--after-ms", "600", "--hang-up-after", "1"];
    Cli::parse_from(fixed.iter().chain(words)).args
}

#[tokio::test]
async fn the_command_tells_the_call_and_keeps_what_was_heard() {
    let mut service = Service::start().await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("heard.wav");
    let args = args(&service, &["--say", "tea?", "--press", "1", "--out", out.to_str().unwrap()]);
    let told = Told::default();
    let teller = Teller::new(told.clone());
    let persona = async {
        let mut peer = service.stream_opened().await;
        peer.started().await;
        peer.say("welcome!").await;
        assert_eq!(peer.hear().await, "tea?");
        peer.say("yes").await;
        assert_eq!(peer.next_of("dtmf").await["dtmf"]["digit"], "1");
        peer.say("one tea").await;
        peer.next_of("stop").await;
    };
    let (ended, ()) = tokio::join!(call(&args, &teller), persona);
    ended.unwrap();
    let text = told.text();
    let mut rest = text.as_str();
    for part in [
        "answers 200",
        "starts (MZ",
        "persona   speaks",
        "heard     welcome!",
        "caller    speaks",
        "heard     yes",
        "presses 1",
        "heard     one tea",
        "the caller hung up",
        "wrote ",
    ] {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part} is not told in its place:\n{text}")).1;
    }
    let reader = hound::WavReader::open(&out).unwrap();
    assert!(reader.spec().channels == 2 && reader.duration() > 8_000);
}

#[tokio::test]
async fn the_command_says_why_there_was_no_conversation() {
    let service = Service::start().await;
    service.answer("/voice", "<Response><Say>We are closed.</Say></Response>");
    let told = Told::default();
    let teller = Teller::new(told.clone());
    let error = call(&args(&service, &[]), &teller).await.unwrap_err();
    assert!(error.to_string().contains("no <Connect>"), "{error}");
    assert!(told.text().contains("twilio    says: We are closed."), "{}", told.text());
    service.answer_with("/voice", 403, "");
    let error = call(&args(&service, &[]), &teller).await.unwrap_err();
    assert!(error.to_string().contains("TWILIO_AUTH_TOKEN"), "{error}");
}
