//! TwiML: what Twilio is told to do with a call. A small typed tree that escapes everything it writes.
//!
//! Source: <https://www.twilio.com/docs/voice/twiml>

mod language;
mod xml;

pub use language::say_language;
use xml::Writer;

/// The longest name or value of a stream's parameter, in characters: Twilio wants fewer than 500 for both together.
pub const MAX_PARAMETER_CHARS: usize = 499;

/// A whole answer: verbs, done one after the other. Without any, the call ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response(Vec<Verb>);

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Streams the call to us and back. The next verb is done when the stream has ended.
    Connect {
        /// Asked for new TwiML when the stream has ended, instead of going on to the next verb.
        action: Option<String>,
        /// The stream.
        stream: Stream,
    },
    /// Goes on with the TwiML of this URL.
    Redirect {
        /// Asked by `POST`.
        url: String,
    },
    /// Twilio's own voice says something.
    Say(Say),
    /// Calls someone else and connects the caller.
    Dial(Dial),
    /// Ends the call.
    Hangup,
    /// Answers a message.
    Message {
        /// At most 1,600 characters.
        body: String,
    },
}

/// A bidirectional stream of the call's sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    url: String,
    status_callback: Option<String>,
    parameters: Vec<(String, String)>,
}

/// A parameter that Twilio would not carry. Names the parameter only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stream parameter `{0}` must have at most {MAX_PARAMETER_CHARS} characters, its name included")]
pub struct ParameterTooLong(String);

/// What Twilio's own voice says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Say {
    /// As BCP 47, such as `en-GB`; Twilio's default otherwise.
    pub language: Option<String>,
    /// What.
    pub text: String,
}

/// Calls someone else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dial {
    /// The caller goes on hearing ringing until the other side answers, and is not charged before.
    pub answer_on_bridge: bool,
    /// How long it rings, in seconds; 30 otherwise.
    pub timeout_s: Option<u32>,
    /// The number the other side sees.
    pub caller_id: Option<String>,
    /// Asked for new TwiML when the dialled leg has ended, with `DialCallStatus`.
    pub action: Option<String>,
    /// Whom to call: the first to answer is connected.
    pub nouns: Vec<Noun>,
}

/// Whom a [`Dial`] calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noun {
    /// A telephone number.
    Number {
        /// As E.164.
        to: String,
        /// TwiML done on the other side's leg before the two are connected: what is whispered.
        url: Option<String>,
    },
    /// A client of Twilio's SDK, by its identity.
    Client {
        /// Who.
        identity: String,
        /// As of a number.
        url: Option<String>,
    },
    /// A SIP address.
    Sip {
        /// As `sip:user@host`.
        uri: String,
        /// As of a number.
        url: Option<String>,
    },
}

impl Stream {
    /// A stream to this URL. Twilio itself takes `wss://` only, and drops a query string: what the stream must know
    /// goes into its parameters.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), status_callback: None, parameters: Vec::new() }
    }

    /// Asks for `stream-started`, `stream-stopped` and `stream-error` at this URL.
    #[must_use]
    pub fn with_status_callback(self, url: impl Into<String>) -> Self {
        Self { status_callback: Some(url.into()), ..self }
    }

    /// Adds a parameter, which comes back in the stream's `start`.
    ///
    /// # Errors
    /// [`ParameterTooLong`] beyond [`MAX_PARAMETER_CHARS`].
    pub fn with_parameter(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, ParameterTooLong> {
        let (name, value) = (name.into(), value.into());
        if name.chars().count() + value.chars().count() > MAX_PARAMETER_CHARS {
            return Err(ParameterTooLong(name));
        }
        self.parameters.push((name, value));
        Ok(self)
    }
}

impl Response {
    /// Nothing to do: the call ends.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does this after the rest.
    #[must_use]
    pub fn then(mut self, verb: Verb) -> Self {
        self.0.push(verb);
        self
    }

    /// The answer as an XML document, to be sent as `text/xml`.
    pub fn to_xml(&self) -> String {
        let mut xml = Writer::new();
        xml.element("Response", &[], |xml| {
            for verb in &self.0 {
                verb.write(xml);
            }
        });
        xml.finish()
    }
}

impl Verb {
    fn write(&self, xml: &mut Writer) {
        match self {
            Self::Connect { action, stream } => {
                let method = action.as_ref().map(|_| "POST");
                xml.element("Connect", &[("action", action.as_deref()), ("method", method)], |xml| {
                    stream.write(xml);
                });
            }
            Self::Redirect { url } => xml.text("Redirect", &[("method", Some("POST"))], url),
            Self::Say(say) => {
                xml.text("Say", &[("language", say.language.as_deref())], &say.text);
            }
            Self::Dial(dial) => dial.write(xml),
            Self::Hangup => xml.empty("Hangup", &[]),
            Self::Message { body } => xml.element("Message", &[], |xml| xml.text("Body", &[], body)),
        }
    }
}

impl Stream {
    fn write(&self, xml: &mut Writer) {
        let attributes = [
            ("url", Some(self.url.as_str())),
            ("statusCallback", self.status_callback.as_deref()),
            ("statusCallbackMethod", self.status_callback.as_ref().map(|_| "POST")),
        ];
        xml.element("Stream", &attributes, |xml| {
            for (name, value) in &self.parameters {
                xml.empty("Parameter", &[("name", Some(name)), ("value", Some(value))]);
            }
        });
    }
}

impl Dial {
    fn write(&self, xml: &mut Writer) {
        let timeout = self.timeout_s.map(|seconds| seconds.to_string());
        let attributes = [
            ("answerOnBridge", self.answer_on_bridge.then_some("true")),
            ("timeout", timeout.as_deref()),
            ("callerId", self.caller_id.as_deref()),
            ("action", self.action.as_deref()),
            ("method", self.action.as_ref().map(|_| "POST")),
        ];
        xml.element("Dial", &attributes, |xml| {
            for noun in &self.nouns {
                let (name, whom, url) = match noun {
                    Noun::Number { to, url } => ("Number", to, url),
                    Noun::Client { identity, url } => ("Client", identity, url),
                    Noun::Sip { uri, url } => ("Sip", uri, url),
                };
                let method = url.as_ref().map(|_| "POST");
                xml.text(name, &[("url", url.as_deref()), ("method", method)], whom);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

    fn body(response: &Response) -> String {
        response.to_xml().strip_prefix(HEAD).unwrap().to_owned()
    }

    #[test]
    fn a_call_is_streamed_and_can_be_recovered() {
        let stream = Stream::new("wss://voice.example.com/api/twilio/stream")
            .with_status_callback("https://voice.example.com/api/twilio/status?a=1&b=2")
            .with_parameter("call_token", "t\"<&>'")
            .unwrap();
        let response = Response::new()
            .then(Verb::Connect { action: Some("https://voice.example.com/after".into()), stream })
            .then(Verb::Redirect { url: "https://voice.example.com/api/twilio/resume".into() });
        assert_eq!(
            body(&response),
            concat!(
                r#"<Response><Connect action="https://voice.example.com/after" method="POST">"#,
                r#"<Stream url="wss://voice.example.com/api/twilio/stream" "#,
                r#"statusCallback="https://voice.example.com/api/twilio/status?a=1&amp;b=2" "#,
                r#"statusCallbackMethod="POST">"#,
                r#"<Parameter name="call_token" value="t&quot;&lt;&amp;&gt;&apos;"/></Stream></Connect>"#,
                r#"<Redirect method="POST">https://voice.example.com/api/twilio/resume</Redirect></Response>"#,
            )
        );
    }

    #[test]
    fn a_caller_is_handed_to_a_human() {
        let dial = Dial {
            answer_on_bridge: true,
            timeout_s: Some(20),
            caller_id: Some("+18005551212".into()),
            action: Some("https://voice.example.com/dialled".into()),
            nouns: vec![
                Noun::Number {
                    to: "+14158675309".into(),
                    url: Some("https://voice.example.com/whisper?x=1&y=2".into()),
                },
                Noun::Client { identity: "desk & co".into(), url: None },
                Noun::Sip {
                    uri: "sip:desk@example.com".into(),
                    url: Some("https://voice.example.com/w".into()),
                },
            ],
        };
        assert_eq!(
            body(&Response::new().then(Verb::Dial(dial))),
            concat!(
                r#"<Response><Dial answerOnBridge="true" timeout="20" callerId="+18005551212" "#,
                r#"action="https://voice.example.com/dialled" method="POST">"#,
                r#"<Number url="https://voice.example.com/whisper?x=1&amp;y=2" method="POST">+14158675309</Number>"#,
                r#"<Client>desk &amp; co</Client><Sip url="https://voice.example.com/w" method="POST">"#,
                r#"sip:desk@example.com</Sip></Dial></Response>"#,
            )
        );
    }

    #[test]
    fn the_small_verbs_are_written_as_documented() {
        let say = Say { language: Some("en-GB".into()), text: "We <are> full & sorry.".into() };
        let response = Response::new()
            .then(Verb::Say(say))
            .then(Verb::Message { body: "1 < 2".into() })
            .then(Verb::Hangup);
        assert_eq!(
            body(&response),
            concat!(
                r#"<Response><Say language="en-GB">We &lt;are&gt; full &amp; sorry.</Say>"#,
                r#"<Message><Body>1 &lt; 2</Body></Message><Hangup/></Response>"#,
            )
        );
        assert_eq!(body(&Response::new()), "<Response/>");
        let bare = Response::new().then(Verb::Dial(Dial::default()));
        assert_eq!(body(&bare), "<Response><Dial/></Response>");
    }

    #[test]
    fn a_parameter_twilio_would_not_carry_is_refused_by_name() {
        let stream = Stream::new("wss://voice.example.com/s");
        assert!(stream.clone().with_parameter("abc", "é".repeat(496)).is_ok());
        let error = stream.with_parameter("abc", "x".repeat(497)).unwrap_err();
        assert!(error.to_string().contains("`abc`") && !error.to_string().contains("xxx"), "{error}");
    }
}
