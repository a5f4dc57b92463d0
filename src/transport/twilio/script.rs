//! What Twilio is told to do, in its own language: every TwiML text and every URL of ours that stands in one. Pure.

mod dial;

use url::Url;
use url::form_urlencoded::Serializer;

pub use dial::{DialPlan, RING_S, can_be_dialled, human, may_be_dialled};

use crate::id::CallId;
use crate::protocol::twilio::twiml::{Dial, Noun, Response, Say, Stream, Verb, say_language};

/// Said when a human who was dialled has hung up, or was never reached: Twilio does not tell which of the two.
const AFTER_THE_HUMAN: &str = "If nobody could speak with you, please call again in a few minutes. Goodbye.";

/// Writes TwiML for a service that is reached at one public URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Without a `/` at its end.
    base: String,
    /// In which Twilio's own voice speaks; its default otherwise.
    language: Option<&'static str>,
}

/// What a stream carries back to us when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamTicket<'a> {
    /// The one-use token that proves that the stream belongs to the call.
    pub call_token: &'a str,
    /// Who speaks first, if it was asked for.
    pub persona: Option<&'a str>,
    /// Whose caller it is, if it is known.
    pub business_id: Option<&'a str>,
}

impl Script {
    /// A script for a service that Twilio reaches at this URL.
    pub fn new(public_url: &Url) -> Self {
        Self { base: public_url.as_str().trim_end_matches('/').to_owned(), language: None }
    }

    /// The same, for texts in this language, as BCP 47. One that Twilio does not speak is left to it.
    #[must_use]
    pub fn in_language(&self, tag: Option<&str>) -> Self {
        Self { base: self.base.clone(), language: tag.and_then(say_language) }
    }

    /// The URL of a path of ours, which begins with `/` and may have a query: what Twilio signs when it asks there.
    pub fn url(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.base)
    }

    /// Where an outbound call asks what to do, and what it was placed for: who shall speak, and for which business. The
    /// signature covers it, and it comes back after a restart too.
    pub fn voice_url(&self, persona: Option<&str>, business_id: Option<&str>) -> String {
        let purpose = [("persona", persona), ("business_id", business_id)];
        let pairs = purpose.into_iter().filter_map(|(name, value)| Some((name, value?)));
        // A `+` for a space would be read in two ways; one of the text's own is written as `%2B`.
        let query = Serializer::new(String::new()).extend_pairs(pairs).finish().replace('+', "%20");
        let joint = if query.is_empty() { "" } else { "?" };
        self.url(&format!("/api/twilio/voice{joint}{query}"))
    }

    /// Where streams are opened: `wss://`, or `ws://` when the public URL is no `https://`.
    pub fn stream_url(&self) -> String {
        self.as_socket("/api/twilio/stream")
    }

    /// The URL of a path of ours as a WebSocket's upgrade is signed.
    pub fn as_socket(&self, path_and_query: &str) -> String {
        // `http` becomes `ws`, and so `https` `wss`.
        let rest = self.base.strip_prefix("http").unwrap_or(&self.base);
        format!("ws{rest}{path_and_query}")
    }

    /// Where Twilio asks what to do next.
    pub fn resume_url(&self) -> String {
        self.url("/api/twilio/resume")
    }

    /// Where Twilio tells what became of calls and streams.
    pub fn status_url(&self) -> String {
        self.url("/api/twilio/status")
    }

    /// Where the leg of a human asks what they are told before.
    pub fn whisper_url(&self, call: &CallId) -> String {
        // A call id needs no escaping in a query.
        self.url(&format!("/api/twilio/whisper?call_id={call}"))
    }

    /// Streams the call to us, and asks what to do next when the stream has ended.
    pub fn connect(&self, ticket: StreamTicket<'_>) -> String {
        let stream = Stream::new(self.stream_url()).with_status_callback(self.status_url());
        let parameters = [
            ("call_token", Some(ticket.call_token)),
            ("persona", ticket.persona),
            ("business_id", ticket.business_id),
        ];
        let stream = parameters.into_iter().fold(stream, |stream, (name, value)| match value {
            // One too long to be carried is left out: the call knows these without being told.
            Some(value) => stream.clone().with_parameter(name, value).unwrap_or(stream),
            None => stream,
        });
        Response::new()
            .then(Verb::Connect { action: Some(self.resume_url()), stream })
            .then(Verb::Redirect { url: self.resume_url() })
            .to_xml()
    }

    /// Puts the caller through to a human, and asks what to do next when that has ended.
    pub fn dial(&self, plan: DialPlan<'_>) -> String {
        Response::new().then(self.dial_verb(plan, Some(self.resume_url()))).to_xml()
    }

    /// Says something, then puts the caller through to a human. When that has ended, so has the call, with a word for
    /// those who reached nobody.
    pub fn say_and_dial(&self, text: &str, plan: DialPlan<'_>) -> String {
        let verbs = [self.say(text), self.dial_verb(plan, None), self.say(AFTER_THE_HUMAN), Verb::Hangup];
        verbs.into_iter().fold(Response::new(), Response::then).to_xml()
    }

    /// Says something and ends the call.
    pub fn say_and_hang_up(&self, text: &str) -> String {
        Response::new().then(self.say(text)).then(Verb::Hangup).to_xml()
    }

    /// Ends the call.
    pub fn hang_up(&self) -> String {
        Response::new().then(Verb::Hangup).to_xml()
    }

    /// Tells a human what the caller wants; nothing when there is nothing to tell.
    pub fn whisper(&self, text: Option<&str>) -> String {
        text.map_or_else(Response::new, |text| Response::new().then(self.say(text))).to_xml()
    }

    /// Answers a message with messages; with none, it is not answered.
    pub fn messages(&self, bodies: &[String]) -> String {
        let add = |response: Response, body: &String| response.then(Verb::Message { body: body.clone() });
        bodies.iter().fold(Response::new(), add).to_xml()
    }

    fn dial_verb(&self, plan: DialPlan<'_>, action: Option<String>) -> Verb {
        let url = plan.whisper_of.map(|call| self.whisper_url(call));
        let noun = if let Some(identity) = plan.to.strip_prefix("client:") {
            Noun::Client { identity: identity.to_owned(), url }
        } else if plan.to.starts_with("sip:") || plan.to.starts_with("sips:") {
            Noun::Sip { uri: plan.to.to_owned(), url }
        } else {
            Noun::Number { to: plan.to.to_owned(), url }
        };
        Verb::Dial(Dial {
            answer_on_bridge: true,
            timeout_s: Some(plan.timeout_s),
            caller_id: plan.caller_id.map(ToOwned::to_owned),
            action,
            nouns: vec![noun],
        })
    }

    fn say(&self, text: &str) -> Verb {
        let language = self.language.map(ToOwned::to_owned);
        Verb::Say(Say { text: text.to_owned(), language })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> Script {
        Script::new(&Url::parse("https://voice.example.com").unwrap())
    }

    fn body(xml: &str) -> String {
        xml.split_once("?>").unwrap().1.to_owned()
    }

    #[test]
    fn the_public_url_may_end_in_a_slash_have_a_path_or_a_port() {
        for (url, expected) in [
            ("https://voice.example.com/", "wss://voice.example.com/api/twilio/stream"),
            ("https://example.com/phone/", "wss://example.com/phone/api/twilio/stream"),
            ("http://127.0.0.1:7070", "ws://127.0.0.1:7070/api/twilio/stream"),
        ] {
            assert_eq!(Script::new(&Url::parse(url).unwrap()).stream_url(), expected);
        }
    }

    #[test]
    fn what_a_call_is_placed_for_stands_in_its_url() {
        let url = "https://voice.example.com/api/twilio/voice";
        assert_eq!(script().voice_url(None, None), url);
        assert_eq!(script().voice_url(Some("cfo"), None), format!("{url}?persona=cfo"));
        let both = script().voice_url(Some("a b"), Some("x+y&z=é"));
        assert_eq!(both, format!("{url}?persona=a%20b&business_id=x%2By%26z%3D%C3%A9"));
    }

    #[test]
    fn a_call_is_streamed_with_its_token_and_can_come_back() {
        let ticket = StreamTicket { call_token: "t1", persona: Some("waiter"), business_id: None };
        assert_eq!(
            body(&script().connect(ticket)),
            concat!(
                r#"<Response><Connect action="https://voice.example.com/api/twilio/resume" method="POST">"#,
                r#"<Stream url="wss://voice.example.com/api/twilio/stream" "#,
                r#"statusCallback="https://voice.example.com/api/twilio/status" statusCallbackMethod="POST">"#,
                r#"<Parameter name="call_token" value="t1"/><Parameter name="persona" value="waiter"/>"#,
                r#"</Stream></Connect>"#,
                r#"<Redirect method="POST">https://voice.example.com/api/twilio/resume</Redirect></Response>"#,
            )
        );
        let long = "x".repeat(600);
        let ticket = StreamTicket { business_id: Some(&long), ..ticket };
        assert!(!script().connect(ticket).contains("business_id"), "left out, and the call goes on");
    }

    #[test]
    fn a_human_is_dialled_with_a_whisper_and_an_action() {
        let call = "CA1".parse().unwrap();
        let plan = DialPlan::new("+15550100", Some("+15550199")).whispering(&call);
        assert_eq!(
            body(&script().dial(plan)),
            concat!(
                r#"<Response><Dial answerOnBridge="true" timeout="25" callerId="+15550199" "#,
                r#"action="https://voice.example.com/api/twilio/resume" method="POST">"#,
                r#"<Number url="https://voice.example.com/api/twilio/whisper?call_id=CA1" method="POST">"#,
                r#"+15550100</Number></Dial></Response>"#,
            )
        );
        let away = script().say_and_dial("One moment.", plan);
        assert!(away.contains("<Say>One moment.</Say><Dial ") && !away.contains("action="), "{away}");
        assert!(away.contains("</Dial><Say>If nobody could speak with you, "), "{away}");
        let whisper = r#" url="https://voice.example.com/api/twilio/whisper?call_id=CA1" method="POST">"#;
        let client = script().dial(DialPlan { to: "client:desk", ..plan });
        assert!(client.contains(&format!("<Client{whisper}desk</Client>")), "{client}");
        let sip = script().dial(DialPlan { to: "sip:desk@example.com", ..plan });
        assert!(sip.contains(&format!("<Sip{whisper}sip:desk@example.com</Sip>")), "{sip}");
    }

    #[test]
    fn short_scripts_say_what_they_mean() {
        assert_eq!(body(&script().hang_up()), "<Response><Hangup/></Response>");
        let sorry = script().say_and_hang_up("Sorry & bye.");
        assert_eq!(body(&sorry), "<Response><Say>Sorry &amp; bye.</Say><Hangup/></Response>");
        assert_eq!(body(&script().whisper(None)), "<Response/>");
        assert_eq!(
            body(&script().whisper(Some("A table for two"))),
            "<Response><Say>A table for two</Say></Response>"
        );
        let french = script().in_language(Some("fr"));
        assert_eq!(
            body(&french.whisper(Some("Une table"))),
            r#"<Response><Say language="fr-FR">Une table</Say></Response>"#
        );
        assert_eq!(script().in_language(Some("rw")), script());
        let two = script().messages(&["One.".to_owned(), "Two.".to_owned()]);
        assert!(two.contains("<Message><Body>One.</Body></Message><Message><Body>Two."), "{two}");
        assert_eq!(body(&script().messages(&[])), "<Response/>");
    }
}
