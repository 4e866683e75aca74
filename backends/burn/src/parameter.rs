//! One parameter of a model, in the module that holds it.

use burn::module::{Param, RunningState};
use trainmark_plugin::Error;

use crate::engine::{Device, Tensor, tensor, values};

/// A place in a network that a parameter's values are written to and read from.
#[derive(Debug)]
pub(crate) enum Parameter<'n> {
    /// A convolution's weight: out × in × height × width.
    Kernel(&'n mut Param<Tensor<4>>),
    /// A linear layer's weight. Burn keeps it as in × out, the contract as out × in.
    Matrix(&'n mut Param<Tensor<2>>),
    /// A bias, γ or β.
    Values(&'n mut Param<Tensor<1>>),
    /// A running statistic.
    Running(&'n mut RunningState<Tensor<1>>),
}

impl Parameter<'_> {
    /// # Errors
    /// What Burn reports.
    pub(crate) fn set(self, new: &[f32], device: &Device) -> Result<(), Error> {
        match self {
            Self::Kernel(weight) => *weight = Param::from_tensor(tensor(new.to_vec(), weight.dims(), device)),
            Self::Matrix(weight) => {
                let [inputs, outputs] = weight.dims();
                // Read and written once more, so that it lies in memory as one that Burn makes.
                let transposed = values(tensor(new.to_vec(), [outputs, inputs], device).transpose())?;
                *weight = Param::from_tensor(tensor(transposed, [inputs, outputs], device));
            }
            Self::Values(parameter) => {
                *parameter = Param::from_tensor(tensor(new.to_vec(), [new.len()], device));
            }
            Self::Running(state) => *state = RunningState::new(tensor(new.to_vec(), [new.len()], device)),
        }
        Ok(())
    }

    /// Row-major, as the contract has it.
    ///
    /// # Errors
    /// What Burn reports.
    pub(crate) fn get(&self) -> Result<Vec<f32>, Error> {
        match self {
            Self::Kernel(weight) => values(weight.val()),
            Self::Matrix(weight) => values(weight.val().transpose()),
            Self::Values(parameter) => values(parameter.val()),
            // `value` is one update late.
            Self::Running(state) => values(state.value_sync()),
        }
    }
}
