//! A call comes in, or one we placed was answered: `POST /api/twilio/voice`. The call begins at once, and Twilio is
//! told to stream it without waiting for the model.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::super::Edge;
use super::super::error::ApiError;
use super::super::random::random;
use super::away::{Trouble, turn_away};
use super::opening::{Purpose, parties, ringing};
use super::signed::{SignedForm, WebhookRefusals, unusable};
use super::{Twiml, with};
use crate::call::{PhoneOrder, PhoneStart};
use crate::id::CallId;
use crate::protocol::twilio::CallSid;
use crate::protocol::twilio::webhook::IncomingCall;
use crate::store::directory::DirectoryError;
use crate::switchboard::SwitchboardError;
use crate::transport::twilio::script::StreamTicket;

/// Answer a call
///
/// Twilio asks here when a call comes in. The answer tells it to stream the call to `/api/twilio/stream`, and to ask at
/// `/api/twilio/resume` when the stream has ended. A webhook that comes again gets the same answer.
#[utoipa::path(
    post, path = "/api/twilio/voice", tag = "Phone", operation_id = "twilio_voice", security(()),
    params(
        ("persona" = Option<String>, Query, description = "Of a call we placed: who speaks"),
        ("business_id" = Option<String>, Query, description = "Of a call we placed: for which business"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "As Twilio posts it, signed in X-Twilio-Signature"),
    responses((status = 200, description = "TwiML", body = String, content_type = "text/xml"), WebhookRefusals),
)]
pub(in crate::edge) async fn voice(
    State(edge): State<Arc<Edge>>,
    purpose: Result<Query<Purpose>, QueryRejection>,
    SignedForm(form): SignedForm,
) -> Result<Response, ApiError> {
    let call = IncomingCall::read(&form).map_err(|error| unusable(&error))?;
    if call.call_status.is_final() {
        return Ok(Twiml(edge.state.phone.script.hang_up()).into_response());
    }
    let purpose = purpose.map(|Query(purpose)| purpose).unwrap_or_default();
    let id = call_id(&call.call_sid)?;
    let start = match ringing(&edge, &call, purpose).await {
        Ok(start) => start,
        Err(error) => return Ok(Twiml(answer_anybody(&edge, &call, &id, &error)?).into_response()),
    };
    let answer = match begin(&edge, &id, start.clone()).await {
        Ok(Begun::Live) => {
            tell_who_answered(&edge, &id);
            connect(&edge, &call, &id, &start, Visit::First)?
        }
        Ok(Begun::Over) => edge.state.phone.script.hang_up(),
        Err(error) => {
            tracing::warn!(call_id = %id, error = %error, "a caller could not be answered");
            turn_away(&edge, &start, Trouble::from(&error))
        }
    };
    Ok(Twiml(answer).into_response())
}

/// Tells a live call who took it up, if that came before the call was there.
pub(super) fn tell_who_answered(edge: &Edge, id: &CallId) {
    let Some(live) = edge.state.switchboard.live(id) else { return };
    if let Some(who) = with(&edge.desk.detections, |detections| detections.take(id, Instant::now())) {
        live.tell_phone(PhoneOrder::AnsweredBy(who));
    }
}

/// A caller of whom it cannot be found out whose they are: only a call that knows it goes on.
fn answer_anybody(
    edge: &Edge,
    call: &IncomingCall,
    id: &CallId,
    error: &DirectoryError,
) -> Result<String, ApiError> {
    let parties = parties(call);
    if edge.state.switchboard.live(id).is_some() {
        return connect(edge, call, id, &parties, Visit::First);
    }
    tracing::error!(call_id = %id, error = error as &dyn std::error::Error, "a caller could not be answered");
    Ok(turn_away(edge, &parties, Trouble::NoStart))
}

/// What became of a call that was to begin.
pub(super) enum Begun {
    /// It is live.
    Live,
    /// It was over already: this webhook is late, or not meant for us.
    Over,
}

/// Begins a call, or takes it up from its journal. One that has ended does not begin anew.
pub(super) async fn begin(edge: &Edge, id: &CallId, start: PhoneStart) -> Result<Begun, SwitchboardError> {
    let switchboard = &edge.state.switchboard;
    if switchboard.live(id).is_none() {
        let newest = edge.state.store.latest_event(id, None).await?;
        if newest.is_some_and(|event| event.kind == "call.ended") {
            return Ok(Begun::Over);
        }
    }
    switchboard.phone_call(id, start).await.map(|_| Begun::Live)
}

/// Whether Twilio asks for a call for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// Or the same again.
    First,
    /// Its stream has ended.
    Again,
}

/// Tells Twilio to stream a call that is live, with a pass.
pub(super) fn connect(
    edge: &Edge,
    call: &IncomingCall,
    id: &CallId,
    start: &PhoneStart,
    visit: Visit,
) -> Result<String, ApiError> {
    let fresh = random().ok_or_else(ApiError::internal)?;
    let now = Instant::now();
    let pass = with(&edge.desk.passes, |passes| match visit {
        Visit::First => passes.issue(id, &call.account_sid, || fresh, now),
        Visit::Again => passes.renew(id, &call.account_sid, fresh, now),
    });
    Ok(edge.state.phone.script.connect(StreamTicket {
        call_token: &pass,
        persona: start.persona.as_ref().map(AsRef::as_ref),
        business_id: start.business.as_ref().and_then(|business| business.known_id()).map(AsRef::as_ref),
    }))
}

/// The call's id is Twilio's.
pub(super) fn call_id(sid: &CallSid) -> Result<CallId, ApiError> {
    sid.as_str().parse().map_err(|_| ApiError::unknown_call())
}
