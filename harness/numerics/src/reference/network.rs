//! The network: layers one after the other, with branches, trained by gradient descent.

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::Range;

use trainmark_plugin::{
    Branches, Error, Layer, Model, Optimiser, ParameterSpec, Reads, RunningVariance, Samples, Shape,
};

use super::activation::{Flatten, Relu, Sigmoid, Tanh};
use super::batch_norm::BatchNorm;
use super::convolution::Convolution;
use super::linear::Linear;
use super::loss::{self, Score};
use super::optimiser::Updates;
use super::pooling::{AvgPool, MaxPool, Windows};
use super::resize::Resize;
use super::{Backward, Differentiable, Mode, parts};

/// Samples as the network takes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// pixel/255, rounded to float32, sample by sample.
    pub inputs: Vec<f64>,
    /// The class of each sample.
    pub labels: Vec<u8>,
}

impl Batch {
    /// The samples with these indices, in order.
    ///
    /// # Panics
    /// Where an index is out of range.
    pub fn gather(samples: Samples<'_>, indices: &[u32]) -> Self {
        let features = samples.pixels.len() / samples.count();
        let mut inputs = Vec::with_capacity(indices.len() * features);
        for &index in indices {
            let image = &samples.pixels[index as usize * features..][..features];
            inputs.extend(image.iter().map(|&pixel| f64::from(f32::from(pixel) / 255.0)));
        }
        Self { inputs, labels: indices.iter().map(|&index| samples.labels[index as usize]).collect() }
    }
}

/// Share of the largest root mean square gradient of any tensor below which one is zero but for rounding.
pub const VANISHING: f64 = 1e-9;

/// A forward and backward pass in training mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    /// Loss and right answers, before any update.
    pub score: Score,
    /// Samples × classes, row-major.
    pub logits: Vec<f64>,
    /// ∂loss/∂parameter for every tensor; zeros for running statistics.
    pub gradients: Vec<Vec<f64>>,
}

impl Pass {
    /// The tensors that have a gradient: in float64 what is zero in exact arithmetic comes out as rounding.
    pub fn with_gradients(&self) -> impl Iterator<Item = usize> {
        let size = |tensor: &Vec<f64>| {
            let squares: f64 = tensor.iter().map(|g| g * g).sum();
            (squares / tensor.len() as f64).sqrt()
        };
        let sizes: Vec<f64> = self.gradients.iter().map(size).collect();
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        (0..sizes.len()).filter(move |&slot| sizes[slot] >= VANISHING * largest && sizes[slot] > 0.0)
    }
}

/// A layer in its place.
pub(super) struct Placed {
    pub(super) layer: Layer,
    /// What the operation is applied to; of an `add`, whose operation changes nothing, to the sum.
    pub(super) reads: Reads,
    pub(super) input: Shape,
    pub(super) output: Shape,
    pub(super) operation: Box<dyn Differentiable>,
    /// The layer's tensors among all.
    pub(super) parameters: Range<usize>,
}

/// The layers of a model whose tensors these are.
///
/// # Errors
/// As [`Reference::new`].
pub(super) fn placed(
    model: &Model,
    specs: &[ParameterSpec],
    running_variance: RunningVariance,
) -> Result<Vec<Placed>, Error> {
    let first = specs.first().map_or(0, |spec| spec.layer);
    let shapes = model.input_shapes()?.into_iter().zip(model.shapes()?);
    let layers = model.layers.iter().enumerate().zip(shapes);
    let place = |((index, layer), (input, output)): ((usize, &Layer), (Shape, Shape))| {
        let start = specs.partition_point(|spec| spec.layer < index);
        let end = specs.partition_point(|spec| spec.layer <= index);
        let operation = operation(layer, input, output, running_variance, index > first)
            .map_err(|why| Error::unsupported(format!("layer {index} of model {}: {why}", model.name)))?;
        let reads = model.reads(index);
        Ok(Placed { layer: *layer, reads, input, output, operation, parameters: start..end })
    };
    layers.map(place).collect()
}

impl Placed {
    /// What the operation is given, from the model's input and the outputs of the layers before.
    pub(super) fn given<'v>(&self, values: &'v [Vec<f64>]) -> Cow<'v, [f64]> {
        let first = &values[self.reads.first.place()];
        match self.reads.second {
            None => Cow::Borrowed(first),
            Some(second) => Cow::Owned(sum(first, &values[second.place()])),
        }
    }
}

fn sum(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| one + other).collect()
}

/// The gradients by the model's input and by each layer's output: a value that several layers read
/// has the sum of what they give.
struct ByValue(Vec<Vec<f64>>);

impl ByValue {
    /// None of a model's values has any yet, but for the last layer's output.
    fn behind(layers: usize, gradient: Vec<f64>) -> Self {
        let mut all = vec![Vec::new(); layers];
        all.push(gradient);
        Self(all)
    }

    /// Takes in what a layer gives to what it has read.
    fn take(&mut self, reads: Reads, gradient: Vec<f64>) {
        if let Some(second) = reads.second {
            self.add(second.place(), gradient.clone());
        }
        self.add(reads.first.place(), gradient);
    }

    fn add(&mut self, place: usize, gradient: Vec<f64>) {
        let all = &mut self.0[place];
        *all = if all.is_empty() { gradient } else { sum(all, &gradient) };
    }
}

/// A float64 network with its parameters. Passes whose shapes do not fit panic:
/// the reference is only given batches of the data set that it was made for.
pub struct Reference {
    specs: Vec<ParameterSpec>,
    layers: Vec<Placed>,
    branches: Branches,
    /// Values of a sample.
    features: usize,
    learning_rate: f64,
    updates: Updates,
    /// By how much the last step has changed every tensor that is trained.
    change: Vec<Vec<f64>>,
    logit_margin: f64,
    parameters: Vec<Vec<f64>>,
}

impl Reference {
    /// The network with every parameter at zero, trained by plain gradient descent.
    ///
    /// # Errors
    /// `invalid` where the model's shapes do not fit; `unsupported` for dropout,
    /// whose random choices no reference can foresee.
    pub fn new(model: &Model, running_variance: RunningVariance, learning_rate: f64) -> Result<Self, Error> {
        let specs = model.parameters()?;
        model.classes()?;
        let layers = placed(model, &specs, running_variance)?;
        let features = layers.first().map_or(1, |layer| layer.input.len());
        let parameters = specs.iter().map(|spec| vec![0.0; spec.len()]).collect();
        let branches = model.branches()?;
        let (updates, change) = (Updates::new(Optimiser::Sgd), Vec::new());
        Ok(Self {
            specs,
            layers,
            branches,
            features,
            learning_rate,
            updates,
            change,
            logit_margin: 0.0,
            parameters,
        })
    }

    /// Trained by this optimiser.
    #[must_use]
    pub fn with_optimiser(mut self, optimiser: Optimiser) -> Self {
        self.updates = Updates::new(optimiser);
        self
    }

    /// Counts, in later scores, the samples whose two largest logits lie closer than this.
    #[must_use]
    pub fn with_logit_margin(mut self, margin: f64) -> Self {
        self.logit_margin = margin;
        self
    }

    /// Name, role and shape of every parameter tensor.
    pub fn specs(&self) -> &[ParameterSpec] {
        &self.specs
    }

    /// By how much the last step has changed every tensor that is trained; those of running statistics
    /// are zero, and without a step there is none.
    pub fn change(&self) -> &[Vec<f64>] {
        &self.change
    }

    /// Every parameter tensor, in the order of [`Reference::specs`].
    pub fn parameters(&self) -> &[Vec<f64>] {
        &self.parameters
    }

    /// The same, for changes of single values.
    pub fn parameters_mut(&mut self) -> &mut [Vec<f64>] {
        &mut self.parameters
    }

    /// Sets every parameter tensor from float32, and the optimiser's state to zero.
    ///
    /// # Errors
    /// `invalid` where number or lengths of the tensors are wrong.
    pub fn set_parameters(&mut self, values: &[impl AsRef<[f32]>]) -> Result<(), Error> {
        let lengths = values.iter().map(|tensor| tensor.as_ref().len());
        if !lengths.eq(self.specs.iter().map(ParameterSpec::len)) {
            return Err(Error::invalid("parameter tensors of other number or lengths than the model's"));
        }
        let widened = values.iter().map(|tensor| tensor.as_ref().iter().copied().map(f64::from).collect());
        self.parameters = widened.collect();
        self.updates.reset();
        Ok(())
    }

    /// Loss, right answers and logits in training mode; changes nothing.
    pub fn evaluate(&self, batch: &Batch) -> (Score, Vec<f64>) {
        let logits = self.forward(&batch.inputs, Mode::Training);
        (loss::score(&logits, &batch.labels, self.logit_margin), logits)
    }

    /// Logits in prediction mode, samples × classes.
    pub fn predict(&self, inputs: &[f64]) -> Vec<f64> {
        self.forward(inputs, Mode::Prediction)
    }

    /// Gradients in training mode; changes nothing.
    pub fn gradients(&self, batch: &Batch) -> Pass {
        self.backward(batch, &self.activations(&batch.inputs))
    }

    /// One step: gradients, running ← (1 − momentum)·running + momentum·batch, and what the optimiser
    /// makes of the gradients.
    pub fn train_step(&mut self, batch: &Batch) -> Pass {
        let activations = self.activations(&batch.inputs);
        let pass = self.backward(batch, &activations);
        for layer in &self.layers {
            let input = layer.given(&activations);
            layer.operation.update_statistics(&mut self.parameters[layer.parameters.clone()], &input);
        }
        let decayed = self.decayed(&pass);
        self.change = self.updates.step(self.learning_rate, &decayed);
        for (tensor, change) in self.parameters.iter_mut().zip(&self.change) {
            tensor.iter_mut().zip(change).for_each(|(w, change)| *w += change);
        }
        pass
    }

    /// The gradients of a pass at these parameters, with the optimiser's weight decay.
    pub fn decayed(&self, pass: &Pass) -> Vec<Vec<f64>> {
        let decay = self.updates.optimiser.weight_decay();
        let tensors = self.specs.iter().zip(&self.parameters).zip(&pass.gradients);
        tensors
            .map(|((spec, parameters), gradients)| match spec.role.is_trainable() && decay != 0.0 {
                true => gradients.iter().zip(parameters).map(|(g, w)| g + decay * w).collect(),
                false => gradients.clone(),
            })
            .collect()
    }

    /// For each sample of a training batch, how near the network is to giving a
    /// gradient elsewhere: the smallest relative gap between the two largest
    /// distinct values of a max pool window, or of a ReLU's input from 0.
    pub fn smallest_gaps(&self, batch: &Batch) -> Vec<f64> {
        let mut gaps = vec![f64::INFINITY; batch.labels.len()];
        let activations = self.activations(&batch.inputs);
        for layer in &self.layers {
            let found = layer.operation.smallest_gaps(&layer.given(&activations)).unwrap_or_default();
            gaps.iter_mut().zip(found).for_each(|(gap, other)| *gap = gap.min(other));
        }
        gaps
    }

    fn forward(&self, inputs: &[f64], mode: Mode) -> Vec<f64> {
        let samples = inputs.len() / self.features;
        let Ok(logits) = self.branches.pass(inputs.to_vec(), |index, first, second| {
            let given = match second {
                Some(second) => sum(&first, &second),
                None => first,
            };
            Ok::<_, Infallible>(self.output(index, &given, samples, mode))
        });
        logits
    }

    /// What a layer makes of what it is given.
    fn output(&self, index: usize, given: &[f64], samples: usize, mode: Mode) -> Vec<f64> {
        let layer = &self.layers[index];
        let parameters = &self.parameters[layer.parameters.clone()];
        parts::forward(&*layer.operation, parameters, given, samples, mode)
    }

    /// The inputs, and the output of every layer, in training mode.
    fn activations(&self, inputs: &[f64]) -> Vec<Vec<f64>> {
        let samples = inputs.len() / self.features;
        let mut activations = Vec::with_capacity(self.layers.len() + 1);
        activations.push(inputs.to_vec());
        for (index, layer) in self.layers.iter().enumerate() {
            let output = self.output(index, &layer.given(&activations), samples, Mode::Training);
            activations.push(output);
        }
        activations
    }

    fn backward(&self, batch: &Batch, activations: &[Vec<f64>]) -> Pass {
        let logits = activations[self.layers.len()].clone();
        let mut by_value = ByValue::behind(self.layers.len(), loss::gradient(&logits, &batch.labels));
        let mut gradients: Vec<Vec<f64>> = vec![Vec::new(); self.specs.len()];
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let pass = Backward {
                parameters: &self.parameters[layer.parameters.clone()],
                input: &layer.given(activations),
                output: &activations[index + 1],
                gradient: &by_value.0[index + 1],
            };
            let found = parts::backward(&*layer.operation, &pass, batch.labels.len());
            for (slot, tensor) in layer.parameters.clone().zip(found.parameters) {
                gradients[slot] = tensor;
            }
            if layer.parameters.start == 0 && !layer.parameters.is_empty() {
                break;
            }
            by_value.take(layer.reads, found.input);
        }
        Pass { score: loss::score(&logits, &batch.labels, self.logit_margin), logits, gradients }
    }

    /// Puts another operation in a layer's place, for tests of what the
    /// conformance checks notice.
    #[doc(hidden)]
    pub fn replace(&mut self, layer: usize, operation: Box<dyn Differentiable>) {
        self.layers[layer].operation = operation;
    }
}

fn operation(
    layer: &Layer,
    input: Shape,
    output: Shape,
    running_variance: RunningVariance,
    input_gradient: bool,
) -> Result<Box<dyn Differentiable>, String> {
    let (input_sides, output_sides) = (sides(input), sides(output));
    let windows = |window, stride| Windows { input: input_sides, output: output_sides, window, stride };
    Ok(match *layer {
        // Whether there is a bias is told by the parameters.
        Layer::Conv2d { out_channels, kernel, stride, padding, bias: _ } => Box::new(Convolution {
            in_channels: input.channels(),
            input: input_sides,
            out_channels,
            output: output_sides,
            kernel,
            stride,
            padding,
            input_gradient,
        }),
        Layer::BatchNorm { epsilon, momentum } => Box::new(BatchNorm {
            channels: input.channels(),
            area: input.len() / input.channels(),
            epsilon,
            momentum,
            running_variance,
        }),
        Layer::Sigmoid => Box::new(Sigmoid),
        Layer::Relu => Box::new(Relu { features: input.len() }),
        Layer::Tanh => Box::new(Tanh),
        Layer::MaxPool2d { window, stride } => {
            Box::new(MaxPool { windows: windows(window, stride), channels: input.channels() })
        }
        Layer::AvgPool2d { window, stride } => Box::new(AvgPool(windows(window, stride))),
        // The sum is what it is given.
        Layer::Flatten | Layer::Add { .. } => Box::new(Flatten),
        Layer::Linear { out_features, bias: _ } => {
            Box::new(Linear { in_features: input.len(), out_features })
        }
        Layer::Resize { .. } => Box::new(Resize { input: input_sides, output: output_sides }),
        // What lets everything through draws nothing.
        Layer::Dropout { rate: 0.0 } => Box::new(Flatten),
        Layer::Dropout { .. } => {
            return Err("dropout draws at random, which no reference can foresee".into());
        }
    })
}

/// Height and width; a vector counts as one row.
pub(super) fn sides(shape: Shape) -> (usize, usize) {
    match shape {
        Shape::Image { height, width, .. } => (height, width),
        Shape::Vector(features) => (1, features),
    }
}
