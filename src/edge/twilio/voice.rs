//! A call comes in, or one we placed was answered: `POST /api/twilio/voice`. The call begins at once, and Twilio is
//! told to stream it without waiting for the model.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::time::Instant;

use super::super::Edge;
use super::super::error::ApiError;
use super::opening::{human, opening};
use super::signed::{SignedForm, WebhookRefusals, unusable};
use super::{Twiml, passes, with};
use crate::call::{PhoneOrder, PhoneStart};
use crate::config::is_e164;
use crate::id::CallId;
use crate::protocol::twilio::CallSid;
use crate::protocol::twilio::webhook::IncomingCall;
use crate::switchboard::SwitchboardError;
use crate::transport::twilio::script::{DialPlan, StreamTicket, may_be_dialled};

/// What a caller hears who finds no place.
pub(super) const FULL: &str = "We are sorry, all our lines are busy. Please call again in a few minutes.";
const FULL_BUT: &str = "One moment please, you are being put through.";
/// How long a human's phone rings, in seconds.
pub(super) const RING_S: u32 = 25;

/// What a call we placed carries in its URL.
#[derive(Debug, Deserialize)]
pub(in crate::edge) struct OutQuery {
    out: Option<String>,
}

/// Answer a call
///
/// Twilio asks here when a call comes in. The answer tells it to stream the call to `/api/twilio/stream`, and to ask at
/// `/api/twilio/resume` when the stream has ended. A webhook that comes again gets the same answer.
#[utoipa::path(
    post, path = "/api/twilio/voice", tag = "Phone", operation_id = "twilio_voice", security(()),
    params(("out" = Option<String>, Query, description = "Of a call we placed: what for")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "As Twilio posts it, signed in X-Twilio-Signature"),
    responses((status = 200, description = "TwiML", body = String, content_type = "text/xml"), WebhookRefusals),
)]
pub(in crate::edge) async fn voice(
    State(edge): State<Arc<Edge>>,
    query: Result<Query<OutQuery>, QueryRejection>,
    SignedForm(form): SignedForm,
) -> Result<Response, ApiError> {
    let call = IncomingCall::read(&form).map_err(|error| unusable(&error))?;
    if call.call_status.is_final() {
        return Ok(Twiml(edge.state.phone.script.hang_up()).into_response());
    }
    let word = query.ok().and_then(|Query(query)| query.out);
    let purpose = word.and_then(|word| with(&edge.desk.placed, |placed| placed.find(&word, Instant::now())));
    let start = opening(&edge, &call, purpose).await;
    let id = call_id(&call.call_sid)?;
    let answer = match begin(&edge, &id, start.clone()).await {
        Ok(Begun::Live) => {
            tell_who_answered(&edge, &id);
            connect(&edge, &id, &start, Visit::First)?
        }
        Ok(Begun::Over) => edge.state.phone.script.hang_up(),
        Err(error) => {
            tracing::warn!(error = %error, "a caller could not be answered");
            turn_away(&edge, &start, FULL)
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
    id: &CallId,
    start: &PhoneStart,
    visit: Visit,
) -> Result<String, ApiError> {
    let fresh = passes::random().ok_or_else(ApiError::internal)?;
    let now = Instant::now();
    let pass = with(&edge.desk.passes, |passes| match visit {
        Visit::First => passes.issue(id, || fresh, now),
        Visit::Again => passes.renew(id, fresh, now),
    });
    Ok(edge.state.phone.script.connect(StreamTicket {
        call_token: &pass,
        persona: start.persona.as_ref().map(AsRef::as_ref),
        business_id: start.business.as_ref().map(|business| business.id.as_str()),
    }))
}

/// Puts a caller whom no persona can answer through to a human; if there is none, says sorry.
pub(super) fn turn_away(edge: &Edge, start: &PhoneStart, sorry: &str) -> String {
    metrics::counter!("ai_realtime_twilio_calls_turned_away_total").increment(1);
    let script = &edge.state.phone.script;
    let caller = start.caller.as_deref();
    let Some(to) = human(edge, start).filter(|to| may_be_dialled(caller, to)) else {
        return script.say_and_hang_up(sorry);
    };
    // Twilio shows the caller's number by itself; what is no number it could not show.
    let caller_id = start.called.as_deref().filter(|_| !caller.is_some_and(is_e164));
    script.say_and_dial(FULL_BUT, DialPlan { to, caller_id, timeout_s: RING_S, whisper_of: None })
}

/// The call's id is Twilio's.
pub(super) fn call_id(sid: &CallSid) -> Result<CallId, ApiError> {
    sid.as_str().parse().map_err(|_| ApiError::unknown_call())
}
