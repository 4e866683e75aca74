//! What a time budget has room for: every cell, but not every cell with every seed.
//!
//! The first round runs whole. What it leaves of the budget is shared among the later rounds
//! alike, since few seeds of all cells say less than more seeds of most. Of a round that would
//! pass its share the dearest cells are left out until the rest fits, as long as two cells
//! remain that can be compared; where too few would, one round may take all that is left.

use std::collections::HashSet;

use crate::units;

/// A cell in a round, as the budget sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost<'c> {
    /// Place in the plan.
    pub(super) index: usize,
    /// Workload and device: cells that have both in common can be compared.
    pub(super) group: (&'c str, &'c str),
    /// Seconds of one run.
    pub(super) run_seconds: f64,
    /// Runs that the round lacks of it: none where they were made before, two where one is
    /// made once more.
    pub(super) runs: usize,
}

impl Cost<'_> {
    fn seconds(&self) -> f64 {
        self.run_seconds * self.runs as f64
    }
}

/// The cells that a round must leave out to fit `available` seconds, by their places in the
/// plan; `None` where too few would be left to compare.
pub(super) fn leave_out(round: &[Cost<'_>], available: f64) -> Option<Vec<usize>> {
    let mut kept: Vec<&Cost<'_>> = round.iter().collect();
    kept.sort_by(|a, b| a.run_seconds.total_cmp(&b.run_seconds));
    let mut left_out = Vec::new();
    while seconds(&kept) > available {
        let dearest = kept.iter().rposition(|cost| cost.runs > 0)?;
        left_out.push(kept.remove(dearest).index);
        if kept.iter().all(|cost| cost.runs == 0) || !is_comparison(&kept) {
            return None;
        }
    }
    left_out.sort_unstable();
    Some(left_out)
}

/// [`leave_out`] for the first of `rounds` that have `left` seconds together.
pub(super) fn leave_out_of_share(round: &[Cost<'_>], left: f64, rounds: usize) -> Option<Vec<usize>> {
    leave_out(round, left / rounds.max(1) as f64).or_else(|| leave_out(round, left))
}

fn seconds(round: &[&Cost<'_>]) -> f64 {
    round.iter().map(|cost| cost.seconds()).sum()
}

/// Whether two cells of a round can be compared.
fn is_comparison(round: &[&Cost<'_>]) -> bool {
    let mut groups = HashSet::new();
    round.iter().any(|cost| !groups.insert(cost.group))
}

/// What is likely to be run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Forecast {
    /// Rounds that are run whole.
    pub(super) whole: usize,
    /// Rounds that are run without their dearest cells.
    pub(super) partial: usize,
    /// Rounds that are not run.
    pub(super) dropped: usize,
    /// Runs in all.
    pub(super) runs: usize,
    /// Seconds in all.
    pub(super) seconds: f64,
    /// Seconds of the first round.
    pub(super) first_seconds: f64,
}

/// What of these rounds is likely to be run within a budget, if there is one, with one more
/// run of `drift_seconds` at the end, if there is one.
pub(super) fn forecast(
    rounds: &[Vec<Cost<'_>>],
    budget: Option<f64>,
    drift_seconds: Option<f64>,
) -> Forecast {
    let end = drift_seconds.unwrap_or_default();
    let mut forecast =
        Forecast { seconds: end, runs: usize::from(drift_seconds.is_some()), ..Forecast::default() };
    for (place, round) in rounds.iter().enumerate() {
        let left = match budget {
            Some(budget) if place > 0 => budget - forecast.seconds,
            _ => f64::INFINITY,
        };
        let Some(left_out) = leave_out_of_share(round, left, rounds.len() - place) else {
            forecast.dropped = rounds.len() - place;
            break;
        };
        let kept: Vec<&Cost<'_>> = round.iter().filter(|cost| !left_out.contains(&cost.index)).collect();
        forecast.runs += kept.iter().map(|cost| cost.runs).sum::<usize>();
        forecast.seconds += seconds(&kept);
        if place == 0 {
            forecast.first_seconds = seconds(&kept);
        }
        *(if left_out.is_empty() { &mut forecast.whole } else { &mut forecast.partial }) += 1;
    }
    forecast
}

impl Forecast {
    /// What a user must know of the budget, in one line.
    pub(super) fn words(&self, budget: f64) -> String {
        let (budget_text, first) = (units::seconds(budget), units::seconds(self.first_seconds));
        let rounds = self.whole + self.partial + self.dropped;
        if self.first_seconds > budget {
            return format!(
                "one round takes about {first}, more than the budget of {budget_text}: it runs once"
            );
        }
        if self.whole == rounds {
            let rounds =
                if rounds == 1 { "the round fits".to_owned() } else { format!("all {rounds} rounds fit") };
            return format!("{rounds} the budget of {budget_text}");
        }
        let whole =
            format!("{} of {rounds} rounds {}", self.whole, if self.whole == 1 { "runs" } else { "run" });
        let part = |number: usize, how: &str| (number > 0).then(|| format!(", {number} {how}"));
        let partial = part(self.partial, "without the dearest cells").unwrap_or_default();
        let dropped = part(self.dropped, "not at all").unwrap_or_default();
        format!(
            "a round takes about {first}: within the budget of {budget_text} (--budget) {whole} whole{partial}{dropped}"
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CPU: (&str, &str) = ("lenet-bn", "cpu");
    const CONTROL: (&str, &str) = ("lenet", "cpu");

    fn round(of: &[(f64, (&'static str, &'static str), usize)]) -> Vec<Cost<'static>> {
        let cost = |(index, &(run_seconds, group, runs))| Cost { index, group, run_seconds, runs };
        of.iter().enumerate().map(cost).collect()
    }

    #[test]
    fn the_dearest_cells_are_left_out_until_the_rest_fits() {
        let cells = round(&[(50.0, CPU, 1), (10.0, CPU, 2), (100.0, CPU, 1), (5.0, CONTROL, 1)]);
        assert_eq!(leave_out(&cells, 175.0), Some(vec![]));
        assert_eq!(leave_out(&cells, 174.0), Some(vec![2]));
        assert_eq!(leave_out(&cells, 74.0), None, "no two cells of one workload are left");
    }

    #[test]
    fn later_rounds_share_alike_what_is_left() {
        let cells = round(&[(50.0, CPU, 1), (10.0, CPU, 1), (100.0, CPU, 1), (5.0, CONTROL, 1)]);
        assert_eq!(leave_out_of_share(&cells, 165.0, 1), Some(vec![]));
        assert_eq!(leave_out_of_share(&cells, 165.0, 2), Some(vec![2]));
        // A third is too little to compare anything: better one round than none.
        assert_eq!(leave_out_of_share(&cells, 165.0, 3), Some(vec![]));
    }

    #[test]
    fn a_single_cell_runs_whole_or_not() {
        let cells = round(&[(50.0, CPU, 2)]);
        assert_eq!(leave_out(&cells, 100.0), Some(vec![]));
        assert_eq!(leave_out(&cells, 99.0), None);
    }

    #[test]
    fn what_was_run_before_costs_nothing_and_can_be_compared() {
        let cells = round(&[(50.0, CPU, 0), (20.0, CPU, 1), (30.0, CPU, 1)]);
        assert_eq!(leave_out(&cells, 20.0), Some(vec![2]));
        assert_eq!(leave_out(&cells, 19.0), None, "nothing is left to run");
    }

    #[test]
    fn a_forecast_in_words() {
        let cells = round(&[(200.0, CPU, 1), (10.0, CPU, 2), (20.0, CPU, 1), (220.0, CONTROL, 1)]);
        let words = |rounds: usize, budget: f64| {
            let forecast = forecast(&vec![cells.clone(); rounds], Some(budget), Some(10.0));
            format!("{}: {} runs in {} s", forecast.words(budget), forecast.runs, forecast.seconds)
        };
        let all = [
            words(1, 400.0),
            words(1, 900.0),
            words(3, 400.0),
            words(3, 900.0),
            words(3, 560.0),
            words(3, 2000.0),
        ];
        insta::assert_snapshot!(all.join("\n"));
        assert_eq!(forecast(&[], Some(1.0), None), Forecast::default());
        assert_eq!(forecast(&[cells.clone(), cells], None, None).seconds, 920.0);
    }

    proptest! {
        #[test]
        fn what_is_kept_fits_and_nothing_dearer_is_kept_than_left(
            of in prop::collection::vec((1.0..100.0_f64, 0..2_usize, 0..3_usize), 0..8),
            available in 0.0..500.0_f64,
        ) {
            let of: Vec<_> = of.into_iter().map(|(s, group, runs)| (s, [CPU, CONTROL][group], runs)).collect();
            let cells = round(&of);
            if let Some(left_out) = leave_out(&cells, available) {
                let is_left = |cost: &&Cost<'_>| left_out.contains(&cost.index);
                let kept: Vec<&Cost<'_>> = cells.iter().filter(|cost| !is_left(cost)).collect();
                prop_assert!(seconds(&kept) <= available);
                let cheapest = cells.iter().filter(is_left).map(|cost| cost.run_seconds).fold(f64::INFINITY, f64::min);
                prop_assert!(kept.iter().all(|cost| cost.runs == 0 || cost.run_seconds <= cheapest));
                prop_assert!(left_out.is_empty() || is_comparison(&kept));
            }
        }
    }
}
