//! What happened on a call, in the order and at the times the caller noticed it.

use std::fmt;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Call time in milliseconds since dialling: the wall's, times the pace.
    pub at_ms: u64,
    /// What it was.
    pub event: TimelineEvent,
}

/// What can happen on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimelineEvent {
    /// The service answered a request for TwiML.
    WebhookAnswered {
        /// What was asked.
        url: String,
        /// With which status.
        status: u16,
        /// After how long, on the wall's clock.
        took_ms: u64,
    },
    /// Twilio itself said a sentence (`<Say>`). It takes no time here.
    Said {
        /// The sentence.
        text: String,
    },
    /// Twilio waited (`<Pause>`).
    Paused {
        /// For how long.
        seconds: u64,
    },
    /// The call went on at another URL (`<Redirect>`, or the action of a `<Connect>` or `<Dial>`).
    Redirected {
        /// Which.
        url: String,
    },
    /// A human was called (`<Dial>`).
    Dialled {
        /// Whom.
        number: String,
        /// `completed`, `busy` or `no-answer`.
        outcome: String,
    },
    /// The human heard this before the two were bridged.
    Whispered {
        /// The sentence.
        text: String,
    },
    /// A stream is open and has been told its `start`.
    StreamStarted {
        /// The stream's id.
        stream_sid: String,
    },
    /// A stream could not be opened.
    StreamRefused {
        /// Twilio's error, and what the service answered.
        why: String,
    },
    /// The stream is over.
    StreamEnded {
        /// Whose doing it was.
        by: StreamEnd,
    },
    /// The first audio of a stream has come in.
    FirstAudio,
    /// The caller begins to hear the persona.
    PersonaSpeaks,
    /// The caller has heard nothing for half a second.
    PersonaSilent {
        /// How long the persona spoke.
        spoke_ms: u64,
    },
    /// The caller begins to speak.
    CallerSpeaks,
    /// The caller has said all he had to say.
    CallerSilent {
        /// How long he spoke.
        spoke_ms: u64,
    },
    /// The caller pressed a key.
    Pressed {
        /// `0` to `9`, `*`, `#` or `A` to `D`.
        digit: char,
    },
    /// The service cleared what the caller had not heard yet.
    Cleared {
        /// How much that was.
        dropped_ms: u64,
    },
    /// A mark went back to the service.
    MarkEchoed {
        /// Its name.
        name: String,
        /// Whether all before it was heard; `false` when a clear sent it back.
        played: bool,
    },
    /// Twilio's debugger would show a warning; noted once per stream and code, counted each time.
    Warned {
        /// Twilio's code.
        code: u32,
        /// What was wrong.
        why: String,
    },
    /// The service changed the call over the REST API.
    Updated {
        /// `Status=completed`, `Twiml` or the URL.
        to: String,
    },
    /// A status callback was posted.
    StatusPosted {
        /// `completed`, `stream-started`, …
        status: String,
        /// The answer's status; `None` when there was none.
        answered: Option<u16>,
    },
    /// The call is over.
    CallEnded {
        /// How.
        ending: Ending,
    },
}

/// Whose doing the end of a stream was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEnd {
    /// The caller hung up: `stop` was sent.
    CallerHungUp,
    /// The REST API changed or ended the call: `stop` was sent.
    Updated,
    /// The service closed the socket.
    ByService {
        /// With this close code, if it said one.
        code: Option<u16>,
    },
    /// The socket broke.
    Broken {
        /// How.
        why: String,
    },
    /// The test dropped the socket without a word.
    Dropped,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The caller hung up.
    CallerHungUp,
    /// The TwiML said `<Hangup>`.
    Hangup,
    /// The TwiML had no verb left.
    NothingLeft,
    /// The TwiML said `<Reject>`.
    Rejected {
        /// `rejected` or `busy`.
        reason: String,
    },
    /// The REST API ended it.
    ByApi,
    /// The REST API took it back before it was answered.
    Canceled,
    /// The callee's telephone was engaged, or nobody answered it.
    Unanswered {
        /// `busy` or `no-answer`.
        status: &'static str,
    },
    /// The call could not go on.
    Failed {
        /// Why.
        why: String,
    },
}

impl Ending {
    /// The `CallStatus` of the last status callback.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::CallerHungUp | Self::Hangup | Self::NothingLeft | Self::ByApi => "completed",
            Self::Canceled => "canceled",
            Self::Unanswered { status } => status,
            Self::Rejected { reason } if reason == "busy" => "busy",
            Self::Rejected { .. } => "no-answer",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Times from the end of what the caller said to the first he heard of the answer, one for each answer, on the
/// call's clock.
pub fn answer_times_ms(moments: &[Moment]) -> Vec<u64> {
    let mut asked = None;
    let mut times = Vec::new();
    for moment in moments {
        if let TimelineEvent::CallerSilent { .. } = moment.event {
            asked = Some(moment.at_ms);
        } else if moment.event == TimelineEvent::PersonaSpeaks {
            times.extend(asked.take().map(|asked| moment.at_ms.saturating_sub(asked)));
        }
    }
    times
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (who, what) = self.event.told();
        let (seconds, millis) = (self.at_ms / 1_000, self.at_ms % 1_000);
        write!(f, "{seconds:>4}.{millis:03} s  {who:<8}  {what}")
    }
}

impl TimelineEvent {
    /// Who did what, in words.
    fn told(&self) -> (&'static str, String) {
        match self {
            Self::WebhookAnswered { url, status, took_ms } => {
                ("service", format!("answers {status} in {took_ms} ms ({url})"))
            }
            Self::Said { text } => ("twilio", format!("says: {text}")),
            Self::Paused { seconds } => ("twilio", format!("waits {seconds} s")),
            Self::Redirected { url } => ("twilio", format!("goes on at {url}")),
            Self::Dialled { number, outcome } => ("twilio", format!("dialled {number}: {outcome}")),
            Self::Whispered { text } => ("twilio", format!("whispers: {text}")),
            Self::StreamStarted { stream_sid } => ("stream", format!("starts ({stream_sid})")),
            Self::StreamRefused { why } => ("stream", format!("was refused: {why}")),
            Self::StreamEnded { by } => ("stream", format!("ends: {by}")),
            Self::FirstAudio => ("persona", "sends the first audio".to_owned()),
            Self::PersonaSpeaks => ("persona", "speaks".to_owned()),
            Self::PersonaSilent { spoke_ms } => {
                ("persona", format!("is silent, after {}", seconds(*spoke_ms)))
            }
            Self::CallerSpeaks => ("caller", "speaks".to_owned()),
            Self::CallerSilent { spoke_ms } => ("caller", format!("is silent, after {}", seconds(*spoke_ms))),
            Self::Pressed { digit } => ("caller", format!("presses {digit}")),
            Self::Cleared { dropped_ms } => ("service", format!("clears {}", seconds(*dropped_ms))),
            Self::MarkEchoed { name, played: true } => ("twilio", format!("played up to mark {name}")),
            Self::MarkEchoed { name, played: false } => ("twilio", format!("cleared mark {name}")),
            Self::Warned { code, why } => ("twilio", format!("warns {code}: {why}")),
            Self::Updated { to } => ("service", format!("updates the call: {to}")),
            Self::StatusPosted { status, answered: Some(code) } => {
                ("twilio", format!("posts {status}, answered {code}"))
            }
            Self::StatusPosted { status, answered: None } => {
                ("twilio", format!("posts {status}, not answered"))
            }
            Self::CallEnded { ending } => ("call", format!("ends: {ending}")),
        }
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10)
}

impl fmt::Display for StreamEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallerHungUp => write!(f, "the caller hangs up"),
            Self::Updated => write!(f, "the call was updated"),
            Self::ByService { code: Some(code) } => write!(f, "the service closed it with {code}"),
            Self::ByService { code: None } => write!(f, "the service closed it"),
            Self::Broken { why } => write!(f, "the socket broke ({why})"),
            Self::Dropped => write!(f, "the socket was dropped"),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallerHungUp => write!(f, "the caller hung up"),
            Self::Hangup => write!(f, "the service hung up"),
            Self::NothingLeft => write!(f, "the TwiML has no verb left"),
            Self::Rejected { reason } => write!(f, "it was rejected ({reason})"),
            Self::ByApi => write!(f, "the service ended it over the REST API"),
            Self::Canceled => write!(f, "the service took it back"),
            Self::Unanswered { status } => write!(f, "nobody took it ({status})"),
            Self::Failed { why } => write!(f, "{why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at_ms: u64, event: TimelineEvent) -> Moment {
        Moment { at_ms, event }
    }

    #[test]
    fn a_moment_is_one_readable_line() {
        assert_eq!(moment(412, TimelineEvent::PersonaSpeaks).to_string(), "   0.412 s  persona   speaks");
        let cleared = moment(12_034, TimelineEvent::Cleared { dropped_ms: 1_250 });
        assert_eq!(cleared.to_string(), "  12.034 s  service   clears 1.25 s");
    }

    #[test]
    fn an_answer_is_timed_from_the_end_of_the_question() {
        let moments = [
            moment(100, TimelineEvent::PersonaSpeaks),
            moment(2_000, TimelineEvent::CallerSilent { spoke_ms: 1_000 }),
            moment(2_300, TimelineEvent::PersonaSpeaks),
            moment(4_000, TimelineEvent::PersonaSpeaks),
        ];
        assert_eq!(answer_times_ms(&moments), [300]);
    }
}
