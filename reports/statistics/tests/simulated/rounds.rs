//! Rounds of several cells, as a benchmark might measure them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rand_chacha::ChaCha8Rng;
use trainmark_statistics::distributions::{student_quantile, student_two_sided};
use trainmark_statistics::{Comparison, Interval, Method, Rounds, compare};

use super::tally::Rule;
use super::{Shape, baseline, normal, uniform};

/// What the machine does to the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    /// Noise of 2% from run to run, log-normal, of all cells alike.
    Alike,
    /// The same with tails of Student's t of 4 degrees.
    HeavyTailed,
    /// The first cell's noise is three times that of the others.
    OneNoisy,
    /// The noise of the first half of the cells is three times that of the others.
    HalfNoisy,
    /// From the beginning to the end the machine becomes a third slower.
    Drifting,
    /// One run in eight fails, and the last cell is left out of the last third of the rounds.
    Missing,
    /// The first cell's noise only slows (exponential); the others' is normal, a quarter as large.
    OneSlowed,
}

impl Machine {
    pub(crate) const ALL: [Self; 7] = [
        Self::Alike,
        Self::HeavyTailed,
        Self::OneNoisy,
        Self::HalfNoisy,
        Self::Drifting,
        Self::Missing,
        Self::OneSlowed,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Alike => "equal noise",
            Self::HeavyTailed => "heavy tails",
            Self::OneNoisy => "one cell 3×",
            Self::HalfNoisy => "half the cells 3×",
            Self::Drifting => "drift",
            Self::Missing => "runs missing",
            Self::OneSlowed => "one cell only slowed",
        }
    }

    fn noise(self, generator: &mut ChaCha8Rng, cell: usize, cells: usize) -> f64 {
        let scale = match self {
            Self::OneNoisy if cell == 0 => 3.0,
            Self::HalfNoisy if cell < cells / 2 => 3.0,
            Self::OneSlowed if cell > 0 => 0.25,
            _ => 1.0,
        };
        let shape = if self == Self::HeavyTailed { Shape::HeavyTailed } else { Shape::Normal };
        if self == Self::OneSlowed && cell == 0 {
            return -uniform(generator).ln() - 1.0;
        }
        scale * baseline(generator, shape)
    }

    fn is_missing(self, generator: &mut ChaCha8Rng, plan: Plan, cell: usize, round: usize) -> bool {
        let is_left_out = cell + 1 == plan.cells && 3 * round >= 2 * plan.rounds.max(3);
        self == Self::Missing && (is_left_out || uniform(generator) < 0.125)
    }
}

/// The size of a benchmark, and the one difference in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) cells: usize,
    pub(crate) rounds: usize,
    /// How many times as long the last cell takes as any other.
    pub(crate) last: f64,
}

impl Plan {
    /// The true ratio of two cells.
    pub(crate) fn ratio(self, subject: usize, baseline: usize) -> f64 {
        self.times(subject) / self.times(baseline)
    }

    fn times(self, cell: usize) -> f64 {
        if cell + 1 == self.cells { self.last } else { 1.0 }
    }

    /// The cell in the middle is run twice.
    fn order(self, generator: &mut ChaCha8Rng) -> Vec<usize> {
        let cells = (0..self.cells).chain([self.cells / 2]);
        let mut order: Vec<(f64, usize)> = cells.map(|cell| (uniform(generator), cell)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        order.into_iter().map(|(_, cell)| cell).collect()
    }
}

/// Standard deviations of the logarithms, from run to run and from round to round.
const RUN: f64 = 0.02;
const ROUND: f64 = 0.05;
/// What the logarithms grow by from the beginning to the end.
const DRIFT: f64 = 0.3;

/// What a benchmark measured.
pub(crate) struct Measured {
    /// By seed, for each cell; the mean of both runs where there are two.
    seconds: Vec<BTreeMap<u64, f64>>,
    rounds: Rounds,
    /// Of the cell that was run twice in each round, both times.
    pub(crate) repeated: Vec<(f64, f64)>,
    /// The round of each of these.
    repeated_in: Vec<u64>,
}

impl Measured {
    pub(crate) fn of(generator: &mut ChaCha8Rng, plan: Plan, machine: Machine) -> Self {
        let mut seconds = vec![BTreeMap::new(); plan.cells];
        let (mut repeated, mut repeated_in) = (Vec::new(), Vec::new());
        for round in 0..plan.rounds {
            let of_round = ROUND * normal(generator);
            for (place, cell) in plan.order(generator).into_iter().enumerate() {
                let passed = (round as f64 + place as f64 / plan.cells as f64) / plan.rounds as f64;
                let drift = if machine == Machine::Drifting { DRIFT * passed } else { 0.0 };
                let noise = RUN * machine.noise(generator, cell, plan.cells);
                let value = plan.times(cell) * (of_round + drift + noise).exp();
                if machine.is_missing(generator, plan, cell, round) {
                    continue;
                }
                match seconds[cell].entry(round as u64) {
                    Entry::Vacant(first) => _ = first.insert(value),
                    Entry::Occupied(mut first) => {
                        repeated.push((*first.get(), value));
                        repeated_in.push(round as u64);
                        *first.get_mut() = (*first.get() * value).sqrt();
                    }
                }
            }
        }
        Self { rounds: Rounds::new(&seconds), seconds, repeated, repeated_in }
    }

    /// What was measured after so many rounds.
    pub(crate) fn after(&self, rounds: usize) -> Self {
        let is_made = |round: u64| round < rounds as u64;
        let made = |cell: &BTreeMap<u64, f64>| {
            cell.range(..rounds as u64).map(|(&round, &value)| (round, value)).collect()
        };
        let seconds: Vec<BTreeMap<u64, f64>> = self.seconds.iter().map(made).collect();
        let count = self.repeated_in.iter().filter(|&&round| is_made(round)).count();
        Self {
            rounds: Rounds::new(&seconds),
            seconds,
            repeated: self.repeated[..count].to_vec(),
            repeated_in: self.repeated_in[..count].to_vec(),
        }
    }

    /// The cell with the lowest geometric mean.
    pub(crate) fn lowest(&self) -> usize {
        let mean = |cell: &usize| {
            let values = &self.seconds[*cell];
            values.values().map(|seconds| seconds.ln()).sum::<f64>() / values.len() as f64
        };
        (0..self.seconds.len()).min_by(|a, b| mean(a).total_cmp(&mean(b))).unwrap_or(0)
    }

    pub(crate) fn compare(&self, subject: usize, baseline: usize, rule: Rule) -> Comparison {
        match rule {
            Rule::Pooled => self.rounds.compare(subject, baseline),
            Rule::Residual => self.by_residual(subject, baseline),
            Rule::Own => {
                let of_baseline = &self.seconds[baseline];
                let pairs = self.seconds[subject].iter();
                let pairs = pairs.filter_map(|(seed, value)| Some((*value, *of_baseline.get(seed)?)));
                compare(&pairs.collect::<Vec<_>>())
            }
        }
    }

    fn by_residual(&self, subject: usize, baseline: usize) -> Comparison {
        let logarithms = |cell: usize| self.seconds[cell].values().map(|seconds| seconds.ln()).collect();
        let rows: Vec<Vec<f64>> = (0..self.seconds.len()).map(logarithms).collect();
        let (cells, rounds) = (rows.len() as f64, rows[0].len() as f64);
        let of_cells: Vec<f64> = rows.iter().map(|row| row.iter().sum::<f64>() / rounds).collect();
        let of_all = of_cells.iter().sum::<f64>() / cells;
        let squares: f64 = (0..rows[0].len())
            .map(|round| {
                let of_round = rows.iter().map(|row| row[round]).sum::<f64>() / cells;
                let left =
                    rows.iter().zip(&of_cells).map(|(row, cell)| row[round] - cell - of_round + of_all);
                left.map(|value| value.powi(2)).sum::<f64>()
            })
            .sum();
        let freedom = (cells - 1.0) * (rounds - 1.0);
        let error = (2.0 * squares / freedom / rounds).sqrt();
        let (mean, half) = (of_cells[subject] - of_cells[baseline], student_quantile(0.975, freedom) * error);
        let method = Method::StudentT;
        let ends = [mean, mean - half, mean + half].map(f64::exp);
        Comparison {
            interval: Some(Interval { estimate: ends[0], low: ends[1], high: ends[2], method }),
            p_value: Some(student_two_sided(mean / error, freedom)),
            ..compare(&[])
        }
    }
}
