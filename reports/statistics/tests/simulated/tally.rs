//! How often simulated benchmarks keep what the report promises.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use trainmark_statistics::{Comparison, Noise, Verdict, judge};

use super::rounds::{Machine, Measured, Plan};

/// Whose noise two cells are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Their own and, for a part, that of all other cells.
    Pooled,
    /// That of all cells alike: the residual of the whole fit. Where no run is missing.
    Residual,
    /// Their own.
    Own,
}

/// How many of all.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    number: usize,
    all: usize,
}

impl Share {
    fn add(&mut self, counts: bool) {
        self.number += usize::from(counts);
        self.all += 1;
    }

    fn and(self, other: Self) -> Self {
        Self { number: self.number + other.number, all: self.all + other.all }
    }

    fn percent(self) -> f64 {
        100.0 * self.number as f64 / self.all as f64
    }
}

/// What was counted over simulated benchmarks, with every cell as the baseline.
pub(crate) struct Tally {
    /// Intervals that hold the true ratio, by baseline and subject.
    held: Vec<Share>,
    /// Families with a wrong verdict, by baseline: the noise floor left aside, and with it.
    wrong: [Vec<Share>; 2],
    /// The same of the baseline with the lowest times, as a reader chooses it.
    wrong_of_lowest: [Share; 2],
    /// The last cell's comparisons that have the right verdict: the noise floor left aside, with it, and
    /// with the greatest ratio of single pairs in its place.
    found: [Share; 3],
}

impl Tally {
    pub(crate) fn of(plan: Plan, machine: Machine, rule: Rule, simulations: usize) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64((100 * plan.rounds + plan.cells) as u64);
        let none = vec![Share::default(); plan.cells];
        let held = vec![Share::default(); plan.cells * plan.cells];
        let mut tally = Self {
            held,
            wrong: [none.clone(), none],
            wrong_of_lowest: [Share::default(); 2],
            found: [Share::default(); 3],
        };
        for _ in 0..simulations {
            let measured = Measured::of(&mut generator, plan, machine);
            let wrong: Vec<[bool; 2]> =
                (0..plan.cells).map(|baseline| tally.add(plan, &measured, baseline, rule)).collect();
            for (share, is_wrong) in tally.wrong_of_lowest.iter_mut().zip(wrong[measured.lowest()]) {
                share.add(is_wrong);
            }
        }
        tally
    }

    /// Counts the family of a baseline; whether it has a wrong verdict, the noise floor left aside
    /// and with it.
    fn add(&mut self, plan: Plan, measured: &Measured, baseline: usize, rule: Rule) -> [bool; 2] {
        let mut family: Vec<Comparison> =
            (0..plan.cells).map(|subject| measured.compare(subject, baseline, rule)).collect();
        // A cell against itself is in no family.
        family[baseline] = compare_nothing();
        for (subject, comparison) in family.iter().enumerate() {
            let truth = plan.ratio(subject, baseline);
            if let Some(interval) = comparison.interval {
                let holds = interval.low <= truth && truth <= interval.high;
                self.held[baseline * plan.cells + subject].add(holds);
            }
        }
        let noise = Noise::of(&measured.repeated);
        let floor = noise.map_or(1.0, |noise| noise.of_mean);
        let greatest = noise.map_or(1.0, |noise| noise.greatest);
        let is_wrong = [1.0, floor].map(|floor| {
            judge(&mut family, floor);
            family.iter().enumerate().any(|(subject, one)| is_wrong(one, plan.ratio(subject, baseline)))
        });
        for (wrong, is_wrong) in self.wrong.iter_mut().zip(is_wrong) {
            wrong[baseline].add(is_wrong);
        }
        for (found, floor) in self.found.iter_mut().zip([1.0, floor, greatest]) {
            judge(&mut family, floor);
            if let Some(last) = family.last().filter(|last| last.interval.is_some()) {
                found.add(last.verdict == Verdict::Higher);
            }
        }
        is_wrong
    }

    /// Per cent of all intervals that hold the true ratio.
    pub(crate) fn coverage(&self) -> f64 {
        self.held.iter().copied().fold(Share::default(), Share::and).percent()
    }

    /// The same of the pair of cells that fares worst.
    pub(crate) fn least_coverage(&self) -> f64 {
        let pairs = self.held.iter().filter(|share| share.all > 0);
        pairs.map(|share| share.percent()).fold(100.0, f64::min)
    }

    /// Per cent of all families with a wrong verdict, the noise floor left aside.
    pub(crate) fn wrong(&self) -> f64 {
        self.wrong[0].iter().copied().fold(Share::default(), Share::and).percent()
    }

    /// The same of the baseline that fares worst, with the noise floor or without.
    pub(crate) fn most_wrong(&self, with_floor: bool) -> f64 {
        self.wrong[usize::from(with_floor)].iter().map(|share| share.percent()).fold(0.0, f64::max)
    }

    /// The same of the baseline with the lowest times, without the noise floor and with it.
    pub(crate) fn wrong_of_lowest(&self) -> [f64; 2] {
        self.wrong_of_lowest.map(Share::percent)
    }

    /// Per cent of the last cell's comparisons that find it slower, the noise floor left aside.
    pub(crate) fn found(&self) -> f64 {
        self.found[0].percent()
    }

    /// The same with the noise floor, and with the greatest ratio of single pairs in its place.
    pub(crate) fn found_beyond_noise(&self) -> [f64; 2] {
        [self.found[1], self.found[2]].map(Share::percent)
    }
}

fn compare_nothing() -> Comparison {
    trainmark_statistics::compare(&[])
}

/// Whether a verdict says what is not so.
fn is_wrong(comparison: &Comparison, truth: f64) -> bool {
    match comparison.verdict {
        Verdict::Lower => truth >= 1.0,
        Verdict::Higher => truth <= 1.0,
        _ => false,
    }
}
