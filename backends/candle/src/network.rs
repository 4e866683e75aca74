//! A model's layers as stages of Candle operations.

use candle_core::{DType, Device, Tensor, Var};
use trainmark_plugin::{Error, Layer, Model, Role, Shape};

use crate::batch_norm::{BatchNorm, Implementation, Parameters};
use crate::convolution::Convolution;
use crate::failure::Failure;
use crate::pooling::{AvgPooling, MaxPooling};
use crate::windows::Windows;

/// Whether gradients and running statistics are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Train,
    Predict,
}

impl Mode {
    /// A variable's value; detached in prediction, so that no graph is recorded.
    pub(crate) fn value(self, variable: &Var) -> Tensor {
        match self {
            Self::Train => variable.as_tensor().clone(),
            Self::Predict => variable.as_detached_tensor(),
        }
    }
}

/// A network of stages, and its parameters as variables.
#[derive(Debug)]
pub(crate) struct Network {
    stages: Vec<Stage>,
    /// One per parameter of the model, in that order.
    variables: Vec<Var>,
    trainable: Vec<Var>,
    needs_two_samples: bool,
}

#[derive(Debug)]
enum Stage {
    Convolution { convolution: Convolution, weight: Var, bias: Var },
    BatchNorm(BatchNorm),
    Sigmoid,
    Relu,
    Tanh,
    MaxPooling(MaxPooling),
    AvgPooling(AvgPooling),
    Flatten,
    Linear { weight: Var, bias: Var },
    Resize(Tensor),
}

impl Network {
    /// Builds the stages; `implementation` is unused in a model without batch norm.
    ///
    /// # Errors
    /// `unsupported` for dropout; `failed` where Candle fails.
    pub(crate) fn new(model: &Model, implementation: Implementation, device: &Device) -> Result<Self, Error> {
        let specs = model.parameters()?;
        let variables = specs
            .iter()
            .map(|spec| Var::zeros(spec.shape.as_slice(), DType::F32, device))
            .collect::<candle_core::Result<Vec<_>>>()
            .while_doing("allocate the parameters")?;
        let trainable = specs.iter().zip(&variables).filter(|(spec, _)| spec.role.is_trainable());
        let trainable = trainable.map(|(_, variable)| variable.clone()).collect();
        let inputs = model.input_shapes()?;
        let mut stages = Vec::new();
        for (index, (layer, input)) in model.layers.iter().zip(&inputs).enumerate() {
            let own = |role: Role| {
                let mut found = specs.iter().zip(&variables).filter(|(spec, _)| spec.layer == index);
                found
                    .find(|(spec, _)| spec.role == role)
                    .map(|(_, variable)| variable.clone())
                    .ok_or_else(|| Error::invalid(format!("layer {index} has no {}", role.name())))
            };
            stages.push(stage(index, layer, *input, implementation, &own, device)?);
        }
        let needs_two_samples = implementation == Implementation::Builtin
            && model.layers.iter().zip(&inputs).any(|(layer, input)| {
                matches!(layer, Layer::BatchNorm { .. }) && input.len() == input.channels()
            });
        Ok(Self { stages, variables, trainable, needs_two_samples })
    }

    /// One per parameter of the model, in that order.
    pub(crate) fn variables(&self) -> &[Var] {
        &self.variables
    }

    /// Those that gradient descent changes.
    pub(crate) fn trainable(&self) -> &[Var] {
        &self.trainable
    }

    /// Whether a batch of one sample would leave a batch norm one value per channel,
    /// from which Candle's layer computes an infinite weight for the running variance.
    pub(crate) fn needs_two_samples(&self) -> bool {
        self.needs_two_samples
    }

    /// Logits, classes × samples, of inputs that lie as channels × pixels × samples.
    pub(crate) fn forward(&self, inputs: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let mut x = inputs.clone();
        for stage in &self.stages {
            x = stage.forward(&x, mode)?;
        }
        Ok(x)
    }
}

fn stage(
    index: usize,
    layer: &Layer,
    input: Shape,
    implementation: Implementation,
    own: &dyn Fn(Role) -> Result<Var, Error>,
    device: &Device,
) -> Result<Stage, Error> {
    let (height, width) = match input {
        Shape::Image { height, width, .. } => (height, width),
        Shape::Vector(_) => (1, 1),
    };
    let windows = |side, stride, padding| Windows { height, width, side, stride, padding };
    let what = format!("build layer {index} ({})", layer.kind());
    Ok(match *layer {
        Layer::Conv2d { kernel, stride, padding, .. } => Stage::Convolution {
            convolution: Convolution::new(windows(kernel, stride, padding), device).while_doing(&what)?,
            weight: own(Role::Weight)?,
            bias: own(Role::Bias)?,
        },
        Layer::BatchNorm { epsilon, momentum } => {
            let parameters = Parameters {
                gamma: own(Role::Gamma)?,
                beta: own(Role::Beta)?,
                running_mean: own(Role::RunningMean)?,
                running_variance: own(Role::RunningVariance)?,
            };
            let layer = BatchNorm::new(implementation, parameters, epsilon, momentum);
            Stage::BatchNorm(layer.while_doing(&what)?)
        }
        Layer::Sigmoid => Stage::Sigmoid,
        Layer::Relu => Stage::Relu,
        Layer::Tanh => Stage::Tanh,
        Layer::MaxPool2d { window, stride } => {
            Stage::MaxPooling(MaxPooling::new(windows(window, stride, 0), device).while_doing(&what)?)
        }
        Layer::AvgPool2d { window, stride } => {
            Stage::AvgPooling(AvgPooling::new(windows(window, stride, 0), device).while_doing(&what)?)
        }
        Layer::Flatten => Stage::Flatten,
        Layer::Linear { .. } => Stage::Linear { weight: own(Role::Weight)?, bias: own(Role::Bias)? },
        Layer::Resize { height: to_height, width: to_width } => {
            let nearest = nearest((height, width), (to_height, to_width));
            Stage::Resize(Tensor::from_vec(nearest, to_height * to_width, device).while_doing(&what)?)
        }
        Layer::Dropout { .. } => {
            return Err(Error::unsupported(format!(
                "layer {index} (dropout): candle cannot seed its random numbers on the CPU, so no run could be repeated"
            )));
        }
    })
}

/// The nearest pixel for each pixel of a resized image: out(y, x) = in(⌊y·H/h⌋, ⌊x·W/w⌋).
fn nearest(from: (usize, usize), to: (usize, usize)) -> Vec<u32> {
    let row = |y: usize| y * from.0 / to.0;
    let column = |x: usize| x * from.1 / to.1;
    (0..to.0).flat_map(|y| (0..to.1).map(move |x| (row(y) * from.1 + column(x)) as u32)).collect()
}

impl Stage {
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        match self {
            Self::Convolution { convolution, weight, bias } => {
                convolution.forward(x, &mode.value(weight), &mode.value(bias))
            }
            Self::BatchNorm(layer) => layer.forward(x, mode),
            Self::Sigmoid => candle_nn::ops::sigmoid(x),
            Self::Relu => relu(x),
            Self::Tanh => x.tanh(),
            Self::MaxPooling(pooling) => pooling.forward(x),
            Self::AvgPooling(pooling) => pooling.forward(x),
            Self::Flatten => flatten(x),
            Self::Linear { weight, bias } => {
                mode.value(weight).matmul(x)?.broadcast_add(&mode.value(bias).unsqueeze(1)?)
            }
            Self::Resize(pixels) => x.index_select(pixels, 1),
        }
    }
}

/// max(x, 0). The gradient of Candle's `relu` is 1 at 0; of a choice it is 0.
fn relu(x: &Tensor) -> candle_core::Result<Tensor> {
    x.gt(0.0)?.where_cond(x, &x.zeros_like()?)
}

/// Channels × positions × samples to features × samples. A vector stays as it is.
fn flatten(x: &Tensor) -> candle_core::Result<Tensor> {
    match x.rank() {
        3 => x.flatten(0, 1),
        _ => Ok(x.clone()),
    }
}
