//! Every planned seed and cell.

use super::super::Finding;
use super::Subject;
use crate::number::count;
use crate::record::{Cell, Outcome, Record};

const PLAN: &str = "seeds and cells";

/// The seeds are 1, 2, 3, …, the rounds are the first of them, all of them where the benchmark is complete,
/// and each cell has a run in each round, but where the time budget left it out. A run that failed is there.
pub(super) fn complete(subject: &Subject<'_>) -> Finding {
    let record = subject.record;
    let plan = &record.started.plan;
    let mut wrong = Vec::new();
    if !plan.seeds.iter().copied().eq(1..=plan.seeds.len() as u64) {
        wrong.push("its seeds are not 1, 2, 3, …: they may have been chosen".to_owned());
    }
    let made = plan.seeds.iter().take_while(|seed| has_round(record, **seed)).count();
    let (rounds, missing) = plan.seeds.split_at(made);
    if let Some(later) = missing.iter().find(|seed| has_round(record, **seed)) {
        wrong.push(format!("seed {} is missing, and {later} is there", missing[0]));
    }
    if !missing.is_empty() && record.outcome == Some(Outcome::Complete) {
        wrong.push(format!("it calls itself complete, without seed {}", missing[0]));
    }
    let mut left_out = 0;
    for cell in &plan.cells {
        for &seed in rounds {
            match standing(record, cell, seed) {
                Standing::There => {}
                Standing::LeftOut => left_out += 1,
                Standing::Missing => wrong.push(format!("{cell} has no run of seed {seed}")),
            }
        }
    }
    let strange = record.cells().into_iter().filter(|cell| !plan.cells.contains(cell));
    wrong.extend(strange.map(|cell| format!("{cell} has runs and is not planned")));
    let left_out = match left_out {
        0 => String::new(),
        runs => format!("; the time budget left out {}", count(runs, "run")),
    };
    let told = format!(
        "{made} of {} and {}{left_out}",
        count(plan.seeds.len(), "seed"),
        count(plan.cells.len(), "cell")
    );
    Finding::of(PLAN, &wrong, told)
}

/// Whether something was run of a seed, or it was all stopped by the gate.
fn has_round(record: &Record, seed: u64) -> bool {
    record.rounds.iter().any(|round| round.seed == seed)
        || record.samples().any(|run| run.seed == seed && run.begun.is_some())
}

enum Standing {
    There,
    LeftOut,
    Missing,
}

fn standing(record: &Record, cell: &Cell, seed: u64) -> Standing {
    let mut samples = record.samples_of(cell).filter(|run| run.seed == seed);
    if samples.any(|run| !run.end.outcome.is_not_made()) || never_began(record, cell) {
        return Standing::There;
    }
    let place = record.started.plan.cells.iter().position(|planned| planned == cell);
    let mut rounds = record.rounds.iter().filter(|round| round.seed == seed);
    let is_left_out = rounds.any(|round| place.is_some_and(|place| round.left_out.contains(&place)));
    let no_room = record.samples_of(cell).any(|run| run.end.outcome == crate::record::RunOutcome::LeftOut);
    if is_left_out || no_room { Standing::LeftOut } else { Standing::Missing }
}

/// Whether the gate stopped a cell, which is told once and not of every seed.
fn never_began(record: &Record, cell: &Cell) -> bool {
    let mut samples = record.samples_of(cell).peekable();
    samples.peek().is_some() && samples.all(|run| run.begun.is_none() && !run.end.outcome.is_not_made())
}
