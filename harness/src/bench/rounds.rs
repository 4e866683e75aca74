//! The gate for every cell, then round after round over those that passed.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use anyhow::bail;
use trainmark_reports::Record;
use trainmark_reports::paired::{BuildPair, build_pairs};
use trainmark_reports::record::{Cell, Event, Outcome, Purpose, RunOutcome};
use trainmark_reports::summary::{group, summarize};

use super::budget::{Drift, Lengths, PlannedRound, Standing, Wanted};
use super::contender::Contender;
use super::event::Happening;
use super::gate::{Gate, Log};
use super::history::History;
use super::prepare::ReadyCell;
use super::run::{self, Asked, Bench};
use crate::failure::Failure;
use crate::interrupt::Interrupted;
use crate::plan;
use crate::units;

/// Share of the budget that is kept back as long as only the gate's times are known.
const KEPT_BACK: f64 = 0.1;
/// Rounds that are made at the least before two builds are said to differ. From there on each round is followed
/// by a look: by simulation 2% of comparisons of one build with itself end with a verdict.
const LEAST_LOOK: usize = 3;

impl Bench<'_> {
    /// Runs every cell that `earlier` does not hold yet.
    ///
    /// # Errors
    /// Where the records cannot be written, or no job can be started.
    pub(super) fn run_cells(&mut self, earlier: Option<&Record>) -> anyhow::Result<Outcome> {
        let history = History::new(self.schedule, earlier);
        match self.run_and_audit(&history) {
            Err(error) if error.is::<Interrupted>() => Ok(Outcome::Interrupted),
            outcome => outcome,
        }
    }
}

impl<'b> Bench<'b> {
    fn run_and_audit(&mut self, history: &History<'_>) -> anyhow::Result<Outcome> {
        let contenders = self.pass_gate(history)?;
        let passed: Vec<&Cell> = contenders.iter().map(|one| &one.ready.cell).collect();
        // What the gate stops now says nothing of what was trained before.
        let is_stopped = |one: &&ReadyCell| !history.is_complete(&one.cell) && !passed.contains(&&one.cell);
        let auditable: Vec<&ReadyCell> = self.ready.cells.iter().filter(|one| !is_stopped(one)).collect();
        let ended = match contenders.is_empty() {
            true => Ended { outcome: Outcome::Complete, unaudited: Vec::new() },
            false => Rounds::new(self, *history, contenders).run()?,
        };
        let audited = auditable.into_iter().filter(|one| !ended.unaudited.contains(&one.cell));
        if self.schedule.audits() {
            self.audit_cells(history, &audited.collect::<Vec<_>>())?;
        }
        Ok(ended.outcome)
    }

    /// Passes every cell through the gate of which something is left to run. Returns those that
    /// may be timed.
    fn pass_gate(&mut self, history: &History<'_>) -> anyhow::Result<Vec<Contender<'b>>> {
        let ready = self.ready;
        let mut contenders = Vec::new();
        let mut gate = Gate::new(&ready.dataset, self.runner).going_on(&ready.early);
        for (cell, conformance) in history.verdicts() {
            gate.remember(cell, conformance);
        }
        let pending: Vec<&ReadyCell> =
            ready.cells.iter().filter(|one| !history.is_complete(&one.cell)).collect();
        let (schedule, folder) = (self.schedule, self.folder.clone());
        let log_of = |one: &ReadyCell| folder.join(run::check_log_name(schedule, one));
        gate.check_together(pending.iter().copied(), |one| Ok(Log::At(log_of(one))), self.sink)?;
        self.runner.interrupt().check()?;
        for one in pending {
            let workload = &*one.workload;
            let verdict = gate.pass(one, &log_of(one), self.sink)?;
            if verdict.failure.as_ref().is_some_and(Failure::is_interruption) {
                bail!(Interrupted);
            }
            if let Some(job) = self.job {
                job.note(one, &verdict, run::check_log_name(schedule, one))?;
            }
            if verdict.conformance.passed {
                let index = history.plan_index(&one.cell, &ready.cells);
                let rounds = self.schedule.seeds().len();
                let mut contender = Contender::new(one, workload, verdict, index, rounds);
                let beside = self.job.map_or(0, |job| job.rounds_beside);
                contender.well_ended = history.well_ended(&one.cell) + beside;
                contender.has_whole = history.has_whole(&one.cell);
                contender.made = history.made(&one.cell);
                contenders.push(contender);
            } else if let Some(seed) = history.pending_seed(&one.cell) {
                // A run that has ended well before stays what it was.
                self.stopped(one, workload, seed, verdict)?;
            }
        }
        Ok(contenders)
    }
}

/// The rounds of a benchmark, as they go on.
struct Rounds<'r, 'b> {
    bench: &'r mut Bench<'b>,
    history: History<'r>,
    contenders: Vec<Contender<'b>>,
    seeds: Vec<u64>,
    /// Cells that were run twice in a round, by their places in the plan, the latest first.
    run_twice: Vec<usize>,
    /// Device and round of those that this process has run twice, or tried to.
    repeated: HashSet<(String, usize)>,
    /// Place and seed of the first run that ended well, if it can be made once more.
    first: Option<(usize, u64)>,
    /// Whether the first run was one that cannot be made once more now.
    is_over: bool,
    start: Instant,
}

/// How the rounds of a benchmark have ended.
struct Ended {
    outcome: Outcome,
    /// The cells that the budget has no room to audit.
    unaudited: Vec<Cell>,
}

impl<'r, 'b> Rounds<'r, 'b> {
    fn new(bench: &'r mut Bench<'b>, history: History<'r>, contenders: Vec<Contender<'b>>) -> Self {
        let (start, seeds) = (bench.runner.clock(), bench.schedule.seeds());
        let (run_twice, repeated, first, is_over) = (Vec::new(), HashSet::new(), None, false);
        let mut rounds =
            Self { bench, history, contenders, seeds, run_twice, repeated, first, is_over, start };
        rounds.run_twice = history.run_twice().into_iter().filter_map(|cell| rounds.index_of(cell)).collect();
        if let Some((cell, seed)) = history.first_run() {
            rounds.first = rounds.index_of(cell).map(|index| (index, seed));
            rounds.is_over = rounds.first.is_none();
        }
        rounds
    }

    fn index_of(&self, cell: &Cell) -> Option<usize> {
        self.contenders.iter().find(|one| one.ready.cell == *cell).map(|one| one.index)
    }

    fn run(mut self) -> anyhow::Result<Ended> {
        self.announce()?;
        let (mut is_first, mut outcome) = (true, Outcome::Complete);
        let last = loop {
            let plan = self.wanted().plan(self.available());
            let Some(round) = plan.rounds.first().cloned() else { break plan };
            if self.is_decided()? {
                outcome = Outcome::Decided;
                break plan;
            }
            if !is_first {
                let (runs, seconds) = (plan.runs(), plan.seconds);
                self.bench.sink.hear(Happening::Replanned { runs, seconds })?;
            }
            is_first = false;
            self.run_round(round)?;
        };
        if let (Some(epochs), Some((index, seed))) = (last.drift, self.drifting()) {
            self.run_one(index, Asked { seed, purpose: Purpose::Drift, epochs })?;
        }
        self.tell_left_out()?;
        let able = self.contenders.iter().filter(|one| self.lacks_audit(one));
        let unaudited = able.filter(|one| !last.audits.contains(&one.index));
        let unaudited = unaudited.map(|one| one.ready.cell.clone()).collect();
        if outcome == Outcome::Complete && last.is_cut {
            outcome = Outcome::Budget;
        }
        Ok(Ended { outcome, unaudited })
    }

    /// Whether a difference is shown between each two builds, so that further rounds tell nothing new.
    fn is_decided(&mut self) -> anyhow::Result<bool> {
        if !self.bench.schedule.until_decided {
            return Ok(false);
        }
        let record = Record::read(&self.bench.folder)?;
        let groups = group(summarize(&record));
        let pairs = build_pairs(&record, &groups);
        let made = |pair: &BuildPair<'_>| pair.seconds.map_or(0, |seconds| seconds.seeds);
        let is_decided = |pair: &BuildPair<'_>| pair.is_decided() && made(pair) >= LEAST_LOOK;
        if pairs.is_empty() || !pairs.iter().all(is_decided) {
            return Ok(false);
        }
        let rounds = units::count(pairs.iter().map(made).max().unwrap_or(0), "round");
        self.bench
            .sink
            .hear(Happening::Note(&format!("decided after {rounds}: no further ones are made")))?;
        Ok(true)
    }

    /// Seconds of the budget, if there is one.
    fn budget(&self) -> Option<f64> {
        self.bench.schedule.budget.map(|budget| budget.as_secs_f64())
    }

    /// What is left of it to plan with. Of one that is planned with the gate's times alone a part
    /// is kept back, since they may be wrong.
    fn available(&self) -> f64 {
        let Some(budget) = self.budget() else { return f64::INFINITY };
        let spent = (self.bench.runner.clock() - self.start).as_secs_f64();
        (budget - spent) * if self.is_known() { 1.0 } else { 1.0 - KEPT_BACK }
    }

    /// How many times as long epochs took as the gate thought: so it may be with those of cells
    /// that have not run yet.
    fn pace(&self) -> f64 {
        let known = || self.contenders.iter().filter(|one| one.is_known());
        let thought: f64 = known().map(|one| one.verdict.estimate.epoch_seconds).sum();
        let took: f64 = known().map(|one| one.price(1.0).epoch_seconds).sum();
        if thought > 0.0 { took / thought } else { 1.0 }
    }

    /// Whether a run has shown what one takes.
    fn is_known(&self) -> bool {
        self.contenders.iter().any(Contender::is_known)
    }

    fn lengths(&self) -> Lengths {
        Lengths::new(self.bench.schedule.epochs)
    }

    /// All that is left to do.
    fn wanted(&self) -> Wanted<'_> {
        let able = self.contenders.iter().filter(|one| !one.is_out());
        let cells: Vec<Standing<'_>> = able.map(|one| self.standing(one)).collect();
        let mut devices: Vec<&str> = cells.iter().map(|cell| cell.device).collect();
        devices.sort_unstable();
        devices.dedup();
        let lacks_repeat = self.seeds.iter().enumerate().map(|(round, &seed)| {
            let lacks = |device: &&str| {
                self.history.lacks_repeat(device, seed)
                    && !self.repeated.contains(&((*device).to_owned(), round))
            };
            devices.iter().copied().filter(lacks).collect()
        });
        let drift = match self.drifting() {
            Some((index, _)) => Drift::Of(index),
            None if self.bench.schedule.drifts() && self.first.is_none() && !self.is_over => Drift::OfFirst,
            None => Drift::Unwanted,
        };
        Wanted {
            lengths: self.lengths(),
            seeds: &self.seeds,
            lacks_repeat: lacks_repeat.collect(),
            run_twice: &self.run_twice,
            drift,
            must_run: !self.is_known(),
            cells,
        }
    }

    fn standing<'s>(&'s self, one: &'s Contender<'b>) -> Standing<'s> {
        let name = &*one.workload.name;
        Standing {
            index: one.index,
            device: &one.ready.cell.device,
            is_control: self.bench.ready.workloads.iter().any(|other| other.control.as_deref() == Some(name)),
            price: one.price(self.pace()).with_audit_of(self.lengths().whole, one.workload.optimiser),
            made: one.made.clone(),
            lacks_whole: !one.has_whole,
            lacks_audit: self.lacks_audit(one),
        }
    }

    /// Whether a run of a cell is to be audited.
    fn lacks_audit(&self, one: &Contender<'_>) -> bool {
        self.bench.schedule.audits() && !self.history.is_audited(&one.ready.cell)
    }

    /// Says how much there is to do, and how much of it the budget has room for.
    fn announce(&mut self) -> anyhow::Result<()> {
        let (lengths, wanted) = (self.lengths(), self.wanted());
        let plan = wanted.plan(self.budget().unwrap_or(f64::INFINITY));
        let words = self.budget().map(|budget| wanted.words(&plan, budget));
        let happening = Happening::Planned {
            runs: plan.runs(),
            epochs: lengths.whole,
            timing: plan.timing_runs(lengths),
            timing_epochs: lengths.timing,
            audits: plan.audits.len(),
            seconds: plan.seconds,
        };
        self.bench.sink.hear(happening)?;
        words.map_or(Ok(()), |words| self.bench.sink.hear(Happening::Note(&words)))
    }

    fn run_round(&mut self, planned: PlannedRound) -> anyhow::Result<()> {
        let seed = self.seeds[planned.number];
        let timing = planned.timing(self.lengths());
        let mut round = plan::round(planned.order(), seed);
        (round.left_out, round.timing) = (planned.left_out.clone(), timing);
        round.node = self.bench.job.map(|job| Box::new(job.node.clone()));
        self.bench.record(&Event::Round(round.clone()))?;
        let mut runs: HashMap<usize, u32> = planned.runs.iter().copied().collect();
        let repeats: HashMap<usize, u32> = planned.repeats.iter().copied().collect();
        for index in round.order {
            match (runs.remove(&index), repeats.get(&index)) {
                (Some(epochs), _) => {
                    let epochs = epochs.min(self.affordable(planned.number, index));
                    let is_timing = epochs < self.lengths().whole;
                    let purpose = if is_timing { Purpose::Timing } else { Purpose::Sample };
                    self.run_one(index, Asked { seed, purpose, epochs })?;
                }
                (None, Some(&epochs)) => {
                    let of_run = self.made(index, planned.number).unwrap_or(epochs);
                    self.repeat(index, planned.number, epochs.min(of_run.max(1)))?;
                }
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Epochs of a cell's run of a round, if one was made.
    fn made(&self, index: usize, round: usize) -> Option<u32> {
        self.contenders.iter().find(|one| one.index == index)?.made[round]
    }

    /// Epochs of a run of a round that has begun, if all was planned now: where runs took longer than
    /// was thought, those to come are for time only, so that there is time for a second one.
    fn affordable(&self, round: usize, index: usize) -> u32 {
        let plan = self.wanted().plan(self.available());
        let mut rounds = plan.rounds.iter().filter(|planned| planned.number == round);
        let run = rounds.find_map(|planned| planned.runs.iter().find(|run| run.0 == index));
        run.map_or(self.lengths().timing, |run| run.1)
    }

    fn repeat(&mut self, index: usize, round: usize, epochs: u32) -> anyhow::Result<()> {
        if let Some(one) = self.contenders.iter().find(|one| one.index == index) {
            self.repeated.insert((one.ready.cell.device.to_string(), round));
        }
        if !self.run_twice.contains(&index) {
            self.run_twice.push(index);
        }
        self.run_one(index, Asked { seed: self.seeds[round], purpose: Purpose::Repeat, epochs })
    }

    /// The cell and seed of the first run, if it is to be made once more.
    fn drifting(&self) -> Option<(usize, u64)> {
        let (index, seed) = self.first.filter(|_| self.bench.schedule.drifts())?;
        let one = self.contenders.iter().find(|one| one.index == index && !one.is_out())?;
        (!self.history.is_done(&one.ready.cell, seed, Purpose::Drift)).then_some((index, seed))
    }

    fn run_one(&mut self, index: usize, asked: Asked) -> anyhow::Result<()> {
        let Some(one) = self.contenders.iter_mut().find(|one| one.index == index) else { return Ok(()) };
        let Asked { seed, purpose, .. } = asked;
        let is_again = matches!(purpose, Purpose::Repeat | Purpose::Drift);
        if is_again && one.has_stumbled() {
            return Ok(());
        }
        let start = self.bench.runner.clock();
        let run = self.bench.run(one, asked)?;
        let seconds = (self.bench.runner.clock() - start).as_secs_f64();
        self.bench.sink.hear(Happening::Pause)?;
        let round = self.seeds.iter().position(|other| *other == seed).unwrap_or_default();
        if let Some(note) = one.ended(round, &run, seconds) {
            self.bench.sink.hear(Happening::Note(&note))?;
        }
        if run.is_ok() && !self.is_over {
            self.first.get_or_insert((index, seed));
        }
        if run.end.outcome == RunOutcome::Interrupted {
            bail!(Interrupted);
        }
        Ok(self.bench.runner.interrupt().check()?)
    }

    /// Tells of the cells that the budget had no room for at all.
    fn tell_left_out(&mut self) -> anyhow::Result<()> {
        let (lengths, budget) = (self.lengths(), self.budget().unwrap_or_default());
        for one in self.contenders.iter().filter(|one| one.is_untried()) {
            let reason = format!(
                "the time budget of {} (--budget) had no room for it: a run of {} takes about {}",
                units::seconds(budget),
                units::count(lengths.timing as usize, "epoch"),
                units::seconds(one.price(self.pace()).run(lengths.timing))
            );
            self.bench.left_out(one, self.seeds.first().copied().unwrap_or(1), reason)?;
        }
        Ok(())
    }
}
