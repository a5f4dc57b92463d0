//! One simulated call: follows the TwiML from the first answer to the end, as Twilio does.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::human::Human;
use super::identity::{Identity, pairs};
use super::mouth::Mouth;
use super::record::Record;
use super::stream::{self, Outcome};
use super::timeline::{Ending, TimelineEvent};
use super::twiml::{self, Connect, Dial, Link, Method, Verb};
use super::webhook::{CallError, Params, Webhooks};
use super::{Tap, Twist};

/// TwiML documents one call may ask for; more are a loop.
const MAX_DOCUMENTS: usize = 100;
/// How long the callbacks of a call that is over may take.
const CALLBACK_LIMIT: Duration = Duration::from_secs(16);
/// How long a human's telephone rings, in milliseconds of the call.
pub(super) const RINGING_MS: u64 = 200;

/// What a call in progress can be told.
#[derive(Debug)]
pub(super) enum Command {
    Play(Vec<u8>),
    Press(char),
    HangUp,
    DropSocket,
    Raw(Message),
    Lose(u64),
    Read(bool),
    Update(Update),
}

/// What the REST API can do to a call.
#[derive(Debug, Clone)]
pub(super) enum Update {
    Twiml(String),
    Url(Link),
    Completed,
    Canceled,
}

/// What ends whatever the call is at.
#[derive(Debug)]
pub(super) enum Halt {
    HungUp,
    Update(Update),
}

/// TwiML to follow, and the URL its relative links start from.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) url: String,
    pub(super) verbs: Vec<Verb>,
}

/// Whom to tell of the call's progress.
#[derive(Debug, Clone)]
pub(super) struct StatusCallback {
    pub(super) url: String,
    /// Of `initiated`, `ringing`, `answered` and `completed` those that are told.
    pub(super) events: Vec<String>,
    pub(super) sequence: u32,
}

impl StatusCallback {
    /// Tells the end of the call only, as a number does, and as Twilio does for a call that asks for nothing else.
    pub(super) fn at_the_end(url: String) -> Self {
        Self { url, events: vec!["completed".to_owned()], sequence: 0 }
    }
}

enum Next {
    Follow(Document),
    Ask(Link, Params),
    End(Ending),
}

/// The task that is one call.
pub(super) struct CallTask {
    pub(super) identity: Identity,
    pub(super) webhooks: Webhooks,
    pub(super) record: Arc<Record>,
    pub(super) commands: mpsc::Receiver<Command>,
    /// Cancelled when nobody holds the line any more.
    pub(super) gone: CancellationToken,
    pub(super) mouth: Mouth,
    pub(super) human: Human,
    pub(super) status_callback: Option<StatusCallback>,
    pub(super) twists: Vec<Twist>,
    pub(super) tap: Option<Arc<dyn Tap>>,
    pub(super) callbacks: TaskTracker,
}

/// Asks for TwiML and reads it.
pub(super) async fn ask(
    webhooks: &Webhooks,
    record: &Record,
    link: &Link,
    params: &[(String, String)],
) -> Result<Document, CallError> {
    let answer = webhooks.ask(&link.url, link.method, params).await?;
    record.note(TimelineEvent::WebhookAnswered {
        url: link.url.clone(),
        status: answer.status,
        took_ms: answer.took_ms,
    });
    if let Some(refusal) = webhooks.refusal(&link.url, &answer) {
        return Err(refusal);
    }
    record.keep_document(&answer.body);
    Ok(Document { url: link.url.clone(), verbs: twiml::parse(&answer.body)? })
}

impl CallTask {
    /// Runs the call to its end and tells whom it concerns.
    pub(super) async fn run(mut self, first: Document) {
        let ending = Box::pin(self.follow(first)).await;
        self.end(ending).await;
    }

    async fn follow(&mut self, first: Document) -> Ending {
        let mut next = Next::Follow(first);
        let mut documents = 0;
        loop {
            next = match next {
                Next::End(ending) => return ending,
                Next::Follow(_) if documents == MAX_DOCUMENTS => {
                    let why = format!("the TwiML goes in circles: {MAX_DOCUMENTS} documents in one call");
                    return Ending::Failed { why };
                }
                Next::Follow(document) => {
                    documents += 1;
                    let url = document.url.clone();
                    let followed = Box::pin(self.follow_verbs(document)).await;
                    followed.unwrap_or_else(|halt| self.halted(halt, &url))
                }
                Next::Ask(link, extra) => {
                    let asked = self.asked(&link, extra).await;
                    asked.unwrap_or_else(|halt| self.halted(halt, &link.url))
                }
            };
        }
    }

    fn halted(&self, halt: Halt, base: &str) -> Next {
        match halt {
            Halt::HungUp => Next::End(Ending::CallerHungUp),
            Halt::Update(Update::Completed) => Next::End(Ending::ByApi),
            Halt::Update(Update::Canceled) => Next::End(Ending::Canceled),
            Halt::Update(Update::Url(link)) => Next::Ask(link, Params::new()),
            Halt::Update(Update::Twiml(text)) => {
                self.record.keep_document(&text);
                match twiml::parse(&text) {
                    Ok(verbs) => Next::Follow(Document { url: base.to_owned(), verbs }),
                    Err(error) => Next::End(failed(&error.into())),
                }
            }
        }
    }

    async fn asked(&mut self, link: &Link, extra: Params) -> Result<Next, Halt> {
        let mut params = self.identity.params("in-progress");
        params.extend(extra);
        let (webhooks, record, link) = (self.webhooks.clone(), Arc::clone(&self.record), link.clone());
        let work = async move { ask(&webhooks, &record, &link, &params).await };
        Ok(match self.meanwhile(work).await? {
            Ok(document) => Next::Follow(document),
            Err(error) => Next::End(failed(&error)),
        })
    }

    async fn follow_verbs(&mut self, document: Document) -> Result<Next, Halt> {
        if !matches!(document.verbs.first(), Some(Verb::Reject { .. })) {
            self.record.change(|state| state.status = "in-progress");
        }
        for verb in document.verbs {
            let next = match verb {
                Verb::Hangup => Some(Next::End(Ending::Hangup)),
                Verb::Reject { reason } => Some(Next::End(Ending::Rejected { reason })),
                Verb::Redirect(link) => Some(self.redirected(&document.url, &link, Params::new())),
                Verb::Connect(connect) => self.connect(&connect, &document.url).await?,
                Verb::Dial(dial) => self.dial(&dial, &document.url).await?,
                Verb::Say { text } => {
                    self.record.note(TimelineEvent::Said { text });
                    None
                }
                Verb::Pause { seconds } => {
                    self.record.note(TimelineEvent::Paused { seconds });
                    self.wait(seconds.saturating_mul(1_000)).await?;
                    None
                }
                Verb::Message { .. } => {
                    let why = "12200: <Message> has no place in a call".to_owned();
                    Some(Next::End(Ending::Failed { why }))
                }
            };
            if let Some(next) = next {
                return Ok(next);
            }
        }
        Ok(Next::End(Ending::NothingLeft))
    }

    async fn connect(&mut self, connect: &Connect, base: &str) -> Result<Option<Next>, Halt> {
        match Box::pin(stream::run(self, connect, base)).await {
            Outcome::Refused => Ok(None),
            Outcome::Lost => {
                Ok(connect.action.as_ref().map(|link| self.redirected(base, link, Params::new())))
            }
            Outcome::Halted(halt) => Err(halt),
        }
    }

    async fn dial(&mut self, dial: &Dial, base: &str) -> Result<Option<Next>, Halt> {
        let leg = self.identity.child(&dial.number, dial.caller_id.as_deref());
        self.wait(RINGING_MS.min(dial.timeout_s.saturating_mul(1_000))).await?;
        let talked_ms = match self.human {
            Human::Answers { talks_ms } => {
                if let Some(whisper) = &dial.whisper {
                    self.whisper(&self.resolved(base, whisper), &leg).await?;
                }
                self.wait(talks_ms).await?;
                talks_ms
            }
            Human::Busy | Human::NoAnswer => 0,
        };
        let outcome = self.human.outcome();
        self.record.note(TimelineEvent::Dialled { number: dial.number.clone(), outcome: outcome.to_owned() });
        let bridged = matches!(self.human, Human::Answers { .. });
        let extra = pairs(&[
            ("DialCallStatus", outcome),
            ("DialCallSid", &leg.call_sid),
            ("DialCallDuration", &(talked_ms / 1_000).to_string()),
            ("DialBridged", if bridged { "true" } else { "false" }),
        ]);
        Ok(dial.action.as_ref().map(|link| self.redirected(base, link, extra)))
    }

    /// Plays the whisper to the human; one that cannot be had is noted and the two are bridged all the same.
    async fn whisper(&mut self, link: &Link, leg: &Identity) -> Result<(), Halt> {
        let (webhooks, record, link) = (self.webhooks.clone(), Arc::clone(&self.record), link.clone());
        let params = leg.params("in-progress");
        let work = async move { ask(&webhooks, &record, &link, &params).await };
        match self.meanwhile(work).await? {
            Ok(document) => {
                for verb in document.verbs {
                    if let Verb::Say { text } = verb {
                        self.record.note(TimelineEvent::Whispered { text });
                    }
                }
            }
            Err(error) => {
                self.record.note(TimelineEvent::Warned { code: 11_200, why: error.to_string() });
            }
        }
        Ok(())
    }

    fn redirected(&self, base: &str, link: &Link, extra: Params) -> Next {
        let link = self.resolved(base, link);
        self.record.note(TimelineEvent::Redirected { url: link.url.clone() });
        Next::Ask(link, extra)
    }

    /// The link as Twilio would ask it: as written, or relative to the document's URL.
    pub(super) fn resolved(&self, base: &str, link: &Link) -> Link {
        let url = if link.url.contains("://") {
            link.url.clone()
        } else {
            let joined = Url::parse(base).and_then(|base| base.join(&link.url));
            joined.map_or_else(|_| link.url.clone(), |url| url.to_string())
        };
        Link { url, method: link.method }
    }

    pub(super) async fn wait(&mut self, ms: u64) -> Result<(), Halt> {
        let time = tokio::time::sleep(self.record.clock.wall(ms));
        self.meanwhile(time).await
    }

    /// Awaits something while no stream is open; the caller may hang up, the service may update the call.
    pub(super) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Halt> {
        let mut work = std::pin::pin!(work);
        loop {
            let command = tokio::select! {
                done = &mut work => return Ok(done),
                command = self.commands.recv() => command.unwrap_or(Command::HangUp),
                () = self.gone.cancelled() => Command::HangUp,
            };
            match command {
                Command::HangUp => return Err(Halt::HungUp),
                Command::Update(update) => return Err(Halt::Update(update)),
                Command::Play(mulaw) => self.speak(&mulaw),
                Command::Lose(frames) => self.mouth.lose(frames),
                // There is no stream these could go to.
                Command::Press(_) | Command::DropSocket | Command::Raw(_) | Command::Read(_) => {}
            }
        }
    }

    /// Lets the caller speak as soon as a stream is open.
    pub(super) fn speak(&mut self, mulaw: &[u8]) {
        self.mouth.say(mulaw);
        let is_silent = self.mouth.is_silent();
        self.record.change(|state| state.caller_is_silent = is_silent);
    }

    pub(super) async fn end(mut self, ending: Ending) {
        let status = ending.status();
        let seconds = self.record.now_ms() / 1_000;
        self.record.change(|state| {
            state.status = status;
            state.ended_s = Some(seconds);
        });
        self.record.note(TimelineEvent::CallEnded { ending });
        self.post_progress("completed", status);
        self.callbacks.close();
        // A callback that is not answered has no effect on the call.
        let _ = tokio::time::timeout(CALLBACK_LIMIT, self.callbacks.wait()).await;
        self.record.change(|state| state.over = true);
    }

    /// Posts the call's own status callback, if it wants this event.
    pub(super) fn post_progress(&mut self, event: &str, status: &'static str) {
        let seconds = self.record.now_ms() / 1_000;
        let Some(callback) = &mut self.status_callback else { return };
        let extra = progress(callback.sequence, seconds);
        callback.sequence += 1;
        if !callback.events.iter().any(|wanted| wanted == event) {
            return;
        }
        let link = Link { url: callback.url.clone(), method: Method::Post };
        let mut params = self.identity.params(status);
        params.extend(extra);
        self.post(link, status, params);
    }

    /// Posts a stream's status callback, if it wants one.
    pub(super) fn post_status(&self, link: Option<&Link>, status: &'static str, extra: Params) {
        let Some(link) = link else { return };
        let mut params =
            pairs(&[("AccountSid", &self.identity.account_sid), ("CallSid", &self.identity.call_sid)]);
        params.extend(extra);
        self.post(link.clone(), status, params);
    }

    pub(super) fn post(&self, link: Link, status: &'static str, params: Params) {
        let (webhooks, record) = (self.webhooks.clone(), Arc::clone(&self.record));
        self.callbacks.spawn(async move {
            let answered = webhooks.ask(&link.url, link.method, &params).await.ok();
            let answered = answered.map(|answer| answer.status);
            record.note(TimelineEvent::StatusPosted { status: status.to_owned(), answered });
        });
    }
}

/// What a call's status callback carries beyond the usual.
fn progress(sequence: u32, seconds: u64) -> Params {
    let now = jiff::fmt::rfc2822::to_string(&Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC));
    pairs(&[
        ("CallbackSource", "call-progress-events"),
        ("CallDuration", &seconds.to_string()),
        ("Duration", &seconds.div_ceil(60).to_string()),
        ("SequenceNumber", &sequence.to_string()),
        ("Timestamp", &now.unwrap_or_default()),
    ])
}

fn failed(error: &CallError) -> Ending {
    Ending::Failed { why: error.to_string() }
}
