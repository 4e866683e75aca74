//! A model as data: a list of layers that a backend builds with its framework.

use crate::error::Error;
use crate::layer::{Layer, Shape, output_shape};

/// What a parameter tensor is for. A match on it is exhaustive, as on [`Layer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Weight of a convolution or linear layer.
    Weight,
    /// Bias of a convolution or linear layer.
    Bias,
    /// Batch norm's scale γ.
    Gamma,
    /// Batch norm's shift β.
    Beta,
    /// Batch norm's running mean (no gradient).
    RunningMean,
    /// Batch norm's running variance (no gradient).
    RunningVariance,
}

impl Role {
    /// Name as it stands behind the dot of a parameter's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
            Self::Gamma => "gamma",
            Self::Beta => "beta",
            Self::RunningMean => "running_mean",
            Self::RunningVariance => "running_var",
        }
    }

    /// Whether gradient descent changes it.
    pub fn is_trainable(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVariance)
    }
}

/// Name, role and shape of one parameter tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParameterSpec {
    /// `<layer index>.<role>`, such as `0.weight` or `1.running_mean`.
    pub name: String,
    /// Index into [`Model::layers`].
    pub layer: usize,
    /// What it is for.
    pub role: Role,
    /// Row-major shape: conv (out, in, k, k), linear (out, in), others (channels).
    pub shape: Vec<usize>,
    /// Inputs that feed one output: in·k·k for conv, in for linear, 0 for batch norm.
    pub fan_in: usize,
    /// out·k·k for conv, out for linear, 0 for batch norm.
    pub fan_out: usize,
}

impl ParameterSpec {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the tensor holds no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A sequential model whose last layer yields one logit per class; the loss is
/// the mean cross-entropy of the batch.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Model {
    /// Name of the workload it belongs to, for messages only.
    pub name: String,
    /// Shape of one input sample.
    pub input: Shape,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
}

impl Model {
    /// A model, whose shapes need not fit yet.
    pub fn new(name: impl Into<String>, input: Shape, layers: impl Into<Vec<Layer>>) -> Self {
        Self { name: name.into(), input, layers: layers.into() }
    }

    /// Output shape of every layer.
    ///
    /// # Errors
    /// `Invalid`, naming the layer, where a layer does not fit its input, or its
    /// output or weight is empty or has 2³² values or more.
    pub fn shapes(&self) -> Result<Vec<Shape>, Error> {
        self.input
            .check_size()
            .map_err(|why| Error::invalid(format!("the input of model {}: {why}", self.name)))?;
        let mut shape = self.input;
        let mut shapes = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let output = output_shape(layer, shape).and_then(|output| output.check_size().map(|()| output));
            shape = output.map_err(|why| {
                Error::invalid(format!("layer {index} ({}) of model {}: {why}", layer.kind(), self.name))
            })?;
            shapes.push(shape);
        }
        Ok(shapes)
    }

    /// Input shape of every layer.
    ///
    /// # Errors
    /// As [`Model::shapes`].
    pub fn input_shapes(&self) -> Result<Vec<Shape>, Error> {
        let outputs = self.shapes()?;
        Ok(std::iter::once(self.input).chain(outputs).take(self.layers.len()).collect())
    }

    /// Logits per sample.
    ///
    /// # Errors
    /// `Invalid` where a layer does not fit, or the last layer gives an image.
    pub fn classes(&self) -> Result<usize, Error> {
        match self.shapes()?.last() {
            Some(&Shape::Vector(classes)) => Ok(classes),
            _ => Err(Error::invalid(format!("model {} does not end in a vector of logits", self.name))),
        }
    }

    /// Every parameter tensor, in layer order: weight, bias; γ, β, running mean,
    /// running variance. This order is the order of all parameter lists.
    ///
    /// # Errors
    /// As [`Model::shapes`].
    pub fn parameters(&self) -> Result<Vec<ParameterSpec>, Error> {
        let inputs = self.input_shapes()?;
        let mut specs = Vec::new();
        for (index, (layer, input)) in self.layers.iter().zip(inputs).enumerate() {
            let mut push = |role: Role, shape: Vec<usize>, fan_in, fan_out| {
                specs.push(ParameterSpec {
                    name: format!("{index}.{}", role.name()),
                    layer: index,
                    role,
                    shape,
                    fan_in,
                    fan_out,
                });
            };
            match *layer {
                Layer::Conv2d { out_channels, kernel, .. } => {
                    let taps = kernel * kernel;
                    let (fan_in, fan_out) = (input.channels() * taps, out_channels * taps);
                    push(Role::Weight, vec![out_channels, input.channels(), kernel, kernel], fan_in, fan_out);
                    push(Role::Bias, vec![out_channels], fan_in, fan_out);
                }
                Layer::Linear { out_features } => {
                    push(Role::Weight, vec![out_features, input.len()], input.len(), out_features);
                    push(Role::Bias, vec![out_features], input.len(), out_features);
                }
                Layer::BatchNorm { .. } => {
                    for role in [Role::Gamma, Role::Beta, Role::RunningMean, Role::RunningVariance] {
                        push(role, vec![input.channels()], 0, 0);
                    }
                }
                _ => {}
            }
        }
        Ok(specs)
    }

    /// Whether any layer is a batch norm.
    pub fn has_batch_norm(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer, Layer::BatchNorm { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn model(input: Shape, layers: Vec<Layer>) -> Model {
        Model::new("m", input, layers)
    }

    fn image(channels: usize, height: usize, width: usize) -> Shape {
        Shape::Image { channels, height, width }
    }

    #[test]
    fn shapes_and_parameters_of_the_chapters_first_block() {
        let model = model(
            image(1, 28, 28),
            vec![
                Layer::Conv2d { out_channels: 6, kernel: 5, stride: 1, padding: 0 },
                Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 },
                Layer::Sigmoid,
                Layer::MaxPool2d { window: 2, stride: 2 },
                Layer::Flatten,
                Layer::Linear { out_features: 10 },
            ],
        );
        let shapes = model.shapes().unwrap();
        let conv = image(6, 24, 24);
        assert_eq!(
            shapes,
            [conv, conv, conv, image(6, 12, 12), Shape::Vector(6 * 12 * 12), Shape::Vector(10)]
        );
        let names: Vec<_> =
            model.parameters().unwrap().into_iter().map(|spec| (spec.name, spec.shape)).collect();
        let expected = [
            ("0.weight", vec![6, 1, 5, 5]),
            ("0.bias", vec![6]),
            ("1.gamma", vec![6]),
            ("1.beta", vec![6]),
            ("1.running_mean", vec![6]),
            ("1.running_var", vec![6]),
            ("5.weight", vec![10, 864]),
            ("5.bias", vec![10]),
        ];
        assert_eq!(names, expected.map(|(name, shape)| (name.to_owned(), shape)));
    }

    #[test]
    fn impossible_sizes_name_the_layer() {
        let huge = u32::MAX as usize;
        let cases = [
            (
                image(huge, huge, huge),
                Layer::Sigmoid,
                "the input of model m: a tensor has 2³² values or more",
            ),
            (image(1, 0, 28), Layer::Sigmoid, "the input of model m: it holds no value"),
            (
                image(1, 28, 28),
                Layer::Resize { height: huge, width: huge },
                "layer 0 (resize) of model m: a tensor has 2³² values or more",
            ),
            (
                image(1, 28, 28),
                Layer::Conv2d { out_channels: 1, kernel: huge, stride: 1, padding: huge },
                "layer 0 (conv2d) of model m: a tensor has 2³² values or more",
            ),
            (
                Shape::Vector(1 << 20),
                Layer::Linear { out_features: 1 << 20 },
                "layer 0 (linear) of model m: a tensor has 2³² values or more",
            ),
            (
                image(1, 28, 28),
                Layer::MaxPool2d { window: 29, stride: 1 },
                "layer 0 (max_pool2d) of model m: window 29 is larger than the input's side 28",
            ),
        ];
        for (input, layer, message) in cases {
            assert_eq!(model(input, vec![layer]).shapes().unwrap_err(), Error::invalid(message));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_sizes_never_overflow(
            input in any::<[u32; 3]>(),
            conv in any::<[u32; 4]>(),
            features in any::<u32>(),
        ) {
            let [channels, height, width] = input.map(|side| side as usize);
            let [out_channels, kernel, stride, padding] = conv.map(|side| side as usize);
            let model = model(
                image(channels, height, width),
                vec![
                    Layer::Conv2d { out_channels, kernel, stride, padding },
                    Layer::Flatten,
                    Layer::Linear { out_features: features as usize },
                ],
            );
            if let Ok(parameters) = model.parameters() {
                prop_assert!(parameters.iter().all(|spec| (1..=u32::MAX as usize).contains(&spec.len())));
            }
        }
    }
}
