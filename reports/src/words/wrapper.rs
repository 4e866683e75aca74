//! What does a wrapper cost or gain, where several backends wrap the same engine?

use super::{Answer, basis_of_times, bracket, doubt};
use crate::number::{count, ratio, seconds, significant};
use crate::paired::{WrapperPair, wrapper_pairs};
use crate::record::{Cell, Record};
use crate::statistics::Comparison;
use crate::summary::{CellSummary, Group};

pub(super) fn answer(record: &Record, groups: &[Group<'_>]) -> Option<Answer> {
    let pairs = wrapper_pairs(record, groups);
    let comparisons: Vec<&Comparison> = pairs.iter().map(|pair| &pair.seconds).collect();
    let first = pairs.first()?;
    Some(Answer {
        title: "The same engine in another wrapper".to_owned(),
        figure: ratio(times(first)),
        lead: format!("{}.", told(record, first)),
        lines: pairs.iter().map(|pair| line(record, pair)).collect(),
        note: format!(
            "{}: the engine is the same; what differs is the wrapper, the operations that a backend asks for, and settings such as the allocator's, which the notes name. {}",
            count(pairs.len(), "pair"),
            basis_of_times(record, &comparisons)
        ),
    })
}

/// How many times as long the second takes, by medians where there is no interval.
fn times(pair: &WrapperPair<'_>) -> f64 {
    let [one, other] = [pair.one, pair.other].map(|cell| cell.seconds().unwrap_or(f64::NAN));
    pair.seconds.interval.map_or(other / one, |interval| interval.estimate)
}

/// `Over libtorch 2.11.0, pytorch (Python) takes 1.20× [1.10, 1.30] as long as tch (Rust), …`
fn told(record: &Record, pair: &WrapperPair<'_>) -> String {
    format!(
        "Over {}, {} takes {}{} as long as {}: {} on {}{}",
        pair.engine,
        wrapper(record, pair.other.cell),
        ratio(times(pair)),
        bracket(pair.seconds.interval, significant),
        wrapper(record, pair.one.cell),
        with_implementation(pair),
        pair.one.cell.device_words(),
        doubt(Some(&pair.seconds))
    )
}

fn line(record: &Record, pair: &WrapperPair<'_>) -> String {
    format!(
        "{}, {} on {}: {}, {}, which is {}{} as long{}",
        pair.engine,
        with_implementation(pair),
        pair.one.cell.device_words(),
        with_time(record, pair.one),
        with_time(record, pair.other),
        ratio(times(pair)),
        bracket(pair.seconds.interval, significant),
        doubt(Some(&pair.seconds))
    )
}

/// `tch (Rust) 2.25 s per epoch`
fn with_time(record: &Record, summary: &CellSummary<'_>) -> String {
    let time = summary.seconds().map_or_else(|| "no time".to_owned(), seconds);
    format!("{} {time} per epoch", wrapper(record, summary.cell))
}

/// `tch (Rust)`
fn wrapper(record: &Record, cell: &Cell) -> String {
    let language = record.started.language_of(cell);
    language.map_or_else(|| cell.backend.clone(), |language| format!("{} ({language})", cell.backend))
}

/// `lenet-bn builtin`, `lenet-bn builtin against tuned`, or the workload alone where it has no batch norm.
fn with_implementation(pair: &WrapperPair<'_>) -> String {
    let [one, other] = [pair.one.cell, pair.other.cell];
    if one.implementation.is_none() {
        one.workload.clone()
    } else if one.implementation == other.implementation {
        format!("{} {}", one.workload, one.implementation)
    } else {
        format!("{} {} against {}", one.workload, one.implementation, other.implementation)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::example;
    use crate::record::Framework;
    use crate::summary::{group, summarize};

    /// The example, whose two backends wrap the same engine.
    fn record() -> Record {
        let mut record = example::record();
        let of = |language: &str| Framework {
            engine: Some("libtorch 2.11.0".to_owned()),
            language: Some(language.to_owned()),
        };
        record.started.frameworks =
            BTreeMap::from([("tch".to_owned(), of("Rust")), ("handwritten".to_owned(), of("Python"))]);
        record
    }

    #[test]
    fn backends_over_the_same_engine_are_held_against_each_other() {
        let record = record();
        let answer = answer(&record, &group(summarize(&record))).unwrap();
        insta::assert_snapshot!(format!(
            "{}\n{}\n{}\n{}\n({})",
            answer.title,
            answer.figure,
            answer.lead,
            answer.lines.join("\n"),
            answer.note
        ));
    }

    /// What one backend has of itself, the other is asked for by another name.
    #[test]
    fn a_tuned_wrapper_is_held_against_the_others_builtin() {
        let mut record = record();
        let is_tuned = |cell: &Cell| cell.backend == "handwritten" && cell.implementation.is_primitive();
        let planned = record.started.plan.cells.iter_mut();
        let cells = planned.chain(record.runs.iter_mut().map(|run| &mut run.cell));
        for cell in cells.filter(|cell| is_tuned(cell)) {
            cell.implementation = "tuned".into();
        }
        let lines = answer(&record, &group(summarize(&record))).unwrap().lines;
        assert!(
            lines.iter().any(|line| line.contains("lenet-bn tuned against builtin on cpu: ")),
            "{lines:?}"
        );
    }

    #[test]
    fn backends_over_other_engines_are_not() {
        let mut record = record();
        let framework = record.started.frameworks.get_mut("tch").unwrap();
        framework.engine = Some("libtorch 2.9.0".to_owned());
        assert_eq!(answer(&record, &group(summarize(&record))), None);
        record.started.frameworks.clear();
        assert_eq!(answer(&record, &group(summarize(&record))), None);
    }
}
