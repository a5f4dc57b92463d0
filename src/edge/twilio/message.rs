//! Messages: `POST /api/twilio/message`. Everything one sender writes is one text call, which answers in messages.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::super::Edge;
use super::super::error::ApiError;
use super::super::once::{Answer, Keep, Once};
use super::opening::{business_of, is_known};
use super::signed::{SignedForm, WebhookRefusals, unusable};
use super::split::{MAX_MESSAGE, split};
use super::{Twiml, sender};
use crate::call::{CallError, CallHandle};
use crate::protocol::twilio::webhook::IncomingMessage;
use crate::switchboard::SwitchboardError;
use crate::transport::twilio::rest::TwilioApi;

/// Twilio waits for 15 s.
const REPLY_LIMIT: Duration = Duration::from_secs(12);
/// A longer text than any message has is not given to the model.
const MAX_TEXT_CHARS: usize = 5_000;

const ONLY_TEXT: &str = "I can read text only. Please write to me what you need.";
const ONLY_THE_TEXT: &str = "(I could read your text only, not what you attached.)";
const TOO_LONG: &str = "I am sorry, your message is too long for me. Please write to me in fewer words.";
const LATER: &str = "One moment please, the answer follows.";
const TOO_SLOW: &str = "I am sorry, I could not answer in time. Please send your message again in a moment.";
const NOT_NOW: &str = "I am sorry, I cannot answer just now. Please write again in a few minutes.";

/// The answers to messages, by their `MessageSid`.
pub(super) type Answers = Once<Vec<String>>;

impl Answer for Vec<String> {
    fn to_text(&self) -> String {
        // Texts always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    fn lost() -> Self {
        one(TOO_SLOW)
    }
}

/// Answer a message
///
/// An SMS or a WhatsApp message through Twilio, answered by the persona of the number it was sent to in a text call per
/// sender. The same `MessageSid` is answered once within ten minutes.
#[utoipa::path(
    post, path = "/api/twilio/message", tag = "Phone", operation_id = "twilio_message", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "As Twilio posts it, signed in X-Twilio-Signature"),
    responses((status = 200, description = "TwiML", body = String, content_type = "text/xml"), WebhookRefusals),
)]
pub(in crate::edge) async fn message(
    State(edge): State<Arc<Edge>>,
    SignedForm(form): SignedForm,
) -> Result<Response, ApiError> {
    let message = IncomingMessage::read(&form).map_err(|error| unusable(&error))?;
    // Twilio itself answers who wants no more messages, or any again.
    if form.get("OptOutType").is_some_and(|kind| !kind.is_empty()) {
        return Ok(Twiml(edge.state.phone.script.messages(&[])).into_response());
    }
    let sid = message.message_sid.clone();
    let answering = Arc::clone(&edge);
    let work = || answering.answer(message);
    // Twilio would tell nobody of a status; the sender reads a sentence.
    let answer = edge.desk.answers.run(&sid, "", work).await;
    let bodies = answer.ok().flatten().unwrap_or_else(|| {
        tracing::warn!("a message could not be answered: too many are, the store is away, or a mistake of ours broke it off");
        one(NOT_NOW)
    });
    Ok(Twiml(edge.state.phone.script.messages(&bodies)).into_response())
}

impl Edge {
    /// What is answered within Twilio's patience. What comes later is sent, if that is possible.
    async fn answer(self: Arc<Self>, message: IncomingMessage) -> (Vec<String>, Keep) {
        let text = message.body.trim();
        if text.is_empty() {
            return (one(ONLY_TEXT), Keep::Yes);
        }
        if text.chars().count() > MAX_TEXT_CHARS {
            return (one(TOO_LONG), Keep::Yes);
        }
        let text = text.to_owned();
        let mut reply = tokio::spawn(Arc::clone(&self).reply(message.clone(), text));
        match tokio::time::timeout(REPLY_LIMIT, &mut reply).await {
            Ok(Ok(Ok(text))) => (split(&text, MAX_MESSAGE), Keep::Yes),
            Ok(Ok(Err(error))) => {
                tracing::warn!(error = %error, "a message could not be answered");
                (one(NOT_NOW), Keep::Yes)
            }
            Ok(Err(_panicked)) => (one(NOT_NOW), Keep::Yes),
            Err(_elapsed) => {
                metrics::counter!("ai_realtime_twilio_late_replies_total").increment(1);
                let Some(api) = self.state.phone.api.clone() else {
                    return (one(TOO_SLOW), Keep::Yes);
                };
                tokio::spawn(async move {
                    let text = reply.await.ok().and_then(Result::ok).unwrap_or_else(|| NOT_NOW.to_owned());
                    send(&api, &message, &text).await;
                });
                (one(LATER), Keep::Yes)
            }
        }
    }

    async fn reply(
        self: Arc<Self>,
        message: IncomingMessage,
        text: String,
    ) -> Result<String, SwitchboardError> {
        let call = self.text_call_of(&message).await?;
        let taken = call.say(text).await?;
        // A call that is stopped drops the sender.
        let reply = taken.reply.await.unwrap_or(Err(CallError::Interrupted))?.text;
        Ok(if message.num_media == 0 { reply } else { format!("{reply}\n\n{ONLY_THE_TEXT}") })
    }

    async fn text_call_of(&self, message: &IncomingMessage) -> Result<CallHandle, SwitchboardError> {
        let id = sender::call_of(&message.from, &message.to).ok_or(CallError::Interrupted)?;
        let business = business_of(self, &message.to).await.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a message could not be answered");
            CallError::JournalUnavailable
        })?;
        let persona = business.as_ref().and_then(|business| business.default_persona.clone());
        let persona = persona.filter(|persona| is_known(self, persona));
        self.state.switchboard.text_call_of(&id, persona.as_ref(), business).await
    }
}

/// Sends a late reply, one message after the other; what comes after one that failed would make no sense.
async fn send(api: &TwilioApi, message: &IncomingMessage, text: &str) {
    for body in split(text, MAX_MESSAGE) {
        if let Err(error) = api.send_message(&message.to, &message.from, &body).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a late reply could not be sent");
            return;
        }
    }
}

fn one(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}
