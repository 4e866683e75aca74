//! A model's layers as libtorch's operations.

use std::rc::Rc;

use tch::{Device, Kind, TchError, Tensor};
use trainmark_plugin::{Branches, Error, Layer, Model, ParameterSpec, Shape};

use crate::batch_norm::{BatchNorm, Form};
use crate::error::During;
use crate::pooling::MaxPool;
use crate::resize::Resize;

/// Whether batch norm and dropout act as in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// With the batch's statistics, which go into the running ones.
    Training,
    /// With the running statistics.
    Prediction,
}

/// A layer with its parameters.
#[derive(Debug)]
enum Stage {
    Convolution {
        weight: Tensor,
        bias: Option<Tensor>,
        stride: i64,
        padding: i64,
    },
    Linear {
        weight: Tensor,
        bias: Option<Tensor>,
    },
    BatchNorm(BatchNorm),
    Sigmoid,
    Relu,
    Tanh,
    MaxPool(MaxPool),
    AvgPool {
        window: i64,
        stride: i64,
    },
    Flatten,
    Dropout {
        rate: f64,
    },
    Resize(Resize),
    /// What is added is the second value that it reads.
    Add,
}

/// A model that can be trained.
#[derive(Debug)]
pub(crate) struct Network {
    stages: Vec<Stage>,
    branches: Branches,
    /// Each stage's layer, for messages.
    kinds: Vec<&'static str>,
    /// In the contract's order; they share their memory with the stages'.
    parameters: Vec<(ParameterSpec, Tensor)>,
    /// The builtin batch norm with the fewest values per sample and channel, and
    /// their number.
    narrowest: Option<(usize, usize)>,
}

impl Network {
    /// Builds the layers; parameters are zeros until they are set.
    ///
    /// # Errors
    /// Where libtorch cannot make its tensors.
    pub(crate) fn new(model: &Model, form: Form, device: Device) -> Result<Self, Error> {
        let shapes = model.input_shapes()?;
        let mut parameters = Vec::new();
        for spec in model.parameters()? {
            let size = parameter_size(&spec, model.layers[spec.layer], shapes[spec.layer], form);
            let tensor = Tensor::f_zeros(&size, (Kind::Float, device))
                .map(|tensor| tensor.set_requires_grad(spec.role.is_trainable()))
                .during(|| format!("cannot make parameter {}", spec.name))?;
            parameters.push((spec, tensor));
        }
        let mut tensors = parameters.iter().map(|(_, tensor)| tensor.shallow_clone());
        let mut stages = Vec::new();
        for (index, (&layer, &input)) in model.layers.iter().zip(&shapes).enumerate() {
            let stage = stage(layer, input, form, device, &mut tensors);
            stages.push(stage.during(|| format!("cannot build layer {index} ({})", layer.kind()))?);
        }
        drop(tensors);
        let kinds = model.layers.iter().map(Layer::kind).collect();
        let narrowest = (form == Form::Builtin).then(|| narrowest(model, &shapes)).flatten();
        Ok(Self { stages, branches: model.branches()?, kinds, parameters, narrowest })
    }

    /// Refuses a batch that leaves `at::batch_norm` one value per channel, whose
    /// unbiased variance is 0/0. PyTorch's module refuses it too.
    ///
    /// # Errors
    /// `Invalid`, naming the layer.
    pub(crate) fn check_batch(&self, samples: usize) -> Result<(), Error> {
        match self.narrowest {
            Some((layer, values)) if samples * values < 2 => Err(Error::invalid(format!(
                "layer {layer} (batch_norm): libtorch's batch norm needs more than 1 value per channel in \
                 training, and a batch of {samples} has {}; use a larger batch, or the implementation primitive",
                samples * values
            ))),
            _ => Ok(()),
        }
    }

    /// Logits of a batch.
    ///
    /// # Errors
    /// What libtorch reports, with the layer.
    pub(crate) fn forward(&mut self, inputs: Tensor, mode: Mode) -> Result<Tensor, Error> {
        let Self { stages, branches, kinds, .. } = self;
        let logits = branches.pass(Rc::new(inputs), |index, values, added| {
            let output = match added {
                Some(added) => values.f_add(&added),
                None => stages[index].forward(&values, mode),
            };
            output.map(Rc::new).during(|| format!("layer {index} ({})", kinds[index]))
        })?;
        Ok(Rc::try_unwrap(logits).unwrap_or_else(|shared| shared.shallow_clone()))
    }

    /// The parameters that gradient descent changes.
    pub(crate) fn trainable(&self) -> impl Iterator<Item = &Tensor> {
        self.parameters.iter().filter(|(spec, _)| spec.role.is_trainable()).map(|(_, tensor)| tensor)
    }

    /// Sets every parameter, in the contract's order.
    pub(crate) fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        tch::no_grad(|| {
            for ((spec, tensor), values) in self.parameters.iter_mut().zip(values) {
                let copied = Tensor::f_from_slice(values)
                    .and_then(|values| values.f_view(&*tensor.size()))
                    .and_then(|values| tensor.f_copy_(&values));
                copied.during(|| format!("cannot set parameter {}", spec.name))?;
            }
            Ok(())
        })
    }

    /// Copies every parameter out, in the contract's order.
    pub(crate) fn get_parameters(&self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        for ((spec, tensor), values) in self.parameters.iter().zip(values) {
            let copied = tensor.f_copy_data(values, spec.len());
            copied.during(|| format!("cannot copy parameter {}", spec.name))?;
        }
        Ok(())
    }
}

/// The contract's shape, but for batch norm of images from tensor operations:
/// 1×C×1×1 broadcasts against N×C×H×W.
fn parameter_size(spec: &ParameterSpec, layer: Layer, input: Shape, form: Form) -> Vec<i64> {
    match (layer, input, form) {
        (Layer::BatchNorm { .. }, Shape::Image { channels, .. }, Form::Primitive) => {
            vec![1, channels as i64, 1, 1]
        }
        _ => spec.shape.iter().map(|&side| side as i64).collect(),
    }
}

fn narrowest(model: &Model, inputs: &[Shape]) -> Option<(usize, usize)> {
    let layers = model.layers.iter().zip(inputs).enumerate();
    let norms = layers.filter(|(_, (layer, _))| matches!(layer, Layer::BatchNorm { .. }));
    norms.map(|(index, (_, input))| (index, input.len() / input.channels())).min_by_key(|&(_, values)| values)
}

fn stage(
    layer: Layer,
    input: Shape,
    form: Form,
    device: Device,
    parameters: &mut impl Iterator<Item = Tensor>,
) -> Result<Stage, TchError> {
    let mut next = || parameters.next().ok_or_else(|| TchError::Shape("a parameter is missing".into()));
    Ok(match layer {
        Layer::Conv2d { stride, padding, bias, .. } => Stage::Convolution {
            weight: next()?,
            bias: bias.then(next).transpose()?,
            stride: stride as i64,
            padding: padding as i64,
        },
        Layer::Linear { bias, .. } => Stage::Linear { weight: next()?, bias: bias.then(next).transpose()? },
        Layer::BatchNorm { epsilon, momentum } => Stage::BatchNorm(BatchNorm {
            form,
            gamma: next()?,
            beta: next()?,
            running_mean: next()?,
            running_variance: next()?,
            epsilon,
            momentum,
        }),
        Layer::Sigmoid => Stage::Sigmoid,
        Layer::Relu => Stage::Relu,
        Layer::Tanh => Stage::Tanh,
        Layer::MaxPool2d { window, stride } => Stage::MaxPool(MaxPool::new(window, stride, device)),
        Layer::AvgPool2d { window, stride } => {
            Stage::AvgPool { window: window as i64, stride: stride as i64 }
        }
        Layer::Flatten => Stage::Flatten,
        Layer::Dropout { rate } => Stage::Dropout { rate },
        Layer::Resize { height, width } => Stage::Resize(Resize::new(input, height, width, device)?),
        Layer::Add { .. } => Stage::Add,
    })
}

impl Stage {
    fn forward(&mut self, inputs: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        match self {
            Self::Convolution { weight, bias, stride, padding } => {
                let (stride, padding) = ([*stride; 2], [*padding; 2]);
                inputs.f_conv2d(weight, bias.as_ref(), stride, padding, [1, 1], 1)
            }
            Self::Linear { weight, bias } => inputs.f_linear(weight, bias.as_ref()),
            Self::BatchNorm(batch_norm) => batch_norm.forward(inputs, mode),
            Self::Sigmoid => inputs.f_sigmoid(),
            Self::Relu => inputs.f_relu(),
            Self::Tanh => inputs.f_tanh(),
            Self::MaxPool(pool) => pool.forward(inputs),
            Self::AvgPool { window, stride } => {
                inputs.f_avg_pool2d([*window; 2], [*stride; 2], [0, 0], false, false, None)
            }
            Self::Flatten => inputs.f_flatten(1, -1),
            Self::Dropout { rate } => inputs.f_dropout(*rate, mode == Mode::Training),
            Self::Resize(resize) => resize.forward(inputs),
            Self::Add => Ok(inputs.shallow_clone()),
        }
    }
}
