//! The speech of the rehearsal model: what a simulated caller says so that it is understood, and understands.

pub(crate) use crate::rehearsal::speech::{speak, understand};
