//! The simulated Twilio against a service of a few lines, over real sockets.

mod api;
mod calls;
mod service;
mod streams;
