//! What a step makes of the gradients: the kernels of dfdx's own optimisers, tensor by tensor, since those take
//! models of dfdx's own kind only. Plain gradient descent stays one addition.

use dfdx::optim::{AdamConfig, Momentum, SgdConfig, WeightDecay};
use dfdx::prelude::*;
use trainmark_plugin::Optimiser;

use crate::machine::Machine;

/// An optimiser with its state, which begins at zero.
pub(crate) struct Updates<D: Machine> {
    optimiser: Optimiser,
    rate: f64,
    steps: i32,
    /// A velocity or a mean of gradients for each tensor, and a mean of their squares.
    first: Gradients<f32, D>,
    second: Gradients<f32, D>,
}

impl<D: Machine> Updates<D> {
    pub(crate) fn new(optimiser: Optimiser, rate: f64) -> Self {
        Self { optimiser, rate, steps: 0, first: Gradients::leaky(), second: Gradients::leaky() }
    }

    /// Puts its state back to zero.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.optimiser, self.rate);
    }

    /// Begins the next step.
    pub(crate) fn begin(&mut self) {
        self.steps = self.steps.saturating_add(1);
    }

    /// Changes a tensor by its gradient.
    pub(crate) fn apply<S: Shape>(
        &mut self,
        tensor: &mut Tensor<S, f32, D>,
        gradients: &mut Gradients<f32, D>,
    ) -> Result<(), D::Err> {
        let decay = self.optimiser.weight_decay();
        let weight_decay = (decay != 0.0).then_some(WeightDecay::L2(decay));
        let lr = self.rate;
        match self.optimiser {
            Optimiser::Sgd => tensor.try_axpy(1.0, &gradients.get(tensor), -lr),
            Optimiser::Momentum { momentum, .. } => {
                let velocity = self.first.get_or_alloc_mut(tensor)?;
                let gradient = gradients.get_or_alloc_mut(tensor)?;
                let config = SgdConfig { lr, momentum: Some(Momentum::Classic(momentum)), weight_decay };
                config.try_update(tensor, velocity, gradient)
            }
            Optimiser::Adam { beta1, beta2, epsilon: eps, .. } => {
                let mean = self.first.get_or_alloc_mut(tensor)?;
                let square = self.second.get_or_alloc_mut(tensor)?;
                let gradient = gradients.get_or_alloc_mut(tensor)?;
                let config = AdamConfig { lr, betas: [beta1, beta2], eps, weight_decay };
                config.try_update(self.steps, tensor, mean, square, gradient)
            }
        }
    }
}
