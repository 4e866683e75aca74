//! The operations: which models' times make up each.

use trainmark_plugin::{Error, Layer, Model, Optimiser, Shape};
use trainmark_reports::record::Implementation;

use crate::workload::{self, Workload, multiply_adds};

/// Samples per batch, to which every time refers.
pub const BATCH: usize = 256;

/// Batches that are trained on in turn.
pub const BATCHES: usize = 4;

/// Samples of one call of `predict`: four batches, so that a call is not over
/// before it is under way.
pub const PREDICTED: usize = 4 * BATCH;

/// Logits of the small models.
pub(super) const CLASSES: usize = 10;

/// Small enough for the layers' models to stay finite over any number of steps.
pub(super) const LEARNING_RATE: f64 = 0.01;

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Name, such as `conv1`; of a workload that the user names, `mine/conv2d1`.
    pub name: String,
    /// One line on what is computed and what is subtracted.
    pub summary: String,
    /// Its time is the sum of these models' times, with their signs.
    pub terms: Vec<Term>,
    /// Multiply-adds per batch, where convolutions or linear layers make up the work.
    pub multiply_adds: Option<u64>,
}

/// One model and what is timed of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// Whether its time counts for the operation or is taken away.
    pub sign: Sign,
    /// The model.
    pub model: Model,
    /// What is called.
    pub call: Call,
    /// What it is trained on.
    pub data: Data,
    /// Optimiser of its training.
    pub optimiser: Optimiser,
    /// Learning rate of its training.
    pub learning_rate: f64,
}

/// The sign of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Its time is added.
    Plus,
    /// Its time is subtracted.
    Minus,
}

impl Sign {
    /// 1 or −1.
    pub fn factor(self) -> f64 {
        match self {
            Self::Plus => 1.0,
            Self::Minus => -1.0,
        }
    }
}

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `train_step` of one batch.
    TrainStep,
    /// `predict` of [`PREDICTED`] samples in batches.
    Predict,
}

impl Call {
    /// Batches that one call works through.
    pub fn batches(self) -> usize {
        match self {
            Self::TrainStep => 1,
            Self::Predict => PREDICTED / BATCH,
        }
    }
}

/// What a model is trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// The first samples of the procedural data set.
    Synthetic,
    /// Random bytes of the model's input shape.
    Random,
}

impl Operation {
    /// Whether its models hold a batch norm, so that there is an implementation to choose.
    pub fn has_batch_norm(&self) -> bool {
        self.terms.iter().any(|term| term.model.has_batch_norm())
    }

    /// Whether an implementation of batch norm, or [`Implementation::NONE`], has it.
    pub fn is_of(&self, implementation: &str) -> bool {
        self.has_batch_norm() == (implementation != Implementation::NONE)
    }
}

/// Every operation, in the order of the table's rows.
///
/// # Errors
/// Where a model's shapes do not fit, which is a bug.
pub fn all() -> Result<Vec<Operation>, Error> {
    let normalised = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };
    let pool = Layer::MaxPool2d { window: 2, stride: 2 };
    Ok(vec![
        lenet("train_step", Call::TrainStep)?,
        lenet("predict", Call::Predict)?,
        behind("batch_norm1".into(), image(6, 24, 24), normalised, normalised)?,
        behind("batch_norm2".into(), image(16, 8, 8), normalised, normalised)?,
        behind("batch_norm3".into(), Shape::Vector(120), normalised, normalised)?,
        first("conv1".into(), image(1, 28, 28), convolution(6, 5))?,
        behind("conv2".into(), image(6, 12, 12), convolution(6, 1), convolution(16, 5))?,
        behind("pool1".into(), image(6, 24, 24), convolution(6, 1), pool)?,
        behind("pool2".into(), image(16, 8, 8), convolution(16, 1), pool)?,
        behind("sigmoid1".into(), image(6, 24, 24), convolution(6, 1), Layer::Sigmoid)?,
        behind("linear1".into(), Shape::Vector(256), linear(256), linear(120))?,
        behind("linear2".into(), Shape::Vector(120), linear(120), linear(84))?,
    ])
}

fn image(channels: usize, height: usize, width: usize) -> Shape {
    Shape::Image { channels, height, width }
}

fn convolution(out_channels: usize, kernel: usize) -> Layer {
    Layer::Conv2d { out_channels, kernel, stride: 1, padding: 0, bias: true }
}

pub(super) fn linear(out_features: usize) -> Layer {
    Layer::Linear { out_features, bias: true }
}

fn lenet(name: &str, call: Call) -> Result<Operation, Error> {
    let workload = workload::lenet_bn();
    whole(name.to_owned(), &workload, call, (Data::Synthetic, workload.learning_rate))
}

/// A call of a whole network, on such data at such a rate.
pub(super) fn whole(
    name: String,
    workload: &Workload,
    call: Call,
    (data, learning_rate): (Data, f64),
) -> Result<Operation, Error> {
    let work = multiply_adds(&workload.model)?;
    let (per_sample, what) = match call {
        Call::TrainStep => (work.total(), "one training step"),
        Call::Predict => (work.forward, "prediction of 1,024 samples in four batches, per batch"),
    };
    let model = workload.model.clone();
    Ok(Operation {
        name,
        summary: format!("{}: {what}", workload.name),
        terms: vec![Term {
            sign: Sign::Plus,
            optimiser: workload.optimiser,
            learning_rate,
            model,
            call,
            data,
        }],
        multiply_adds: Some(per_sample * BATCH as u64),
    })
}

/// A layer that is the first with weights, whose input needs no gradient: its
/// model, less one that begins with what it gives.
pub(super) fn first(name: String, input: Shape, layer: Layer) -> Result<Operation, Error> {
    let output = output(input, layer)?;
    Ok(Operation {
        name,
        summary: format!(
            "{}: forward and weight gradient; the step of [it, head] − [head on {output}]",
            describe(input, layer, output)
        ),
        terms: vec![term(Sign::Plus, input, &[layer]), term(Sign::Minus, output, &[])],
        multiply_adds: forward(input, layer)?.map(|count| 2 * count * BATCH as u64),
    })
}

/// A layer behind another with weights, so that its input needs a gradient: the
/// model of both, less the model of the front alone. Where the layer changes the
/// shape, the head behind it changes too, and its two costs are exchanged.
pub(super) fn behind(name: String, input: Shape, front: Layer, layer: Layer) -> Result<Operation, Error> {
    let middle = output(input, front)?;
    let output = output(middle, layer)?;
    let mut terms = vec![term(Sign::Plus, input, &[front, layer]), term(Sign::Minus, input, &[front])];
    let mut models = "[front, it, head] − [front, head]".to_owned();
    if middle != output {
        terms.extend([term(Sign::Plus, middle, &[]), term(Sign::Minus, output, &[])]);
        models.push_str(&format!(" + [head on {middle}] − [head on {output}]"));
    }
    Ok(Operation {
        name,
        summary: format!(
            "{}: forward and backward; the step of {models}, front: {}",
            describe(middle, layer, output),
            short(front)
        ),
        terms,
        multiply_adds: forward(middle, layer)?.map(|count| 3 * count * BATCH as u64),
    })
}

/// The step of [layers, head], where the head is [flatten, linear 10].
pub(super) fn term(sign: Sign, input: Shape, layers: &[Layer]) -> Term {
    let head = [Layer::Flatten, linear(CLASSES)];
    let layers: Vec<Layer> = match input {
        // Vectors come as images of one row: every backend reads images.
        Shape::Vector(_) => [Layer::Flatten].iter().chain(layers).chain(&head[1..]).copied().collect(),
        Shape::Image { .. } => layers.iter().chain(&head).copied().collect(),
    };
    let input = match input {
        Shape::Vector(features) => image(1, 1, features),
        image @ Shape::Image { .. } => image,
    };
    let model = Model::new(model_name(&layers), input, layers);
    let (data, optimiser) = (Data::Random, Optimiser::Sgd);
    Term { sign, model, call: Call::TrainStep, data, optimiser, learning_rate: LEARNING_RATE }
}

/// `conv2d+flatten+linear`, for a backend's messages.
fn model_name(layers: &[Layer]) -> String {
    layers.iter().map(Layer::kind).collect::<Vec<_>>().join("+")
}

pub(super) fn output(input: Shape, layer: Layer) -> Result<Shape, Error> {
    let model = Model::new(layer.kind().to_owned(), input, [layer]);
    Ok(model.shapes()?[0])
}

/// Multiply-adds of a layer's forward pass of one sample, if it has any.
fn forward(input: Shape, layer: Layer) -> Result<Option<u64>, Error> {
    let model = Model::new(layer.kind().to_owned(), input, [layer]);
    Ok(Some(multiply_adds(&model)?.forward).filter(|&count| count > 0))
}

pub(super) fn describe(input: Shape, layer: Layer, output: Shape) -> String {
    let layer = short(layer);
    if input == output { format!("{layer}, {input}") } else { format!("{layer}, {input} → {output}") }
}

fn short(layer: Layer) -> String {
    match layer {
        Layer::Conv2d { kernel, .. } => format!("conv2d k{kernel}"),
        Layer::MaxPool2d { window, stride } => format!("max_pool2d {window}/{stride}"),
        other => other.kind().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> Operation {
        all().unwrap().into_iter().find(|operation| operation.name == name).unwrap()
    }

    #[test]
    fn every_model_fits_and_names_are_unique() {
        let operations = all().unwrap();
        let mut names: Vec<&str> = operations.iter().map(|operation| &*operation.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), operations.len());
        for operation in &operations {
            for term in &operation.terms {
                assert_eq!(term.model.classes(), Ok(CLASSES), "{}", operation.name);
            }
            let normed: Vec<bool> = operation.terms.iter().map(|term| term.model.has_batch_norm()).collect();
            assert!(normed.iter().all(|one| *one == normed[0]), "{}: two implementations", operation.name);
        }
    }

    #[test]
    fn the_definitions_are_the_documented_ones() {
        let lines = |operation: Operation| {
            let terms = operation.terms.iter().map(|term| {
                let sign = if term.sign == Sign::Plus { '+' } else { '−' };
                format!("\n  {sign} {} on {}", term.model.name, term.model.input)
            });
            let work = operation.multiply_adds.map_or("none".to_owned(), |count| count.to_string());
            format!("{}, {work}: {}{}\n", operation.name, operation.summary, terms.collect::<String>())
        };
        insta::assert_snapshot!(all().unwrap().into_iter().map(lines).collect::<String>());
    }

    /// With the signs, every layer but the one in question must cancel as far as it
    /// multiplies: that of the head but for its input gradient, as documented.
    #[test]
    fn what_is_not_the_layer_cancels() {
        for name in ["conv1", "conv2", "linear1", "linear2"] {
            let operation = find(name);
            let signed = |count: fn(workload::MultiplyAdds) -> u64| -> i64 {
                let of_term = |term: &Term| {
                    let sign = if term.sign == Sign::Plus { 1 } else { -1 };
                    sign * count(multiply_adds(&term.model).unwrap()) as i64
                };
                operation.terms.iter().map(of_term).sum::<i64>() * BATCH as i64
            };
            let passes = if name == "conv1" { 2 } else { 3 };
            let layer = operation.multiply_adds.unwrap() as i64 / passes;
            assert_eq!(signed(|work| work.forward), layer, "{name}");
            assert_eq!(signed(|work| work.weight_gradients), layer, "{name}");
        }
    }

    /// Multiply-adds of the whole network's layers, as `inspect lenet-bn` has them.
    #[test]
    fn the_layers_are_those_of_lenet() {
        let layers: u64 = ["conv1", "conv2", "linear1", "linear2"]
            .iter()
            .map(|name| find(name).multiply_adds.unwrap())
            .sum();
        let last = 3 * 84 * 10 * BATCH as u64;
        assert_eq!(Some(layers + last), find("train_step").multiply_adds);
    }
}
