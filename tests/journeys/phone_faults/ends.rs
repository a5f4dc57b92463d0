//! The service ends in the middle of calls: asked to, it says goodbye; killed, it goes on where it was.

use std::net::SocketAddr;

use ai_realtime::caller::{Ending, Exchange, ExchangeOptions, Line, TimelineEvent};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::desk::{
    GREETED, GREETING, PACE, TOKEN, books, caller, door, greeted, hang_up, of_kind, phone, said_by_twilio,
    times, until_heard,
};
use crate::house::{Client, DEADLINE, Process, soon};
use ai_realtime::caller::Caller;

const FAREWELL: &str = "we have to end this call here. please call again in a few minutes.";
const ACCOUNT: &str = "AC11111111111111111111111111111111";

/// SIGTERM while somebody is on the phone.
async fn said_goodbye_to(
    client: &Client,
    process: Process,
    line: Line,
    home: &std::path::Path,
    ending: Ending,
) {
    process.terminate().await;
    client.until_not_ready().await;
    let late = caller(client).dial().await.unwrap();
    assert_eq!(late.until_ended(DEADLINE).await.unwrap(), Ending::Hangup);
    let said = said_by_twilio(&late);
    assert!(said.len() == 1 && said[0].to_lowercase().contains("sorry"), "{said:?}");
    // Whoever is on the phone is still answered, until the time is up.
    line.listen_afresh();
    line.say("do you have tea?").await;
    line.until_said(DEADLINE).await.unwrap();
    until_heard(&line, "tea").await;
    until_heard(&line, FAREWELL).await;
    assert_eq!(line.until_ended(DEADLINE).await.unwrap(), ending);
    let heard = line.utterances().concat();
    assert_eq!((times(&heard, GREETING), times(&heard, FAREWELL)), (1, 1), "{heard}");
    line.until_over(DEADLINE).await.unwrap();
    process.end().await;

    let again = Process::start(home, phone()).await;
    let events = books(&again.client, line.call_sid()).await;
    assert_eq!(of_kind(&events, "call.ended")[0]["reason"], "shutdown");
    assert_eq!(of_kind(&events, "call.resumed").len(), 0, "it is over");
    again.kill().await;
}

fn draining() -> Vec<(&'static str, String)> {
    let mut settings = phone();
    settings.push(("DRAIN_SECONDS", "3".to_owned()));
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_sigterm_nobody_new_is_taken_and_who_is_there_hears_goodbye() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::start(home.path(), draining()).await;
    let client = process.client.clone();
    let line = greeted(&client).await;
    said_goodbye_to(&client, process, line, home.path(), Ending::Hangup).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_sigterm_calls_are_ended_over_the_rest_api_when_there_is_one() {
    let home = tempfile::tempdir().unwrap();
    let exchange = Exchange::start(ExchangeOptions::new(ACCOUNT, TOKEN.into())).await.unwrap();
    let mut settings = draining();
    settings.extend([("TWILIO_ACCOUNT_SID", ACCOUNT.to_owned()), ("TWILIO_API_BASE", exchange.url())]);
    let process = Process::start(home.path(), settings).await;
    let client = process.client.clone();
    let line = caller(&client).exchange(&exchange).dial().await.unwrap();
    until_heard(&line, GREETED).await;
    line.until_quiet(300, DEADLINE).await.unwrap();
    said_goodbye_to(&client, process, line, home.path(), Ending::ByApi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sigterm_waits_for_callers_who_hang_up_by_themselves() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::start(home.path(), phone()).await;
    let client = process.client.clone();
    let line = greeted(&client).await;
    process.terminate().await;
    client.until_not_ready().await;
    hang_up(&line).await;
    process.end().await;
    assert_eq!(times(&line.utterances().concat(), FAREWELL), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_nine_the_call_goes_on_from_its_journal_with_persona_and_history() {
    let home = tempfile::tempdir().unwrap();
    let front = Front::open().await;
    let settings = || {
        let mut settings = phone();
        settings.push(("PUBLIC_URL", front.url.clone()));
        settings
    };
    let first = Process::start(home.path(), settings()).await;
    front.lead_to(Some(&first.client));
    let line =
        Caller::builder(&format!("{}/api/twilio/voice", front.url)).token(TOKEN.into()).pace(PACE).dial();
    let line = line.await.unwrap();
    until_heard(&line, GREETED).await;
    line.until_quiet(300, DEADLINE).await.unwrap();
    let handed = line.ask("can i talk to your accountant?", DEADLINE).await.unwrap();
    assert!(handed.contains("your ai cfo"), "{handed}");
    let asked = line.ask("what about gst on restaurant meals?", DEADLINE).await.unwrap();
    assert!(asked.contains("jurisdiction"), "{asked}");
    front.lead_to(None);
    first.kill().await;
    line.until_event("a redirect", DEADLINE, |event| matches!(event, TimelineEvent::Redirected { .. }))
        .await
        .unwrap();
    let second = Process::start(home.path(), settings()).await;
    front.lead_to(Some(&second.client));
    line.listen_afresh();
    line.until_speaks(DEADLINE).await.unwrap();
    line.until_quiet(800, DEADLINE).await.unwrap();
    let answer = line.ask("what about gst on restaurant meals in canada?", DEADLINE).await.unwrap();
    assert!(answer.contains("gst"), "{answer}");
    let heard = line.utterances().concat();
    assert_eq!(times(&heard, "welcome!"), 1, "{heard}");
    hang_up(&line).await;

    let events = books(&second.client, line.call_sid()).await;
    assert_eq!(of_kind(&events, "call.started").len(), 1);
    assert_eq!(of_kind(&events, "call.resumed").len(), 1, "{events:#?}");
    let personas: Vec<_> =
        of_kind(&events, "persona.activated").iter().map(|event| event["persona"].clone()).collect();
    assert_eq!(personas, ["waiter", "cfo"], "the CFO stays");
    let connected = of_kind(&events, "model.reconnected");
    let replayed = connected.last().unwrap()["replayed_items"].as_u64().unwrap();
    assert!(replayed >= 5, "the handoff with its output, its answer, a question and its answer: {replayed}");
    assert_eq!(events.last().unwrap()["type"], "call.ended");
    second.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_nine_in_the_middle_of_an_answer_the_caller_is_not_greeted_again() {
    let home = tempfile::tempdir().unwrap();
    let front = Front::open().await;
    let settings = || {
        let mut settings = phone();
        settings.push(("PUBLIC_URL", front.url.clone()));
        settings
    };
    let mut process = Process::start(home.path(), settings()).await;
    front.lead_to(Some(&process.client));
    let line =
        Caller::builder(&format!("{}/api/twilio/voice", front.url)).token(TOKEN.into()).pace(PACE).dial();
    let line = line.await.unwrap();
    // First in the greeting, then in an answer.
    for (round, words) in [(1, "welcome! what"), (2, "i found")] {
        until_heard(&line, words).await;
        front.lead_to(None);
        process.kill().await;
        process = Process::start(home.path(), settings()).await;
        front.lead_to(Some(&process.client));
        line.until_streams(round + 1, DEADLINE).await.unwrap();
        line.listen_afresh();
        line.say("what drinks do you have?").await;
        line.until_said(DEADLINE).await.unwrap();
    }
    until_heard(&line, "i found").await;
    let heard = line.utterances().concat();
    assert_eq!(times(&heard, "welcome!"), 1, "{heard}");
    let resumed = process.client.get(&format!("/ai/calls/{}", line.call_sid())).await;
    assert_eq!(resumed.0, 200, "{}", door(&process.client, ""));
    process.kill().await;
}

/// Where Twilio finds the service, whichever process it is: an address that leads to one, or keeps callers waiting.
struct Front {
    url: String,
    to: watch::Sender<Option<SocketAddr>>,
    door: JoinHandle<()>,
}

impl Front {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let to = watch::Sender::new(None::<SocketAddr>);
        let leads = to.subscribe();
        let door = tokio::spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                let mut leads = leads.clone();
                tokio::spawn(async move {
                    let address = soon(leads.wait_for(Option::is_some)).await.unwrap().unwrap();
                    let mut inside = TcpStream::connect(address).await.unwrap();
                    // A process that is killed breaks what led to it.
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        Self { url, to, door }
    }

    fn lead_to(&self, client: Option<&Client>) {
        let address = client.map(|client| client.base.trim_start_matches("http://").parse().unwrap());
        self.to.send_replace(address);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.door.abort();
    }
}
