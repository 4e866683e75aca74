//! What steps make of gradients that have bounds; the formulas stand at [`Optimiser`].

use trainmark_plugin::{Optimiser, ParameterSpec, Role};

use super::network::{Bounded, BoundedStep};
use super::{SMALLEST, UNIT, rounded};

/// An optimiser with its state, which begins at zero, and how far float32 may lie from each value of it.
#[derive(Debug, Clone)]
pub struct BoundedUpdates {
    optimiser: Optimiser,
    learning_rate: f64,
    /// Steps taken.
    steps: i32,
    /// Per tensor: the velocity, or the mean of the gradients.
    first: Vec<Vec<Near>>,
    /// The mean of the gradients' squares.
    second: Vec<Vec<Near>>,
}

/// A value of the reference, and how far float32 may lie from it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Near {
    value: f64,
    error: f64,
}

impl BoundedUpdates {
    /// One that has taken no step.
    pub fn new(optimiser: Optimiser, learning_rate: f64) -> Self {
        Self { optimiser, learning_rate, steps: 0, first: Vec::new(), second: Vec::new() }
    }

    /// Every parameter tensor after a step from `before`, of which this is the pass. Of running
    /// statistics that is what the pass has made of them.
    pub fn after(
        &mut self,
        specs: &[ParameterSpec],
        before: &[Vec<f64>],
        pass: &BoundedStep,
    ) -> Vec<Bounded> {
        if self.steps == 0 {
            let zeros = || before.iter().map(|tensor| vec![Near::default(); tensor.len()]).collect();
            (self.first, self.second) = (zeros(), zeros());
        }
        self.steps += 1;
        let slots = specs.iter().zip(before.iter().zip(&pass.tensors)).enumerate();
        slots
            .map(|(slot, (spec, (before, gradient)))| match spec.role {
                Role::RunningMean | Role::RunningVariance => gradient.clone(),
                _ => self.stepped(slot, before, gradient),
            })
            .collect()
    }

    /// The tensor in this slot after the step.
    fn stepped(&mut self, slot: usize, before: &[f64], gradient: &Bounded) -> Bounded {
        let (optimiser, rate, steps) = (self.optimiser, self.learning_rate, self.steps);
        let state = self.first[slot].iter_mut().zip(&mut self.second[slot]);
        let gradients = gradient.values.iter().zip(&gradient.errors);
        let (values, errors) = before
            .iter()
            .zip(gradients.zip(state))
            .map(|(&before, ((&value, &error), (first, second)))| {
                let gradient = Near { value, error }.decayed(optimiser.weight_decay(), before);
                let way = way(optimiser, steps, gradient, first, second);
                let after = before - rate * way.value;
                let rounding = rounded(1, before.abs() + after.abs() + 2.0 * rate * way.largest());
                (after, rate * way.error + rounding)
            })
            .unzip();
        Bounded { values, errors }
    }
}

/// What the rate is multiplied by, for a gradient that the decay has been added to.
fn way(optimiser: Optimiser, steps: i32, gradient: Near, first: &mut Near, second: &mut Near) -> Near {
    match optimiser {
        Optimiser::Sgd => gradient,
        // Nothing is rounded where the velocity is zero.
        Optimiser::Momentum { .. } if steps == 1 => {
            *first = gradient;
            gradient
        }
        Optimiser::Momentum { momentum, .. } => {
            *first = first.times(momentum).plus(gradient).with_roundings(2.0);
            *first
        }
        Optimiser::Adam { beta1, beta2, epsilon, .. } => {
            *first = first.mean(beta1, gradient);
            *second = second.mean(beta2, gradient.squared());
            let (mean, square) = (first.corrected(beta1, steps), second.corrected(beta2, steps));
            mean.over_root(square, epsilon, longest(beta1, beta2, steps))
        }
    }
}

/// The most that Adam's mean can be over the root of its mean square, whatever the gradients were, by
/// Cauchy's and Schwarz's inequality.
fn longest(beta1: f64, beta2: f64, steps: i32) -> f64 {
    let weight = |beta: f64, ago: i32| (1.0 - beta) * beta.powi(ago) / (1.0 - beta.powi(steps));
    (0..steps).map(|ago| weight(beta1, ago).powi(2) / weight(beta2, ago)).sum::<f64>().sqrt()
}

impl Near {
    /// The most that it can be in magnitude.
    fn largest(self) -> f64 {
        self.value.abs() + self.error
    }

    fn times(self, factor: f64) -> Self {
        Self { value: factor * self.value, error: factor * self.error }
    }

    fn plus(self, other: Self) -> Self {
        Self { value: self.value + other.value, error: self.error + other.error }
    }

    fn squared(self) -> Self {
        Self { value: self.value * self.value, error: self.error * (2.0 * self.value.abs() + self.error) }
    }

    /// After so many more operations in float32.
    fn with_roundings(self, operations: f64) -> Self {
        Self { error: self.error + operations * (UNIT * self.largest() + SMALLEST), ..self }
    }

    /// A gradient with the decay of a parameter in it.
    fn decayed(self, decay: f64, parameter: f64) -> Self {
        if decay == 0.0 {
            return self;
        }
        let more = decay * parameter;
        let rounding = rounded(3, self.largest() + more.abs());
        Self { value: self.value + more, error: self.error + rounding }
    }

    /// β·mean + (1 − β)·newest, where 1 − β is computed of a β in float32, too.
    fn mean(self, beta: f64, newest: Self) -> Self {
        self.times(beta).plus(newest.times(1.0 - beta)).with_roundings(4.0 + 1.0 / (1.0 - beta))
    }

    /// The mean over the weights that it has after so many steps.
    fn corrected(self, beta: f64, steps: i32) -> Self {
        self.times(1.0 / (1.0 - beta.powi(steps))).with_roundings(4.0 + 1.0 / (1.0 - beta))
    }

    /// This over √square + ε, at most `longest` in magnitude.
    fn over_root(self, square: Self, epsilon: f64, longest: f64) -> Self {
        let root = |square: f64| square.max(0.0).sqrt() + epsilon;
        let magnitude = self.value.abs() / root(square.value);
        let farther = self.largest() / root(square.value - square.error) - magnitude;
        let nearer = magnitude - (self.value.abs() - self.error) / root(square.value + square.error);
        let near =
            Self { value: self.value / root(square.value), error: farther.max(nearer) }.with_roundings(4.0);
        Self { error: near.error.min(magnitude + 2.0 * longest), ..near }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::generator;
    use crate::reference::Score;
    use rand_chacha::rand_core::Rng;
    use trainmark_plugin::{Layer, Model, Shape};

    const OPTIMISERS: [Optimiser; 5] = [
        Optimiser::Sgd,
        Optimiser::Momentum { momentum: 0.9, weight_decay: 0.0 },
        Optimiser::Momentum { momentum: 0.5, weight_decay: 0.25 },
        Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 },
        Optimiser::Adam { beta1: 0.5, beta2: 0.9, epsilon: 1e-2, weight_decay: 0.1 },
    ];
    const RATE: f64 = 0.25;

    /// A weight that float32 trains in the plainest order.
    struct Trained {
        optimiser: Optimiser,
        weight: f32,
        state: [f32; 2],
        steps: i32,
    }

    impl Trained {
        fn step(&mut self, gradient: f32) {
            let g = gradient + self.optimiser.weight_decay() as f32 * self.weight;
            let [m, v] = &mut self.state;
            self.steps += 1;
            let way = match self.optimiser {
                Optimiser::Sgd => g,
                Optimiser::Momentum { momentum, .. } => {
                    *m = momentum as f32 * *m + g;
                    *m
                }
                Optimiser::Adam { beta1, beta2, epsilon, .. } => {
                    let [beta1, beta2] = [beta1 as f32, beta2 as f32];
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    let corrected = |mean: f32, beta: f32| mean / (1.0 - beta.powi(self.steps));
                    corrected(*m, beta1) / (corrected(*v, beta2).sqrt() + epsilon as f32)
                }
            };
            self.weight -= RATE as f32 * way;
        }
    }

    /// The weight and its bound after each of three steps whose gradients are off by such a share, each from
    /// where float32 stands, and how far off float32 then is, as a share of the bound.
    fn shares(optimiser: Optimiser, off_by: f64, seed: u64) -> Vec<f64> {
        let specs = Model::new("m", Shape::Vector(1), vec![Layer::Linear { out_features: 1, bias: false }]);
        let specs = specs.parameters().unwrap();
        let mut dice = generator("rounding: optimisers", seed, 0);
        let mut between =
            |least: f64, most: f64| least + (most - least) * f64::from(dice.next_u32()) / 2f64.powi(32);
        let mut trained = Trained { optimiser, weight: between(-1.0, 1.0) as f32, state: [0.0; 2], steps: 0 };
        let mut updates = BoundedUpdates::new(optimiser, RATE);
        (0..3)
            .map(|_| {
                let value = between(-1.0, 1.0) * between(-12.0, 4.0).exp2();
                let error = off_by * value.abs();
                let gradient = (value + error * between(-1.0, 1.0)) as f32;
                let tensors = vec![Bounded { values: vec![value], errors: vec![error + UNIT * value.abs()] }];
                let score = Score { loss: 0.0, correct: 0, undecided: 0 };
                let pass = BoundedStep { score, loss_error: 0.0, tensors };
                let after = updates.after(&specs, &[vec![f64::from(trained.weight)]], &pass);
                trained.step(gradient);
                (f64::from(trained.weight) - after[0].values[0]).abs() / after[0].errors[0]
            })
            .collect()
    }

    #[test]
    fn float32_is_within_the_bounds_of_every_optimiser() {
        for optimiser in OPTIMISERS {
            for (off_by, seed) in
                [0.0, 1e-6, 1e-2, 3.0].into_iter().flat_map(|off| (0..400).map(move |seed| (off, seed)))
            {
                let shares = shares(optimiser, off_by, seed);
                assert!(
                    shares.iter().all(|share| *share <= 1.0),
                    "{optimiser:?}, off by {off_by}: {shares:?}"
                );
            }
        }
    }

    #[test]
    fn a_bound_is_no_wider_than_a_thousandth_of_a_step() {
        let specs = Model::new("m", Shape::Vector(1), vec![Layer::Linear { out_features: 1, bias: false }]);
        let specs = specs.parameters().unwrap();
        for optimiser in OPTIMISERS {
            let mut updates = BoundedUpdates::new(optimiser, RATE);
            for _ in 0..3 {
                let tensors = vec![Bounded { values: vec![0.5], errors: vec![1e-7] }];
                let score = Score { loss: 0.0, correct: 0, undecided: 0 };
                let pass = BoundedStep { score, loss_error: 0.0, tensors };
                let after = updates.after(&specs, &[vec![1.0]], &pass).remove(0);
                assert!(after.errors[0] < 1e-3 * (after.values[0] - 1.0).abs(), "{optimiser:?}: {after:?}");
            }
        }
    }
}
