//! The report's answers in words.
//!
//! There is no interval of a ratio yet, so nothing here says "faster": a median
//! is the lowest, and another is so many times as long.

use crate::number::{count, ratio, seconds, significant};
use crate::record::{Metric, Target};
use crate::store::Record;
use crate::summary::{Basis, CellSummary, Group, TargetSummary, target_summary};

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Answer {
    /// What is answered, such as `Time per epoch: lenet-bn on cpu`.
    pub title: String,
    /// The answer in one sentence.
    pub lead: String,
    /// What it rests on, one line per cell.
    pub lines: Vec<String>,
    /// How far it can be trusted.
    pub note: String,
}

/// All answers, in the order of the report.
pub fn answers(record: &Record, groups: &[Group]) -> Vec<Answer> {
    if groups.iter().flat_map(|group| &group.cells).all(|summary| summary.ok_runs == 0) {
        return vec![nothing(record)];
    }
    let mut answers: Vec<Answer> = groups.iter().map(|group| time_per_epoch(record, group)).collect();
    for group in groups {
        let targets = group.cells.first().map_or(&[][..], |summary| &summary.targets);
        answers.extend((0..targets.len()).map(|index| time_to_target(record, group, index)));
    }
    answers.extend(batch_norm(record, groups));
    answers.extend(builtin_against_primitive(groups));
    answers
}

fn nothing(record: &Record) -> Answer {
    let mut lines: Vec<String> =
        record.runs.iter().map(|run| format!("{}: {}", run.cell, run.outcome.name())).collect();
    lines.dedup();
    Answer {
        title: "Nothing to compare".to_owned(),
        lead: "No run trained all its epochs.".to_owned(),
        lines,
        note: "The reasons stand under failures.".to_owned(),
    }
}

fn time_per_epoch(record: &Record, group: &Group) -> Answer {
    let title = format!("Time per epoch: {} on {}", group.workload, group.device);
    let mut timed: Vec<(&CellSummary, f64)> =
        group.cells.iter().filter_map(|summary| Some((summary, summary.train_seconds?.median))).collect();
    timed.sort_by(|a, b| a.1.total_cmp(&b.1));
    let untimed = group.cells.iter().filter(|summary| summary.train_seconds.is_none());
    let untimed =
        untimed.map(|summary| format!("{}: {}", group.label(&summary.cell), outcomes(record, summary)));
    let Some(&(best, lowest)) = timed.first() else {
        return Answer {
            title,
            lead: "No run trained all its epochs, so there is no time to compare.".to_owned(),
            lines: untimed.collect(),
            note: String::new(),
        };
    };
    let name = group.label(&best.cell);
    let lead = match timed.len() {
        1 => format!(
            "{name}: {} of training per epoch. There is no other cell to compare it with.",
            seconds(lowest)
        ),
        _ if timed[1..].iter().any(|(other, _)| overlap(best, other)) => format!(
            "{name} has the lowest median, {} of training per epoch, but not clear of every other cell.",
            seconds(lowest)
        ),
        _ => format!("{name} has the lowest median: {} of training per epoch.", seconds(lowest)),
    };
    let others = timed[1..].iter().map(|(summary, median)| {
        let doubt = if overlap(best, summary) { "; their epochs overlap" } else { "" };
        format!(
            "{}: {}, {} as long{doubt}",
            group.label(&summary.cell),
            seconds(*median),
            ratio(median / lowest)
        )
    });
    let lines = others.chain(untimed).collect();
    Answer { title, lead, lines, note: trust(&timed) }
}

/// Whether some epoch of one cell took as long as some of the other: then the
/// order of their medians may be chance.
fn overlap(one: &CellSummary, other: &CellSummary) -> bool {
    one.train_seconds.zip(other.train_seconds).is_some_and(|(a, b)| a.min <= b.max && b.min <= a.max)
}

/// From how many seeds and which epochs the times are.
fn trust(timed: &[(&CellSummary, f64)]) -> String {
    let runs = timed.iter().map(|(summary, _)| summary.ok_runs);
    let (least, most) = (runs.clone().min().unwrap_or(0), runs.max().unwrap_or(0));
    let seeds = if least == most { count(most, "seed") } else { format!("{least} to {most} seeds") };
    let first =
        timed.iter().any(|(summary, _)| summary.train_seconds.is_some_and(|s| s.basis == Basis::FirstOnly));
    let epochs = if first { "first epochs, their warm-up included" } else { "epochs after the first" };
    format!("Medians from {seeds}, {epochs}. No interval yet: a small difference may be noise.")
}

/// Why a cell has no time.
fn outcomes(record: &Record, summary: &CellSummary) -> String {
    match crate::csv::summary::status(record, summary) {
        status if summary.runs == 0 => status,
        status => format!("no time ({status})"),
    }
}

fn metric_name(target: Target) -> String {
    let metric = match target.metric {
        Metric::TrainAccuracy => "training accuracy",
        Metric::TestAccuracy => "test accuracy",
    };
    format!("{metric} {}", target.at_least)
}

fn time_to_target(record: &Record, group: &Group, index: usize) -> Answer {
    let mut cells: Vec<(&CellSummary, &TargetSummary)> =
        group.cells.iter().filter_map(|summary| Some((summary, summary.targets.get(index)?))).collect();
    // One lucky run of three is no faster than three of three.
    let missed = |target: &TargetSummary| 1.0 - target.reached as f64 / target.tried.max(1) as f64;
    let key = |target: &TargetSummary| target.seconds.unwrap_or(f64::INFINITY);
    cells.sort_by(|a, b| missed(a.1).total_cmp(&missed(b.1)).then(key(a.1).total_cmp(&key(b.1))));
    let name = cells.first().map_or_else(String::new, |(_, target)| metric_name(target.target));
    let lead = match cells.first() {
        Some((summary, TargetSummary { seconds: Some(least), reached, tried, .. })) => format!(
            "{} has the lowest median: {} of training ({reached} of {}).",
            group.label(&summary.cell),
            seconds(*least),
            count(*tried, "run")
        ),
        _ if cells.iter().all(|(_, target)| target.finished == 0) => {
            "No run trained all its epochs.".to_owned()
        }
        _ => format!("No cell reached {name} in {}.", count(record.started.plan.epochs as usize, "epoch")),
    };
    let line = |(summary, target): &(&CellSummary, &TargetSummary)| {
        let after =
            target.seconds.map_or_else(String::new, |after| format!(", {} of training", seconds(after)));
        format!("{}: {}{after}", group.label(&summary.cell), reach(record, target, false))
    };
    Answer {
        title: format!("Time to {name}: {} on {}", group.workload, group.device),
        lead,
        lines: cells.iter().map(line).collect(),
        note: "Medians over the runs that reached it; seconds of training summed, prediction left out."
            .to_owned(),
    }
}

/// `reaches 0.88 in 4 epochs (3 of 3 runs)`, or that it does not.
fn reach(record: &Record, target: &TargetSummary, with_value: bool) -> String {
    let value = if with_value { format!("{} ", target.target.at_least) } else { String::new() };
    let runs = format!("{} of {}", target.reached, count(target.tried, "run"));
    match target {
        TargetSummary { tried: 0, .. } => "not run".to_owned(),
        TargetSummary { finished: 0, .. } => "no run trained all its epochs".to_owned(),
        TargetSummary { epochs: Some(epochs), .. } => {
            let plural = if *epochs == 1.0 { "epoch" } else { "epochs" };
            let reaches = if with_value { "reaches " } else { "" };
            format!("{reaches}{value}in {epochs} {plural} ({runs})")
        }
        TargetSummary { finished, .. } => {
            let epochs = count(record.started.plan.epochs as usize, "epoch");
            format!("not reached in {epochs} (0 of {})", count(*finished, "run"))
        }
    }
}

/// A workload `x-bn` against `x`, by the target of the former.
fn batch_norm(record: &Record, groups: &[Group]) -> Vec<Answer> {
    let pairs = groups.iter().filter_map(|with| {
        let name = with.workload.strip_suffix("-bn")?;
        Some((with, groups.iter().find(|other| other.workload == name && other.device == with.device)?))
    });
    pairs.filter_map(|(with, without)| batch_norm_pair(record, with, without)).collect()
}

fn batch_norm_pair(record: &Record, with: &Group, without: &Group) -> Option<Answer> {
    let target = with.cells.first()?.targets.first()?.target;
    let summary_of = |summary: &CellSummary| {
        target_summary(record, &record.runs_of(&summary.cell).collect::<Vec<_>>(), target)
    };
    let share = |group: &Group| {
        let tried: Vec<TargetSummary> =
            group.cells.iter().map(summary_of).filter(|target| target.finished > 0).collect();
        (tried.iter().filter(|target| target.reached > 0).count(), tried.len())
    };
    let ((with_reached, with_all), (without_reached, without_all)) = (share(with), share(without));
    let mut lines = Vec::new();
    for control in &without.cells {
        for cell in with.cells.iter().filter(|cell| cell.cell.backend == control.cell.backend) {
            lines.push(format!(
                "{}: {} {}; {}: {}",
                with.label(&cell.cell),
                with.workload,
                reach(record, &summary_of(cell), true),
                without.workload,
                reach(record, &summary_of(control), true)
            ));
        }
    }
    let lead = if with_all == 0 || without_all == 0 {
        "No comparison: one of the two has no run that trained all its epochs.".to_owned()
    } else {
        format!(
            "With batch norm, {with_reached} of {} reached {}; without it, {without_reached} of {without_all}.",
            count(with_all, "cell"),
            metric_name(target)
        )
    };
    let title = format!("Batch norm: {} against {} on {}", with.workload, without.workload, with.device);
    Some(Answer { title, lead, lines, note: "Epochs are medians over the runs that reached it.".to_owned() })
}

fn builtin_against_primitive(groups: &[Group]) -> Option<Answer> {
    let mut lines = Vec::new();
    let (mut shorter, mut longer) = (0, 0);
    for group in groups {
        for builtin in group.cells.iter().filter(|summary| summary.cell.implementation == "builtin") {
            let mut twin = builtin.cell.clone();
            twin.implementation = "primitive".to_owned();
            let Some(primitive) = group.cells.iter().find(|summary| summary.cell == twin) else { continue };
            let (Some(fast), Some(slow)) = (builtin.train_seconds, primitive.train_seconds) else { continue };
            let is_doubtful = overlap(builtin, primitive);
            shorter += usize::from(fast.median < slow.median && !is_doubtful);
            longer += usize::from(fast.median > slow.median && !is_doubtful);
            lines.push(format!(
                "{}, {} on {}: built-in {} per epoch, primitive {}, {} as long{}",
                twin.backend,
                group.workload,
                group.device,
                seconds(fast.median),
                seconds(slow.median),
                ratio(slow.median / fast.median),
                if is_doubtful { "; their epochs overlap" } else { "" }
            ));
        }
    }
    let all = lines.len();
    (all > 0).then(|| Answer {
        title: "Built-in against primitive batch norm".to_owned(),
        lead: format!(
            "In {}, the built-in layer is clearly faster in {shorter} and clearly slower in {longer}.",
            count(all, "comparison")
        ),
        lines,
        note: "Median training seconds per epoch. No interval yet: a small difference may be noise."
            .to_owned(),
    })
}

/// How far the cells of a group agree on values per channel: the greatest
/// distance of two cells' medians, and where.
pub(crate) fn agreement(symbol: &str, medians: &[Vec<Option<f64>>]) -> Option<String> {
    if medians.len() < 2 {
        return None;
    }
    let channels = medians.iter().map(Vec::len).max()?;
    let widest = (0..channels).filter_map(|channel| {
        let values = medians.iter().filter_map(|of_cell| of_cell.get(channel).copied().flatten());
        let (low, high) = (values.clone().reduce(f64::min)?, values.reduce(f64::max)?);
        Some((high - low, channel + 1))
    });
    let (distance, channel) = widest.max_by(|a, b| a.0.total_cmp(&b.0))?;
    if distance == 0.0 {
        return Some(format!("The cells' medians of {symbol} are the same."));
    }
    Some(format!(
        "The cells' medians of {symbol} differ by at most {} (channel {channel}).",
        significant(distance)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::summary::{group, summarize};
    use crate::warnings::warnings;

    fn text(record: &Record) -> String {
        let mut text = warnings(record).iter().map(|warning| format!("! {warning}\n")).collect::<String>();
        for answer in answers(record, &group(summarize(record))) {
            text += &format!("\n{}\n{}\n", answer.title, answer.lead);
            text.extend(answer.lines.iter().map(|line| format!("- {line}\n")));
            text += &format!("({})\n", answer.note);
        }
        text
    }

    #[test]
    fn the_example_in_words() {
        insta::assert_snapshot!(text(&example::record()));
    }

    #[test]
    fn one_run_in_words() {
        let mut record = example::record_of_one_run();
        record.started.plan.dataset.name = "synthetic".to_owned();
        record.started.environment.profile = "debug".to_owned();
        insta::assert_snapshot!(text(&record));
    }

    #[test]
    fn no_run_in_words() {
        let mut record = example::record_of_one_run();
        record.runs.clear();
        record.epochs.clear();
        record.outcome = None;
        insta::assert_snapshot!(text(&record));
    }
}
