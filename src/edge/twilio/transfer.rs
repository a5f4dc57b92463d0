//! Putting a caller through to a human: `POST /ai/calls/{call_id}/transfer`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use super::super::Edge;
use super::super::body::ValidatedJson;
use super::super::calls::NamedCall;
use super::super::error::{ApiError, BodyRefusals, ErrorBody, KeyRefusals, UnknownCall};
use super::super::view::Done;
use crate::transport::twilio::script::{can_be_dialled, may_be_dialled};

/// To whom, and what they are told.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to": "+35699123456", "summary": "A table for six on Friday; wants to speak to a human."}))]
pub(in crate::edge) struct TransferRequest {
    /// A number in E.164, or a `client:` or `sip:` address; when absent, the one of the business or `TRANSFER_NUMBER`.
    #[validate(custom(function = dialable))]
    #[schema(max_length = 256)]
    to: Option<String>,
    /// What the human is told before the caller is put through.
    #[validate(length(min = 1, max = 1000, message = "must be 1 to 1000 characters"))]
    #[schema(min_length = 1, max_length = 1000)]
    summary: Option<String>,
}

/// Put a caller through to a human
///
/// Answers when it has begun. When nobody takes the call the caller comes back to the persona.
#[utoipa::path(
    post, path = "/ai/calls/{call_id}/transfer", tag = "Calls", operation_id = "transfer_call",
    params(("call_id" = String, Path, description = "The call")),
    request_body = TransferRequest,
    responses(
        (status = 200, description = "It has begun", body = Done),
        (status = 409, description = "`call_ended`, `no_phone`, `nobody_to_transfer_to` or `transfer_not_allowed`",
            body = ErrorBody),
        (status = 503, description = "`draining`, `at_capacity`, `call_interrupted` or `store_unavailable`",
            body = ErrorBody),
        KeyRefusals, BodyRefusals, UnknownCall,
    ),
)]
pub(in crate::edge) async fn transfer(
    State(edge): State<Arc<Edge>>,
    NamedCall(call_id): NamedCall,
    ValidatedJson(request): ValidatedJson<TransferRequest>,
) -> Result<Json<Done>, ApiError> {
    let call = edge.state.switchboard.find(&call_id).await?;
    let snapshot = call.snapshot();
    let whatsapp =
        [&snapshot.from, &snapshot.to].into_iter().flatten().find(|it| it.starts_with("whatsapp:"));
    if request.to.as_deref().is_some_and(|to| !may_be_dialled(whatsapp.map(String::as_str), to)) {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "transfer_not_allowed",
            "a WhatsApp call cannot be put through to a phone number: give a client: or sip: address",
        ));
    }
    call.transfer(request.to, request.summary).await?;
    Ok(Json(Done { ok: true }))
}

fn dialable(to: &str) -> Result<(), ValidationError> {
    if to.len() <= 256 && can_be_dialled(to) {
        return Ok(());
    }
    let message = "must be a number such as +35699123456, or a client: or sip: address";
    Err(ValidationError::new("number").with_message(message.into()))
}
