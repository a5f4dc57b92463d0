//! A simulated Twilio caller: for trials without a telephone, for journeys, and for the load run.
//!
//! It plays Twilio: signs and posts the webhook, follows the TwiML, streams the caller's audio in real time, plays
//! what comes back with Twilio's mark and clear semantics, and keeps a timeline of what the caller noticed. It
//! shares no type with the service, so that one cannot hide the mistakes of the other.
//!
//! ```no_run
//! # use std::time::Duration;
//! # async fn trial() -> Result<(), Box<dyn std::error::Error>> {
//! use ai_realtime::caller::Caller;
//!
//! let patience = Duration::from_secs(10);
//! let line = Caller::builder("http://127.0.0.1:7070/api/twilio/voice").token("secret".into()).dial().await?;
//! line.until_heard("welcome", patience).await?;
//! let answer = line.ask("what drinks do you have?", patience).await?;
//! assert!(answer.contains("lemonade"));
//! line.hang_up().await;
//! # Ok(())
//! # }
//! ```

mod builder;
mod call;
mod command;
mod ear;
mod exchange;
mod human;
mod identity;
mod late;
mod line;
mod mouth;
mod playout;
mod record;
mod signature;
mod socket;
mod speech;
mod stream;
#[cfg(test)]
mod tests;
mod timeline;
mod track;
pub mod twiml;
mod ulaw;
mod wait;
mod wav;
mod webhook;
mod wire;
mod xml;

pub use builder::CallerBuilder;
pub use command::{CallArgs, run};
pub use exchange::{ApiRequest, Callee, Exchange, ExchangeError, ExchangeOptions, Fault};
pub use human::Human;
pub use late::Late;
pub use line::Line;
pub use record::Counters;
pub use signature::sign;
pub use timeline::{Ending, Moment, StreamEnd, TimelineEvent, answer_times_ms};
pub use track::Heard;
pub use webhook::{Answer, CallError, Params, Webhooks};

/// A person who calls.
#[derive(Debug)]
pub struct Caller;

impl Caller {
    /// Prepares a call to the voice webhook at `url`.
    pub fn builder(url: &str) -> CallerBuilder {
        CallerBuilder::new(url)
    }
}

/// Watches the audio of a call as it crosses the line; for measuring. Called from the task that runs the call.
pub trait Tap: Send + Sync {
    /// A frame of 160 bytes was handed to the socket.
    fn on_sent(&self, frame: &[u8]);
    /// Audio has come in, of whatever length the service chose.
    fn on_received(&self, audio: &[u8]);
}

/// A way in which this Twilio is not the real one; for tests of what a service must refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Twist {
    /// Opens the stream and never sends `start`.
    NoStart,
    /// Claims to be another call in `start`.
    StartCallSid(String),
    /// Sends another value for a parameter in `start`, or one that was not asked for.
    Parameter(String, String),
    /// Opens the stream without a signature.
    UnsignedUpgrade,
}
