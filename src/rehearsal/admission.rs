//! Who may connect: path, key, model. Pure; the server answers accordingly.

use url::form_urlencoded;

/// What an upgrade request says of itself.
#[derive(Debug, Default, Clone)]
pub(super) struct Knock<'a> {
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    /// The `Authorization` header.
    pub(super) authorization: Option<&'a str>,
    /// The `api-key` header, as Azure wants it.
    pub(super) api_key: Option<&'a str>,
    /// The `OpenAI-Beta` header.
    pub(super) beta: Option<&'a str>,
    /// The `Sec-WebSocket-Protocol` header.
    pub(super) protocols: &'a str,
}

/// What is done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admission {
    /// Talk to this model.
    Enter { model: String },
    /// Refuse the upgrade.
    Refuse { status: u16, code: &'static str, message: String },
    /// Upgrade, say why in an `error` event, and close with 4000.
    Dismiss { code: &'static str, close_reason: &'static str, message: &'static str },
}

/// The key a browser puts among its subprotocols.
const KEY_PROTOCOL: &str = "openai-insecure-api-key.";

/// Decides. `is_key` says whether a key is good; `None` lets everybody in.
pub(super) fn admit(knock: &Knock<'_>, is_key: Option<&dyn Fn(&str) -> bool>) -> Admission {
    if !["/v1/realtime", "/openai/v1/realtime"].contains(&knock.path) {
        let message = format!("Invalid URL (GET {})", knock.path);
        return Admission::Refuse { status: 404, code: "unknown_url", message };
    }
    if let Some(is_key) = is_key
        && !knock.keys().any(is_key)
    {
        let message = "Incorrect API key provided.".to_owned();
        return Admission::Refuse { status: 401, code: "invalid_api_key", message };
    }
    if knock.beta.is_some() || knock.protocols().any(|protocol| protocol == "openai-beta.realtime-v1") {
        return Admission::Dismiss {
            code: "beta_api_shape_disabled",
            close_reason: "invalid_request_error.beta_api_shape_disabled",
            message: "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
        };
    }
    let parameter = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(knock.query.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    if parameter("call_id").is_some() {
        let message = "No call of that id is known here.".to_owned();
        return Admission::Refuse { status: 404, code: "call_not_found", message };
    }
    match parameter("model").filter(|model| !model.is_empty()) {
        Some(model) => Admission::Enter { model },
        None => Admission::Dismiss {
            code: "missing_model",
            close_reason: "invalid_request_error.missing_model",
            message: "You must provide a model parameter.",
        },
    }
}

/// What a server that takes nobody at the moment says.
pub(super) fn refused_with(status: u16) -> Admission {
    let (code, message) = match status {
        401 => ("invalid_api_key", "Incorrect API key provided."),
        429 => ("rate_limit_exceeded", "Rate limit reached. Try again later."),
        _ => ("server_overloaded", "The server is overloaded. Try again later."),
    };
    Admission::Refuse { status, code, message: message.to_owned() }
}

impl<'a> Knock<'a> {
    fn keys(&self) -> impl Iterator<Item = &'a str> {
        let bearer = self.authorization.and_then(|value| value.strip_prefix("Bearer "));
        let browser = self.protocols().filter_map(|protocol| protocol.strip_prefix(KEY_PROTOCOL));
        bearer.into_iter().chain(self.api_key).chain(browser)
    }

    /// The subprotocols the client offers.
    pub(super) fn protocols(&self) -> impl Iterator<Item = &'a str> {
        self.protocols.split(',').map(str::trim).filter(|protocol| !protocol.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knock(query: &'static str) -> Knock<'static> {
        Knock { path: "/v1/realtime", query, ..Knock::default() }
    }

    #[test]
    fn a_model_is_all_it_takes_without_a_key() {
        let model = "gpt-realtime-2.1".to_owned();
        assert_eq!(admit(&knock("model=gpt-realtime-2.1"), None), Admission::Enter { model: model.clone() });
        let azure = Knock { path: "/openai/v1/realtime", ..knock("model=gpt%2Drealtime-2.1") };
        assert_eq!(admit(&azure, None), Admission::Enter { model });
    }

    #[test]
    fn the_key_is_looked_for_in_every_place_it_may_stand() {
        let is_key = |key: &str| key == "sk-good";
        let admitted = |knock: Knock<'_>| matches!(admit(&knock, Some(&is_key)), Admission::Enter { .. });
        assert!(admitted(Knock { authorization: Some("Bearer sk-good"), ..knock("model=m") }));
        assert!(admitted(Knock { api_key: Some("sk-good"), ..knock("model=m") }));
        assert!(admitted(Knock {
            protocols: "realtime, openai-insecure-api-key.sk-good",
            ..knock("model=m")
        }));
        assert!(!admitted(Knock { authorization: Some("Bearer sk-bad"), ..knock("model=m") }));
        assert!(!admitted(knock("model=m")));
    }

    #[test]
    fn wrong_doors_are_answered_as_the_real_ones() {
        let outcome = |knock: Knock<'_>| match admit(&knock, None) {
            Admission::Enter { .. } => (200, ""),
            Admission::Refuse { status, code, .. } => (status, code),
            Admission::Dismiss { code, .. } => (4000, code),
        };
        assert_eq!(outcome(knock("")), (4000, "missing_model"));
        assert_eq!(outcome(knock("model=")), (4000, "missing_model"));
        let beta = Knock { beta: Some("realtime=v1"), ..knock("model=m") };
        assert_eq!(outcome(beta), (4000, "beta_api_shape_disabled"));
        assert_eq!(outcome(knock("call_id=rtc_1")), (404, "call_not_found"));
        let preview = Knock { path: "/openai/realtime", ..knock("deployment=m") };
        assert_eq!(outcome(preview), (404, "unknown_url"));
    }
}
