//! A linear stage: linear layer, batch norm and sigmoid as one.

mod product;
mod weight_gradient;

use super::batch_norm::{Affine, Gradient, Moments};
use super::block::{mask, turn};
use super::lanes::Lanes;
use super::plan::LinearStage;
use super::sigmoid::{sigmoid, sigmoid_gradient};
use super::tile::{Tile, tiles};
use crate::part::Part;
use crate::threads::Member;
use product::Matrix;

/// Calls `$call` with a tile's two sizes as literals: from 1 to 4, or 5 and 6 by 1 or 2.
macro_rules! sized {
    ($call:ident, $rows:expr, $columns:expr) => {
        match ($rows, $columns) {
            (6, 2) => $call!(6, 2),
            (6, 1) => $call!(6, 1),
            (5, 2) => $call!(5, 2),
            (5, 1) => $call!(5, 1),
            (4, 4) => $call!(4, 4),
            (4, 3) => $call!(4, 3),
            (4, 2) => $call!(4, 2),
            (4, _) => $call!(4, 1),
            (3, 4) => $call!(3, 4),
            (3, 3) => $call!(3, 3),
            (3, 2) => $call!(3, 2),
            (3, _) => $call!(3, 1),
            (2, 4) => $call!(2, 4),
            (2, 3) => $call!(2, 3),
            (2, 2) => $call!(2, 2),
            (2, _) => $call!(2, 1),
            (_, 4) => $call!(1, 4),
            (_, 3) => $call!(1, 3),
            (_, 2) => $call!(1, 2),
            (_, _) => $call!(1, 1),
        }
    };
}

/// What one thread computes a linear stage with.
#[derive(Debug)]
pub(super) struct Linear<V> {
    stage: LinearStage,
    /// Values before batch norm, block after block.
    before: Vec<V>,
    affine: Vec<Affine>,
    /// The batch's.
    statistics: Moments,
    /// The input turned around, in [`panels`]: for each, the registers of every sample.
    turned: Vec<V>,
    /// The weights, in the rows of [`Linear::spread_weight`].
    weight: Vec<f32>,
}

impl<V: Lanes> Linear<V> {
    pub(super) fn new(stage: LinearStage) -> Self {
        Self {
            before: Vec::new(),
            affine: vec![Affine::IDENTITY; stage.outputs],
            statistics: Moments::default(),
            turned: Vec::new(),
            weight: Vec::new(),
            stage,
        }
    }

    pub(super) fn inputs(&self) -> usize {
        self.stage.inputs
    }

    /// Floats from one row of the weight's gradient to the next: the inputs, made up to
    /// whole registers.
    pub(super) fn stride(&self) -> usize {
        self.stage.inputs.next_multiple_of(V::COUNT)
    }

    /// Forward in training: writes the stage's output of the part's blocks.
    pub(super) fn train(
        &mut self,
        parameters: &[Vec<f32>],
        part: &Part<'_>,
        member: &Member<'_>,
        input: &[V],
        output: &mut [V],
    ) {
        self.multiply(parameters, part.blocks(), input);
        if let Some(batch_norm) = self.stage.batch_norm {
            self.statistics = self.moments(part).join(member);
            for (c, affine) in self.affine.iter_mut().enumerate() {
                let (mean, variance) = (self.statistics.mean[c], self.statistics.variance(c));
                *affine = batch_norm.affine(parameters[2][c], parameters[3][c], mean, variance);
            }
        }
        self.activate(output);
    }

    /// Forward in prediction, with the running statistics.
    pub(super) fn predict(
        &mut self,
        parameters: &[Vec<f32>],
        part: &Part<'_>,
        input: &[V],
        output: &mut [V],
    ) {
        self.multiply(parameters, part.blocks(), input);
        if let Some(batch_norm) = self.stage.batch_norm {
            for (c, affine) in self.affine.iter_mut().enumerate() {
                let (mean, variance) = (f64::from(parameters[4][c]), f64::from(parameters[5][c]));
                *affine = batch_norm.affine(parameters[2][c], parameters[3][c], mean, variance);
            }
        }
        self.activate(output);
    }

    /// before\[o] = bias\[o] + Σᵢ weight\[o, i] · in\[i]
    fn multiply(&mut self, parameters: &[Vec<f32>], blocks: usize, input: &[V]) {
        let LinearStage { inputs, outputs, .. } = self.stage;
        self.before.resize(blocks * outputs, V::zero());
        let matrix = Matrix::forward(&parameters[0], inputs);
        let y = (&mut *self.before, outputs);
        V::vectorize(
            #[inline(always)]
            || multiply(matrix, Some(&parameters[1]), blocks, (input, inputs), y),
        );
    }

    /// This part's moments.
    fn moments(&self, part: &Part<'_>) -> Moments {
        let outputs = self.stage.outputs;
        let mut moments = Moments {
            count: part.samples.len() as f64,
            mean: vec![0.0; outputs],
            squares: vec![0.0; outputs],
        };
        if !part.samples.is_empty() {
            V::vectorize(
                #[inline(always)]
                || sum_moments(part, &self.before, &mut moments),
            );
        }
        moments
    }

    /// Batch norm, and the sigmoid where there is one.
    fn activate(&self, output: &mut [V]) {
        V::vectorize(
            #[inline(always)]
            || {
                let blocks = self.before.chunks_exact(self.stage.outputs);
                for (before, output) in blocks.zip(output.chunks_exact_mut(self.stage.outputs)) {
                    for ((before, output), affine) in before.iter().zip(output).zip(&self.affine) {
                        let [mean, scale, shift] = [affine.mean, affine.scale, affine.shift].map(V::splat);
                        let z = before.sub(mean).mul_add(scale, shift);
                        *output = if self.stage.sigmoid { sigmoid(z) } else { z };
                    }
                }
            },
        );
    }

    /// Backward: turns ∂L/∂output into the gradient before batch norm in place, leaves
    /// the gradients of the parameters, and writes the gradient of the input unless
    /// that is empty.
    #[expect(clippy::too_many_arguments, reason = "a value, its gradient, and whose they are")]
    pub(super) fn backward(
        &mut self,
        parameters: &[Vec<f32>],
        part: &Part<'_>,
        member: &Member<'_>,
        (input, output): (&[V], &[V]),
        d_output: &mut [V],
        d_input: &mut [V],
        gradients: &mut [Vec<f32>],
    ) {
        self.deactivate(part, member, output, d_output, gradients);
        self.weight_gradient(part, input, d_output, &mut gradients[0]);
        if !d_input.is_empty() {
            let LinearStage { inputs, outputs, .. } = self.stage;
            let width = self.spread_weight(&parameters[0]);
            let matrix = Matrix::backward(&self.weight, width);
            let y = (d_input, inputs);
            V::vectorize(
                #[inline(always)]
                || multiply(matrix, None, part.blocks(), (&*d_output, outputs), y),
            );
        }
    }

    /// The gradient before batch norm in place of ∂L/∂output, and the gradients of bias,
    /// γ and β.
    fn deactivate(
        &self,
        part: &Part<'_>,
        member: &Member<'_>,
        output: &[V],
        d_output: &mut [V],
        gradients: &mut [Vec<f32>],
    ) {
        let outputs = self.stage.outputs;
        let mut totals = vec![0.0; 2 * outputs];
        let sums = &mut totals;
        let (before, affine) = (&*self.before, &*self.affine);
        if self.stage.sigmoid {
            V::vectorize(
                #[inline(always)]
                || deactivate(output, d_output),
            );
        }
        if let Some(batch_norm) = self.stage.batch_norm {
            V::vectorize(
                #[inline(always)]
                || add_products(affine, before, d_output, sums),
            );
            for (c, d_scale) in totals[..outputs].iter_mut().enumerate() {
                *d_scale *= batch_norm.inverse_deviation(self.statistics.variance(c));
            }
            for c in 0..outputs {
                gradients[2][c] = totals[c] as f32;
                gradients[3][c] = totals[outputs + c] as f32;
            }
            member.sum(&mut totals);
            let gradient = |c: usize| {
                let variance = self.statistics.variance(c);
                let sums = (totals[c], totals[outputs + c]);
                batch_norm.gradient(self.affine[c], variance, sums, self.statistics.count)
            };
            let affine_gradients: Vec<Gradient> = (0..outputs).map(gradient).collect();
            V::vectorize(
                #[inline(always)]
                || normalise_backward(part, &affine_gradients, before, d_output),
            );
        }
        V::vectorize(
            #[inline(always)]
            || sum_features(d_output, &mut gradients[1]),
        );
    }

    /// d_weight\[o, i] = Σ over this part's samples of d\[o] · in\[i], in rows of
    /// [`Linear::stride`].
    fn weight_gradient(&mut self, part: &Part<'_>, input: &[V], d: &[V], d_weight: &mut [f32]) {
        let LinearStage { inputs, outputs, .. } = self.stage;
        let (stride, samples) = (self.stride(), part.samples.len());
        self.turned.resize(part.blocks() * stride, V::zero());
        let turned = &mut *self.turned;
        V::vectorize(
            #[inline(always)]
            || {
                turn_into_panels(part.blocks(), (input, inputs), turned);
                all_weight_gradients(samples, (d, outputs), turned, (d_weight, stride));
            },
        );
    }

    /// Copies the weights to rows whose distance, which is returned, is an odd number of
    /// cache lines: a column is read, and rows whose length is a power of two would drive
    /// each other out of the first-level cache.
    fn spread_weight(&mut self, weight: &[f32]) -> usize {
        const LINE: usize = 16;
        let inputs = self.stage.inputs;
        let width = (inputs.div_ceil(LINE) | 1) * LINE;
        self.weight.resize(self.stage.outputs * width, 0.0);
        for (spread, row) in self.weight.chunks_exact_mut(width).zip(weight.chunks_exact(inputs)) {
            spread[..inputs].copy_from_slice(row);
        }
        width
    }

    /// Moves the running statistics towards those of the batch.
    pub(super) fn update_running(&self, parameters: &mut [Vec<f32>]) {
        if let (Some(batch_norm), [_, _, _, _, mean, variance, ..]) = (self.stage.batch_norm, parameters) {
            batch_norm.update_running(&self.statistics, mean, variance);
        }
    }
}

/// [`product::product`] for all sums and blocks.
#[inline(always)]
fn multiply<V: Lanes>(
    matrix: Matrix<'_>,
    start: Option<&Vec<f32>>,
    blocks: usize,
    (x, x_len): (&[V], usize),
    (y, y_len): (&mut [V], usize),
) {
    for group in tiles(blocks, V::TILES.blocks) {
        let x = &x[group.first * x_len..];
        for rows in tiles(y_len, V::TILES.features) {
            let y = &mut y[group.first * y_len + rows.first..];
            macro_rules! call {
                ($j:literal, $b:literal) => {{
                    let start = std::array::from_fn(|j| start.map_or(0.0, |start| start[rows.first + j]));
                    product::product::<V, $j, $b>(matrix.from(rows.first), start, (x, x_len), (y, y_len))
                }};
            }
            sized!(call, rows.channels, group.channels);
        }
    }
}

/// Runs of registers that hold a row of inputs. A panel of all samples lies in one piece:
/// rows whose length is a power of two would drive each other out of the first-level cache.
fn panels<V: Lanes>(registers: usize) -> impl Iterator<Item = Tile> + Clone {
    tiles(registers, V::TILES.registers)
}

/// Turns the inputs of all blocks around, into [`panels`].
#[inline(always)]
fn turn_into_panels<V: Lanes>(blocks: usize, (input, inputs): (&[V], usize), turned: &mut [V]) {
    let samples = blocks * V::COUNT;
    for (block, input) in input.chunks_exact(inputs).take(blocks).enumerate() {
        for panel in panels::<V>(inputs.div_ceil(V::COUNT)) {
            let units = panel.first * V::COUNT..inputs.min((panel.first + panel.channels) * V::COUNT);
            let rows = &mut turned[panel.first * samples..][..panel.channels * samples];
            let rows = &mut rows[block * V::COUNT * panel.channels..][..V::COUNT * panel.channels];
            turn(&input[units], |lane, place, units| rows[lane * panel.channels + place] = units);
        }
    }
}

/// [`weight_gradient::weight_gradient`] for all outputs and inputs.
#[inline(always)]
fn all_weight_gradients<V: Lanes>(
    samples: usize,
    (d, outputs): (&[V], usize),
    turned: &[V],
    (d_weight, stride): (&mut [f32], usize),
) {
    let rows = samples.next_multiple_of(V::COUNT);
    // A panel stays in the first-level cache while all outputs use it.
    for panel in panels::<V>(stride / V::COUNT) {
        let turned = &turned[panel.first * rows..][..panel.channels * samples];
        for output in tiles(outputs, 4) {
            let d = (&d[output.first.min(d.len())..], outputs);
            let d_weight = (&mut d_weight[output.first * stride + panel.first * V::COUNT..], stride);
            macro_rules! call {
                ($j:literal, $i:literal) => {
                    weight_gradient::weight_gradient::<V, $j, $i>(turned.as_chunks().0, d, d_weight)
                };
            }
            sized!(call, output.channels, panel.channels);
        }
    }
}

/// Mean and squared deviations of every feature: first the mean, then the deviations
/// from it, so that nothing cancels.
#[inline(always)]
fn sum_moments<V: Lanes>(part: &Part<'_>, before: &[V], moments: &mut Moments) {
    let outputs = moments.mean.len();
    let masks: Vec<V> = (0..part.blocks()).map(|block| mask(part.block(block).len())).collect();
    for c in 0..outputs {
        let values = || before.chunks_exact(outputs).map(|before| before[c]).zip(&masks);
        // About a value that occurs, since float32 is coarse far from 0.
        let origin = V::floats(before)[c * V::COUNT];
        let sum = values().fold(V::zero(), |sum, (x, mask)| x.sub(V::splat(origin)).mul_add(*mask, sum));
        moments.mean[c] = f64::from(origin) + f64::from(sum.sum()) / moments.count;
        let mean = V::splat(moments.mean[c] as f32);
        let squares = values().fold(V::zero(), |sum, (x, mask)| {
            let deviation = x.sub(mean).mul(*mask);
            deviation.mul_add(deviation, sum)
        });
        moments.squares[c] = f64::from(squares.sum());
    }
}

/// ∂L/∂z = ∂L/∂out · out·(1 − out)
#[inline(always)]
fn deactivate<V: Lanes>(output: &[V], d_output: &mut [V]) {
    for (&output, d) in output.iter().zip(d_output) {
        *d = sigmoid_gradient(output, *d);
    }
}

/// Adds Σ ∂L/∂z · (before − mean) and Σ ∂L/∂z of every feature.
#[inline(always)]
fn add_products<V: Lanes>(affine: &[Affine], before: &[V], d_z: &[V], sums: &mut [f64]) {
    let outputs = affine.len();
    let (products, plain) = sums.split_at_mut(outputs);
    for c in 0..outputs {
        let mean = V::splat(affine[c].mean);
        let mut lanes = [V::zero(); 2];
        for (before, d_z) in before.chunks_exact(outputs).zip(d_z.chunks_exact(outputs)) {
            lanes[0] = d_z[c].mul_add(before[c].sub(mean), lanes[0]);
            lanes[1] = lanes[1].add(d_z[c]);
        }
        products[c] += f64::from(lanes[0].sum());
        plain[c] += f64::from(lanes[1].sum());
    }
}

/// The gradient before batch norm in place of ∂L/∂z.
#[inline(always)]
fn normalise_backward<V: Lanes>(part: &Part<'_>, gradients: &[Gradient], before: &[V], d_z: &mut [V]) {
    let outputs = gradients.len();
    let blocks = before.chunks_exact(outputs).zip(d_z.chunks_exact_mut(outputs));
    for (block, (before, d)) in blocks.enumerate() {
        let mask = mask::<V>(part.block(block).len());
        for ((gradient, before), d) in gradients.iter().zip(before).zip(d) {
            let [mean, scale, slope, constant] =
                [gradient.mean, gradient.scale, gradient.slope, gradient.constant].map(V::splat);
            let rest = before.sub(mean).mul_add(slope, constant);
            *d = mask.mul(d.mul_add(scale, rest));
        }
    }
}

/// The sum over all samples of every feature.
#[inline(always)]
fn sum_features<V: Lanes>(d: &[V], sums: &mut [f32]) {
    let outputs = sums.len();
    for (c, total) in sums.iter_mut().enumerate() {
        *total = d.chunks_exact(outputs).fold(V::zero(), |sum, d| sum.add(d[c])).sum();
    }
}
