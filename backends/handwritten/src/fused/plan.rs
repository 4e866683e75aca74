//! Which models can be fused, and into what.
//!
//! Four layers in a row become one convolution stage, and up to three a linear stage:
//!
//! ```text
//! convolution stages, at least one   linear stages, at least one
//!   Conv2d 3×3 or 5×5, no padding      Linear
//!   BatchNorm, or none                 BatchNorm, or none
//!   Sigmoid                            Sigmoid, or none
//!   MaxPool2d 2×2, even sides
//! Flatten
//! ```
//!
//! Less than that, such as a single layer that is to be timed, is left to the readable
//! loops: one code for all such models makes their differences mean something.

use trainmark_plugin::{Layer, Model, Shape};

/// A model as stages.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) convolutions: Vec<ConvolutionStage>,
    pub(super) linears: Vec<LinearStage>,
    /// Values of one sample.
    pub(super) inputs: usize,
}

/// Convolution, batch norm or none, sigmoid, and the maximum over windows of 2×2.
#[derive(Debug, Clone)]
pub(super) struct ConvolutionStage {
    pub(super) in_channels: usize,
    /// Rows and columns of an input channel.
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) out_channels: usize,
    /// Side of the kernel: 3 or 5.
    pub(super) kernel: usize,
    pub(super) batch_norm: Option<BatchNorm>,
    /// Where the stage's tensors begin in [`Model::parameters`].
    pub(super) first_parameter: usize,
}

/// Linear layer, batch norm or none, sigmoid or none.
#[derive(Debug, Clone)]
pub(super) struct LinearStage {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) batch_norm: Option<BatchNorm>,
    pub(super) sigmoid: bool,
    /// Where the stage's tensors begin in [`Model::parameters`].
    pub(super) first_parameter: usize,
}

/// What a batch norm is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BatchNorm {
    /// ε
    pub(super) epsilon: f64,
    /// Weight of the new batch in the running statistics.
    pub(super) momentum: f64,
}

impl ConvolutionStage {
    /// Rows of an output channel before pooling.
    pub(super) fn out_height(&self) -> usize {
        self.height - self.kernel + 1
    }

    /// Columns of an output channel before pooling.
    pub(super) fn out_width(&self) -> usize {
        self.width - self.kernel + 1
    }

    /// Output positions of a channel before pooling.
    pub(super) fn area(&self) -> usize {
        self.out_height() * self.out_width()
    }

    /// Windows of a channel: its outputs after pooling.
    pub(super) fn windows(&self) -> usize {
        self.area() / 4
    }

    /// Weights of one output channel.
    pub(super) fn inputs_of_an_output(&self) -> usize {
        self.in_channels * self.kernel * self.kernel
    }

    /// Values of one sample that come in.
    pub(super) fn inputs(&self) -> usize {
        self.in_channels * self.height * self.width
    }

    /// Values of one sample that go out.
    pub(super) fn outputs(&self) -> usize {
        self.out_channels * self.windows()
    }
}

impl Plan {
    /// The model as stages; `None` where it is of another form.
    pub(super) fn of(model: &Model) -> Option<Self> {
        if !model.is_sequential() {
            return None;
        }
        let mut rest = Rest { layers: &model.layers, parameters: 0 };
        let mut shape = model.input;
        let mut plan = Self { convolutions: Vec::new(), linears: Vec::new(), inputs: shape.len() };
        while let Shape::Image { channels, height, width } = shape {
            if rest.take(|layer| matches!(layer, Layer::Flatten)).is_some() {
                shape = Shape::Vector(shape.len());
            } else {
                let stage = rest.convolution_stage(channels, height, width)?;
                shape = Shape::Image {
                    channels: stage.out_channels,
                    height: stage.out_height() / 2,
                    width: stage.out_width() / 2,
                };
                plan.convolutions.push(stage);
            }
        }
        while !rest.layers.is_empty() {
            let inputs = plan.linears.last().map_or(shape.len(), |stage| stage.outputs);
            plan.linears.push(rest.linear_stage(inputs)?);
        }
        (!plan.convolutions.is_empty() && !plan.linears.is_empty()).then_some(plan)
    }
}

/// The layers not yet taken, and how many tensors those taken have.
struct Rest<'m> {
    layers: &'m [Layer],
    parameters: usize,
}

impl Rest<'_> {
    /// Takes the next layer if it is as wanted.
    fn take(&mut self, is_wanted: impl FnOnce(&Layer) -> bool) -> Option<Layer> {
        let (&first, others) = self.layers.split_first()?;
        is_wanted(&first).then(|| {
            self.layers = others;
            first
        })
    }

    fn batch_norm(&mut self) -> Option<BatchNorm> {
        match self.take(|layer| matches!(layer, Layer::BatchNorm { .. })) {
            Some(Layer::BatchNorm { epsilon, momentum }) => Some(BatchNorm { epsilon, momentum }),
            _ => None,
        }
    }

    /// Counts the tensors of a stage and says where they begin.
    fn count(&mut self, batch_norm: Option<BatchNorm>) -> usize {
        let first = self.parameters;
        self.parameters += 2 + if batch_norm.is_some() { 4 } else { 0 };
        first
    }

    fn convolution_stage(
        &mut self,
        in_channels: usize,
        height: usize,
        width: usize,
    ) -> Option<ConvolutionStage> {
        let is_wanted = |layer: &Layer| {
            matches!(layer, Layer::Conv2d { kernel: 3 | 5, stride: 1, padding: 0, bias: true, .. })
        };
        let Layer::Conv2d { out_channels, kernel, .. } = self.take(is_wanted)? else { return None };
        let batch_norm = self.batch_norm();
        self.take(|layer| matches!(layer, Layer::Sigmoid))?;
        self.take(|layer| matches!(layer, Layer::MaxPool2d { window: 2, stride: 2 }))?;
        let first_parameter = self.count(batch_norm);
        let stage = ConvolutionStage {
            in_channels,
            height,
            width,
            out_channels,
            kernel,
            batch_norm,
            first_parameter,
        };
        // A row or column that no window holds would count in the statistics alone.
        (stage.out_height().is_multiple_of(2) && stage.out_width().is_multiple_of(2)).then_some(stage)
    }

    fn linear_stage(&mut self, inputs: usize) -> Option<LinearStage> {
        let is_wanted = |layer: &Layer| matches!(layer, Layer::Linear { bias: true, .. });
        let Layer::Linear { out_features, .. } = self.take(is_wanted)? else { return None };
        let batch_norm = self.batch_norm();
        let sigmoid = self.take(|layer| matches!(layer, Layer::Sigmoid)).is_some();
        let first_parameter = self.count(batch_norm);
        Some(LinearStage { inputs, outputs: out_features, batch_norm, sigmoid, first_parameter })
    }
}
