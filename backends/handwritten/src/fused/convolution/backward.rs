//! The way back through a stage: from the gradient of its output to those of its
//! parameters and its input.

use std::ops::Range;

use super::weights::{gradient_tiles, input_tiles};
use super::{Convolution, input_gradient, take, unpool, weight_gradient};
use crate::fused::batch_norm::Gradient;
use crate::fused::block::mask;
use crate::fused::lanes::Lanes;
use crate::fused::plan::ConvolutionStage;
use crate::fused::tile::Tile;
use crate::part::Part;
use crate::threads::Member;

/// Bytes of `d_before` that are made before they are used: well within a first-level cache.
const STRIP: usize = 16 << 10;

impl<V: Lanes> Convolution<V> {
    /// Backward: turns ∂L/∂output into ∂L/∂z in place, leaves the gradients of the
    /// parameters, and writes the gradient of the input unless that is empty.
    pub(in crate::fused) fn backward(
        &mut self,
        part: &Part<'_>,
        member: &Member<'_>,
        (input, output): (&[V], &[V]),
        d_output: &mut [V],
        d_input: &mut [V],
        gradients: &mut [Vec<f32>],
    ) {
        self.deactivate(output, d_output);
        let mut totals = self.d_affine.clone();
        let affine_gradients = self.affine_gradients(member, &mut totals);
        let stage = &self.stage;
        self.d_weight.clear();
        self.d_weight.resize(stage.out_channels * stage.inputs_of_an_output(), V::zero());
        let mut d_inputs = d_input.chunks_exact_mut(self.stage.inputs());
        for block in 0..part.blocks() {
            let samples = part.block(block).len();
            let input = &input[block * self.stage.inputs()..][..self.stage.inputs()];
            let d_z = &d_output[block * self.stage.outputs()..][..self.stage.outputs()];
            self.block_backward(block, samples, &affine_gradients, input, d_z, d_inputs.next());
        }
        self.hand_over(part, &affine_gradients, gradients);
    }

    /// ∂L/∂z in place of ∂L/∂output, and its sums.
    pub(super) fn deactivate(&mut self, output: &[V], d_output: &mut [V]) {
        let Self { stage, affine, largest, statistics, d_affine, .. } = self;
        let windows = stage.windows();
        d_affine.fill(0.0);
        let (d_scale, d_shift) = d_affine.split_at_mut(stage.out_channels);
        let planes = largest.chunks_exact(windows).zip(output.chunks_exact(windows));
        let planes = planes.zip(d_output.chunks_exact_mut(windows));
        V::vectorize(
            #[inline(always)]
            || {
                for (plane, ((largest, output), d_output)) in planes.enumerate() {
                    let c = plane % stage.out_channels;
                    let sums = unpool::deactivate(affine[c].mean, largest, output, d_output);
                    d_scale[c] += f64::from(sums[0].sum());
                    d_shift[c] += f64::from(sums[1].sum());
                }
            },
        );
        if let Some(batch_norm) = stage.batch_norm {
            for (c, d_scale) in d_scale.iter_mut().enumerate() {
                *d_scale *= batch_norm.inverse_deviation(statistics.variance(c));
            }
        }
    }

    /// The numbers per channel that the gradient before batch norm is made with.
    fn affine_gradients(&self, member: &Member<'_>, totals: &mut [f64]) -> Vec<Gradient> {
        let Some(batch_norm) = self.stage.batch_norm else {
            return vec![Gradient::IDENTITY; self.stage.out_channels];
        };
        member.sum(totals);
        let (d_scale, d_shift) = totals.split_at(self.stage.out_channels);
        let gradient = |c: usize| {
            let variance = self.statistics.variance(c);
            batch_norm.gradient(self.affine[c], variance, (d_scale[c], d_shift[c]), self.statistics.count)
        };
        (0..self.stage.out_channels).map(gradient).collect()
    }

    pub(super) fn block_backward(
        &mut self,
        block: usize,
        samples: usize,
        affine_gradients: &[Gradient],
        input: &[V],
        d_z: &[V],
        d_input: Option<&mut [V]>,
    ) {
        let stage = self.stage.clone();
        let tiles = gradient_tiles::<V>(&stage);
        let (height, area) = (stage.out_height(), stage.area());
        // The input's gradient needs all channels at once, else a strip is enough.
        let row_bytes = 4 * stage.out_width() * size_of::<V>();
        let (rows, channel_stride) = match d_input {
            Some(_) => (height, area),
            None => {
                let rows = (STRIP / row_bytes).clamp(2, height) / 2 * 2;
                (rows, rows * stage.out_width())
            }
        };
        self.d_before.resize(stage.out_channels * channel_stride, V::zero());
        for first in (0..height).step_by(rows) {
            let strip = first..(first + rows).min(height);
            let mut weights = 0..0;
            for tile in tiles.clone() {
                let channels = tile.first..tile.first + tile.channels;
                self.unpool(block, samples, (affine_gradients, channels), d_z, strip.clone(), channel_stride);
                weights = weights.end..weights.end + tile.channels * stage.inputs_of_an_output();
                let d_weight = &mut self.d_weight[weights.clone()];
                let d_before = &self.d_before[tile.first * channel_stride..];
                let ahead = behind(&stage, &self.before, block, &strip, tile);
                let (stage, rows) = (&stage, strip.clone());
                kernel!(
                    V,
                    stage,
                    tile,
                    weight_gradient::weight_gradient,
                    input,
                    (d_before, channel_stride),
                    rows,
                    ahead,
                    d_weight
                );
            }
        }
        if let Some(d_input) = d_input {
            self.input_gradient(d_input);
        }
    }

    /// Makes some rows of the gradient before batch norm, for some channels.
    fn unpool(
        &mut self,
        block: usize,
        samples: usize,
        (affine_gradients, channels): (&[Gradient], Range<usize>),
        d_z: &[V],
        rows: Range<usize>,
        channel_stride: usize,
    ) {
        let Self { stage, before, d_before, .. } = self;
        let (width, windows, row_of_windows) = (stage.out_width(), stage.windows(), row_of_windows(stage));
        let before = &before[block * stage.out_height() / 2 * row_of_windows..];
        let mask = mask::<V>(samples);
        let has_batch_norm = stage.batch_norm.is_some();
        V::vectorize(
            #[inline(always)]
            || {
                for c in channels {
                    let gradient = affine_gradients[c];
                    let d_before = &mut d_before[c * channel_stride..];
                    for (row, d_rows) in
                        (rows.start / 2..rows.end / 2).zip(d_before.chunks_exact_mut(2 * width))
                    {
                        let values = &before[row * row_of_windows + c * 2 * width..][..2 * width];
                        let pooled = c * windows + row * (width / 2)..c * windows + (row + 1) * (width / 2);
                        let values = (values, &d_z[pooled.clone()]);
                        match has_batch_norm {
                            true => unpool::unpool::<V, true>(gradient, mask, values, width, d_rows),
                            false => unpool::unpool::<V, false>(gradient, mask, values, width, d_rows),
                        }
                        V::fetch(d_z.get(pooled.end..pooled.end + pooled.len()).unwrap_or_default());
                    }
                }
            },
        );
    }

    pub(super) fn input_gradient(&self, d_input: &mut [V]) {
        let stage = &self.stage;
        let plane = stage.height * stage.width;
        let mut packed = &*self.weights.backward;
        for tile in input_tiles::<V>(stage) {
            let weights = tile.channels * stage.out_channels * stage.kernel * stage.kernel;
            let weight = take(&mut packed, weights);
            let d_input = &mut d_input[tile.first * plane..][..tile.channels * plane];
            let d_before = &*self.d_before;
            kernel!(V, stage, tile, input_gradient::input_gradient, d_before, weight, d_input);
        }
    }

    /// This part's gradients of the stage's parameters, as row-major tensors.
    fn hand_over(&self, part: &Part<'_>, affine_gradients: &[Gradient], gradients: &mut [Vec<f32>]) {
        let Self { stage, weights, d_weight, d_affine, .. } = self;
        V::vectorize(
            #[inline(always)]
            || weights.unpack(stage, d_weight, &mut gradients[0]),
        );
        let (d_scale, d_shift) = d_affine.split_at(stage.out_channels);
        let count = (part.samples.len() * stage.area()) as f64;
        for c in 0..stage.out_channels {
            let d_bias = match stage.batch_norm {
                Some(_) => affine_gradients[c].sum(count, self.sums[c][0], d_shift[c]),
                None => d_shift[c],
            };
            gradients[1][c] = weights.signs[c] * d_bias as f32;
        }
        if stage.batch_norm.is_some() {
            for c in 0..stage.out_channels {
                gradients[2][c] = weights.signs[c] * d_scale[c] as f32;
                gradients[3][c] = d_shift[c] as f32;
            }
        }
    }
}

/// Values before batch norm in one row of windows of all channels.
fn row_of_windows(stage: &ConvolutionStage) -> usize {
    stage.out_channels * stage.out_width() * 2
}

/// A tile's share of the values before batch norm that lie behind those of a strip of
/// rows: what is unpooled next, of this block or the next.
fn behind<'v, V>(
    stage: &ConvolutionStage,
    before: &'v [V],
    block: usize,
    strip: &Range<usize>,
    tile: Tile,
) -> &'v [V] {
    let row = row_of_windows(stage);
    let end = (block * stage.out_height() + strip.end) / 2 * row;
    let share = |channels: usize| end + channels * strip.len() / 2 * row / stage.out_channels;
    before.get(share(tile.first)..share(tile.first + tile.channels)).unwrap_or_default()
}
