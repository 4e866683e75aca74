//! A model as data: a list of layers that a backend builds with its framework.

use crate::error::Error;

/// One layer of a sequential model. Tensors are float32, images N×C×H×W.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Layer {
    /// 2-D convolution (cross-correlation) with a square kernel and a bias.
    /// Weight (out, in, k, k); output size ⌊(size + 2·padding − k)/stride⌋ + 1.
    Conv2d {
        /// Output channels.
        out_channels: usize,
        /// Side of the square kernel.
        kernel: usize,
        /// Step of the kernel in both directions.
        stride: usize,
        /// Zeros added on each side.
        padding: usize,
    },
    /// Batch normalisation with scale γ and shift β per channel (per feature
    /// after a linear layer). Training: x̂ = (x − mean)/√(var + ε) with the
    /// batch's mean and biased variance over N·H·W (or N); running statistics
    /// ← (1 − momentum)·running + momentum·batch. Prediction: running statistics.
    BatchNorm {
        /// ε, added to the variance.
        epsilon: f64,
        /// Weight of the new batch in the running statistics.
        momentum: f64,
    },
    /// 1/(1 + e⁻ˣ)
    Sigmoid,
    /// max(x, 0), with gradient 0 at 0.
    Relu,
    /// tanh x
    Tanh,
    /// Maximum over square windows without padding. A tie gives its gradient
    /// to the window's first maximum in row-major order.
    MaxPool2d {
        /// Side of the window.
        window: usize,
        /// Step of the window in both directions.
        stride: usize,
    },
    /// Mean over square windows without padding.
    AvgPool2d {
        /// Side of the window.
        window: usize,
        /// Step of the window in both directions.
        stride: usize,
    },
    /// N×C×H×W to N×(C·H·W), row-major.
    Flatten,
    /// y = x·Wᵀ + b with weight (out, in).
    Linear {
        /// Output features.
        out_features: usize,
    },
    /// Inverted dropout: in training each value is zeroed with probability
    /// `rate` and the others scaled by 1/(1 − rate); identity in prediction.
    Dropout {
        /// Probability of dropping a value, 0 ≤ rate < 1.
        rate: f64,
    },
    /// Nearest-neighbour resize of an image: out(y, x) = in(⌊y·H/h⌋, ⌊x·W/w⌋).
    Resize {
        /// Output height.
        height: usize,
        /// Output width.
        width: usize,
    },
}

impl Layer {
    /// The field's name for the layer's kind, as error messages and reports use it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::BatchNorm { .. } => "batch_norm",
            Self::Sigmoid => "sigmoid",
            Self::Relu => "relu",
            Self::Tanh => "tanh",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::AvgPool2d { .. } => "avg_pool2d",
            Self::Flatten => "flatten",
            Self::Linear { .. } => "linear",
            Self::Dropout { .. } => "dropout",
            Self::Resize { .. } => "resize",
        }
    }
}

/// Shape of one sample as it passes between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// channels × height × width
    Image {
        /// Channels.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// A vector of features.
    Vector(usize),
}

impl Shape {
    /// Values in one sample.
    pub fn len(self) -> usize {
        match self {
            Self::Image { channels, height, width } => channels * height * width,
            Self::Vector(features) => features,
        }
    }

    /// Whether a sample holds no value.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    fn check_size(self) -> Result<(), String> {
        match self {
            Self::Image { channels, height, width } => check_size(&[channels, height, width]),
            Self::Vector(features) => check_size(&[features]),
        }
    }

    /// Channels of an image, features of a vector: what batch norm normalises over.
    pub fn channels(self) -> usize {
        match self {
            Self::Image { channels, .. } => channels,
            Self::Vector(features) => features,
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Image { channels, height, width } => write!(f, "{channels}×{height}×{width}"),
            Self::Vector(features) => write!(f, "{features}"),
        }
    }
}

/// What a parameter tensor is for.
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
pub struct Model {
    /// Name of the workload it belongs to, for messages only.
    pub name: String,
    /// Shape of one input sample.
    pub input: Shape,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
}

impl Model {
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

fn output_shape(layer: &Layer, input: Shape) -> Result<Shape, String> {
    match (*layer, input) {
        (
            Layer::Conv2d { out_channels, kernel, stride, padding },
            Shape::Image { channels, height, width },
        ) => {
            if out_channels == 0 {
                return Err("no output channels".into());
            }
            let both_sides = padding.saturating_mul(2);
            let height = windows(height.saturating_add(both_sides), kernel, stride)?;
            let width = windows(width.saturating_add(both_sides), kernel, stride)?;
            check_size(&[out_channels, channels, kernel, kernel])?;
            Ok(Shape::Image { channels: out_channels, height, width })
        }
        (
            Layer::MaxPool2d { window, stride } | Layer::AvgPool2d { window, stride },
            Shape::Image { channels, height, width },
        ) => Ok(Shape::Image {
            channels,
            height: windows(height, window, stride)?,
            width: windows(width, window, stride)?,
        }),
        (Layer::Resize { height, width }, Shape::Image { channels, .. }) if height > 0 && width > 0 => {
            Ok(Shape::Image { channels, height, width })
        }
        (Layer::Flatten, shape) => Ok(Shape::Vector(shape.len())),
        (Layer::Linear { out_features }, Shape::Vector(features)) if out_features > 0 => {
            check_size(&[out_features, features])?;
            Ok(Shape::Vector(out_features))
        }
        (Layer::BatchNorm { epsilon, .. }, _) if epsilon.is_nan() || epsilon <= 0.0 => {
            Err(format!("epsilon {epsilon} is not positive"))
        }
        (Layer::Dropout { rate }, _) if !(0.0..1.0).contains(&rate) => {
            Err(format!("rate {rate} is not in [0, 1)"))
        }
        (
            Layer::BatchNorm { .. } | Layer::Sigmoid | Layer::Relu | Layer::Tanh | Layer::Dropout { .. },
            shape,
        ) => Ok(shape),
        (_, shape) => Err(format!("does not fit an input of shape {shape}")),
    }
}

/// Refuses a tensor that is empty or has 2³² values or more: sizes may come from
/// an untrusted caller, and a later product must not overflow.
fn check_size(sides: &[usize]) -> Result<(), String> {
    let values = sides.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
    match values {
        Some(0) => Err("it holds no value".into()),
        Some(values) if u32::try_from(values).is_ok() => Ok(()),
        _ => Err("a tensor has 2³² values or more".into()),
    }
}

/// Windows of `size` at steps of `stride` that fit into `length`.
fn windows(length: usize, size: usize, stride: usize) -> Result<usize, String> {
    if size == 0 || stride == 0 {
        return Err("window and stride must be at least 1".into());
    }
    length
        .checked_sub(size)
        .map(|rest| rest / stride + 1)
        .ok_or_else(|| format!("window {size} is larger than the input's side {length}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn model(input: Shape, layers: Vec<Layer>) -> Model {
        Model { name: "m".into(), input, layers }
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
