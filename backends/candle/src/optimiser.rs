//! What a step makes of the gradients. `candle_nn` has plain gradient descent and AdamW: with a decay of 0 that is
//! Adam, to whose gradients a decay is added here; momentum is composed of operations.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};
use candle_nn::{AdamW, Optimizer as _, ParamsAdamW, SGD};
use trainmark_plugin::Optimiser;

/// An optimiser over the trained variables, with its state.
pub(crate) struct Updates {
    optimiser: Optimiser,
    rate: f64,
    variables: Vec<Var>,
    state: State,
}

enum State {
    Plain(SGD),
    /// A velocity for each variable, none before the first step.
    Momentum(Vec<Option<Tensor>>),
    Adam(AdamW),
}

impl Updates {
    /// With its state at zero.
    pub(crate) fn new(optimiser: Optimiser, rate: f64, variables: Vec<Var>) -> Result<Self> {
        let state = State::new(optimiser, rate, &variables)?;
        Ok(Self { optimiser, rate, variables, state })
    }

    /// Back to the state at zero.
    pub(crate) fn reset(&mut self) -> Result<()> {
        self.state = State::new(self.optimiser, self.rate, &self.variables)?;
        Ok(())
    }

    pub(crate) fn step(&mut self, mut gradients: GradStore) -> Result<()> {
        let decay = self.optimiser.weight_decay();
        if decay != 0.0 {
            for variable in &self.variables {
                if let Some(gradient) = gradients.get(variable) {
                    let decayed = (gradient + (variable.as_tensor() * decay)?)?;
                    gradients.insert(variable, decayed);
                }
            }
        }
        match (&mut self.state, self.optimiser) {
            (State::Plain(optimiser), _) => optimiser.step(&gradients),
            (State::Adam(optimiser), _) => optimiser.step(&gradients),
            (State::Momentum(velocities), Optimiser::Momentum { momentum, .. }) => {
                for (variable, velocity) in self.variables.iter().zip(velocities) {
                    let Some(gradient) = gradients.get(variable) else { continue };
                    // v ← momentum·v + g; w ← w − rate·v
                    let next = match velocity.as_ref() {
                        Some(velocity) => ((velocity * momentum)? + gradient)?,
                        None => gradient.clone(),
                    };
                    variable.set(&variable.sub(&(&next * self.rate)?)?)?;
                    *velocity = Some(next);
                }
                Ok(())
            }
            (State::Momentum(_), _) => Ok(()),
        }
    }
}

impl State {
    fn new(optimiser: Optimiser, lr: f64, variables: &[Var]) -> Result<Self> {
        Ok(match optimiser {
            Optimiser::Sgd => Self::Plain(SGD::new(variables.to_vec(), lr)?),
            Optimiser::Momentum { .. } => Self::Momentum(vec![None; variables.len()]),
            Optimiser::Adam { beta1, beta2, epsilon: eps, .. } => {
                let params = ParamsAdamW { lr, beta1, beta2, eps, weight_decay: 0.0 };
                Self::Adam(AdamW::new(variables.to_vec(), params)?)
            }
        })
    }
}
