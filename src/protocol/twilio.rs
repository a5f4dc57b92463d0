//! Twilio, as its webhooks, its TwiML and its Media Streams speak it: what we send is exact, what we read is open and
//! forgiving, and nothing is believed without its signature.
//!
//! Source: <https://www.twilio.com/docs/voice>

mod sid;
pub mod signature;
pub mod stream;
pub mod twiml;
pub mod webhook;

pub use sid::{CallSid, SidError, StreamSid};
