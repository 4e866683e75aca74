//! What does batch norm buy, and at what price?

use super::target::reach;
use super::{Answer, basis, basis_of_times, bracket, doubt, listed};
use crate::number::{count, ratio, seconds, significant};
use crate::paired::{BatchNormPair, BuiltinPair, batch_norm_pairs, builtin_pairs};
use crate::record::{Cell, Record};
use crate::statistics::{Comparison, Verdict};
use crate::summary::{CellSummary, Group, TimeToTarget};

/// A workload against its control, by its primary target and the accuracy at the
/// end.
pub(super) fn convergence(record: &Record, groups: &[Group<'_>]) -> Vec<Answer> {
    let pairs = groups.iter().filter_map(|with| {
        let control = record.started.plan.workload(&with.workload)?.control()?;
        Some((with, groups.iter().find(|group| group.workload == control && group.device == with.device)?))
    });
    pairs.filter_map(|(with, without)| against_control(record, with, without)).collect()
}

fn against_control(record: &Record, with: &Group<'_>, without: &Group<'_>) -> Option<Answer> {
    let pairs = batch_norm_pairs(with, without);
    let target = pairs.first()?.with_target.target;
    let comparisons: Vec<&Comparison> =
        pairs.iter().map(|pair| &pair.accuracy).filter(|accuracy| accuracy.seeds > 0).collect();
    let best = pairs.iter().max_by(|a, b| difference(a).total_cmp(&difference(b)));
    Some(Answer {
        title: format!("Batch norm: {} against {} on {}", with.workload, without.workload, with.device),
        figure: best.and_then(|pair| pair.with_target.epochs).map_or_else(String::new, |epochs| {
            let plural = if epochs == 1.0 { "epoch" } else { "epochs" };
            format!("{epochs} {plural}")
        }),
        lead: convergence_lead(record, &pairs, with, without, target),
        lines: pairs.iter().map(|pair| convergence_line(record, pair, with, without)).collect(),
        note: format!(
            "{}At the end: after the last epoch. {}",
            control_note(record, without),
            if comparisons.is_empty() { String::new() } else { basis(&comparisons) }
        )
        .trim_end()
        .to_owned(),
    })
}

fn difference(pair: &BatchNormPair<'_>) -> f64 {
    pair.accuracy.interval.map_or(0.0, |interval| interval.estimate)
}

/// What the control is, and so how fair.
fn control_note(record: &Record, without: &Group<'_>) -> String {
    let control = record.started.plan.workload(&without.workload);
    control.map_or_else(String::new, |control| format!("{}: {}. ", control.name, control.summary))
}

fn convergence_lead(
    record: &Record,
    pairs: &[BatchNormPair<'_>],
    with: &Group<'_>,
    without: &Group<'_>,
    target: crate::record::Target,
) -> String {
    let judged: Vec<&BatchNormPair<'_>> = pairs.iter().filter(|pair| pair.accuracy.seeds > 0).collect();
    if judged.is_empty() {
        return "No comparison: one of the two has no run that trained all its epochs.".to_owned();
    }
    let of_with = Share::of(judged.iter().map(|pair| (pair.with, &pair.with_target)));
    let of_without = Share::of(judged.iter().map(|pair| (pair.without, &pair.without_target)));
    let (within, target) = (count(record.started.plan.epochs as usize, "epoch"), target.name());
    let (with, without) = (&with.workload, &without.workload);
    match convergence_verdict(&judged) {
        Some(verdict) => {
            // What it was judged by, where the shares do not show it.
            let is_shown = judged.iter().any(|pair| pair.accuracy.verdict.is_difference());
            let end = if is_shown && of_with.is_as_large_as(&of_without) {
                at_the_end(&judged)
            } else {
                String::new()
            };
            let [of_with, of_without] = [&of_with, &of_without].map(Share::in_numbers);
            format!(
                "{verdict}: {with} reaches {target} in {of_with} within {within}, {without} in {of_without}{end}."
            )
        }
        None => {
            let [in_with, in_without] = [&of_with, &of_without].map(Share::in_words);
            let [at_with, at_without] = [&of_with, &of_without].map(Share::epochs);
            format!(
                "Compared by one seed: {with} reaches {target} within {within} in {in_with}{at_with}, {without} \
                 in {in_without}{at_without}. Runs of one seed begin with the same values and see the same \
                 batches, so they count as one: more seeds would say how much chance has in it."
            )
        }
    }
}

/// What batch norm bought on the workload and device of a group, in one sentence, and what it
/// cost the backend of the cell `best`; `None` where the workload has no batch norm to leave out.
pub(super) fn bought(
    record: &Record,
    groups: &[Group<'_>],
    with: &Group<'_>,
    best: Option<&Cell>,
) -> Option<String> {
    let control = record.started.plan.workload(&with.workload)?.control()?;
    let without = groups.iter().find(|group| group.workload == control && group.device == with.device);
    let pairs = without.map_or_else(Vec::new, |without| batch_norm_pairs(with, without));
    let trained = pairs.iter().find(|pair| pair.accuracy.seeds > 0);
    let (Some(without), Some(pair)) = (without, trained) else {
        return Some(format!(
            "What batch norm buys cannot be said: no backend has trained both {} and {control}.",
            with.workload
        ));
    };
    let lead = convergence_lead(record, &pairs, with, without, pair.with_target.target);
    let price = best.and_then(|best| price(best, with, without));
    Some(format!("{lead}{}", price.unwrap_or_default()))
}

/// ` An epoch of tch takes 2.25 s with it and 2.00 s without.`
fn price(best: &Cell, with: &Group<'_>, without: &Group<'_>) -> Option<String> {
    let of_best = with.cells.iter().find(|summary| summary.cell == best)?.seconds()?;
    let controls = without.cells.iter().filter(|summary| summary.cell.backend == best.backend);
    let control = controls.filter_map(CellSummary::seconds).reduce(f64::min)?;
    let (of_best, control, name) = (seconds(of_best), seconds(control), &best.backend);
    Some(format!(" An epoch of {name} takes {of_best} with it and {control} without."))
}

/// How many runs of some cells reached a target, and when.
struct Share {
    reached: usize,
    tried: usize,
    /// The least and the greatest of the cells' median epochs.
    epochs: Option<(f64, f64)>,
}

impl Share {
    /// Of cells, each of which counts once however often it is compared.
    fn of<'g>(compared: impl Iterator<Item = (&'g CellSummary<'g>, &'g TimeToTarget)>) -> Self {
        let mut seen: Vec<&Cell> = Vec::new();
        let mut share = Self { reached: 0, tried: 0, epochs: None };
        for (summary, time) in compared {
            if seen.contains(&summary.cell) {
                continue;
            }
            seen.push(summary.cell);
            share.reached += time.reached;
            share.tried += time.tried;
            if let Some(epochs) = time.epochs {
                let (least, greatest) = share.epochs.unwrap_or((epochs, epochs));
                share.epochs = Some((least.min(epochs), greatest.max(epochs)));
            }
        }
        share
    }

    fn is_as_large_as(&self, other: &Self) -> bool {
        self.reached * other.tried == other.reached * self.tried
    }

    /// `9 of 12 runs`
    fn in_numbers(&self) -> String {
        format!("{} of {}", self.reached, count(self.tried, "run"))
    }

    /// As [`Self::in_numbers`], but `all 12 runs` and `none of 12 runs` at the ends.
    fn in_words(&self) -> String {
        match self.reached {
            0 => format!("none of {}", count(self.tried, "run")),
            all if all == self.tried && all > 1 => format!("all {}", count(all, "run")),
            _ => self.in_numbers(),
        }
    }

    /// `, at epoch 2`, or `, at epochs 2 to 3`; nothing where no run reached it.
    fn epochs(&self) -> String {
        match self.epochs {
            None => String::new(),
            Some((least, greatest)) if least == greatest => format!(", at epoch {least}"),
            Some((least, greatest)) => format!(", at epochs {least} to {greatest}"),
        }
    }
}

/// `; what differs is the training accuracy at the end, by +0.0800 to +0.0960`, of the comparisons with seeds enough.
fn at_the_end(pairs: &[&BatchNormPair<'_>]) -> String {
    let estimates = || pairs.iter().filter_map(|pair| Some(pair.accuracy.interval?.estimate));
    let ends = estimates().reduce(f64::min).zip(estimates().reduce(f64::max));
    ends.map_or_else(String::new, |(least, greatest)| {
        let [least, greatest] = [least, greatest].map(signed);
        let range = if least == greatest { least } else { format!("{least} to {greatest}") };
        format!("; what differs is the training accuracy at the end, by {range}")
    })
}

/// What the comparisons with seeds enough say together; `None` where there are none.
fn convergence_verdict(pairs: &[&BatchNormPair<'_>]) -> Option<String> {
    let judged: Vec<&Comparison> =
        pairs.iter().map(|pair| &pair.accuracy).filter(|accuracy| accuracy.seeds > 1).collect();
    let [faster, slower] = [Verdict::Higher, Verdict::Lower].map(|verdict| number_of(&judged, verdict));
    (!judged.is_empty()).then(|| verdict_words(faster, slower, judged.len()))
}

/// What so many comparisons show, of which some say faster and some slower. One that shows nothing does not
/// speak against one that does.
fn verdict_words(faster: usize, slower: usize, of: usize) -> String {
    let one_way = |number: usize, way: &str| {
        let shown = if number == 1 { "shows" } else { "show" };
        let part = format!(", as {number} of {} {shown}", count(of, "comparison"));
        format!("Training converges {way} with batch norm{}", if number == of { "" } else { &part })
    };
    match (faster, slower) {
        (0, 0) => "No difference is shown with batch norm".to_owned(),
        (faster, 0) => one_way(faster, "faster"),
        (0, slower) => one_way(slower, "slower"),
        (faster, slower) => format!(
            "Of {}, training converges faster in {faster} and slower in {slower} with batch norm",
            count(of, "comparison")
        ),
    }
}

fn convergence_line(
    record: &Record,
    pair: &BatchNormPair<'_>,
    with: &Group<'_>,
    without: &Group<'_>,
) -> String {
    let medians =
        pair.with.train_accuracy.zip(pair.without.train_accuracy).map(|(with, without)| with - without);
    let told = pair.accuracy.interval.map(|interval| interval.estimate).or(medians).map_or_else(
        String::new,
        |difference| {
            let ends = bracket(pair.accuracy.interval, signed);
            format!("; at the end {}{ends} in training accuracy", signed(difference))
        },
    );
    format!(
        "{}: {} {}; {} {}{told}{}",
        with.label(pair.with.cell),
        with.workload,
        reach(record, pair.with, &pair.with_target),
        without.workload,
        reach(record, pair.without, &pair.without_target),
        if pair.accuracy.seeds == 0 { "" } else { doubt(Some(&pair.accuracy)) }
    )
}

fn number_of(comparisons: &[&Comparison], verdict: Verdict) -> usize {
    comparisons.iter().filter(|comparison| comparison.verdict == verdict).count()
}

/// With its sign, since an interval of a difference may hold 0.
fn signed(value: f64) -> String {
    format!("{}{}", if value < 0.0 { "−" } else { "+" }, significant(value.abs()))
}

/// Is a framework's own layer faster than one composed of its elementary operations?
pub(super) fn builtin_against_primitive(record: &Record, groups: &[Group<'_>]) -> Option<Answer> {
    let pairs = builtin_pairs(record, groups);
    let comparisons: Vec<&Comparison> = pairs.iter().map(|pair| &pair.seconds).collect();
    use Verdict::{Higher, Lower, NeedsMoreSeeds, NoDifferenceShown};
    let [faster, slower, same, open] =
        [Higher, Lower, NoDifferenceShown, NeedsMoreSeeds].map(|verdict| number_of(&comparisons, verdict));
    let mut parts = vec![format!("faster in {faster}"), format!("slower in {slower}")];
    parts.extend((same > 0).then(|| format!("no difference is shown in {same}")));
    parts.extend(
        (open > 0).then(|| format!("{open} {} more seeds", if open == 1 { "needs" } else { "need" })),
    );
    (!pairs.is_empty()).then(|| Answer {
        title: "Built-in against primitive batch norm".to_owned(),
        figure: format!("{faster} of {}", pairs.len()),
        lead: format!("In {}, the built-in layer is {}.", count(pairs.len(), "comparison"), parts.join(", ")),
        lines: pairs.iter().map(builtin_line).collect(),
        note: basis_of_times(record, &comparisons),
    })
}

/// Whether the frameworks' own layers were worth it on the workload and device of a group, in one
/// sentence; `None` where the workload has no batch norm.
pub(super) fn builtin_worth(record: &Record, groups: &[Group<'_>], group: &Group<'_>) -> Option<String> {
    let frameworks = group.cells.iter().filter(|summary| !record.started.is_ceiling(summary.cell));
    let mut implementations = frameworks.map(|summary| &summary.cell.implementation);
    if !implementations.any(|one| one.is_builtin() || one.is_primitive()) {
        return None;
    }
    let pairs = builtin_pairs(record, groups);
    let pairs: Vec<&BuiltinPair<'_>> = pairs
        .iter()
        .filter(|pair| group.holds(pair.builtin.cell) && !record.started.is_ceiling(pair.builtin.cell))
        .collect();
    let parts = [
        (Verdict::Higher, "worth it with "),
        (Verdict::Lower, "slower with "),
        (Verdict::NoDifferenceShown, "no difference is shown with "),
        (Verdict::NeedsMoreSeeds, "more seeds are needed with "),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|(verdict, words)| Some(format!("{words}{}", with_verdict(&pairs, verdict)?)))
        .collect();
    if parts.is_empty() {
        return Some(
            "Whether the built-in batch norm is worth it cannot be said: no framework was timed both with it \
             and with one of elementary operations."
                .to_owned(),
        );
    }
    Some(format!("The built-in batch norm, against one of elementary operations: {}.", parts.join("; ")))
}

/// `tch (1.44× [1.40, 1.49] as fast) and candle (…)`: those of which this may be said, if any.
fn with_verdict(pairs: &[&BuiltinPair<'_>], verdict: Verdict) -> Option<String> {
    let of_verdict = pairs.iter().filter(|pair| pair.seconds.verdict == verdict);
    let told = of_verdict.map(|pair| format!("{} ({})", pair.builtin.cell.backend, times_as_fast(pair)));
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| listed(&told))
}

/// `1.44× [1.40, 1.49] as fast`, by medians where there is no interval.
fn times_as_fast(pair: &BuiltinPair<'_>) -> String {
    let [builtin, primitive] = [pair.builtin, pair.primitive].map(|one| one.seconds().unwrap_or(f64::NAN));
    let times = pair.seconds.interval.map_or(primitive / builtin, |interval| interval.estimate);
    format!("{}{} as fast", ratio(times), bracket(pair.seconds.interval, significant))
}

fn builtin_line(pair: &BuiltinPair<'_>) -> String {
    let BuiltinPair { builtin, primitive, seconds: comparison } = pair;
    let [of_builtin, of_primitive] = [builtin, primitive].map(|one| one.seconds().unwrap_or(f64::NAN));
    let times = comparison.interval.map_or(of_primitive / of_builtin, |one| one.estimate);
    format!(
        "{}, {} on {}: built-in {} per epoch, primitive {}, which is {}{} as long{}",
        builtin.cell.backend,
        builtin.cell.workload,
        builtin.cell.device_words(),
        seconds(of_builtin),
        seconds(of_primitive),
        ratio(times),
        bracket(comparison.interval, significant),
        doubt(Some(comparison))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_that_shows_nothing_speaks_against_none() {
        for (numbers, words) in [
            ((0, 0, 9), "No difference is shown with batch norm"),
            ((9, 0, 9), "Training converges faster with batch norm"),
            ((1, 0, 9), "Training converges faster with batch norm, as 1 of 9 comparisons shows"),
            ((0, 2, 3), "Training converges slower with batch norm, as 2 of 3 comparisons show"),
            ((2, 1, 3), "Of 3 comparisons, training converges faster in 2 and slower in 1 with batch norm"),
        ] {
            let (faster, slower, of) = numbers;
            assert_eq!(verdict_words(faster, slower, of), words);
        }
    }
}
