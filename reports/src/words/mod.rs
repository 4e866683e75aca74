//! The report's answers in words.
//!
//! "Faster", "slower" and "converges faster" are said only where [`crate::statistics`] allows
//! it; else the medians are told, with what is missing for more.

mod batch_norm;
mod glossary;
mod headline;
mod marks;
mod standing;
mod target;
mod time;
mod wrapper;

pub use glossary::{TERMS, Term, terms_in};
pub use headline::Headline;
pub(crate) use headline::fastest;
pub use marks::marks_in_words;
pub(crate) use marks::{mark, verdict_of_times};
pub use standing::{Progress, Rest, Standing};

use crate::number::{count, percent, significant};
use crate::paired::NoiseFloor;
use crate::record::Record;
use crate::statistics::{Comparison, Interval, Verdict};
use crate::summary::{Group, why_nothing};

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Answer {
    /// What is answered, such as `Time per epoch: lenet-bn on cpu`.
    pub title: String,
    /// The answer's number by itself, such as `0.53 s`; empty where there is none.
    pub figure: String,
    /// The answer in one sentence.
    pub lead: String,
    /// What it rests on, one line per cell.
    pub lines: Vec<String>,
    /// How far it can be trusted.
    pub note: String,
}

/// All answers, in the order of the report.
pub fn answers(record: &Record, groups: &[Group<'_>]) -> Vec<Answer> {
    if let Some(why) = why_nothing(groups.iter().flat_map(|group| &group.cells)) {
        return vec![nothing(record, why)];
    }
    let mut answers: Vec<Answer> = groups.iter().map(|group| time::per_epoch(record, group)).collect();
    for group in groups {
        let targets = group.cells.first().map_or(&[][..], |summary| &summary.targets);
        answers.extend(targets.iter().map(|summary| target::answer(record, group, summary.target)));
    }
    answers.extend(batch_norm::convergence(record, groups));
    answers.extend(batch_norm::builtin_against_primitive(record, groups));
    answers.extend(wrapper::answer(record, groups));
    // What was not reached has less to say.
    answers.sort_by_key(|answer| answer.figure.is_empty());
    answers
}

fn nothing(record: &Record, why: &str) -> Answer {
    let mut lines: Vec<String> =
        record.samples().map(|run| format!("{}: {}", run.cell, run.end.outcome.name())).collect();
    lines.dedup();
    Answer {
        title: "Nothing to compare".to_owned(),
        figure: String::new(),
        lead: format!("{why}."),
        lines,
        note: "The reasons stand under failures.".to_owned(),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// ` [2.1, 2.5]`, or nothing where there is no interval.
pub(crate) fn bracket(interval: Option<Interval>, show: impl Fn(f64) -> String) -> String {
    interval.map_or_else(String::new, |ends| format!(" [{}, {}]", show(ends.low), show(ends.high)))
}

/// What a comparison does not allow to say, as the end of a line.
fn doubt(comparison: Option<&Comparison>) -> &'static str {
    match comparison.map(|comparison| comparison.verdict) {
        Some(Verdict::Lower | Verdict::Higher) => "",
        Some(Verdict::NoDifferenceShown) => "; no difference shown",
        Some(Verdict::NeedsMoreSeeds) | None => "; needs more seeds",
    }
}

/// What intervals and verdicts rest on: seeds and number of comparisons.
fn basis(comparisons: &[&Comparison]) -> String {
    let seeds = comparisons.iter().map(|comparison| comparison.seeds);
    let (least, most) = (seeds.clone().min().unwrap_or(0), seeds.max().unwrap_or(0));
    if most < 2 {
        return "One seed gives no interval, and nothing here is more than a hint: repeat it with --seeds 3 \
                or more."
            .to_owned();
    }
    let of = if least == most { format!("{most} seeds") } else { format!("{least} to {most} seeds") };
    let family = match comparisons.len() {
        1 => String::new(),
        length => format!(", corrected for {} (Holm)", count(length, "comparison")),
    };
    format!("Comparisons: 95% intervals over {of}, paired by seed{}{family}.", pooled_in_words(comparisons))
}

/// Whose runs told how large the noise is, where more than those of the two cells compared.
fn pooled_in_words(comparisons: &[&Comparison]) -> String {
    let pooled = comparisons.iter().filter_map(|comparison| comparison.pooled);
    pooled.map(|pooled| pooled.cells).max().map_or_else(String::new, |cells| {
        format!(", the noise from run to run pooled over {}", count(cells, "cell"))
    })
}

/// The same for times, which must differ by more than the machine's noise.
fn basis_of_times(record: &Record, comparisons: &[&Comparison]) -> String {
    format!("{} {}", basis(comparisons), floor_in_words(record.noise_floor()))
}

/// What running a cell twice has shown.
pub(crate) fn floor_in_words(floor: Option<NoiseFloor>) -> String {
    floor.map_or_else(
        || "Nothing was run twice, so that the machine's noise floor is not known.".to_owned(),
        |floor| {
            let (of_mean, pairs) = (percent(floor.percent()), count(floor.pairs, "pair"));
            let greatest = percent(100.0 * (floor.greatest - 1.0));
            if floor.ratio < floor.greatest {
                format!(
                    "Noise floor: {of_mean}, up to which the mean of {pairs} of runs of the same may be off; the runs \
                     of one differed by at most {greatest}."
                )
            } else {
                format!("Noise floor: two runs of the same differed by at most {greatest} ({pairs}).")
            }
        },
    )
}

/// How far the cells of a group agree on values per channel: the greatest distance of two
/// cells with the same seed, and where. `seeds` holds for each seed the values of each cell
/// that ran it; what is not finite is passed over.
pub(crate) fn agreement(symbol: &str, seeds: &[(u64, Vec<&[f32]>)]) -> Option<String> {
    let compared = seeds.iter().filter(|(_, cells)| cells.len() > 1);
    let widest = compared.filter_map(|(seed, cells)| Some((widest(cells)?, seed)));
    let ((distance, channel), seed) = widest.max_by(|a, b| a.0.0.total_cmp(&b.0.0))?;
    if distance == 0.0 {
        return Some(format!("With the same seed, all cells learn the same {symbol}."));
    }
    Some(format!(
        "With the same seed, the cells' {symbol} differ by at most {} (channel {channel}, seed {seed}).",
        significant(distance)
    ))
}

/// The greatest distance of two cells on a channel, and the channel's number.
fn widest(cells: &[&[f32]]) -> Option<(f64, usize)> {
    let channels = cells.iter().map(|cell| cell.len()).max()?;
    let distances = (0..channels).filter_map(|channel| {
        let values = cells.iter().filter_map(|cell| cell.get(channel).copied()).map(f64::from);
        let values = values.filter(|value| value.is_finite());
        Some((values.clone().reduce(f64::max)? - values.reduce(f64::min)?, channel + 1))
    });
    distances.max_by(|a, b| a.0.total_cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::summary::{group, summarize};
    use crate::warnings::warnings;

    #[test]
    fn learned_values_are_compared_with_the_same_seed() {
        let (one, other) = ([1.0, 2.0], [1.0, 2.125]);
        // The second cell lacks the second seed, with which other values are learned.
        let seeds = [(1, vec![&one[..], &other[..]]), (2, vec![&[5.0, 9.0][..]])];
        assert_eq!(
            agreement("γ", &seeds).unwrap(),
            "With the same seed, the cells' γ differ by at most 0.125 (channel 2, seed 1)."
        );
        assert_eq!(agreement("γ", &seeds[1..]), None);
        let same = [(1, vec![&one[..], &one[..]])];
        assert_eq!(agreement("γ", &same).unwrap(), "With the same seed, all cells learn the same γ.");
    }

    #[test]
    fn a_cell_that_lacks_seeds_says_so_beside_its_epochs() {
        let mut record = example::record();
        let cell = record.started.plan.cells[2].clone();
        record.runs.retain(|run| run.cell != cell || run.seed != 2);
        let answers = answers(&record, &group(summarize(&record)));
        let target = answers.iter().find(|answer| answer.title.starts_with("Time to training")).unwrap();
        let without = target.lines.iter().filter(|line| line.contains("(2 of 2 runs, without seed 2)"));
        assert_eq!(without.count(), 1, "{:?}", target.lines);
    }

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
    fn a_cell_with_one_seed_does_not_silence_the_others() {
        let mut record = example::record();
        let cell = record.started.plan.cells[1].clone();
        record.runs.retain(|run| run.cell != cell || run.seed == 1);
        let answers = answers(&record, &group(summarize(&record)));
        assert_eq!(
            answers[0].lead,
            "tch builtin is the fastest: 2.25 s [1.96, 2.58] of training per epoch. Not judged, for want of \
             seeds: tch primitive."
        );
        let batch_norm = answers.iter().find(|answer| answer.title.starts_with("Batch norm")).unwrap();
        assert!(batch_norm.lead.starts_with("Training converges faster with batch norm: "), "{batch_norm:?}");
        assert!(batch_norm.lines.iter().any(|line| line.ends_with("needs more seeds")), "{batch_norm:?}");
    }

    #[test]
    fn a_cell_that_one_seed_makes_unrankable_competes_for_nothing() {
        let mut record = example::record();
        let groups = group(summarize(&record));
        let best =
            answers(&record, &groups).into_iter().find(|one| one.title.starts_with("Time to")).unwrap();
        let cells: Vec<_> = record.started.plan.cells.clone();
        let is_best = |cell: &&crate::record::Cell| best.lead.starts_with(&groups[0].label(cell));
        let fastest = cells.iter().find(is_best).unwrap().clone();
        let label = groups[0].label(&fastest);
        let run = record.runs.iter_mut().find(|run| run.cell == fastest).unwrap();
        run.end.outcome = crate::record::RunOutcome::NotConformant;
        let groups = group(summarize(&record));
        for answer in answers(&record, &groups) {
            assert!(!answer.lead.starts_with(&label), "{answer:?}");
            assert!(!answer.lines.iter().any(|line| line.contains("2 of 2 runs")), "{answer:?}");
        }
        let answers = answers(&record, &groups);
        let target = answers.iter().find(|answer| answer.title == best.title).unwrap();
        assert!(target.lines.contains(&format!("{label}: not ranked: not conformant")), "{target:?}");
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
        record.outcome = None;
        insta::assert_snapshot!(text(&record));
    }
}
