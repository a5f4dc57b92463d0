//! Chaos: scripted calls beside each other while a seeded plan of faults strikes the model, the store and the lines;
//! afterwards the journals, the store and what the callers heard are held to what must never break.
//!
//! `make chaos SEED=… CALLS=…` runs as many as you like, and says how to play again what failed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // helpers of a test are not seen as tests
#![allow(unreachable_pub)] // the parts share one crate

mod callers;
mod cell;
#[allow(dead_code)]
#[path = "../journeys/phone_faults/desk.rs"]
mod desk;
mod figures;
#[allow(dead_code)]
#[path = "../journeys/house.rs"]
mod house;
mod invariants;
mod kills;
#[allow(dead_code)]
#[path = "../journeys/browser/line.rs"]
mod line;
mod plan;
mod wording;

use std::str::FromStr;

use futures_util::{StreamExt, stream};

use cell::run;
use figures::Figures;
use plan::{CELL, CellPlan};

/// What is run when nobody says otherwise.
const SEED: u64 = 5;
const CALLS: usize = 20;
/// Cells at once: more would wait for the machine instead of for faults.
const AT_ONCE: usize = 2;

/// A number from the environment.
fn setting<T: FromStr>(name: &str, otherwise: T) -> T {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => text.parse().unwrap_or_else(|_| panic!("{name} must be a number")),
        Ok(_) | Err(_) => otherwise,
    }
}

// More workers than a small machine has: a task that computes must not keep a telephone line waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_plan_of_faults_breaks_what_must_hold() {
    figures::record();
    let (seed, calls) = (setting("CHAOS_SEED", SEED), setting("CHAOS_CALLS", CALLS));
    let cells = (0..calls.div_ceil(CELL) as u64).map(|cell| async move {
        let seed = seed.wrapping_add(cell);
        let left = calls - CELL * usize::try_from(cell).unwrap();
        let plan = CellPlan::draw(seed, left.min(CELL));
        (seed, plan.calls.len(), Box::pin(run(plan)).await)
    });
    let cells: Vec<_> = stream::iter(cells).buffered(AT_ONCE).collect().await;
    let mut sum = Figures::default();
    let mut failed = Vec::new();
    for (seed, calls, outcome) in cells {
        if !outcome.complaints.is_empty() {
            let again = format!("make chaos SEED={seed} CALLS={calls}");
            failed.push(format!("play it again with `{again}`:\n  {}", outcome.complaints.join("\n  ")));
        }
        sum.add(outcome.figures);
    }
    println!("chaos, seed {seed}\n{sum}");
    assert!(failed.is_empty(), "{} of the plans broke something\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn a_seed_draws_the_same_plan_again() {
    assert_eq!(CellPlan::draw(7, CELL), CellPlan::draw(7, CELL));
    assert_ne!(CellPlan::draw(7, CELL), CellPlan::draw(8, CELL));
}
