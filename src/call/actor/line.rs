//! The line that carries a call's voice: the phone's, a browser's, or a Realtime client's.

use std::sync::Arc;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef};

use super::{CallDependencies, CallMessage};
use crate::audio::Lane;
use crate::call::voice::VoiceStart;
use crate::id::CallId;
use crate::protocol::openai::APPEND;
use crate::sound::AudioFormat;
use crate::transport::LineCommand;
use crate::transport::browser::{BrowserArguments, BrowserLine, BrowserMessage};
use crate::transport::realtime::{RealtimeArguments, RealtimeLine, RealtimeMessage};
use crate::transport::twilio::{PhoneArguments, PhoneLine, PhoneMessage};

/// What a client is told that comes too late, and the code of the close: "try again later".
const GONE: &str = "call_ended";
const LATER: u16 = 1013;

/// Something for a line to do.
#[derive(Debug)]
pub(super) enum LineOrder {
    /// Every line can.
    Any(LineCommand),
    /// Only a phone's line can.
    Phone(PhoneMessage),
    /// Only a browser's line can.
    Browser(BrowserMessage),
    /// Only a Realtime client's line can.
    Realtime(RealtimeMessage),
}

/// The line.
pub(super) enum Line {
    Phone(ActorRef<PhoneMessage>),
    Browser(ActorRef<BrowserMessage>),
    Realtime(ActorRef<RealtimeMessage>),
}

/// The audio of a call.
pub(super) fn lane(dependencies: &CallDependencies, start: &VoiceStart) -> Arc<Lane> {
    let (frames, format) = match start {
        VoiceStart::Phone(_) => (dependencies.phone.audio_queue, AudioFormat::Pcmu),
        VoiceStart::Browser(_) => (dependencies.browser.audio_queue, AudioFormat::Pcm24k),
        VoiceStart::Realtime(_) => (dependencies.realtime.audio_queue, AudioFormat::Pcm24k),
    };
    let lane = Lane::new(frames, APPEND, format);
    // A client of the model's protocol knows nothing but what the model says.
    Arc::new(if matches!(start, VoiceStart::Realtime(_)) { lane.plain() } else { lane })
}

impl Line {
    /// The line of a call that begins or is taken up again, or takes the place of one that failed.
    pub(super) async fn begin(
        myself: &ActorRef<CallMessage>,
        call_id: &CallId,
        dependencies: &CallDependencies,
        start: &VoiceStart,
        lane: Arc<Lane>,
    ) -> Result<Self, ActorProcessingErr> {
        let (call_id, owner) = (call_id.clone(), myself.get_derived());
        match start {
            VoiceStart::Phone(_) => {
                let desk = &dependencies.phone;
                let (api, limits) = (desk.api.clone(), desk.limits);
                let arguments = PhoneArguments { call_id, lane, owner, api, limits };
                let (line, _) = Actor::spawn_linked(None, PhoneLine, arguments, myself.get_cell()).await?;
                Ok(Self::Phone(line))
            }
            VoiceStart::Browser(_) => {
                let limits = dependencies.browser.limits;
                let arguments = BrowserArguments { call_id, lane, owner, limits };
                let (line, _) = Actor::spawn_linked(None, BrowserLine, arguments, myself.get_cell()).await?;
                Ok(Self::Browser(line))
            }
            VoiceStart::Realtime(_) => {
                let limits = dependencies.realtime.limits;
                let arguments = RealtimeArguments { call_id, lane, owner, limits };
                let (line, _) = Actor::spawn_linked(None, RealtimeLine, arguments, myself.get_cell()).await?;
                Ok(Self::Realtime(line))
            }
        }
    }

    pub(super) fn id(&self) -> ActorId {
        match self {
            Self::Phone(line) => line.get_id(),
            Self::Browser(line) => line.get_id(),
            Self::Realtime(line) => line.get_id(),
        }
    }

    /// Has the line do something. What another kind of line could do is not done.
    pub(super) fn tell(&self, order: LineOrder) {
        // A line that is gone begins again by itself.
        match (self, order) {
            (Self::Phone(line), LineOrder::Any(command)) => drop(line.cast(command.into())),
            (Self::Phone(line), LineOrder::Phone(message)) => drop(line.cast(message)),
            (Self::Browser(line), LineOrder::Any(command)) => drop(line.cast(command.into())),
            (Self::Browser(line), LineOrder::Browser(message)) => drop(line.cast(message)),
            (Self::Realtime(line), LineOrder::Any(command)) => drop(line.cast(command.into())),
            (Self::Realtime(line), LineOrder::Realtime(message)) => drop(line.cast(message)),
            (Self::Phone(_), LineOrder::Browser(_) | LineOrder::Realtime(_))
            | (Self::Browser(_), LineOrder::Phone(_) | LineOrder::Realtime(_))
            | (Self::Realtime(_), LineOrder::Phone(_) | LineOrder::Browser(_)) => {
                tracing::warn!("this line cannot do that");
            }
        }
    }
}

/// A connection that came when the call was over is told so: whoever connects again gets a new one.
pub(super) fn turn_away(attach: LineOrder) {
    if let LineOrder::Realtime(RealtimeMessage::Attach(stream)) = attach {
        tokio::spawn(stream.turn_away(GONE, "this call has just ended: connect again for another", LATER));
    }
}
