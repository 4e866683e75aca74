//! How a row of channels is cut into tiles that fit the registers.

/// A run of channels that a kernel works on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) first: usize,
    pub(super) channels: usize,
}

/// The most that a kernel's tile may have in each direction: as many sums as there are
/// registers, but for what is multiplied meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiles {
    /// Channels of a convolution, beside its four places of a window or columns.
    pub(super) channels: usize,
    /// Channels whose weights' gradients are summed beside the five places of a kernel's row.
    pub(super) gradient_channels: usize,
    /// Features of a linear layer and, beside them, blocks of samples.
    pub(super) features: usize,
    pub(super) blocks: usize,
    /// Registers of a linear layer's inputs, beside four outputs, for the weights' gradient.
    pub(super) registers: usize,
}

impl Tiles {
    pub(super) const OF_32: Self =
        Self { channels: 4, gradient_channels: 4, features: 4, blocks: 4, registers: 4 };
    /// A sum waits four cycles for its last multiply-add and two begin in each: eight sums
    /// would do if nothing ever came late. Twelve leave room for that, and four registers.
    pub(super) const OF_16: Self =
        Self { channels: 3, gradient_channels: 2, features: 6, blocks: 2, registers: 3 };
    /// Where a product needs a register of its own before it is added.
    pub(super) const OF_16_UNFUSED: Self =
        Self { channels: 2, gradient_channels: 2, features: 4, blocks: 2, registers: 3 };
}

/// As few tiles as can be, all about equally large: six channels are twice three.
pub(super) fn tiles(channels: usize, most: usize) -> impl Iterator<Item = Tile> + Clone {
    let count = channels.div_ceil(most);
    let bound = move |tile: usize| tile * channels / count;
    (0..count).map(move |t| Tile { first: bound(t), channels: bound(t + 1) - bound(t) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_channels_evenly() {
        let widths = |channels, most| tiles(channels, most).map(|tile| tile.channels).collect::<Vec<_>>();
        assert_eq!(widths(6, 4), [3, 3]);
        assert_eq!(widths(16, 4), [4, 4, 4, 4]);
        assert_eq!(widths(5, 2), [1, 2, 2]);
        assert_eq!(widths(1, 4), [1]);
        for channels in 1..50 {
            let mut next = 0;
            for tile in tiles(channels, 4) {
                assert_eq!(tile.first, next);
                assert!((1..=4).contains(&tile.channels));
                next += tile.channels;
            }
            assert_eq!(next, channels);
        }
    }
}
