//! Whether the caller's line is there, and how long to wait for it when it is not.

use std::time::Duration;

use super::{VoiceAction, VoiceTimer};
use crate::call::event::EndReason;
use crate::transport::StreamEnd;

/// The first stream must be there within this after the phone rang.
const FIRST_LIMIT: Duration = Duration::from_secs(60);
/// Twilio must come back for a stream that broke within this.
const LOST_LIMIT: Duration = Duration::from_secs(30);
/// After a stop of which nobody said why, Twilio is asked; most often it has said so by itself before.
const STOPPED_LIMIT: Duration = Duration::from_secs(5);
/// A call that goes on after a stop must be back within this.
const ASKED_LIMIT: Duration = Duration::from_secs(15);

/// A call that is with a human is asked about so often: what Twilio tells by itself may be lost.
const AWAY_ASKED_EVERY: Duration = Duration::from_secs(300);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Expected,
    Up,
    /// Twilio said that the stream stopped; what of the call is not known.
    Stopped,
    /// We asked what of the call.
    Asked,
    Lost,
    /// The caller is elsewhere, and may come back after hours.
    Away,
}

/// What follows when the line has been missing for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// Ask, and wait once more.
    Ask(VoiceAction),
    /// The call is over.
    Gone(EndReason),
}

/// The line of a call.
#[derive(Debug)]
pub(super) struct Line {
    state: State,
    waits: u64,
}

impl Line {
    pub(super) fn expected() -> (Self, VoiceAction) {
        let mut line = Self { state: State::Expected, waits: 0 };
        let action = line.wait(FIRST_LIMIT);
        (line, action)
    }

    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// A stream is up.
    pub(super) fn up(&mut self) {
        self.state = State::Up;
        self.waits += 1;
    }

    /// The stream is gone.
    pub(super) fn down(&mut self, how: StreamEnd) -> VoiceAction {
        match how {
            StreamEnd::Stopped => {
                self.state = State::Stopped;
                self.wait(STOPPED_LIMIT)
            }
            StreamEnd::Lost | StreamEnd::Closed => {
                self.state = State::Lost;
                self.wait(LOST_LIMIT)
            }
        }
    }

    /// The caller is with someone else: from time to time Twilio is asked whether they still are.
    pub(super) fn down_for_long(&mut self) -> VoiceAction {
        self.state = State::Away;
        self.wait(AWAY_ASKED_EVERY)
    }

    /// Another stream was promised.
    pub(super) fn again(&mut self) -> VoiceAction {
        if self.state != State::Up {
            self.state = State::Lost;
        }
        self.wait(LOST_LIMIT)
    }

    pub(super) fn on_timer(&mut self, number: u64) -> Option<Missing> {
        if number != self.waits {
            return None;
        }
        match self.state {
            State::Up => None,
            State::Away => Some(Missing::Ask(self.wait(AWAY_ASKED_EVERY))),
            State::Stopped => {
                self.state = State::Asked;
                Some(Missing::Ask(self.wait(ASKED_LIMIT)))
            }
            State::Asked => Some(Missing::Gone(EndReason::HungUp)),
            State::Expected | State::Lost => Some(Missing::Gone(EndReason::LineLost)),
        }
    }

    fn wait(&mut self, limit: Duration) -> VoiceAction {
        self.waits += 1;
        VoiceAction::Arm(VoiceTimer::Line(self.waits), limit)
    }
}
