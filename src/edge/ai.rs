//! Speaking to a call, and who answers: `/ai/say`, `/ai/persona`, `/ai/personas`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use super::Edge;
use super::body::{ValidatedJson, names_business};
use super::error::{ApiError, BodyRefusals, CallRefusals, KeyRefusals};
use super::events::{self, CallJournal, Tail, Until};
use super::view::{PersonaAnswer, PersonaView, SayAnswer};
use crate::call::{CallError, CallHandle, CallState, known_persona};
use crate::id::{BusinessId, CallId, PersonaKey};
use crate::store::BusinessProfile;

/// A call knows whose it is within this.
const KNOWN_LIMIT: Duration = Duration::from_secs(5);
/// The longest key of a persona that is looked up, in characters.
const MAX_PERSONA_CHARS: usize = 128;

/// What to say, and to whom.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "What drinks do you have?", "wait": true}))]
pub(super) struct SayRequest {
    /// What the caller says: 1 to 5000 characters, not only white space.
    #[validate(
        length(min = 1, max = 5000, message = "must be 1 to 5000 characters"),
        custom(function = not_blank)
    )]
    #[schema(min_length = 1, max_length = 5000, pattern = "\\S")]
    text: String,
    /// The call: 1 to 128 characters of `A-Za-z0-9._:-`; `default` when absent. A call that is not there begins.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._:-]{1,128}$")]
    call_id: Option<CallId>,
    /// Who shall answer. A call that begins, begins with this persona; a live one gets it before it hears the text.
    #[validate(custom(function = persona_key))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    persona: Option<PersonaKey>,
    /// Whose caller it is: of a call that begins. A live call of another business is refused. When absent:
    /// `DEFAULT_BUSINESS`, else the only business there is, else the tools see the rows of all.
    #[validate(custom(function = names_business))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    business_id: Option<BusinessId>,
    /// Answer when the turn has ended, with the reply.
    #[serde(default)]
    wait: bool,
}

/// Who shall answer from now on.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"key": "cfo"}))]
pub(super) struct PersonaRequest {
    /// The persona.
    #[validate(custom(function = persona_key))]
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    key: PersonaKey,
    /// The call; `default` when absent. A call that is not there begins.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._:-]{1,128}$")]
    call_id: Option<CallId>,
}

/// Say something to a call
///
/// Answers as soon as the model has taken the text; with `wait` when the turn has ended, with the reply; with the
/// header `Accept: text/event-stream` with the turn's events as they happen, ending after `turn.done`. Texts on one
/// call are taken in order; sixteen may wait.
#[utoipa::path(
    post, path = "/ai/say", tag = "Conversation", operation_id = "say", request_body = SayRequest,
    responses(
        (status = 200, description = "The text was taken", content(
            (SayAnswer = "application/json"),
            (super::view::CallEventView = "text/event-stream"),
        )),
        KeyRefusals, BodyRefusals, CallRefusals,
    ),
)]
pub(super) async fn say(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    ValidatedJson(request): ValidatedJson<SayRequest>,
) -> Result<Response, ApiError> {
    let call_id = request.call_id.unwrap_or_else(CallId::default_call);
    // A place for the stream comes first: a text that is taken must not end without an answer.
    let place = if wants_events(&headers) { Some(edge.streams.begin()?) } else { None };
    let call = text_call(&edge, &call_id, request.persona.as_ref(), request.business_id.as_ref()).await?;
    let taken = call.say(request.text).await?;
    if let Some(place) = place {
        let journal = CallJournal { store: edge.state.store.clone(), call_id };
        let before = taken.first_seq.saturating_sub(1);
        let tail = Tail::new(journal, before, Until::TurnDone(taken.turn), Some(call.watch()));
        // With a journal that cannot be written nothing more would come.
        let unwritten = async move {
            if !matches!(taken.reply.await, Ok(Err(CallError::JournalUnavailable))) {
                std::future::pending::<()>().await;
            }
        };
        return Ok(events::respond(tail, place, unwritten));
    }
    let reply = if request.wait {
        // A call that is stopped drops the sender.
        Some(taken.reply.await.unwrap_or(Err(CallError::Interrupted))?.into())
    } else {
        None
    };
    Ok(Json(SayAnswer { ok: true, call_id: call_id.to_string(), reply }).into_response())
}

/// Put a persona in force
///
/// Answers once the model has confirmed it. The conversation stays.
#[utoipa::path(
    post, path = "/ai/persona", tag = "Conversation", operation_id = "activate_persona",
    request_body = PersonaRequest,
    responses(
        (status = 200, description = "The persona is in force", body = PersonaAnswer),
        KeyRefusals, BodyRefusals, CallRefusals,
    ),
)]
pub(super) async fn activate(
    State(edge): State<Arc<Edge>>,
    ValidatedJson(request): ValidatedJson<PersonaRequest>,
) -> Result<Json<PersonaAnswer>, ApiError> {
    let call_id = request.call_id.unwrap_or_else(CallId::default_call);
    known_persona(&request.key, &edge.state.library.catalog())?;
    let business = edge.business_of_text(&call_id, None).await?;
    let call = edge.state.switchboard.text_call_of(&call_id, Some(&request.key), business).await?;
    let active = call.activate(request.key).await?;
    Ok(Json(PersonaAnswer { ok: true, active: active.to_string(), call_id: call_id.to_string() }))
}

/// List the personas
#[utoipa::path(
    get, path = "/ai/personas", tag = "Conversation", operation_id = "list_personas",
    responses((status = 200, description = "All personas, by key", body = Vec<PersonaView>), KeyRefusals),
)]
pub(super) async fn personas(State(edge): State<Arc<Edge>>) -> Json<Vec<PersonaView>> {
    Json(edge.state.library.catalog().personas().map(|persona| persona.as_ref().into()).collect())
}

/// The text call of this id, with the persona asked for in force.
async fn text_call(
    edge: &Edge,
    id: &CallId,
    persona: Option<&PersonaKey>,
    business_id: Option<&BusinessId>,
) -> Result<CallHandle, ApiError> {
    if let Some(key) = persona {
        // Before any call is begun for it.
        known_persona(key, &edge.state.library.catalog())?;
    }
    let business = edge.business_of_text(id, business_id).await?;
    let first = business.as_ref().and_then(|business| business.default_persona.as_ref());
    let first = first.filter(|key| edge.state.library.catalog().persona(key).is_some()).cloned();
    let call = edge.state.switchboard.text_call_of(id, persona.or(first.as_ref()), business).await?;
    if let Some(business_id) = business_id {
        belongs_to(&call, business_id).await?;
    }
    if let Some(key) = persona {
        // The call knows best whether it is in force already; it may just be handing over.
        call.activate(key.clone()).await?;
    }
    Ok(call)
}

impl Edge {
    /// Whose caller a text call is for that begins, or that does not know.
    async fn business_of_text(
        &self,
        id: &CallId,
        named: Option<&BusinessId>,
    ) -> Result<Option<Arc<BusinessProfile>>, ApiError> {
        if let Some(named) = named {
            let found = self.state.store.business(named.as_str()).await?;
            return found.map(|found| Some(Arc::new(found))).ok_or_else(ApiError::unknown_business_in_body);
        }
        // A call that knows need not be told.
        match self.state.switchboard.live(id) {
            Some(live) if live.is_awake() || live.snapshot().business_id.is_some() => Ok(None),
            Some(_) | None => Ok(self.state.directory.unnamed().await?),
        }
    }
}

/// Whether a call belongs to this business, once it knows whose it is.
pub(super) async fn belongs_to(call: &CallHandle, business: &BusinessId) -> Result<(), ApiError> {
    let mut watch = call.watch();
    // One that sleeps without a business has just been told of this one.
    let knows = watch.wait_for(|call| {
        call.business_id.is_some() && call.state != CallState::Starting
            || matches!(call.state, CallState::Listening | CallState::Answering | CallState::Ended)
    });
    match tokio::time::timeout(KNOWN_LIMIT, knows).await {
        Ok(Ok(call)) if call.business_id.as_ref() == Some(business) || call.state == CallState::Ended => {
            Ok(())
        }
        Ok(Ok(_)) => Err(ApiError::new(
            StatusCode::CONFLICT,
            "other_business",
            "the call belongs to another business, or to none: use another call_id, or leave business_id out",
        )),
        // It is gone, and says so to whoever speaks to it.
        Ok(Err(_)) => Ok(()),
        Err(_elapsed) => Err(CallError::JournalUnavailable.into()),
    }
}

pub(super) fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|range| {
        range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
    })
}

pub(super) fn not_blank(text: &str) -> Result<(), ValidationError> {
    // An empty text is refused by its length already.
    if text.is_empty() || text.contains(|character: char| !character.is_whitespace()) {
        return Ok(());
    }
    Err(ValidationError::new("blank").with_message("must not be only white space".into()))
}

fn persona_key(key: &PersonaKey) -> Result<(), ValidationError> {
    if (1..=MAX_PERSONA_CHARS).contains(&key.as_str().chars().count()) {
        return Ok(());
    }
    Err(ValidationError::new("length").with_message("must be 1 to 128 characters".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::{HeaderValue, Request};
    use axum::routing::post;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    /// What `/ai/say` answers to a body, without a call behind it.
    async fn answer(content_type: Option<&str>, body: impl Into<Body>) -> (u16, Value) {
        let checked = |ValidatedJson(request): ValidatedJson<SayRequest>| async move {
            Json(json!({"text": request.text.len(), "wait": request.wait}))
        };
        let router = super::super::dress(Router::new().route("/ai/say", post(checked)));
        let mut request = Request::post("/ai/say");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let response = router.oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn say(body: &str) -> (u16, Value) {
        answer(Some("application/json"), body.to_owned()).await
    }

    #[tokio::test]
    async fn a_text_is_counted_in_characters() {
        let text = |character: &str, count: usize| json!({"text": character.repeat(count)}).to_string();
        assert_eq!(say(&text("a", 1)).await.0, 200);
        assert_eq!(say(&text("é", 5000)).await, (200, json!({"text": 10_000, "wait": false})));
        for wrong in [text("a", 0), text("a", 5001), text("🦀", 5001)] {
            let (status, body) = say(&wrong).await;
            assert_eq!((status, &body["code"]), (400, &json!("invalid_value")), "{body}");
            assert_eq!(body["fields"], json!({"text": ["must be 1 to 5000 characters"]}));
        }
        let (status, body) = say("{\"text\": \" \\n\\t\\u00a0\"}").await;
        assert_eq!((status, &body["fields"]["text"]), (400, &json!(["must not be only white space"])));
    }

    #[tokio::test]
    async fn a_body_that_is_not_meant_is_refused_with_its_reason() {
        for (body, code) in [
            ("{}", "missing_field"),
            ("{\"text\": 5}", "wrong_type"),
            ("{\"text\": null}", "wrong_type"),
            ("{\"text\": \"x\", \"wait\": \"yes\"}", "wrong_type"),
            ("{\"text\": \"x\", \"txet\": \"x\"}", "unknown_field"),
            ("{\"text\": \"x\", \"call_id\": \"a b\"}", "invalid_value"),
            ("{\"text\": \"x\", \"call_id\": \"\"}", "invalid_value"),
            ("{\"text\": \"x\", \"persona\": \"\"}", "invalid_value"),
            ("{\"text\": \"x\"", "invalid_json"),
            ("", "invalid_json"),
            ("[\"x\"]", "wrong_type"),
        ] {
            let (status, answer) = say(body).await;
            assert_eq!((status, &answer["code"]), (400, &json!(code)), "{body}: {answer}");
            assert!(answer["error"].as_str().unwrap().len() > 10, "{answer}");
        }
        for absent in
            ["{\"text\": \"x\", \"call_id\": null, \"persona\": null}", "{\"text\":\"x\",\"wait\":true}"]
        {
            assert_eq!(say(absent).await.0, 200, "{absent}");
        }
    }

    #[tokio::test]
    async fn only_json_of_a_decent_size_is_taken() {
        let (status, body) = answer(Some("text/plain"), "{\"text\":\"x\"}").await;
        assert_eq!((status, &body["code"]), (415, &json!("unsupported_media_type")));
        assert_eq!(answer(None, "{\"text\":\"x\"}").await.0, 415);
        let padded = |bytes: usize| format!("{{\"text\":\"x\"{}}}", " ".repeat(bytes - 12));
        assert_eq!(say(&padded(256 * 1024)).await.0, 200);
        let (status, body) = say(&padded(256 * 1024 + 1)).await;
        assert_eq!((status, &body["code"]), (413, &json!("body_too_large")));
    }

    #[test]
    fn events_are_wanted_when_they_are_accepted_by_name() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
            wants_events(&headers)
        };
        assert!(wants("text/event-stream") && wants("application/json, Text/Event-Stream;q=0.9"));
        assert!(!wants("*/*") && !wants("application/json") && !wants_events(&HeaderMap::new()));
    }
}
