//! Which models are fused, and where their tensors lie on the device.
//!
//! The kernels are written for one network, LeNet: their tiles and their shared memory are
//! made for its sizes (`kernels/fused/shapes.cuh`). Each stage has batch norm or not.

use trainmark_plugin::{Layer, Model, Shape};

/// Samples that a block of a linear stage takes: `TILE` of the kernels.
pub(super) const TILE: usize = 8;

/// Values of one sample, as `shapes.cuh` has them.
pub(super) mod sizes {
    pub(in super::super) const BEFORE_1: usize = 6 * 24 * 24;
    pub(in super::super) const WINDOWS_1: usize = 6 * 12 * 12;
    pub(in super::super) const BEFORE_2: usize = 16 * 8 * 8;
    pub(in super::super) const WINDOWS_2: usize = 16 * 4 * 4;
    pub(in super::super) const FEATURES_1: usize = 120;
    pub(in super::super) const FEATURES_2: usize = 84;
    pub(in super::super) const CLASSES: usize = 10;
    /// Floats of a row of ∂L/∂logits.
    pub(in super::super) const CLASS_STRIDE: usize = 12;
    pub(in super::super) const CHANNELS_1: usize = 6;
    pub(in super::super) const CHANNELS_2: usize = 16;
    /// Floats of a sample's share of a convolution's gradient.
    pub(in super::super) const GRADIENTS_1: usize = 156;
    pub(in super::super) const GRADIENTS_2: usize = 2416;
}

/// Outputs, and inputs of one output, of each stage.
const STAGES: [(usize, usize); 5] = [(6, 25), (16, 6 * 25), (120, 256), (84, 120), (10, 84)];

/// What a batch norm is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BatchNorm {
    /// ε
    pub(super) epsilon: f64,
    /// Weight of the new batch in the running statistics.
    pub(super) momentum: f64,
}

/// The batch norm of each stage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan(pub(super) [Option<BatchNorm>; 5]);

impl Plan {
    /// `None` where the model is not LeNet.
    pub(super) fn of(model: &Model) -> Option<Self> {
        if model.input != (Shape::Image { channels: 1, height: 28, width: 28 }) {
            return None;
        }
        let mut rest = model.layers.iter().copied().peekable();
        let mut batch_norms = [None; 5];
        for (stage, batch_norm) in batch_norms.iter_mut().enumerate() {
            let (outputs, _) = STAGES[stage];
            if stage == 2 {
                take(&mut rest, Layer::Flatten)?;
            }
            let is_convolution = stage < 2;
            let layer = match is_convolution {
                true => Layer::Conv2d { out_channels: outputs, kernel: 5, stride: 1, padding: 0, bias: true },
                false => Layer::Linear { out_features: outputs, bias: true },
            };
            take(&mut rest, layer)?;
            if stage == 4 {
                break;
            }
            if let Some(&Layer::BatchNorm { epsilon, momentum }) = rest.peek() {
                *batch_norm = Some(BatchNorm { epsilon, momentum });
                rest.next();
            }
            take(&mut rest, Layer::Sigmoid)?;
            if is_convolution {
                take(&mut rest, Layer::MaxPool2d { window: 2, stride: 2 })?;
            }
        }
        rest.next().is_none().then_some(Self(batch_norms))
    }

    /// Every tensor in the order of [`Model::parameters`].
    pub(super) fn tensors(&self) -> Vec<Tensor> {
        let tensors = self.0.iter().enumerate().flat_map(|(stage, batch_norm)| {
            let places = StageLayout::of(stage).tensors(stage);
            let count = if batch_norm.is_some() { places.len() } else { 2 };
            places.into_iter().take(count)
        });
        tensors.collect()
    }
}

/// Takes the next layer where it is this one.
fn take(rest: &mut impl Iterator<Item = Layer>, wanted: Layer) -> Option<()> {
    (rest.next()? == wanted).then_some(())
}

/// Where a tensor lies: in which stage's memory, from which float on, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) stage: usize,
    pub(super) offset: usize,
    pub(super) len: usize,
}

/// A stage's memory, in floats: `Stage` of the kernels.
#[derive(Debug, Clone, Copy)]
pub(super) struct StageLayout {
    outputs: usize,
    weights: usize,
}

impl StageLayout {
    pub(super) fn of(stage: usize) -> Self {
        let (outputs, inputs) = STAGES[stage];
        Self { outputs, weights: outputs * inputs }
    }

    /// Where the row of values per output begins: bias, γ, β, running mean, running variance,
    /// and then ε and the momentum.
    fn row(self, row: usize) -> usize {
        self.weights.next_multiple_of(4) + row * self.outputs.next_multiple_of(4)
    }

    /// Weight, bias, γ, β, running mean, running variance.
    fn tensors(self, stage: usize) -> Vec<Tensor> {
        let weight = Tensor { stage, offset: 0, len: self.weights };
        let rows = (0..5).map(|row| Tensor { stage, offset: self.row(row), len: self.outputs });
        std::iter::once(weight).chain(rows).collect()
    }

    /// Where ε stands; the momentum follows.
    pub(super) fn epsilon(self) -> usize {
        self.row(5)
    }

    /// Floats of the whole stage: at the end, four per output that the kernels keep.
    pub(super) fn len(self) -> usize {
        self.epsilon() + 4 + 4 * self.outputs
    }
}
