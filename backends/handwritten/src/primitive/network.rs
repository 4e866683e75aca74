//! A model's layers in order, and the passes through them.

use trainmark_plugin::{Error, Layer, Model, RunningVariance, Samples, Shape};

use super::activation::Activation;
use super::batch_norm::{BatchNorm, Statistics};
use super::convolution::Convolution;
use super::dropout::Dropout;
use super::layout::{LANES, Lanes, load};
use super::linear::Linear;
use super::loss::cross_entropy;
use super::pooling::{Pooling, Resize};
use super::routes::{Read, Route, routes};
use crate::part::Part;
use crate::score::Score;
use crate::threads::Member;

/// The model as a list of stages. It holds shapes only; its parameters are
/// tensors in the order of [`Model::parameters`].
#[derive(Debug)]
pub(super) struct Network {
    stages: Vec<Stage>,
    /// The first stage with parameters: gradients are needed no further back.
    first_trainable: usize,
    /// How many gradients of values are needed at once.
    gradients: usize,
}

/// One layer and its place in the network.
#[derive(Debug)]
struct Stage {
    operation: Operation,
    /// Values of one sample before and after.
    inputs: usize,
    outputs: usize,
    /// Where the layer's tensors begin in the list of parameters.
    first_parameter: usize,
    route: Route,
}

#[derive(Debug)]
enum Operation {
    Convolution { convolution: Convolution, bias: bool },
    BatchNorm(BatchNorm),
    Activation(Activation),
    MaxPool(Pooling),
    AveragePool(Pooling),
    Flatten,
    Dropout(Dropout),
    Linear(Linear),
    Resize(Resize),
    Add,
}

/// What one thread computes with: the values of its part of the batch.
#[derive(Debug)]
pub(super) struct Workspace {
    /// The input, then the output of every stage.
    values: Vec<Vec<Lanes>>,
    /// ∂L/∂value of the values at hand, as the routes have it.
    d_values: Vec<Vec<Lanes>>,
    /// What is to be added to one of them.
    d_more: Vec<Lanes>,
    /// The batch's statistics for every stage; empty where it is no batch norm.
    pub(super) statistics: Vec<Statistics>,
    /// ∂L/∂parameter, summed over this thread's part; empty for running statistics.
    pub(super) gradients: Vec<Vec<f64>>,
    pub(super) score: Score,
}

impl Network {
    /// # Errors
    /// `invalid` where a layer does not fit.
    pub(super) fn new(model: &Model) -> Result<Self, Error> {
        let specs = model.parameters()?;
        let mut stages = Vec::with_capacity(model.layers.len());
        let shapes = model.input_shapes()?.into_iter().zip(model.shapes()?);
        let (routes, gradients) = routes(model)?;
        let layers = model.layers.iter().zip(shapes).zip(routes).enumerate();
        for (index, ((layer, (input, output)), route)) in layers {
            let operation = Operation::new(index, layer, input, output);
            let first_parameter = specs.iter().take_while(|spec| spec.layer < index).count();
            let (inputs, outputs) = (input.len(), output.len());
            stages.push(Stage { operation, inputs, outputs, first_parameter, route });
        }
        let first_trainable = specs.first().map_or(stages.len(), |spec| spec.layer);
        Ok(Self { stages, first_trainable, gradients })
    }

    pub(super) fn classes(&self) -> usize {
        self.stages.last().map_or(0, |stage| stage.outputs)
    }

    /// Values of one sample: what the first stage reads, which has nothing else to read.
    fn inputs(&self) -> usize {
        self.stages[0].inputs
    }

    /// Forward, loss and backward for one part of a batch: leaves the loss,
    /// the gradients and the batch's statistics in the workspace. `step` is a number of its own
    /// for each step, on which dropout's choices hang.
    pub(super) fn train(
        &self,
        step: u64,
        parameters: &[Vec<f32>],
        samples: Samples<'_>,
        part: &Part<'_>,
        member: &Member<'_>,
        workspace: &mut Workspace,
    ) {
        workspace.resize(self, part.blocks());
        let Workspace { values, d_values, statistics, .. } = &mut *workspace;
        load(part, samples.pixels, self.inputs(), &mut values[0]);
        for (index, stage) in self.stages.iter().enumerate() {
            let (before, after) = values.split_at_mut(index + 1);
            if let Operation::BatchNorm(batch_norm) = &stage.operation {
                batch_norm.statistics(stage.input(before), part, member, &mut statistics[index]);
            }
            let mode = Mode::Training { step };
            stage.forward(mode, parameters, &statistics[index], part, before, &mut after[0]);
        }
        let logits = &values[self.stages.len()];
        let d_logits = &mut d_values[self.stages.last().map_or(0, |last| last.route.gradient)];
        let d_logits = &mut d_logits[..logits.len()];
        workspace.score = cross_entropy(part, samples.labels, self.classes(), logits, d_logits);
        self.backward(step, parameters, part, member, workspace);
    }

    /// The chain rule, from the last stage back to the first with parameters.
    fn backward(
        &self,
        step: u64,
        parameters: &[Vec<f32>],
        part: &Part<'_>,
        member: &Member<'_>,
        workspace: &mut Workspace,
    ) {
        let Workspace { values, d_values, d_more, statistics, gradients, .. } = workspace;
        gradients.iter_mut().for_each(|gradient| gradient.fill(0.0));
        for (index, stage) in self.stages.iter().enumerate().skip(self.first_trainable).rev() {
            let Route { gradient, needs_input_gradient, .. } = stage.route;
            // Out of the list, so that others in it can be written.
            let d_output = std::mem::take(&mut d_values[gradient]);
            let pass = Backward {
                step,
                parameters: &parameters[stage.first_parameter..],
                statistics: &statistics[index],
                part,
                input: stage.input(values),
                output: &values[index + 1],
                d_output: &d_output[..part.blocks() * stage.outputs],
            };
            let gradients = &mut gradients[stage.first_parameter..];
            stage.parameter_gradients(&pass, gradients);
            for read in stage.route.reads.iter().filter(|_| needs_input_gradient) {
                let d_input = &mut d_values[read.gradient][..part.blocks() * stage.inputs];
                if read.is_first {
                    stage.input_gradient(&pass, gradients, member, d_input);
                } else {
                    let d_more = &mut d_more[..part.blocks() * stage.inputs];
                    stage.input_gradient(&pass, gradients, member, d_more);
                    d_input.iter_mut().zip(d_more).for_each(|(sum, more)| sum.add(more));
                }
            }
            d_values[gradient] = d_output;
        }
    }

    /// Writes the logits of a part, row-major, in prediction mode: `statistics`
    /// are the running ones. One block after the other, so that memory does
    /// not grow with the number of samples.
    pub(super) fn predict(
        &self,
        parameters: &[Vec<f32>],
        statistics: &[Statistics],
        samples: Samples<'_>,
        part: &Part<'_>,
        workspace: &mut Workspace,
        logits: &mut [f32],
    ) {
        workspace.resize(self, 1);
        let Workspace { values, .. } = workspace;
        for (block, logits) in part.pieces(1).zip(logits.chunks_mut(LANES * self.classes())) {
            load(&block, samples.pixels, self.inputs(), &mut values[0]);
            for (index, stage) in self.stages.iter().enumerate() {
                let (before, after) = values.split_at_mut(index + 1);
                let output = &mut after[0];
                stage.forward(Mode::Prediction, parameters, &statistics[index], &block, before, output);
            }
            let block = &values[self.stages.len()];
            for (lane, logits) in logits.chunks_exact_mut(self.classes()).enumerate() {
                for (logit, value) in logits.iter_mut().zip(block) {
                    *logit = value.0[lane];
                }
            }
        }
    }

    /// The running statistics as [`Network::predict`] takes them: one per stage.
    pub(super) fn running_statistics(&self, parameters: &[Vec<f32>]) -> Vec<Statistics> {
        let float64 = |values: &[f32]| values.iter().copied().map(f64::from).collect();
        let running = |stage: &Stage| match (&stage.operation, &parameters[stage.first_parameter..]) {
            (Operation::BatchNorm(_), [_, _, mean, variance, ..]) => {
                Statistics { mean: float64(mean), variance: float64(variance) }
            }
            _ => Statistics::default(),
        };
        self.stages.iter().map(running).collect()
    }

    /// Moves every running mean and variance towards those of the batch.
    pub(super) fn update_running_statistics(
        &self,
        convention: RunningVariance,
        statistics: &[Statistics],
        batch: usize,
        parameters: &mut [Vec<f32>],
    ) {
        for (stage, statistics) in self.stages.iter().zip(statistics) {
            if let (Operation::BatchNorm(batch_norm), [_, _, mean, variance, ..]) =
                (&stage.operation, &mut parameters[stage.first_parameter..])
            {
                batch_norm.update_running(convention, statistics, batch, mean, variance);
            }
        }
    }
}

/// Whether dropout leaves anything out.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// As a hash of the step's number says.
    Training { step: u64 },
    /// It lets everything through.
    Prediction,
}

/// What the backward pass of one stage reads.
struct Backward<'p> {
    step: u64,
    /// The stage's own tensors come first.
    parameters: &'p [Vec<f32>],
    statistics: &'p Statistics,
    part: &'p Part<'p>,
    input: &'p [Lanes],
    output: &'p [Lanes],
    d_output: &'p [Lanes],
}

impl Stage {
    /// What it reads, of the model's input and the outputs before it; of a sum the first.
    fn input<'v>(&self, values: &'v [Vec<Lanes>]) -> &'v [Lanes] {
        let Read { value, .. } = self.route.reads[0];
        &values[value]
    }

    /// `parameters` begin with the stage's own; `statistics` are batch norm's; `before` are the
    /// model's input and the outputs of the stages before.
    fn forward(
        &self,
        mode: Mode,
        parameters: &[Vec<f32>],
        statistics: &Statistics,
        part: &Part<'_>,
        before: &[Vec<Lanes>],
        output: &mut [Lanes],
    ) {
        let input = self.input(before);
        let parameters = &parameters[self.first_parameter..];
        match &self.operation {
            Operation::Convolution { convolution, bias } => {
                let bias = bias.then(|| &*parameters[1]);
                convolution.forward(&parameters[0], bias, input, output);
            }
            Operation::Linear(linear) => {
                let bias = linear.bias.then(|| &*parameters[1]);
                linear.forward(&parameters[0], bias, input, output);
            }
            Operation::BatchNorm(batch_norm) => {
                batch_norm.normalize(&parameters[0], &parameters[1], statistics, part, input, output);
            }
            Operation::Activation(activation) => activation.forward(input, output),
            Operation::MaxPool(pooling) => pooling.max_forward(input, output),
            Operation::AveragePool(pooling) => pooling.average_forward(input, output),
            Operation::Resize(resize) => resize.forward(input, output),
            Operation::Dropout(dropout) => match mode {
                Mode::Training { step } => dropout.apply(step, part, input, output),
                Mode::Prediction => output.copy_from_slice(input),
            },
            // Units are row-major already.
            Operation::Flatten => output.copy_from_slice(input),
            Operation::Add => {
                output.copy_from_slice(input);
                for read in &self.route.reads[1..] {
                    output.iter_mut().zip(&before[read.value]).for_each(|(sum, x)| sum.add(x));
                }
            }
        }
    }

    /// Adds the part's sums to the stage's own gradients.
    fn parameter_gradients(&self, pass: &Backward<'_>, gradients: &mut [Vec<f64>]) {
        let Backward { statistics, part, input, d_output, .. } = *pass;
        match (&self.operation, gradients) {
            // What follows the weight is the bias, or where there is none the next layer's.
            (Operation::Convolution { convolution, bias }, [d_weight, behind @ ..]) => {
                convolution.weight_gradient(input, d_output, d_weight);
                if let (true, [d_bias, ..]) = (bias, behind) {
                    convolution.bias_gradient(d_output, d_bias);
                }
            }
            (Operation::Linear(linear), [d_weight, behind @ ..]) => {
                linear.weight_gradient(input, d_output, d_weight);
                if let (true, [d_bias, ..]) = (linear.bias, behind) {
                    linear.bias_gradient(d_output, d_bias);
                }
            }
            (Operation::BatchNorm(batch_norm), [d_gamma, d_beta, ..]) => {
                batch_norm.parameter_gradients(statistics, part, input, d_output, d_gamma, d_beta);
            }
            _ => {}
        }
    }

    /// Overwrites `d_input`. `gradients` are this part's, from
    /// [`Stage::parameter_gradients`].
    fn input_gradient(
        &self,
        pass: &Backward<'_>,
        gradients: &[Vec<f64>],
        member: &Member<'_>,
        d_input: &mut [Lanes],
    ) {
        let Backward { step, parameters, statistics, part, input, output, d_output } = *pass;
        match &self.operation {
            Operation::Convolution { convolution, .. } => {
                convolution.input_gradient(&parameters[0], d_output, d_input);
            }
            Operation::Linear(linear) => linear.input_gradient(&parameters[0], d_output, d_input),
            Operation::BatchNorm(batch_norm) => {
                let (mut d_gamma, mut d_beta) = (gradients[0].clone(), gradients[1].clone());
                member.sum(&mut d_gamma);
                member.sum(&mut d_beta);
                let totals = (&d_gamma[..], &d_beta[..]);
                batch_norm.input_gradient(
                    &parameters[0],
                    statistics,
                    part,
                    (input, d_output),
                    totals,
                    d_input,
                );
            }
            Operation::Activation(activation) => activation.backward(output, d_output, d_input),
            Operation::MaxPool(pooling) => pooling.max_backward(input, output, d_output, d_input),
            Operation::AveragePool(pooling) => pooling.average_backward(d_output, d_input),
            Operation::Resize(resize) => resize.backward(d_output, d_input),
            Operation::Dropout(dropout) => dropout.apply(step, part, d_output, d_input),
            Operation::Flatten | Operation::Add => d_input.copy_from_slice(d_output),
        }
    }
}

impl Operation {
    /// The operation of the model's layer at that place.
    fn new(index: usize, layer: &Layer, input: Shape, output: Shape) -> Self {
        let (in_channels, in_height, in_width) = extents(input);
        let (out_channels, out_height, out_width) = extents(output);
        let (in_plane, out_plane) = ((in_height, in_width), (out_height, out_width));
        let pooling = |window, stride| Pooling { input: in_plane, output: out_plane, window, stride };
        match *layer {
            Layer::Conv2d { kernel, stride, padding, bias, .. } => Self::Convolution {
                convolution: Convolution::new(
                    (in_channels, in_height, in_width),
                    (out_channels, out_height, out_width),
                    kernel,
                    stride,
                    padding,
                ),
                bias,
            },
            Layer::BatchNorm { epsilon, momentum } => {
                let area = in_height * in_width;
                Self::BatchNorm(BatchNorm { channels: in_channels, area, epsilon, momentum })
            }
            Layer::Sigmoid => Self::Activation(Activation::Sigmoid),
            Layer::Relu => Self::Activation(Activation::Relu),
            Layer::Tanh => Self::Activation(Activation::Tanh),
            Layer::MaxPool2d { window, stride } => Self::MaxPool(pooling(window, stride)),
            Layer::AvgPool2d { window, stride } => Self::AveragePool(pooling(window, stride)),
            Layer::Flatten => Self::Flatten,
            Layer::Linear { bias, .. } => {
                Self::Linear(Linear { inputs: input.len(), outputs: output.len(), bias })
            }
            Layer::Resize { .. } => Self::Resize(Resize::new(in_plane, out_plane)),
            Layer::Dropout { rate } => Self::Dropout(Dropout { layer: index, units: input.len(), rate }),
            Layer::Add { .. } => Self::Add,
        }
    }
}

/// Channels, height and width; a vector's features are channels of 1×1.
fn extents(shape: Shape) -> (usize, usize, usize) {
    match shape {
        Shape::Image { channels, height, width } => (channels, height, width),
        Shape::Vector(features) => (features, 1, 1),
    }
}

impl Workspace {
    pub(super) fn new(network: &Network, model: &Model) -> Result<Self, Error> {
        let statistics = |stage: &Stage| match &stage.operation {
            Operation::BatchNorm(b) => Statistics::zero(b.channels),
            _ => Statistics::default(),
        };
        let specs = model.parameters()?;
        let gradients =
            specs.iter().map(|spec| vec![0.0; if spec.role.is_trainable() { spec.len() } else { 0 }]);
        Ok(Self {
            values: vec![Vec::new(); network.stages.len() + 1],
            d_values: vec![Vec::new(); network.gradients],
            d_more: Vec::new(),
            statistics: network.stages.iter().map(statistics).collect(),
            gradients: gradients.collect(),
            score: Score::default(),
        })
    }

    /// Makes room for so many blocks; allocates only where there were never as many.
    fn resize(&mut self, network: &Network, blocks: usize) {
        let input = network.stages.iter().map(|stage| stage.inputs).take(1);
        let lengths = input.chain(network.stages.iter().map(|stage| stage.outputs));
        let mut largest = 0;
        for (values, length) in self.values.iter_mut().zip(lengths) {
            values.resize(blocks * length, Lanes::ZERO);
            largest = largest.max(blocks * length);
        }
        for gradient in self.d_values.iter_mut().chain([&mut self.d_more]) {
            gradient.resize(largest.max(gradient.len()), Lanes::ZERO);
        }
    }
}
