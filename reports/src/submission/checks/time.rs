//! Whether all that is said to have been done fits into the time that there was.

use super::super::Finding;
use super::Subject;
use crate::number::{count, seconds};
use crate::record::{Cell, Epoch, Event};

const TIME: &str = "time";
/// Seconds by which clocks may differ: they are set now and then.
const CLOCK: f64 = 2.0;
/// By how much processor seconds may be more than the processors give: both clocks are read one after the
/// other, and one of them ticks.
const TICKS: f64 = 0.1;
const SHARE: f64 = 1.05;

/// Runs follow one another, none begins before the one before could have ended, all of them together are not
/// longer than the benchmark, and no epoch took more processor time than there are processors for.
pub(super) fn plausible(subject: &Subject<'_>) -> Finding {
    if !subject.record.started.merged.is_empty() {
        return Finding::not_judged(
            TIME,
            "a merged run: its benchmarks are checked one by one, before they are merged",
        );
    }
    let attempts = attempts(subject);
    let mut wrong: Vec<String> = in_order(subject, &attempts).into_iter().collect();
    if !is_of_cluster(subject) {
        wrong.extend(in_all(subject, &attempts));
    }
    wrong.extend(processors(subject));
    let sum: f64 = attempts.iter().map(|attempt| attempt.seconds).sum();
    let told = format!(
        "{} follow one another, {} of {}",
        count(attempts.len(), "run"),
        seconds(sum),
        seconds(subject.record.seconds)
    );
    Finding::of(TIME, &wrong, told)
}

/// Whether its rounds were jobs of a cluster, each with a clock of its own: only runs of one round follow one
/// another.
fn is_of_cluster(subject: &Subject<'_>) -> bool {
    subject.record.rounds.iter().any(|round| round.node.is_some())
}

/// A try at a run.
struct Attempt<'s> {
    cell: &'s Cell,
    seed: u64,
    /// Seconds since the Unix epoch.
    begun: f64,
    /// What it is known to have taken.
    seconds: f64,
}

fn attempts<'s>(subject: &'s Subject<'_>) -> Vec<Attempt<'s>> {
    let mut attempts: Vec<Attempt<'s>> = Vec::new();
    for event in subject.events {
        match event {
            Event::Begun(line) => attempts.push(Attempt {
                cell: &line.cell,
                seed: line.seed,
                begun: line.what.unix_time,
                seconds: 0.0,
            }),
            Event::Epoch(line) => add(&mut attempts, line.what.train_seconds + line.what.predict_seconds),
            Event::Ended(line) => {
                let end = &line.what.end;
                add(&mut attempts, end.load_seconds.unwrap_or(0.0) + end.open_seconds.unwrap_or(0.0));
            }
            _ => {}
        }
    }
    attempts
}

/// Runs are made one after another: what is told is of the last that began.
fn add(attempts: &mut [Attempt<'_>], seconds: f64) {
    if let Some(last) = attempts.last_mut() {
        last.seconds += seconds;
    }
}

fn in_order(subject: &Subject<'_>, attempts: &[Attempt<'_>]) -> Option<String> {
    let started = subject.record.started.unix_time;
    let is_of_cluster = is_of_cluster(subject);
    let first = attempts.first().filter(|first| !is_of_cluster && first.begun < started - CLOCK);
    if let Some(first) = first {
        return Some(format!("{} seed {} began before the benchmark", first.cell, first.seed));
    }
    attempts.windows(2).find_map(|pair| {
        let [one, next] = pair else { return None };
        let between = next.begun - one.begun;
        let is_after = !is_of_cluster || one.seed == next.seed;
        (is_after && one.seconds > between + CLOCK).then(|| {
            format!(
                "{} seed {} took {}, and the next run began {} after it",
                one.cell,
                one.seed,
                seconds(one.seconds),
                seconds(between)
            )
        })
    })
}

/// Only where every process of the benchmark has said how long it took.
fn in_all(subject: &Subject<'_>, attempts: &[Attempt<'_>]) -> Option<String> {
    let record = subject.record;
    let finished = subject.events.iter().filter(|event| matches!(event, Event::Finished { .. })).count();
    if finished != 1 + record.resumed.len() {
        return None;
    }
    let audits = subject.events.iter().filter_map(|event| match event {
        Event::Audited(line) => Some(line.what.seconds),
        _ => None,
    });
    let sum = attempts.iter().map(|attempt| attempt.seconds).sum::<f64>() + audits.sum::<f64>();
    if sum > record.seconds + CLOCK {
        let (sum, all) = (seconds(sum), seconds(record.seconds));
        return Some(format!("its runs and audits took {sum}, all of it {all}"));
    }
    let last = attempts.last().filter(|_| record.resumed.is_empty())?;
    let is_late = last.begun + last.seconds > record.started.unix_time + record.seconds + CLOCK;
    is_late.then(|| format!("{} seed {} ended after the benchmark", last.cell, last.seed))
}

fn processors(subject: &Subject<'_>) -> Option<String> {
    let record = subject.record;
    record.runs.iter().find_map(|run| {
        let processors = record.started.environment_of(&run.cell).logical_cpus as f64;
        let is_too_much = |epoch: &&Epoch| {
            let most = epoch.train_seconds * processors * SHARE + TICKS;
            epoch.train_cpu_seconds.is_some_and(|busy| busy > most)
        };
        let epoch = run.epochs.iter().find(is_too_much)?;
        Some(format!(
            "{} seed {}, epoch {}: {} of processor time in {} of {processors} processors",
            run.cell,
            run.seed,
            epoch.number,
            seconds(epoch.train_cpu_seconds.unwrap_or_default()),
            seconds(epoch.train_seconds)
        ))
    })
}
