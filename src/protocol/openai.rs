//! OpenAI's Realtime protocol (GA), as its WebSocket speaks it: what we send is closed and exact, what we read is
//! open and forgiving.
//!
//! Source: <https://platform.openai.com/docs/api-reference/realtime>

mod client;
mod server;

pub use client::{
    AudioOutputPatch, AudioPatch, ClientEvent, ContentPart, FunctionTool, Modality, NewItem,
    ResponseMetadata, ResponseParams, Role, SessionPatch,
};
pub use server::{
    ApiError, EchoedSession, EchoedTool, Item, ItemPart, Metadata, ParseError, Response, ServerEvent,
    StatusDetails, UsageReport,
};
