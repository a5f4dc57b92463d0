//! What the conduct of a call decides, and what comes back to it.

use std::time::Duration;

use crate::call::event::EndReason;
use crate::call::phone::Dial;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoiceAction {
    /// Nothing of what the persona said so far shall be heard any more.
    Interrupt,
    /// Have the persona say something.
    Say(Occasion),
    /// Come back with this after that long.
    Arm(VoiceTimer, Duration),
    /// End the call at Twilio's.
    HangUp,
    /// Put the caller through to a human, at Twilio's.
    PutThrough(Dial),
    /// Tell the caller, at Twilio's, that the service is out of order.
    Apologise,
    /// Ask Twilio whether the call goes on.
    AskStatus,
    /// The model is not needed for a while.
    RestSession,
    /// The call is over: close its books.
    End(EndReason),
}

/// Why the persona says something of which the caller has not spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The caller is there.
    Greeting,
    /// The caller is silent.
    Nudge,
    /// The caller stays silent, or the call has lasted long enough.
    Goodbye,
    /// The call may not last much longer.
    EndingSoon,
    /// The caller is about to be put through.
    Transfer,
    /// The line broke while the persona spoke, and is back.
    GoOn,
    /// The service was gone for a while, and is back.
    Back,
    /// No human took the call.
    NobodyAvailable,
    /// A machine answered.
    Voicemail,
    /// The service is going down.
    ShuttingDown,
}

/// What comes back after a while. Numbers tell a timer that still means something from one that does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceTimer {
    /// This speech may have become long enough.
    Speech(u64),
    /// This silence has lasted.
    Silence(u64),
    /// The call may not last much longer.
    EndingSoon,
    /// The call has lasted long enough.
    MaxCall,
    /// This farewell has had its time.
    Farewell(u64),
    /// This wait for the line has had its time.
    Line(u64),
}
