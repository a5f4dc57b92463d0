//! How long the model's side may take for what it owes, in one place.

use std::time::Duration;

/// How long the model's side may take. Whoever plays trouble through may shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// A `session.update` must be answered within this.
    pub update: Duration,
    /// An item must stand in the conversation within this.
    pub item: Duration,
    /// A response must begin within this.
    pub created: Duration,
    /// A response that began must bring its first piece within this.
    pub first_piece: Duration,
    /// A response that is being generated may bring nothing for so long.
    pub stall: Duration,
    /// What is said beside the conversation must have been generated within this.
    pub aside: Duration,
    /// A summary must have been written within this.
    pub summary: Duration,
    /// How often the model is asked for a sign of life while somebody speaks with it.
    pub ping_spoken: Duration,
    /// How often it is asked in a written conversation.
    pub ping_written: Duration,
    /// A caller who waits hears that the line is alive when there has been no model for so long.
    pub gap: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            update: Duration::from_secs(5),
            item: Duration::from_secs(5),
            created: Duration::from_secs(10),
            first_piece: Duration::from_secs(10),
            stall: Duration::from_secs(6),
            aside: Duration::from_secs(10),
            summary: Duration::from_secs(30),
            ping_spoken: Duration::from_secs(3),
            ping_written: Duration::from_secs(15),
            gap: Duration::from_millis(1_500),
        }
    }
}

impl SessionLimits {
    /// How a socket is watched for signs of life.
    pub fn pulse(&self, is_spoken: bool) -> Pulse {
        Pulse { every: if is_spoken { self.ping_spoken } else { self.ping_written } }
    }
}

/// How a socket is watched for signs of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// How often it is pinged.
    pub every: Duration,
}

impl Pulse {
    /// Two pings unanswered, and nothing else came either: it is dead.
    pub fn silence(self) -> Duration {
        self.every * 7 / 3
    }

    /// Three pings unanswered by a model that speaks, and had answered pings before: it hears nothing.
    pub fn deafness(self) -> Duration {
        self.every * 10 / 3
    }
}
