//! `ai-realtime` stands between a business's callers and OpenAI's Realtime API.
//!
//! Every call is a supervisor actor that owns three others: a session (one WebSocket to the model), a transport
//! (the caller's line) and a persona (who speaks, with which tools). Imports only point down; the order is
//! written in `tests/layering.rs`.

pub mod app;
pub mod at_once;
pub mod audio;
pub mod call;
pub mod caller;
pub mod check;
pub mod config;
pub mod edge;
pub mod id;
pub mod knowledge;
pub mod migrate;
pub mod outbox;
pub mod persona;
pub mod protocol;
pub mod rehearsal;
pub mod secret;
pub mod session;
pub mod sound;
pub mod store;
pub mod switchboard;
pub mod telemetry;
pub mod tls;
pub mod tool;
pub mod transport;
pub mod usage;
