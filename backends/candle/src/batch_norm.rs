//! Batch norm of activations, 1 × channels × values.

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

/// A batch norm, in one of the two ways.
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
        let column = |channels: &Var| mode.value(channels).reshape((1, (), 1));
        let Parameters { gamma, beta, running_mean, running_variance } = &self.parameters;
        let (centred, variance) = match mode {
            Mode::Train => {
                let mean = x.mean_keepdim(2)?;
                let centred = x.broadcast_sub(&mean)?;
                let variance = centred.sqr()?.mean_keepdim(2)?;
                self.update(running_mean, &mean)?;
                self.update(running_variance, &variance)?;
                (centred, variance)
            }
            Mode::Predict => (x.broadcast_sub(&column(running_mean)?)?, column(running_variance)?),
        };
        // γ/√(variance + ε) is computed per channel, so that each value is multiplied once.
        let scale = (column(gamma)? / (variance + self.epsilon)?.sqrt()?)?;
        centred.broadcast_mul(&scale)?.broadcast_add(&column(beta)?)
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

    /// The layer brings the channel to the front: where one sample has all values,
    /// that moves nothing.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match mode {
            Mode::Train => self.training.forward_t(x, true),
            Mode::Predict => self.predicting.forward_t(x, false),
        }
    }
}
