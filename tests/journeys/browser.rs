//! Journeys from a browser: its connection on one end, the rehearsal model on the other, both speaking aloud.

pub mod line;

mod doors;
mod limits;
mod lost;
mod talk;
