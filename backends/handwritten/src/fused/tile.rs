//! How a row of channels is cut into tiles that fit the registers.

/// A run of channels that a kernel works on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) first: usize,
    pub(super) channels: usize,
}

/// The most channels that a tile may have: four sums for each of four channels fill
/// half of 32 registers, for each of two half of 16.
pub(super) const fn most_channels(registers: usize) -> usize {
    if registers >= 32 { 4 } else { 2 }
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
