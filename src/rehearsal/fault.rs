//! What goes wrong on a connection, and on which connections it does. Pure: the same seed does the same.

use std::ops::Range;
use std::str::FromStr;

/// One thing that goes wrong on a connection. Responses and updates are counted from 0, on each connection anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The socket is cut without a close frame.
    Drop {
        /// After so many server events; 1 at least.
        after_events: u32,
    },
    /// The socket stays open, and nothing is read, sent or answered any more, a ping neither.
    HalfOpen {
        /// After so many server events; 1 at least.
        after_events: u32,
    },
    /// These responses are asked for and never created; no error tells of it.
    NoResponse {
        /// Which.
        responses: Range<u32>,
    },
    /// These responses are created, and nothing more comes of them before they are cancelled.
    NoDelta {
        /// Which.
        responses: Range<u32>,
    },
    /// These responses stop in the middle: no delta and no `response.done` come before they are cancelled.
    Stall {
        /// Which.
        responses: Range<u32>,
        /// After so many deltas.
        deltas: u32,
    },
    /// These responses end `failed` with `server_error`: with no upper bound the session is sick to its end.
    Fail {
        /// Which.
        responses: Range<u32>,
    },
    /// These `session.update`s are neither applied nor answered.
    NoUpdate {
        /// Which.
        updates: Range<u32>,
    },
    /// Answers take longer.
    Slow {
        /// Milliseconds more before a response's first delta.
        first_delta_ms: u64,
        /// Milliseconds more between deltas.
        delta_ms: u64,
    },
}

/// Kinds of faults, as plans draw from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// [`Fault::Drop`].
    Drop,
    /// [`Fault::HalfOpen`].
    HalfOpen,
    /// [`Fault::NoResponse`].
    NoResponse,
    /// [`Fault::NoDelta`].
    NoDelta,
    /// [`Fault::Stall`].
    Stall,
    /// [`Fault::Fail`] from some response on.
    Sick,
    /// [`Fault::NoUpdate`].
    NoUpdate,
    /// [`Fault::Slow`].
    Slow,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Drop,
        Self::HalfOpen,
        Self::NoResponse,
        Self::NoDelta,
        Self::Stall,
        Self::Sick,
        Self::NoUpdate,
        Self::Slow,
    ];

    /// What it is called, in tables and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::HalfOpen => "half-open",
            Self::NoResponse => "no-response",
            Self::NoDelta => "no-delta",
            Self::Stall => "stall",
            Self::Sick => "sick",
            Self::NoUpdate => "no-update",
            Self::Slow => "slow",
        }
    }

    fn draw(self, random: &mut fastrand::Rng) -> Fault {
        let one = |random: &mut fastrand::Rng, most: u32| {
            let first = random.u32(0..most);
            first..first + 1
        };
        match self {
            Self::Drop => Fault::Drop { after_events: random.u32(1..300) },
            Self::HalfOpen => Fault::HalfOpen { after_events: random.u32(1..300) },
            Self::NoResponse => Fault::NoResponse { responses: one(random, 4) },
            Self::NoDelta => Fault::NoDelta { responses: one(random, 4) },
            Self::Stall => Fault::Stall { responses: one(random, 4), deltas: random.u32(1..12) },
            Self::Sick => Fault::Fail { responses: random.u32(0..4)..u32::MAX },
            Self::NoUpdate => Fault::NoUpdate { updates: one(random, 2) },
            Self::Slow => Fault::Slow { first_delta_ms: random.u64(20..400), delta_ms: random.u64(0..20) },
        }
    }
}

impl Fault {
    /// What kind it is of.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Drop { .. } => FaultKind::Drop,
            Self::HalfOpen { .. } => FaultKind::HalfOpen,
            Self::NoResponse { .. } => FaultKind::NoResponse,
            Self::NoDelta { .. } => FaultKind::NoDelta,
            Self::Stall { .. } => FaultKind::Stall,
            Self::Fail { .. } => FaultKind::Sick,
            Self::NoUpdate { .. } => FaultKind::NoUpdate,
            Self::Slow { .. } => FaultKind::Slow,
        }
    }
}

/// `half-open@120`: a kind, and after how many events, or from which response or update on, it strikes.
impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, at) = text.split_once('@').map_or((text, None), |(name, at)| (name, Some(at)));
        let kinds = || FaultKind::ALL.map(FaultKind::as_str).join(", ");
        let kind = FaultKind::ALL.into_iter().find(|kind| kind.as_str() == name);
        let kind = kind.ok_or_else(|| format!("`{name}` is none of {}", kinds()))?;
        let wrong = || format!("write `{name}@N` with a whole number, not `{text}`");
        let number = |otherwise: u32| at.map_or(Ok(otherwise), |at| at.parse().map_err(|_| wrong()));
        let on = |first: u32| first..u32::MAX;
        Ok(match kind {
            FaultKind::Drop => Self::Drop { after_events: number(100)?.max(1) },
            FaultKind::HalfOpen => Self::HalfOpen { after_events: number(100)?.max(1) },
            FaultKind::NoResponse => Self::NoResponse { responses: on(number(0)?) },
            FaultKind::NoDelta => Self::NoDelta { responses: on(number(0)?) },
            FaultKind::Stall => Self::Stall { responses: on(number(0)?), deltas: 3 },
            FaultKind::Sick => Self::Fail { responses: on(number(0)?) },
            FaultKind::NoUpdate => Self::NoUpdate { updates: on(number(0)?) },
            FaultKind::Slow => Self::Slow { first_delta_ms: number(500)?.into(), delta_ms: 0 },
        })
    }
}

/// Which connections are struck by what. Connections are counted from 0 in the order in which they are let in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultPlan {
    /// The faults of the first connections.
    first: Vec<Vec<Fault>>,
    others: Others,
}

/// What happens to the connections after the first.
#[derive(Debug, Clone, PartialEq)]
enum Others {
    Alike(Vec<Fault>),
    Drawn { seed: u64, share: f64, kinds: Vec<FaultKind> },
}

impl Default for Others {
    fn default() -> Self {
        Self::Alike(Vec::new())
    }
}

impl FaultPlan {
    /// The same for every connection.
    pub fn each(faults: Vec<Fault>) -> Self {
        Self { first: Vec::new(), others: Others::Alike(faults) }
    }

    /// These for the first connections, one list each; those that come later are spared.
    pub fn first(connections: Vec<Vec<Fault>>) -> Self {
        Self { first: connections, others: Others::default() }
    }

    /// Strikes a share of the connections, 0 to 1, with one fault each of these kinds.
    pub fn seeded(seed: u64, share: f64, kinds: &[FaultKind]) -> Self {
        Self { first: Vec::new(), others: Others::Drawn { seed, share, kinds: kinds.to_vec() } }
    }

    /// What goes wrong on one connection.
    pub fn of(&self, connection: u64) -> Vec<Fault> {
        if let Some(faults) = usize::try_from(connection).ok().and_then(|at| self.first.get(at)) {
            return faults.clone();
        }
        match &self.others {
            Others::Alike(faults) => faults.clone(),
            Others::Drawn { seed, share, kinds } => {
                // far apart, so that two connections of one plan, and two plans, have little in common
                let mut random =
                    fastrand::Rng::with_seed(*seed ^ connection.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                let is_struck = random.f64() < *share;
                let kind = random.choice(kinds).filter(|_| is_struck);
                kind.map(|kind| kind.draw(&mut random)).into_iter().collect()
            }
        }
    }
}

/// The faults of one connection, as its state asks for them.
#[derive(Debug, Clone, Default)]
pub(super) struct Ailments(Vec<Fault>);

/// What becomes of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    NeverCreated,
    /// Stops after so many deltas.
    Stops {
        deltas: u32,
    },
    Fails,
}

impl Ailments {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self(faults)
    }

    /// What becomes of the connection's response of this number.
    pub(super) fn fate(&self, response: u32) -> (Fate, Option<FaultKind>) {
        let struck = self.0.iter().find_map(|fault| {
            let fate = match fault {
                Fault::NoResponse { responses } if responses.contains(&response) => Fate::NeverCreated,
                Fault::NoDelta { responses } if responses.contains(&response) => Fate::Stops { deltas: 0 },
                Fault::Stall { responses, deltas } if responses.contains(&response) => {
                    Fate::Stops { deltas: *deltas }
                }
                Fault::Fail { responses } if responses.contains(&response) => Fate::Fails,
                Fault::Drop { .. }
                | Fault::HalfOpen { .. }
                | Fault::NoResponse { .. }
                | Fault::NoDelta { .. }
                | Fault::Stall { .. }
                | Fault::Fail { .. }
                | Fault::NoUpdate { .. }
                | Fault::Slow { .. } => return None,
            };
            Some((fate, Some(fault.kind())))
        });
        struck.unwrap_or((Fate::Lives, None))
    }

    /// Whether the connection's `session.update` of this number is passed over.
    pub(super) fn ignores_update(&self, update: u32) -> bool {
        self.0.iter().any(|fault| matches!(fault, Fault::NoUpdate { updates } if updates.contains(&update)))
    }

    /// Milliseconds more before a first delta, and between deltas.
    pub(super) fn delays_ms(&self) -> (u64, u64) {
        let slow = self.0.iter().find_map(|fault| match fault {
            Fault::Slow { first_delta_ms, delta_ms } => Some((*first_delta_ms, *delta_ms)),
            _ => None,
        });
        slow.unwrap_or_default()
    }

    /// After how many server events the socket is cut.
    pub(super) fn drops_after(&self) -> Option<u32> {
        self.0.iter().find_map(|fault| match fault {
            Fault::Drop { after_events } => Some(*after_events),
            _ => None,
        })
    }

    /// After how many server events the socket is dead, though open.
    pub(super) fn freezes_after(&self) -> Option<u32> {
        self.0.iter().find_map(|fault| match fault {
            Fault::HalfOpen { after_events } => Some(*after_events),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_strikes_the_same_connections_with_the_same() {
        let plan = |seed| {
            let plan = FaultPlan::seeded(seed, 0.5, &FaultKind::ALL);
            (0..200).map(|connection| plan.of(connection)).collect::<Vec<_>>()
        };
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        let struck: Vec<Fault> = plan(7).concat();
        assert!((70..130).contains(&struck.len()), "{}", struck.len());
        for kind in FaultKind::ALL {
            assert!(struck.iter().any(|fault| fault.kind() == kind), "{kind:?}");
        }
    }

    #[test]
    fn the_first_connections_have_faults_of_their_own() {
        let plan = FaultPlan::first(vec![vec![Fault::Drop { after_events: 3 }], vec![]]);
        assert_eq!(plan.of(0), [Fault::Drop { after_events: 3 }]);
        assert_eq!((plan.of(1), plan.of(2)), (vec![], vec![]));
        let each = FaultPlan::each(vec![Fault::Fail { responses: 1..2 }]);
        assert_eq!(each.of(0), each.of(99));
    }

    #[test]
    fn a_fault_can_be_written_on_the_command_line() {
        assert_eq!("half-open@120".parse(), Ok(Fault::HalfOpen { after_events: 120 }));
        assert_eq!("sick".parse(), Ok(Fault::Fail { responses: 0..u32::MAX }));
        assert_eq!("no-update@1".parse(), Ok(Fault::NoUpdate { updates: 1..u32::MAX }));
        assert_eq!("slow@40".parse(), Ok(Fault::Slow { first_delta_ms: 40, delta_ms: 0 }));
        for kind in FaultKind::ALL {
            assert_eq!(kind.as_str().parse::<Fault>().map(|fault| fault.kind()), Ok(kind));
        }
        for wrong in ["", "fire", "drop@", "drop@many", "drop@-1"] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_response_meets_the_first_fault_that_is_meant_for_it() {
        let ailments = Ailments::new(vec![
            Fault::NoResponse { responses: 1..2 },
            Fault::Stall { responses: 2..3, deltas: 4 },
            Fault::Fail { responses: 2..9 },
        ]);
        let fates: Vec<_> = (0..4).map(|response| ailments.fate(response).0).collect();
        assert_eq!(fates, [Fate::Lives, Fate::NeverCreated, Fate::Stops { deltas: 4 }, Fate::Fails]);
        assert!(!ailments.ignores_update(0));
    }
}
