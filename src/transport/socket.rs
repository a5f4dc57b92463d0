//! What the lines of WebSockets have in common, whatever is said on them: reading and writing, how much of which may
//! come, what was played, and how it ends.

mod allowance;
mod budget;
mod connection;
mod newest;
mod over;
mod played;
mod reader;
mod way;
mod writer;

use std::time::Duration;

pub(super) use budget::Budget;
pub(super) use connection::Connection;
pub(super) use newest::Newest;
pub(super) use over::Over;
pub(super) use played::Played;
pub(super) use reader::{Ear, STARVED_AFTER, STARVED_MS};
pub(super) use way::Way;
pub(super) use writer::{Next, Outgoing, close_with};

/// What a connection may use of our patience.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// So often the other side is pinged.
    pub(super) ping: Duration,
    /// Nothing may come for so long, not even the answer to a ping.
    pub(super) silence: Duration,
    /// A write may take so long.
    pub(super) write: Duration,
}
