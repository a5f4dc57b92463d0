//! Journeys of clients that speak OpenAI's Realtime protocol: a raw socket on one end, the rehearsal model on the other.

mod line;

mod faults;
mod introduced;
mod items;
mod sessions;
mod talk;
mod voice;
