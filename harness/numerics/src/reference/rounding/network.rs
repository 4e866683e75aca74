//! A pass through the network, with a bound for every value.

use std::borrow::Cow;

use trainmark_plugin::{Error, Layer, Model, ParameterSpec, Reads, RunningVariance};

use super::super::batch_norm::BatchNorm;
use super::super::network::{Placed, placed, sides};
use super::super::pooling::Windows;
use super::super::{Backward, Batch, Gradients, Mode, Score, loss as exact_loss};
use super::linear::{self, Terms};
use super::{UNIT, activation, batch_norm, largest, loss, pooling, rounded};

/// Values of the reference, and how far float32 may lie from each.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounded {
    /// In float64.
    pub values: Vec<f64>,
    /// At most, in magnitude.
    pub errors: Vec<f64>,
}

/// A forward and backward pass in training mode, with bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundedStep {
    /// Loss and right answers; undecided are those that rounding decides.
    pub score: Score,
    /// Bound of the loss.
    pub loss_error: f64,
    /// ∂loss/∂parameter for every tensor; of running statistics what they are after the step.
    pub tensors: Vec<Bounded>,
}

/// The reference network without parameters of its own, and what each layer's roundings come to.
pub struct Rounding {
    specs: Vec<ParameterSpec>,
    layers: Vec<Placed>,
    convention: RunningVariance,
}

impl Rounding {
    /// That of a model.
    ///
    /// # Errors
    /// As [`Reference::new`](super::super::Reference::new).
    pub fn new(model: &Model, convention: RunningVariance) -> Result<Self, Error> {
        let specs = model.parameters()?;
        let layers = placed(model, &specs, convention)?;
        Ok(Self { specs, layers, convention })
    }

    /// Name, role and shape of every parameter tensor.
    pub fn specs(&self) -> &[ParameterSpec] {
        &self.specs
    }

    /// Logits in prediction mode.
    pub fn predict(&self, parameters: &[Vec<f64>], inputs: &[f64]) -> Bounded {
        self.activations(parameters, inputs, Mode::Prediction)
            .pop()
            .unwrap_or_else(|| Bounded::pixels(inputs))
    }

    /// Logits in training mode, without bounds.
    pub fn training_logits(&self, parameters: &[Vec<f64>], inputs: &[f64]) -> Vec<f64> {
        let mut values = vec![inputs.to_vec()];
        for layer in &self.layers {
            let own = &parameters[layer.parameters.clone()];
            values.push(layer.operation.forward(own, &layer.given(&values), Mode::Training));
        }
        values.pop().unwrap_or_default()
    }

    /// Gradients in training mode, and the running statistics after the step.
    pub fn pass(&self, parameters: &[Vec<f64>], batch: &Batch) -> BoundedStep {
        let activations = self.activations(parameters, &batch.inputs, Mode::Training);
        let logits = &activations[self.layers.len()];
        let bounds = loss::bounds(&logits.values, &logits.errors, &batch.labels);
        let score = exact_loss::score(&logits.values, &batch.labels, 0.0);
        let gradient =
            Bounded { values: exact_loss::gradient(&logits.values, &batch.labels), errors: bounds.gradients };
        let mut by_value = ByValue::behind(self.layers.len(), gradient);
        let nothing = Bounded { values: Vec::new(), errors: Vec::new() };
        let mut tensors = vec![nothing; self.specs.len()];
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let own = &parameters[layer.parameters.clone()];
            let (input, output) = (layer.bounded(&activations), &activations[index + 1]);
            let gradient = by_value.sum(index + 1);
            let pass = Backward {
                parameters: own,
                input: &input.values,
                output: &output.values,
                gradient: &gradient.values,
            };
            let values = layer.operation.backward(&pass);
            let errors = self.backward(layer, &pass, [&input, output], &gradient.errors);
            let found = values.parameters.into_iter().zip(errors.parameters);
            for (slot, (values, errors)) in layer.parameters.clone().zip(found) {
                tensors[slot] = Bounded { values, errors };
            }
            self.keep_statistics(layer, own, &input, &mut tensors);
            if layer.parameters.start == 0 && !layer.parameters.is_empty() {
                break;
            }
            by_value.take(layer.reads, Bounded { values: values.input, errors: errors.input });
        }
        let score = Score { undecided: bounds.undecided, ..score };
        BoundedStep { score, loss_error: bounds.loss, tensors }
    }

    /// The inputs, and the output of every layer.
    fn activations(&self, parameters: &[Vec<f64>], inputs: &[f64], mode: Mode) -> Vec<Bounded> {
        let mut activations = vec![Bounded::pixels(inputs)];
        for layer in &self.layers {
            let input = layer.bounded(&activations);
            let own = &parameters[layer.parameters.clone()];
            let values = layer.operation.forward(own, &input.values, mode);
            let errors = self.forward(layer, own, &input, &values, mode);
            activations.push(Bounded { values, errors });
        }
        activations
    }

    fn forward(
        &self,
        placed: &Placed,
        parameters: &[Vec<f64>],
        input: &Bounded,
        output: &[f64],
        mode: Mode,
    ) -> Vec<f64> {
        let Bounded { values, errors } = input;
        match placed.layer {
            Layer::Conv2d { .. } | Layer::Linear { .. } | Layer::AvgPool2d { .. } => {
                let terms = placed.terms(values.len() / placed.input.len());
                linear::forward(&*placed.operation, &terms, parameters, values, errors)
            }
            Layer::Resize { .. } => placed.operation.forward(&[], errors, mode),
            Layer::BatchNorm { epsilon, momentum } => {
                let norm = self.norm(placed, epsilon, momentum);
                batch_norm::forward(&norm, parameters, values, errors, mode)
            }
            Layer::Sigmoid => activation::SIGMOID.forward(values, errors),
            Layer::Tanh => activation::TANH.forward(values, errors),
            Layer::MaxPool2d { window, stride } => {
                pooling::forward(&placed.windows(window, stride), output.len(), values, errors)
            }
            Layer::Relu | Layer::Flatten | Layer::Dropout { .. } | Layer::Add { .. } => errors.clone(),
        }
    }

    /// Bounds of a layer's gradients; its input and output are the activations.
    fn backward(
        &self,
        placed: &Placed,
        pass: &Backward<'_>,
        [input, output]: [&Bounded; 2],
        gradient_errors: &[f64],
    ) -> Gradients {
        let gradient = [pass.gradient, gradient_errors];
        let inputs: [&[f64]; 2] = [&input.values, &input.errors];
        Gradients::of_input(match placed.layer {
            Layer::Conv2d { .. } | Layer::Linear { .. } | Layer::AvgPool2d { .. } | Layer::Resize { .. } => {
                let terms = placed.terms(pass.input.len() / placed.input.len());
                return linear::backward(&*placed.operation, &terms, pass, &input.errors, gradient_errors);
            }
            Layer::BatchNorm { epsilon, momentum } => {
                let norm = self.norm(placed, epsilon, momentum);
                return batch_norm::backward(&norm, pass, &input.errors, gradient_errors);
            }
            Layer::Sigmoid => activation::SIGMOID.backward([&output.values, &output.errors], gradient),
            Layer::Tanh => activation::TANH.backward([&output.values, &output.errors], gradient),
            Layer::Relu => activation::relu_backward(inputs, gradient),
            Layer::MaxPool2d { window, stride } => {
                pooling::backward(&placed.windows(window, stride), inputs, gradient)
            }
            Layer::Flatten | Layer::Dropout { .. } | Layer::Add { .. } => gradient_errors.to_vec(),
        })
    }

    /// Running statistics after the step, in place of gradients that they do not have.
    fn keep_statistics(
        &self,
        placed: &Placed,
        parameters: &[Vec<f64>],
        input: &Bounded,
        tensors: &mut [Bounded],
    ) {
        let Layer::BatchNorm { epsilon, momentum } = placed.layer else { return };
        let mut after = parameters.to_vec();
        placed.operation.update_statistics(&mut after, &input.values);
        let norm = self.norm(placed, epsilon, momentum);
        let bounds = batch_norm::statistics(&norm, parameters, &input.values, &input.errors);
        let running = placed.parameters.clone().zip(after).skip(2);
        for ((slot, values), errors) in running.zip(bounds) {
            tensors[slot] = Bounded { values, errors };
        }
    }

    fn norm(&self, placed: &Placed, epsilon: f64, momentum: f64) -> BatchNorm {
        let channels = placed.input.channels();
        let area = placed.input.len() / channels;
        BatchNorm { channels, area, epsilon, momentum, running_variance: self.convention }
    }
}

/// For the model's input and each layer's output the gradients that its readers give; a backend
/// sums them in an order of its own.
struct ByValue(Vec<Vec<Bounded>>);

impl ByValue {
    fn behind(layers: usize, gradient: Bounded) -> Self {
        let mut all = vec![Vec::new(); layers];
        all.push(vec![gradient]);
        Self(all)
    }

    fn take(&mut self, reads: Reads, gradient: Bounded) {
        for source in reads.all() {
            self.0[source.place()].push(gradient.clone());
        }
    }

    /// That of a value whose readers have all given theirs.
    fn sum(&mut self, place: usize) -> Bounded {
        let given = std::mem::take(&mut self.0[place]);
        let roundings = given.len().saturating_sub(1);
        let mut sums = given.into_iter();
        let Some(mut sum) = sums.next() else { return Bounded { values: Vec::new(), errors: Vec::new() } };
        if roundings == 0 {
            return sum;
        }
        let mut most = largest(&sum.values, &sum.errors);
        for more in sums {
            most.iter_mut().zip(largest(&more.values, &more.errors)).for_each(|(most, more)| *most += more);
            sum.add(&more);
        }
        sum.errors.iter_mut().zip(most).for_each(|(error, most)| *error += rounded(roundings, most));
        sum
    }
}

impl Placed {
    /// What the layer is given, with bounds.
    fn bounded<'v>(&self, values: &'v [Bounded]) -> Cow<'v, Bounded> {
        let first = &values[self.reads.first.place()];
        let Some(second) = self.reads.second else { return Cow::Borrowed(first) };
        let mut sum = first.clone();
        sum.add(&values[second.place()]);
        for (value, error) in sum.values.iter().zip(&mut sum.errors) {
            // What float32 holds is a tie where it is one here.
            let is_exact = *error == 0.0 && f64::from(*value as f32) == *value;
            *error += if is_exact { 0.0 } else { rounded(1, value.abs() + *error) };
        }
        Cow::Owned(sum)
    }

    fn terms(&self, samples: usize) -> Terms {
        let overlap = |window: usize, stride: usize| window.div_ceil(stride).pow(2);
        match self.layer {
            Layer::Conv2d { out_channels, kernel, .. } => Terms {
                output: self.input.channels() * kernel * kernel + 1,
                parameter: samples * self.output.len() / out_channels,
                input: out_channels * kernel * kernel,
            },
            Layer::Linear { out_features, .. } => {
                Terms { output: self.input.len() + 1, parameter: samples, input: out_features }
            }
            Layer::AvgPool2d { window, stride } => {
                Terms { output: window * window + 1, parameter: 0, input: overlap(window, stride) + 1 }
            }
            _ => {
                let ((height, width), (out_height, out_width)) = (sides(self.input), sides(self.output));
                let copies = out_height.div_ceil(height) * out_width.div_ceil(width);
                Terms { output: 0, parameter: 0, input: copies }
            }
        }
    }

    fn windows(&self, window: usize, stride: usize) -> Windows {
        Windows { input: sides(self.input), output: sides(self.output), window, stride }
    }
}

impl Bounded {
    /// The values of another one added to these, exactly.
    fn add(&mut self, other: &Self) {
        self.values.iter_mut().zip(&other.values).for_each(|(sum, value)| *sum += value);
        self.errors.iter_mut().zip(&other.errors).for_each(|(sum, error)| *sum += error);
    }

    /// pixel/255: black and white are exact, and whoever multiplies by 1/255 rounds twice.
    fn pixels(inputs: &[f64]) -> Self {
        let errors = inputs.iter().map(|x| if *x == 1.0 { 0.0 } else { UNIT * x }).collect();
        Self { values: inputs.to_vec(), errors }
    }
}
