//! What a client says of itself before its socket opens: which dialect it speaks, what it shows, what it wishes. Pure.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use url::form_urlencoded;

use crate::edge::auth::{bearer, offered, offers};
use crate::id::{CallId, PersonaKey};
use crate::protocol::realtime::{Dialect, ExtensionNames};

/// The subprotocol of everybody, and that of clients of the dialect before the present one.
const REALTIME: &str = "realtime";
const BETA: &str = "openai-beta.realtime-v1";
/// How a client names that dialect in a header.
const BETA_HEADER: &str = "openai-beta";
const BETA_VALUE: &str = "realtime=v1";
/// The path of the front ends that connect without a word of themselves, and know no other dialect.
const BARE_PATH: &str = "/realtime";
/// What stands before a persona's key in place of a model's name.
const PERSONA_PREFIX: &str = "persona:";
/// The longest name of a model.
const MAX_MODEL_BYTES: usize = 128;
/// What clients show that have no key, but cannot show nothing.
const NO_KEYS: [&str; 3] = ["", "null", "undefined"];

/// What a client said of itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Handshake {
    /// How events are written.
    pub(super) dialect: Dialect,
    /// How the event is named that tells of a tool's output.
    pub(super) extensions: ExtensionNames,
    /// What the answer selects of the subprotocols that are offered; never one that holds a key.
    pub(super) subprotocol: Option<&'static str>,
    /// The key or client secret it shows.
    pub(super) credential: Option<String>,
    /// How it can be told that it is not let in.
    pub(super) told_by: ToldBy,
    /// What it wants, or which of its wishes cannot be understood.
    pub(super) wishes: Result<Wishes, BadWish>,
}

/// How a client can be told that it is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToldBy {
    /// By the status and the body of the answer.
    Answer,
    /// By an event: it is a browser, which shows its pages nothing of an answer that is no upgrade.
    Event,
}

/// What a client wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::edge) struct Wishes {
    /// Who shall speak first, if the call is new.
    pub(in crate::edge) persona: Option<PersonaKey>,
    /// Which call; a new one when absent.
    pub(in crate::edge) call_id: Option<CallId>,
    /// Whether the persona shall speak first.
    pub(in crate::edge) greets: bool,
    /// The model it named, to be told of.
    pub(in crate::edge) model: Option<String>,
}

/// A wish that cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadWish {
    /// The parameter of the query.
    pub(super) parameter: &'static str,
    /// What it must be.
    pub(super) problem: &'static str,
}

impl Handshake {
    /// Reads a request. `knows` tells personas from models, whose names may stand where a persona's can.
    pub(super) fn read(path: &str, query: &str, headers: &HeaderMap, knows: impl Fn(&str) -> bool) -> Self {
        let parameters = Parameters::of(query);
        let is_subprotocol_user = offers(headers).next().is_some();
        let bearer = bearer(headers);
        let is_bare = !is_subprotocol_user
            && !headers.contains_key(header::AUTHORIZATION)
            && parameters.get("model").is_none()
            && path == BARE_PATH;
        let dialect = if wants_beta(headers) || is_bare { Dialect::Beta } else { Dialect::Ga };
        let told_by = if is_subprotocol_user && bearer.is_none() { ToldBy::Event } else { ToldBy::Answer };
        let (extensions, wishes) = match extensions(&parameters, is_bare) {
            Ok(extensions) => (extensions, Wishes::read(&parameters, knows)),
            Err(bad) => (ExtensionNames::default(), Err(bad)),
        };
        Self {
            dialect,
            extensions,
            subprotocol: [REALTIME, BETA]
                .into_iter()
                .find(|known| offers(headers).any(|offer| offer == *known)),
            credential: credential(headers, bearer),
            told_by,
            wishes,
        }
    }
}

impl Wishes {
    fn read(parameters: &Parameters<'_>, knows: impl Fn(&str) -> bool) -> Result<Self, BadWish> {
        let persona = match parameters.get("persona") {
            Some(key) => Some(PersonaKey::from(key)),
            None => parameters.get("model").and_then(|model| persona_of_model(model, knows)),
        };
        let call_id = parameters.get("call_id").map(str::parse).transpose();
        let problem = "must be 1 to 128 characters of A-Z, a-z, 0-9, '.', '_', ':' and '-'";
        let call_id = call_id.map_err(|_| BadWish { parameter: "call_id", problem })?;
        let greets = match parameters.get("greet") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(BadWish { parameter: "greet", problem: "must be true or false" }),
        };
        let model = parameters.get("model").map(str::to_owned);
        if model.as_ref().is_some_and(|model| model.len() > MAX_MODEL_BYTES) {
            return Err(BadWish { parameter: "model", problem: "must be 1 to 128 characters" });
        }
        Ok(Self { persona, call_id, greets, model })
    }
}

/// The persona that is meant by a model's name: one named as such, or one whose key it is. Any other name is that of a
/// model of OpenAI's, which a client has to name and which says nothing here.
pub(super) fn persona_of_model(model: &str, knows: impl Fn(&str) -> bool) -> Option<PersonaKey> {
    match model.strip_prefix(PERSONA_PREFIX) {
        Some(key) => Some(key.into()),
        None => knows(model).then(|| model.into()),
    }
}

/// Front ends that say nothing of themselves know the older name only.
fn extensions(parameters: &Parameters<'_>, is_bare: bool) -> Result<ExtensionNames, BadWish> {
    match parameters.get("extensions") {
        None if is_bare => Ok(ExtensionNames::Underscored),
        None | Some("dotted") => Ok(ExtensionNames::Dotted),
        Some("underscored") => Ok(ExtensionNames::Underscored),
        Some(_) => Err(BadWish { parameter: "extensions", problem: "must be dotted or underscored" }),
    }
}

fn wants_beta(headers: &HeaderMap) -> bool {
    let named = headers.get_all(BETA_HEADER).iter().filter_map(|value| value.to_str().ok());
    offers(headers).any(|offer| offer == BETA)
        || named.flat_map(|list| list.split(',')).any(|value| value.trim() == BETA_VALUE)
}

/// A header goes before a subprotocol.
fn credential(headers: &HeaderMap, bearer: Option<&str>) -> Option<String> {
    let shown = bearer.or_else(|| offered(headers))?;
    (!NO_KEYS.contains(&shown)).then(|| shown.to_owned())
}

/// The parameters of a query; the first of each name counts, and those that are not known are nobody's business.
struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    fn of(query: &'a str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).collect())
    }

    /// An empty value counts as none.
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_ref()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests;
