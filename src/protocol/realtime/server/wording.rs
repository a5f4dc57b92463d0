//! How events are put into words, for one connection.

use serde::Serialize;

use super::parts::{WireItem, WirePart, WireResponse};
use super::session::WireSession;
use super::{Complaint, Event, Place};
use crate::id::ItemId;
use crate::protocol::realtime::model::SessionView;
use crate::protocol::realtime::{Dialect, ExtensionNames};

/// A message has one part.
const THE_PART: usize = 0;
const SERVER_ERROR: &str = "server_error";
const INVALID_REQUEST: &str = "invalid_request_error";

/// What a client is told of its session that never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    /// Its id.
    pub session_id: String,
    /// The id of its conversation.
    pub conversation_id: String,
    /// The model's name, as the client asked for it.
    pub model: String,
    /// When the connection ends at the latest, in Unix seconds.
    pub expires_at: i64,
}

/// Puts events into words. Every one gets an id of its own.
#[derive(Debug)]
pub struct Wording {
    dialect: Dialect,
    pub(super) extensions: ExtensionNames,
    facts: SessionFacts,
    view: SessionView,
    events: u64,
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    event_id: &'a str,
    #[serde(flatten)]
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Session {
        session: WireSession<'a>,
    },
    Error {
        error: WireError<'a>,
    },
    Started {
        audio_start_ms: u64,
        item_id: &'a str,
    },
    Stopped {
        audio_end_ms: u64,
        item_id: &'a str,
    },
    Committed {
        previous_item_id: Option<&'a str>,
        item_id: &'a str,
    },
    Nothing {},
    Item {
        previous_item_id: Option<&'a str>,
        item: WireItem<'a>,
    },
    Retrieved {
        item: WireItem<'a>,
    },
    Truncated {
        item_id: &'a str,
        content_index: usize,
        audio_end_ms: u64,
    },
    Deleted {
        item_id: &'a str,
    },
    Transcribed {
        item_id: &'a str,
        content_index: usize,
        transcript: &'a str,
        usage: Duration,
    },
    NotTranscribed {
        item_id: &'a str,
        content_index: usize,
        error: Cause,
    },
    Response {
        response: WireResponse<'a>,
    },
    Output {
        response_id: &'a str,
        output_index: usize,
        item: WireItem<'a>,
    },
    Part {
        #[serde(flatten)]
        place: WirePlace<'a>,
        part: WirePart<'a>,
    },
    Delta {
        #[serde(flatten)]
        place: WirePlace<'a>,
        delta: &'a str,
    },
    Text {
        #[serde(flatten)]
        place: WirePlace<'a>,
        text: &'a str,
    },
    Transcript {
        #[serde(flatten)]
        place: WirePlace<'a>,
        transcript: &'a str,
    },
    Bare(WirePlace<'a>),
    Tool {
        previous_item_id: Option<&'a str>,
        tool_name: &'a str,
        tool_result: &'a str,
    },
    Persona {
        persona: &'a str,
    },
}

#[derive(Serialize)]
struct WirePlace<'a> {
    response_id: &'a str,
    item_id: &'a str,
    output_index: usize,
    content_index: usize,
}

#[derive(Serialize)]
struct WireError<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'a str,
    message: &'a str,
    param: Option<&'a str>,
    event_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Duration {
    #[serde(rename = "type")]
    kind: &'static str,
    seconds: f64,
}

#[derive(Serialize)]
struct Cause {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'static str,
    message: &'static str,
}

/// An `error` for a client that has no session.
pub fn refusal_json(code: &str, message: &str) -> String {
    let error = WireError { kind: INVALID_REQUEST, code, message, param: None, event_id: None };
    let wire = Wire { kind: "error", event_id: "event_1", body: Body::Error { error } };
    serde_json::to_string(&wire).unwrap_or_default()
}

impl Wording {
    /// For a connection whose session is so, until another is told.
    pub fn new(dialect: Dialect, extensions: ExtensionNames, facts: SessionFacts, view: SessionView) -> Self {
        Self { dialect, extensions, facts, view, events: 0 }
    }

    /// Uses the other dialect from now on.
    pub fn speak(&mut self, dialect: Dialect) {
        self.dialect = dialect;
    }

    /// In which form the client is told things.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How the session is, as it was last told.
    pub fn view(&self) -> &SessionView {
        &self.view
    }

    /// An event as it goes over the wire; `None` for one that the dialect does not have.
    pub fn put(&mut self, event: &Event) -> Option<String> {
        if let Event::SessionCreated(view) | Event::SessionUpdated(view) = event {
            self.view.clone_from(view);
        }
        let kind = self.name(event)?;
        let event_id = self.event_id();
        let wire = Wire { kind, event_id: &event_id, body: self.body(event) };
        // Texts and numbers can always be written.
        Some(serde_json::to_string(&wire).unwrap_or_default())
    }

    /// Sound of a message, in one piece. Base64 has nothing to escape.
    pub fn audio(&mut self, place: &Place, base64: &str) -> String {
        let kind = match self.dialect {
            Dialect::Ga => "response.output_audio.delta",
            Dialect::Beta => "response.audio.delta",
        };
        let event_id = self.event_id();
        let head = Wire { kind, event_id: &event_id, body: Body::Bare(WirePlace::of(place)) };
        let mut json = serde_json::to_string(&head).unwrap_or_default();
        // The brace that ends it comes again.
        json.pop();
        json.reserve(base64.len() + 12);
        json.push_str(r#","delta":""#);
        json.push_str(base64);
        json.push_str(r#""}"#);
        json
    }

    fn event_id(&mut self) -> String {
        self.events += 1;
        format!("event_{}", self.events)
    }

    fn name(&self, event: &Event) -> Option<&'static str> {
        let of = |ga, beta| match self.dialect {
            Dialect::Ga => ga,
            Dialect::Beta => beta,
        };
        Some(match event {
            Event::SessionCreated(_) => "session.created",
            Event::SessionUpdated(_) => "session.updated",
            Event::Error(_) => "error",
            Event::SpeechStarted { .. } => "input_audio_buffer.speech_started",
            Event::SpeechStopped { .. } => "input_audio_buffer.speech_stopped",
            Event::Committed { .. } => "input_audio_buffer.committed",
            Event::Cleared => "input_audio_buffer.cleared",
            Event::ItemAdded { .. } => of("conversation.item.added", "conversation.item.created"),
            Event::ItemDone { .. } if self.dialect == Dialect::Beta => return None,
            Event::ItemDone { .. } => "conversation.item.done",
            Event::ItemRetrieved(_) => "conversation.item.retrieved",
            Event::ItemTruncated { .. } => "conversation.item.truncated",
            Event::ItemDeleted(_) => "conversation.item.deleted",
            Event::Transcribed { .. } => "conversation.item.input_audio_transcription.completed",
            Event::NotTranscribed(_) => "conversation.item.input_audio_transcription.failed",
            Event::ResponseCreated(_) => "response.created",
            Event::ResponseDone(_) => "response.done",
            Event::OutputAdded { .. } => "response.output_item.added",
            Event::OutputDone { .. } => "response.output_item.done",
            Event::PartAdded { .. } => "response.content_part.added",
            Event::PartDone { .. } => "response.content_part.done",
            Event::Words { is_spoken: true, .. } => {
                of("response.output_audio_transcript.delta", "response.audio_transcript.delta")
            }
            Event::Words { is_spoken: false, .. } => of("response.output_text.delta", "response.text.delta"),
            Event::AudioDone { .. } => of("response.output_audio.done", "response.audio.done"),
            Event::WordsDone { is_spoken: true, .. } => {
                of("response.output_audio_transcript.done", "response.audio_transcript.done")
            }
            Event::WordsDone { is_spoken: false, .. } => {
                of("response.output_text.done", "response.text.done")
            }
            Event::ToolDone { .. } => match self.extensions {
                ExtensionNames::Underscored => "extension.middle_tier_tool_response",
                ExtensionNames::Dotted => "extension.middle_tier_tool.response",
            },
            Event::Persona(_) => "extension.persona.activated",
            Event::Introduced => "extension.session_getting_received",
        })
    }

    fn body<'a>(&'a self, event: &'a Event) -> Body<'a> {
        let item = |item| WireItem::new(self.dialect, item);
        match event {
            Event::SessionCreated(view) | Event::SessionUpdated(view) => {
                Body::Session { session: WireSession::new(self.dialect, &self.facts, view) }
            }
            Event::Error(complaint) => Body::Error { error: WireError::of(complaint) },
            Event::SpeechStarted { item_id, at_ms } => {
                Body::Started { audio_start_ms: *at_ms, item_id: item_id.as_str() }
            }
            Event::SpeechStopped { item_id, at_ms } => {
                Body::Stopped { audio_end_ms: *at_ms, item_id: item_id.as_str() }
            }
            Event::Committed { item_id, previous } => {
                Body::Committed { previous_item_id: text(previous), item_id: item_id.as_str() }
            }
            Event::Cleared | Event::Introduced => Body::Nothing {},
            Event::ItemAdded { item: it, previous } | Event::ItemDone { item: it, previous } => {
                Body::Item { previous_item_id: text(previous), item: item(it) }
            }
            Event::ItemRetrieved(it) => Body::Retrieved { item: item(it) },
            Event::ItemTruncated { item_id, heard_ms } => Body::Truncated {
                item_id: item_id.as_str(),
                content_index: THE_PART,
                audio_end_ms: *heard_ms,
            },
            Event::ItemDeleted(item_id) => Body::Deleted { item_id: item_id.as_str() },
            Event::Transcribed { item_id, text, ms } => Body::Transcribed {
                item_id: item_id.as_str(),
                content_index: THE_PART,
                transcript: text,
                usage: Duration { kind: "duration", seconds: *ms as f64 / 1_000.0 },
            },
            Event::NotTranscribed(item_id) => Body::NotTranscribed {
                item_id: item_id.as_str(),
                content_index: THE_PART,
                error: Cause {
                    kind: SERVER_ERROR,
                    code: "transcription_failed",
                    message: "what was said could not be written down",
                },
            },
            Event::ResponseCreated(response) | Event::ResponseDone(response) => {
                let conversation = &self.facts.conversation_id;
                Body::Response {
                    response: WireResponse::new(self.dialect, response, &self.view, conversation),
                }
            }
            Event::OutputAdded { place, item: it } | Event::OutputDone { place, item: it } => Body::Output {
                response_id: place.response.as_str(),
                output_index: place.index,
                item: item(it),
            },
            Event::PartAdded { place, is_spoken } => {
                Body::Part { place: WirePlace::of(place), part: WirePart::under_way(*is_spoken, "") }
            }
            Event::PartDone { place, is_spoken, text } => {
                Body::Part { place: WirePlace::of(place), part: WirePart::under_way(*is_spoken, text) }
            }
            Event::Words { place, delta, .. } => Body::Delta { place: WirePlace::of(place), delta },
            Event::AudioDone { place } => Body::Bare(WirePlace::of(place)),
            Event::WordsDone { place, is_spoken: true, text } => {
                Body::Transcript { place: WirePlace::of(place), transcript: text }
            }
            Event::WordsDone { place, is_spoken: false, text } => {
                Body::Text { place: WirePlace::of(place), text }
            }
            Event::ToolDone { previous, name, result } => {
                Body::Tool { previous_item_id: text(previous), tool_name: name, tool_result: result }
            }
            Event::Persona(persona) => Body::Persona { persona: persona.as_str() },
        }
    }
}

impl<'a> WirePlace<'a> {
    fn of(place: &'a Place) -> Self {
        let Place { response, item_id, index } = place;
        Self {
            response_id: response.as_str(),
            item_id: item_id.as_str(),
            output_index: *index,
            content_index: THE_PART,
        }
    }
}

impl<'a> WireError<'a> {
    fn of(complaint: &'a Complaint) -> Self {
        let Complaint { event_id, code, param, message } = complaint;
        let kind = if code == SERVER_ERROR { SERVER_ERROR } else { INVALID_REQUEST };
        Self { kind, code, message, param: param.as_deref(), event_id: event_id.as_deref() }
    }
}

fn text(id: &Option<ItemId>) -> Option<&str> {
    id.as_ref().map(ItemId::as_str)
}
