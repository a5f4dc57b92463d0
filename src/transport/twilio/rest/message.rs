//! Sending a message.
//!
//! Source: <https://www.twilio.com/docs/messaging/api/message-resource>

use super::answer::Fault;
use super::{TwilioApi, TwilioError};

impl TwilioApi {
    /// Sends a message of at most 1,600 characters from an address of ours. A request that may have been taken is not
    /// repeated: nobody wants the same message twice.
    ///
    /// # Errors
    /// [`TwilioError`]; unless it says that Twilio refused, the message may yet come.
    pub async fn send_message(&self, from: &str, to: &str, body: &str) -> Result<(), TwilioError> {
        let form = [("To", to), ("From", from), ("Body", body)];
        let sent =
            self.retry("send_message", Fault::was_not_taken, || self.post(&["Messages.json"], &form)).await;
        sent.map(drop).map_err(TwilioError::from)
    }
}
