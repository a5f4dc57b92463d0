//! Journeys over the phone: a simulated caller on one end, the rehearsal model on the other, both speaking aloud.

pub mod line;

mod barge_in;
mod endings;
mod greeting;
mod keys;
mod messages;
mod noise;
mod outbound;
mod questions;
mod resume;
mod signed;
mod silence;
mod transfer;
