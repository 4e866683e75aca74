//! A convolution's weights, packed in the order in which the kernels read them.

use crate::fused::lanes::Lanes;
use crate::fused::plan::ConvolutionStage;
use crate::fused::tile::{Tile, tiles};

/// The weights of one step.
///
/// Where γ is negative, the largest value before batch norm is the smallest after
/// it. So that pooling may always take the largest, such a channel is computed with
/// the opposite sign throughout: weights, bias and statistics times −1, with |γ| for γ.
#[derive(Debug, Default)]
pub(super) struct Weights {
    /// For each tile of output channels: i, u, v, o.
    pub(super) forward: Vec<f32>,
    /// For each tile of input channels: o, u, v, i.
    pub(super) backward: Vec<f32>,
    /// −1 for channels with a negative γ, else 1.
    pub(super) signs: Vec<f32>,
    pub(super) is_flat: Vec<bool>,
}

/// Index of w\[o, i, place] in the row-major tensor; a place is u·K + v.
fn row_major(stage: &ConvolutionStage, o: usize, i: usize, place: usize) -> usize {
    (o * stage.in_channels + i) * stage.kernel * stage.kernel + place
}

impl Weights {
    /// `gamma` where there is batch norm.
    pub(super) fn pack<V: Lanes>(&mut self, stage: &ConvolutionStage, weight: &[f32], gamma: Option<&[f32]>) {
        let channel = |o: usize| gamma.map_or(1.0, |gamma| gamma[o]);
        self.signs.clear();
        self.signs.extend((0..stage.out_channels).map(|o| if channel(o) < 0.0 { -1.0 } else { 1.0 }));
        self.is_flat.clear();
        self.is_flat.extend((0..stage.out_channels).map(|o| channel(o) == 0.0));
        let places = stage.kernel * stage.kernel;
        self.forward.clear();
        for tile in output_tiles::<V>(stage) {
            for i in 0..stage.in_channels {
                for place in 0..places {
                    for o in tile.first..tile.first + tile.channels {
                        self.forward.push(self.signs[o] * weight[row_major(stage, o, i, place)]);
                    }
                }
            }
        }
        self.backward.clear();
        for tile in input_tiles::<V>(stage) {
            for o in 0..stage.out_channels {
                for place in 0..places {
                    for i in tile.first..tile.first + tile.channels {
                        self.backward.push(self.signs[o] * weight[row_major(stage, o, i, place)]);
                    }
                }
            }
        }
    }

    /// Adds up the lanes of a gradient that is packed as i, u, v, o for each tile of
    /// [`gradient_tiles`], into a row-major tensor, with the signs taken back.
    #[inline(always)]
    pub(super) fn unpack<V: Lanes>(&self, stage: &ConvolutionStage, packed: &[V], gradient: &mut [f32]) {
        let mut packed = packed.iter();
        for tile in gradient_tiles::<V>(stage) {
            for i in 0..stage.in_channels {
                for place in 0..stage.kernel * stage.kernel {
                    let channels = tile.first..tile.first + tile.channels;
                    for (o, sums) in channels.zip(&mut packed) {
                        gradient[row_major(stage, o, i, place)] = self.signs[o] * sums.sum();
                    }
                }
            }
        }
    }
}

/// Tiles of output channels.
pub(super) fn output_tiles<V: Lanes>(
    stage: &ConvolutionStage,
) -> impl Iterator<Item = Tile> + Clone + use<V> {
    tiles(stage.out_channels, V::TILES.channels)
}

/// Tiles of output channels, for the gradient of the weights.
pub(super) fn gradient_tiles<V: Lanes>(
    stage: &ConvolutionStage,
) -> impl Iterator<Item = Tile> + Clone + use<V> {
    tiles(stage.out_channels, V::TILES.gradient_channels)
}

/// Tiles of input channels.
pub(super) fn input_tiles<V: Lanes>(stage: &ConvolutionStage) -> impl Iterator<Item = Tile> + Clone + use<V> {
    tiles(stage.in_channels, V::TILES.channels)
}
