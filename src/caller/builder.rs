//! How a call is placed.

use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::call::{self, CallTask, Command, Document, StatusCallback};
use super::human::Human;
use super::identity::{Identity, sid};
use super::line::{Handle, Line};
use super::mouth::Mouth;
use super::record::{Clock, Record};
use super::twiml::{Link, Method};
use super::webhook::{CallError, Webhooks};
use super::{Exchange, Tap, Twist};

/// Commands that wait for the task that runs a call.
const MAX_COMMANDS: usize = 256;
/// The account calls belong to unless another is named.
pub(super) const ACCOUNT: &str = "AC00000000000000000000000000000000";

/// A call that is about to be placed.
#[must_use = "nothing happens before `dial`"]
pub struct CallerBuilder {
    url: String,
    public_url: Option<String>,
    token: Option<SecretString>,
    identity: Identity,
    pace: f64,
    human: Human,
    status_callback: Option<String>,
    keeps_audio: bool,
    twists: Vec<Twist>,
    tap: Option<Arc<dyn Tap>>,
    exchange: Option<Exchange>,
}

impl CallerBuilder {
    pub(super) fn new(url: &str) -> Self {
        let identity = Identity {
            call_sid: sid("CA"),
            account_sid: ACCOUNT.to_owned(),
            from: "+14158675309".to_owned(),
            to: "+250700000001".to_owned(),
            direction: "inbound",
            parent: None,
        };
        Self {
            url: url.to_owned(),
            public_url: None,
            token: None,
            identity,
            pace: 1.0,
            human: Human::default(),
            status_callback: url.strip_suffix("/voice").map(|base| format!("{base}/status")),
            keeps_audio: true,
            twists: Vec::new(),
            tap: None,
            exchange: None,
        }
    }

    /// Signs everything with the account's token. Without one nothing is signed.
    pub fn token(mut self, token: SecretString) -> Self {
        self.token = Some(token);
        self
    }

    /// What the service believes to be reached by (its `PUBLIC_URL`): signatures are made for it, and requests to it
    /// go to the host of the webhook's URL.
    pub fn public_url(mut self, url: &str) -> Self {
        self.public_url = Some(url.trim_end_matches('/').to_owned());
        self
    }

    /// The caller's number.
    pub fn from(mut self, number: &str) -> Self {
        number.clone_into(&mut self.identity.from);
        self
    }

    /// The number he calls.
    pub fn to(mut self, number: &str) -> Self {
        number.clone_into(&mut self.identity.to);
        self
    }

    /// The call's id; a new one otherwise.
    pub fn call_sid(mut self, call_sid: &str) -> Self {
        call_sid.clone_into(&mut self.identity.call_sid);
        self
    }

    /// The account's id.
    pub fn account_sid(mut self, account_sid: &str) -> Self {
        account_sid.clone_into(&mut self.identity.account_sid);
        self
    }

    /// How much faster than real time the call runs, both ways: 1.0 is real time; clamped to 0.1 to 20.
    pub fn pace(mut self, pace: f64) -> Self {
        self.pace = pace.clamp(0.1, 20.0);
        self
    }

    /// What happens when the service dials a human. He answers and talks for two seconds otherwise.
    pub fn human(mut self, human: Human) -> Self {
        self.human = human;
        self
    }

    /// Where the end of the call is told; `None` for nowhere. For a webhook whose path ends in `/voice` it is
    /// `/status` beside it otherwise.
    pub fn status_callback(mut self, url: Option<&str>) -> Self {
        self.status_callback = url.map(ToOwned::to_owned);
        self
    }

    /// Keeps no audio; for load runs.
    pub fn without_audio(mut self) -> Self {
        self.keeps_audio = false;
        self
    }

    /// Departs from what Twilio does.
    pub fn twist(mut self, twist: Twist) -> Self {
        self.twists.push(twist);
        self
    }

    /// Watches the audio.
    pub fn tap(mut self, tap: Arc<dyn Tap>) -> Self {
        self.tap = Some(tap);
        self
    }

    /// Lets the service change this call over the REST API of `exchange`. The call belongs to its account.
    pub fn exchange(mut self, exchange: &Exchange) -> Self {
        exchange.account_sid().clone_into(&mut self.identity.account_sid);
        self.exchange = Some(exchange.clone());
        self
    }

    /// Posts the webhook, and follows the TwiML in a task of its own. Dropping the line hangs up.
    ///
    /// # Errors
    /// [`CallError`] when the webhook gives no TwiML that can be followed.
    pub async fn dial(self) -> Result<Line, CallError> {
        let mut webhooks = Webhooks::new(self.token)?;
        if let Some(public) = &self.public_url {
            webhooks = webhooks.with_detour(public, &self.url)?;
        }
        let url = webhooks.public(&self.url);
        let record = Arc::new(Record::new(Clock::start(self.pace), self.keeps_audio, "ringing"));
        let status_callback =
            self.status_callback.map(|url| StatusCallback::at_the_end(webhooks.public(&url)));
        let plan = Plan {
            identity: self.identity,
            webhooks,
            record,
            human: self.human,
            status_callback,
            twists: self.twists,
            tap: self.tap,
        };
        let (task, handle) = plan.prepare();
        // Known to the exchange before the webhook: the service may act on the call as soon as it has heard of it.
        if let Some(exchange) = &self.exchange {
            exchange.know(handle.clone());
        }
        let link = Link { url, method: Method::Post };
        let document = call::ask(&task.webhooks, &task.record, &link, &handle.params("ringing")).await?;
        Ok(begin(task, handle, document))
    }
}

/// Everything a call needs to run.
pub(super) struct Plan {
    pub(super) identity: Identity,
    pub(super) webhooks: Webhooks,
    pub(super) record: Arc<Record>,
    pub(super) human: Human,
    pub(super) status_callback: Option<StatusCallback>,
    pub(super) twists: Vec<Twist>,
    pub(super) tap: Option<Arc<dyn Tap>>,
}

impl Plan {
    pub(super) fn prepare(self) -> (CallTask, Handle) {
        let (commands, receiver) = mpsc::channel::<Command>(MAX_COMMANDS);
        let handle = Handle {
            identity: Arc::new(self.identity.clone()),
            record: Arc::clone(&self.record),
            webhooks: self.webhooks.clone(),
            commands,
        };
        let task = CallTask {
            identity: self.identity,
            webhooks: self.webhooks,
            record: self.record,
            commands: receiver,
            gone: CancellationToken::new(),
            mouth: Mouth::default(),
            human: self.human,
            status_callback: self.status_callback,
            twists: self.twists,
            tap: self.tap,
            callbacks: TaskTracker::new(),
        };
        (task, handle)
    }
}

/// Runs the call; whoever holds the line keeps it.
pub(super) fn begin(task: CallTask, handle: Handle, document: Document) -> Line {
    let line = Line::new(handle, task.gone.clone());
    tokio::spawn(task.run(document));
    line
}
