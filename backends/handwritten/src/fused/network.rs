//! The passes through all stages, for one thread's part of a batch.

use trainmark_plugin::Samples;

use super::block::load;
use super::convolution::Convolution;
use super::lanes::Lanes;
use super::linear::Linear;
use super::loss::cross_entropy;
use super::plan::Plan;
use crate::part::Part;
use crate::score::Score;
use crate::threads::Member;

/// Blocks that go through prediction at a time: as many as the linear kernels take
/// side by side.
const PREDICTED: usize = 4;

/// What one thread computes with.
#[derive(Debug)]
pub(super) struct Network<V> {
    convolutions: Vec<Convolution<V>>,
    linears: Vec<Linear<V>>,
    /// Where each stage's tensors begin in the list of parameters.
    first_parameters: Vec<usize>,
    /// Values of one sample: of the input, then of each stage's output.
    lengths: Vec<usize>,
    /// The input, then the output of each stage, block after block.
    values: Vec<Vec<V>>,
    /// ∂L/∂output of each stage.
    d_values: Vec<Vec<V>>,
    /// ∂L/∂parameter over this thread's part; empty for running statistics.
    pub(super) gradients: Vec<Vec<f32>>,
    pub(super) score: Score,
}

impl<V: Lanes> Network<V> {
    pub(super) fn new(plan: &Plan) -> Self {
        let convolutions: Vec<_> = plan.convolutions.iter().cloned().map(Convolution::new).collect();
        let linears: Vec<Linear<V>> = plan.linears.iter().cloned().map(Linear::new).collect();
        let outputs = plan.convolutions.iter().map(|stage| stage.outputs());
        let outputs = outputs.chain(plan.linears.iter().map(|stage| stage.outputs));
        let lengths: Vec<usize> = std::iter::once(plan.inputs).chain(outputs).collect();
        let mut gradients = Vec::new();
        for stage in &plan.convolutions {
            let channels = stage.out_channels;
            let weights = channels * stage.inputs_of_an_output();
            gradients.extend(tensors(weights, channels, stage.batch_norm.is_some()));
        }
        for (stage, linear) in plan.linears.iter().zip(&linears) {
            let weights = stage.outputs * linear.stride();
            gradients.extend(tensors(weights, stage.outputs, stage.batch_norm.is_some()));
        }
        let first_parameters = plan.convolutions.iter().map(|stage| stage.first_parameter);
        Self {
            first_parameters: first_parameters
                .chain(plan.linears.iter().map(|stage| stage.first_parameter))
                .collect(),
            convolutions,
            linears,
            values: vec![Vec::new(); lengths.len()],
            d_values: vec![Vec::new(); lengths.len()],
            lengths,
            gradients,
            score: Score::default(),
        }
    }

    pub(super) fn classes(&self) -> usize {
        self.lengths.last().copied().unwrap_or_default()
    }

    /// The tensors whose gradients are longer than they: their place in the list, floats
    /// of a row, and floats from one row of the gradient to the next.
    pub(super) fn padded_rows(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let linears = self.linears.iter().zip(&self.first_parameters[self.convolutions.len()..]);
        linears.map(|(linear, &first)| (first, linear.inputs(), linear.stride()))
    }

    /// Forward, loss and backward: leaves the score, the gradients and the batch's
    /// statistics.
    pub(super) fn train(
        &mut self,
        parameters: &[Vec<f32>],
        samples: Samples<'_>,
        part: &Part<'_>,
        member: &Member<'_>,
    ) {
        self.resize(part.blocks());
        self.load(samples, part);
        for stage in 0..self.first_parameters.len() {
            let own = &parameters[self.first_parameters[stage]..];
            let (before, after) = self.values.split_at_mut(stage + 1);
            let (input, output) = (&before[stage], &mut after[0]);
            match self.convolutions.get_mut(stage) {
                Some(convolution) => convolution.train(own, part, member, input, output),
                None => {
                    let linear = &mut self.linears[stage - self.convolutions.len()];
                    linear.train(own, part, member, input, output);
                }
            }
        }
        let last = self.first_parameters.len();
        let (classes, logits, d_logits) = (self.classes(), &self.values[last], &mut self.d_values[last]);
        self.score = V::vectorize(
            #[inline(always)]
            || cross_entropy(part, samples.labels, classes, logits, d_logits),
        );
        self.backward(parameters, part, member);
    }

    fn backward(&mut self, parameters: &[Vec<f32>], part: &Part<'_>, member: &Member<'_>) {
        for stage in (0..self.first_parameters.len()).rev() {
            let first = self.first_parameters[stage];
            let values = (&*self.values[stage], &*self.values[stage + 1]);
            let (d_before, d_after) = self.d_values.split_at_mut(stage + 1);
            // Nobody needs the gradient of the pixels.
            let d_input = if stage > 0 { &mut *d_before[stage] } else { &mut [] };
            let (d_output, gradients) = (&mut *d_after[0], &mut self.gradients[first..]);
            match self.convolutions.get_mut(stage) {
                Some(convolution) => {
                    convolution.backward(part, member, values, d_output, d_input, gradients);
                }
                None => {
                    let linear = &mut self.linears[stage - self.convolutions.len()];
                    let own = &parameters[first..];
                    linear.backward(own, part, member, values, d_output, d_input, gradients);
                }
            }
        }
    }

    /// Writes the logits of a part, row-major, in prediction mode.
    pub(super) fn predict(
        &mut self,
        parameters: &[Vec<f32>],
        samples: Samples<'_>,
        part: &Part<'_>,
        logits: &mut [f32],
    ) {
        let classes = self.classes();
        for (convolution, &first) in self.convolutions.iter_mut().zip(&self.first_parameters) {
            convolution.prepare(&parameters[first..]);
        }
        for (piece, logits) in part.pieces(PREDICTED).zip(logits.chunks_mut(PREDICTED * V::COUNT * classes)) {
            self.resize(piece.blocks());
            self.load(samples, &piece);
            for stage in 0..self.first_parameters.len() {
                let own = &parameters[self.first_parameters[stage]..];
                let (before, after) = self.values.split_at_mut(stage + 1);
                let (input, output) = (&before[stage], &mut after[0]);
                match self.convolutions.get_mut(stage) {
                    Some(convolution) => convolution.predict(own, &piece, input, output),
                    None => self.linears[stage - self.convolutions.len()].predict(own, &piece, input, output),
                }
            }
            let values = V::floats(&self.values[self.first_parameters.len()]);
            for (sample, logits) in logits.chunks_exact_mut(classes).enumerate() {
                let (block, lane) = (sample / V::COUNT, sample % V::COUNT);
                for (class, logit) in logits.iter_mut().enumerate() {
                    *logit = values[(block * classes + class) * V::COUNT + lane];
                }
            }
        }
    }

    /// Moves every running mean and variance towards those of the batch.
    pub(super) fn update_running_statistics(&self, parameters: &mut [Vec<f32>]) {
        for (stage, &first) in self.first_parameters.iter().enumerate() {
            match self.convolutions.get(stage) {
                Some(convolution) => convolution.update_running(&mut parameters[first..]),
                None => {
                    self.linears[stage - self.convolutions.len()].update_running(&mut parameters[first..]);
                }
            }
        }
    }

    /// The pixels of the part's samples as the values of the first stage.
    pub(super) fn load(&mut self, samples: Samples<'_>, part: &Part<'_>) {
        let Self { values, lengths, .. } = self;
        let input = values[0].chunks_exact_mut(lengths[0]);
        V::vectorize(
            #[inline(always)]
            || {
                for (block, x) in input.enumerate() {
                    load(part.block(block), samples.pixels, x);
                }
            },
        );
    }

    /// Makes room for so many blocks; allocates only where there were never as many.
    pub(super) fn resize(&mut self, blocks: usize) {
        for (values, length) in self.values.iter_mut().zip(&self.lengths) {
            values.resize(blocks * length, V::zero());
        }
        for (d_values, length) in self.d_values.iter_mut().zip(&self.lengths).skip(1) {
            d_values.resize(blocks * length, V::zero());
        }
    }
}

/// Gradients of weight, bias, γ and β, and nothing for the running statistics.
fn tensors(weights: usize, channels: usize, has_batch_norm: bool) -> Vec<Vec<f32>> {
    let lengths: &[usize] =
        if has_batch_norm { &[weights, channels, channels, channels, 0, 0] } else { &[weights, channels] };
    lengths.iter().map(|&length| vec![0.0; length]).collect()
}
