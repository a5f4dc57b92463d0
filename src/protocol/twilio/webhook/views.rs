//! What a form says, by the webhook it came to.

use super::{AnsweredBy, CallStatus, DialStatus, Form, FormError, StreamEvent};
use crate::protocol::twilio::{CallSid, StreamSid};

/// The longest account id we take; Twilio's have 34 characters.
const MAX_ACCOUNT_SID: usize = 64;

/// A call that wants TwiML: one that comes in, or one we placed that was answered. Shows no number.
#[derive(Clone, PartialEq, Eq)]
pub struct IncomingCall {
    /// The call.
    pub call_sid: CallSid,
    /// The account that owns it.
    pub account_sid: String,
    /// Who calls, as Twilio writes it: a number, `client:…`, `sip:…`, `whatsapp:…`, or words for a withheld one.
    pub from: String,
    /// Whom, likewise; blank when a client calls an application.
    pub to: String,
    /// `inbound`, `outbound-api` or `outbound-dial`.
    pub direction: String,
    /// How far it has come.
    pub call_status: CallStatus,
    /// The caller's country by the number, as ISO 3166.
    pub from_country: Option<String>,
    /// The number that passed the call on, where the carrier says so.
    pub forwarded_from: Option<String>,
    /// Who answered a call we placed, when that was to be found out first.
    pub answered_by: Option<AnsweredBy>,
}

/// A status callback of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStatusUpdate {
    /// The call.
    pub call_sid: CallSid,
    /// How far it has come.
    pub status: CallStatus,
    /// Counts a call's callbacks from 0: they come in any order.
    pub sequence: Option<u64>,
    /// How long it lasted, in seconds, once it is over.
    pub duration_s: Option<u64>,
}

/// A status callback of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamStatusUpdate {
    /// The call.
    pub call_sid: CallSid,
    /// Its stream.
    pub stream_sid: StreamSid,
    /// What became of it.
    pub event: StreamEvent,
}

/// What came of a `<Dial>`, when its `action` is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialResult {
    /// The caller's leg.
    pub call_sid: CallSid,
    /// What came of the other one.
    pub dial_status: DialStatus,
}

/// Who answered a call we placed, found out while it is already being talked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineDetection {
    /// The call.
    pub call_sid: CallSid,
    /// Who.
    pub answered_by: AnsweredBy,
}

/// An SMS or WhatsApp message. Shows neither who wrote it nor what.
#[derive(Clone, PartialEq, Eq)]
pub struct IncomingMessage {
    /// Names the message: one that comes again is the same.
    pub message_sid: String,
    /// Who wrote: an opaque address.
    pub from: String,
    /// To whom.
    pub to: String,
    /// What; blank when there are only attachments.
    pub body: String,
    /// How many attachments there are.
    pub num_media: u32,
    /// What a WhatsApp user calls themselves.
    pub profile_name: Option<String>,
}

impl IncomingCall {
    /// Reads the voice webhook.
    ///
    /// # Errors
    /// [`FormError`] names what is missing or wrong.
    pub fn read(form: &Form) -> Result<Self, FormError> {
        let optional = |name| form.filled(name).map(str::to_owned);
        Ok(Self {
            call_sid: form.call_sid()?,
            account_sid: Some(form.required("AccountSid")?)
                .filter(|sid| sid.len() <= MAX_ACCOUNT_SID)
                .ok_or(FormError::Invalid("AccountSid"))?
                .to_owned(),
            from: optional("From").unwrap_or_default(),
            to: optional("To").unwrap_or_default(),
            direction: optional("Direction").unwrap_or_default(),
            call_status: CallStatus::read(form.get("CallStatus").unwrap_or_default()),
            from_country: optional("FromCountry"),
            forwarded_from: optional("ForwardedFrom"),
            answered_by: form.filled("AnsweredBy").map(AnsweredBy::read),
        })
    }
}

impl CallStatusUpdate {
    /// Reads a call's status callback.
    ///
    /// # Errors
    /// [`FormError`] names what is missing or wrong.
    pub fn read(form: &Form) -> Result<Self, FormError> {
        Ok(Self {
            call_sid: form.call_sid()?,
            status: CallStatus::read(form.required("CallStatus")?),
            sequence: form.number("SequenceNumber"),
            duration_s: form.number("CallDuration"),
        })
    }
}

impl StreamStatusUpdate {
    /// Reads a stream's status callback.
    ///
    /// # Errors
    /// [`FormError`] names what is missing or wrong.
    pub fn read(form: &Form) -> Result<Self, FormError> {
        let error = form.get("StreamError").unwrap_or_default();
        Ok(Self {
            call_sid: form.call_sid()?,
            stream_sid: form.required("StreamSid")?.parse().map_err(|_| FormError::Invalid("StreamSid"))?,
            event: StreamEvent::read(form.required("StreamEvent")?, error),
        })
    }
}

impl DialResult {
    /// Reads what a `<Dial action>` is asked with.
    ///
    /// # Errors
    /// [`FormError`] names what is missing or wrong.
    pub fn read(form: &Form) -> Result<Self, FormError> {
        let dial_status = DialStatus::read(form.required("DialCallStatus")?);
        Ok(Self { call_sid: form.call_sid()?, dial_status })
    }
}

impl MachineDetection {
    /// Reads the callback of answering machine detection.
    ///
    /// # Errors
    /// [`FormError`] names what is missing or wrong.
    pub fn read(form: &Form) -> Result<Self, FormError> {
        let answered_by = AnsweredBy::read(form.required("AnsweredBy")?);
        Ok(Self { call_sid: form.call_sid()?, answered_by })
    }
}

impl IncomingMessage {
    /// Reads the message webhook.
    ///
    /// # Errors
    /// [`FormError`] names what is missing or wrong.
    pub fn read(form: &Form) -> Result<Self, FormError> {
        Ok(Self {
            message_sid: form.required("MessageSid")?.to_owned(),
            from: form.required("From")?.to_owned(),
            to: form.required("To")?.to_owned(),
            body: form.get("Body").unwrap_or_default().to_owned(),
            num_media: form.number("NumMedia").unwrap_or(0),
            profile_name: form.filled("ProfileName").map(str::to_owned),
        })
    }
}

impl std::fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingCall")
            .field("call_sid", &self.call_sid)
            .field("direction", &self.direction)
            .field("call_status", &self.call_status)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for IncomingMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingMessage").field("message_sid", &self.message_sid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::twilio::webhook::Greeting;

    const CALL: &str = "CallSid=CA0123456789abcdef0123456789abcdef&AccountSid=AC1";

    fn form(rest: &str) -> Form {
        Form::parse(format!("{CALL}&{rest}").as_bytes()).unwrap()
    }

    #[test]
    fn an_incoming_call_is_read_and_shows_no_number() {
        let rest = "From=%2B14158675309&To=%2B18005551212&CallStatus=ringing&Direction=inbound&FromCountry=US&FromCity=";
        let call = IncomingCall::read(&form(rest)).unwrap();
        assert_eq!((call.from.as_str(), call.to.as_str()), ("+14158675309", "+18005551212"));
        assert_eq!(call.call_status, CallStatus::Ringing);
        assert_eq!((call.from_country.as_deref(), &call.answered_by), (Some("US"), &None));
        assert!(!format!("{call:?}").contains("4158675309"));
        let outbound = IncomingCall::read(&form("From=%2B1&To=%2B2&AnsweredBy=machine_start")).unwrap();
        assert_eq!(outbound.answered_by, Some(AnsweredBy::Machine(Greeting::Began)));
    }

    #[test]
    fn a_call_needs_a_real_sid_and_an_account() {
        let read = |body: &str| IncomingCall::read(&Form::parse(body.as_bytes()).unwrap()).unwrap_err();
        assert_eq!(read("AccountSid=AC1&To=x"), FormError::Missing("CallSid"));
        assert_eq!(read("CallSid=CA1&AccountSid=AC1&To=x"), FormError::Invalid("CallSid"));
        let sid = "CallSid=CA0123456789abcdef0123456789abcdef";
        assert_eq!(read(&format!("{sid}&To=x")), FormError::Missing("AccountSid"));
        let long = format!("{sid}&AccountSid={}", "A".repeat(65));
        assert_eq!(read(&long), FormError::Invalid("AccountSid"));
        assert_eq!(IncomingCall::read(&form("To=")).unwrap().to, "", "a client calls no number");
    }

    #[test]
    fn a_status_says_how_far_the_call_has_come() {
        let update =
            CallStatusUpdate::read(&form("CallStatus=completed&SequenceNumber=3&CallDuration=17")).unwrap();
        assert!(update.status.is_final());
        assert_eq!((update.sequence, update.duration_s), (Some(3), Some(17)));
        let update = CallStatusUpdate::read(&form("CallStatus=in-progress&SequenceNumber=x")).unwrap();
        assert_eq!((update.status, update.sequence), (CallStatus::InProgress, None));
        assert_eq!(CallStatusUpdate::read(&form("")).unwrap_err(), FormError::Missing("CallStatus"));
    }

    #[test]
    fn a_stream_says_what_became_of_it() {
        let read = |rest: &str| StreamStatusUpdate::read(&form(rest)).unwrap().event;
        assert_eq!(read("StreamSid=MZ1&StreamEvent=stream-started"), StreamEvent::Started);
        assert_eq!(read("StreamSid=MZ1&StreamEvent=stream-stopped"), StreamEvent::Stopped);
        assert_eq!(
            read("StreamSid=MZ1&StreamEvent=stream-error&StreamError=31921"),
            StreamEvent::Error { text: "31921".into() }
        );
        assert_eq!(read("StreamSid=MZ1&StreamEvent=paused"), StreamEvent::Other("paused".into()));
        let bad = StreamStatusUpdate::read(&form("StreamSid=%22&StreamEvent=stream-started"));
        assert_eq!(bad.unwrap_err(), FormError::Invalid("StreamSid"));
    }

    #[test]
    fn a_dial_and_a_detection_say_what_came_of_them() {
        let dial = DialResult::read(&form("DialCallStatus=no-answer")).unwrap();
        assert_eq!(dial.dial_status, DialStatus::NoAnswer);
        let detection = MachineDetection::read(&form("AnsweredBy=human")).unwrap();
        assert_eq!(detection.answered_by, AnsweredBy::Human);
        assert_eq!(MachineDetection::read(&form("")).unwrap_err(), FormError::Missing("AnsweredBy"));
    }

    #[test]
    fn a_message_is_read_and_shows_nothing() {
        let body = "MessageSid=SM1&From=whatsapp%3A%2B1&To=whatsapp%3A%2B2&Body=Gr%C3%BC%C3%9Fe&NumMedia=1&ProfileName=Zo%C3%AB";
        let message = IncomingMessage::read(&Form::parse(body.as_bytes()).unwrap()).unwrap();
        assert_eq!((message.from.as_str(), message.body.as_str()), ("whatsapp:+1", "Grüße"));
        assert_eq!((message.num_media, message.profile_name.as_deref()), (1, Some("Zoë")));
        assert!(!format!("{message:?}").contains("Gr"));
        let blank = Form::parse(b"MessageSid=SM1&From=a&To=b").unwrap();
        assert_eq!(IncomingMessage::read(&blank).unwrap().body, "");
    }
}
