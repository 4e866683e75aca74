//! What the ends of runs say of their epochs, and shares that are counts.

use super::super::Finding;
use super::Subject;
use crate::number::count;
use crate::record::{Ended, Epoch, Event, Run};

const DERIVED: &str = "sums";
const COUNTS: &str = "accuracies";

/// The end of each run says of its epochs what they say themselves: how many there are, what the first took
/// beyond the others, and when each target was reached.
pub(super) fn agree(subject: &Subject<'_>) -> Finding {
    let mut wrong = Vec::new();
    let mut held = 0;
    for run in subject.record.runs.iter().filter(|run| run.begun.is_some()) {
        let Event::Ended(own) = run.ended(subject.record.targets_of(&run.cell)) else { continue };
        let mut lines = ended(subject, run).peekable();
        if lines.peek().is_none() {
            continue;
        }
        held += 1;
        // Of several attempts one stands.
        let differences: Vec<_> = lines.map(|line| difference(line, &own.what)).collect();
        if differences.iter().all(Option::is_some) {
            let what = differences.into_iter().flatten().next_back().unwrap_or_default();
            wrong.push(format!("{} seed {}: {what}", run.cell, run.seed));
        }
    }
    Finding::of(DERIVED, &wrong, format!("the ends of {} agree with their epochs", count(held, "run")))
}

fn ended<'s>(subject: &'s Subject<'_>, run: &'s Run) -> impl Iterator<Item = &'s Ended> {
    subject.events.iter().filter_map(move |event| match event {
        Event::Ended(line)
            if (line.seed, line.purpose) == (run.seed, run.purpose) && line.cell == run.cell =>
        {
            Some(&line.what)
        }
        _ => None,
    })
}

/// What a line says otherwise than its epochs.
fn difference(line: &Ended, own: &Ended) -> Option<String> {
    if line.epochs != own.epochs {
        return Some(format!("it ended after {} epochs and has {}", line.epochs, own.epochs));
    }
    for (name, said, made) in [
        ("first_epoch_extra_seconds", line.first_epoch_extra_seconds, own.first_epoch_extra_seconds),
        ("cold_start_seconds", line.cold_start_seconds, own.cold_start_seconds),
    ] {
        if said != made {
            return Some(format!("its {name} is {}, its epochs give {}", shown(said), shown(made)));
        }
    }
    if line.targets.len() != own.targets.len() {
        return Some(format!(
            "it tells of {} targets, its workload has {}",
            line.targets.len(),
            own.targets.len()
        ));
    }
    line.targets.iter().zip(&own.targets).find(|(said, made)| said != made).map(|(said, made)| {
        let (said, made) = (shown(said.seconds), (shown(made.seconds), made.target.name()));
        format!("{} after {said} training seconds, its epochs give {}", made.1, made.0)
    })
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// Accuracies are whole numbers of samples, divided by how many there are.
pub(super) fn counts(subject: &Subject<'_>) -> Finding {
    let plan = &subject.record.started.plan;
    let mut wrong = Vec::new();
    let mut held = 0;
    for run in &subject.record.runs {
        let samples = plan.workload(&run.cell.workload).and_then(|workload| workload.samples);
        let train = samples.unwrap_or(plan.dataset.train_samples);
        for epoch in &run.epochs {
            held += 1;
            let what = odd_share(epoch, train, plan.dataset.test_samples);
            wrong.extend(what.map(|what| format!("{} seed {}, {what}", run.cell, run.seed)));
        }
    }
    Finding::of(COUNTS, &wrong, format!("those of {} are counts of samples", count(held, "epoch")))
}

/// What no number of samples gives.
fn odd_share(epoch: &Epoch, train: usize, test: usize) -> Option<String> {
    let shares =
        [("train_accuracy", epoch.train_accuracy, train), ("test_accuracy", epoch.test_accuracy, test)];
    shares.into_iter().find_map(|(name, share, samples)| {
        let (share, samples) = (share?, samples as f64);
        let is_count = (share * samples - (share * samples).round()).abs() < 1e-6;
        (!is_count)
            .then(|| format!("epoch {}: {name} {share} is no number of {samples} samples", epoch.number))
    })
}
