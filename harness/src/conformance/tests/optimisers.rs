//! What a right optimiser passes, and one with each mistake does not.

use trainmark_plugin::{Optimiser, ParameterSpec, Role, RunningVariance};

use super::defects::Defect;
use super::patterns::Patterns;
use super::{gate, lenet, lenet_bn, render, small};
use crate::workload::{Workload, parse_optimiser};

/// The formulas once more, with a mistake where one is asked for.
pub(super) struct FloatOptimiser {
    optimiser: Optimiser,
    defect: Defect,
    steps: i32,
    state: Vec<Vec<[f64; 2]>>,
}

impl FloatOptimiser {
    pub(super) fn new(optimiser: Optimiser, defect: Defect, specs: &[ParameterSpec]) -> Self {
        let state = specs.iter().map(|spec| vec![[0.0; 2]; spec.len()]).collect();
        Self { optimiser, defect, steps: 0, state }
    }

    pub(super) fn reset(&mut self) {
        self.steps = 0;
        self.state.iter_mut().flatten().for_each(|state| *state = [0.0; 2]);
    }

    pub(super) fn begin_step(&mut self) {
        if self.defect == Defect::StateLostByStep {
            self.reset();
        }
        self.steps += 1;
    }

    /// By how much a value of a tensor changes.
    pub(super) fn change(&mut self, slot: usize, place: usize, role: Role, rate: f64, w: f64, g: f64) -> f64 {
        let decay = self.optimiser.weight_decay();
        let is_decoupled = self.defect == Defect::DecayDecoupled;
        let decayed = if is_decoupled { g } else { g + decay * w };
        let t = self.steps;
        let [m, v] = &mut self.state[slot][place];
        if self.defect == Defect::StateOfBiasesMissing && role == Role::Bias {
            [*m, *v] = [0.0; 2];
        }
        let way = match self.optimiser {
            Optimiser::Sgd => decayed,
            Optimiser::Momentum { momentum, .. } => {
                let is_dampened = self.defect == Defect::MomentumDampened && t > 1;
                *m = momentum * *m + if is_dampened { (1.0 - momentum) * decayed } else { decayed };
                if self.defect == Defect::MomentumNesterov { decayed + momentum * *m } else { *m }
            }
            Optimiser::Adam { beta1, beta2, epsilon, .. } => {
                *m = beta1 * *m + (1.0 - beta1) * decayed;
                *v = beta2 * *v + (1.0 - beta2) * decayed * decayed;
                let corrected = match self.defect {
                    Defect::BiasUncorrected => [*m, *v],
                    _ => [*m / (1.0 - beta1.powi(t)), *v / (1.0 - beta2.powi(t))],
                };
                match self.defect {
                    Defect::EpsilonInRoot => corrected[0] / (corrected[1] + epsilon).sqrt(),
                    _ => corrected[0] / (corrected[1].sqrt() + epsilon),
                }
            }
        };
        -rate * (way + if is_decoupled { decay * w } else { 0.0 })
    }
}

pub(super) const ADAM: &str = "adam";
const ADAM_DECAYED: &str = "adam weight decay 5e-4";
pub(super) const MOMENTUM: &str = "momentum 0.9, weight decay 5e-4";

pub(super) fn trained_by(words: &str, workload: Workload) -> Workload {
    let learning_rate = if words.starts_with(ADAM) { 1e-3 } else { 0.1 * workload.learning_rate };
    Workload { optimiser: parse_optimiser(words).unwrap(), learning_rate, ..workload }
}

#[test]
fn a_right_optimiser_passes_with_batch_norm_and_without() {
    let (little, large) = (Patterns::new(12, 300, 80), Patterns::new(28, 700, 10));
    for (words, workload, patterns) in [
        (ADAM, small(), &little),
        (ADAM_DECAYED, small(), &little),
        (MOMENTUM, small(), &little),
        ("momentum 0", small(), &little),
        (ADAM, lenet_bn(), &large),
        (MOMENTUM, lenet(), &large),
    ] {
        let workload = trained_by(words, workload);
        let conformance = gate(workload, patterns, RunningVariance::UnbiasedFromOne, Defect::None);
        assert!(conformance.passed, "{words}\n{}", render(&conformance));
        let names = conformance.checks.iter().map(|check| check.name.as_str());
        assert_eq!(names.filter(|name| *name == "five steps: parameters").count(), 1);
    }
}

#[test]
fn every_mistake_of_an_optimiser_is_noticed() {
    let patterns = Patterns::new(12, 300, 80);
    let (gradients, after) = ("train_step batch 32: gradients", "train_step batch 12: gradients");
    let (five, epoch) = ("five steps: parameters", "train_epoch: parameters");
    for (words, defect, name) in [
        (ADAM, Defect::BiasUncorrected, gradients),
        (ADAM, Defect::EpsilonInRoot, gradients),
        (ADAM_DECAYED, Defect::DecayDecoupled, gradients),
        (MOMENTUM, Defect::MomentumNesterov, gradients),
        (MOMENTUM, Defect::WeightDecay, gradients),
        (MOMENTUM, Defect::MomentumDampened, five),
        (MOMENTUM, Defect::StateKeptBySet, after),
        (ADAM, Defect::StateKeptBySet, after),
        (MOMENTUM, Defect::StateLostByStep, five),
        (ADAM, Defect::StateLostByStep, five),
        (MOMENTUM, Defect::StateOfBiasesMissing, five),
        (ADAM, Defect::StateOfBiasesMissing, five),
        (MOMENTUM, Defect::StateLostByEpoch, epoch),
        (ADAM, Defect::StateLostByEpoch, epoch),
        (MOMENTUM, Defect::StateLostByPrediction, epoch),
        (ADAM, Defect::StateLostByPrediction, epoch),
        (ADAM, Defect::TrainsByPlainSgd, gradients),
        (MOMENTUM, Defect::TrainsByPlainSgd, five),
    ] {
        let workload = trained_by(words, small());
        let conformance = gate(workload, &patterns, RunningVariance::UnbiasedFromOne, defect);
        let failed = conformance.checks.iter().any(|check| check.name == name && !check.passed);
        assert!(failed, "{words}, {defect:?}\n{}", render(&conformance));
    }
}

/// Seen through Adam, a gradient's own mistakes are seen as well.
#[test]
fn a_wrong_gradient_is_noticed_through_adam() {
    let patterns = Patterns::new(12, 300, 80);
    let wrong = [
        Defect::PoolGradientQuartered,
        Defect::TieGradientToAll,
        Defect::StatisticsDetached,
        Defect::LearningRateOffByAHundredth,
        Defect::LossSummed,
        Defect::OutputBiasFrozen,
    ];
    for defect in wrong {
        let workload = trained_by(ADAM, small());
        let conformance = gate(workload, &patterns, RunningVariance::UnbiasedFromOne, defect);
        let is_of_gradients = |name: &str| name.starts_with("train_step") && name.ends_with("gradients");
        let mut checks = conformance.checks.iter();
        assert!(
            checks.any(|check| is_of_gradients(&check.name) && !check.passed),
            "{defect:?}\n{}",
            render(&conformance)
        );
    }
}
