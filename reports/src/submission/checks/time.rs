//! Whether all that is said to have been done fits into the time that there was.

use super::super::Finding;
use super::Subject;
use crate::ceiling::percent_of_peak;
use crate::number::{count, seconds};
use crate::record::{Cell, Epoch, Event};
use crate::store::EVENTS_FILE;

const TIME: &str = "time";
/// Seconds by which clocks may differ: they are set now and then.
const CLOCK: f64 = 2.0;
/// By how much processor seconds may be more than the processors give: both clocks are read one after the
/// other, and one of them ticks.
const TICKS: f64 = 0.1;
const SHARE: f64 = 1.05;
/// By how much a clock may be ahead of the one that it is held against: seconds of a year.
const AHEAD: f64 = 366.0 * 86_400.0;
/// Per cent of the processor's peak that no median of a run's epochs is above: 100, and what clocks are off.
const MOST_OF_PEAK: f64 = 105.0;

/// No time is below zero or far ahead of this machine's clock, runs follow one another, none begins before the
/// one before could have ended, all of them together are not longer than the benchmark, no epoch took more
/// processor time than there are processors for, and no run computed more than the processor's peak.
pub(super) fn plausible(subject: &Subject<'_>) -> Finding {
    if !subject.record.started.merged.is_empty() {
        return Finding::not_judged(
            TIME,
            "a merged run: its benchmarks are checked one by one, before they are merged",
        );
    }
    let attempts = attempts(subject);
    let mut wrong: Vec<String> =
        impossible(subject).into_iter().chain(in_order(subject, &attempts)).collect();
    if !is_of_cluster(subject) {
        wrong.extend(in_all(subject, &attempts));
    }
    wrong.extend(processors(subject));
    wrong.extend(above_peak(subject));
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

/// A point in time that nobody has measured, or a time that is less than none.
fn impossible(subject: &Subject<'_>) -> Option<String> {
    let latest = subject.unix_time + AHEAD;
    subject.events.iter().zip(1..).find_map(|(event, line)| {
        let (point, spans) = times(event);
        if let Some(point) = point.filter(|point| !(0.0..=latest).contains(point)) {
            let what =
                if point < 0.0 { "before 1970" } else { "more than a year after this machine's clock" };
            return Some(format!("{EVENTS_FILE}, line {line} is of a time {what}: {point} s since 1970"));
        }
        let (name, span) = spans.into_iter().find(|(_, span)| *span < 0.0)?;
        Some(format!("{EVENTS_FILE}, line {line}: {name} is {span}, less than no time"))
    })
}

/// What a line tells of: a point in time, in seconds since the Unix epoch, and how long things took, in seconds.
fn times(event: &Event) -> (Option<f64>, Vec<(&'static str, f64)>) {
    let known = |spans: &[(&'static str, Option<f64>)]| {
        spans.iter().filter_map(|(name, span)| Some((*name, (*span)?))).collect()
    };
    match event {
        Event::Started(started) => (Some(started.unix_time), Vec::new()),
        Event::Begun(line) => (Some(line.what.unix_time), Vec::new()),
        Event::Resumed { unix_time } => (Some(*unix_time), Vec::new()),
        // Of an epoch's others it is seen when the record is read.
        Event::Epoch(line) => {
            let Epoch { unfinished_seconds, train_cpu_seconds, .. } = line.what;
            let spans =
                [("unfinished_seconds", unfinished_seconds), ("train_cpu_seconds", train_cpu_seconds)];
            (None, known(&spans))
        }
        Event::Ended(line) => {
            let end = &line.what.end;
            let spans = [
                ("load_seconds", end.load_seconds),
                ("open_seconds", end.open_seconds),
                ("cpu_seconds", end.cpu_seconds),
            ];
            (None, known(&spans))
        }
        Event::Audited(line) => (None, vec![("seconds", line.what.seconds)]),
        Event::Finished { seconds, .. } => (None, vec![("seconds", *seconds)]),
        Event::Round(_) => (None, Vec::new()),
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
        let processors = record.environment_of_run(run).logical_cpus as f64;
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

/// More operations in a second than the processor was measured to reach with nothing else to do.
fn above_peak(subject: &Subject<'_>) -> Option<String> {
    let record = subject.record;
    record.runs.iter().filter(|run| run.is_ok()).find_map(|run| {
        let percent = percent_of_peak(&record.started, &run.cell, run.seconds_per_epoch()?)?;
        (percent > MOST_OF_PEAK).then(|| {
            format!(
                "{} seed {} reaches {percent:.0}% of the processor's peak: that was measured beside other load, or is \
                 another processor's",
                run.cell, run.seed
            )
        })
    })
}
