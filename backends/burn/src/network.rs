//! A model's layers as modules of `burn::nn`.
//!
//! Activations are samples × channels × height × width; a vector is an image of one pixel.

use std::convert::Infallible;

use burn::module::{Module, Param, RunningState};
use burn::nn::conv::Conv2dConfig;
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNormConfig, Dropout, DropoutConfig, LinearConfig, PaddingConfig2d, Relu, Sigmoid, Tanh};
#[cfg(before_0_22)]
use burn::{Dispatch, tensor::backend::Backend};
use trainmark_plugin::{Branches, Error, Layer, Model, Shape};

use crate::batch_norm::{Implementation, Primitive};
use crate::convolution::product;
use crate::engine::{BatchNorm, Conv2d, Device, Linear, Tensor, indices, is_training};
use crate::parameter::Parameter;

/// A network of stages.
#[cfg(not(before_0_22))]
#[derive(Module, Debug, Default)]
pub(crate) struct Network {
    stages: Vec<Stage>,
}

/// The same, as before 0.22 a module was declared: over any engine, which is called `B`.
#[cfg(before_0_22)]
#[derive(Module, Debug, Default)]
pub(crate) struct Network<B: Backend = Dispatch> {
    stages: Vec<Stage<B>>,
}

#[cfg(not(before_0_22))]
#[derive(Module, Debug)]
enum Stage {
    Conv2d(Conv2d),
    /// The model's first layer, trained by [`product`].
    FirstConv2d(Conv2d),
    Linear(Linear),
    Builtin(BatchNorm),
    Primitive(Primitive),
    Sigmoid(Sigmoid),
    Relu(Relu),
    Tanh(Tanh),
    MaxPool2d(MaxPool2d),
    AvgPool2d(AvgPool2d),
    Flatten(Flatten),
    Dropout(Dropout),
    Resize(Resize),
    Add(Add),
}

#[cfg(before_0_22)]
#[derive(Module, Debug)]
enum Stage<B: Backend = Dispatch> {
    Conv2d(burn::nn::conv::Conv2d<B>),
    FirstConv2d(burn::nn::conv::Conv2d<B>),
    Linear(burn::nn::Linear<B>),
    Builtin(burn::nn::BatchNorm<B>),
    Primitive(Primitive<B>),
    Sigmoid(Sigmoid),
    Relu(Relu),
    Tanh(Tanh),
    MaxPool2d(MaxPool2d),
    AvgPool2d(AvgPool2d),
    Flatten(Flatten),
    Dropout(Dropout),
    Resize(Resize),
    Add(Add),
}

impl Network {
    /// Builds the stages on a training device; `implementation` is unused in a model
    /// without batch norm.
    ///
    /// # Errors
    /// Where the model's shapes do not fit.
    pub(crate) fn new(model: &Model, implementation: Implementation, device: &Device) -> Result<Self, Error> {
        let inputs = model.input_shapes()?;
        let layers = model.layers.iter().zip(inputs).enumerate();
        let stage = |(index, (layer, input))| Stage::new(layer, input, index == 0, implementation, device);
        Ok(Self { stages: layers.map(stage).collect() })
    }

    /// Logits, samples × classes. In training mode, where running statistics are updated, if
    /// the inputs are on a training device.
    pub(crate) fn forward(&self, inputs: Tensor<4>, branches: &Branches) -> Tensor<2> {
        let Ok(logits) = branches.pass(inputs, |index, x, added| {
            Ok::<_, Infallible>(match added {
                Some(added) => x + added,
                None => self.stages[index].forward(x),
            })
        });
        logits.flatten(1, 3)
    }

    /// The parameters of the model, in that order.
    pub(crate) fn parameters(&mut self) -> impl Iterator<Item = Parameter<'_>> {
        self.stages.iter_mut().flat_map(Stage::parameters)
    }
}

impl Stage {
    fn new(
        layer: &Layer,
        input: Shape,
        first: bool,
        implementation: Implementation,
        device: &Device,
    ) -> Self {
        let channels = input.channels();
        match *layer {
            Layer::Conv2d { out_channels, kernel, stride, padding, bias } => {
                let layer = Conv2dConfig::new([channels, out_channels], [kernel, kernel])
                    .with_stride([stride, stride])
                    .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
                    .with_bias(bias)
                    .init(device);
                // On flex, for which it was measured: a library of wgpu is built without.
                let by_product = cfg!(feature = "flex") && first && padding == 0;
                if by_product { Self::FirstConv2d(layer) } else { Self::Conv2d(layer) }
            }
            Layer::Linear { out_features, bias } => {
                Self::Linear(LinearConfig::new(input.len(), out_features).with_bias(bias).init(device))
            }
            Layer::BatchNorm { epsilon, momentum } => match implementation {
                Implementation::Builtin => Self::Builtin(
                    BatchNormConfig::new(channels).with_epsilon(epsilon).with_momentum(momentum).init(device),
                ),
                Implementation::Primitive => {
                    Self::Primitive(Primitive::new(channels, epsilon, momentum, device))
                }
            },
            Layer::Sigmoid => Self::Sigmoid(Sigmoid::new()),
            Layer::Relu => Self::Relu(Relu::new()),
            Layer::Tanh => Self::Tanh(Tanh::new()),
            Layer::MaxPool2d { window, stride } => {
                Self::MaxPool2d(MaxPool2dConfig::new([window, window]).with_strides([stride, stride]).init())
            }
            Layer::AvgPool2d { window, stride } => {
                Self::AvgPool2d(AvgPool2dConfig::new([window, window]).with_strides([stride, stride]).init())
            }
            Layer::Flatten => Self::Flatten(Flatten),
            Layer::Dropout { rate } => Self::Dropout(DropoutConfig::new(rate).init()),
            Layer::Resize { height, width } => Self::Resize(Resize { height, width }),
            Layer::Add { .. } => Self::Add(Add),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::FirstConv2d(layer) if is_training(&x.device()) => product(layer, x),
            Self::Conv2d(layer) | Self::FirstConv2d(layer) => layer.forward(x),
            Self::Linear(layer) => as_image(layer.forward(x.flatten::<2>(1, 3))),
            Self::Builtin(layer) => layer.forward(x),
            Self::Primitive(layer) => layer.forward(x),
            Self::Sigmoid(layer) => layer.forward(x),
            Self::Relu(layer) => layer.forward(x),
            Self::Tanh(layer) => layer.forward(x),
            Self::MaxPool2d(layer) => layer.forward(x),
            Self::AvgPool2d(layer) => layer.forward(x),
            Self::Flatten(layer) => layer.forward(x),
            Self::Dropout(layer) => layer.forward(x),
            Self::Resize(layer) => layer.forward(x),
            Self::Add(_) => x,
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        match self {
            Self::Conv2d(Conv2d { weight, bias, .. }) | Self::FirstConv2d(Conv2d { weight, bias, .. }) => {
                [Some(Parameter::Kernel(weight)), bias.as_mut().map(Parameter::Values)]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Self::Linear(Linear { weight, bias, .. }) => {
                [Some(Parameter::Matrix(weight)), bias.as_mut().map(Parameter::Values)]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Self::Builtin(BatchNorm { gamma, beta, running_mean, running_var, .. }) => {
                of_batch_norm(gamma, beta, running_mean, running_var)
            }
            Self::Primitive(Primitive { gamma, beta, running_mean, running_variance, .. }) => {
                of_batch_norm(gamma, beta, running_mean, running_variance)
            }
            _ => vec![],
        }
    }
}

fn of_batch_norm<'n>(
    gamma: &'n mut Param<Tensor<1>>,
    beta: &'n mut Param<Tensor<1>>,
    running_mean: &'n mut RunningState<Tensor<1>>,
    running_variance: &'n mut RunningState<Tensor<1>>,
) -> Vec<Parameter<'n>> {
    vec![
        Parameter::Values(gamma),
        Parameter::Values(beta),
        Parameter::Running(running_mean),
        Parameter::Running(running_variance),
    ]
}

/// An image's values as a vector, row-major.
#[derive(Module, Debug)]
#[cfg_attr(before_0_22, derive(Clone))]
struct Flatten;

impl Flatten {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        as_image(x.flatten::<2>(1, 3))
    }
}

/// The sum of two values: [`Network::forward`] knows the second one.
#[derive(Module, Debug)]
#[cfg_attr(before_0_22, derive(Clone))]
struct Add;

/// Each pixel of the resized image is the nearest one: out(y, x) = in(⌊y·H/h⌋, ⌊x·W/w⌋).
///
/// `Interpolate2d` finds it by a quotient in floating point, and is one row off at some sizes.
#[derive(Module, Debug)]
#[cfg_attr(before_0_22, derive(Clone))]
struct Resize {
    height: usize,
    width: usize,
}

impl Resize {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let ([_, _, height, width], device) = (x.dims(), x.device());
        let nearest = |to, from| indices((0..to).map(|place| place * from / to), &device);
        x.select(2, nearest(self.height, height)).select(3, nearest(self.width, width))
    }
}

/// Samples × features as images of one pixel.
fn as_image(x: Tensor<2>) -> Tensor<4> {
    let [samples, features] = x.dims();
    x.reshape([samples, features, 1, 1])
}
