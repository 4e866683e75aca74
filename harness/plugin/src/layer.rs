//! Layers and the shapes that pass between them.

use crate::branches::Source;

/// One layer of a model. Tensors are float32, images N×C×H×W.
///
/// A match on a layer is exhaustive, in kinds and in fields: a new one changes what a model
/// computes, and a backend's source is to be told by its compiler, not to train something
/// else. A plugin that is built already answers `unsupported` to a kind that it does not know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Layer {
    /// 2-D convolution (cross-correlation) with a square kernel.
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
        /// Whether a bias is added per channel. One without: since ABI 1.2.
        bias: bool,
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
    /// y = x·Wᵀ + b with weight (out, in); without a bias y = x·Wᵀ.
    Linear {
        /// Output features.
        out_features: usize,
        /// Whether a bias is added. A layer without one: since ABI 1.2.
        bias: bool,
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
    /// The sum of what it reads and another value of the same shape, such as a residual block's
    /// with what came into it. Since ABI 1.2.
    Add {
        /// What is added to what the layer reads.
        other: Source,
    },
}

impl Layer {
    /// Whether a bias is left out that such a layer has unless it says otherwise.
    pub fn is_without_bias(&self) -> bool {
        matches!(self, Self::Conv2d { bias: false, .. } | Self::Linear { bias: false, .. })
    }

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
            Self::Add { .. } => "add",
        }
    }
}

/// Shape of one sample as it passes between layers. A match on it is exhaustive, as on [`Layer`].
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

    pub(crate) fn check_size(self) -> Result<(), String> {
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

/// Shape that a layer makes of its input's; what an `add` adds has the same.
///
/// # Errors
/// Why the layer does not fit.
pub(crate) fn output_shape(layer: &Layer, input: Shape) -> Result<Shape, String> {
    match (*layer, input) {
        (
            Layer::Conv2d { out_channels, kernel, stride, padding, bias: _ },
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
        (Layer::Linear { out_features, bias: _ }, Shape::Vector(features)) if out_features > 0 => {
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
            Layer::BatchNorm { .. }
            | Layer::Sigmoid
            | Layer::Relu
            | Layer::Tanh
            | Layer::Dropout { .. }
            | Layer::Add { .. },
            shape,
        ) => Ok(shape),
        (layer, shape) => Err(format!("it takes {}, its input is {shape}", taken_by(&layer, shape))),
    }
}

/// What a layer takes that cannot take this shape.
fn taken_by(layer: &Layer, shape: Shape) -> &'static str {
    match (layer, shape) {
        (Layer::Linear { .. }, Shape::Image { .. }) => "a vector, as flatten makes one",
        (Layer::Linear { .. }, Shape::Vector(_)) => "one output feature or more",
        (Layer::Resize { .. }, Shape::Image { .. }) => "a height and width of 1 or more",
        _ => "an image, channels×rows×columns",
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
