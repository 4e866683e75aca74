//! A small model with its samples and values.

use serde::{Deserialize, Serialize};
use trainmark_plugin::{Layer, Model, Shape};

use super::generate::generate;
use crate::workload::{layer_lines, multiply_adds};

/// Most values that a layer makes of a batch: sums stay so short that rounding explains little.
const MOST_VALUES: usize = 12_000;
/// Most multiply-adds of a training step.
const MOST_WORK: u64 = 2_000_000;
/// Most classes: a label is one of them.
const MOST_CLASSES: usize = 64;

/// What the samples look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pixels {
    /// Any byte.
    Random,
    /// 0 or 255.
    BlackAndWhite,
    /// Squares of two by two pixels of four levels: ties everywhere.
    Squares,
    /// One level for all of a sample.
    Flat,
    /// The same image for all samples.
    Same,
    /// 0 to 3.
    Dark,
    /// All 0.
    Black,
}

/// What the parameters begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// As for the gate.
    Ordinary,
    /// Weights and biases are multiples of a quarter: sums of them are exact, and so are ties.
    Quarters,
    /// Those of the first layer with weights times a power of two.
    Scaled(i32),
    /// The first layer with weights has a channel that is constant.
    ConstantChannel,
}

/// One model, with all that a step of it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Chooses values and samples.
    pub(super) seed: u64,
    pub(super) model: Model,
    /// Samples of the training step.
    pub(super) batch: usize,
    pub(super) pixels: Pixels,
    pub(super) values: Values,
}

/// Which case it is: of a seed the one with this number, made smaller by these steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CaseName {
    /// From 0.
    pub number: u32,
    /// Which of the smaller ones was taken, again and again.
    #[serde(default)]
    pub smaller: Vec<u16>,
}

impl CaseName {
    /// Longest way to a smaller one: further, none is made.
    pub const MOST_STEPS: usize = 200;

    /// The case of this number, as it was drawn.
    pub fn drawn(number: u32) -> Self {
        Self { number, smaller: Vec::new() }
    }

    /// The case itself; `None` where no such smaller one was made.
    pub fn case(&self, seed: u64) -> Option<Case> {
        let drawn = generate(seed, self.number);
        self.smaller.iter().try_fold(drawn, |case, &place| case.smaller().into_iter().nth(usize::from(place)))
    }

    /// One of the smaller cases of this one.
    pub(super) fn step(&self, place: usize) -> Self {
        let step = u16::try_from(place).unwrap_or(u16::MAX);
        Self { number: self.number, smaller: self.smaller.iter().copied().chain([step]).collect() }
    }
}

impl Case {
    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Whether an implementation of this name computes it: models without batch norm are asked for
    /// with `none`.
    pub fn is_of(&self, implementation: &str) -> bool {
        let is_none = implementation == trainmark_reports::record::Implementation::NONE;
        self.model.has_batch_norm() != is_none
    }

    /// Whether its shapes fit and it is small enough.
    pub(super) fn fits(&self) -> bool {
        let Ok(classes) = self.model.classes() else { return false };
        let Ok(shapes) = self.model.shapes() else { return false };
        let Ok(work) = multiply_adds(&self.model) else { return false };
        let Ok(parameters) = self.model.parameters() else { return false };
        let widest =
            shapes.iter().map(|shape| shape.len()).chain([self.model.input.len()]).max().unwrap_or(0);
        (2..=MOST_CLASSES).contains(&classes)
            && !parameters.is_empty()
            && self.batch > 0
            && widest * self.batch <= MOST_VALUES
            && work.total() * self.batch as u64 <= MOST_WORK
    }

    /// Samples that it is predicted with.
    pub(super) fn tests(&self) -> usize {
        self.batch.min(9)
    }

    /// Kinds of its layers, in their order, but for what every model ends with.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        let layers = self.model.layers.iter().map(Layer::kind);
        let mut kinds: Vec<&str> = layers.filter(|kind| *kind != "flatten").collect();
        if kinds.len() > 1 && kinds.last() == Some(&"linear") {
            kinds.pop();
        }
        kinds
    }

    /// How much there is to look at: layers, then values.
    pub(super) fn size(&self) -> (usize, usize) {
        let shapes = self.model.shapes().unwrap_or_default();
        let values: usize = shapes.iter().map(|shape| shape.len()).sum();
        (self.model.layers.len(), self.batch * (self.model.input.len() + values))
    }

    /// What it is, in a few lines.
    pub fn lines(&self) -> Vec<String> {
        let samples = match self.batch {
            1 => "1 sample".to_owned(),
            count => format!("{count} samples"),
        };
        let mut lines = vec![format!("input {}, {samples} {}{}", self.model.input, self.pixels, self.values)];
        // Of a model that does not fit there is nothing to be told.
        lines.extend(layer_lines(&self.model).unwrap_or_default());
        lines
    }

    /// Whether a batch norm normalises a single value, which a backend may refuse.
    pub(super) fn has_single_values(&self) -> bool {
        let inputs = self.model.input_shapes().unwrap_or_default();
        let mut layers = self.model.layers.iter().zip(inputs);
        layers.any(|(layer, input)| {
            matches!(layer, Layer::BatchNorm { .. }) && self.batch * input.len() / input.channels() == 1
        })
    }
}

impl std::fmt::Display for Pixels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Random => "of random bytes",
            Self::BlackAndWhite => "of bytes 0 and 255",
            Self::Squares => "of squares of 2×2 equal bytes",
            Self::Flat => "of one byte each",
            Self::Same => "that are all the same",
            Self::Dark => "of bytes 0 to 3",
            Self::Black => "of bytes 0",
        })
    }
}

impl std::fmt::Display for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ordinary => Ok(()),
            Self::Quarters => f.write_str(", weights and biases multiples of 1/4"),
            Self::Scaled(exponent) => write!(f, ", first weights and biases times 2^{exponent}"),
            Self::ConstantChannel => f.write_str(", first weights 0 of the first channel"),
        }
    }
}

/// Rows and columns of an image; `None` for a vector.
pub(super) fn sides(shape: Shape) -> Option<(usize, usize)> {
    match shape {
        Shape::Image { height, width, .. } => Some((height, width)),
        Shape::Vector(_) => None,
    }
}
