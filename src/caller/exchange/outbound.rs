//! Calls the service places.

use std::sync::Arc;

use super::super::builder::{Plan, begin};
use super::super::call::{CallTask, Document, Halt, RINGING_MS, StatusCallback, Update, ask};
use super::super::human::Human;
use super::super::identity::{Identity, pairs, sid};
use super::super::line::Handle;
use super::super::record::{Clock, Record};
use super::super::timeline::Ending;
use super::super::twiml::{self, Link};
use super::super::webhook::Params;
use super::api::{ApiError, field, link};
use super::{Callee, Shared};

/// What the service wants of a call it places.
struct Order {
    answer: Source,
    callee: Callee,
    /// Tells the answering machine detection's result apart from the TwiML request.
    async_detection: Option<Link>,
    /// Tells it with the TwiML request.
    sync_detection: bool,
}

/// Where the TwiML comes from.
enum Source {
    Url(Link),
    Inline(String),
}

/// Takes the order and lets the telephone ring.
pub(super) fn place(shared: &Arc<Shared>, form: &[(String, String)]) -> Result<Handle, ApiError> {
    let needed = |name, code, message| field(form, name).ok_or(ApiError::new(400, code, message));
    let to = needed("To", 21_201, "No 'To' number is specified")?;
    let from = needed("From", 21_213, "A 'From' phone number is required")?;
    let answer = match (link(form, "Url", "Method"), field(form, "Twiml")) {
        (Some(link), _) => Source::Url(link),
        (None, Some(twiml)) => Source::Inline(twiml.to_owned()),
        (None, None) => return Err(ApiError::new(400, 21_205, "Url parameter is required")),
    };
    let identity = Identity {
        call_sid: sid("CA"),
        account_sid: shared.account_sid.clone(),
        from: from.to_owned(),
        to: to.to_owned(),
        direction: "outbound-api",
        parent: None,
    };
    let plan = Plan {
        identity,
        webhooks: shared.webhooks.clone(),
        record: Arc::new(Record::new(Clock::start(shared.pace), true, "queued")),
        human: Human::default(),
        status_callback: callback(form),
        twists: Vec::new(),
        tap: None,
    };
    let detects = field(form, "MachineDetection").is_some();
    let is_async = field(form, "AsyncAmd") == Some("true");
    let order = Order {
        answer,
        callee: shared.state().callee.clone(),
        async_detection: link(form, "AsyncAmdStatusCallback", "AsyncAmdStatusCallbackMethod")
            .filter(|_| detects && is_async),
        sync_detection: detects && !is_async,
    };
    let (task, handle) = plan.prepare();
    if !shared.know(handle.clone()) {
        return Err(ApiError::new(429, 20_429, "too many calls are known"));
    }
    tokio::spawn(ring(Arc::clone(shared), task, handle.clone(), order));
    Ok(handle)
}

fn callback(form: &[(String, String)]) -> Option<StatusCallback> {
    let url = field(form, "StatusCallback")?.to_owned();
    let asked = form.iter().filter(|(name, _)| name == "StatusCallbackEvent");
    let events: Vec<String> =
        asked.flat_map(|(_, value)| value.split_whitespace().map(ToOwned::to_owned)).collect();
    let all = StatusCallback::at_the_end(url);
    Some(if events.is_empty() { all } else { StatusCallback { events, ..all } })
}

async fn ring(shared: Arc<Shared>, mut task: CallTask, handle: Handle, order: Order) {
    task.post_progress("initiated", "queued");
    task.record.change(|state| state.status = "ringing");
    task.post_progress("ringing", "ringing");
    if let Err(halt) = task.wait(RINGING_MS).await {
        let ending = match halt {
            Halt::Update(Update::Canceled) => Ending::Canceled,
            Halt::Update(Update::Completed | Update::Url(_) | Update::Twiml(_)) => Ending::ByApi,
            Halt::HungUp => Ending::CallerHungUp,
        };
        return task.end(ending).await;
    }
    let answered_by = match &order.callee {
        Callee::Answers { answered_by } => answered_by.clone(),
        Callee::Busy => return task.end(Ending::Unanswered { status: "busy" }).await,
        Callee::NoAnswer => return task.end(Ending::Unanswered { status: "no-answer" }).await,
    };
    task.record.change(|state| state.status = "in-progress");
    task.post_progress("answered", "in-progress");
    let detected = if order.sync_detection { pairs(&[("AnsweredBy", &answered_by)]) } else { Params::new() };
    match first_document(&task, order.answer, detected).await {
        Ok(document) => {
            // It takes its time: the service has long answered, and perhaps the stream is up.
            if let Some(link) = order.async_detection {
                task.post(link, "answered-by", detection(&task.identity, &answered_by));
            }
            let line = begin(task, handle, document);
            shared.change(|state| state.answered.push_back(line));
        }
        Err(why) => task.end(Ending::Failed { why }).await,
    }
}

/// What the callback of the detection carries; Twilio tells neither the numbers nor the call's status.
fn detection(call: &Identity, answered_by: &str) -> Params {
    pairs(&[
        ("AccountSid", &call.account_sid),
        ("CallSid", &call.call_sid),
        ("AnsweredBy", answered_by),
        ("MachineDetectionDuration", "1200"),
    ])
}

async fn first_document(task: &CallTask, source: Source, extra: Params) -> Result<Document, String> {
    match source {
        Source::Inline(text) => {
            task.record.keep_document(&text);
            let verbs = twiml::parse(&text).map_err(|error| error.to_string())?;
            Ok(Document { url: String::new(), verbs })
        }
        Source::Url(link) => {
            let mut params = task.identity.params("in-progress");
            params.extend(extra);
            ask(&task.webhooks, &task.record, &link, &params).await.map_err(|error| error.to_string())
        }
    }
}
