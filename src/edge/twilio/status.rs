//! What became of calls and streams, and who took a call up: `POST /api/twilio/status`. Told in any order, again and
//! again, and long after the call is gone.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use tokio::time::Instant;

use super::super::Edge;
use super::signed::{SignedForm, WebhookRefusals};
use super::voice::{call_id, tell_who_answered};
use super::with;
use crate::call::{AnsweredBy, PhoneOrder, PhoneStatus};
use crate::id::CallId;
use crate::protocol::twilio::webhook::{
    AnsweredBy as Answered, CallStatus, CallStatusUpdate, Form, MachineDetection, StreamEvent,
    StreamStatusUpdate,
};
use crate::switchboard::SwitchboardError;

/// Take note of what became of a call
#[utoipa::path(
    post, path = "/api/twilio/status", tag = "Phone", operation_id = "twilio_status", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "As Twilio posts it, signed in X-Twilio-Signature"),
    responses((status = 204, description = "Always, for what Twilio signed"), WebhookRefusals),
)]
pub(in crate::edge) async fn status(
    State(edge): State<Arc<Edge>>,
    SignedForm(form): SignedForm,
) -> StatusCode {
    if form.get("StreamEvent").is_some() {
        note_stream(&form);
        return StatusCode::NO_CONTENT;
    }
    note_call(&edge, &form).await;
    // It may stand beside a status; of a call that is over it says nothing any more.
    note_answer(&edge, &form);
    StatusCode::NO_CONTENT
}

fn note_stream(form: &Form) {
    match StreamStatusUpdate::read(form).map(|update| update.event) {
        Ok(StreamEvent::Error { text }) => {
            metrics::counter!("ai_realtime_twilio_stream_errors_total").increment(1);
            tracing::debug!(text, "Twilio says that something is wrong with a stream");
        }
        Ok(StreamEvent::Started | StreamEvent::Stopped | StreamEvent::Other(_)) | Err(_) => {}
    }
}

async fn note_call(edge: &Edge, form: &Form) {
    let Ok(update) = CallStatusUpdate::read(form) else { return };
    let Ok(id) = call_id(&update.call_sid) else { return };
    let status = match &update.status {
        CallStatus::Completed => PhoneStatus::Completed,
        CallStatus::Busy | CallStatus::NoAnswer | CallStatus::Failed | CallStatus::Canceled => {
            PhoneStatus::NotTaken
        }
        CallStatus::Queued
        | CallStatus::Initiated
        | CallStatus::Ringing
        | CallStatus::InProgress
        | CallStatus::Other(_) => PhoneStatus::GoesOn,
    };
    if let Some(live) = edge.state.switchboard.live(&id) {
        live.tell_phone(PhoneOrder::Status(status));
    } else if status != PhoneStatus::GoesOn {
        close_books(edge, &id, status).await;
    }
}

/// A call that ended while nobody looked after it: it is taken up from its journal to be ended there.
async fn close_books(edge: &Edge, id: &CallId, status: PhoneStatus) {
    match edge.state.switchboard.find(id).await {
        Ok(call) => call.tell_phone(PhoneOrder::Status(status)),
        Err(SwitchboardError::UnknownCall(_)) => {}
        Err(error) => tracing::warn!(call_id = %id, error = %error, "the end of a call could not be written"),
    }
}

fn note_answer(edge: &Edge, form: &Form) {
    let Ok(detection) = MachineDetection::read(form) else { return };
    let answered_by = match detection.answered_by {
        Answered::Human | Answered::Unknown | Answered::Other(_) => AnsweredBy::Human,
        Answered::Machine(_) => AnsweredBy::Machine,
        Answered::Fax => AnsweredBy::Fax,
    };
    let Ok(id) = call_id(&detection.call_sid) else { return };
    // By way of the desk: Twilio may ask what to do with the call only now.
    with(&edge.desk.detections, |detections| detections.remember(id.clone(), answered_by, Instant::now()));
    tell_who_answered(edge, &id);
}
