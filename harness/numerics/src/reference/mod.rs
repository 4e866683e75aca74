//! The reference: a plain float64 network, the executable spec that every backend
//! is held against.
//!
//! A file per kind of layer, each with its formulas; no framework, no clever
//! kernel. It is itself checked against finite differences and against golden
//! tensors from PyTorch (`tests/golden/`).
//!
//! Values that are equal in exact arithmetic because they come from equal inputs
//! (the windows over a flat background) are equal here to the bit: every position
//! of a layer's output is summed in the same order.

mod activation;
mod batch_norm;
mod convolution;
#[cfg(test)]
mod finite_differences;
mod linear;
mod loss;
mod network;
mod optimiser;
mod parts;
mod pooling;
mod resize;
pub mod rounding;

pub use batch_norm::BatchNorm;
pub use convolution::Convolution;
pub use loss::Score;
pub use network::{Batch, Pass, Reference, VANISHING};
pub use pooling::{MaxPool, Windows};

/// Whether batch norm uses the batch's statistics or the running ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Those of the batch.
    Training,
    /// The running ones.
    Prediction,
}

/// What a layer's backward pass starts from. Batches are row-major, sample first.
pub struct Backward<'a> {
    /// The layer's parameter tensors.
    pub parameters: &'a [Vec<f64>],
    /// What the layer was given in the forward pass: of an `add`, the sum.
    pub input: &'a [f64],
    /// What it made of it.
    pub output: &'a [f64],
    /// ∂loss/∂output.
    pub gradient: &'a [f64],
}

/// What a layer's backward pass yields.
pub struct Gradients {
    /// ∂loss/∂input; may be empty for the first layer that has parameters.
    pub input: Vec<f64>,
    /// ∂loss/∂parameter for each of the layer's tensors; zeros for running statistics.
    pub parameters: Vec<Vec<f64>>,
}

impl Gradients {
    /// Of a layer without parameters.
    pub fn of_input(input: Vec<f64>) -> Self {
        Self { input, parameters: Vec::new() }
    }
}

/// One layer, applied to a whole batch.
pub trait Differentiable: Sync {
    /// The layer's output.
    fn forward(&self, parameters: &[Vec<f64>], input: &[f64], mode: Mode) -> Vec<f64>;

    /// Gradients of the loss, in training mode.
    fn backward(&self, pass: &Backward<'_>) -> Gradients;

    /// Whether a sample's output depends on no other sample and takes time enough to be worth a
    /// thread: then a batch may be computed in parts.
    fn computes_samples_alone(&self) -> bool {
        false
    }

    /// Moves running statistics towards those of the batch.
    fn update_statistics(&self, _parameters: &mut [Vec<f64>], _input: &[f64]) {}

    /// For each sample, how near the layer is to giving its gradient elsewhere:
    /// the smallest distance from a discontinuity of the derivative, relative to
    /// the largest magnitude in the input. `None` for a smooth layer.
    fn smallest_gaps(&self, _input: &[f64]) -> Option<Vec<f64>> {
        None
    }
}
