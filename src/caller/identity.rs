//! Who calls whom, and the parameters Twilio tells it with.

use super::webhook::Params;

/// One leg of a call.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) call_sid: String,
    pub(super) account_sid: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) direction: &'static str,
    pub(super) parent: Option<String>,
}

impl Identity {
    /// The parameters of every request about this call. Twilio sends what it does not know as empty texts.
    pub(super) fn params(&self, status: &str) -> Params {
        let mut params = pairs(&[
            ("AccountSid", &self.account_sid),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", &self.call_sid),
            ("CallStatus", status),
            ("Called", &self.to),
            ("Caller", &self.from),
            ("Direction", self.direction),
            ("From", &self.from),
            ("FromCity", ""),
            ("FromCountry", ""),
            ("To", &self.to),
            ("ToCity", ""),
        ]);
        if let Some(parent) = &self.parent {
            params.push(("ParentCallSid".to_owned(), parent.clone()));
        }
        params
    }

    /// The leg of a human who is dialled.
    pub(super) fn child(&self, number: &str, caller_id: Option<&str>) -> Self {
        Self {
            call_sid: sid("CA"),
            account_sid: self.account_sid.clone(),
            from: caller_id.unwrap_or(&self.from).to_owned(),
            to: number.to_owned(),
            direction: "outbound-dial",
            parent: Some(self.call_sid.clone()),
        }
    }
}

/// A new id: the prefix and 32 hexadecimal digits.
pub(super) fn sid(prefix: &str) -> String {
    format!("{prefix}{:032x}", fastrand::u128(..))
}

pub(super) fn pairs(pairs: &[(&str, &str)]) -> Params {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
