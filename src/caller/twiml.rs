//! TwiML: what the service tells Twilio to do with a call or a message.
//!
//! Read strictly: what Twilio would warn about is an error here, so that a trial or a test finds it.
//! Source: <https://www.twilio.com/docs/voice/twiml>

use url::Url;

use super::xml::{self, Element};

/// Largest document, in bytes; Twilio takes no more.
pub(super) const MAX_DOCUMENT: usize = 64 << 10;
/// A parameter's name and value together are shorter than this.
const MAX_PARAMETER: usize = 500;

/// One instruction of a document. They are followed in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Opens a Media Stream; the verbs below it wait for its end.
    Connect(Connect),
    /// Goes on with the TwiML at a URL.
    Redirect(Link),
    /// Speaks a sentence.
    Say {
        /// What is said.
        text: String,
    },
    /// Waits.
    Pause {
        /// For so many seconds; 1 unless it says otherwise.
        seconds: u64,
    },
    /// Hangs up.
    Hangup,
    /// Refuses the call without answering it.
    Reject {
        /// `rejected`, or `busy`.
        reason: String,
    },
    /// Calls a human and bridges the two.
    Dial(Dial),
    /// Answers a text message.
    Message {
        /// The answer.
        body: String,
    },
}

/// A URL, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// As written; may be relative to the document's own URL.
    pub url: String,
    /// `GET` or `POST`.
    pub method: Method,
}

/// How a URL is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// The parameters go into the query.
    Get,
    /// The parameters go into the body.
    #[default]
    Post,
}

/// `<Connect><Stream>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Asked for new TwiML when the stream has ended; without it the next verb runs.
    pub action: Option<Link>,
    /// The `wss` (on one machine also `ws`) URL of the stream.
    pub url: String,
    /// The stream's name, which status callbacks carry.
    pub name: String,
    /// Told when the stream starts, stops and fails.
    pub status_callback: Option<Link>,
    /// Arrive as `customParameters` of `start`, in this order.
    pub parameters: Vec<(String, String)>,
}

/// `<Dial>` with one `<Number>`, `<Client>` or `<Sip>`, or the number as its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// Whom to call: a number, or a `client:` or `sip:` address.
    pub number: String,
    /// Told how it went and asked for new TwiML; without it the next verb runs.
    pub action: Option<Link>,
    /// TwiML played to the human before the two are bridged.
    pub whisper: Option<Link>,
    /// Seconds to ring; 30 unless it says otherwise.
    pub timeout_s: u64,
    /// The number the human is shown.
    pub caller_id: Option<String>,
}

/// Why a document cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TwimlError {
    /// Twilio's error 12100.
    #[error("12100: this is no XML: {0}")]
    Unreadable(String),
    /// Twilio's warning 12200.
    #[error("12200: {0}")]
    Unexpected(String),
}

fn unexpected<T>(why: impl Into<String>) -> Result<T, TwimlError> {
    Err(TwimlError::Unexpected(why.into()))
}

/// Reads a document.
///
/// # Errors
/// [`TwimlError`] for what is no XML, no `<Response>`, or holds verbs, attributes or values that are not in use here.
pub fn parse(text: &str) -> Result<Vec<Verb>, TwimlError> {
    if text.len() > MAX_DOCUMENT {
        return Err(TwimlError::Unreadable("it is longer than 64 KiB".to_owned()));
    }
    let root = xml::read(text)?;
    if root.name != "Response" {
        return unexpected(format!("the document is <{}>, not <Response>", root.name));
    }
    known(&root, &[])?;
    wordless(&root)?;
    root.children.iter().map(verb).collect()
}

fn verb(element: &Element) -> Result<Verb, TwimlError> {
    Ok(match element.name.as_str() {
        "Connect" => Verb::Connect(connect(element)?),
        "Redirect" => {
            known(element, &["method"])?;
            Verb::Redirect(Link { url: words(element)?, method: method(element, "method")? })
        }
        "Say" => {
            known(element, &["voice", "language", "loop"])?;
            Verb::Say { text: words(element)? }
        }
        "Pause" => {
            known(element, &["length"])?;
            Verb::Pause { seconds: number(element, "length", 1)? }
        }
        "Hangup" => {
            known(element, &[])?;
            Verb::Hangup
        }
        "Reject" => {
            known(element, &["reason"])?;
            let reason = attribute(element, "reason").unwrap_or("rejected");
            if !matches!(reason, "rejected" | "busy") {
                return unexpected(format!("<Reject> knows no reason `{reason}`"));
            }
            Verb::Reject { reason: reason.to_owned() }
        }
        "Dial" => Verb::Dial(dial(element)?),
        "Message" => message(element)?,
        other => return unexpected(format!("the verb <{other}> is unknown to the simulated Twilio")),
    })
}

fn connect(element: &Element) -> Result<Connect, TwimlError> {
    known(element, &["action", "method"])?;
    wordless(element)?;
    let [stream] = element.children.as_slice() else {
        return unexpected("<Connect> holds one <Stream> and nothing else");
    };
    if stream.name != "Stream" {
        return unexpected(format!("<Connect> holds <{}>, not <Stream>", stream.name));
    }
    known(stream, &["url", "name", "track", "statusCallback", "statusCallbackMethod"])?;
    wordless(stream)?;
    if attribute(stream, "track").is_some_and(|track| track != "inbound_track") {
        return unexpected("31941: a bidirectional stream has the inbound track only");
    }
    let Some(url) = attribute(stream, "url") else { return unexpected("<Stream> has no url") };
    stream_url(url)?;
    Ok(Connect {
        action: link(element, "action", "method")?,
        url: url.to_owned(),
        name: attribute(stream, "name").unwrap_or_default().to_owned(),
        status_callback: link(stream, "statusCallback", "statusCallbackMethod")?,
        parameters: stream.children.iter().map(parameter).collect::<Result<_, _>>()?,
    })
}

fn stream_url(url: &str) -> Result<(), TwimlError> {
    match Url::parse(url) {
        Err(_) => unexpected(format!("31923: `{url}` is no URL")),
        Ok(parsed) if !matches!(parsed.scheme(), "wss" | "ws") => {
            unexpected(format!("31922: the stream's URL begins with {}, not wss", parsed.scheme()))
        }
        Ok(parsed) if parsed.query().is_some() => {
            unexpected("31920: the stream's URL has a query, which Twilio strips: use <Parameter>")
        }
        Ok(_) => Ok(()),
    }
}

fn parameter(element: &Element) -> Result<(String, String), TwimlError> {
    if element.name != "Parameter" {
        return unexpected(format!("<Stream> holds <{}>, not <Parameter>", element.name));
    }
    known(element, &["name", "value"])?;
    let (Some(name), Some(value)) = (attribute(element, "name"), attribute(element, "value")) else {
        return unexpected("<Parameter> needs a name and a value");
    };
    if name.len() + value.len() >= MAX_PARAMETER {
        return unexpected(format!("the parameter `{name}` has 500 characters or more"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn dial(element: &Element) -> Result<Dial, TwimlError> {
    let attributes = [
        "action",
        "method",
        "timeout",
        "timeLimit",
        "callerId",
        "answerOnBridge",
        "ringTone",
        "hangupOnStar",
    ];
    known(element, &attributes)?;
    let (number_, whisper) = match element.children.as_slice() {
        [] => (words(element)?, None),
        [noun] if element.text.is_empty() => (whom(noun)?, link(noun, "url", "method")?),
        _ => {
            return unexpected(
                "<Dial> holds one number, as its text or as <Number>, or one <Client> or <Sip>",
            );
        }
    };
    Ok(Dial {
        number: number_,
        action: link(element, "action", "method")?,
        whisper,
        timeout_s: number(element, "timeout", 30)?,
        caller_id: attribute(element, "callerId").map(ToOwned::to_owned),
    })
}

/// Whom a noun of `<Dial>` names.
fn whom(noun: &Element) -> Result<String, TwimlError> {
    known(noun, &["url", "method", "statusCallback", "statusCallbackMethod", "statusCallbackEvent"])?;
    let words = words(noun)?;
    match noun.name.as_str() {
        "Number" => Ok(words),
        "Client" => Ok(format!("client:{words}")),
        "Sip" if words.starts_with("sip:") || words.starts_with("sips:") => Ok(words),
        "Sip" => unexpected(format!("<Sip> holds no sip: address: {words}")),
        other => unexpected(format!("<Dial> holds <{other}>, not <Number>, <Client> or <Sip>")),
    }
}

fn message(element: &Element) -> Result<Verb, TwimlError> {
    known(element, &["to", "from", "action", "method", "statusCallback"])?;
    match element.children.as_slice() {
        [] => Ok(Verb::Message { body: words(element)? }),
        [body] if body.name == "Body" && element.text.is_empty() => {
            known(body, &[])?;
            Ok(Verb::Message { body: words(body)? })
        }
        _ => unexpected("<Message> holds its text, or one <Body>"),
    }
}

/// Refuses attributes Twilio does not know there.
fn known(element: &Element, names: &[&str]) -> Result<(), TwimlError> {
    match element.attributes.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, _)) => unexpected(format!("<{}> has no attribute `{name}`", element.name)),
    }
}

fn attribute<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    element.attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

fn words(element: &Element) -> Result<String, TwimlError> {
    if element.text.is_empty() || !element.children.is_empty() {
        return unexpected(format!("<{}> holds text and nothing else", element.name));
    }
    Ok(element.text.clone())
}

fn wordless(element: &Element) -> Result<(), TwimlError> {
    if element.text.trim().is_empty() {
        Ok(())
    } else {
        unexpected(format!("<{}> holds no text of its own", element.name))
    }
}

fn number(element: &Element, name: &str, default: u64) -> Result<u64, TwimlError> {
    let Some(text) = attribute(element, name) else { return Ok(default) };
    text.parse().or_else(|_| unexpected(format!("`{name}` of <{}> is no number: {text}", element.name)))
}

fn method(element: &Element, name: &str) -> Result<Method, TwimlError> {
    match attribute(element, name) {
        None | Some("POST") => Ok(Method::Post),
        Some("GET") => Ok(Method::Get),
        Some(other) => unexpected(format!("`{name}` of <{}> is {other}, not GET or POST", element.name)),
    }
}

fn link(element: &Element, url: &str, how: &str) -> Result<Option<Link>, TwimlError> {
    let method = method(element, how)?;
    Ok(attribute(element, url).map(|url| Link { url: url.to_owned(), method }))
}

#[cfg(test)]
mod tests;
