//! Batch norm of channels × positions × samples, or of features × samples.

use candle_core::{Result, Tensor, Var};
use candle_nn::ModuleT;

use crate::network::Mode;

/// How batch norm is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Implementation {
    /// From elementary tensor operations.
    Primitive,
    /// `candle_nn::BatchNorm`.
    Builtin,
}

/// γ, β, running mean and running variance, one value per channel each.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    pub(crate) gamma: Var,
    pub(crate) beta: Var,
    pub(crate) running_mean: Var,
    pub(crate) running_variance: Var,
}

/// A batch norm over a tensor whose first dimension is the channel.
#[derive(Debug)]
pub(crate) enum BatchNorm {
    Primitive(Primitive),
    Builtin(Builtin),
}

impl BatchNorm {
    pub(crate) fn new(
        implementation: Implementation,
        parameters: Parameters,
        epsilon: f64,
        momentum: f64,
    ) -> Result<Self> {
        Ok(match implementation {
            Implementation::Primitive => Self::Primitive(Primitive { parameters, epsilon, momentum }),
            Implementation::Builtin => Self::Builtin(Builtin::new(&parameters, epsilon, momentum)?),
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match self {
            Self::Primitive(layer) => layer.forward(x, mode),
            Self::Builtin(layer) => layer.forward(x, mode),
        }
    }
}

/// The d2l.ai chapter's formulas; its running variance starts at 0 and is biased.
#[derive(Debug)]
pub(crate) struct Primitive {
    parameters: Parameters,
    epsilon: f64,
    momentum: f64,
}

impl Primitive {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let rows = x.flatten_from(1)?;
        let Parameters { gamma, beta, running_mean, running_variance } = &self.parameters;
        let (centred, variance) = match mode {
            Mode::Train => {
                let mean = rows.mean_keepdim(1)?;
                let centred = rows.broadcast_sub(&mean)?;
                let variance = centred.sqr()?.mean_keepdim(1)?;
                self.update(running_mean, &mean)?;
                self.update(running_variance, &variance)?;
                (centred, variance)
            }
            Mode::Predict => {
                let mean = running_mean.as_detached_tensor().unsqueeze(1)?;
                let variance = running_variance.as_detached_tensor().unsqueeze(1)?;
                (rows.broadcast_sub(&mean)?, variance)
            }
        };
        let scale = mode.value(gamma).unsqueeze(1)?.div(&(variance + self.epsilon)?.sqrt()?)?;
        let shift = mode.value(beta).unsqueeze(1)?;
        centred.broadcast_mul(&scale)?.broadcast_add(&shift)?.reshape(x.shape())
    }

    /// running ← (1 − momentum)·running + momentum·batch, detached: otherwise each
    /// step would keep the graph of all steps before it.
    fn update(&self, running: &Var, batch: &Tensor) -> Result<()> {
        let batch = (batch.detach().flatten_all()? * self.momentum)?;
        let kept = (running.as_detached_tensor() * (1.0 - self.momentum))?;
        running.set(&(kept + batch)?)
    }
}

/// Candle's layer; its running variance starts at 1 and is unbiased.
#[derive(Debug)]
pub(crate) struct Builtin {
    training: candle_nn::BatchNorm,
    /// The same layer on detached γ and β, so that prediction records no graph.
    predicting: candle_nn::BatchNorm,
}

impl Builtin {
    fn new(parameters: &Parameters, epsilon: f64, momentum: f64) -> Result<Self> {
        let Parameters { gamma, beta, running_mean, running_variance } = parameters;
        let layer = |gamma, beta| {
            candle_nn::BatchNorm::new_with_momentum(
                running_mean.dim(0)?,
                // A variable is shared, not copied.
                running_mean.as_tensor().clone(),
                running_variance.as_tensor().clone(),
                gamma,
                beta,
                epsilon,
                momentum,
            )
        };
        Ok(Self {
            training: layer(gamma.as_tensor().clone(), beta.as_tensor().clone())?,
            predicting: layer(gamma.as_detached_tensor(), beta.as_detached_tensor())?,
        })
    }

    /// The layer wants the channel second and brings it to the front itself, so
    /// the two transpositions cancel and nothing is copied.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = x.transpose(0, 1)?;
        let y = match mode {
            Mode::Train => self.training.forward_t(&x, true),
            Mode::Predict => self.predicting.forward_t(&x, false),
        };
        y?.transpose(0, 1)
    }
}
