//! A stream has ended, or a human who was dialled has: `POST /api/twilio/resume`. And what that human is told before:
//! `POST /api/twilio/whisper`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::time::Instant;

use super::super::Edge;
use super::super::error::ApiError;
use super::away::{Trouble, turn_away};
use super::opening::{Purpose, language_of, opening, parties, ringing};
use super::signed::{SignedForm, WebhookRefusals, unusable};
use super::voice::{Begun, Visit, begin, call_id, connect};
use super::{Twiml, with};
use crate::call::{Dialled, Next, PhoneOrder, PhoneStart, PhoneStatus};
use crate::id::CallId;
use crate::protocol::twilio::webhook::{DialResult, Form, IncomingCall};
use crate::transport::twilio::script::DialPlan;

/// A call that does not say within this what is next is streamed to again.
const NEXT_LIMIT: Duration = Duration::from_secs(5);
/// A human who waits is put through without a word after this.
const WHISPER_LIMIT: Duration = Duration::from_secs(2);
const IN_A_LOOP: &str = "We are sorry, we have trouble with our line. Please call again in a few minutes.";

/// Whose human asks.
#[derive(Debug, Deserialize)]
pub(in crate::edge) struct WhisperQuery {
    call_id: CallId,
}

/// Say what is next
///
/// Twilio asks here when a stream or a dialled leg has ended: the call is streamed again, put through to a human, or
/// ended. A call that is not live is taken up from its journal.
#[utoipa::path(
    post, path = "/api/twilio/resume", tag = "Phone", operation_id = "twilio_resume", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "As Twilio posts it, signed in X-Twilio-Signature"),
    responses((status = 200, description = "TwiML", body = String, content_type = "text/xml"), WebhookRefusals),
)]
pub(in crate::edge) async fn resume(
    State(edge): State<Arc<Edge>>,
    SignedForm(form): SignedForm,
) -> Result<Response, ApiError> {
    let call = IncomingCall::read(&form).map_err(|error| unusable(&error))?;
    let id = call_id(&call.call_sid)?;
    if call.call_status.is_final() {
        if let Some(live) = edge.state.switchboard.live(&id) {
            live.tell_phone(PhoneOrder::Status(PhoneStatus::Completed));
        }
        return Ok(Twiml(edge.state.phone.script.hang_up()).into_response());
    }
    let answer = match next(&edge, &id, dialled(&form)).await {
        Some(Next::HangUp) => edge.state.phone.script.hang_up(),
        Some(Next::Apologise) => turn_away(&edge, &known(&edge, &call).await, Trouble::OutOfOrder),
        Some(Next::Dial(dial)) => {
            let plan = DialPlan::new(&dial.to, dial.caller_id.as_deref()).whispering(&id);
            edge.state.phone.script.dial(plan)
        }
        Some(Next::Stream) => stream_again(&edge, &call, &id, &known(&edge, &call).await)?,
        None => take_up(&edge, &id, &call, dialled(&form)).await?,
    };
    Ok(Twiml(answer).into_response())
}

/// Tell a human who was dialled what the caller wants
#[utoipa::path(
    post, path = "/api/twilio/whisper", tag = "Phone", operation_id = "twilio_whisper", security(()),
    params(("call_id" = String, Query, description = "The caller's call")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "As Twilio posts it, signed in X-Twilio-Signature"),
    responses((status = 200, description = "TwiML", body = String, content_type = "text/xml"), WebhookRefusals),
)]
pub(in crate::edge) async fn whisper(
    State(edge): State<Arc<Edge>>,
    query: Result<Query<WhisperQuery>, QueryRejection>,
    SignedForm(_form): SignedForm,
) -> Response {
    let call = query.ok().and_then(|query| edge.state.switchboard.live(&query.call_id));
    let Some(call) = call else {
        return Twiml(edge.state.phone.script.whisper(None)).into_response();
    };
    let text = tokio::time::timeout(WHISPER_LIMIT, call.whisper()).await.ok().flatten();
    let language = match &call.snapshot().business_id {
        Some(business) if text.is_some() => language_of(&edge, business).await,
        Some(_) | None => None,
    };
    let script = edge.state.phone.script.in_language(language.as_deref());
    Twiml(script.whisper(text.as_deref())).into_response()
}

fn dialled(form: &Form) -> Option<Dialled> {
    let result = DialResult::read(form).ok()?;
    Some(if result.dial_status.was_connected() { Dialled::Completed } else { Dialled::NotReached })
}

/// What the live call says is next; `None` when there is none, or it does not say.
async fn next(edge: &Edge, id: &CallId, dialled: Option<Dialled>) -> Option<Next> {
    let live = edge.state.switchboard.live(id)?;
    tokio::time::timeout(NEXT_LIMIT, live.next(dialled)).await.ok()?.ok()
}

/// With what a call that is live is streamed, or apologised to. It knows whose it is, also when that cannot be found
/// out just now.
async fn known(edge: &Edge, call: &IncomingCall) -> PhoneStart {
    ringing(edge, call, Purpose::default()).await.unwrap_or_else(|_| parties(call))
}

fn stream_again(
    edge: &Edge,
    call: &IncomingCall,
    id: &CallId,
    start: &PhoneStart,
) -> Result<String, ApiError> {
    if with(&edge.desk.resumes, |resumes| resumes.admit(id, Instant::now())) {
        metrics::counter!("ai_realtime_twilio_resumes_total").increment(1);
        return connect(edge, call, id, start, Visit::Again);
    }
    tracing::warn!(call_id = %id, "a call's stream ends again and again: the call is ended");
    metrics::counter!("ai_realtime_twilio_resume_loops_total").increment(1);
    if let Some(live) = edge.state.switchboard.live(id) {
        // Twilio may not be configured to tell it.
        live.tell_phone(PhoneOrder::Status(PhoneStatus::Completed));
    }
    Ok(edge.state.phone.script.say_and_hang_up(IN_A_LOOP))
}

/// A call that Twilio still holds and we do not: the process before this one is gone.
async fn take_up(
    edge: &Edge,
    id: &CallId,
    call: &IncomingCall,
    dialled: Option<Dialled>,
) -> Result<String, ApiError> {
    let start = match opening(edge, call, Purpose::default()).await {
        Ok(start) => start,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(call_id = %id, error, "a call could not be taken up again");
            return Ok(turn_away(edge, &parties(call), Trouble::OutOfOrder));
        }
    };
    match begin(edge, id, start.clone()).await {
        // They have spoken with a human, and that human has hung up.
        Ok(Begun::Live) if dialled == Some(Dialled::Completed) => {
            if let Some(live) = edge.state.switchboard.live(id) {
                live.tell_phone(PhoneOrder::Status(PhoneStatus::Completed));
            }
            Ok(edge.state.phone.script.hang_up())
        }
        Ok(Begun::Live) => stream_again(edge, call, id, &start),
        Ok(Begun::Over) => Ok(edge.state.phone.script.hang_up()),
        Err(error) => {
            tracing::warn!(call_id = %id, error = %error, "a call could not be taken up again");
            Ok(turn_away(edge, &start, Trouble::OutOfOrder))
        }
    }
}
