//! A small model with its samples and values.

use serde::{Deserialize, Serialize};
use trainmark_plugin::{Layer, Model, Optimiser, Shape};

use super::generate::generate;
use crate::data::DatasetChoice;
use crate::workload::{CaseInputs, Pixels, Tolerances, Values, Workload, layer_lines, multiply_adds};

/// Most values that a layer makes of a batch: sums stay so short that rounding explains little.
const MOST_VALUES: usize = 12_000;
/// Most multiply-adds of a training step.
const MOST_WORK: u64 = 2_000_000;
/// Most classes: a label is one of them.
const MOST_CLASSES: usize = 64;

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
    pub(super) optimiser: Optimiser,
}

/// Where cases come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A seed draws one for every number.
    Seed(u64),
    /// There is this one.
    Given(Box<Case>),
}

impl Origin {
    /// That of a job: its workload's, or its seed.
    pub fn of(workload: &Workload, seed: u64) -> Self {
        Case::of(workload).map_or(Self::Seed(seed), |case| Self::Given(Box::new(case)))
    }

    fn case(&self, number: u32) -> Case {
        match self {
            Self::Seed(seed) => generate(*seed, number),
            Self::Given(case) => (**case).clone(),
        }
    }
}

/// Which case it is: that with this number, made smaller by these steps.
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
    pub fn case(&self, origin: &Origin) -> Option<Case> {
        let drawn = origin.case(self.number);
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

    /// The case that a workload's file describes; `None` where it describes none.
    pub fn of(workload: &Workload) -> Option<Self> {
        let CaseInputs { seed, pixels, values } = workload.case?;
        let (model, batch, optimiser) = (workload.model.clone(), workload.batch_size, workload.optimiser);
        Some(Self { seed, model, batch, pixels, values, optimiser })
    }

    /// As a workload, whose file describes it.
    pub fn workload(&self, name: String) -> Workload {
        let Self { seed, pixels, values, optimiser, .. } = *self;
        let mut model = self.model.clone();
        model.name.clone_from(&name);
        Workload {
            model,
            summary: self.samples(),
            control: None,
            dataset: DatasetChoice::default(),
            resize: None,
            samples: None,
            optimiser,
            learning_rate: 1.0,
            batch_size: self.batch,
            epochs: 5,
            targets: Vec::new(),
            tolerances: Tolerances::default(),
            case: Some(CaseInputs { seed, pixels, values }),
            name,
        }
    }

    /// Refuses one that is so large that rounding explains much, and one that chooses at random.
    ///
    /// # Errors
    /// With the limits.
    pub fn check(&self) -> anyhow::Result<()> {
        let is_random = self.model.layers.iter().any(|layer| matches!(layer, Layer::Dropout { .. }));
        anyhow::ensure!(!is_random, "a case has no dropout, whose choices no reference can foresee");
        anyhow::ensure!(
            self.fits(),
            "it is too large for a case: of a batch no layer may have more than {MOST_VALUES} values, a step no more \
             than {MOST_WORK} multiply-adds, and the last layer 2 to {MOST_CLASSES} logits"
        );
        Ok(())
    }

    /// `300 samples of bytes 0 and 255`
    fn samples(&self) -> String {
        format!("{} {}{}", crate::units::count(self.batch, "sample"), self.pixels, self.values)
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
        let workload = self.workload(String::new());
        let by = workload.optimiser_words().map(|words| format!(", trained by {words}")).unwrap_or_default();
        let mut lines = vec![format!("input {}, {}{by}", self.model.input, self.samples())];
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

/// Rows and columns of an image; `None` for a vector.
pub(super) fn sides(shape: Shape) -> Option<(usize, usize)> {
    match shape {
        Shape::Image { height, width, .. } => Some((height, width)),
        Shape::Vector(_) => None,
    }
}
