//! Twilio: the line of a phone call, and what the service asks of Twilio itself.

pub mod rest;
