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
            (Form::Primitive, Mode::Prediction) => self.predict(inputs),
        }
    }

    /// What [`tch::nn::BatchNorm`] calls. On CUDA it is cuDNN's kernel where that can do
    /// it; the CPU has but one.
    fn builtin(&self, inputs: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let use_cudnn = true;
        inputs.f_batch_norm(
            Some(&self.gamma),
            Some(&self.beta),
            Some(&self.running_mean),
            Some(&self.running_variance),
            mode == Mode::Training,
            self.momentum,
            self.epsilon,
            use_cudnn,
        )
    }

    /// The chapter's formulas, written so that their gradients cost little: a sum
    /// divided by n, since the mean's gradient would divide every value; the mean's
    /// negative added, since a difference's would negate every value; a product with
    /// itself, since the square's would be that of a power; and γ/√… multiplied out for
    /// a channel before it meets the batch.
    fn train(&mut self, inputs: &Tensor) -> Result<Tensor, TchError> {
        let mean = channel_mean(inputs)?;
        let centred = inputs.f_add(&mean.f_neg()?)?;
        let variance = channel_mean(&centred.f_mul(&centred)?)?;
        // Detached, or the running statistics would hold on to the graph of every
        // earlier step.
        let _ = self.running_mean.f_lerp_(&mean.f_detach()?, self.momentum)?;
        let _ = self.running_variance.f_lerp_(&variance.f_detach()?, self.momentum)?;
        centred.f_mul(&self.scale(&variance)?)?.f_add(&self.beta)
    }

    /// γ·(x − mean)/√(variance + ε) + β with the running statistics.
    fn predict(&self, inputs: &Tensor) -> Result<Tensor, TchError> {
        let scale = self.scale(&self.running_variance)?;
        let shift = self.beta.f_sub(&self.running_mean.f_mul(&scale)?)?;
        shift.f_addcmul(inputs, &scale)
    }

    /// γ/√(variance + ε)
    fn scale(&self, variance: &Tensor) -> Result<Tensor, TchError> {
        self.gamma.f_mul(&variance.f_add_scalar(self.epsilon)?.f_rsqrt()?)
    }
}

/// The mean of each channel, in the shape of the parameters: 1×C×1×1 of N×C×H×W, C
/// of N×C.
fn channel_mean(values: &Tensor) -> Result<Tensor, TchError> {
    let is_image = values.dim() == 4;
    let dimensions: &[i64] = if is_image { &[0, 2, 3] } else { &[0] };
    let channels = values.size()[1];
    let count = values.numel() as i64 / channels;
    values.f_sum_dim_intlist(dimensions, is_image, None)?.f_div_scalar(count)
}
