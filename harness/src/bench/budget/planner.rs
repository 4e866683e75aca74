//! How a plan is made: what is wanted is granted in the order of its worth.

use super::{Drift, LEAST_RUNS, Plan, PlannedRound, Standing, Wanted};
use crate::bench::repeats::{self, Candidate};
use crate::plan;

/// A plan that is being made.
pub(super) struct Planner<'w, 'c> {
    wanted: &'w Wanted<'c>,
    left: f64,
    spent: f64,
    /// Whether the next wish is granted whatever it takes.
    must_run: bool,
    /// Cells in the order in which they are served, by their places among the standing ones.
    order: Vec<usize>,
    /// Epochs by round and cell; 0: not run.
    runs: Vec<Vec<u32>>,
    repeats: Vec<Vec<u32>>,
    audits: Vec<bool>,
    drift: Option<(usize, u32)>,
}

impl<'w, 'c> Planner<'w, 'c> {
    /// With so many seconds to spend.
    pub(super) fn new(wanted: &'w Wanted<'c>, available: f64) -> Self {
        let (rounds, cells) = (wanted.seeds.len(), wanted.cells.len());
        let mut order: Vec<usize> = (0..cells).collect();
        let key = |place: usize| {
            let cell = &wanted.cells[place];
            (cell.is_control, cell.price.run(wanted.lengths.timing), cell.index)
        };
        order.sort_by(|&a, &b| {
            let ((a_control, a, a_index), (b_control, b, b_index)) = (key(a), key(b));
            a_control.cmp(&b_control).then(a.total_cmp(&b)).then(a_index.cmp(&b_index))
        });
        let nothing = || vec![vec![0; cells]; rounds];
        Self {
            wanted,
            left: available,
            spent: 0.0,
            must_run: wanted.must_run,
            order,
            runs: nothing(),
            repeats: nothing(),
            audits: vec![false; cells],
            drift: None,
        }
    }
}

impl Planner<'_, '_> {
    /// Grants what is wanted, the most wanted first.
    pub(super) fn plan(mut self) -> Plan {
        let rounds = self.wanted.seeds.len();
        // Without a second run nothing can be said of a cell's time.
        self.least_runs();
        // A control is there for its accuracy, of which one run tells; and one run says more than none.
        self.first_runs();
        self.repeats_of(0..rounds.min(LEAST_RUNS));
        // What is not audited may be anything, and without a run to the end nothing is known of
        // convergence: what there is room for is known of the same cells.
        for place in self.order.clone() {
            self.audit(place);
            self.one_whole_run(place);
        }
        self.drift();
        for round in 0..rounds {
            self.run_all(round);
            self.repeats_of(round..round + 1);
        }
        self.all_whole_runs();
        self.planned()
    }

    fn take(&mut self, seconds: f64) -> bool {
        let is_granted = seconds <= self.left || self.must_run;
        if is_granted {
            self.must_run = false;
            self.left -= seconds;
            self.spent += seconds;
        }
        is_granted
    }

    /// Seconds of a cell's run of so many epochs.
    fn price(&self, place: usize, epochs: u32) -> f64 {
        self.wanted.cells[place].price.run(epochs)
    }

    /// The rounds of which a cell has no run and gets none.
    fn free_rounds(&self, place: usize) -> Vec<usize> {
        let made = &self.wanted.cells[place].made;
        (0..self.runs.len()).filter(|&round| made[round].is_none() && self.runs[round][place] == 0).collect()
    }

    /// The rounds of which a cell has a run that ended well, or gets one.
    fn run_rounds(&self, place: usize) -> usize {
        (0..self.runs.len()).filter(|&round| self.epochs_of(round, place) > 0).count()
    }

    /// Epochs of a cell's run of a round, granted or made; 0 without one.
    fn epochs_of(&self, round: usize, place: usize) -> u32 {
        match self.runs[round][place] {
            0 => self.wanted.cells[place].made[round].unwrap_or_default(),
            epochs => epochs,
        }
    }

    /// Two runs of each cell but controls, or none. Where something must be run, the first of these
    /// comes alone.
    fn least_runs(&mut self) {
        let epochs = self.wanted.lengths.timing;
        if self.must_run {
            let lacks = |&place: &usize| Some((place, *self.free_rounds(place).first()?));
            if let Some((place, round)) = self.order.iter().find_map(lacks) {
                self.run(round, place);
            }
        }
        for place in self.order.clone() {
            let mut rounds = self.free_rounds(place);
            rounds.truncate(LEAST_RUNS.saturating_sub(self.run_rounds(place)));
            let is_wanted = !self.wanted.cells[place].is_control && !rounds.is_empty();
            if is_wanted && self.take(self.price(place, epochs) * rounds.len() as f64) {
                rounds.into_iter().for_each(|round| self.runs[round][place] = epochs);
            }
        }
    }

    /// A run of each cell that has none.
    fn first_runs(&mut self) {
        for place in self.order.clone() {
            if self.run_rounds(place) == 0
                && let Some(&round) = self.free_rounds(place).first()
            {
                self.run(round, place);
            }
        }
    }

    fn run_all(&mut self, round: usize) {
        for place in self.order.clone() {
            if self.free_rounds(place).contains(&round) {
                self.run(round, place);
            }
        }
    }

    fn run(&mut self, round: usize, place: usize) {
        let epochs = self.wanted.lengths.timing;
        if self.take(self.price(place, epochs)) {
            self.runs[round][place] = epochs;
        }
    }

    /// One cell of each device twice in these rounds, as long as its first run.
    fn repeats_of(&mut self, rounds: std::ops::Range<usize>) {
        for round in rounds {
            for place in self.repeated_in(round) {
                let epochs = self.epochs_of(round, place);
                if self.repeats[round][place] == 0 && self.take(self.price(place, epochs)) {
                    self.repeats[round][place] = epochs;
                }
            }
        }
    }

    /// The cells that are run twice in a round; no controls where there are others, which have more
    /// rounds.
    fn repeated_in(&self, round: usize) -> Vec<usize> {
        let cells = self.wanted.cells.iter().enumerate();
        let able = cells.filter(|(place, cell)| {
            self.wanted.lacks_repeat[round].contains(&cell.device) && self.epochs_of(round, *place) > 0
        });
        let able: Vec<&Standing<'_>> = able.map(|(_, cell)| cell).collect();
        let is_chosen = |cell: &&&Standing<'_>| {
            !cell.is_control || able.iter().all(|other| other.is_control || other.device != cell.device)
        };
        let candidates: Vec<Candidate<'_>> = able
            .iter()
            .filter(is_chosen)
            .map(|cell| Candidate {
                index: cell.index,
                device: cell.device,
                epoch_seconds: cell.price.epoch_seconds,
            })
            .collect();
        let chosen = repeats::choose(&candidates, self.wanted.run_twice);
        let place = |index: usize| self.wanted.cells.iter().position(|cell| cell.index == index);
        chosen.into_iter().filter_map(place).collect()
    }

    /// One run of a cell to the end.
    fn one_whole_run(&mut self, place: usize) {
        if !self.wanted.cells[place].lacks_whole {
            return;
        }
        let rounds = 0..self.runs.len();
        if let Some(round) = rounds.clone().find(|&round| self.runs[round][place] > 0) {
            self.lengthen(round, place);
        } else if let Some(round) = rounds.clone().find(|&round| self.epochs_of(round, place) > 0)
            && self.take(self.price(place, self.wanted.lengths.whole))
        {
            // All that it has are runs for time only, made before: one of them is made again.
            self.runs[round][place] = self.wanted.lengths.whole;
        }
    }

    /// Every run to the end.
    fn all_whole_runs(&mut self) {
        for round in 0..self.runs.len() {
            for place in self.order.clone() {
                if self.runs[round][place] > 0 {
                    self.lengthen(round, place);
                }
            }
        }
        let whole = self.wanted.lengths.whole;
        if let Some((place, epochs)) = self.drift
            && self.take(self.price(place, whole) - self.price(place, epochs))
        {
            self.drift = Some((place, whole));
        }
    }

    /// Makes a run one to the end, and its repetition too.
    fn lengthen(&mut self, round: usize, place: usize) {
        let whole = self.wanted.lengths.whole;
        let (run, repeat) = (self.runs[round][place], self.repeats[round][place]);
        let mut seconds = self.price(place, whole) - self.price(place, run);
        if repeat > 0 {
            seconds += self.price(place, whole) - self.price(place, repeat);
        }
        if self.take(seconds) {
            self.runs[round][place] = whole;
            self.repeats[round][place] = if repeat > 0 { whole } else { 0 };
        }
    }

    fn audit(&mut self, place: usize) {
        let cell = &self.wanted.cells[place];
        if cell.lacks_audit && self.run_rounds(place) > 0 {
            self.audits[place] = self.take(cell.price.audit_seconds);
        }
    }

    fn drift(&mut self) {
        let place = match self.wanted.drift {
            Drift::Unwanted => None,
            Drift::Of(index) => self.wanted.cells.iter().position(|cell| cell.index == index),
            Drift::OfFirst => self.first_place(),
        };
        let epochs = self.wanted.lengths.timing;
        self.drift = place.filter(|&place| self.take(self.price(place, epochs))).map(|place| (place, epochs));
    }

    /// The cell that will be run first.
    fn first_place(&self) -> Option<usize> {
        let first = self.rounds().next()?;
        let index = *plan::round(first.order(), self.wanted.seeds[first.number]).order.first()?;
        self.wanted.cells.iter().position(|cell| cell.index == index)
    }

    fn rounds(&self) -> impl Iterator<Item = PlannedRound> {
        let rounds = (0..self.runs.len()).map(|number| {
            let index = |place: usize| self.wanted.cells[place].index;
            let some = |epochs: &[u32]| {
                let places = (0..epochs.len()).filter(|&place| epochs[place] > 0);
                places.map(|place| (index(place), epochs[place])).collect::<Vec<_>>()
            };
            let left_out =
                (0..self.wanted.cells.len()).filter(|&place| self.free_rounds(place).contains(&number));
            PlannedRound {
                number,
                runs: some(&self.runs[number]),
                repeats: some(&self.repeats[number]),
                left_out: left_out.map(index).collect(),
            }
        });
        rounds.filter(|round| !round.runs.is_empty() || !round.repeats.is_empty())
    }

    fn planned(self) -> Plan {
        let cells = &self.wanted.cells;
        let audits = (0..cells.len()).filter(|&place| self.audits[place]).map(|place| cells[place].index);
        let plan = Plan {
            rounds: self.rounds().collect(),
            audits: audits.collect(),
            drift: self.drift.map(|(_, epochs)| epochs),
            seconds: self.spent,
            is_cut: false,
        };
        let lengths = self.wanted.lengths;
        let is_cut = cells.iter().any(|cell| {
            plan.runs_of(cell) < cell.made.len() || plan.lacks_whole(cell, lengths) || plan.lacks_audit(cell)
        });
        Plan { is_cut, ..plan }
    }
}
