//! The audit is tested, too: honest epochs pass, those that save work do not.

use trainmark_plugin::{
    Dataset, Error, Layer, OpenRequest, Outcome, ParameterSpec, RunningVariance, Session, Split,
};
use trainmark_reports::record::{CheckKind, CheckRecord};

use super::defects::Defect;
use super::float_session::FloatSession;
use super::optimisers::{ADAM, MOMENTUM, trained_by};
use super::patterns::Patterns;
use super::{small, subject};
use crate::conformance::{TimedEpoch, audit, starts};
use crate::parameters;
use crate::workload::{Workload, epoch_order, uniform_generator};

/// Epochs of so many samples are no checks of the gate.
const MANY: usize = 500;
const CONVENTION: RunningVariance = RunningVariance::UnbiasedFromOne;

/// What is done in a long epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cheat {
    None,
    LeftOutBatch,
    LeftOutBatches,
    ShortBatches,
    RepeatedBatch,
    TestSamples,
    InflatedCount,
    AnotherLoss,
    Unshuffled,
    CachedResult,
    StaleStatistics,
    /// Also in a long row of steps.
    IdleSteps,
    /// Likewise: from the fifth step on each descends the gradient of the batch before its own.
    StaleGradients,
}

/// A float32 network that cheats in long epochs. Where it is restless, no two of its steps from
/// the same parameters lead to the same ones, as where threads sum in any order.
struct Wayward<'d> {
    request: OpenRequest<'d>,
    session: Box<dyn Session + 'd>,
    /// The same network for the test samples.
    on_test: Box<dyn Session + 'd>,
    specs: Vec<ParameterSpec>,
    tests: u32,
    cheat: Cheat,
    restlessness: f32,
    /// Steps in its life, so that no two are alike.
    steps: u64,
    /// Steps since the parameters were set, and the batch of the last one.
    row: (u32, Vec<u32>),
    /// Outcome and parameters of the first long epoch.
    first: Option<(Outcome, Vec<Vec<f32>>)>,
}

impl<'d> Wayward<'d> {
    fn open(
        request: OpenRequest<'d>,
        cheat: Cheat,
        is_restless: bool,
    ) -> Result<Box<dyn Session + 'd>, Error> {
        let Dataset { test, .. } = request.dataset;
        let mut swapped = request.clone();
        swapped.dataset = Dataset::new(test, test);
        let specs = request.model.parameters()?;
        Ok(Box::new(Self {
            session: inner(&request)?,
            request,
            on_test: FloatSession::open(swapped, CONVENTION, Defect::None)?,
            specs,
            tests: test.count() as u32,
            cheat,
            restlessness: if is_restless { 5e-3 } else { 0.0 },
            steps: 0,
            row: (0, Vec::new()),
            first: None,
        }))
    }

    fn train(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        let mut order = order.to_vec();
        if self.cheat == Cheat::Unshuffled {
            order[MANY / 2..].sort_unstable();
        }
        let mut batches: Vec<Vec<u32>> = order.chunks(batch_size).map(<[u32]>::to_vec).collect();
        match self.cheat {
            Cheat::LeftOutBatch => drop(batches.remove(9)),
            Cheat::LeftOutBatches => {
                batches = batches.chunks(20).flat_map(|some| &some[1..]).cloned().collect()
            }
            Cheat::ShortBatches => batches.iter_mut().for_each(|batch| batch.truncate(batch_size * 15 / 16)),
            Cheat::RepeatedBatch => batches[9] = batches[8].clone(),
            _ => {}
        }
        let steps = batches.iter().map(|batch| Ok((self.train_step(batch)?, batch.len())));
        let Outcome { loss, correct, .. } = Outcome::of_steps(steps.collect::<Result<Vec<_>, Error>>()?);
        Ok(Outcome::new(
            loss,
            correct * order.len() as u64 / batches.iter().map(Vec::len).sum::<usize>() as u64,
        ))
    }

    /// Steps by the gradient of a batch, and reports what another comes to.
    fn step_on(&mut self, batch: &[u32], reported: &[u32], before: &[Vec<f32>]) -> Result<Outcome, Error> {
        let mut witness = inner(&self.request)?;
        parameters::set(&mut *witness, before)?;
        self.session.train_step(batch)?;
        witness.train_step(reported)
    }

    /// Keeps the running statistics out of an epoch that has begun with these.
    fn restore_statistics(&mut self, before: &[Vec<f32>]) -> Result<(), Error> {
        let mut values = parameters::get(&mut *self.session, &self.specs)?;
        let slots = (0..self.specs.len()).filter(|&slot| !self.specs[slot].role.is_trainable());
        slots.for_each(|slot| values[slot].clone_from(&before[slot]));
        parameters::set(&mut *self.session, &values)
    }

    fn train_on_test(&mut self, batch_size: usize) -> Result<(), Error> {
        let values = parameters::get(&mut *self.session, &self.specs)?;
        parameters::set(&mut *self.on_test, &values)?;
        self.on_test.train_epoch(&(0..self.tests).collect::<Vec<_>>(), batch_size)?;
        let values = parameters::get(&mut *self.on_test, &self.specs)?;
        parameters::set(&mut *self.session, &values)
    }
}

impl Session for Wayward<'_> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        // A fresh one, whose optimiser begins anew.
        self.session = inner(&self.request)?;
        self.row = (0, Vec::new());
        self.session.set_parameters(values)
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.session.get_parameters(values)
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        self.steps += 1;
        let before = parameters::get(&mut *self.session, &self.specs)?;
        self.row.0 += 1;
        let last = std::mem::replace(&mut self.row.1, batch.to_vec());
        let outcome = match self.cheat == Cheat::StaleGradients && self.row.0 > 4 {
            true => self.step_on(&last, batch, &before)?,
            false => self.session.train_step(batch)?,
        };
        let mut after = parameters::get(&mut *self.session, &self.specs)?;
        if self.cheat == Cheat::IdleSteps && self.steps.is_multiple_of(20) {
            after.clone_from(&before);
        }
        if self.restlessness > 0.0 {
            let mut random = uniform_generator("restlessness", self.steps, 0);
            let trained = self.specs.iter().zip(before.iter().zip(&mut after));
            for (before, after) in trained
                .filter(|(spec, _)| spec.role.is_trainable())
                .flat_map(|(_, (before, after))| before.iter().zip(after))
            {
                *after += self.restlessness * (*after - before) * random.next().expect("it has no end");
            }
        }
        parameters::set(&mut *self.session, &after)?;
        Ok(outcome)
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        if order.len() < MANY {
            return self.session.train_epoch(order, batch_size);
        }
        if let (Cheat::CachedResult, Some((outcome, values))) = (self.cheat, self.first.clone()) {
            return parameters::set(&mut *self.session, &values).map(|()| outcome);
        }
        let before = parameters::get(&mut *self.session, &self.specs)?;
        let mut outcome = self.train(order, batch_size)?;
        let loss_before = self.first.as_ref().map(|(first, _)| first.loss);
        let values = parameters::get(&mut *self.session, &self.specs)?;
        self.first.get_or_insert((outcome, values));
        match self.cheat {
            Cheat::TestSamples => self.train_on_test(batch_size)?,
            Cheat::StaleStatistics => self.restore_statistics(&before)?,
            Cheat::InflatedCount => outcome.correct += (order.len() as u64 - outcome.correct) / 20,
            Cheat::AnotherLoss => outcome.loss = loss_before.unwrap_or(outcome.loss),
            _ => {}
        }
        Ok(outcome)
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        self.session.predict(split, indices, batch_size, logits)
    }
}

/// What lies within: whoever is within gives parameters back changed, which shall not disturb an optimiser.
fn inner<'d>(request: &OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
    FloatSession::open(request.clone(), CONVENTION, Defect::StateKeptBySet)
}

/// The audit of the second of two epochs.
fn audited(patterns: &Patterns, cheat: Cheat, is_restless: bool) -> Vec<CheckRecord> {
    audited_of(small(), patterns, cheat, is_restless)
}

/// The same of a workload.
fn audited_of(
    mut workload: Workload,
    patterns: &Patterns,
    cheat: Cheat,
    is_restless: bool,
) -> Vec<CheckRecord> {
    workload.tolerances.audit = 0.3;
    let subject = subject(workload, patterns, CONVENTION);
    let mut opened = 0;
    let mut open = |request| {
        opened += 1;
        let session = Wayward::open(request, cheat, is_restless)?;
        Ok(session)
    };
    let count = patterns.dataset().train.count() as u32;
    let mut session = open(subject.request(subject.workload.learning_rate)).unwrap();
    parameters::set(&mut *session, &starts::initial(&subject).unwrap()).unwrap();
    let mut train = |number| {
        let start = parameters::get(&mut *session, &subject.specs().unwrap()).unwrap();
        let order = epoch_order(count, subject.seed, number);
        let outcome = session.train_epoch(&order, subject.workload.batch_size).unwrap();
        (start, outcome, parameters::get(&mut *session, &subject.specs().unwrap()).unwrap())
    };
    train(1);
    let (start, outcome, end) = train(2);
    let timed = TimedEpoch { number: 2, start: &start, end: &end, outcome };
    let held = [0, 17, 40];
    audit(&subject, timed, &held, &mut open, &mut |_| {}).unwrap()
}

fn failed(checks: &[CheckRecord]) -> Vec<String> {
    checks.iter().filter(|check| !check.passed).map(super::super::line).collect()
}

const CHEATS: [Cheat; 10] = [
    Cheat::LeftOutBatch,
    Cheat::LeftOutBatches,
    Cheat::ShortBatches,
    Cheat::RepeatedBatch,
    Cheat::TestSamples,
    Cheat::InflatedCount,
    Cheat::AnotherLoss,
    Cheat::Unshuffled,
    Cheat::CachedResult,
    Cheat::StaleStatistics,
];

#[test]
fn an_honest_epoch_passes_and_every_cheat_fails() {
    let patterns = Patterns::new(12, 1600, 320);
    let honest = audited(&patterns, Cheat::None, false);
    assert_eq!(failed(&honest), [""; 0]);
    let steps = "steps 1, 18, 41; ";
    assert!(honest[0].detail.starts_with(steps), "{}", honest[0].detail);
    for cheat in CHEATS {
        assert!(!failed(&audited(&patterns, cheat, false)).is_empty(), "{cheat:?}");
    }
}

#[test]
fn where_no_two_epochs_are_alike_a_small_learning_rate_tells_rounding_from_cheats() {
    let patterns = Patterns::new(12, 1600, 320);
    let honest = audited(&patterns, Cheat::None, true);
    assert_eq!(failed(&honest), [""; 0]);
    let is_calm = |check: &&CheckRecord| check.kind == Some(CheckKind::CalmEpoch);
    assert_eq!(honest.iter().filter(is_calm).count(), 4, "it was not reproduced");
    let mut in_calm_alone = Vec::new();
    for cheat in CHEATS {
        let checks = audited(&patterns, cheat, true);
        assert!(!failed(&checks).is_empty(), "{cheat:?}");
        if checks.iter().filter(|check| !check.passed).all(|check| is_calm(&check)) {
            in_calm_alone.push(cheat);
        }
    }
    assert!(in_calm_alone.contains(&Cheat::RepeatedBatch), "{in_calm_alone:?}");
}

#[test]
fn a_workload_says_how_far_off_the_loss_may_be_where_rounding_is_carried_on() {
    let patterns = Patterns::new(12, 1600, 320);
    let mut workload = small();
    workload.tolerances.audit_loss = 0.2;
    let limits = |is_restless| {
        let checks = audited_of(workload.clone(), &patterns, Cheat::None, is_restless);
        ["audit: loss", "audit: correct, of all samples"]
            .map(|name| checks.iter().find(|check| check.name == name).and_then(|check| check.limit).unwrap())
    };
    assert_eq!(limits(true), [0.2, 0.12]);
    assert_eq!(limits(false), [1e-4, 5e-4], "what its steps make of it says nothing of rounding");
}

/// Its random choices cannot be made again; an epoch without any can.
#[test]
fn a_workload_with_dropout_is_audited_without_dropping() {
    let patterns = Patterns::new(12, 1600, 320);
    let mut workload = small();
    workload.model.layers.insert(8, Layer::Dropout { rate: 0.25 });
    let failed_of = |cheat| failed(&audited_of(workload.clone(), &patterns, cheat, false));
    assert_eq!(failed_of(Cheat::None), [""; 0]);
    for cheat in [Cheat::LeftOutBatches, Cheat::InflatedCount, Cheat::StaleStatistics] {
        assert!(!failed_of(cheat).is_empty(), "{cheat:?}");
    }
}

/// Its state begins with the run, so that the steps do, too.
#[test]
fn a_workload_whose_optimiser_has_state_is_audited_from_its_initial_values() {
    let patterns = Patterns::new(12, 1600, 320);
    for words in [MOMENTUM, ADAM] {
        let failed_of = |cheat| failed(&audited_of(trained_by(words, small()), &patterns, cheat, false));
        assert_eq!(failed_of(Cheat::None), [""; 0], "{words}");
        for cheat in CHEATS {
            assert!(!failed_of(cheat).is_empty(), "{words}, {cheat:?}");
        }
    }
    let honest = audited_of(trained_by(ADAM, small()), &patterns, Cheat::None, false);
    let parameters = honest.iter().find(|check| check.name == "audit: parameters").unwrap();
    assert_eq!(parameters.measured, Some(0.0), "it was not reproduced");
}

/// In its steps as in its epochs: only the gradients of steps in a row tell.
#[test]
fn gradients_of_another_batch_are_noticed_in_a_long_row_of_steps() {
    let patterns = Patterns::new(12, 1600, 320);
    for (words, name) in [
        ("sgd", "audit, some steps: gradients"),
        (MOMENTUM, "audit, some steps: gradients"),
        (ADAM, "audit, some steps: directions"),
    ] {
        let mut workload = trained_by(words, small());
        workload.model.layers.retain(|layer| !matches!(layer, Layer::BatchNorm { .. }));
        let of = |cheat| failed(&audited_of(workload.clone(), &patterns, cheat, false));
        assert_eq!(of(Cheat::None), [""; 0], "{words}");
        let found = of(Cheat::StaleGradients);
        assert!(found.iter().any(|line| line.contains(name)), "{words}: {found:?}");
    }
}

#[test]
fn where_nobody_repeats_a_training_a_small_learning_rate_tells_with_state_as_well() {
    let patterns = Patterns::new(12, 1600, 320);
    for words in [MOMENTUM, ADAM] {
        let failed_of = |cheat| failed(&audited_of(trained_by(words, small()), &patterns, cheat, true));
        assert_eq!(failed_of(Cheat::None), [""; 0], "{words}");
        for cheat in CHEATS {
            assert!(!failed_of(cheat).is_empty(), "{words}, {cheat:?}");
        }
    }
}

#[test]
fn a_step_that_changes_nothing_is_noticed() {
    let patterns = Patterns::new(12, 1600, 320);
    let failed = failed(&audited(&patterns, Cheat::IdleSteps, false));
    assert!(
        failed[0].contains("2 of 50 steps changed nothing; the reference's step 20 changes something"),
        "{failed:?}"
    );
}
