//! What is going to happen: who calls, what they say, and what goes wrong when. Pure: the same seed, the same plan.

use ai_realtime::call::Part;
use ai_realtime::rehearsal::{FaultKind, FaultPlan};

/// Calls that share a service and a model: what strikes one must not be felt by the others.
pub const CELL: usize = 10;
/// The plan strikes until then, in milliseconds of the wall.
const STRIKING_MS: u64 = 5_000;

/// A service, its callers, and its bad luck.
#[derive(Debug, Clone, PartialEq)]
pub struct CellPlan {
    pub seed: u64,
    pub calls: Vec<CallPlan>,
    /// What goes wrong on which of the model's connections.
    pub faults: FaultPlan,
    /// What else goes wrong, and when, in milliseconds of the wall since the first call.
    pub strikes: Vec<(u64, Strike)>,
    /// Share of responses that fail.
    pub error_rate: f64,
    /// Whether the model sends what nobody knows.
    pub hostile: bool,
}

/// Something that goes wrong at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// The socket of the model's oldest open session but so many is cut.
    Drop(usize),
    /// All of them are.
    DropAll,
    /// One goes dead while it stays open.
    HalfOpen(usize),
    /// The model refuses whoever comes with this status, for so many milliseconds.
    Refuse(u16, u64),
    /// Nobody can write to the store, for so many milliseconds.
    StallStore(u64),
    /// Whoever reads the menu takes long, for so many milliseconds.
    SlowTools(u64),
    /// A part of one call panics.
    Panic(usize, Part),
}

impl Strike {
    /// What it is called in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drop(_) => "drop",
            Self::DropAll => "drop all",
            Self::HalfOpen(_) => "half-open",
            Self::Refuse(..) => "refused upgrades",
            Self::StallStore(_) => "store stall",
            Self::SlowTools(_) => "slow tools",
            Self::Panic(..) => "panic",
        }
    }
}

/// One caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPlan {
    /// Tells it from the others of its cell.
    pub number: usize,
    pub line: Line,
    /// When it begins, in milliseconds of the wall.
    pub at_ms: u64,
    pub steps: Vec<Step>,
}

/// How a caller reaches us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    Phone,
    Browser,
    Text,
}

/// What a caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Ask(&'static str),
    /// Orders something for the table that is the caller's own.
    Order,
    /// Asks what another persona answers.
    Vat,
    /// Says thirty things at once; in writing only.
    Flood,
}

/// What panics: the caller's line would be gone with the others, and comes back as a new one.
const PARTS: [Part; 3] = [Part::Session, Part::Persona, Part::Tool];

const QUESTIONS: [&str; 4] = [
    "do you have fanta citron?",
    "what desserts do you have?",
    "is there goat on the menu?",
    "how much is the african tea?",
];

impl CallPlan {
    fn draw(number: usize, random: &mut fastrand::Rng) -> Self {
        let line = [Line::Phone, Line::Phone, Line::Text, Line::Text, Line::Browser][number % 5];
        let mut steps = vec![Step::Ask(QUESTIONS[random.usize(..QUESTIONS.len())])];
        steps.push(if number.is_multiple_of(3) { Step::Vat } else { Step::Order });
        if line == Line::Text {
            steps.push(if random.bool() { Step::Order } else { Step::Flood });
        }
        Self { number, line, at_ms: random.u64(..1_000), steps }
    }

    /// The words of a step.
    pub fn words(&self, step: Step) -> String {
        match step {
            Step::Ask(question) => question.to_owned(),
            Step::Order => format!("please order two fanta citron for table {}", self.table()),
            Step::Vat => "i have a question about vat on restaurant meals in the eu".to_owned(),
            Step::Flood => "hello there".to_owned(),
        }
    }

    /// Where this caller's orders are brought.
    pub fn table(&self) -> usize {
        self.number + 11
    }
}

impl CellPlan {
    /// What the seed says.
    pub fn draw(seed: u64, calls: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut strikes: Vec<_> = (0..random.usize(1..5))
            .map(|_| {
                let strike = match random.u32(..8) {
                    0 | 1 => Strike::Drop(random.usize(..calls)),
                    2 => Strike::DropAll,
                    3 => Strike::HalfOpen(random.usize(..calls)),
                    4 => Strike::Refuse([429, 503][random.usize(..2)], random.u64(50..600)),
                    5 => Strike::SlowTools(random.u64(500..2_000)),
                    6 => Strike::Panic(random.usize(..calls), PARTS[random.usize(..PARTS.len())]),
                    _ => Strike::StallStore(random.u64(100..1_200)),
                };
                (random.u64(..STRIKING_MS), strike)
            })
            .collect();
        strikes.sort_by_key(|(at_ms, _)| *at_ms);
        Self {
            seed,
            faults: FaultPlan::seeded(seed, 0.3, &FaultKind::ALL),
            strikes,
            error_rate: if random.bool() { 0.1 } else { 0.0 },
            hostile: random.bool(),
            calls: (0..calls).map(|number| CallPlan::draw(number, &mut random)).collect(),
        }
    }
}
