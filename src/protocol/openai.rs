//! OpenAI's Realtime protocol (GA), as its WebSocket speaks it: what we send is closed and exact, what we read is
//! open and forgiving.
//!
//! Source: <https://platform.openai.com/docs/api-reference/realtime>

mod audio;
mod client;
mod parts;
mod response_params;
mod server;

pub use audio::{APPEND, CLEAR, COMMIT, SpeechFrame, speech};
pub use client::{
    AudioInputPatch, AudioOutputPatch, AudioPatch, ClientEvent, ContentPart, FunctionTool, MeaningDetection,
    Modality, NewItem, Role, SessionPatch, Transcription, TurnDetection, VolumeDetection,
};
pub use parts::{
    ApiError, EchoedSession, EchoedTool, Item, ItemPart, Metadata, Response, StatusDetails, TokenDetails,
    UsageReport,
};
pub use response_params::{ResponseMetadata, ResponseParams};
pub use server::{ParseError, ServerEvent};
