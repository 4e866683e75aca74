//! What is left of values when their cells and their rounds are taken out.

use std::collections::BTreeMap;

/// A value of a cell in a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Observation {
    /// The cell's number.
    pub cell: usize,
    /// The round's number: the seed.
    pub round: u64,
    /// A logarithm.
    pub value: f64,
}

/// Noise from run to run, as the residual of the least-squares fit of value = cell + round.
///
/// Cells may be missing from rounds or be there several times. Where the noise of all cells is
/// normal and the same, σ, `squares` / σ² is distributed as χ² with `freedom` degrees.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Residual {
    /// Sum of the squares.
    pub squares: f64,
    /// Degrees of freedom: observations less rounds less the cells that can be told apart.
    pub freedom: f64,
}

impl Residual {
    /// Of cells numbered from 0 to below `cells`.
    pub(super) fn of(cells: usize, observations: &[Observation]) -> Self {
        let mut rounds: BTreeMap<u64, Vec<Observation>> = BTreeMap::new();
        for &observation in observations {
            rounds.entry(observation.round).or_default().push(observation);
        }
        for of_round in rounds.values_mut() {
            let mean = of_round.iter().map(|one| one.value).sum::<f64>() / of_round.len() as f64;
            of_round.iter_mut().for_each(|one| one.value -= mean);
        }
        let mut equations = Equations::new(cells);
        rounds.values().for_each(|of_round| equations.add(of_round));
        let (effects, rank) = equations.solve();
        let squares = rounds.values().map(|of_round| {
            let mean = of_round.iter().map(|one| effects[one.cell]).sum::<f64>() / of_round.len() as f64;
            of_round.iter().map(|one| (one.value - effects[one.cell] + mean).powi(2)).sum::<f64>()
        });
        Self { squares: squares.sum(), freedom: (observations.len() - rounds.len() - rank) as f64 }
    }

    /// Of two cells by themselves: their differences, one for each round.
    pub(super) fn of_differences(differences: &[f64]) -> Self {
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        // A difference has the noise of two values.
        let squares = differences.iter().map(|difference| (difference - mean).powi(2) / 2.0).sum();
        Self { squares, freedom: differences.len().saturating_sub(1) as f64 }
    }

    /// What of it is not of `part`, the residual of some of its cells and rounds. Where the noise is
    /// normal and the same for all, both are independent: the one is a projection of the other.
    pub(super) fn without(self, part: Self) -> Self {
        let freedom = (self.freedom - part.freedom).max(0.0);
        Self { squares: if freedom > 0.0 { (self.squares - part.squares).max(0.0) } else { 0.0 }, freedom }
    }

    /// The same variance, as if it had been found with so many degrees of freedom; nothing where
    /// there are none.
    pub(super) fn counted_as(self, freedom: f64) -> Self {
        if self.freedom > 0.0 {
            Self { squares: self.squares * freedom / self.freedom, freedom }
        } else {
            self
        }
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self { squares: self.squares + other.squares, freedom: self.freedom + other.freedom }
    }

    /// The variance of a value.
    pub(super) fn variance(self) -> f64 {
        self.squares / self.freedom
    }
}

/// The normal equations of the cells' effects, the rounds' being eliminated.
struct Equations {
    matrix: Vec<Vec<f64>>,
    right: Vec<f64>,
}

impl Equations {
    fn new(cells: usize) -> Self {
        Self { matrix: vec![vec![0.0; cells]; cells], right: vec![0.0; cells] }
    }

    /// Adds a round, the mean of whose values is 0.
    fn add(&mut self, of_round: &[Observation]) {
        for one in of_round {
            self.matrix[one.cell][one.cell] += 1.0;
            self.right[one.cell] += one.value;
            for other in of_round {
                self.matrix[one.cell][other.cell] -= 1.0 / of_round.len() as f64;
            }
        }
    }

    /// The effects and the matrix's rank. Of cells that rounds connect, only the differences are
    /// known: the last one's effect is 0.
    fn solve(mut self) -> (Vec<f64>, usize) {
        let cells = self.right.len();
        let scales: Vec<f64> = (0..cells).map(|cell| self.matrix[cell][cell]).collect();
        let is_pivot = |matrix: &[Vec<f64>], cell: usize| matrix[cell][cell] > 1e-9 * scales[cell].max(1.0);
        let mut rank = 0;
        for pivot in 0..cells {
            if !is_pivot(&self.matrix, pivot) {
                continue;
            }
            rank += 1;
            for row in pivot + 1..cells {
                let factor = self.matrix[row][pivot] / self.matrix[pivot][pivot];
                for column in pivot..cells {
                    self.matrix[row][column] -= factor * self.matrix[pivot][column];
                }
                self.right[row] -= factor * self.right[pivot];
            }
        }
        let mut effects = vec![0.0; cells];
        for row in (0..cells).rev().filter(|&row| is_pivot(&self.matrix, row)) {
            let known: f64 = (row + 1..cells).map(|column| self.matrix[row][column] * effects[column]).sum();
            effects[row] = (self.right[row] - known) / self.matrix[row][row];
        }
        (effects, rank)
    }
}
