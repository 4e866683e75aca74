//! A comparison as tables of words, and what must be said beside them.

use super::{CellPair, Judgement, RunComparison};
use crate::formats::{Grid, shown};
use crate::number::{count, fraction, percent, seconds, significant};
use crate::record::{Target, distinct};
use crate::statistics::Verdict;
use crate::summary::TimeToTarget;
use crate::words::bracket;

/// The tables: seconds per epoch, then learning, then what else is different.
pub fn grids(comparison: &RunComparison) -> Vec<Grid> {
    let mut grids = Vec::new();
    if !comparison.cells.is_empty() {
        grids.push(times(comparison));
        grids.push(learning(comparison));
    }
    if !comparison.differences.is_empty() {
        let rows = comparison.differences.iter();
        grids.push(Grid {
            title: "Differences".to_owned(),
            header: ["", "A", "B"].map(str::to_owned).to_vec(),
            rows: rows.map(|one| vec![one.what.clone(), one.a.clone(), one.b.clone()]).collect(),
        });
    }
    grids
}

fn times(comparison: &RunComparison) -> Grid {
    let header = ["cell", "A", "B", "B / A", "verdict"];
    let rows = comparison.cells.iter().map(|pair| {
        let [one, other] = pair.seconds.map(|time| shown(time.map(|time| time.median), seconds));
        let interval = pair.ratio.as_ref().ok().and_then(|comparison| comparison.interval);
        let times = shown(pair.times(), |value| format!("{}×", close(value))) + &bracket(interval, close);
        vec![pair.cell.to_string(), one, other, times, pair.judgement().name().to_owned()]
    });
    Grid {
        title: "Training seconds per epoch".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// A ratio of two runs of the same: near 1, so that the third decimal matters.
pub(crate) fn close(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.3}") } else { significant(ratio) }
}

fn learning(comparison: &RunComparison) -> Grid {
    let targets: Vec<Target> =
        distinct(comparison.cells.iter().flat_map(|pair| &pair.targets).map(|(target, _)| *target));
    let mut header = vec!["cell".to_owned()];
    header.extend(targets.iter().map(Target::title));
    header.extend(["train accuracy".to_owned(), "difference".to_owned()]);
    let rows = comparison.cells.iter().map(|pair| {
        let mut row = vec![pair.cell.to_string()];
        row.extend(targets.iter().map(|target| {
            let of_pair = pair.targets.iter().find(|(other, _)| other == target);
            of_pair.map_or_else(|| "no target".to_owned(), |(_, sides)| target_text(sides))
        }));
        let [one, other] = pair.train_accuracy.map(|accuracy| shown(accuracy, fraction));
        row.extend([format!("{one} → {other}"), accuracy_difference(pair)]);
        row
    });
    Grid {
        title: "Time to target and accuracy after the last epoch, A → B".to_owned(),
        header,
        rows: rows.collect(),
    }
}

fn target_text(sides: &[TimeToTarget; 2]) -> String {
    match sides.each_ref().map(TimeToTarget::told) {
        [one, other] if one == other && sides[0].seconds.is_none() => one,
        [one, other] => format!("{one} → {other}"),
    }
}

fn accuracy_difference(pair: &CellPair) -> String {
    let Some(difference) = pair.accuracy_difference else { return "other epochs".to_owned() };
    let Some(interval) = difference.interval else {
        return if difference.seeds == 0 { "–".to_owned() } else { "needs more seeds".to_owned() };
    };
    if interval.low == 0.0 && interval.high == 0.0 {
        return "the same".to_owned();
    }
    let doubt = if difference.verdict == Verdict::NoDifferenceShown { ", none shown" } else { "" };
    format!("{:+.4}{}{doubt}", interval.estimate, bracket(Some(interval), |end| format!("{end:+.4}")))
}

/// What a reader must know, the gravest first; one line each.
pub fn notes(comparison: &RunComparison) -> Vec<String> {
    let mut notes = Vec::new();
    if comparison.is_same_run {
        notes.push("A and B are the same run: every ratio is 1, which says nothing".to_owned());
    }
    if !comparison.machines.is_empty() {
        notes.push(format!(
            "A and B ran on different machines: {}; their times tell of the machines, too",
            comparison.machines.join("; ")
        ));
    }
    for (side, name) in comparison.sides.iter().zip(["A", "B"]) {
        notes.extend(side.warnings.iter().map(|warning| format!("{name}: {warning}")));
    }
    for (cells, name) in comparison.only.iter().zip(["A", "B"]) {
        if !cells.is_empty() {
            let names: Vec<String> = cells.iter().map(ToString::to_string).collect();
            notes.push(format!("only in {name}: {}", names.join(", ")));
        }
    }
    if comparison.cells.is_empty() {
        notes.push("A and B have no cell in common".to_owned());
    }
    for pair in &comparison.cells {
        if let Err(reason) = &pair.ratio {
            notes.push(format!("{}: {reason}", pair.cell));
        }
    }
    if !comparison.is_same_run && comparison.cells.iter().any(|pair| pair.ratio.is_ok()) {
        notes.extend(basis(comparison));
    }
    notes
}

/// What the verdicts rest on.
fn basis(comparison: &RunComparison) -> [String; 3] {
    let judgements = comparison.cells.iter().map(CellPair::judgement);
    let family =
        judgements.filter(|one| !matches!(one, Judgement::NeedsMoreSeeds | Judgement::NotCompared)).count();
    let corrected = if family > 1 {
        format!(", corrected for {} (Holm)", count(family, "comparison"))
    } else {
        String::new()
    };
    let floor = match comparison.noise_floor() {
        Some(floor) => {
            format!("the noise floor is {}, the greater of both runs'", percent(100.0 * (floor - 1.0)))
        }
        None => "neither run ran anything twice, so that no noise floor is known".to_owned(),
    };
    [
        format!("ratios are paired by seed, with 95% intervals{corrected}"),
        floor,
        "what changed on the machine between the two runs is in the ratios".to_owned(),
    ]
}
