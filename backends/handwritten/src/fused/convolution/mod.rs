//! A convolution stage: convolution, batch norm, sigmoid and pooling as one.
//!
//! Forward, a block of samples passes twice: [`forward`] convolves, takes the
//! largest of each window and sums for the statistics; once these are known for
//! the whole batch, [`unpool::activate`] normalises and activates a quarter of the
//! values. Backward, `d_before` (the gradient before batch norm) is made a few rows
//! at a time by [`unpool::unpool`] and used at once by [`weight_gradient`] and
//! [`input_gradient`], so that it never leaves the cache.

/// Calls a kernel, as code for the vector width, for a kernel's side and a tile's channels.
macro_rules! kernel {
    ($V:ty, $stage:expr, $tile:expr, $module:ident::$kernel:ident, $($argument:expr),*) => {{
        macro_rules! call {
            ($k:literal, $c:literal) => {
                <$V>::vectorize(#[inline(always)] || $module::$kernel::<$V, $k, $c>($stage, $($argument),*))
            };
        }
        match ($stage.kernel, $tile.channels) {
            (3, 1) => call!(3, 1),
            (3, 2) => call!(3, 2),
            (3, 3) => call!(3, 3),
            (3, _) => call!(3, 4),
            (_, 1) => call!(5, 1),
            (_, 2) => call!(5, 2),
            (_, 3) => call!(5, 3),
            (_, _) => call!(5, 4),
        }
    }};
}

/// Runs a block for each place of a kernel's row below K, as code of its own: a loop's
/// counting costs instructions that the multiply-adds need.
macro_rules! each_place {
    ($place:ident < $K:ident, $block:block) => {
        each_place!($place, $K, $block, 0 1 2 3 4)
    };
    ($place:ident, $K:ident, $block:block, $($number:literal)*) => {$(
        if $number < $K {
            let $place: usize = $number;
            $block
        }
    )*};
}

mod backward;
mod forward;
mod input_gradient;
mod timing;
mod unpool;
mod weight_gradient;
mod weights;

use super::batch_norm::{Affine, Gradient, Moments};
use super::lanes::Lanes;
use super::plan::ConvolutionStage;
use crate::part::Part;
use crate::threads::Member;
use forward::Outputs;
use weights::{Weights, output_tiles};

/// What one thread computes a convolution stage with.
#[derive(Debug)]
pub(super) struct Convolution<V> {
    stage: ConvolutionStage,
    weights: Weights,
    /// The sum's first term per channel.
    start: Vec<f32>,
    /// What a value before batch norm is short of the true one: it is computed about
    /// a value that occurs, or the mean, so that the variance does not cancel.
    offset: Vec<f64>,
    /// Values before batch norm, block after block: row of windows, channel, column of
    /// windows, place in the window.
    before: Vec<V>,
    /// The largest of each window, block after block.
    largest: Vec<V>,
    /// Σ x and Σ x² of this part, per channel.
    sums: Vec<[f64; 2]>,
    affine: Vec<Affine>,
    /// The batch's, of the values with the signs of [`Weights`].
    statistics: Moments,
    /// Σ ∂L/∂z·x̂ and Σ ∂L/∂z of this part, per channel: the gradients of γ and β.
    d_affine: Vec<f64>,
    d_before: Vec<V>,
    d_weight: Vec<V>,
}

impl<V: Lanes> Convolution<V> {
    pub(super) fn new(stage: ConvolutionStage) -> Self {
        let channels = stage.out_channels;
        Self {
            weights: Weights::default(),
            start: vec![0.0; channels],
            offset: vec![0.0; channels],
            before: Vec::new(),
            largest: Vec::new(),
            sums: vec![[0.0; 2]; channels],
            affine: vec![Affine::IDENTITY; channels],
            statistics: Moments::default(),
            d_affine: vec![0.0; 2 * channels],
            d_before: Vec::new(),
            d_weight: Vec::new(),
            stage,
        }
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
        let Self { stage, .. } = self;
        let blocks = part.blocks();
        self.before.resize(blocks * stage.out_channels * stage.area(), V::zero());
        self.largest.resize(blocks * stage.outputs(), V::zero());
        self.prepare(parameters);
        if self.stage.batch_norm.is_some() && blocks > 0 {
            self.move_origin(input);
        }
        self.convolve_part(part, input);
        if self.stage.batch_norm.is_some() && self.move_origin_to_the_mean(part) {
            self.convolve_part(part, input);
        }
        if let Some(batch_norm) = self.stage.batch_norm {
            self.statistics = self.moments(part).join(member);
            for (c, affine) in self.affine.iter_mut().enumerate() {
                let (mean, variance) = (self.statistics.mean[c], self.statistics.variance(c));
                let gamma = parameters[2][c].abs();
                *affine = batch_norm.affine(gamma, parameters[3][c], mean - self.offset[c], variance);
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
        let blocks = part.blocks();
        self.before.clear();
        self.largest.resize(blocks * self.stage.outputs(), V::zero());
        for (block, input) in input.chunks_exact(self.stage.inputs()).enumerate().take(blocks) {
            self.convolve(block, part.block(block).len(), input, false);
        }
        if let Some(batch_norm) = self.stage.batch_norm {
            for (c, affine) in self.affine.iter_mut().enumerate() {
                let mean = f64::from(self.weights.signs[c] * parameters[4][c]);
                let variance = f64::from(parameters[5][c]);
                *affine = batch_norm.affine(parameters[2][c].abs(), parameters[3][c], mean, variance);
            }
        }
        self.activate(output);
    }

    /// Packs the weights; to be called after every change of the parameters.
    pub(super) fn prepare(&mut self, parameters: &[Vec<f32>]) {
        let gamma = self.stage.batch_norm.map(|_| &*parameters[2]);
        self.weights.pack::<V>(&self.stage, &parameters[0], gamma);
        for ((start, sign), bias) in self.start.iter_mut().zip(&self.weights.signs).zip(&parameters[1]) {
            *start = sign * bias;
        }
    }

    /// Makes the first sample's value in the middle of the image the origin of each channel.
    fn move_origin(&mut self, input: &[V]) {
        let Self { stage, .. } = &*self;
        let (row, column) = (stage.out_height() / 2, stage.out_width() / 2);
        let floats = V::floats(input);
        let mut packed = self.weights.forward.iter();
        let mut middle = vec![0.0; stage.out_channels];
        for tile in output_tiles::<V>(stage) {
            for i in 0..stage.in_channels {
                for place in 0..stage.kernel * stage.kernel {
                    let (y, x) = (row + place / stage.kernel, column + place % stage.kernel);
                    let value = floats[((i * stage.height + y) * stage.width + x) * V::COUNT];
                    for (o, weight) in (tile.first..tile.first + tile.channels).zip(&mut packed) {
                        middle[o] += weight * value;
                    }
                }
            }
        }
        for (c, middle) in middle.into_iter().enumerate() {
            self.offset[c] = f64::from(self.start[c]) + f64::from(middle);
            self.start[c] = -middle;
        }
    }

    /// Where a channel's origin turns out to be an outlier, so that Σx² − (Σx)²/m would cancel,
    /// makes this part's mean its origin. Says whether there is such a channel.
    fn move_origin_to_the_mean(&mut self, part: &Part<'_>) -> bool {
        let count = (part.samples.len() * self.stage.area()) as f64;
        let mut has_moved = false;
        for c in 0..self.stage.out_channels {
            let [sum, squares] = self.sums[c];
            if squares - sum * sum / count < 0.01 * squares {
                let start = self.start[c];
                self.start[c] = (f64::from(start) - sum / count) as f32;
                self.offset[c] += f64::from(start) - f64::from(self.start[c]);
                has_moved = true;
            }
        }
        has_moved
    }

    /// Convolution, pooling and sums of all of this part's blocks, in training.
    fn convolve_part(&mut self, part: &Part<'_>, input: &[V]) {
        self.sums.fill([0.0; 2]);
        for (block, input) in input.chunks_exact(self.stage.inputs()).enumerate().take(part.blocks()) {
            self.convolve(block, part.block(block).len(), input, true);
        }
    }

    /// Convolution, pooling and sums of one block.
    fn convolve(&mut self, block: usize, samples: usize, input: &[V], training: bool) {
        let Self { stage, weights, start, before, largest, sums, .. } = self;
        let (area, windows) = (stage.area(), stage.windows());
        // Nothing is kept for a pass backward in prediction.
        let kept = if training { area } else { 0 };
        let before = &mut before[block * stage.out_channels * kept..][..stage.out_channels * kept];
        let mut largest = &mut largest[block * stage.outputs()..][..stage.outputs()];
        let mut packed = &*weights.forward;
        for tile in output_tiles::<V>(stage) {
            let channels = tile.first..tile.first + tile.channels;
            let weight = take(&mut packed, tile.channels * stage.inputs_of_an_output());
            let mut tile_sums = [[V::zero(); 2]; 4];
            let tile_largest = take_mut(&mut largest, tile.channels * windows);
            let outputs = &mut Outputs {
                before: &mut before[tile.first * if training { stage.out_width() * 2 } else { 0 }..],
                largest: &mut *tile_largest,
                sums: &mut tile_sums[..tile.channels],
            };
            let (start, is_flat) = (&start[channels.clone()], &weights.is_flat[channels.clone()]);
            kernel!(V, stage, tile, forward::windows, input, weight, start, is_flat, outputs);
            for ((c, lanes), largest) in channels.zip(&tile_sums).zip(tile_largest.chunks_exact_mut(windows))
            {
                add_samples(samples, lanes, &mut sums[c]);
                keep_missing_numbers(samples, lanes[0], largest);
            }
        }
    }

    /// This part's moments, of the true values.
    fn moments(&self, part: &Part<'_>) -> Moments {
        let count = (part.samples.len() * self.stage.area()) as f64;
        let short = |sums: &[f64; 2]| if count > 0.0 { sums[0] / count } else { 0.0 };
        Moments {
            count,
            mean: self.sums.iter().zip(&self.offset).map(|(sums, offset)| short(sums) + offset).collect(),
            squares: self.sums.iter().map(|sums| not_negative(sums[1] - sums[0] * short(sums))).collect(),
        }
    }

    /// Batch norm and sigmoid of the pooled values.
    fn activate(&self, output: &mut [V]) {
        let windows = self.stage.windows();
        let planes = self.largest.chunks_exact(windows).zip(output.chunks_exact_mut(windows));
        V::vectorize(
            #[inline(always)]
            || {
                for (plane, (largest, output)) in planes.enumerate() {
                    unpool::activate(self.affine[plane % self.stage.out_channels], largest, output);
                }
            },
        );
    }

    /// Moves the running statistics towards those of the batch.
    pub(super) fn update_running(&self, parameters: &mut [Vec<f32>]) {
        if let (Some(batch_norm), [_, _, _, _, mean, variance, ..]) = (self.stage.batch_norm, parameters) {
            let mut batch = self.statistics.clone();
            for (mean, sign) in batch.mean.iter_mut().zip(&self.weights.signs) {
                *mean *= f64::from(*sign);
            }
            batch_norm.update_running(&batch, mean, variance);
        }
    }
}

/// The first `count` values, which are then gone from the rest.
///
/// # Panics
/// Where there are fewer; tiles never ask for more than all channels have.
fn take<'v, T>(rest: &mut &'v [T], count: usize) -> &'v [T] {
    let (first, others) = rest.split_at(count);
    *rest = others;
    first
}

/// As [`take`], to write.
fn take_mut<'v, T>(rest: &mut &'v mut [T], count: usize) -> &'v mut [T] {
    let (first, others) = std::mem::take(rest).split_at_mut(count);
    *rest = others;
    first
}

/// Adds the lanes that hold samples.
fn add_samples<V: Lanes>(samples: usize, lanes: &[V; 2], sums: &mut [f64; 2]) {
    for (sum, lanes) in sums.iter_mut().zip(V::floats(lanes).chunks_exact(V::COUNT)) {
        *sum += lanes[..samples].iter().copied().map(f64::from).sum::<f64>();
    }
}

/// Rounding may leave a sum of squares a little below 0. Not a number stays so.
fn not_negative(squares: f64) -> f64 {
    if squares < 0.0 { 0.0 } else { squares }
}

/// A maximum may hide that a number is missing; the sum over the same values does not.
/// (Nor does it keep ∞ and −∞ of one sample apart; float32 is at its end there.)
fn keep_missing_numbers<V: Lanes>(samples: usize, sum: V, largest: &mut [V]) {
    let sum = [sum];
    for (lane, sum) in V::floats(&sum)[..samples].iter().enumerate() {
        if sum.is_nan() {
            V::floats_mut(largest).iter_mut().skip(lane).step_by(V::COUNT).for_each(|x| *x = f32::NAN);
        }
    }
}
