//! Batch norm, composed of tensor operations or libtorch's own.

use tch::{TchError, Tensor};

use crate::network::Mode;

/// How batch norm is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Elementary tensor operations; autograd differentiates them. Running
    /// variance: biased, from 0.
    Primitive,
    /// `at::batch_norm`. Running variance: unbiased, from 1.
    Builtin,
}

/// One batch norm with its parameters.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    pub(crate) form: Form,
    /// γ; C values, in `Primitive` shaped to broadcast against the input, as are
    /// the other three.
    pub(crate) gamma: Tensor,
    /// β
    pub(crate) beta: Tensor,
    /// No gradient.
    pub(crate) running_mean: Tensor,
    /// No gradient.
    pub(crate) running_variance: Tensor,
    /// ε, added to the variance.
    pub(crate) epsilon: f64,
    /// Weight of the new batch in the running statistics.
    pub(crate) momentum: f64,
}

impl BatchNorm {
    pub(crate) fn forward(&mut self, inputs: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        match (self.form, mode) {
            (Form::Builtin, _) => self.builtin(inputs, mode),
            (Form::Primitive, Mode::Training) => self.train(inputs),
            (Form::Primitive, Mode::Prediction) => {
                self.normalise(inputs, &self.running_mean, &self.running_variance)
            }
        }
    }

    /// What [`tch::nn::BatchNorm`] calls.
    fn builtin(&self, inputs: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let has_cudnn = false;
        inputs.f_batch_norm(
            Some(&self.gamma),
            Some(&self.beta),
            Some(&self.running_mean),
            Some(&self.running_variance),
            mode == Mode::Training,
            self.momentum,
            self.epsilon,
            has_cudnn,
        )
    }

    fn train(&mut self, inputs: &Tensor) -> Result<Tensor, TchError> {
        let is_image = inputs.dim() == 4;
        // Every dimension but the channels'; what is left has the parameters' shape.
        let dimensions: &[i64] = if is_image { &[0, 2, 3] } else { &[0] };
        let mean = inputs.f_mean_dim(dimensions, is_image, None)?;
        let centred = inputs.f_sub(&mean)?;
        let variance = centred.f_square()?.f_mean_dim(dimensions, is_image, None)?;
        // Detached, or the running statistics would hold on to the graph of every
        // earlier step.
        let _ = self.running_mean.f_lerp_(&mean.f_detach()?, self.momentum)?;
        let _ = self.running_variance.f_lerp_(&variance.f_detach()?, self.momentum)?;
        let normalised = centred.f_div(&variance.f_add_scalar(self.epsilon)?.f_sqrt()?)?;
        self.gamma.f_mul(&normalised)?.f_add(&self.beta)
    }

    /// γ·(x − mean)/√(variance + ε) + β
    fn normalise(&self, inputs: &Tensor, mean: &Tensor, variance: &Tensor) -> Result<Tensor, TchError> {
        let normalised = inputs.f_sub(mean)?.f_div(&variance.f_add_scalar(self.epsilon)?.f_sqrt()?)?;
        self.gamma.f_mul(&normalised)?.f_add(&self.beta)
    }
}
