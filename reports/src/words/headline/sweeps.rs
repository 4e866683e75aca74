//! What sweeps say: where along them training gets to its target, and what more threads bring.

use super::super::listed;
use crate::number::{count, ratio};
use crate::record::{Record, Target};
use crate::summary::Group;
use crate::sweep::{Picture, Point, Quantity, Trace, pictures};

/// Lines of a sweep beyond which a sentence would be longer to read than its chart.
const MOST_LINES: usize = 6;

/// A sentence for each sweep of which one can be said.
pub(super) fn told(record: &Record, groups: &[Group<'_>]) -> Vec<String> {
    let mut sentences = Vec::new();
    for (sweep, pictures) in pictures(record, groups) {
        // The first target is the workload's primary one.
        let arrival = pictures.iter().find_map(|picture| match picture.quantity {
            Quantity::EpochsTo(target) => arrivals(picture, target),
            _ => None,
        });
        let speed_up = pictures.iter().find(|picture| picture.quantity == Quantity::SpeedUp);
        let parts = arrival.or_else(|| speed_up.and_then(speed_ups));
        sentences.extend(parts.map(|parts| format!("By {}: {parts}.", sweep.title())));
    }
    sentences
}

/// `lenet-bn reaches training accuracy 0.88 at 0.1 to 2, soonest at 0.2 (4 epochs); lenet at none of 0.05 to 2`
fn arrivals(picture: &Picture, target: Target) -> Option<String> {
    let lines: Vec<&Trace> = picture.lines.iter().filter(|line| line.points.iter().any(is_known)).collect();
    if lines.is_empty() || lines.len() > MOST_LINES {
        return None;
    }
    let of_line = |(place, line): (usize, &&Trace)| {
        let verb = if place == 0 { format!("reaches {} ", target.name()) } else { String::new() };
        let (known, others): (Vec<Point>, Vec<Point>) = line.points.iter().cloned().partition(is_known);
        let others: Vec<String> = others.iter().map(|point| point.at.to_string()).collect();
        let without =
            if others.is_empty() { String::new() } else { format!(", no result at {}", listed(&others)) };
        format!("{} {verb}at {}{without}", line.label, places(&known))
    };
    Some(lines.iter().enumerate().map(of_line).collect::<Vec<_>>().join("; "))
}

/// Whether it is known if training got there.
fn is_known(point: &Point) -> bool {
    point.value.is_some() || point.is_missed
}

/// Where training got there, and where soonest.
fn places(points: &[Point]) -> String {
    let reached: Vec<&Point> = points.iter().filter(|point| point.value.is_some()).collect();
    let epochs = |point: &Point| point.value.map_or(f64::INFINITY, |value| value.median);
    // Of equals the first.
    let soonest = reached.iter().min_by(|a, b| epochs(a).total_cmp(&epochs(b)));
    let Some(soonest) = soonest else { return format!("none of {}", range(points.iter())) };
    let partly: Vec<String> = reached
        .iter()
        .filter_map(|point| Some(format!("at {1} in {0} runs", point.share.as_ref()?, point.at)))
        .collect();
    let partly = if partly.is_empty() { String::new() } else { format!(" ({})", partly.join(", ")) };
    let epochs = match epochs(soonest) {
        whole if whole.fract() == 0.0 => count(whole as usize, "epoch"),
        between => format!("{between} epochs"),
    };
    format!("{}{partly}, soonest at {} ({epochs})", among(points, &reached), soonest.at)
}

/// Those places of all: a range where they are neighbours.
fn among(all: &[Point], those: &[&Point]) -> String {
    let first = all.iter().position(|point| those.first().is_some_and(|first| first.at == point.at));
    let beside = all.iter().skip(first.unwrap_or_default());
    let are_neighbours = beside.zip(those).all(|(one, other)| one.at == other.at);
    if those.len() > 2 && are_neighbours {
        return range(those.iter().copied());
    }
    listed(&those.iter().map(|point| point.at.to_string()).collect::<Vec<_>>())
}

/// `0.05 to 2`
fn range<'p>(points: impl Iterator<Item = &'p Point>) -> String {
    let at: Vec<f64> = points.map(|point| point.at).collect();
    match at[..] {
        [first, .., last] => format!("{first} to {last}"),
        [one] => one.to_string(),
        [] => String::new(),
    }
}

/// `tch builtin is 1.90× as fast with 4 as with 1`
fn speed_ups(picture: &Picture) -> Option<String> {
    let of_line = |line: &Trace| {
        let (fewest, most) = (line.points.first()?, line.points.last()?);
        let times = ratio(most.value?.median);
        Some(format!("{} is {times} as fast with {} as with {}", line.label, most.at, fewest.at))
    };
    let told: Vec<String> = picture.lines.iter().filter_map(of_line).collect();
    (!told.is_empty() && told.len() <= MOST_LINES)
        .then(|| format!("{}, by the median of the seeds", told.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::record::{Cell, RunOutcome};
    use crate::summary::{group, summarize};

    fn sentences(record: &Record) -> Vec<String> {
        told(record, &group(summarize(record)))
    }

    #[test]
    fn a_sweep_of_rates_says_where_training_arrives() {
        insta::assert_snapshot!(sentences(&example::record_of_a_sweep()).join("\n"));
    }

    #[test]
    fn a_place_without_a_result_is_named_and_does_not_silence_the_others() {
        let mut record = example::record_of_a_sweep();
        let cell = record.started.plan.cells[0].clone();
        let lost = record.runs.iter_mut().filter(|run| run.cell == cell);
        lost.for_each(|run| run.end.outcome = RunOutcome::Interrupted);
        insta::assert_snapshot!(sentences(&record).join("\n"));
    }

    #[test]
    fn where_nothing_is_known_nothing_is_said() {
        assert_eq!(sentences(&example::record()), [""; 0]);
        let mut record = example::record_of_a_sweep();
        record.runs.iter_mut().for_each(|run| run.end.outcome = RunOutcome::Interrupted);
        assert_eq!(sentences(&record), [""; 0]);
    }

    #[test]
    fn more_threads_say_how_much_they_bring() {
        let mut record = example::record_of_a_sweep();
        let cell = record.started.plan.cells[0].clone();
        record.started.plan.cells.truncate(1);
        record.runs.retain(|run| run.cell == cell);
        let more = Cell { threads: 8, ..cell };
        for run in record.runs.clone() {
            let mut faster = crate::record::Run { cell: more.clone(), ..run };
            faster.epochs.iter_mut().for_each(|epoch| epoch.train_seconds /= 3.0);
            record.runs.push(faster);
        }
        let expected = "builtin is 3.00× as fast with 8 as with 2, by the median of the seeds.";
        let found = sentences(&record);
        assert!(found.len() == 1 && found[0].ends_with(expected), "{found:?}");
    }

    #[test]
    fn places_are_a_range_where_they_are_neighbours() {
        let point = |at: f64, is_reached: bool| Point {
            at,
            value: is_reached.then_some(crate::sweep::Spread { median: 3.0, least: 3.0, greatest: 3.0 }),
            is_missed: !is_reached,
            share: None,
            told: String::new(),
        };
        let found = |reached: [bool; 5]| {
            let at = [0.1, 0.2, 0.5, 1.0, 2.0].into_iter().zip(reached);
            places(&at.map(|(at, is_reached)| point(at, is_reached)).collect::<Vec<_>>())
        };
        assert_eq!(found([false, true, true, true, false]), "0.2 to 1, soonest at 0.2 (3 epochs)");
        assert_eq!(found([true, false, true, false, true]), "0.1, 0.5 and 2, soonest at 0.1 (3 epochs)");
        assert_eq!(found([true, true, false, false, false]), "0.1 and 0.2, soonest at 0.1 (3 epochs)");
        assert_eq!(found([false; 5]), "none of 0.1 to 2");
    }
}
