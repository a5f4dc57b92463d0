//! Who of the many that want a socket to the model is let in, when, and at which endpoint. Pure: the time and the draws
//! are arguments.
//!
//! Whoever has the least time left goes first; among equals whoever came first. The primary endpoint is tried while its
//! breaker allows, the fallback otherwise; whoever was just failed by one is let to the other at once, and to the same
//! after a pause. Nobody waits longer than to their deadline.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::{Breaker, Pass, Standing};
use super::fault::Failure;
use super::pace::{Pace, Room};

/// A socket that is configured and hears no error for so long was of use.
pub const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// Callers who wait at most; beyond it one is told at once that no socket can be had.
pub const MAX_WAITING: usize = 20_000;

/// Which of the two endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The one that is meant to serve.
    Primary,
    /// The one that takes over.
    Fallback,
}

impl Role {
    /// For the figures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Fallback => "fallback",
        }
    }
}

/// Until when a caller whom an endpoint has just failed leaves it alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pauses {
    primary: Option<Instant>,
    fallback: Option<Instant>,
}

impl Pauses {
    /// Leaves an endpoint alone until then.
    pub fn pause(&mut self, role: Role, until: Instant) {
        match role {
            Role::Primary => self.primary = Some(until),
            Role::Fallback => self.fallback = Some(until),
        }
    }

    fn until(&self, role: Role) -> Option<Instant> {
        match role {
            Role::Primary => self.primary,
            Role::Fallback => self.fallback,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// Nobody wants the socket after this.
    pub deadline: Instant,
    /// Whether it replaces another, or one that could not be had: such are opened at a steady pace.
    pub again: bool,
    /// What has just failed this caller.
    pub pauses: Pauses,
}

/// A place among those who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    deadline: Instant,
    number: u64,
}

/// An attempt that was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grant {
    /// Where.
    pub role: Role,
    number: u64,
}

/// What becomes of an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Open a socket.
    Go(Grant),
    /// There was no place before the deadline.
    Late {
        /// What went wrong last.
        why: String,
    },
    /// Every endpoint refuses us.
    Refused {
        /// The word of the one that is meant to serve.
        code: String,
    },
}

/// Who waits, and what is known of the endpoints.
#[derive(Debug)]
pub struct Admission {
    primary: Gate,
    fallback: Option<Gate>,
    waiting: BTreeMap<Ticket, Ask>,
    grants: HashMap<u64, Granted>,
    numbers: u64,
    wake_at: Option<Instant>,
}

#[derive(Debug)]
struct Gate {
    breaker: Breaker,
    pace: Pace,
}

/// A socket that is being opened, or in use.
#[derive(Debug)]
struct Granted {
    role: Role,
    pass: Pass,
    is_opening: bool,
    /// When it will have been of use, if nothing goes wrong until then.
    settles_at: Option<Instant>,
    /// Whether its outcome is known.
    is_told: bool,
}

impl Admission {
    /// Of one endpoint or two, each of which replaces so many sockets in a second.
    pub fn new(has_fallback: bool, per_second: u32) -> Self {
        let gate = || Gate { breaker: Breaker::default(), pace: Pace::new(per_second) };
        Self {
            primary: gate(),
            fallback: has_fallback.then(gate),
            waiting: BTreeMap::new(),
            grants: HashMap::new(),
            numbers: 0,
            wake_at: None,
        }
    }

    /// Takes a place, unless too many wait. [`Self::advance`] says what becomes of it.
    pub fn ask(&mut self, ask: Ask) -> Option<Ticket> {
        if self.waiting.len() >= MAX_WAITING {
            return None;
        }
        self.numbers += 1;
        let ticket = Ticket { deadline: ask.deadline, number: self.numbers };
        self.waiting.insert(ticket, ask);
        Some(ticket)
    }

    /// Gives a place up.
    pub fn leave(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How an endpoint is thought of, if there is one in that role.
    pub fn standing(&self, role: Role) -> Option<Standing> {
        self.gate(role).map(|gate| gate.breaker.standing())
    }

    /// Whether no endpoint is tried now, because each failed or refused us a moment ago. One that has had its rest is
    /// not counted out: the next caller finds out.
    pub fn is_away(&self, now: Instant) -> bool {
        self.gates().all(|(_, gate)| !gate.breaker.allows(now))
    }

    /// The word with which every endpoint refuses us, if every one does.
    pub fn refusal(&self, now: Instant) -> Option<&str> {
        let everywhere = self.gates().all(|(_, gate)| gate.breaker.refusal(now).is_some());
        self.primary.breaker.refusal(now).filter(|_| everywhere)
    }

    /// The socket is open; whether it is of use is not known yet.
    pub fn opened(&mut self, grant: Grant) {
        if let Some(granted) = self.grants.get_mut(&grant.number)
            && std::mem::take(&mut granted.is_opening)
        {
            self.gate_mut(grant.role).pace.ended();
        }
    }

    /// The model knows who to be: if nothing goes wrong for a moment, the socket is of use.
    pub fn configured(&mut self, grant: Grant, now: Instant) {
        if let Some(granted) = self.grants.get_mut(&grant.number).filter(|granted| !granted.is_told) {
            granted.settles_at.get_or_insert(now + SETTLED_AFTER);
        }
    }

    /// Something useful came through the socket.
    pub fn succeeded(&mut self, grant: Grant, now: Instant) {
        if let Some(granted) = self.grants.get_mut(&grant.number).filter(|granted| !granted.is_told) {
            let pass = granted.tell();
            self.gate_mut(grant.role).breaker.succeeded(pass, now);
        }
    }

    /// The socket could not be had, or was lost. One that had been of use says nothing of the endpoint, unless it was
    /// refused. Returns whether that was counted.
    pub fn failed(&mut self, grant: Grant, failure: Failure, why: &str, now: Instant, draw: f64) -> bool {
        self.opened(grant);
        let Some(granted) = self.grants.get_mut(&grant.number) else {
            return false;
        };
        if granted.is_told && failure != Failure::Refused {
            return false;
        }
        let pass = granted.tell();
        self.gate_mut(grant.role).breaker.failed(pass, failure, why, now, draw);
        true
    }

    /// Nobody has the socket any more.
    pub fn gone(&mut self, grant: Grant, now: Instant) {
        self.opened(grant);
        if let Some(granted) = self.grants.remove(&grant.number).filter(|granted| !granted.is_told) {
            self.gate_mut(granted.role).breaker.abandoned(granted.pass, now);
        }
    }

    /// Lets in whoever may go, and tells whoever has waited in vain.
    pub fn advance(&mut self, now: Instant, mut draw: impl FnMut() -> f64) -> Vec<(Ticket, Verdict)> {
        let mut wake_at = self.settle(now);
        let mut told = Vec::new();
        let tickets: Vec<Ticket> = self.waiting.keys().copied().collect();
        for ticket in tickets {
            let Some(ask) = self.waiting.get(&ticket).copied() else { continue };
            let verdict = match self.decide(&ask, now) {
                Decision::Tell(verdict) => verdict,
                Decision::Go(role) => match self.grant(role, ask.again, now, draw()) {
                    Some(grant) => Verdict::Go(grant),
                    None => continue,
                },
                Decision::Wait(until) => {
                    self.pace_after_trouble(ticket);
                    let until = until.map_or(ask.deadline, |until| until.min(ask.deadline));
                    wake_at = Some(wake_at.map_or(until, |wake_at| wake_at.min(until)));
                    continue;
                }
            };
            self.waiting.remove(&ticket);
            told.push((ticket, verdict));
        }
        self.wake_at = wake_at;
        told
    }

    /// Whoever waits while an endpoint is in trouble is one of many who come when it is over.
    fn pace_after_trouble(&mut self, ticket: Ticket) {
        let is_well = self.gates().all(|(_, gate)| gate.breaker.standing() == Standing::Closed);
        if let Some(ask) = self.waiting.get_mut(&ticket) {
            ask.again |= !is_well;
        }
    }

    /// When [`Self::advance`] is to be called if nothing happens before.
    pub fn wake_at(&self) -> Option<Instant> {
        self.wake_at
    }

    /// Counts the sockets that were configured and went on well; returns when the next will have.
    fn settle(&mut self, now: Instant) -> Option<Instant> {
        let mut next = None;
        let mut settled = Vec::new();
        for granted in self.grants.values_mut().filter(|granted| !granted.is_told) {
            match granted.settles_at {
                Some(at) if at <= now => settled.push((granted.role, granted.tell())),
                Some(at) => next = Some(next.map_or(at, |next: Instant| next.min(at))),
                None => {}
            }
        }
        for (role, pass) in settled {
            self.gate_mut(role).breaker.succeeded(pass, now);
        }
        next
    }

    fn decide(&self, ask: &Ask, now: Instant) -> Decision {
        if let Some(code) = self.refusal(now) {
            return Decision::Tell(Verdict::Refused { code: code.to_owned() });
        }
        if now >= ask.deadline {
            return Decision::Tell(Verdict::Late { why: self.last_why() });
        }
        let mut wait: Option<Instant> = None;
        let mut wait_until = |at: Instant| wait = Some(wait.map_or(at, |wait| wait.min(at)));
        for (role, gate) in self.gates() {
            let rests_until = gate.breaker.rests_until().filter(|until| now < *until);
            let paused_until = ask.pauses.until(role).filter(|until| now < *until);
            if !gate.breaker.allows(now) || paused_until.is_some() {
                rests_until.max(paused_until).into_iter().for_each(&mut wait_until);
                continue;
            }
            match gate.pace.room(ask.again, now) {
                Room::Now => return Decision::Go(role),
                // It is there, and merely busy: nobody need go elsewhere.
                Room::At(at) => wait_until(at),
                Room::WhenOneEnds => {}
            }
            break;
        }
        Decision::Wait(wait)
    }

    fn grant(&mut self, role: Role, again: bool, now: Instant, draw: f64) -> Option<Grant> {
        let gate = self.gate_mut(role);
        let pass = gate.breaker.admit(now)?;
        gate.pace.begin(again, now, draw);
        self.numbers += 1;
        let number = self.numbers;
        let granted = Granted { role, pass, is_opening: true, settles_at: None, is_told: false };
        self.grants.insert(number, granted);
        Some(Grant { role, number })
    }

    fn last_why(&self) -> String {
        let whys = self.gates().filter(|(_, gate)| gate.breaker.standing() != Standing::Closed);
        let why = whys.filter_map(|(_, gate)| gate.breaker.last_why()).next();
        why.unwrap_or("too many sockets are being opened").to_owned()
    }

    fn gates(&self) -> impl Iterator<Item = (Role, &Gate)> {
        let fallback = self.fallback.iter().map(|gate| (Role::Fallback, gate));
        std::iter::once((Role::Primary, &self.primary)).chain(fallback)
    }

    fn gate(&self, role: Role) -> Option<&Gate> {
        match role {
            Role::Primary => Some(&self.primary),
            Role::Fallback => self.fallback.as_ref(),
        }
    }

    /// The gate of a role that there is: grants and decisions name no other.
    fn gate_mut(&mut self, role: Role) -> &mut Gate {
        match (role, &mut self.fallback) {
            (Role::Fallback, Some(gate)) => gate,
            (Role::Primary, _) | (Role::Fallback, None) => &mut self.primary,
        }
    }
}

/// What is to be done about an ask now.
enum Decision {
    Go(Role),
    Tell(Verdict),
    /// Until then, or until something happens.
    Wait(Option<Instant>),
}

impl Granted {
    fn tell(&mut self) -> Pass {
        self.is_told = true;
        self.settles_at = None;
        self.pass
    }
}

#[cfg(test)]
mod tests;
