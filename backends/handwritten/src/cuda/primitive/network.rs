//! A model's layers in order: which kernels they are, and the numbers that these take.

use trainmark_plugin::{Error, Layer, Model, Shape};

use crate::cuda::device::{Argument, int};

/// The model as a list of stages.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) stages: Vec<Stage>,
    /// The first stage with parameters: gradients are needed no further back.
    pub(super) first_trainable: usize,
    /// Values of each tensor of [`Model::parameters`]; they lie one after the other.
    pub(super) tensors: Vec<usize>,
    /// Values of one input sample.
    pub(super) inputs: usize,
}

/// One layer and its place in the network.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) operation: Operation,
    /// Values of one sample before and after.
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Where each of its tensors begins among all parameters, in values.
    pub(super) tensors: Vec<usize>,
}

/// What a stage does. A `shape` is the last of its kernels' arguments.
#[derive(Debug)]
pub(super) enum Operation {
    Convolution {
        weights: usize,
        out_channels: usize,
        out_area: usize,
        shape: Vec<Argument>,
    },
    BatchNorm(BatchNorm),
    Activation {
        forward: &'static str,
        backward: &'static str,
    },
    MaxPool {
        channels: usize,
        shape: Vec<Argument>,
    },
    AveragePool {
        channels: usize,
        shape: Vec<Argument>,
    },
    Resize {
        channels: usize,
        shape: Vec<Argument>,
    },
    Linear,
    /// Values are row-major already.
    Flatten,
}

/// A batch norm's numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchNorm {
    pub(super) channels: usize,
    /// Units per channel.
    pub(super) area: usize,
    pub(super) epsilon: f32,
    /// Weight of the new batch in the running statistics.
    pub(super) momentum: f32,
}

impl Network {
    /// # Errors
    /// `unsupported` for dropout, for branches, for a layer without a bias, and for a layer larger than kernels can count; `invalid`
    /// where a layer does not fit.
    pub(super) fn new(model: &Model) -> Result<Self, Error> {
        model.check_sequential()?;
        let specs = model.parameters()?;
        let tensors: Vec<usize> = specs.iter().map(|spec| spec.len()).collect();
        int(tensors.iter().sum())?;
        let shapes = model.input_shapes()?.into_iter().zip(model.shapes()?);
        let mut stages = Vec::with_capacity(model.layers.len());
        for (index, (layer, (input, output))) in model.layers.iter().zip(shapes).enumerate() {
            let (first, last) = (
                specs.iter().take_while(|spec| spec.layer < index).count(),
                specs.iter().take_while(|spec| spec.layer <= index).count(),
            );
            if layer.is_without_bias() {
                return Err(Error::unsupported(format!(
                    "layer {index} ({}) of model {}: the kernels do no layer without a bias",
                    layer.kind(),
                    model.name
                )));
            }
            stages.push(Stage {
                operation: Operation::new(layer, input, output)?.ok_or_else(|| {
                    Error::unsupported(format!(
                        "layer {index} ({}) of model {}: the kernels draw no random numbers",
                        layer.kind(),
                        model.name
                    ))
                })?,
                inputs: input.len(),
                outputs: output.len(),
                tensors: (first..last).map(|tensor| tensors[..tensor].iter().sum()).collect(),
            });
        }
        let first_trainable = specs.first().map_or(stages.len(), |spec| spec.layer);
        Ok(Self { stages, first_trainable, tensors, inputs: model.input.len() })
    }

    /// Logits of one sample.
    pub(super) fn classes(&self) -> usize {
        self.stages.last().map_or(self.inputs, |stage| stage.outputs)
    }

    /// Values of all parameters together.
    pub(super) fn parameters(&self) -> usize {
        self.tensors.iter().sum()
    }

    /// Values of one sample in the largest of all tensors.
    pub(super) fn largest(&self) -> usize {
        self.stages.iter().map(|stage| stage.outputs).fold(self.inputs, usize::max)
    }
}

impl Operation {
    /// `None` where the layer cannot be done.
    fn new(layer: &Layer, input: Shape, output: Shape) -> Result<Option<Self>, Error> {
        let [channels, in_height, in_width] = extents(input);
        let [out_channels, out_height, out_width] = extents(output);
        let planes = || ints(&[in_height, in_width, out_height, out_width]);
        let windows =
            |window: usize, stride: usize| Ok::<_, Error>([planes()?, ints(&[window, stride])?].concat());
        Ok(Some(match *layer {
            Layer::Conv2d { kernel, stride, padding, .. } => Self::Convolution {
                weights: out_channels * channels * kernel * kernel,
                out_channels,
                out_area: out_height * out_width,
                shape: ints(&[
                    channels,
                    in_height,
                    in_width,
                    out_channels,
                    out_height,
                    out_width,
                    kernel,
                    stride,
                    padding,
                ])?,
            },
            Layer::BatchNorm { epsilon, momentum } => Self::BatchNorm(BatchNorm {
                channels,
                area: in_height * in_width,
                epsilon: epsilon as f32,
                momentum: momentum as f32,
            }),
            Layer::Sigmoid => Self::Activation { forward: "sigmoid_forward", backward: "sigmoid_backward" },
            Layer::Relu => Self::Activation { forward: "relu_forward", backward: "relu_backward" },
            Layer::Tanh => Self::Activation { forward: "tanh_forward", backward: "tanh_backward" },
            Layer::MaxPool2d { window, stride } => {
                Self::MaxPool { channels, shape: windows(window, stride)? }
            }
            Layer::AvgPool2d { window, stride } => {
                Self::AveragePool { channels, shape: windows(window, stride)? }
            }
            Layer::Resize { .. } => {
                // Both are multiplied on the way from one to the other.
                int((in_height + 1) * out_height.max(1))?;
                int((in_width + 1) * out_width.max(1))?;
                Self::Resize { channels, shape: planes()? }
            }
            Layer::Flatten => Self::Flatten,
            Layer::Linear { .. } => Self::Linear,
            Layer::Dropout { .. } | Layer::Add { .. } => return Ok(None),
        }))
    }
}

/// Channels, height and width; a vector's features are channels of 1×1.
fn extents(shape: Shape) -> [usize; 3] {
    match shape {
        Shape::Image { channels, height, width } => [channels, height, width],
        Shape::Vector(features) => [features, 1, 1],
    }
}

fn ints(sizes: &[usize]) -> Result<Vec<Argument>, Error> {
    sizes.iter().copied().map(int).collect()
}
