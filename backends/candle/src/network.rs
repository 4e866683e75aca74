//! A model's layers as stages of Candle operations.
//!
//! Activations are 1 × channels × (positions·samples): for Candle one sample with
//! a long row of values per channel, in which a position's samples lie side by
//! side. Sums of batch norm run over neighbouring values, windows are copied by
//! rows of samples, and a convolution's matrix product yields this form again. A
//! vector is an image of one position.

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use trainmark_plugin::{Branches, Error, Layer, Model, Role, Shape};

use crate::affine::{Affine, First};
use crate::batch_norm::{BatchNorm, Implementation, Parameters};
use crate::failure::Failure;
use crate::pooling::{AvgPooling, MaxPooling};
use crate::windows::{Unfolding, Windows};

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
    branches: Branches,
    /// One per parameter of the model, in that order.
    variables: Vec<Var>,
    trainable: Vec<Var>,
    needs_two_samples: bool,
}

#[derive(Debug)]
enum Stage {
    Affine(Affine),
    BatchNorm(BatchNorm),
    Sigmoid,
    Relu,
    Tanh,
    MaxPooling(MaxPooling),
    AvgPooling(AvgPooling),
    /// From this many positions per channel.
    Flatten {
        positions: usize,
    },
    Dropout(candle_nn::Dropout),
    /// The pixel for each pixel of the resized image.
    Resize {
        pixels: Tensor,
        positions: usize,
    },
    /// What is added is the second value that it reads.
    Add,
}

impl Network {
    /// Builds the stages; `implementation` is unused in a model without batch norm.
    ///
    /// # Errors
    /// `failed` where Candle fails.
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
        Ok(Self { stages, branches: model.branches()?, variables, trainable, needs_two_samples })
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

    /// Logits, samples × classes, in prediction mode; `inputs` as activations.
    pub(crate) fn predict(&self, inputs: &Tensor) -> candle_core::Result<Tensor> {
        logits(&self.run(inputs, |stage, x| stage.forward(&x, Mode::Predict))?)
    }

    /// A forward pass in training mode; running statistics are updated.
    pub(crate) fn train(&self, inputs: &Tensor) -> candle_core::Result<Pass<'_>> {
        // What comes before the first affine layer has no parameters, or else it is a
        // batch norm, and its gradients need that layer's as Candle computes them.
        let has_parameters = |stage: &&Stage| matches!(stage, Stage::Affine(_) | Stage::BatchNorm(_));
        let mut first_trained = self.stages.iter().find(has_parameters);
        let mut first = None;
        let x = self.run(inputs, |stage, x| match stage {
            Stage::Affine(layer)
                if first_trained.take_if(|trained| std::ptr::eq(*trained, stage)).is_some() =>
            {
                let computed = first.insert(layer.forward_first(&x)?);
                Ok(computed.output.as_tensor().clone())
            }
            _ => stage.forward(&x, Mode::Train),
        })?;
        Ok(Pass { logits: logits(&x)?, first })
    }

    /// Passes inputs through the stages; `forward` is asked for each but sums.
    fn run<'n>(
        &'n self,
        inputs: &Tensor,
        mut forward: impl FnMut(&'n Stage, Tensor) -> candle_core::Result<Tensor>,
    ) -> candle_core::Result<Tensor> {
        self.branches.pass(inputs.clone(), |index, x, added| match added {
            Some(added) => x + added,
            None => forward(&self.stages[index], x),
        })
    }
}

/// A forward pass in training mode, and what its gradients need.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    /// Samples × classes.
    pub(crate) logits: Tensor,
    first: Option<First<'a>>,
}

impl Pass<'_> {
    /// The gradients of a loss that was computed from the logits.
    pub(crate) fn gradients(self, loss: &Tensor) -> candle_core::Result<GradStore> {
        let mut gradients = loss.backward()?;
        if let Some(first) = self.first {
            first.complete(&mut gradients)?;
        }
        Ok(gradients)
    }
}

/// 1 × classes × samples to samples × classes.
fn logits(x: &Tensor) -> candle_core::Result<Tensor> {
    x.squeeze(0)?.t()
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
    let positions = height * width;
    let what = format!("build layer {index} ({})", layer.kind());
    Ok(match *layer {
        Layer::Conv2d { kernel, stride, padding, bias, .. } => {
            let unfolding = Unfolding::new(windows(kernel, stride, padding), device).while_doing(&what)?;
            Stage::Affine(Affine {
                weight: own(Role::Weight)?,
                bias: bias.then(|| own(Role::Bias)).transpose()?,
                unfolding: Some(unfolding),
            })
        }
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
        Layer::Flatten => Stage::Flatten { positions },
        Layer::Linear { bias, .. } => Stage::Affine(Affine {
            weight: own(Role::Weight)?,
            bias: bias.then(|| own(Role::Bias)).transpose()?,
            unfolding: None,
        }),
        Layer::Resize { height: to_height, width: to_width } => {
            let nearest = nearest((height, width), (to_height, to_width));
            let pixels = Tensor::from_vec(nearest, to_height * to_width, device).while_doing(&what)?;
            Stage::Resize { pixels, positions }
        }
        Layer::Dropout { rate } => Stage::Dropout(candle_nn::Dropout::new(rate as f32)),
        Layer::Add { .. } => Stage::Add,
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
            Self::Affine(layer) => layer.forward(x, mode),
            Self::BatchNorm(layer) => layer.forward(x, mode),
            Self::Sigmoid => candle_nn::ops::sigmoid(x),
            Self::Relu => relu(x),
            Self::Tanh => x.tanh(),
            Self::MaxPooling(pooling) => pooling.forward(x, mode),
            Self::AvgPooling(pooling) => pooling.forward(x),
            Self::Flatten { positions } => {
                let (_, channels, values) = x.dims3()?;
                x.reshape((1, channels * positions, values / positions))
            }
            Self::Dropout(dropout) => dropout.forward(x, mode == Mode::Train),
            Self::Resize { pixels, positions } => {
                let (_, channels, values) = x.dims3()?;
                let rows = x.reshape((channels, *positions, values / positions))?;
                rows.index_select(pixels, 1)?.reshape((1, channels, ()))
            }
            Self::Add => Ok(x.clone()),
        }
    }
}

/// max(x, 0). The gradient of Candle's `relu` is 1 at 0; of a choice it is 0.
fn relu(x: &Tensor) -> candle_core::Result<Tensor> {
    x.gt(0.0)?.where_cond(x, &x.zeros_like()?)
}
